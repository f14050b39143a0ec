"""Mixins for the old base classes of builders and configs, on top of the live registry."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, final

from stepwell.frontends.legacy.project import tables_in
from stepwell.frontends.legacy.step_names import BUILDER_STEP_NAMES, CONFIG_STEP_REGISTRY
from stepwell.frontends.legacy.tables import live_table

__all__ = ["StepNamesMixin", "StepRegistryMixin"]


class StepNamesMixin:
    """Adds ``STEP_NAMES`` to a base class of builders: step name to builder, in the builder's workspace.

    That is the ``workspace_id`` of its ``config``, or its own, or else the one in effect. The table is a
    read-only dict that always shows the current registry.
    """

    @property
    def STEP_NAMES(self) -> dict[str, str]:  # noqa: N802 - as old code calls it
        """Step names to builder classes."""
        named = _workspace_of(getattr(self, "config", None)) or _workspace_of(self)
        return BUILDER_STEP_NAMES if named is None else _builders(named)


@final
class _OnBoth:
    """A method of the class that, called on an object, knows the object."""

    def __init__(self, method: Callable[[Any], dict[str, str]]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    def __get__(self, instance: object, owner: type) -> Callable[[], dict[str, str]]:
        return partial(self._method, owner if instance is None else instance)


def _get_step_registry(asked: Any) -> dict[str, str]:
    """Return configuration classes to step names, in the config's workspace or the one in effect."""
    named = _workspace_of(asked)
    return CONFIG_STEP_REGISTRY if named is None else _configs(named)


class StepRegistryMixin:
    """Adds ``get_step_registry()`` to a base class of configurations: configuration class to step name.

    The workspace is that of the object's or class's ``workspace_id``, or else the active one. The table is a
    read-only dict that always shows the current registry.
    """

    get_step_registry = _OnBoth(_get_step_registry)


def _workspace_of(asked: object) -> str | None:
    named = getattr(asked, "workspace_id", None)
    return named if isinstance(named, str) and named else None


@cache
def _builders(workspace: str) -> dict[str, str]:
    return live_table("STEP_NAMES", lambda: tables_in(workspace).builders)


@cache
def _configs(workspace: str) -> dict[str, str]:
    return live_table("the step registry", lambda: tables_in(workspace).config_steps)


def __dir__() -> list[str]:
    return __all__
