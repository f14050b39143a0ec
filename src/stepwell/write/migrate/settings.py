"""Writes the order of the old table to the configuration, preserving the rest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from stepwell.model.settings import CONFIG_NAME, RESERVED_ID, Project
from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.document import Document, thaw
from stepwell.source.read import read_text

__all__ = ["first_of", "new_configuration", "with_order"]

_OUTPUT: Final = "generated/step_names.py"
_WIDTH: Final = 100


def new_configuration(first: Sequence[str]) -> str:
    """Return the configuration of a new project.

    Args:
       first: the first steps of the frozen table; empty without an imported table.
    """
    return "schema_version = 1\n" + (f"\n{_table('freeze', first)}" if first else "")


def first_of(project: Project, order: Sequence[str]) -> tuple[str, ...]:
    """Return ``first`` so that imported rows keep their order, reordering as little as possible."""
    held, wanted = project.settings.first(None), frozenset(order)
    longer = (*held, *(name for name in order if name not in held))
    if [name for name in longer if name in wanted] == list(order):
        return longer
    return (*order, *(name for name in held if name not in wanted))


def with_order(project: Project, first: Sequence[str]) -> str | Diagnostic:
    """Return the configuration with ``first`` in the table of the core's frozen module, preserving the rest.

    If it cannot be edited, return a finding instead.
    """
    config = project.config
    if config is None:  # empty or only comments
        held = project.tree.read(CONFIG_NAME)
        text = "" if isinstance(held, Diagnostic) else held.decode("utf-8", "replace").strip()
        return f"{text}\n\n{_table('freeze', first)}" if text else new_configuration(first)
    place = _place(project)
    table = ".".join((*map(str, project.prefix), "freeze"))
    if place is None:
        new = f"{config.text.rstrip()}\n\n{_table(table, first)}".lstrip()
    else:
        new = _edited(config, (*project.prefix, "freeze", place), first)
    read = read_text(config.path, new.encode())
    if isinstance(read, Diagnostic) or thaw(read.data) != _expected(project, config, place, first):
        return Diagnostic(
            "order-not-written",
            Severity.ERROR,
            f"{config.path} cannot be edited safely, so the table order was not written",
            config.key_span((*project.prefix, "freeze")) if place is not None else Span(config.path),
            f"add `{_assignment(first, 10**9).strip()}` to its `[[{table}]]` table",
        )
    return new


def _place(project: Project) -> int | None:
    """Return the ``[[freeze]]`` table that sets or can set the core's order."""
    targets = project.settings.freeze
    for workspace in ("", RESERVED_ID):
        mine = [place for place, target in enumerate(targets) if target.workspace == workspace]
        stating = [place for place in mine if targets[place].first]
        if stating or mine:
            return (stating or mine)[0]
    return None


def _edited(config: Document, pointer: tuple[str | int, ...], first: Sequence[str]) -> str:
    text, places = config.text, config.locate(config.text)
    stated = places.values.get((*pointer, "first"))
    if stated is not None:
        start, end = stated
        return text[:start] + _listed(first, start - (text.rfind("\n", 0, start) + 1)) + text[end:]
    output = places.values.get((*pointer, "output"))
    if output is None:
        return text
    line_end = text.find("\n", output[1])
    if line_end < 0:
        return f"{text}\n{_assignment(first)}"
    return f"{text[: line_end + 1]}{_assignment(first)}{text[line_end + 1 :]}"


def _expected(project: Project, config: Document, place: int | None, first: Sequence[str]) -> Any:
    data = thaw(config.data)
    table: dict[str, Any] = data
    for step in project.prefix:
        table = table[str(step)]
    if place is None:
        table.setdefault("freeze", []).append({"output": _OUTPUT, "first": list(first)})
    else:
        table["freeze"][place]["first"] = list(first)
    return data


def _table(name: str, first: Sequence[str]) -> str:
    return f'[[{name}]]\noutput = "{_OUTPUT}"\n{_assignment(first)}'


def _assignment(first: Sequence[str], width: int = _WIDTH) -> str:
    return f"first = {_listed(first, len('first = '), width)}\n"


def _listed(names: Sequence[str], column: int, width: int = _WIDTH) -> str:
    words = [json.dumps(name) for name in names]
    line = f"[{', '.join(words)}]"
    if column + len(line) <= width:
        return line
    return "".join(["[\n", *(f"    {word},\n" for word in words), "]"])
