"""``set_variable`` and ``test_echo``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepwell import RunContext
from stepwell.run.workflows import Scope

__all__ = ["echo", "set_variables"]


async def set_variables(parameters: Mapping[str, Any], context: RunContext) -> Any:
    """Set variables and return them."""
    flow = Scope.of(context.values)
    scope = parameters.get("scope", "global")
    variables = dict(parameters.get("variables", {}))
    if "variable" in parameters and "value" in parameters:
        variables[parameters["variable"]] = parameters["value"]
    for name, value in variables.items():
        flow.set(name, value, "loop" if scope in ("loop", "local") else "run")
    return {**variables, "variables": variables, "scope": scope}


async def echo(parameters: Mapping[str, Any], _: RunContext) -> Any:
    """Answer with the value that is given."""
    return parameters.get("value", "default_echo")
