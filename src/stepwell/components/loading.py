"""What is loaded otherwise than from a world, and what to say of what cannot be loaded at all."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from stepwell.model import StepDefinition
from stepwell.model.component import CodePlace, Component, ComponentState
from stepwell.source.errors import ComponentError
from stepwell.source.exception_text import worded

__all__ = ["from_package", "not_there"]


def from_package(workspace: str | None, place: CodePlace) -> Any:
    """Import a component of an installed package, as anybody would.

    Args:
        workspace: who asks.
        place: where it is.

    Raises:
        ComponentError: the import fails, or there is no such name; what was raised is the cause.
    """
    try:
        found: Any = import_module(place.module)
        for part in place.name.split(".") if place.name is not None else ():
            found = getattr(found, part)
    except (Exception, SystemExit) as error:  # a package's code may raise anything; all of it is told
        name = place.name or place.path
        raise ComponentError(name, workspace, place.path, place.line, worded(error)) from error
    return found


def not_there(workspace: str | None, step: StepDefinition, component: Component) -> ComponentError:
    """The error for a component that has no one place.

    Args:
        workspace: who asked.
        step: whose part it is.
        component: the part.
    """
    source = step.sources[0].document if step.sources else None
    span = component.declared_at or (source.value_span(("name",)) if source is not None else None)
    path, line = (span.path, span.line) if span is not None else (step.name, 1)
    if component.state is ComponentState.NONE:
        fault = "the step declares none"
        if component.wanted:
            fault += f", and the sources have no `{component.wanted}`"
        return ComponentError(f"{step.name}.{component.kind}", workspace, path, line, fault)
    fault = f"{component.fault}; {component.help}" if component.help else component.fault
    return ComponentError(f"{step.name}.{component.kind}", workspace, path, line, fault)
