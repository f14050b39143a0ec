"""Base classes of values: immutable with clear error messages, and with a notebook representation."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: object) -> Any:  # of Python 3.11
        return lambda decorator: decorator


__all__ = ["Immutable", "InNotebook", "immutable", "record"]

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


class _Fields:
    """``__dataclass_fields__`` of a record, made when a function of ``dataclasses`` reads it."""

    def __init__(self, defaults: dict[str, Any]) -> None:
        self._defaults = defaults

    def __get__(self, _: object, owner: type) -> Any:
        from dataclasses import dataclass

        annotations = {name: owner.__annotations__[name] for name in owner.__match_args__}  # type: ignore[attr-defined]
        plain: Any = dataclass(type(owner.__name__, (), {"__annotations__": annotations, **self._defaults}))
        fields = plain.__dataclass_fields__
        owner.__dataclass_fields__ = fields  # type: ignore[attr-defined]
        return fields


@dataclass_transform(frozen_default=True)
def record(cls: type[S]) -> type[S]:
    """Return a class as an immutable dataclass with slots, made several times faster than by ``dataclass``.

    Commands spend much of their start on the classes that they import. Fields have no options but defaults.
    """
    names = tuple(name for name, kind in cls.__annotations__.items() if not str(kind).startswith("ClassVar"))
    parts = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
    defaults = {name: parts.pop(name) for name in names if name in parts}
    metaclass: Any = type(cls)
    made: Any = metaclass(cls.__name__, cls.__bases__, {**parts, "__slots__": names})
    values = attrgetter(*names) if len(names) > 1 else lambda self: (getattr(self, names[0]),)
    scope: dict[str, Any] = {f"default_{name}": value for name, value in defaults.items()}
    scope |= {f"set_{name}": vars(made)[name].__set__ for name in names}
    arguments = ", ".join(f"{name}=default_{name}" if name in defaults else name for name in names)
    body = "\n".join(f" set_{name}(self, {name})" for name in names)
    if "__post_init__" in parts:
        body += "\n self.__post_init__()"
    exec(f"def __init__(self, {arguments}):\n{body}", scope)  # noqa: S102 - of the names of the fields

    def equal(self: Any, other: object) -> bool:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    def shown(self: Any) -> str:
        return f"{cls.__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    methods = {
        "__init__": scope["__init__"],
        "__eq__": equal,
        "__hash__": lambda self: hash(values(self)),
        "__repr__": shown,
        "__reduce__": lambda self: (made, values(self)),
    }
    for name, method in methods.items():
        if name not in parts or (name == "__hash__" and parts[name] is None):
            setattr(made, name, method)
    immutable(made)
    made.__qualname__ = cls.__qualname__
    setattr(made, "__match_args__", names)  # noqa: B010 - final to the type checker
    made.__dataclass_fields__ = _Fields(defaults)
    result: type[S] = made
    return result


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
