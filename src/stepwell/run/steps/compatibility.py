"""What old code still runs, and what this version of the interface does not suit; nothing is imported."""

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
from stepwell.source.exception_text import worded
from stepwell.source.foreign_code import Translated, import_object

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
    """One fallback that the project declares.

    Args:
        served_by: the file and line of the definition that makes it needless; empty where it is still used.
        fault: why the code cannot be found from here; empty where it is.
        file: the file that a migration would write, relative to the project; empty where none is needed.
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
    """A step that this version of the interface of step types does not suit."""

    step: str
    place: str
    reason: str


@final
@dataclass(frozen=True, slots=True)
class Compatibility:
    """What still has to be done about old code in one view.

    Args:
        mismatches: the steps that do not suit, in table order.
    """

    view: str
    fallbacks: tuple[Fallback, ...]
    mismatches: tuple[Mismatch, ...]

    @property
    def used(self) -> tuple[Fallback, ...]:
        """Those that still serve a step."""
        return tuple(one for one in self.fallbacks if not one.served_by)


def compatibility(project: Project, view: View) -> Compatibility:
    """What still has to be done about old code."""
    fallbacks = tuple(_fallbacks(project, view))
    return Compatibility(view.title, fallbacks, tuple(_mismatches(view)))


def _fallbacks(project: Project, view: View) -> Iterator[Fallback]:
    config = project.config
    for name, code in sorted(project.settings.fallbacks.items()):
        if config is None:  # a setting is stated somewhere
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
    from stepwell.source.yaml_writer import to_yaml  # the executor, which shares this module, writes no YAML

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
    """Finds what serves a step that the registry does not have, and notes each once in the log.

    Args:
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

    def failed(error: BaseException) -> StepError:
        said = f"its fallback `{declared}` cannot be loaded: {worded(error)}"
        return StepError(name, Fault.NO_IMPLEMENTATION, said)

    with Translated(failed):
        return import_object(module, path)
