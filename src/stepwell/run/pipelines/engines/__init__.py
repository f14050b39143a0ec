"""Where attempts at steps are made: on this machine, on a cluster, or on what an installed package brings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from stepwell.run.pipelines.engines.dask import Dask
from stepwell.run.pipelines.engines.engine import Engine, EngineError, Session
from stepwell.run.pipelines.engines.local import Local
from stepwell.source.extensions import extensions, load_extension

__all__ = ["ENGINES", "GROUP", "Dask", "Engine", "EngineError", "Local", "Session", "engine_named"]

GROUP: Final = "stepwell.engines"
"""The entry points of installed packages that bring an engine: a callable like those of ``ENGINES``."""

ENGINES: Final[Mapping[str, Callable[[str | None, int, Mapping[str, float]], Engine]]] = MappingProxyType(
    {
        "local": lambda _, jobs, resources: Local(jobs, resources),
        "dask": lambda scheduler, jobs, resources: Dask(scheduler, jobs, resources),
    }
)
"""Every engine by its name: made from a scheduler's address, how many jobs at once, and the resources."""


def engine_named(
    name: str, *, scheduler: str | None = None, jobs: int = 1, resources: Mapping[str, float] | None = None
) -> Engine:
    """An engine by its name: one of ``ENGINES``, or one that an installed package brings.

    Args:
        jobs: how many attempts at once, where the engine has no workers of its own to count.
        resources: what there is of each resource, where the engine does not know itself.

    Raises:
        EngineError: there is none of that name.
        ExtensionError: the package that brings it cannot be loaded.
    """
    make = ENGINES.get(name)
    if make is None:
        loaded = load_extension(GROUP, name)
        if loaded is None:
            there = ", ".join((*ENGINES, *sorted(one.name for one in extensions(GROUP))))
            raise EngineError(f"there is no engine `{name}` (there are {there})")
        make = loaded.call
    return make(scheduler, jobs, resources or {})
