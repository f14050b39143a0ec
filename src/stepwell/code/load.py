"""The modules of worlds, findable by name from the moment that their project is opened.

An instance that was pickled in one process is read in another, which may have loaded nothing yet. What is
here costs an opened project nothing; ``stepwell.code.import_worlds`` is imported when somebody asks for
such a module.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

from stepwell.model import StepDefinition
from stepwell.model.component import CodePlace, Component, ComponentState
from stepwell.source.errors import ComponentError
from stepwell.source.exception_text import worded
from stepwell.source.foreign_code import Translated, import_object

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

__all__ = [
    "from_package",
    "make_findable",
    "not_there",
]


_PACKAGE: Final = "stepwell_worlds"


@final
class _Folders(NamedTuple):
    """Where a project's sources lie, as ``Worlds`` is told.

    Args:
        sources: the folders of the core's sources, relative to the project.
    """

    sources: tuple[str, ...]
    workspaces: str


@final
class _Finder:
    """Finds the modules of worlds of projects that were opened and of which nothing was loaded so far."""

    def __init__(self) -> None:
        self._opened: dict[str, _Folders] = {}
        self._writing = threading.Lock()

    def add(self, root: str, folders: _Folders) -> None:
        """Answer for one more project, or for one whose folders are other ones now."""
        with self._writing:
            self._opened[root] = folders
            if self not in sys.meta_path:
                sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module of a world; ``None`` for every other name."""
        if fullname.partition(".")[0] != _PACKAGE:
            return None
        from stepwell.code.import_worlds import FINDER, Worlds, project_key

        found = FINDER.find_spec(fullname, path, target)
        if found is not None:
            return found
        with self._writing:
            opened = dict(self._opened)
        for root, folders in opened.items():
            if project_key(root) == fullname.split(".")[1]:
                Worlds(root, folders.sources, folders.workspaces)  # which the other finder knows from now on
                return FINDER.find_spec(fullname, path, target)
        return None


_FINDER: Final = _Finder()


def make_findable(root: str, sources: tuple[str, ...], workspaces: str) -> None:
    """Let ``import`` know the modules of a project's worlds; nothing of it is read before.

    Args:
        root: the project's folder, absolute, links resolved.
        sources: the folders of the core's sources, relative to it.
        workspaces: the folder of the workspaces, relative to it.
    """
    _FINDER.add(root, _Folders(sources, workspaces))


def from_package(workspace: str | None, place: CodePlace) -> Any:
    """Import a component of an installed package, as anybody would.

    Args:
        place: where it is.

    Raises:
        ComponentError: the import fails, or there is no such name; what was raised is the cause.
    """

    def failed(error: BaseException) -> ComponentError:
        return ComponentError(place.name or place.path, workspace, place.path, place.line, worded(error))

    with Translated(failed):
        return import_object(place.module, place.name)


def not_there(workspace: str | None, step: StepDefinition, component: Component) -> ComponentError:
    """The error for a component that has no one place."""
    source = step.sources[0].document if step.sources else None
    span = component.declared_at or (source.value_span(("name",)) if source is not None else None)
    path, line = (span.path, span.line) if span is not None else (step.name, 1)
    if component.state is ComponentState.NONE:
        fault = "the step declares none"
        if component.wanted:
            fault += f", and the sources have no `{component.wanted}`"
        return ComponentError(f"{step.name}.{component.kind}", workspace, path, line, fault)
    fault = f"{component.fault}; {component.help}" if component.help else component.fault
    return ComponentError(f"{step.name}.{component.kind}", workspace, path, line, fault)
