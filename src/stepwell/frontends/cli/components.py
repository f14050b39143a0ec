"""``stepwell components``: locate the builder, configuration class, script and other components of steps."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    complete_step,
    displayed_path,
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


@click.command("components", epilog=_EXAMPLE, short_help="Locate the Python components of steps.")
@click.argument("step", required=False, shell_complete=complete_step)
@workspace_option("Use the view of this workspace (default: core).")
@click.option("--kind", type=click.Choice(COMPONENT_KINDS), help="Show only components of this kind.")
@click.option(
    "--missing",
    is_flag=True,
    help="Show only components that are referenced but missing, or ambiguous; exit with 1 if there are any.",
)
@format_option("text", "json")
@project_options
def command(
    step: str | None, workspace: str | None, kind: str | None, missing: bool, form: str, common: CommonOptions
) -> int:
    """Locate the builder, configuration class, contract, specification, script and hyperparameters of steps,
    and show what each component shadows.

    A component is located by `components` in the definition if declared there, otherwise by name in the
    workspace's `src/`, then in the folders of `[components] source`, then in installed packages that provide
    steps. No Python is run. Without STEP, show every step of the view.
    """
    registry, view = open_view(common, workspace)
    names = tuple(view) if step is None else (step_of(registry, view, step).name,)
    with_progress(common, registry.code.index)
    every = [
        (name, component)
        for name in names
        for component in view.components(name).values()
        if kind in (None, component.kind)
        and (
            component.state in _AMISS
            if missing
            else step is not None or component.state is not ComponentState.NONE
        )
    ]
    if form == "json":
        from stepwell.frontends.render.output.components import components_output

        write_json(components_output(view, every))
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(view, names, every, registry.project.root))
        if not common.quiet:
            sys.stdout.write(f"{_summary([item for _, item in every], len(names))}\n")
    return int(missing and bool(every))


def component_lines(components: list[Component], root: str) -> Iterator[str]:
    """Return the lines that show the components of a step."""
    rows = [row for component in components for row in _rows(component, root)]
    widths = [max((columns(row[column]) for row in rows), default=0) for column in range(2)]
    widths.append(max((columns(row[2]) for row in rows if row[3]), default=0))  # a message may be longer
    for row in rows:
        yield f"  {'  '.join([*map(padded, row, widths), row[3]])}".rstrip()


def _rows(component: Component, root: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield the cells of each component: kind, state, location or message, and layer."""
    state = component.state.value
    if component.place is not None:
        yield (
            component.kind,
            state,
            visible(displayed_path(root, component.place.shown)),
            _there(component.place),
        )
        for place in component.shadows:
            yield "", "shadows", visible(displayed_path(root, place.shown)), _there(place)
    elif component.candidates:
        for place in component.candidates:
            yield (
                component.kind if place is component.candidates[0] else "",
                state,
                visible(displayed_path(root, place.shown)),
                _there(place),
            )
        yield "", "", visible(component.help), ""
    elif component.fault:
        yield component.kind, state, visible(component.fault), ""
        yield "", "", visible(component.help), ""
    else:
        wanted = (
            f"not declared, and `{component.wanted}` does not exist" if component.wanted else "not referenced"
        )
        yield component.kind, state, visible(wanted), ""
        if component.help:
            yield "", "", visible(component.help), ""


def _there(place: CodePlace) -> str:
    layer = f"{place.layer.value} of {place.workspace}" if place.workspace else place.layer.value
    return f"{visible(place.name)} ({layer})" if place.name else f"({layer})"


def _lines(
    view: View, names: tuple[str, ...], every: list[tuple[str, Component]], root: str
) -> Iterator[str]:
    for name in names:
        own = [item for step, item in every if step == name]
        if own:
            yield f"{name} in {view.title}"
            yield from component_lines(own, root)
            yield ""


def _summary(every: list[Component], steps: int) -> str:
    counted = {state: sum(item.state is state for item in every) for state in ComponentState}
    text = ", ".join(
        f"{count} {state.value}"
        for state, count in counted.items()
        if state is not ComponentState.NONE and (count or state is ComponentState.MISSING)
    )
    return f"{steps} step{'s' if steps != 1 else ''}: {text}."
