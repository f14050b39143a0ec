"""Layer of definitions registered from code, above all files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, final

from stepwell.model import StepDefinition
from stepwell.resolve.snapshot import Snapshot, Views
from stepwell.resolve.table import LayeredTable
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Diagnostic

__all__ = ["Registered", "Registration", "with_one_more", "with_registered"]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Registered:
    """One registered definition.

    Args:
        workspace: ``None`` for all workspaces.
        implementation: the registered implementation, if any.
    """

    definition: StepDefinition
    workspace: str | None
    diagnostics: tuple[Diagnostic, ...] = ()
    implementation: Any = None
    words: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        step = self.definition
        words = frozenset((step.name, *step.aliases, *([step.config_class] if step.config_class else ())))
        object.__setattr__(self, "words", words)


@final
class Registration:
    """A registered step; ``remove`` or the end of a ``with`` block unregisters it."""

    __slots__ = ("_one", "_take_back")

    def __init__(self, registered: Registered, take_back: Callable[[Registered], None]) -> None:
        self._one = registered
        self._take_back = take_back

    def __repr__(self) -> str:
        return f"<Registration of {self.definition.name} for {self.workspace or 'everybody'}>"

    @property
    def definition(self) -> StepDefinition:
        """Effective definition of the step."""
        return self._one.definition

    @property
    def workspace(self) -> str | None:
        """``None`` for all workspaces."""
        return self._one.workspace

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Warnings and infos about the step."""
        return self._one.diagnostics

    def remove(self) -> None:
        """Unregister the step; idempotent."""
        self._take_back(self._one)

    def __enter__(self) -> Registration:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def with_registered(snapshot: Snapshot, registered: tuple[Registered, ...]) -> Snapshot:
    """Return a Snapshot with registered steps above all files.

    Later registrations take precedence, and those for a workspace over those for all.
    """
    common = tuple(item for item in registered if item.workspace is None)
    core = _laid_over(snapshot.core, common, None) if common else snapshot.core
    return _over(snapshot, core, registered) if registered else snapshot


def with_one_more(snapshot: Snapshot, registered: tuple[Registered, ...], served: Snapshot) -> Snapshot:
    """Return ``with_registered`` if all but the last registration are included already."""
    last = registered[-1]
    core = _laid_over(served.core, (last,), None) if last.workspace is None else served.core
    return _over(snapshot, core, registered)


def _over(snapshot: Snapshot, core: View, registered: tuple[Registered, ...]) -> Snapshot:
    def view(workspace: str) -> View:
        below = snapshot.view(workspace)
        laid = [item for item in registered if item.workspace is None]
        laid += (item for item in registered if item.workspace == workspace)
        return _laid_over(below, laid, core) if laid else below

    return Snapshot(core, snapshot.workspaces, Views(snapshot.workspaces, view))


def _laid_over(view: View, laid: Iterable[Registered], core: View | None) -> View:
    """Return a view with registered definitions applied in order."""
    steps = view.steps
    above: dict[str, StepDefinition] = steps.above.copy()  # type: ignore[attr-defined]
    covered: dict[str, tuple[StepDefinition, ...]] = {}
    implementations = dict(view.implementations)
    for registered in laid:
        definition = registered.definition
        name = definition.name
        if registered.implementation is not None:
            implementations[name] = registered.implementation
        elif name in implementations:
            del implementations[name]
        if name in covered:
            covered[name] = (above[name], *covered[name])
        else:
            covered[name] = (*((steps[name],) if name in steps else ()), *steps.hidden(name))
        above[name] = definition
    under = core.steps if core is not None else None
    table = LayeredTable(
        MappingProxyType(above), under, steps.first, MappingProxyType({**steps.covered, **covered})
    )
    tables = MappingProxyType({**view.tables, "steps": table})
    return View(view.workspace, tables, view.diagnostics, view.code, MappingProxyType(implementations))
