"""``stepwell snapshot``: one state of the registry in one file."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import click

from stepwell.frontends.cli.options import CommonOptions, project_options
from stepwell.frontends.cli.states import Here, read_one
from stepwell.source.wording import counted

_EXAMPLE = """\b
Examples:
  stepwell snapshot -o before.json
  stepwell snapshot v1.2 -o v1.2.json
  stepwell snapshot | jq '.views[0].steps[].name'
"""
_KNOWN_BY = b'/snapshot.schema.json"'


@click.command("snapshot", epilog=_EXAMPLE, short_help="Write one state of the registry to one file.")
@click.argument("state", required=False)
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(), help="The file; standard output when left out, or -."
)
@click.option("--force", is_flag=True, help="Overwrite a file that is no snapshot.")
@project_options
def command(state: str | None, output: str | None, force: bool, asked: CommonOptions) -> int:
    """Write one state of the registry to one JSON file, for `stepwell diff` and for other programs.

    STATE is a revision, a folder or a Python table, as `stepwell diff` takes them; the working tree when left
    out. The file holds every view with each field and its place, and the files that the state is made
    of. The same sources give the same bytes.
    """
    from stepwell.review.snapshot_file import pack

    here, today = Here(asked), date.today()  # noqa: DTZ011 - the user's own day, as everywhere
    if output is not None and output != "-":
        _refuse_to_harm(output, force=force)
    place = here.working_tree() if state is None else here.state(state)
    read = read_one(place, today, asked)
    text = pack(replace(read, title=place.name or place.title))
    if read.errors and not asked.quiet:
        has = f"{read.title} has {counted(len(read.errors), 'error')}"
        click.echo(f"{has}, and what has one is in no view: `stepwell check`", err=True)
    if output is None or output == "-":
        sys.stdout.write(text)
        return 0
    changed = _write(output, text)
    if not asked.quiet:
        click.echo(f"{'wrote' if changed else 'unchanged:'} {output}", err=True)
    return 0


def _refuse_to_harm(output: str, *, force: bool) -> None:
    path = Path(output)
    if path.is_dir() or output.endswith("/"):
        raise click.UsageError(f"-o {output} is a folder; name a file in it")
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
        raise click.UsageError(f"{output} is no snapshot, so it is not overwritten; `--force` overwrites it")


def _write(output: str, text: str) -> bool:
    from stepwell.source.atomic_write import write_atomically

    try:
        return write_atomically(Path(output), text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(f"{output} cannot be written: {reason}") from None
