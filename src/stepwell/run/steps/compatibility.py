"""Report fallbacks still in use and steps that do not match the interface version, without imports."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

from stepwell.code.implementation import place_in_module
from stepwell.live.registry import Registry
from stepwell.model.settings import Project
from stepwell.resolve.view import View
from stepwell.run.steps.prepare import mismatch, place_of
from stepwell.run.steps.result import Fault, StepError
from stepwell.source.diagnostic import Span
from stepwell.source.document import Document
from stepwell.source.foreign_code import Translated, import_object, worded

__all__ = [
    "Compatibility",
    "Fallback",
    "Fallbacks",
    "Mismatch",
    "compatibility",
    "load_fallback",
]


@final
@dataclass(frozen=True, slots=True)
class Fallback:
    """A fallback declared in the project.

    Args:
        served_by: location of the definition that replaces it; empty while the fallback is used.
        fault: why the code cannot be located; empty if it can.
        file: file that a migration would write, relative to the project; empty if none is needed.
    """

    step: str
    code: str
    declared_at: Span
    served_by: str = ""
    fault: str = ""
    file: str = ""
    text: str = ""


@final
@dataclass(frozen=True, slots=True)
class Mismatch:
    """A step that is incompatible with this version of the step interface."""

    step: str
    place: str
    reason: str


@final
@dataclass(frozen=True, slots=True)
class Compatibility:
    """Compatibility report of one view."""

    view: str
    fallbacks: tuple[Fallback, ...]
    mismatches: tuple[Mismatch, ...]

    @property
    def used(self) -> tuple[Fallback, ...]:
        """Return the fallbacks that still run a step."""
        return tuple(item for item in self.fallbacks if not item.served_by)


def compatibility(project: Project, view: View) -> Compatibility:
    """Return the compatibility report of a view."""
    fallbacks = tuple(_fallbacks(project, view))
    return Compatibility(view.title, fallbacks, tuple(_mismatches(view)))


def _fallbacks(project: Project, view: View) -> Iterator[Fallback]:
    config = project.config
    for name, code in sorted(project.settings.fallbacks.items()):
        if config is None:  # settings always come from a file
            continue
        at = _declared_at(config, project, name)
        step = view.get(name)
        if step is not None:
            yield Fallback(name, code, at, place_of(step))
            continue
        file = f"{project.settings.core}/steps/{project.settings.naming.stem(name)}.yaml"
        yield Fallback(name, code, at, "", place_in_module(code).fault, file, _text(project, name, code))


def _declared_at(config: Document, project: Project, name: str) -> Span:
    return config.value_span((*project.prefix, "execution", "fallbacks", name))


def _text(project: Project, name: str, code: str) -> str:
    from stepwell.source.yaml_writer import to_yaml  # not needed by the executor

    up = "../" * (project.settings.core.count("/") + 2)
    step = {"name": name, "description": f"The step type {name}.", "implementation": code}

    return f"# yaml-language-server: $schema={up}schemas/step.schema.json\n{to_yaml(step)}"


def _mismatches(view: View) -> Iterator[Mismatch]:
    for name in view:
        step = view[name]
        reason = mismatch(step)
        if reason:
            yield Mismatch(name, place_of(step), reason)


_log = logging.getLogger("stepwell.run.steps")


@final
class Fallbacks:
    """Finds the fallback of an unknown step and logs each use once.

    Args:
        given: fallbacks by step name; they override the ones declared in the project.
    """

    __slots__ = ("_given", "_loaded", "_noted", "_registry")

    def __init__(self, registry: Registry, given: Mapping[str, Any]) -> None:
        self._registry = registry
        self._given = dict(given)
        self._loaded: dict[tuple[str, str], Any] = {}
        self._noted: set[str] = set()

    def find(self, name: str) -> Any:
        """Return the fallback of a step, or ``None``.

        Raises:
            StepError: the declared fallback cannot be imported.
        """
        fallback = self._given.get(name)
        if fallback is None:
            declared = self._registry.project.settings.fallbacks.get(name)
            if declared is None:
                return None
            fallback = self._loaded.get((name, declared))
            if fallback is None:
                fallback = self._loaded.setdefault((name, declared), load_fallback(name, declared))
        if name not in self._noted:
            self._noted.add(name)
            _log.warning("no step %s in the registry: using its fallback (see `stepwell compat`)", name)
        return fallback


def load_fallback(name: str, declared: str) -> Any:
    module, _, path = declared.partition(":")

    def failed(error: BaseException) -> StepError:
        message = f"fallback `{declared}` cannot be loaded: {worded(error)}"
        return StepError(name, Fault.NO_IMPLEMENTATION, message)

    with Translated(failed):
        return import_object(module, path)
