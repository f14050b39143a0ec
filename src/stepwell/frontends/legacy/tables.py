"""Old tables of a view, built lazily."""

from __future__ import annotations

import sys
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar, cast, final

if TYPE_CHECKING:
    from stepwell.model import StepDefinition
    from stepwell.resolve.view import View

__all__ = [
    "ClassRow",
    "LegacyRow",
    "LiveTable",
    "StepRow",
    "StepRows",
    "Tables",
    "live_table",
    "row_of",
    "tables_of_rows",
    "tables_of_view",
]


K = TypeVar("K")
V = TypeVar("V")


class _ReadOnly(dict[K, V]):
    """Read-only dict; copies are plain dicts."""

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
class LegacyRow(_ReadOnly[str, V]):
    """Fields of a step or class."""

    __slots__ = ()

    @property
    def _title(self) -> str:
        return "a row of the table"


def row_of(fields: Mapping[str, V]) -> LegacyRow[V]:
    """Return a row with these fields."""
    row = cast("LegacyRow[V]", dict.__new__(LegacyRow))
    dict.update(row, fields)
    return row


@final
class _OnlyShown:
    """The one key of a live table's own storage.

    C code that reads the storage of a dict without calling its methods finds this instead of rows that
    went stale, and most of it reports that it cannot serialize it. It also keeps the storage from being
    empty, which is all that ``json`` checks there.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "<a live table: dict(table) is what it shows>"


_ONLY_SHOWN = {_OnlyShown(): None}
_TEST_TOOLS: Final = frozenset({"_pytest.monkeypatch", "unittest.mock"})
"""Modules that patch dicts in tests and restore them."""


@final
class LiveTable(_ReadOnly[K, V]):
    """Read-only dict of the current content, without storage."""

    __slots__ = ("_name", "_patch", "_shown", "_writers")

    _name: str
    _patch: Callable[[dict[K, V]], None] | None
    _writers: frozenset[str] | None
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
        """Return the value of a key, or a default."""
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

    def __setitem__(self, key: K, value: V) -> None:  # type: ignore[override]
        self._write({**self._shown(), key: value})

    def __delitem__(self, key: K) -> None:  # type: ignore[override]
        content = self._shown().copy()
        content.pop(key, None)
        self._write(content)

    def clear(self) -> None:  # type: ignore[override]
        """Reject the call, except in a patch of a test."""
        self._write({})

    def update(self, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Reject the call, except in a patch of a test."""
        self._write(self._shown() | dict(*args, **kwargs))

    def _write(self, content: dict[K, V]) -> None:
        caller = sys._getframe(2).f_globals.get("__name__")  # noqa: SLF001 - tests patch the old tables
        if self._patch is None or (self._writers is not None and caller not in self._writers):
            self._refuse()
        self._patch(content)


def live_table(
    name: str,
    shown: Callable[[], dict[K, V]],
    patch: Callable[[dict[K, V]], None] | None = None,
    writers: frozenset[str] | None = _TEST_TOOLS,
) -> dict[K, V]:
    """Return a live table.

    Args:
       name: title for error messages.
       shown: returns the current content.
       patch: replaces the content.
       writers: modules that may write, ``None`` for all.
    """
    table = cast("LiveTable[K, V]", dict.__new__(LiveTable))
    object.__setattr__(table, "_name", name)
    object.__setattr__(table, "_patch", patch)
    object.__setattr__(table, "_writers", writers)
    object.__setattr__(table, "_shown", shown)
    dict.update(cast("dict[Any, Any]", table), _ONLY_SHOWN)
    return table


StepRow = dict[str, str]
ClassRow = dict[str, str | None]


@final
class StepRows(dict[str, StepRow]):
    """Rows by name, built on first lookup.

    Args:
        make: returns the row of a step, ``None`` where the tables have none of that name.
    """

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[str], StepRow | None]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, name: str) -> StepRow:
        row = self._make(name)
        if row is None:
            raise KeyError(name)
        return self.setdefault(name, row)

    def has(self, name: str) -> bool:
        """Return whether there is a row with this name."""
        try:
            self[name]
        except KeyError:
            return False
        return True


@final
@dataclass(frozen=True)
class Tables:
    """Tables of a view for old importers; read-only.

    Args:
        rows: the rows of ``STEP_NAMES`` by name, without an order.
        order: returns the names in table order.
        classes: returns the table of hyperparameter classes.
        alias: returns the step that a name is an old name of.
    """

    title: str
    rows: StepRows
    order: Callable[[], Iterable[str]]
    classes: Callable[[], dict[str, ClassRow]]
    alias: Callable[[str], str | None] = lambda _: None

    @cached_property
    def step_names(self) -> dict[str, StepRow]:
        """``STEP_NAMES``."""
        rows = self.rows
        return {name: rows[name] for name in self.order()}

    @cached_property
    def config_steps(self) -> dict[str, str]:
        """``CONFIG_STEP_REGISTRY``."""
        return {row["config_class"]: name for name, row in self.step_names.items()}

    @cached_property
    def builders(self) -> dict[str, str]:
        """``BUILDER_STEP_NAMES``."""
        return {name: row["builder_step_name"] for name, row in self.step_names.items()}

    @cached_property
    def spec_types(self) -> dict[str, str]:
        """``SPEC_STEP_TYPES``."""
        return {name: row["spec_type"] for name, row in self.step_names.items()}

    @cached_property
    def by_spec_type(self) -> dict[str, str]:
        """Return the last step of each specification type, as the old module did."""
        return {row["spec_type"]: name for name, row in self.step_names.items()}

    @cached_property
    def by_sagemaker_type(self) -> dict[str, list[str]]:
        """Return the steps of each SageMaker step type."""
        names: dict[str, list[str]] = {}
        for name, row in self.step_names.items():
            names.setdefault(row["sagemaker_step_type"], []).append(name)
        return names

    @cached_property
    def hyperparameters(self) -> dict[str, ClassRow]:
        """``HYPERPARAMETER_REGISTRY``."""
        return self.classes()

    def patched(self, content: Mapping[str, dict[str, Any]]) -> Tables:
        """Return these tables with the content of some replaced, by attribute; the others do not change."""
        rows = content.get("step_names")
        made = replace(self) if rows is None else replace(self, rows=StepRows(rows.get), order=lambda: rows)
        kept = {name: getattr(self, name) for name in ("config_steps", "builders", "spec_types")}
        vars(made).update({**kept, **content})
        return made


def tables_of_view(view: View, core: Tables | None) -> Tables:
    """The tables of a view, which share their rows with the core's where it sees the same steps.

    Args:
        core: the tables of the core that it lies over, ``None`` for the core itself.
    """
    from stepwell.source.legacy_table import LEGACY_FIELDS

    own = view.steps.above

    def row(name: str) -> StepRow | None:
        step = view.steps.get(name)
        if step is None or step.sagemaker_step_type is None:
            return None
        if core is not None and name not in own:
            return core.rows[name]
        return row_of({field: getattr(step, field) for field in LEGACY_FIELDS})

    def order() -> Iterable[str]:
        steps = view.steps
        return (name for name in steps.order if steps[name].sagemaker_step_type is not None)

    def classes() -> dict[str, ClassRow]:
        return {
            name: row_of(
                {
                    "class_name": name,
                    "module_path": each.module_path,
                    "model_type": each.model_type,
                    "description": each.description,
                }
            )
            for name, each in view.hyperparameters.items()
        }

    def alias(name: str) -> str | None:
        step: StepDefinition | None = view.by_alias(name)
        return None if step is None or step.sagemaker_step_type is None else step.name

    return Tables(view.title, StepRows(row), order, classes, alias)


def tables_of_rows(
    title: str, rows: dict[str, StepRow], classes: Callable[[], dict[str, ClassRow]]
) -> Tables:
    """The tables of rows that a frozen module holds.

    Args:
        rows: its ``STEP_NAMES``.
        classes: returns its table of hyperparameter classes.
    """
    own: dict[str, LegacyRow[str]] = {name: row_of(row) for name, row in rows.items()}
    return Tables(title, StepRows(own.get), lambda: own, classes)
