"""Layered table of definitions without copies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, Generic, TypeVar, final

from stepwell.model import HyperparameterDefinition, PipelineDefinition, ProviderDefinition, StepDefinition
from stepwell.resolve import in_table_order
from stepwell.source.document import FrozenMapping
from stepwell.source.immutable import Immutable, InNotebook

__all__ = ["LayeredTable"]

D = TypeVar("D", StepDefinition, HyperparameterDefinition, ProviderDefinition, PipelineDefinition)


@final
class LayeredTable(InNotebook, Immutable, Mapping[str, D], Generic[D]):
    """Definitions of one kind in a view, with upper ones hiding lower ones.

    Lower definitions are not copied, so a workspace costs only its changes.

    Args:
        under: the table below; ``None`` for the core.
        first: the first names of the table, in order; the others follow by name.
        covered: hidden definitions that are in no other table, topmost first, by name.
    """

    def __init__(
        self,
        above: Mapping[str, D],
        under: LayeredTable[D] | None,
        first: tuple[str, ...],
        covered: Mapping[str, tuple[D, ...]] | None = None,
    ) -> None:
        self.__dict__.update(above=above, under=under, first=first, covered=covered or MappingProxyType({}))
        self.__dict__["below"] = under.above if under is not None else MappingProxyType({})

    above: Mapping[str, D]
    below: Mapping[str, D]
    under: LayeredTable[D] | None
    first: tuple[str, ...]
    covered: Mapping[str, tuple[D, ...]]

    def __reduce__(self) -> tuple[type[LayeredTable[D]], tuple[object, ...]]:
        above, covered = FrozenMapping(self.above), FrozenMapping(self.covered)
        return LayeredTable, (above, self.under, self.first, covered)

    def __hash__(self) -> int:  # as of any mapping that is read-only; equal ones have equal items
        return hash(frozenset(self.items()))

    def __getitem__(self, name: str) -> D:
        definition = self.above.get(name)
        return self.below[name] if definition is None else definition

    def __iter__(self) -> Iterator[str]:
        return iter(self.order)

    def __len__(self) -> int:
        return len(self.above) + len(self.below) - len(self.above.keys() & self.below.keys())

    def __contains__(self, name: object) -> bool:
        return name in self.above or name in self.below

    @cached_property
    def _ranks(self) -> Mapping[str, int]:
        return {name: place for place, name in enumerate(self.first)}

    def _place(self, name: str) -> tuple[int, str]:
        return self._ranks.get(name, len(self._ranks)), name

    @cached_property
    def aliases(self) -> Mapping[object, tuple[str, ...]]:
        """Aliases of the table's own definitions with their names."""
        return MappingProxyType(_by_alias(self.above))

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Names in table order."""
        return tuple(in_table_order(self.above.keys() | self.below.keys(), self.first))

    def aliased(self, alias: object) -> str | None:
        """Return the first name in table order for an alias; ``None`` for a name."""
        if alias in self:
            return None
        names = list(self.aliases.get(alias, ()))
        if self.under is not None:
            names += [name for name in self.under.aliases.get(alias, ()) if name not in self.above]
        return min(names, key=self._place, default=None)

    def hidden(self, name: str) -> tuple[D, ...]:
        """Return the hidden definitions of a name, topmost first, without merged ones."""
        covered = self.covered.get(name)
        if covered is not None:
            return covered
        if self.under is None:
            return ()
        served, below = self.above.get(name), self.below.get(name)
        further = self.under.hidden(name)
        if served is None or below is None or served.sources[-1:] == below.sources[-1:]:
            return further
        return (below,) + further  # noqa: RUF005 - mypy does not follow the other form

    @cached_property
    def content(self) -> int:
        """Sum of the definitions' digests.

        A sum is independent of the order and can be updated incrementally (Bellare and Micciancio, "A new
        paradigm for collision-free hashing", 1997).
        """
        own = sum(int(definition.digest, 16) for definition in self.above.values())
        if self.under is None:
            return own
        hidden = sum(int(self.below[name].digest, 16) for name in self.above.keys() & self.below.keys())
        return self.under.content - hidden + own

    def differs_in(self, names: Iterable[str], before: LayeredTable[D]) -> None:
        """Derive the sum of a core table from an earlier table with few differences.

        Args:
            names: definitions that may differ.
        """
        if "content" not in before.__dict__:
            return  # not computed yet, and computing it now would cost more than it saves
        gone = sum(int(before.above[name].digest, 16) for name in names if name in before.above)
        come = sum(int(self.above[name].digest, 16) for name in names if name in self.above)
        self.__dict__["content"] = before.content - gone + come


def _by_alias(definitions: Mapping[str, Any]) -> dict[object, tuple[str, ...]]:
    aliases: dict[object, tuple[str, ...]] = {}
    for name, definition in definitions.items():
        for alias in definition.data.get("aliases", ()):
            aliases[alias] = (*aliases.get(alias, ()), name)
    return aliases
