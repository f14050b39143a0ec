"""Objects that cannot be changed, and say so."""

from __future__ import annotations

from typing import NoReturn, TypeVar

__all__ = ["Immutable", "immutable"]

S = TypeVar("S")


class Immutable:
    """An object whose attributes are set while it is made, or computed once when first read.

    A copy is the object itself.
    """

    __slots__ = ()

    def __setattr__(self, name: str, _: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable: cannot change {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable: cannot change {name!r}")

    def __copy__(self: S) -> S:  # noqa: PYI019 - Python 3.10 has no Self
        return self

    def __deepcopy__(self: S, _: object) -> S:  # noqa: PYI019
        return self


def immutable(record: type[S]) -> type[S]:
    """Give a frozen dataclass the methods of ``Immutable``.

    Its own say ``super(type, obj): obj must be …`` of an unknown attribute, where it has slots (Python 3.11).

    Args:
        record: the dataclass; a base class would not do, since ``dataclass`` writes its own methods.
    """
    for name in ("__setattr__", "__delattr__", "__copy__", "__deepcopy__"):
        setattr(record, name, getattr(Immutable, name))
    return record
