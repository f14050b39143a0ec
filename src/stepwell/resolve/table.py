"""The definitions of one kind that a view sees: those above hide those below, and nothing is copied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, Generic, TypeVar, final

from stepwell.model import HyperparameterDefinition, PipelineDefinition, ProviderDefinition, StepDefinition
from stepwell.source.document import FrozenMapping
from stepwell.source.immutable import Immutable

__all__ = ["LayeredTable"]

D = TypeVar("D", StepDefinition, HyperparameterDefinition, ProviderDefinition, PipelineDefinition)


@final
class LayeredTable(Immutable, Mapping[str, D], Generic[D]):
    """The definitions of one kind that a view sees: those above hide those below.

    Nothing of what lies below is copied, so a workspace costs what it changes.

    Args:
        under: the table that they lie upon; ``None`` for the core's.
        first: names that open the table, in this order; the rest follow by name.
        covered: what lies hidden below a definition and is in no other table, topmost first, by name.
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
        found = self.above.get(name)
        return self.below[name] if found is None else found

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
        """The aliases of what the table has above, each with the names of the definitions that have it."""
        return MappingProxyType(_by_alias(self.above))

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The names in table order."""
        return tuple(sorted(self.above.keys() | self.below.keys(), key=self._place))

    def aliased(self, alias: object) -> str | None:
        """The name that an alias stands for: of several the first in table order; ``None`` for a name."""
        if alias in self:
            return None
        names = list(self.aliases.get(alias, ()))
        if self.under is not None:
            names += [name for name in self.under.aliases.get(alias, ()) if name not in self.above]
        return min(names, key=self._place, default=None)

    def hidden(self, name: str) -> tuple[D, ...]:
        """The definitions of a name that the served one hides whole, topmost first.

        What it was merged with is no part of them.
        """
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
        """The sum of the definitions' digests.

        A sum does not depend on the order, and follows from the table below by what differs
        (Bellare and Micciancio, "A new paradigm for collision-free hashing", 1997).
        """
        own = sum(int(definition.digest, 16) for definition in self.above.values())
        if self.under is None:
            return own
        hidden = sum(int(self.below[name].digest, 16) for name in self.above.keys() & self.below.keys())
        return self.under.content - hidden + own

    def differs_in(self, names: Iterable[str], before: LayeredTable[D]) -> None:
        """Tell a core table that its own definitions are an earlier one's but for some, which spares the sum.

        Args:
            names: of the definitions that may differ.
        """
        if "content" not in before.__dict__:
            return  # nobody has asked for it, and working it out now would cost more than it spares
        gone = sum(int(before.above[name].digest, 16) for name in names if name in before.above)
        come = sum(int(self.above[name].digest, 16) for name in names if name in self.above)
        self.__dict__["content"] = before.content - gone + come


def _by_alias(definitions: Mapping[str, Any]) -> dict[object, tuple[str, ...]]:
    found: dict[object, tuple[str, ...]] = {}
    for name, definition in definitions.items():
        for alias in definition.data.get("aliases", ()):
            found[alias] = (*found.get(alias, ()), name)
    return found
