"""The tables of ``layering`` after some files changed, without laying again what did not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from stepwell.check import catalog
from stepwell.check.catalog import ViewScope
from stepwell.check.file import CheckedFile
from stepwell.layering import Layered, words_of
from stepwell.model import KINDS, Definition, StepDefinition
from stepwell.model.settings import Settings

__all__ = ["Replaced", "concerned", "relayer_core"]

_EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})

Replaced = tuple[CheckedFile | None, CheckedFile | None]
"""One file before and after a change; ``None`` where there is none."""


def relayer_core(before: Layered, replaced: Iterable[Replaced], settings: Settings) -> Layered | None:
    """The core's tables after some files changed, if all is well; ``None`` when it takes a whole look.

    Args:
        before: the tables before.
        replaced: the core's files that changed.
        settings: the project's.
    """
    gone = [old for old, _ in replaced if old is not None]
    come = [new for _, new in replaced if new is not None]
    if before.diagnostics or before.used or any(file.diagnostics or file.ignores for file in (*gone, *come)):
        return None
    if any(file.name in before.covered.get(file.listed.kind, _EMPTY) for file in gone):
        return None  # what it hid shows again
    tables = {folder: table.copy() for folder, table in before.tables.items()}  # type: ignore[attr-defined]
    for file in gone:
        del tables[file.listed.kind][file.name]
    fresh: dict[str, dict[str, Definition]] = {folder: {} for folder in KINDS}
    for file in come:
        table = tables[file.listed.kind]
        if file.name is None or file.definition is None or file.name in table:
            return None
        table[file.name] = fresh[file.listed.kind][file.name] = file.definition
    by_config_class, by_alias = _index_again(before, gone, come)
    for folder, kind in KINDS.items():
        scope = ViewScope(
            kind,
            None,
            tables[folder],
            fresh[folder],
            fresh[folder],
            (),
            (),
            by_config_class,
            by_alias,
            _EMPTY,
            settings,
        )
        if any(True for _ in catalog.run(catalog.active(catalog.VIEW_RULES, settings.severities), scope)):
            return None
    frozen = {folder: MappingProxyType(table) for folder, table in tables.items()}
    return Layered(
        MappingProxyType(frozen),
        before.left_out,
        (),
        (),
        by_config_class,
        by_alias,
        covered=before.covered,
    )


def _index_again(
    before: Layered, gone: Iterable[CheckedFile], come: Iterable[CheckedFile]
) -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, tuple[str, ...]]]:
    by_config_class, by_alias = dict(before.by_config_class), dict(before.by_alias)
    for files, keep in ((gone, False), (come, True)):
        for file in files:
            step = file.definition
            if not isinstance(step, StepDefinition):
                continue
            classes = () if step.config_class is None else (step.config_class,)
            for index, words in ((by_config_class, classes), (by_alias, step.aliases)):
                for word in words:
                    others = tuple(name for name in index.get(word, ()) if name != step.name)
                    index[word] = (*others, step.name) if keep else others
    return by_config_class, by_alias


def concerned(
    before: Layered, now: Layered, names: frozenset[str] | None = None
) -> Callable[[Layered], bool]:
    """Whether a workspace's tables may come out differently over other tables of the core.

    Args:
        before: the core's tables before.
        now: its tables.
        names: the names that alone may differ, if that is known.
    """
    if now is before:
        return lambda _: False
    words: set[str] = set()
    for folder, table in now.tables.items():
        old = before.tables[folder]
        suspects = old.keys() | table.keys() if names is None else names
        for name in suspects:
            if old.get(name) is table.get(name):
                continue
            words.add(name)
            words.update(*(words_of(one) for one in (old.get(name), table.get(name)) if one is not None))
    return lambda layered: bool(layered.diagnostics) or not words.isdisjoint(layered.words)
