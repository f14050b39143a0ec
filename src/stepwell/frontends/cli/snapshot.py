"""``stepwell snapshot``: write a state of the registry to a file."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import click

from stepwell.frontends.cli.options import CommonOptions, project_options
from stepwell.frontends.cli.states import Here, read_one
from stepwell.source.escape_control import visible
from stepwell.source.wording import counted

_EXAMPLE = """\b
Examples:
  stepwell snapshot -o before.json
  stepwell snapshot v1.2 -o v1.2.json
  stepwell snapshot | jq '.views[0].steps[].name'
"""
_KNOWN_BY = b'/snapshot.schema.json"'


@click.command("snapshot", epilog=_EXAMPLE, short_help="Write a state of the registry to a file.")
@click.argument("state", required=False)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(),
    help="Write to this file (default: standard output, also -).",
)
@click.option("--force", is_flag=True, help="Overwrite a file that is not a snapshot.")
@project_options
def command(state: str | None, output: str | None, force: bool, common: CommonOptions) -> int:
    """Write a state of the registry to a JSON file, for `stepwell diff` and other programs.

    STATE is a revision, a folder or a Python table, as for `stepwell diff` (default: the working tree). The
    file contains every view, with the location of each field, and the source files. The output is
    reproducible.
    """
    from stepwell.review.snapshot_file import pack

    here, today = Here(common), date.today()  # noqa: DTZ011 - the user's local date
    if output is not None and output != "-":
        _refuse_to_harm(output, force=force)
    place = here.working_tree() if state is None else here.state(state)
    read = read_one(place, today, common)
    text = pack(replace(read, title=place.name or place.title))
    if read.errors and not common.quiet:
        count = counted(len(read.errors), "error")
        click.echo(
            f"{count} in {read.title}; invalid definitions are skipped (run `stepwell check`)", err=True
        )
    if output is None or output == "-":
        sys.stdout.write(text)
        return 0
    changed = _write(output, text)
    if not common.quiet:
        click.echo(f"{'wrote' if changed else 'unchanged:'} {visible(output)}", err=True)
    return 0


def _refuse_to_harm(output: str, *, force: bool) -> None:
    path = Path(output)
    if path.is_dir() or output.endswith("/"):
        raise click.UsageError(f"-o {output} is a folder; specify a file")
    if force:
        return
    try:
        with path.open("rb") as file:
            start = file.read(4096)
    except FileNotFoundError:
        return
    except OSError as error:
        raise click.ClickException(
            f"{output} cannot be read: {(error.strerror or str(error)).lower()}"
        ) from None
    if start.strip() and _KNOWN_BY not in start:
        raise click.UsageError(f"{output} is not a snapshot; use `--force` to overwrite it")


def _write(output: str, text: str) -> bool:
    from stepwell.source.atomic_write import write_atomically

    try:
        return write_atomically(Path(output), text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(f"{output} cannot be written: {reason}") from None
