"""The parts of a step that are Python, and the places where they lie: values, nothing is looked for here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, final

from stepwell.model.layer import Layer
from stepwell.source.diagnostic import Span

__all__ = ["COMPONENT_KINDS", "IMPLEMENTATION", "CodePlace", "Component", "ComponentState"]

COMPONENT_KINDS: Final = ("builder", "config", "contract", "spec", "script", "hyperparameters")
"""Every kind of component, in the order in which they are told."""

IMPLEMENTATION: Final = "implementation"
"""What runs a step: a part like these, which a step states in a field of its own."""


@final
class ComponentState(Enum):
    """What is known of a component.

    ``declared``: a definition says where it is. ``found``: it is where its name says. ``ambiguous``:
    several places could be meant. ``missing``: it is named, and nowhere. ``none``: nothing names it.
    """

    DECLARED = "declared"
    FOUND = "found"
    AMBIGUOUS = "ambiguous"
    MISSING = "missing"
    NONE = "none"


@final
@dataclass(frozen=True, slots=True)
class CodePlace:
    """A class, a function, a value or a whole file of Python.

    Args:
        path: relative to the project, with ``/``; of an installed package ``<package>/...``.
        name: what it is called in the file, dotted inside a class; ``None`` for the whole file.
        line: from 1.
        column: in characters from 1.
        layer: ``local`` for the sources of a workspace, ``core`` or ``plugin``.
        workspace: whose sources; ``None`` for the core's and a package's.
        module: the dotted name by which an installed package's file is imported; empty for all others.
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
        """The place in one word, e.g. ``src/builders.py:12``."""
        return f"{self.path}:{self.line}"


@final
@dataclass(frozen=True, slots=True)
class Component:
    """One part of a step in one view.

    Args:
        kind: one of ``COMPONENT_KINDS``, or ``IMPLEMENTATION``.
        place: where it is; ``None`` unless it is declared or found.
        wanted: what was looked for: a class, or the end of a file's path; empty where nothing names it.
        declared_at: the value in the definition that declares it; ``None`` where none does.
        shadows: the places below that would be taken if this one were not there, nearest first.
        candidates: the places of which any could be meant, where it is ambiguous.
        fault: why it is not there, in words; empty where it is.
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
        """Whether it can be loaded."""
        return self.place is not None
