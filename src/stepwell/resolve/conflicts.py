"""Names with several definitions, their differences and recommendations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, final

from stepwell.model import StepDefinition
from stepwell.model.layer import Layer
from stepwell.resolve.choose import resolve
from stepwell.resolve.snapshot import Snapshot
from stepwell.resolve.strategies import Candidate, candidates_of
from stepwell.source.immutable import InNotebook, record

__all__ = ["METADATA", "Agreement", "Conflict", "conflicts"]

METADATA: Final = frozenset(
    {
        "description",
        "priority",
        "environment_tags",
        "compatibility_tags",
        "conflict_resolution_strategy",
        "aliases",
        "deprecated",
        "extensions",
    }
)
"""Fields for lookup, selection and documentation, which do not affect behavior."""


@final
class Agreement(Enum):
    """How far several definitions of a name agree."""

    IDENTICAL = "identical"
    COMPATIBLE = "compatible"
    CONFLICTING = "conflicting"


@final
@record
class Conflict(InNotebook):
    """A name with several definitions.

    Args:
        differing: fields that differ between any two definitions, in order.
        ambiguous: whether the name is ambiguous when no workspace is specified.
    """

    name: str
    candidates: tuple[Candidate, ...]
    hidden: tuple[Candidate, ...]
    differing: tuple[str, ...]
    ambiguous: bool

    @property
    def agreement(self) -> Agreement:
        """``identical``; ``compatible`` if only ``METADATA`` differs; else ``conflicting``."""
        if not self.differing:
            return Agreement.IDENTICAL
        return Agreement.COMPATIBLE if METADATA.issuperset(self.differing) else Agreement.CONFLICTING

    @property
    def recommendation(self) -> str:
        """Recommended action in one sentence."""
        if len(self.candidates) == 1:
            return f"Rename {self.candidates[0].place}, unless it hides the definition below on purpose."
        return _ADVICE[self.agreement](self)


def conflicts(snapshot: Snapshot) -> tuple[Conflict, ...]:
    """Return all names with several definitions in the views of a Snapshot, sorted."""
    hidden = _hidden(snapshot)
    names = {*hidden, *snapshot.owners}
    candidates = ((name, candidates_of(snapshot, name), hidden.get(name, ())) for name in sorted(names))
    return tuple(
        _conflict(snapshot, *candidate)
        for candidate in candidates
        if len(candidate[1]) + len(candidate[2]) > 1
    )


def _conflict(
    snapshot: Snapshot, name: str, candidates: tuple[Candidate, ...], hidden: tuple[Candidate, ...]
) -> Conflict:
    first, *others = (candidate.definition for candidate in (*candidates, *hidden))
    differing = tuple(
        field for field in StepDefinition.fields() if any(other[field] != first[field] for other in others)
    )
    return Conflict(name, candidates, hidden, differing, resolve(snapshot, name).ambiguous)


def _hidden(snapshot: Snapshot) -> Mapping[str, tuple[Candidate, ...]]:
    hidden: dict[str, tuple[Candidate, ...]] = {}
    for view in (snapshot.core, *map(snapshot.view, snapshot.workspaces)):
        for name, definitions in view.steps.covered.items():
            reported = {
                id(candidate.definition)
                for candidate in (*candidates_of(snapshot, name), *hidden.get(name, ()))
            }
            more = (candidate for candidate in definitions if id(candidate) not in reported)
            hidden[name] = (
                *hidden.get(name, ()),
                *(Candidate(candidate, candidate.sources[0].workspace) for candidate in more),
            )
    return hidden


def _on_identical(conflict: Conflict) -> str:
    core, *others = conflict.candidates
    if core.workspace is None:
        return f"Remove {_listed(candidate.place for candidate in others)}: identical to the core."
    return "Keep one of them, in the core: all are identical."


def _on_compatible(conflict: Conflict) -> str:
    fields = _listed(f"`{'x-' if field == 'extensions' else field}`" for field in conflict.differing)
    core, *others = conflict.candidates
    if core.workspace is not None:
        return f"Move one of them to the core, and override {fields}."
    whole = [candidate.place for candidate in others if candidate.layer is Layer.LOCAL]
    if whole:
        return f"Replace {_listed(whole)} with an override of {fields}."
    return f"No action needed: they differ only in {fields}."


def _on_conflicting(conflict: Conflict) -> str:
    if conflict.ambiguous:
        return "Rename one of them, or lower its `priority`: ambiguous when no workspace is specified."
    return "Rename one of them if they are different steps; otherwise specify a workspace."


_ADVICE: Final = MappingProxyType(
    {
        Agreement.IDENTICAL: _on_identical,
        Agreement.COMPATIBLE: _on_compatible,
        Agreement.CONFLICTING: _on_conflicting,
    }
)


def _listed(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
