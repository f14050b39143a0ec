"""``stepwell pipeline new`` and ``wire``: create a pipeline, and connect the inputs of its steps."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from stepwell.frontends.cli.new_step import write_new
from stepwell.frontends.cli.options import (
    CommonOptions,
    Mistakes,
    displayed_path,
    finding_lines,
    format_option,
    open_names,
    open_registry,
    project_options,
    step_of,
    view_of,
    workspace_option,
    write_json,
)
from stepwell.frontends.cli.pipeline.options import complete_pipeline, linked_of
from stepwell.live.registry import Registry
from stepwell.model.graph import Linked, Pipeline
from stepwell.model.graph.node import read_step
from stepwell.resolve.plugins import find_plugins
from stepwell.resolve.view import View
from stepwell.run.pipelines.wiring import Proposal, WiringCandidate, propose, with_inputs
from stepwell.source.diagnostic import Severity
from stepwell.source.document import Pointer
from stepwell.source.errors import PipelineError, ProjectError
from stepwell.source.escape_control import visible
from stepwell.source.spelling import closest, suggest

__all__ = ["complete_from", "is_in_catalog", "write_from_catalog"]

_WIRE_EXAMPLE = """\b
Examples:
  stepwell pipeline wire TrainAndEvaluate
  stepwell pipeline wire TrainAndEvaluate --write
"""


@click.command("wire", epilog=_WIRE_EXAMPLE, short_help="Propose or write sources for unconnected inputs.")
@click.argument("name", shell_complete=complete_pipeline)
@workspace_option("Use the view of this workspace (default: core).")
@click.option("--write", is_flag=True, help="Write the proposals to the pipeline's file.")
@click.option("--explain", is_flag=True, help="Also show reasons and alternatives.")
@format_option("text", "json")
@project_options
def wire(
    name: str, workspace: str | None, write: bool, explain: bool, form: str, common: CommonOptions
) -> int:
    """Propose sources for the unconnected inputs of a pipeline.

    Proposals are scored by types, `compatible_sources`, names, aliases and semantic keywords of the
    interfaces. A step with upstream steps gets only their outputs, each for one input. If no output is
    clearly the best, all of them are listed and none is proposed. With --write, the proposals are added to
    the file and the rest of it is unchanged. The exit code is 1 if a required input remains unconnected.
    """
    registry, _, (linked,) = open_names(common, workspace, linked_of, name)
    proposals = propose(Pipeline.of(linked), registry.view, registry.project.settings)
    written, elsewhere = write_proposals(registry.project.root, linked, proposals) if write else (0, ())
    if form == "json":
        from stepwell.frontends.render.output.pipelines import pipeline_wire_output

        write_json(pipeline_wire_output(linked, proposals, written))
    else:
        for wiring in proposals:
            if not common.quiet or wiring.required:
                sys.stdout.writelines(f"{line}\n" for line in _lines(wiring, explain=explain))
        for item in elsewhere:
            sys.stdout.write(f"not written: `{item.node}` is defined in a pipeline that {name} extends\n")
        if not common.quiet:
            sys.stdout.write(f"{_summary(linked, proposals, registry.project.root, written, write=write)}\n")
    return int(any(proposal.required and proposal.chosen is None for proposal in proposals))


def write_proposals(
    root: str, linked: Linked, proposals: tuple[Proposal, ...]
) -> tuple[int, tuple[Proposal, ...]]:
    """Write proposals; return the number of inputs written and the proposals for other files."""
    own = linked.definition.sources[0].document
    additions: dict[Pointer, dict[str, str]] = {}
    elsewhere: list[Proposal] = []
    for proposal in proposals:
        if proposal.chosen is None:
            continue
        stated = linked.nodes[proposal.node].stated
        if not stated or stated[0].document is not own:
            elsewhere.append(proposal)
            continue
        additions.setdefault(stated[0].pointer, {})[proposal.input] = str(proposal.chosen.fed)
    if not additions:
        return 0, tuple(elsewhere)
    try:
        text = with_inputs(own, additions)
    except PipelineError as error:
        raise click.ClickException(f"nothing was written: {visible(str(error))}") from None
    from stepwell.source.atomic_write import write_atomically

    try:
        write_atomically(Path(root, own.path), text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(f"{visible(own.path)} cannot be written: {reason}") from None
    return sum(map(len, additions.values())), tuple(elsewhere)


def _lines(proposal: Proposal, *, explain: bool) -> Iterator[str]:
    target = visible(f"{proposal.node}.{proposal.input}")
    word = "" if proposal.required else " (optional)"
    if proposal.chosen is not None:
        yield f"{target} ← {_shown(proposal.chosen)}{word}"
        if explain:
            yield f"    {visible('; '.join(proposal.chosen.reasons))}"
            for other in proposal.candidates[1:]:
                yield f"    next: {_shown(other)}: {visible('; '.join(other.reasons))}"
    elif proposal.candidates:
        yield f"{target} is ambiguous: no output is clearly the best{word}:"
        yield from (
            f"    {_shown(other)}: {visible('; '.join(other.reasons))}" for other in proposal.candidates
        )
    else:
        yield f"{target}: no matching output in the pipeline{word}"


def _shown(candidate: WiringCandidate) -> str:
    return f"{visible(str(candidate.fed))} ({candidate.score:.2f})"


def _summary(linked: Linked, proposals: tuple[Proposal, ...], root: str, written: int, *, write: bool) -> str:
    if not proposals:
        return f"All inputs of {linked.definition.name} are connected."
    chosen = sum(proposal.chosen is not None for proposal in proposals)
    ambiguous = sum(proposal.is_ambiguous for proposal in proposals)
    none = len(proposals) - chosen - ambiguous
    counts = f"{chosen} proposed, {ambiguous} ambiguous, {none} without a match"
    if write:
        path = linked.definition.sources[0].document.path
        shown = visible(displayed_path(root, path))
        done = f"wrote {written} into {shown}" if written else "nothing was written"
        return f"{counts}; {done}"
    return f"{counts}; use --write to apply the proposals" if chosen else counts


def complete_from(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete names of pipelines of the view and the catalog."""
    from stepwell.write.scaffold import open_catalog

    here = complete_pipeline(ctx, parameter, incomplete)
    known = {item.value for item in here}
    theirs = (name for name in open_catalog(date.today).view(None).pipelines if name not in known)
    return [*here, *(CompletionItem(name) for name in theirs if name.startswith(incomplete))]


def _find_steps(registry: Registry, view: View | None, steps: tuple[str, ...], mistakes: Mistakes) -> None:
    """Collect steps that no view has, if the view is unknown."""
    for word in steps if view is None else ():
        reading = read_step(word, registry.among.views, registry.among.job_types)
        mistakes.collect(step_of, registry, None, reading.name)


def is_in_catalog(registry: Registry, name: str) -> bool:
    """Return whether the catalog has a pipeline with this name.

    Raises:
       UsageError: neither project nor catalog has it, and the project has no similar name.
    """
    from stepwell.write.scaffold import open_catalog

    pipelines = open_catalog(date.today).view(None).pipelines
    views = [registry.view(item) for item in (None, *registry.workspaces)]
    own = tuple(pipeline for view in views for pipeline in view.pipelines)
    if name not in (*pipelines, *own) and not closest(name, own):
        hint = (
            suggest(name, pipelines) or "run `stepwell catalog list` or `stepwell pipeline list` for a list"
        )
        raise click.UsageError(f"unknown pipeline `{visible(name)}` ({hint})")
    return name in pipelines


def write_from_catalog(registry: Registry, view: View, name: str, source: str, *, quiet: bool) -> int:
    """Copy a pipeline of the catalog, its steps and their scripts into the project.

    Steps that the project already has are kept. Everything is checked first, and nothing is overwritten.

    Returns:
       The exit code: 1 if the check finds an error.

    Raises:
       UsageError: a name or a file already exists.
    """
    from stepwell.write.scaffold import NotWritten, copy_pipeline, open_catalog, plan
    from stepwell.write.transaction import Busy, write_files

    project = registry.project
    try:
        copied = copy_pipeline(open_catalog(date.today), registry, view.workspace, source, name)
    except NotWritten as error:
        raise click.UsageError(visible(str(error))) from None
    laid = {path: text.encode() for path, text in copied.files.items()}
    today = date.today()  # noqa: DTZ011 - the user's local date
    planned = plan(project, registry.diagnostics, laid, today, find_plugins, None)
    sys.stdout.writelines(f"{line}\n" for line in finding_lines(planned.diagnostics, project))
    if not planned.is_sound:
        sys.stdout.write(f"{visible(copied.pipeline)} was not written\n")
        return 1
    try:
        write_files(project.root, laid)
    except Busy:
        raise click.UsageError(
            "another command is writing to this project; try again when it has finished"
        ) from None
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(f"the pipeline cannot be written: {reason}; nothing was written") from None
    if not quiet:
        sys.stdout.writelines(f"kept: {item} (already in the project)\n" for item in copied.kept)
    sys.stdout.writelines(
        f"wrote {visible(displayed_path(registry.project.root, path))}\n" for path in copied.files
    )
    if not quiet:
        option = f" --workspace {view.workspace}" if view.workspace is not None else ""
        sys.stdout.write(f"next: stepwell pipeline run {name}{option}\n")
    return 0


_EXAMPLE = """\b
Examples:
  stepwell pipeline new TrainOnly --step TabularPreprocessing:training --step XGBoostTraining
  stepwell pipeline new MyTraining --from TrainAndEvaluate --workspace alice
  stepwell pipeline new FraudModel --from XGBoostEndToEnd
"""

_LATER = frozenset({"missing-input", "unconnected-inputs"})
"""Errors of incomplete pipelines, which do not prevent writing."""


@click.command("new", epilog=_EXAMPLE, short_help="Create the definition of a pipeline.")
@click.argument("name")
@click.option(
    "--from",
    "like",
    metavar="OTHER",
    shell_complete=complete_from,
    help="Copy the steps of this pipeline, including everything it extends; or copy a pipeline of Stepwell's "
    "catalog, with the steps and scripts that the project lacks.",
)
@click.option(
    "--step",
    "steps",
    metavar="STEP",
    multiple=True,
    help="Add this step, as `Name`, `Name:job_type` or `workspace:Name` (repeatable).",
)
@workspace_option("Create it in the local layer of this workspace (default: core).", from_environment=False)
@project_options
def command(
    name: str, like: str | None, steps: tuple[str, ...], workspace: str | None, common: CommonOptions
) -> int:
    """Create the definition file of the pipeline NAME in the conventional folder under the conventional name.

    Inputs of its steps with an unambiguous source are connected. The definition is checked first, together
    with the rest of the project: apart from unconnected inputs, a definition with errors is not written, and
    existing files are never overwritten. The exit code is 1 if the check finds an error.
    """
    registry = open_registry(common)
    project = registry.project
    if any(finding.severity is Severity.ERROR for finding in project.diagnostics):
        raise ProjectError("the configuration has errors, nothing was written (run `stepwell check`)")
    from stepwell.write.scaffold import NotWritten, plan_pipeline

    mistakes = Mistakes()
    view = mistakes.collect(view_of, registry, workspace)
    from_catalog, example = False, None
    with mistakes:
        if like is not None:
            known = view.pipelines if view is not None else {}
            from_catalog = like not in known and is_in_catalog(registry, like)
            example = None if from_catalog else Pipeline.of(linked_of(registry, view, like))
    if from_catalog and steps:
        with mistakes:
            raise click.UsageError("--step cannot be used with a pipeline of the catalog")
    _find_steps(registry, view, steps, mistakes)
    mistakes.report()
    if from_catalog and like is not None:
        return write_from_catalog(registry, view, name, like, quiet=common.quiet)
    try:
        new = plan_pipeline(project, view, registry.view, registry.among, name, example, steps)
    except NotWritten as error:
        raise click.UsageError("\nerror: ".join(map(visible, error.args))) from None
    planned = write_new(registry, new.path, new.text, _LATER)
    if planned is None:
        return 1
    if not common.quiet:
        option = f" --workspace {view.workspace}" if view.workspace is not None else ""
        sys.stdout.write(f"next: stepwell pipeline show {name}{option}\n")
    return int(not planned.is_sound)
