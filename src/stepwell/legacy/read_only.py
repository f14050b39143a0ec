"""Dicts that are read and never written: rows that hold their fields, tables that show what is served."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from copy import deepcopy
from typing import Any, NoReturn, TypeVar, cast, final

__all__ = ["LiveTable", "Row", "live_table", "row_of"]

K = TypeVar("K")
V = TypeVar("V")


class _ReadOnly(dict[K, V]):
    """A dict whose methods refuse to write; whatever is made from it is a plain dict."""

    __slots__ = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """A plain dict: ``type(table)(…)``, as ``dataclasses.asdict`` writes it, is nothing of ours."""
        return dict(*args, **kwargs)

    @property
    def _title(self) -> str:
        raise NotImplementedError

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError(f"{self._title} is read-only: it shows the registry; `dict(…)` of it can be changed")

    __setitem__ = _refuse
    __delitem__ = _refuse
    __ior__ = _refuse
    clear = _refuse
    pop = _refuse
    popitem = _refuse
    setdefault = _refuse
    update = _refuse

    def __copy__(self) -> dict[K, V]:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[K, V]:
        return deepcopy(self.copy(), memo)

    def __reduce_ex__(self, protocol: object) -> tuple[type[dict[Any, Any]], tuple[dict[K, V]]]:
        return dict, (self.copy(),)

    @classmethod
    def fromkeys(cls, *args: Any) -> dict[Any, Any]:
        """A plain dict."""
        return dict.fromkeys(*args)


@final
class Row(_ReadOnly[str, V]):
    """The fields of one step or class."""

    __slots__ = ()

    @property
    def _title(self) -> str:
        return "a row of the table"


def row_of(fields: Mapping[str, V]) -> Row[V]:
    """A row with these fields."""
    row = cast("Row[V]", dict.__new__(Row))
    dict.update(row, fields)
    return row


@final
class _OnlyShown:
    """The one key of a live table's own storage.

    C code that reads the storage of a dict without asking its methods meets this instead of rows that
    went stale, and most of it says that it cannot serialize it. It also keeps the storage from being
    empty, which is all that ``json`` looks at there.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "<a live table: dict(table) is what it shows>"


_ONLY_SHOWN = {_OnlyShown(): None}


@final
class LiveTable(_ReadOnly[K, V]):
    """A dict that shows what is served at the moment that it is asked, and holds nothing."""

    __slots__ = ("_name", "_shown")

    _name: str
    _shown: Callable[[], dict[K, V]]

    @property
    def _title(self) -> str:
        return self._name

    def __getitem__(self, key: K) -> V:
        return self._shown()[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._shown())

    def __reversed__(self) -> Iterator[K]:
        return reversed(self._shown())

    def __len__(self) -> int:
        return len(self._shown())

    def __contains__(self, key: object) -> bool:
        return key in self._shown()

    def __eq__(self, other: object) -> bool:
        return self._shown() == (other._shown() if isinstance(other, LiveTable) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]

    def __or__(self, other: Any) -> Any:
        return self._shown() | (other._shown() if isinstance(other, LiveTable) else other)

    def __ror__(self, other: Any) -> Any:
        return other | self._shown()

    def __repr__(self) -> str:
        return repr(self._shown())

    def get(self, key: Any, default: Any = None) -> Any:
        """The value of a key, or a default."""
        return self._shown().get(key, default)

    def keys(self) -> KeysView[K]:  # type: ignore[override]
        """The keys that it shows now."""
        return self._shown().keys()

    def values(self) -> ValuesView[V]:  # type: ignore[override]
        """The values that it shows now."""
        return self._shown().values()

    def items(self) -> ItemsView[K, V]:  # type: ignore[override]
        """The items that it shows now."""
        return self._shown().items()

    def copy(self) -> dict[K, V]:
        """What it shows now, as a plain dict."""
        return self._shown().copy()


def live_table(name: str, shown: Callable[[], dict[K, V]]) -> dict[K, V]:
    """A live table.

    Args:
        name: what it is called when it refuses to be written.
        shown: gives what it shows at the moment.
    """
    table = cast("LiveTable[K, V]", dict.__new__(LiveTable))
    object.__setattr__(table, "_name", name)
    object.__setattr__(table, "_shown", shown)
    dict.update(cast("dict[Any, Any]", table), _ONLY_SHOWN)
    return table
