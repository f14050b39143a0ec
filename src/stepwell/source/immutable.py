"""Base classes of values: immutable with clear error messages, and with a notebook representation."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from typing import Any, Final, NoReturn, TypeVar

__all__ = ["Immutable", "InNotebook", "immutable"]

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


_RENDERER: Final = "stepwell.frontends.render.notebook"
"""Referenced by name, because values must not depend on their renderer."""


class InNotebook:
    """Value with a rich notebook representation."""

    __slots__ = ()

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        """Return the representations by media type (IPython, "Integrating your objects with IPython").

        Args:
            include: the requested media types; all by default.
        """
        bundle: dict[str, Any] = import_module(_RENDERER).bundle(self)
        return {
            kind: shown
            for kind, shown in bundle.items()
            if (include is None or kind in include) and (exclude is None or kind not in exclude)
        }

    def _repr_html_(self) -> str:
        return str(self._repr_mimebundle_()["text/html"])
