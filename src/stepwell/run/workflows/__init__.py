"""Workflows: files of steps that pass answers to later steps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stepwell.run.workflows.expressions import BadExpression, evaluate, render
from stepwell.run.workflows.interpreter import applies, faults, nested, run_steps, text_of
from stepwell.run.workflows.prompts import Prompt, compose, shortened
from stepwell.run.workflows.state import Scope, Setting, StepFailed, Turn, seen
from stepwell.run.workflows.workflow import PathEscape, inside, read_inside
from stepwell.source.document import thaw

__all__ = [
    "BadExpression",
    "PathEscape",
    "Prompt",
    "Scope",
    "Setting",
    "StepFailed",
    "Turn",
    "applies",
    "compose",
    "data_from",
    "evaluate",
    "faults",
    "inside",
    "nested",
    "read_inside",
    "render",
    "run_steps",
    "seen",
    "shortened",
    "text_of",
]


def data_from(source: Any, flow: Scope) -> Any:
    """Return the data of a source.

    Args:
        source: plain data; a text with ``{{ }}``; ``previous_response``, ``step``, ``step:field``,
            ``step.field`` or ``previous_response:step.field``; or the name of a variable.

    Raises:
        BadExpression: unknown answer, variable or field.
    """
    if not isinstance(source, str):
        return thaw(source)
    if "{{" in source:
        return _parsed(render(source, flow.names()))
    first, _, rest = source.partition(":")
    path = (rest if first == "previous_response" and rest else source).replace(":", ".", 1)
    names = flow.names()
    name, _, field = path.partition(".")
    base, bracket, inside = name.partition("[")
    if base not in names:
        raise BadExpression(source, f"is neither an earlier step nor a variable: unknown name `{base}`")
    value = names[base]
    if not field and not bracket:
        return _parsed(value.get("result") if isinstance(value, Mapping) and base in flow else value)
    if isinstance(value, str):
        value = _parsed(value)
    return _parsed(evaluate(f"value{bracket}{inside}{'.' if field else ''}{field}", {"value": value}))


def _parsed(value: Any) -> Any:
    """Return the data of a text that is a JSON list or mapping."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
