"""Repeats the layering alone, with the inputs of one load."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from unittest import mock

from peers import Overlay

import stepwell
from stepwell.resolve import load
from stepwell.resolve.layers import LayerTables, layer_core, layer_workspace
from stepwell.resolve.table import LayeredTable
from stepwell.resolve.view import View

__all__ = ["Inputs", "by_name", "compare", "timed"]


@dataclass(frozen=True, slots=True)
class Inputs:
    """Inputs of the layering from one load.

    Args:
        core: the arguments of ``layer_core``.
        workspaces: the arguments of each ``layer_workspace`` after the core's tables.
    """

    core: tuple[Any, ...]
    workspaces: Sequence[tuple[Any, ...]]

    @classmethod
    def of(cls, root: str) -> Inputs:
        """Those of a project."""
        with (
            mock.patch.object(load, "layer_core", wraps=layer_core) as for_core,
            mock.patch.object(load, "layer_workspace", wraps=layer_workspace) as for_workspaces,
        ):
            registry = stepwell.open(root)
        if registry.diagnostics:
            raise RuntimeError(f"the generated project has findings: {registry.diagnostics[0]}")
        core = [call.args for call in for_core.call_args_list]
        return cls(core[0], [call.args[1:] for call in for_workspaces.call_args_list])

    def plain(self) -> tuple[list[dict[str, Any]], list[Overlay]]:
        """The same as plain data: the core's rows, and each workspace's."""
        overlays = []
        for _, files, *_ in self.workspaces:
            local = [_row(file) for file in files if "/local/" in file.listed.path]
            override = [_row(file) for file in files if "/override/" in file.listed.path]
            overlays.append(Overlay(local, override))
        return [_row(file) for file in self.core[0]], overlays

    def core_tables(self) -> LayerTables:
        """The core's tables."""
        return layer_core(*self.core)

    def views(self) -> list[View]:
        """The core's tables, then the view of each workspace over them."""
        return self.views_over(self.core_tables())

    def views_over(self, core: LayerTables) -> list[View]:
        """The view of each workspace over the core's tables."""
        below = _view(None, core, None)
        return [_view(rest[0].id, layer_workspace(core, *rest), below) for rest in self.workspaces]


def _row(file: Any) -> dict[str, Any]:
    return dict(file.source.document.data)


def _view(workspace: str | None, layered: LayerTables, core: View | None) -> View:
    tables: dict[str, LayeredTable[Any]] = {}
    for kind, above in layered.tables.items():
        tables[kind] = LayeredTable(above, core.tables[kind] if core else None, ())
    return View(workspace, tables, layered.diagnostics)


def by_name(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Rows by name, their tuples as lists."""
    return {row["name"]: _plain(row) for row in rows}


def compare(ours: Sequence[View], theirs: Sequence[Mapping[Any, Any]]) -> None:
    """Compare some views of both ways.

    Raises:
        RuntimeError: they differ.
    """
    for view, table in list(zip(ours, theirs, strict=True))[:3]:
        if by_name(step.data for step in view.values()) != {key: _plain(row) for key, row in table.items()}:
            raise RuntimeError(f"{view!r} is not what the other way gives")


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in row.items()}


def timed(rounds: int, ways: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    """CPU seconds of each way, by turns, after one round that does not count.

    The collector rests, as it does while Stepwell loads; a result is freed after its time is taken.
    """
    took: dict[str, list[float]] = {key: [] for key in ways}
    gc.collect()
    gc.disable()
    for number in range(rounds + 1):
        for key, way in ways.items():
            started = time.process_time()
            result = way()
            seconds = time.process_time() - started
            del result
            if number:
                took[key].append(seconds)
    return took
