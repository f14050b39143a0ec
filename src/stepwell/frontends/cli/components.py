"""``stepwell components`` and ``compat``: Python components of steps, and steps that still run old code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    complete_step,
    displayed_path,
    format_option,
    open_names,
    open_view,
    project_options,
    step_of,
    with_progress,
    workspace_option,
    write_json,
)
from stepwell.frontends.render.columns import padded
from stepwell.model.component import COMPONENT_KINDS, CodePlace, Component, ComponentState
from stepwell.source.escape_control import columns, visible
from stepwell.source.wording import counted

if TYPE_CHECKING:
    from stepwell.resolve.view import View
    from stepwell.run.steps.compatibility import Compatibility

__all__ = ["component_lines"]

_COMPAT_EXAMPLE = """\b
Examples:
  stepwell compat
  stepwell compat --workspace alice --exit-code
  stepwell compat --format json
"""


@click.command("compat", epilog=_COMPAT_EXAMPLE, short_help="List steps that still run old code.")
@workspace_option("Use the view of this workspace (default: core).")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if there is anything left to migrate.")
@format_option("text", "json")
@project_options
def compat(workspace: str | None, exit_code: bool, form: str, common: CommonOptions) -> int:
    """List steps that still run old code, and steps for another step type interface.

    `[execution.fallbacks]` in the settings declares old code for steps that the registry does not have. For
    each fallback, it shows the definition that makes it unnecessary, or the file to write. No Python is
    run. The exit code is 0, or with `--exit-code` 1 if there is a fallback or an incompatible step.
    """
    registry, view = open_view(common, workspace)
    from stepwell.run.steps.compatibility import compatibility  # imports all that runs steps

    compat = compatibility(registry.project, view)
    if form == "json":
        from stepwell.frontends.render.output.usages import compat_output

        write_json(compat_output(compat, view.workspace))
    else:
        sys.stdout.writelines(f"{line}\n" for line in _compat_lines(compat))
        if compat.fallbacks or compat.mismatches or not common.quiet:
            sys.stdout.write(f"{_compat_summary(compat)}\n")
    return int(exit_code and bool(compat.fallbacks or compat.mismatches))


def _compat_lines(compat: Compatibility) -> Iterator[str]:
    for fallback in compat.fallbacks:
        at = visible(f"{fallback.declared_at.path}:{fallback.declared_at.line}")
        if fallback.served_by:
            provider = visible(fallback.served_by)
            yield f"{visible(fallback.step)}: provided by {provider}; remove the fallback at {at}"
        else:
            yield f"{visible(fallback.step)}: uses the fallback {visible(fallback.code)} declared at {at}"
            if fallback.fault:
                yield f"  not importable: {visible(fallback.fault)}"
            yield f"  to migrate, write {visible(fallback.file)}:"
            yield from (f"    {visible(line)}" for line in fallback.text.splitlines())
        yield ""
    for mismatch in compat.mismatches:
        yield f"{visible(mismatch.step)}: {visible(mismatch.reason)}"
        yield f"  --> {visible(mismatch.place)}"
        yield ""


def _compat_summary(compat: Compatibility) -> str:
    from stepwell.model.step_type import INTERFACE

    used, needless = len(compat.used), len(compat.fallbacks) - len(compat.used)
    parts = []
    if used:
        parts.append(counted(used, "step uses a fallback", "steps use fallbacks"))
    if needless:
        parts.append(counted(needless, "fallback is unnecessary", "fallbacks are unnecessary"))
    if compat.mismatches:
        count = len(compat.mismatches)
        incompatible = counted(count, "step is", "steps are")
        parts.append(f"{incompatible} incompatible with interface {INTERFACE}")
    if not parts:
        return f"In {compat.view}: no fallbacks, and every step is compatible with interface {INTERFACE}."
    return f"In {compat.view}: {'; '.join(parts)}."


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
    registry, view, steps = open_names(common, workspace, step_of, *([] if step is None else [step]))
    names = tuple(view) if step is None else tuple(definition.name for definition in steps)
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
