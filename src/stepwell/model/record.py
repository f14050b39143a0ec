"""What all kinds of definition have in common.

A definition is checked data and the documents that it came from, so that where a value was stated
can be told when somebody asks, and costs nothing when nobody does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, NoReturn

from stepwell.model.layer import Source
from stepwell.source.notebook_repr import in_notebook

__all__ = ["Record", "digest_of", "refuse"]


def refuse(record: object, name: str, *_: object) -> NoReturn:
    """Stand for ``__setattr__`` and ``__delattr__`` of what is immutable."""
    raise AttributeError(f"a {type(record).__name__} is immutable: cannot change {name!r}")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Record:
    """What all kinds of definition have in common: checked data, and the documents that it came from.

    Args:
        data: the merged data, read-only; it fits the schema.
        sources: its documents, topmost first.
    """

    data: Mapping[str, Any]
    sources: tuple[Source, ...] = ()
    _digest: str = field(default="", init=False)

    FIELDS: ClassVar[tuple[str, ...]] = ()
    LATER: ClassVar[frozenset[str]] = frozenset()
    """Fields that came later: they count in the digest only where they are stated, so that others stay."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def __eq__(self, other: object) -> bool:
        """Whether both say the same, wherever it was written."""
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.FIELDS)

    def __hash__(self) -> int:
        return hash(self.digest)

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        return in_notebook(self, include, exclude)

    def _repr_html_(self) -> str:
        return str(in_notebook(self)["text/html"])

    @property
    def name(self) -> str:
        """What it is called, in its layer and in every table."""
        name: str = self.data["name"]
        return name

    @property
    def description(self) -> str:
        """What it does, to someone choosing."""
        description: str = self.data["description"]
        return description

    @property
    def extensions(self) -> Mapping[str, Any]:
        """The fields that begin with ``x-``, which are the team's own."""
        return MappingProxyType({key: value for key, value in self.data.items() if key[:2] == "x-"})

    @property
    def digest(self) -> str:
        """A hash of all that it says, whatever its files look like."""
        if not self._digest:  # computed once, when first asked for
            said: list[Any] = [getattr(self, name) for name in self.FIELDS if name not in self.LATER]
            later = sorted(name for name in self.LATER if getattr(self, name) is not None)
            said += ([name, getattr(self, name)] for name in later)
            digest = digest_of(type(self).__name__, said)
            object.__setattr__(self, "_digest", digest)
        return self._digest


def digest_of(kind: str, said: list[Any]) -> str:
    """A hash of what a record of a kind says.

    Args:
        kind: what tells it from records of other kinds that say the same.
        said: the values of its fields, in their order.
    """
    text = json.dumps([kind, *said], default=_plain, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode("ascii"), digest_size=32).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return [getattr(value, name) for name in value.__slots__]
