"""The old code that still runs steps which the registry does not have."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib import import_module
from typing import Any, final

from stepwell.execution.results import Fault, StepError
from stepwell.live.registry import Registry
from stepwell.source.exception_text import worded

__all__ = ["Fallbacks", "load_fallback"]

_log = logging.getLogger("stepwell.execution")


@final
class Fallbacks:
    """Finds what serves a step that the registry does not have, and notes each once in the log.

    Args:
        registry: whose settings declare them.
        given: those that code gives, by the step's name; they come before the declared ones.
    """

    __slots__ = ("_given", "_loaded", "_noted", "_registry")

    def __init__(self, registry: Registry, given: Mapping[str, Any]) -> None:
        self._registry = registry
        self._given = dict(given)
        self._loaded: dict[tuple[str, str], Any] = {}
        self._noted: set[str] = set()

    def find(self, name: str) -> Any:
        """What serves a step; ``None`` where nothing does.

        Raises:
            StepError: the project declares it, and it cannot be imported.
        """
        found = self._given.get(name)
        if found is None:
            declared = self._registry.project.settings.fallbacks.get(name)
            if declared is None:
                return None
            found = self._loaded.get((name, declared))
            if found is None:
                found = self._loaded.setdefault((name, declared), load_fallback(name, declared))
        if name not in self._noted:
            self._noted.add(name)
            _log.warning(
                "the registry has no step %s: a fallback serves it, and `stepwell compat` tells of it", name
            )
        return found


def load_fallback(name: str, declared: str) -> Any:
    module, _, path = declared.partition(":")
    try:
        found: Any = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:  # old code may raise anything while it is imported
        said = f"its fallback `{declared}` cannot be loaded: {worded(error)}"
        raise StepError(name, Fault.NO_IMPLEMENTATION, said) from error
    return found
