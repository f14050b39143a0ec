"""``stepwell import``: old registries to definitions, proved before anything is written."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import date

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    color_wanted,
    format_option,
    project_options,
    write_json,
)
from stepwell.model.settings import find_project
from stepwell.resolve.plugins import find_plugins
from stepwell.source.diagnostic import Severity
from stepwell.source.errors import ProjectError
from stepwell.source.escape_control import visible
from stepwell.source.excerpt import block
from stepwell.source.wording import counted
from stepwell.write.migrate import (
    Import,
    NoWorkspace,
    TableProof,
    WriteStatus,
    gather,
    prepare,
)
from stepwell.write.transaction import Busy, left_behind, recover, write_files

_EXAMPLE = """\b
Examples:
  stepwell import old/step_names.py --dry-run
  stepwell import old/step_names.py old/hyperparameter_registry.py
  stepwell import alice/workspace_registry.py --workspace alice
  stepwell import steps/interfaces --into ../fraud-steps
"""

_SHOWN = 10
"""Skipped files that are named one by one."""


@click.command(
    "import", epilog=_EXAMPLE, short_help="Bring an old registry in, and prove that nothing is lost."
)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", type=click.Path())
@click.option("--dry-run", is_flag=True, help="Show the plan and the proof, and write nothing.")
@click.option("--force", is_flag=True, help="Overwrite files that hold something else.")
@click.option(
    "-w",
    "--workspace",
    metavar="ID",
    help="Whose LOCAL_STEPS and STEP_OVERRIDES, else their developer_id; who gets pipelines.",
)
@click.option(
    "--into",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="The folder of the project to write to; it is made one if it is none.  [default: the project here]",
)
@format_option("text", "json")
@project_options
def command(
    sources: tuple[str, ...],
    dry_run: bool,
    force: bool,
    workspace: str | None,
    into: str | None,
    form: str,
    asked: CommonOptions,
) -> int:
    """Write definitions that mean what an old registry says; nothing of it is run.

    SOURCE is a Python file with STEP_NAMES, LOCAL_STEPS, STEP_OVERRIDES, WORKSPACE_METADATA or
    HYPERPARAMETER_REGISTRY, a JSON table, a *.step.yaml file, an old pipeline (*.dag.json, or a
    configuration with `pipeline_name` as JSON or YAML), or a folder of them.

    The tables that the definitions give are compared with the input first. The exit code is 1
    when something cannot be carried, is not proved, or would be overwritten.
    """
    for source in sources:
        if not os.path.exists(source):
            raise click.UsageError(f"there is no file or folder `{source}`")
    if workspace is not None and not workspace:
        raise click.UsageError("--workspace names no workspace")
    root = _root(into, asked)
    recovered = _recover(root, dry_run=dry_run)
    try:
        gathered = gather(sources, workspace)
    except NoWorkspace as error:
        raise click.UsageError(str(error)) from None
    planned = prepare(root, gathered, date.today(), find_plugins)  # noqa: DTZ011 - a date as people see it
    refused = bool(planned.overwrites) and not force
    writes = bool(planned.writes) and not refused and not dry_run
    if writes:
        _write(root, planned)
    if form == "json":
        from stepwell.frontends.render.output.imports import import_output

        write_json(import_output(planned, recovered, dry_run=dry_run, written=writes))
    else:
        lines = _lines(planned, recovered, asked, dry_run=dry_run, refused=refused)
        sys.stdout.writelines(f"{line}\n" for line in lines)
    return int(refused or not planned.is_whole)


def _root(into: str | None, asked: CommonOptions) -> str:
    folder = into or asked.project
    if folder is not None:
        if os.path.lexists(folder) and not os.path.isdir(folder):
            raise click.UsageError(f"{folder} is not a folder")
        return os.path.realpath(folder)
    try:
        here = os.getcwd()
    except FileNotFoundError:
        raise ProjectError("the working directory is gone; go to a folder that exists") from None
    try:
        return os.path.realpath(find_project(here))
    except ProjectError:
        return os.path.realpath(here)


def _recover(root: str, *, dry_run: bool) -> tuple[str, ...] | None:
    if dry_run:
        return () if left_behind(root) else None
    try:
        return recover(root)
    except Busy:
        raise click.UsageError("another import writes to this project; wait until it is done") from None


def _write(root: str, planned: Import) -> None:
    try:
        write_files(root, {file.path: file.text.encode() for file in planned.writes})
    except Busy:
        raise click.UsageError("another import writes to this project; wait until it is done") from None
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(f"nothing is imported, and the project is as it was: {reason}") from None


def _lines(
    planned: Import, recovered: tuple[str, ...] | None, asked: CommonOptions, *, dry_run: bool, refused: bool
) -> Iterator[str]:
    if recovered is not None:
        yield _about_leftover(recovered, dry_run=dry_run)
    if not asked.quiet:
        for path, words in planned.gathered.read:
            yield f"read {visible(path)}: {words}"
        yield from _skipped(planned.gathered.skipped)
    for found in planned.diagnostics:
        if not asked.quiet or found.severity is Severity.ERROR:
            yield block(found, color=color_wanted()).rstrip("\n")
            yield ""
    if refused:
        yield from (f"would overwrite {visible(file.path)}" for file in planned.overwrites)
    if dry_run and not asked.quiet:
        yield from _plan(planned, asked)
    yield from (_proved(table) for table in planned.proof if not (asked.quiet and table.holds))
    if refused and not dry_run:
        yield "nothing was written; --force overwrites these files"
    elif dry_run:
        if not asked.quiet:
            yield "nothing was written"
    elif not asked.quiet:
        kept = sum(file.status is WriteStatus.UNCHANGED for file in planned.files)
        unchanged = f", {kept} unchanged" if kept else ""
        yield f"wrote {counted(len(planned.writes), 'file')}{unchanged}"


def _plan(planned: Import, asked: CommonOptions) -> Iterator[str]:
    for file in planned.files:
        yield f"{file.status.value:<10} {visible(file.path)}"
        if asked.verbose and file.status is not WriteStatus.UNCHANGED:
            yield from (f"    {visible(line)}".rstrip() for line in file.text.rstrip("\n").split("\n"))


def _skipped(skipped: tuple[tuple[str, str], ...]) -> Iterator[str]:
    for path, why in skipped[:_SHOWN]:
        yield f"skipped {visible(path)}: {why}"
    if len(skipped) > _SHOWN:
        yield f"skipped {len(skipped) - _SHOWN} more; --format json names them all"


def _proved(table: TableProof) -> str:
    whose = "" if table.title == "the table of steps" else f", {table.title}"
    order = ", in the same order" if table.in_order else ""
    if table.holds:
        others = f" (the project has {counted(table.others, 'row')} more)" if table.others else ""
        return f"proved: {counted(table.rows, 'row')} equal{order}{whose}{others}"
    if table.equal == table.rows:
        return f"not proved: {counted(table.rows, 'row')} equal, in another order{whose}"
    another = ", in another order" if table.in_order is False else ""
    return f"not proved: {table.equal} of {counted(table.rows, 'row')} equal{another}{whose}"


def _about_leftover(recovered: tuple[str, ...], *, dry_run: bool) -> str:
    if dry_run:
        return (
            "an import was killed here; the next one without --dry-run finishes or clears away what it left"
        )
    if recovered:
        return f"finished an import that was killed: {counted(len(recovered), 'file')} put in place"
    return "cleared away what an import left that was killed"
