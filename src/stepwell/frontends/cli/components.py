"""``stepwell components``: where the builder, configuration class, script and other parts of steps are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    complete_step,
    format_option,
    open_view,
    project_options,
    step_of,
    with_progress,
    workspace_option,
    write_json,
)
from stepwell.frontends.render.columns import padded
from stepwell.model.component import COMPONENT_KINDS, CodePlace, Component, ComponentState
from stepwell.resolve.view import View
from stepwell.source.escape_control import columns, visible

__all__ = ["component_lines"]

_EXAMPLE = """\b
Examples:
  stepwell components
  stepwell components XGBoostTraining --workspace alice
  stepwell components --kind builder --format json
  stepwell components --missing
"""

_AMISS: Final = frozenset({ComponentState.MISSING, ComponentState.AMBIGUOUS})


@click.command("components", epilog=_EXAMPLE, short_help="Tell where the Python parts of steps are.")
@click.argument("step", required=False, shell_complete=complete_step)
@workspace_option("Whose view; the core's when left out.")
@click.option("--kind", type=click.Choice(COMPONENT_KINDS), help="Only parts of this kind.")
@click.option(
    "--missing",
    is_flag=True,
    help="Only parts that are named and nowhere, or that could be in several places; "
    "exit with 1 when there are any.",
)
@format_option("text", "json")
@project_options
def command(
    step: str | None, workspace: str | None, kind: str | None, missing: bool, form: str, asked: CommonOptions
) -> int:
    """Tell where the builder, configuration class, contract, specification, script and hyperparameters
    of steps are, and what each one shadows.

    A part is where `components` in the definition declares it; otherwise it is found by its name in the
    workspace's `src/`, then in the folders of `[components] source`, then in installed packages that
    bring steps. No Python is run. Without STEP, tell of every step that the view has.
    """
    registry, view = open_view(asked, workspace)
    names = tuple(view) if step is None else (step_of(registry, view, step).name,)
    with_progress(asked, registry.code.index)
    every = [
        (name, one)
        for name in names
        for one in view.components(name).values()
        if kind in (None, one.kind)
        and (one.state in _AMISS if missing else step is not None or one.state is not ComponentState.NONE)
    ]
    if form == "json":
        from stepwell.frontends.render.output.components import components_output

        write_json(components_output(view, every))
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(view, names, every))
        if not asked.quiet:
            sys.stdout.write(f"{_summary([one for _, one in every], len(names))}\n")
    return int(missing and bool(every))


def component_lines(components: list[Component]) -> Iterator[str]:
    """The lines that tell of the parts of one step."""
    rows = [row for one in components for row in _rows(one)]
    widths = [max((columns(row[column]) for row in rows), default=0) for column in range(2)]
    widths.append(max((columns(row[2]) for row in rows if row[3]), default=0))  # a sentence may be longer
    for row in rows:
        yield f"  {'  '.join([*map(padded, row, widths), row[3]])}".rstrip()


def _rows(one: Component) -> Iterator[tuple[str, str, str, str]]:
    """What one part is told by: its kind, a word, a place or a sentence, and what is there."""
    state = one.state.value
    if one.place is not None:
        yield one.kind, state, visible(one.place.shown), _there(one.place)
        for place in one.shadows:
            yield "", "shadows", visible(place.shown), _there(place)
    elif one.candidates:
        for place in one.candidates:
            yield one.kind if place is one.candidates[0] else "", state, visible(place.shown), _there(place)
        yield "", "", visible(one.help), ""
    elif one.fault:
        yield one.kind, state, visible(one.fault), ""
        yield "", "", visible(one.help), ""
    else:
        wanted = f"nothing declares it, and there is no `{one.wanted}`" if one.wanted else "nothing names it"
        yield one.kind, state, visible(wanted), ""


def _there(place: CodePlace) -> str:
    layer = f"{place.layer.value} of {place.workspace}" if place.workspace else place.layer.value
    return f"{visible(place.name)} ({layer})" if place.name else f"({layer})"


def _lines(view: View, names: tuple[str, ...], every: list[tuple[str, Component]]) -> Iterator[str]:
    for name in names:
        own = [one for step, one in every if step == name]
        if own:
            yield f"{name} in {view.title}"
            yield from component_lines(own)
            yield ""


def _summary(every: list[Component], steps: int) -> str:
    counted = {state: sum(one.state is state for one in every) for state in ComponentState}
    told = ", ".join(
        f"{count} {state.value}"
        for state, count in counted.items()
        if state is not ComponentState.NONE and (count or state is ComponentState.MISSING)
    )
    return f"{steps} step{'s' if steps != 1 else ''}: {told}."
