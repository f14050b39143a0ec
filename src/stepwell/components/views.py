"""The components of a view that it does not merely inherit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from stepwell.model import StepDefinition
from stepwell.model.component import Component
from stepwell.resolve.snapshot import Snapshot
from stepwell.resolve.view import View

__all__ = ["own_components", "own_implementations"]

_NONE: Final[Mapping[str, Component]] = MappingProxyType({})


def own_components(snapshot: Snapshot, view: View) -> Iterator[tuple[StepDefinition, Component]]:
    """The parts of a view's steps, but for those that the core's view has just so.

    What a workspace inherits can differ only where it has sources of its own. A view that was read
    without sources has no parts.

    Args:
        snapshot: what the view is one of.
        view: which one.
    """
    if view.code is None:
        return
    core = snapshot.core
    has_own = view.workspace is not None and view.code.has_own(view.workspace)
    for name in view.steps if has_own else view.steps.above:
        step = view.steps[name]
        below = core.components(name) if view is not core and name in core.steps else _NONE
        for kind, component in view.components(name).items():
            if below.get(kind) != component:
                yield step, component


def own_implementations(snapshot: Snapshot, view: View) -> Iterator[tuple[StepDefinition, Component]]:
    """What runs a view's own steps, but for what they inherit from the core.

    Args:
        snapshot: what the view is one of.
        view: which one.
    """
    if view.code is None:
        return
    below = snapshot.core.steps if view is not snapshot.core else _NO_STEPS
    for name, step in view.steps.above.items():
        if step.implementation is not None:
            component = view.code.implementation(step)
            core = below.get(name)
            if core is None or snapshot.core.implementation(name) != component:
                yield step, component


_NO_STEPS: Final[Mapping[str, StepDefinition]] = MappingProxyType({})
