"""``stepwell publish`` and ``lock``: a registry for readers on other machines."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    finding_lines,
    format_option,
    project_of,
    project_options,
    with_progress,
    write_json,
)
from stepwell.source.diagnostic import Diagnostic, counted_findings
from stepwell.source.errors import ProjectError
from stepwell.source.escape_control import visible
from stepwell.source.remote import Connection, is_url, shown
from stepwell.source.wording import counted
from stepwell.write.bundle import Bundle, Publication, digest_of, publication_of

_EXAMPLE = """\b
Examples:
  stepwell publish s3://models/registry
  stepwell publish file:///mnt/share/registry --sign release.pem
  stepwell publish s3://models/registry --dry-run --format json
"""

_LOCK_EXAMPLE = """\b
Examples:
  stepwell lock                          # the files of this project
  stepwell lock s3://models/registry     # what is published there
"""


@click.command("publish", epilog=_EXAMPLE, short_help="Publish the registry for readers on other machines.")
@click.argument("url", metavar="URL|FOLDER")
@click.option(
    "--sign",
    "key",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Sign with this Ed25519 private key in PEM format (extra `signature`).",
)
@click.option("--dry-run", is_flag=True, help="Check everything and write nothing.")
@format_option("text", "json")
@project_options
def command(url: str, key: str | None, dry_run: bool, form: str, common: CommonOptions) -> int:
    """Write all definitions as one bundle to a folder, which `stepwell.open(URL)` reads.

    The folder is local or a URL: `s3://`, `gs://`, … (extra `remote`) or `file://`. It receives the bundle,
    named by its digest, and then `latest.json`, so that readers see the complete old or the complete new
    registry.

    A bundle contains the configuration, the definitions and the workspace files, but no code. A project with
    errors is not published. Definitions of plugins are not part of it.
    """
    from stepwell.write.remote_registry import (
        PATIENCE,
        current_bundle,
        key_at,
        publish,
        require_usable,
        signature_of,
    )

    if not url:
        raise click.UsageError("URL|FOLDER is empty")
    if not is_url(url):
        url = Path(url).absolute().as_uri()
    require_usable(url, writes=True)
    bundle = _bundle(common, form)
    if bundle is None:
        return 1
    signature = None if key is None else signature_of(bundle.content, key_at(key))
    if dry_run:
        before = current_bundle(url, Connection(PATIENCE))
        changed = before is None or before.digest != bundle.digest
    else:
        changed = with_progress(common, lambda upload: publish(url, bundle.content, signature, upload))
    if form == "json":
        from stepwell.frontends.render.output.project import PublishOutput

        write_json(
            PublishOutput(
                url=shown(url),
                bundle=bundle.digest,
                schemas=bundle.lock.schemas,
                files=len(bundle.files),
                size=len(bundle.content),
                changed=changed,
                signed=signature is not None,
                dry_run=dry_run,
            )
        )
    elif not common.quiet:
        what = "would publish" if dry_run else "published"
        contents = f"{counted(len(bundle.files), 'file')} ({len(bundle.content) / 1000:.0f} kB)"
        place = visible(shown(url))
        click.echo(f"{what} {contents} to {place}" if changed else f"unchanged: {contents} at {place}")
        click.echo(f"bundle {bundle.digest}")
    return 0


@click.command("lock", epilog=_LOCK_EXAMPLE, short_help="Write stepwell.lock, which pins a registry.")
@click.argument("url", required=False)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Write this file instead of stepwell.lock.",
)
@project_options
def lock(url: str | None, output: str | None, common: CommonOptions) -> int:
    """Write the digests of the registry, of its files and of the schemas to `stepwell.lock`.

    Without URL, the lock of this project is written to its folder, and `stepwell check --locked` rejects
    every later change of a file. With URL, the lock of the published registry is written to the working
    directory; `stepwell.open(URL, lock="stepwell.lock")` accepts nothing else.
    """
    from stepwell.write.remote_registry import LOCK_NAME, remote_registry

    if url is None:
        bundle, folder = _bundle(common), project_of(common).root
        if bundle is None:
            return 1
    else:
        bundle, folder = remote_registry(url, {**os.environ, "STEPWELL_LOCK": ""}).bundle(), os.getcwd()
    path = os.path.join(folder, LOCK_NAME) if output is None else output
    from stepwell.source.atomic_write import write_atomically

    try:
        changed = write_atomically(Path(path), bundle.lock.text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ProjectError(f"{path} cannot be written: {reason}") from None
    if not common.quiet:
        what = "wrote" if changed else "unchanged:"
        click.echo(f"{what} {visible(os.path.relpath(path))} with {counted(len(bundle.files), 'file')}")
    return 0


def check_lock(root: str, common: CommonOptions) -> tuple[Diagnostic, ...]:
    """Return the differences of a project from its lock.

    Raises:
       ProjectError: it has no valid lock.
    """
    from stepwell.write.remote_registry import LOCK_NAME, lock_at

    path = os.path.join(root, LOCK_NAME)
    if not os.path.lexists(path):
        raise ProjectError(f"{os.path.relpath(path)} does not exist; `stepwell lock` creates it")
    expected = lock_at(path)
    return tuple(_publication(root, common).drift(expected, LOCK_NAME))


def _publication(root: str, common: CommonOptions) -> Publication:
    today = date.today()  # noqa: DTZ011 - the user's local date
    return with_progress(common, lambda progress: publication_of(root, today, progress))


def _bundle(common: CommonOptions, form: str = "text") -> Bundle | None:
    """Return the bundle of the project; report errors and return ``None`` if it has some."""
    root = project_of(common).root
    publication = _publication(root, common)
    errors = publication.errors
    if errors:
        for line in finding_lines(errors, publication.loaded.project):
            click.echo(line, err=form == "json")  # what a script reads stays JSON
        click.echo(f"{counted_findings(errors)}; nothing was written", err=True)
        return None
    content = publication.encoded()
    return Bundle(root, content, digest_of(content))
