"""Immutable objects with clear error messages."""

from __future__ import annotations

from typing import NoReturn, TypeVar

__all__ = ["Immutable", "immutable"]

S = TypeVar("S")


class Immutable:
    """Object with attributes set during construction or computed once; copies return the object itself."""

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
    """Add the methods of ``Immutable`` to a frozen dataclass.

    A base class does not work because ``dataclass`` generates its own methods, which fail for unknown
    attributes of classes with slots (Python 3.11).
    """
    for name in ("__setattr__", "__delattr__", "__copy__", "__deepcopy__"):
        setattr(record, name, getattr(Immutable, name))
    return record
