"""Resolves layers into a Snapshot and records the origin of every value."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, final

from stepwell.source.immutable import Immutable

if TYPE_CHECKING:
    from datetime import date

    from stepwell.check.file import CheckedFile
    from stepwell.model.settings import Project
    from stepwell.resolve.layers import LayerTables, Overlay
    from stepwell.resolve.layout import Layout
    from stepwell.resolve.pipelines import CheckedPipelines
    from stepwell.resolve.plugins import PluginDefinitions
    from stepwell.resolve.snapshot import Snapshot
    from stepwell.source.diagnostic import Diagnostic

__all__ = ["LoadResult", "Summary", "collector_paused", "in_table_order"]

_NONE: Final[Mapping[str, Callable[[], object]]] = MappingProxyType({})


@final
class Summary(NamedTuple):
    """Figures of a load.

    Args:
        root: the project folder.
        files: number of files read.
        steps: numbers of steps in each view, and of those that it adds to the core; the core's under
            ``None``.
        diagnostics: findings in each view.
        workspace: the default workspace; empty for none.
        has_references: whether the settings have the table ``[references]``.
        names: returns the names of a view's steps, in order.
    """

    root: str
    files: int
    steps: Mapping[str | None, tuple[int, int]]
    diagnostics: Mapping[str | None, tuple[Diagnostic, ...]]
    workspace: str
    has_references: bool
    names: Callable[[str | None], Iterable[str]]


@final
class LoadResult(Immutable):
    """Result of loading a project.

    Args:
        parts: the attributes, or a function for those that are worked out on first use.
    """

    project: Project
    today: date
    snapshot: Snapshot
    """All views, without invalid definitions."""
    diagnostics: tuple[Diagnostic, ...]
    """All findings, in order."""
    layout: Layout
    checked: Mapping[str, CheckedFile]
    core: LayerTables
    overlays: Mapping[str, Overlay]
    guests: PluginDefinitions
    pipelines: CheckedPipelines
    own: Mapping[str | None, tuple[Diagnostic, ...]]
    """Findings that affect one view, by its workspace (``None`` for the core), or only frozen modules
    (``OF_FREEZING``); others affect all views."""
    summary: Summary | None
    """Figures of a cached result, which need no other part."""

    def __init__(self, work_out: Mapping[str, Callable[[], object]] = _NONE, /, **parts: object) -> None:
        self.__dict__.update({"summary": None, "_work_out": work_out, **parts})

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            work_out = self.__dict__.get("_work_out", {}).get(name)
            if work_out is None:
                raise AttributeError(name)
            return self.__dict__.setdefault(name, work_out())

    @property
    def files(self) -> int:
        """Number of files read."""
        return len(self.checked) + len(self.layout.settings) + (self.project.config is not None)

    def replaced(self, **parts: object) -> LoadResult:
        """Return a result with other parts."""
        return LoadResult(self.__dict__["_work_out"], **{**self.__dict__, **parts})


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the garbage collector while loading acyclic, long-lived records."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def in_table_order(names: Iterable[str], first: Iterable[str]) -> list[str]:
    """Return names in the order of a table: first those that come first, then by name."""
    ranks = {name: place for place, name in enumerate(first)}
    return sorted(names, key=lambda name: (ranks.get(name, len(ranks)), name))
