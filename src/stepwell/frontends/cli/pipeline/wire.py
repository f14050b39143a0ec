"""``stepwell pipeline wire``: propose sources for unconnected inputs, and optionally write them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    displayed_path,
    format_option,
    open_view,
    project_options,
    workspace_option,
    write_json,
)
from stepwell.frontends.cli.pipeline.options import complete_pipeline, linked_of
from stepwell.model.graph import Linked, Pipeline
from stepwell.run.pipelines.wiring import Proposal, WiringCandidate, propose, with_inputs
from stepwell.source.document import Pointer
from stepwell.source.errors import PipelineError
from stepwell.source.escape_control import visible

_EXAMPLE = """\b
Examples:
  stepwell pipeline wire TrainAndEvaluate
  stepwell pipeline wire TrainAndEvaluate --write
"""


@click.command("wire", epilog=_EXAMPLE, short_help="Propose or write sources for unconnected inputs.")
@click.argument("name", shell_complete=complete_pipeline)
@workspace_option("Use the view of this workspace (default: core).")
@click.option("--write", is_flag=True, help="Write the proposals to the pipeline's file.")
@click.option("--explain", is_flag=True, help="Also show reasons and alternatives.")
@format_option("text", "json")
@project_options
def command(
    name: str, workspace: str | None, write: bool, explain: bool, form: str, common: CommonOptions
) -> int:
    """Propose sources for the unconnected inputs of a pipeline.

    Proposals are scored by types, `compatible_sources`, names, aliases and semantic keywords of the
    interfaces. A step with upstream steps gets only their outputs, each for one input. If no output is
    clearly the best, all of them are listed and none is proposed. With --write, the proposals are added to
    the file and the rest of it is unchanged. The exit code is 1 if a required input remains unconnected.
    """
    registry, view = open_view(common, workspace)
    linked = linked_of(registry, view, name)
    proposals = propose(Pipeline.of(linked), registry.view, registry.project.settings)
    written, elsewhere = write_proposals(registry.project.root, linked, proposals) if write else (0, ())
    if form == "json":
        from stepwell.frontends.render.output.pipelines import pipeline_wire_output

        write_json(pipeline_wire_output(linked, proposals, written))
    else:
        for one in proposals:
            if not common.quiet or one.required:
                sys.stdout.writelines(f"{line}\n" for line in _lines(one, explain=explain))
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
