"""One definition as its file states it, before the layers are applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

from stepwell.model.kinds import Definition, Kind
from stepwell.model.layer import Layer, Source

__all__ = ["AuthoredDefinition"]


@final
@dataclass(frozen=True, slots=True, eq=False)
class AuthoredDefinition:
    """One definition as its file states it: whole, or an override that patches another one.

    It holds what is stated and nothing else: no value of another layer, by convention or by default.
    Views, frozen modules and exporters take a ``Definition``, which applying the layers makes of it.

    Args:
        kind: what it defines.
        source: its document, which fits its schema.
    """

    kind: Kind
    source: Source
    _standalone: Definition | None = field(default=None, init=False, repr=False)

    @property
    def data(self) -> Mapping[str, Any]:
        """What is stated."""
        return self.source.document.data

    @property
    def is_override(self) -> bool:
        """Whether it patches a definition of its name below."""
        return self.source.layer is Layer.OVERRIDE

    def standalone(self) -> Definition | None:
        """The definition that it makes with nothing below it, always the same object; none for an override.

        A reload compares definitions by identity first, so an unchanged file must keep its own.
        """
        if self._standalone is None and not self.is_override:
            object.__setattr__(self, "_standalone", self.kind.define(self.data, (self.source,)))
        return self._standalone
