"""``stepwell import``: convert old registries to definitions, and verify the result before writing."""

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
    open_registry,
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
"""Maximum number of skipped files to list."""


@click.command(
    "import", epilog=_EXAMPLE, short_help="Import an old registry and verify that nothing is lost."
)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", type=click.Path())
@click.option("--dry-run", is_flag=True, help="Show the plan and the verification, but write nothing.")
@click.option("--wire", is_flag=True, help="Connect inputs of imported pipelines that have one clear source.")
@click.option("--force", is_flag=True, help="Overwrite files with other content; write an unverified result.")
@click.option(
    "-w",
    "--workspace",
    metavar="ID",
    help="Workspace for LOCAL_STEPS and STEP_OVERRIDES (default: their developer_id) and for pipelines.",
)
@click.option(
    "--into",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Project folder to write to; created if it is not a project.  [default: the current project]",
)
@format_option("text", "json")
@project_options
def command(
    sources: tuple[str, ...],
    dry_run: bool,
    wire: bool,
    force: bool,
    workspace: str | None,
    into: str | None,
    form: str,
    common: CommonOptions,
) -> int:
    """Convert an old registry to definitions without running it.

    SOURCE is a Python file with STEP_NAMES, LOCAL_STEPS, STEP_OVERRIDES, WORKSPACE_METADATA or
    HYPERPARAMETER_REGISTRY, a JSON or YAML table, a *.step.yaml file, contracts and
    specifications in Python, an old pipeline (*.dag.json, a Python
    module that builds a PipelineDAG, or a configuration with `pipeline_name` as JSON or YAML), or a folder
    of them.

    An edge of an old pipeline becomes `depends_on`; --wire also connects inputs, as `stepwell pipeline wire
    --write` does.

    Before writing, the tables generated from the definitions are compared with the input. If
    something cannot be converted, fails verification or would be overwritten, the exit code is 1 and nothing
    is written without --force.
    """
    for source in sources:
        if not os.path.exists(source):
            raise click.UsageError(f"no such file or folder: `{source}`")
    if workspace is not None and not workspace:
        raise click.UsageError("--workspace must not be empty")
    root = _root(into, common)
    recovered = _recover(root, dry_run=dry_run)
    try:
        gathered = gather(sources, workspace)
    except NoWorkspace as error:
        raise click.UsageError(str(error)) from None
    planned = prepare(root, gathered, date.today(), find_plugins)  # noqa: DTZ011 - the user's local date
    refused = bool(planned.overwrites) and not force
    carried = planned.is_whole or (force and bool(planned.writes))
    writes = bool(planned.writes) and carried and not refused and not dry_run
    wired: dict[str, tuple[int, int]] = {}
    if writes:
        _write(root, planned)
        wired = _wire(root, planned) if wire else {}
    if form == "json":
        from stepwell.frontends.render.output.imports import import_output

        write_json(import_output(planned, recovered, wired, dry_run=dry_run, written=writes))
    else:
        lines = _lines(planned, recovered, common, dry_run=dry_run, refused=refused, carried=carried)
        sys.stdout.writelines(f"{line}\n" for line in lines)
        for name, (count, ambiguous) in () if common.quiet else wired.items():
            open_ = (
                f", {ambiguous} ambiguous (run `stepwell pipeline wire {visible(name)}`)" if ambiguous else ""
            )
            sys.stdout.write(f"connected {counted(count, 'input')} of {visible(name)}{open_}\n")
    return int(refused or not planned.is_whole)


def _root(into: str | None, common: CommonOptions) -> str:
    folder = into or common.project
    if folder is not None:
        if os.path.lexists(folder) and not os.path.isdir(folder):
            raise click.UsageError(f"{folder} is not a folder")
        return os.path.realpath(folder)
    try:
        here = os.getcwd()
    except FileNotFoundError:
        raise ProjectError("the working directory no longer exists; change to another folder") from None
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
        raise click.UsageError(
            "another import is writing to this project; try again when it has finished"
        ) from None


def _write(root: str, planned: Import) -> None:
    try:
        write_files(root, {file.path: file.text.encode() for file in planned.writes})
    except Busy:
        raise click.UsageError(
            "another import is writing to this project; try again when it has finished"
        ) from None
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(f"nothing was imported, the project is unchanged: {reason}") from None


def _wire(root: str, planned: Import) -> dict[str, tuple[int, int]]:
    """Connect the inputs of written pipelines; return how many are connected and ambiguous, by pipeline."""
    from stepwell.frontends.cli.pipeline.new import write_proposals
    from stepwell.model.graph import Pipeline, link
    from stepwell.run.pipelines.wiring import propose

    registry = open_registry(CommonOptions(root, quiet=True, verbose=False))
    paths = {file.path for file in planned.files if file.source is not None}
    counts: dict[str, tuple[int, int]] = {}
    for view in (registry.view(workspace) for workspace in (None, *registry.workspaces)):
        for name, definition in view.pipelines.above.items():
            if definition.sources[0].document.path in paths:
                linked = link(view, definition, registry.among)
                proposals = propose(Pipeline.of(linked), registry.view, registry.project.settings)
                written, _ = write_proposals(root, linked, proposals)
                counts[name] = (written, sum(proposal.is_ambiguous for proposal in proposals))
    return counts


def _lines(
    planned: Import,
    recovered: tuple[str, ...] | None,
    common: CommonOptions,
    *,
    dry_run: bool,
    refused: bool,
    carried: bool,
) -> Iterator[str]:
    if recovered is not None:
        yield _about_leftover(recovered, dry_run=dry_run)
    if not common.quiet:
        for path, words in planned.gathered.read:
            yield f"read {visible(path)}: {words}"
        yield from _skipped(planned.gathered.skipped)
    for finding in planned.diagnostics:
        if not common.quiet or finding.severity is Severity.ERROR:
            yield block(finding, color=color_wanted()).rstrip("\n")
            yield ""
    if refused:
        yield from (f"would overwrite {visible(file.path)}" for file in planned.overwrites)
    if dry_run and not common.quiet:
        yield from _plan(planned, common)
    yield from (_proved(table) for table in planned.proof if not (common.quiet and table.holds))
    if refused and not dry_run:
        yield "nothing was written; use --force to overwrite these files"
    elif not carried:
        yield f"nothing was written: {_why_not(planned)}"
    elif dry_run:
        if not common.quiet:
            yield "nothing was written"
    elif not common.quiet:
        kept = sum(file.status is WriteStatus.UNCHANGED for file in planned.files)
        unchanged = f", {kept} unchanged" if kept else ""
        yield f"wrote {counted(len(planned.writes), 'file')}{unchanged}"


def _why_not(planned: Import) -> str:
    if not planned.gathered.read:
        return "the sources contain nothing to import"
    if not planned.writes:
        return "no definition could be converted"
    if all(table.holds for table in planned.proof):
        return "there are errors; use --force to write the rest"
    return "the result could not be verified; use --force to write it anyway"


def _plan(planned: Import, common: CommonOptions) -> Iterator[str]:
    for file in planned.files:
        yield f"{file.status.value:<10} {visible(file.path)}"
        if common.verbose and file.status is not WriteStatus.UNCHANGED:
            yield from (f"    {visible(line)}".rstrip() for line in file.text.rstrip("\n").split("\n"))


def _skipped(skipped: tuple[tuple[str, str], ...]) -> Iterator[str]:
    for path, why in skipped[:_SHOWN]:
        yield f"skipped {visible(path)}: {why}"
    if len(skipped) > _SHOWN:
        yield f"skipped {len(skipped) - _SHOWN} more; use --format json to list all"


def _proved(table: TableProof) -> str:
    whose = "" if table.title == "the table of steps" else f", {table.title}"
    order = ", in the same order" if table.in_order and not whose else ""
    if table.holds:
        others = f" (the project has {counted(table.others, 'row')} more)" if table.others else ""
        return f"verified: {counted(table.rows, 'row')} equal{order}{whose}{others}"
    if table.equal == table.rows:
        return f"not verified: {counted(table.rows, 'row')} equal, in another order{whose}"
    another = ", in another order" if table.in_order is False else ""
    return f"not verified: {table.equal} of {counted(table.rows, 'row')} equal{another}{whose}"


def _about_leftover(recovered: tuple[str, ...], *, dry_run: bool) -> str:
    if dry_run:
        return "an earlier import was interrupted; the next import without --dry-run completes or reverts it"
    if recovered:
        return f"completed an interrupted import: {counted(len(recovered), 'file')} written"
    return "reverted an interrupted import"
