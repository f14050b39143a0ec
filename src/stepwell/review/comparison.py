"""Result of comparing two states: changes by view and effects on consumers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, final

from stepwell.model.layer import Origin
from stepwell.source.diagnostic import Diagnostic, Span

__all__ = [
    "Acceptance",
    "Comparison",
    "Consumer",
    "DefinitionChange",
    "Effect",
    "FieldChange",
    "HiddenChange",
    "Level",
    "Reordering",
    "ViewComparison",
    "What",
    "counts",
]


@final
class What(Enum):
    """Kind of change of a definition."""

    ADDED = "added"
    REMOVED = "removed"
    RENAMED = "renamed"
    CHANGED = "changed"


@final
class Level(Enum):
    """Level of an effect."""

    BREAKING = "breaking"
    RISKY = "risky"
    SAFE = "safe"

    @property
    def rank(self) -> int:
        """Return 0 for breaking, higher for less severe levels."""
        return _RANKS[self]


_RANKS = {Level.BREAKING: 0, Level.RISKY: 1, Level.SAFE: 2}


@final
class Consumer(Enum):
    """Consumer of the registry."""

    IMPORTERS = "importers"
    OVERLAYS = "overlays"
    PIPELINES = "pipelines"
    EDITORS = "editors"


@final
@dataclass(frozen=True, slots=True)
class FieldChange:
    """Changed field.

    Args:
       old: read-only; ``None`` for no value.
       old_origin: ``None`` if the definition is new.
       new_origin: ``None`` if the definition was removed.
       leaves: the changed values inside a mapping or a list of mappings, at their depth.
    """

    field: str
    old: Any
    new: Any
    old_origin: Origin | None
    new_origin: Origin | None
    leaves: tuple[FieldChange, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class DefinitionChange:
    """Added, removed, renamed or changed definition.

    Args:
       noun: ``step`` or ``hyperparameter``.
       name: after a rename the new name.
       fields: changes in schema order; all set fields if added or removed.
       because: evidence of a rename: ``alias`` or ``replaced_by``.
       old_place: the name in its old topmost file.
       new_place: the name in its new topmost file.
    """

    what: What
    noun: str
    name: str
    fields: tuple[FieldChange, ...]
    old_name: str | None = None
    because: str | None = None
    old_place: Span | None = None
    new_place: Span | None = None


@final
@dataclass(frozen=True, slots=True)
class HiddenChange:
    """Change of the core that a workspace's own layers hide.

    Args:
       field: empty if the whole definition is hidden, or if the hiding definition was removed.
    """

    noun: str
    name: str
    field: str
    change: FieldChange
    hidden_by: Origin


@final
@dataclass(frozen=True, slots=True)
class Reordering:
    """Changed order of steps.

    Args:
       moved: minimal set of moved names, in the new order.
    """

    moved: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True)
class ViewComparison:
    """Changes of a view.

    Args:
       workspace: ``None`` for the core.
       changes: by name; for a workspace only those that differ from the core's.
    """

    workspace: str | None
    changes: tuple[DefinitionChange, ...]
    inherited: int = 0
    hidden: tuple[HiddenChange, ...] = ()
    reordering: Reordering | None = None
    is_new: bool = False
    is_gone: bool = False

    def __bool__(self) -> bool:
        return bool(self.changes or self.hidden or self.reordering or self.is_new or self.is_gone)

    @property
    def title(self) -> str:
        """Return the title of the view."""
        return "the core" if self.workspace is None else f"workspace {self.workspace}"


@final
@dataclass(frozen=True, slots=True)
class Acceptance:
    """Entry of ``accepted_breaks.yaml``.

    Args:
       until: last valid date, or the revision that ends it; ``None`` for no expiry.
    """

    effect: str
    reason: str
    until: str | None
    span: Span


@final
@dataclass(frozen=True, slots=True)
class Effect:
    """Effect of changes on a consumer.

    Args:
       id: kind of effect, e.g. ``name-left-table``.
       reason: one sentence without a full stop.
       workspace: ``None`` for the core, or if no view is affected.
    """

    consumer: Consumer
    level: Level
    id: str
    subject: str
    reason: str
    workspace: str | None = None
    old_place: Span | None = None
    new_place: Span | None = None
    acceptance: Acceptance | None = None

    @property
    def key(self) -> str:
        """Return the key for acceptances: ``ID:SUBJECT``, prefixed with ``WORKSPACE/`` for workspaces."""
        return f"{self.workspace}/{self.id}:{self.subject}" if self.workspace else f"{self.id}:{self.subject}"

    @property
    def sort_key(self) -> tuple[int, str, str, str, str]:
        """Return the sort key: level, consumer, workspace, kind and subject."""
        return (self.level.rank, self.consumer.value, self.workspace or "", self.id, self.subject)


@final
@dataclass(frozen=True, slots=True)
class Comparison:
    """Comparison of two states.

    Args:
       effects: worst first.
       old_diagnostics: errors of the older state; invalid definitions are not compared.
       stale: findings about ``accepted_breaks.yaml``.
    """

    old_title: str
    new_title: str
    views: tuple[ViewComparison, ...]
    effects: tuple[Effect, ...]
    old_diagnostics: tuple[Diagnostic, ...] = ()
    new_diagnostics: tuple[Diagnostic, ...] = ()
    stale: tuple[Diagnostic, ...] = ()

    def __bool__(self) -> bool:
        return any(self.views)

    @property
    def verdict(self) -> Level:
        """Return the worst level without acceptance."""
        standing = [effect.level for effect in self.effects if effect.acceptance is None]
        return min(standing, key=lambda level: level.rank, default=Level.SAFE)


def counts(comparison: Comparison) -> dict[str, int]:
    """Return the number of effects by level, and of accepted effects."""
    standing = [effect.level for effect in comparison.effects if effect.acceptance is None]
    number = {level.value: standing.count(level) for level in Level}
    return {**number, "accepted": len(comparison.effects) - len(standing)}
