"""Execution engines: local processes, Dask, and engines of installed packages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from stepwell.run.pipelines.engines.dask import Dask
from stepwell.run.pipelines.engines.engine import Engine, EngineError, Session
from stepwell.run.pipelines.engines.local import Local
from stepwell.source.extensions import extensions, load_extension

__all__ = [
    "ENGINES",
    "GROUP",
    "Dask",
    "Engine",
    "EngineError",
    "Local",
    "Session",
    "engine_named",
]

GROUP: Final = "stepwell.engines"
"""Entry point group for engines in installed packages."""


def _local(_: str | None, jobs: int, resources: Mapping[str, float], __: float = 0.0) -> Engine:
    return Local(jobs, resources)


ENGINES: Final[Mapping[str, Callable[[str | None, int, Mapping[str, float], float], Engine]]] = (
    MappingProxyType({"local": _local, "dask": Dask})
)
"""Built-in engines by name."""


def engine_named(
    name: str,
    *,
    scheduler: str | None = None,
    jobs: int = 1,
    resources: Mapping[str, float] | None = None,
    connect_timeout: float = 10.0,
) -> Engine:
    """Return a built-in or installed engine.

    Args:
        jobs: maximum number of concurrent attempts, unless the engine counts its own workers.
        resources: total of each resource, unless the engine knows it.
        connect_timeout: seconds to wait for the scheduler of a built-in engine.

    Raises:
        EngineError: unknown engine.
        ExtensionError: the installed engine cannot be loaded.
    """
    make = ENGINES.get(name)
    if make is not None:
        return make(scheduler, jobs, resources or {}, connect_timeout)
    loaded = load_extension(GROUP, name)
    if loaded is None:
        available = ", ".join((*ENGINES, *sorted(extension.name for extension in extensions(GROUP))))
        raise EngineError(f"unknown engine `{name}` (available: {available})")
    engine: Engine = loaded.call(scheduler, jobs, resources or {})
    return engine
