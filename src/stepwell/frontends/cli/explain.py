"""``stepwell explain``: explain the origin of each value of a step."""

from __future__ import annotations

import json
import sys

import click

from stepwell.frontends.cli.components import component_lines
from stepwell.frontends.cli.options import (
    CommonOptions,
    complete_step,
    format_option,
    open_view,
    project_options,
    step_of,
    terminal_columns,
    with_progress,
    workspace_option,
    write_json,
)
from stepwell.frontends.render.columns import padded
from stepwell.model.component import Component
from stepwell.model.layer import Origin
from stepwell.resolve.provenance import Explanation
from stepwell.resolve.view import View
from stepwell.source.document import thaw
from stepwell.source.escape_control import columns, visible

__all__ = ["explained_lines"]

_EXAMPLE = """\b
Examples:
  stepwell explain XGBoostTraining
  stepwell explain XGBoostTraining.config_class --workspace alice
"""


@click.command("explain", epilog=_EXAMPLE, short_help="Explain the origin of each value of a step.")
@click.argument("step", metavar="STEP[.FIELD]", shell_complete=complete_step)
@workspace_option("Use the view of this workspace (default: core).")
@format_option("text", "json")
@project_options
def command(step: str, workspace: str | None, form: str, common: CommonOptions) -> int:
    """Explain the origin of a field's value, and which values it overrides.

    Without FIELD, explain every field that has a value, and locate the Python components of the step.
    """
    registry, view = open_view(common, workspace)
    name, dot, field = step.partition(".")
    name = step_of(registry, view, name).name
    try:
        explained = (view.explain(name, field),) if dot else view.explain_all(name)
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from None
    parts: tuple[Component, ...] = ()
    if not dot:
        with_progress(common, registry.code.index)
        parts = tuple(view.components(name).values())
    if form == "json":
        from stepwell.frontends.render.output.components import explain_output

        write_json(explain_output(view, explained, None if dot else parts))
    else:
        sys.stdout.writelines(f"{line}\n" for line in explained_lines(view, explained))
        known = [part for part in parts if part.place is not None or part.candidates or part.declared_at]
        if known:
            sys.stdout.write(f"{name}: components in {view.title}\n")
            sys.stdout.writelines(f"{line}\n" for line in component_lines(known))
    return 0


def explained_lines(view: View, explained: tuple[Explanation, ...]) -> list[str]:
    """Return the lines that show the origins of fields."""
    lines = []
    room = terminal_columns()
    for one in explained:
        rows = [("wins ", one.winner), *(("loses", origin) for origin in one.losers)]
        shown = [(word, _shown(origin), _from(origin), _where(origin)) for word, origin in rows]
        widths = [max(columns(row[column]) for row in shown) for column in (1, 2)]
        lines.append(f"{one.step}.{one.field} in {view.title}")
        for word, value, given_by, where in shown:
            line = f"  {word}  {padded(value, widths[0])}  {padded(given_by, widths[1])}"
            if where and room and columns(line) + 2 + columns(where) > room:
                lines += [line.rstrip(), f"         {where}"]
            else:
                lines.append(f"{line}  {where}".rstrip())
    return lines


def _shown(origin: Origin) -> str:
    if origin.how == "removed":
        return "(removed)"
    if origin.value is None:
        return "(none)"
    plain = thaw(origin.value)
    return visible(plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False))


def _from(origin: Origin) -> str:
    if origin.layer is None:
        return origin.how
    return f"{origin.layer.value} of {origin.workspace}" if origin.workspace else origin.layer.value


def _where(origin: Origin) -> str:
    return f"{visible(origin.span.path)}:{origin.span.line}:{origin.span.column}" if origin.span else ""
