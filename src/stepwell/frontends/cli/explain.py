"""``stepwell explain``: explain the origin of each value of a step."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    cache_flags,
    color_wanted,
    complete_step,
    displayed_path,
    format_option,
    open_names,
    project_options,
    shows_unicode,
    step_of,
    terminal_columns,
    with_progress,
    workspace_option,
    write_json,
)
from stepwell.frontends.render.columns import padded, painted
from stepwell.resolve.provenance import Explanation, pointer_of
from stepwell.source.document import thaw
from stepwell.source.escape_control import columns, visible

if TYPE_CHECKING:
    from stepwell.model.component import Component
    from stepwell.model.layer import Origin
    from stepwell.resolve.view import View

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
@cache_flags
@project_options
def command(step: str, workspace: str | None, form: str, common: CommonOptions) -> int:
    """Explain the origin of a field's value, and which values it overrides.

    Without FIELD, print the effective definition as YAML with the origin of each value and the value that it
    replaced beside it, and locate the Python components of the step. `wins` marks values of fields that
    several files set.
    """
    name, dot, field = step.partition(".")
    registry, view, (definition,) = open_names(common, workspace, step_of, name, published=True)
    name = definition.name
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
        root = registry.summary.root
        lines = explained_lines(view, explained, root) if dot else _as_yaml(view, name, explained, root)
        sys.stdout.writelines(f"{line}\n" for line in lines)
        known = [part for part in parts if part.place is not None or part.candidates or part.declared_at]
        if known:
            from stepwell.frontends.cli.components import component_lines

            sys.stdout.write(f"{name}: components in {view.title}\n")
            sys.stdout.writelines(f"{line}\n" for line in component_lines(known, registry.project.root))
    return 0


def explained_lines(view: View, explained: tuple[Explanation, ...], root: str) -> list[str]:
    """Return the lines that show the origins of fields."""
    lines = []
    room = terminal_columns()
    for item in explained:
        rows = [("wins ", item.winner), *(("loses", origin) for origin in item.losers)]
        shown = [(word, _shown(origin), _from(origin), _where(origin, root)) for word, origin in rows]
        widths = [max(columns(row[column]) for row in shown) for column in (1, 2)]
        lines.append(f"{item.step}.{item.field} in {view.title}")
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
    if isinstance(plain, str):
        return visible(plain)
    import json

    return visible(json.dumps(plain, ensure_ascii=False))


def _from(origin: Origin) -> str:
    if origin.layer is None:
        return origin.how
    return f"{origin.layer.value} of {origin.workspace}" if origin.workspace else origin.layer.value


def _where(origin: Origin, root: str) -> str:
    if origin.span is None:
        return ""
    path = visible(displayed_path(root, origin.span.path))
    return f"{path}:{origin.span.line}:{origin.span.column}"


class _Node:
    """Key of the effective definition: its value's explanation, and the keys below it."""

    def __init__(self) -> None:
        self.explained: Explanation | None = None
        self.below: dict[str, _Node] = {}


def _as_yaml(view: View, name: str, explained: tuple[Explanation, ...], root: str) -> Iterator[str]:
    """Yield the effective definition as YAML, with origins as comments."""
    top = _Node()
    for item in explained:
        node = top
        for key in pointer_of(item.field, view[name]):
            node = node.below.setdefault(str(key), _Node())
        node.explained = item
    sources = view[name].sources
    contested = {
        key
        for key in top.below
        if key != "name" and sum(key in source.document.data for source in sources) > 1
    }
    rows = [
        row
        for key, child in top.below.items()
        for row in _yaml_rows({key: child}, "", root, "wins: " if key in contested else "")
    ]
    room, color = terminal_columns(), color_wanted()
    longest = max((columns(line) for line, comment in rows if comment), default=0)
    width = min(longest, _WIDEST)
    yield painted(f"# {name} in {view.title}", "1", color=color)
    for line, comment in rows:
        note = painted(f"# {comment}", "36", color=color) if comment else ""
        indent = " " * (len(line) - len(line.lstrip()))
        if comment and room and max(columns(line), width) + 4 + columns(comment) > room:
            yield from (line, f"{indent}  {note}")
        else:
            yield f"{padded(line, max(columns(line), width))}  {note}" if comment else line


_WIDEST = 60
"""Columns before the comments; longer lines move theirs to the right."""


def _yaml_rows(nodes: dict[str, _Node], indent: str, root: str, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield the lines of some keys with their comments.

    Args:
        prefix: of the comments, where several documents set the field.
    """
    for key, child in nodes.items():
        if child.explained is not None:
            for line, comment in _leaf_rows(key, child.explained, indent, root):
                yield line, f"{prefix}{comment}" if comment else ""
        if child.below:
            if child.explained is None:
                yield f"{indent}{_yaml({key: None}).rpartition(' ')[0]}", ""
            yield from _yaml_rows(child.below, f"{indent}  ", root, prefix)


def _leaf_rows(key: str, explained: Explanation, indent: str, root: str) -> Iterator[tuple[str, str]]:
    winner = explained.winner
    where = _where(winner, root).rpartition(":")[0]
    comment = f"{_from(winner)}, {where}" if where else _from(winner)
    replaced = next((loser for loser in explained.losers if loser.value != winner.value), None)
    if replaced is not None:
        value = _shown(replaced)
        value = f"{value[:_CUT]}..." if len(value) > _CUT + 3 else value
        comment += f", {'removes' if winner.how == 'removed' else 'replaces'} {value} ({_from(replaced)})"
    if winner.how == "removed":
        yield f"{indent}# {visible(key)}: removed", comment
        return
    lines = _yaml({key: thaw(winner.value)}).split("\n")
    commented = len(lines) - 1 if isinstance(winner.value, str) else 0  # a comment would end a folded text
    for number, line in enumerate(lines):
        yield f"{indent}{line}", comment if number == commented else ""


_CUT = 40
"""Characters of a replaced value."""


def _yaml(data: dict[str, Any]) -> str:
    from stepwell.source.yaml_writer import to_yaml

    return to_yaml(data, ascii_only=not shows_unicode()).rstrip("\n")
