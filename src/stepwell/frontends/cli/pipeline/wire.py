"""``stepwell pipeline wire``: what could feed open inputs, shown and perhaps written."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
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


@click.command("wire", epilog=_EXAMPLE, short_help="Propose what feeds open inputs, and write it.")
@click.argument("name", shell_complete=complete_pipeline)
@workspace_option("Whose view; the core's when left out.")
@click.option("--write", is_flag=True, help="Write what is proposed into the pipeline's file.")
@click.option("--explain", is_flag=True, help="Show the runners-up and the reasons, too.")
@format_option("text", "json")
@project_options
def command(
    name: str, workspace: str | None, write: bool, explain: bool, form: str, asked: CommonOptions
) -> int:
    """Propose what could feed the inputs of a pipeline that nothing feeds.

    Types, `compatible_sources`, names, aliases and semantic keywords of the interfaces are compared, and each
    proposal has a score and its reasons. Where several outputs fit equally, all of them are shown and none is
    proposed. With --write the proposals stand in the file, and the rest of it stays as it is. The exit code
    is 1 where a required input stays open.
    """
    registry, view = open_view(asked, workspace)
    linked = linked_of(registry, view, name)
    proposals = propose(Pipeline.of(linked), registry.view, registry.project.settings)
    written, elsewhere = _write(registry.project.root, linked, proposals) if write else (0, ())
    if form == "json":
        from stepwell.frontends.render.output.pipelines import pipeline_wire_output

        write_json(pipeline_wire_output(linked, proposals, written))
    else:
        for one in proposals:
            if not asked.quiet or one.required:
                sys.stdout.writelines(f"{line}\n" for line in _lines(one, explain=explain))
        for one in elsewhere:
            sys.stdout.write(f"not written: `{one.node}` is stated in what {name} extends\n")
        if not asked.quiet:
            sys.stdout.write(f"{_summary(linked, proposals, written, write=write)}\n")
    return int(any(one.required and one.chosen is None for one in proposals))


def _write(root: str, linked: Linked, proposals: tuple[Proposal, ...]) -> tuple[int, tuple[Proposal, ...]]:
    """Write what is proposed; how many inputs were, and the proposals that belong into another file."""
    own = linked.definition.sources[0].document
    additions: dict[Pointer, dict[str, str]] = {}
    elsewhere: list[Proposal] = []
    for one in proposals:
        if one.chosen is None:
            continue
        stated = linked.nodes[one.node].stated
        if not stated or stated[0].document is not own:
            elsewhere.append(one)
            continue
        additions.setdefault(stated[0].pointer, {})[one.input] = str(one.chosen.fed)
    if not additions:
        return 0, tuple(elsewhere)
    try:
        text = with_inputs(own, additions)
    except PipelineError as error:
        raise click.ClickException(f"nothing is written: {visible(str(error))}") from None
    from stepwell.source.atomic_write import write_atomically

    try:
        write_atomically(Path(root, own.path), text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(f"{visible(own.path)} cannot be written: {reason}") from None
    return sum(map(len, additions.values())), tuple(elsewhere)


def _lines(one: Proposal, *, explain: bool) -> Iterator[str]:
    target = visible(f"{one.node}.{one.input}")
    word = "" if one.required else " (optional)"
    if one.chosen is not None:
        yield f"{target} ← {_shown(one.chosen)}{word}"
        if explain:
            yield f"    {visible('; '.join(one.chosen.reasons))}"
            for other in one.candidates[1:]:
                yield f"    next: {_shown(other)}: {visible('; '.join(other.reasons))}"
    elif one.candidates:
        yield f"{target} could be fed by several, and nothing tells them apart{word}:"
        yield from (f"    {_shown(other)}: {visible('; '.join(other.reasons))}" for other in one.candidates)
    else:
        yield f"{target}: nothing in the pipeline fits{word}"


def _shown(one: WiringCandidate) -> str:
    return f"{visible(str(one.fed))} ({one.score:.2f})"


def _summary(linked: Linked, proposals: tuple[Proposal, ...], written: int, *, write: bool) -> str:
    if not proposals:
        return f"Every input of {linked.definition.name} that could be fed is fed."
    chosen = sum(one.chosen is not None for one in proposals)
    ambiguous = sum(one.is_ambiguous for one in proposals)
    none = len(proposals) - chosen - ambiguous
    counts = f"{chosen} proposed, {ambiguous} ambiguous, {none} without a match"
    if write:
        path = linked.definition.sources[0].document.path
        done = f"wrote {written} into {visible(path)}" if written else "nothing is written"
        return f"{counts}; {done}"
    return f"{counts}; --write writes what is proposed" if chosen else counts
