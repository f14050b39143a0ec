"""Python components of a step and their locations."""

from __future__ import annotations

from enum import Enum
from typing import Final, final

from stepwell.model.layer import Layer
from stepwell.source.diagnostic import Span
from stepwell.source.immutable import record

__all__ = ["COMPONENT_KINDS", "IMPLEMENTATION", "CodePlace", "Component", "ComponentState"]

COMPONENT_KINDS: Final = ("builder", "config", "contract", "spec", "script", "hyperparameters")
"""All kinds of components in display order."""

IMPLEMENTATION: Final = "implementation"
"""Kind of the component that runs a step, declared in a separate field."""


@final
class ComponentState(Enum):
    """State of a component in a view.

    ``declared`` by the definition, ``found`` by its name, ``ambiguous`` with several matches, ``missing``
    although named, or ``none``.
    """

    DECLARED = "declared"
    FOUND = "found"
    AMBIGUOUS = "ambiguous"
    MISSING = "missing"
    NONE = "none"


@final
@record
class CodePlace:
    """Location of a class, function, value or file of Python.

    Args:
        path: relative to the project, with ``/``; ``<package>/...`` in an installed package.
        name: qualified name in the file; ``None`` for the whole file.
        line: from 1.
        column: in characters from 1.
        layer: ``local`` for the sources of a workspace, ``core`` or ``plugin``.
        workspace: owner of the sources; ``None`` for the core and packages.
        module: dotted module name in an installed package; otherwise empty.
    """

    path: str
    name: str | None
    line: int
    column: int
    layer: Layer
    workspace: str | None = None
    module: str = ""

    @property
    def shown(self) -> str:
        """Path and line, e.g. ``src/builders.py:12``."""
        return f"{self.path}:{self.line}"


@final
@record
class Component:
    """One component of a step in one view.

    Args:
        kind: one of ``COMPONENT_KINDS``, or ``IMPLEMENTATION``.
        place: its location; ``None`` unless declared or found.
        wanted: the class or path suffix to find; empty if nothing names it.
        declared_at: location of its declaration in the definition.
        shadows: hidden locations with lower precedence, nearest first.
        candidates: all matches of an ambiguous component.
        fault: why it is unavailable; empty if available.
    """

    kind: str
    state: ComponentState
    place: CodePlace | None = None
    wanted: str = ""
    declared_at: Span | None = None
    shadows: tuple[CodePlace, ...] = ()
    candidates: tuple[CodePlace, ...] = ()
    fault: str = ""
    help: str = ""

    @property
    def is_there(self) -> bool:
        """Whether the component can be loaded."""
        return self.place is not None
