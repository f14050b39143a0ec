"""The layer of what code registers while it runs: above override, and above every file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, final

from stepwell.model import StepDefinition
from stepwell.snapshot import LayeredTable, Snapshot, View

__all__ = ["Registered", "with_registered"]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Registered:
    """One definition that code registered.

    Args:
        definition: the step.
        workspace: who sees it; ``None`` for everybody.
    """

    definition: StepDefinition
    workspace: str | None


def with_registered(snapshot: Snapshot, registered: tuple[Registered, ...]) -> Snapshot:
    """A Snapshot with registered steps laid over every layer of files.

    A later registration lies above an earlier one, and one for a workspace above one for everybody.
    """
    if not registered:
        return snapshot
    common = {one.definition.name: one.definition for one in registered if one.workspace is None}
    own: dict[str, dict[str, StepDefinition]] = {}
    for one in registered:
        if one.workspace is not None:
            own.setdefault(one.workspace, {})[one.definition.name] = one.definition
    core = _laid_over(snapshot.core, common, None) if common else snapshot.core

    def view(workspace: str) -> View:
        below = snapshot.view(workspace)
        laid = {**common, **own.get(workspace, {})}
        return _laid_over(below, laid, core) if laid else below

    return Snapshot(core, snapshot.workspaces, _Views(snapshot.workspaces, view))


def _laid_over(view: View, laid: Mapping[str, StepDefinition], core: View | None) -> View:
    steps = view.steps
    above: dict[str, StepDefinition] = steps.above.copy()  # type: ignore[attr-defined]
    above.update(laid)
    under = core.steps if core is not None else None
    table = LayeredTable(MappingProxyType(above), under, steps.first)
    return View(view.workspace, table, view.hyperparameters, view.diagnostics)


@final
class _Views(Mapping[str, View]):
    """Views that are made when they are first asked for: a registration concerns few of them."""

    def __init__(self, ids: Mapping[str, Any], make: Callable[[str], View]) -> None:
        self._ids = ids
        self._make = make
        self._made: dict[str, View] = {}

    def __getitem__(self, workspace: str) -> View:
        made = self._made.get(workspace)
        if made is None:
            if workspace not in self._ids:
                raise KeyError(workspace)
            made = self._made.setdefault(workspace, self._make(workspace))
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)
