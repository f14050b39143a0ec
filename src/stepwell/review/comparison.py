"""What a comparison of two states says: changes, view by view, and what they mean to whom."""

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
    """What happened to a definition."""

    ADDED = "added"
    REMOVED = "removed"
    RENAMED = "renamed"
    CHANGED = "changed"


@final
class Level(Enum):
    """How much a change matters to whoever depends on the registry."""

    BREAKING = "breaking"
    RISKY = "risky"
    SAFE = "safe"

    @property
    def rank(self) -> int:
        """0 for what breaks, larger for what matters less."""
        return _RANKS[self]


_RANKS = {Level.BREAKING: 0, Level.RISKY: 1, Level.SAFE: 2}


@final
class Consumer(Enum):
    """Who depends on the registry."""

    IMPORTERS = "importers"
    OVERLAYS = "overlays"
    PIPELINES = "pipelines"
    EDITORS = "editors"


@final
@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that says something else.

    Args:
        old: what it said, read-only; ``None`` where it had no value.
        old_origin: what gave the old value; ``None`` where there was no definition.
        new_origin: what gives the new one; ``None`` where there is no definition.
    """

    field: str
    old: Any
    new: Any
    old_origin: Origin | None
    new_origin: Origin | None


@final
@dataclass(frozen=True, slots=True)
class DefinitionChange:
    """One definition that came, went, got another name, or says something else.

    Args:
        noun: its kind: ``step`` or ``hyperparameter``.
        name: its name; the new one where it was renamed.
        fields: what differs, in the schema's order; of what came or went every field that it states.
        old_name: the name that it had, where it was renamed.
        because: what says that it was renamed: ``alias`` or ``replaced_by``.
        old_place: the name in its old topmost file; ``None`` where there was none.
        new_place: the name in its new topmost file; ``None`` where there is none.
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
    """A change of the core that a workspace does not see, since its own layers say the field.

    Args:
        field: the field; empty where a local definition hides the whole one, or what hides it is gone.
    """

    noun: str
    name: str
    field: str
    change: FieldChange
    hidden_by: Origin


@final
@dataclass(frozen=True, slots=True)
class Reordering:
    """Steps that both states have, in another order.

    Args:
        moved: the fewest names that, taken out, leave the rest in its old order; in the new order.
    """

    moved: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True)
class ViewComparison:
    """What differs in one view.

    Args:
        workspace: the workspace's id; ``None`` for the core.
        changes: what differs, by name; for a workspace only what differs otherwise than in the core.
        reordering: whether what stayed is in another order.
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
        """The view in words."""
        return "the core" if self.workspace is None else f"workspace {self.workspace}"


@final
@dataclass(frozen=True, slots=True)
class Acceptance:
    """One entry of ``accepted_breaks.yaml``.

    Args:
        until: the last day on which it holds, or the revision from which it holds no longer; ``None`` for
            always.
    """

    effect: str
    reason: str
    until: str | None
    span: Span


@final
@dataclass(frozen=True, slots=True)
class Effect:
    """What changes mean to one consumer.

    Args:
        id: words that name the kind of effect, e.g. ``name-left-table``.
        reason: why, in one sentence without a full stop.
        workspace: whose view; ``None`` for the core's, and for what concerns no view.
        old_place: where it was said before.
        new_place: where it is said now.
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
        """What an acceptance names: ``ID:SUBJECT``, after ``WORKSPACE/`` where it concerns one."""
        return f"{self.workspace}/{self.id}:{self.subject}" if self.workspace else f"{self.id}:{self.subject}"

    @property
    def sort_key(self) -> tuple[int, str, str, str, str]:
        """What matters most first; then by consumer, workspace, kind and subject."""
        return (self.level.rank, self.consumer.value, self.workspace or "", self.id, self.subject)


@final
@dataclass(frozen=True, slots=True)
class Comparison:
    """All that two states say of each other.

    Args:
        effects: what that means to whom, what matters most first.
        old_diagnostics: errors of the older state: what has one was left out of the comparison.
        stale: entries of ``accepted_breaks.yaml`` that accept nothing, and what is wrong with that file.
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
        """The worst that happens to anybody and that nobody has accepted."""
        standing = [effect.level for effect in self.effects if effect.acceptance is None]
        return min(standing, key=lambda level: level.rank, default=Level.SAFE)


def counts(comparison: Comparison) -> dict[str, int]:
    """The number of effects of each level, and of those that are accepted."""
    standing = [effect.level for effect in comparison.effects if effect.acceptance is None]
    number = {level.value: standing.count(level) for level in Level}
    return {**number, "accepted": len(comparison.effects) - len(standing)}
