"""Import components, and make the modules of import worlds available to ``import``.

Pickled instances may be loaded in another process that has imported nothing yet, so the finder is registered
when a project is opened; ``stepwell.code.import_worlds`` is imported on first use.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

from stepwell.model import StepDefinition
from stepwell.model.component import CodePlace, Component, ComponentState
from stepwell.source.errors import ComponentError
from stepwell.source.foreign_code import Translated, import_object, worded
from stepwell.source.fork_lock import ForkLock

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

    from stepwell.model.settings import Project

__all__ = [
    "from_package",
    "make_findable",
    "not_there",
]


_PACKAGE: Final = "stepwell_worlds"


@final
class _Folders(NamedTuple):
    """Source folders of a project, for ``Worlds``."""

    sources: tuple[str, ...]
    workspaces: str


@final
class _Finder:
    """Finder for modules of opened projects before any of them is loaded."""

    def __init__(self) -> None:
        self._opened: dict[str, _Folders] = {}
        self._writing = ForkLock()

    def add(self, root: str, folders: _Folders) -> None:
        """Register a project or update its folders."""
        with self._writing:
            self._opened[root] = folders
            if self not in sys.meta_path:
                sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module of an import world, or ``None``."""
        if fullname.partition(".")[0] != _PACKAGE:
            return None
        from stepwell.code.import_worlds import FINDER, Worlds, project_key

        spec = FINDER.find_spec(fullname, path, target)
        if spec is not None:
            return spec
        with self._writing:
            opened = dict(self._opened)
        for root, folders in opened.items():
            if project_key(root) == fullname.split(".")[1]:
                Worlds(root, folders.sources, folders.workspaces)  # registers it with the other finder
                return FINDER.find_spec(fullname, path, target)
        return None


_FINDER: Final = _Finder()


def make_findable(project: Project) -> None:
    """Make the modules of a project's import worlds importable, without reading them."""
    settings = project.settings
    _FINDER.add(project.root, _Folders(settings.component_folders, settings.workspaces))


def from_package(workspace: str | None, place: CodePlace) -> Any:
    """Import a component of an installed package.

    Raises:
        ComponentError: the import fails or the name is missing.
    """

    def failed(error: BaseException) -> ComponentError:
        return ComponentError(place.name or place.path, workspace, place.path, place.line, worded(error))

    with Translated(failed):
        return import_object(place.module, place.name)


def not_there(workspace: str | None, step: StepDefinition, component: Component) -> ComponentError:
    """Return the error for a component without a unique location."""
    source = step.sources[0].document if step.sources else None
    span = component.declared_at or (source.value_span(("name",)) if source is not None else None)
    path, line = (span.path, span.line) if span is not None else (step.name, 1)
    if component.state is ComponentState.NONE:
        fault = "the step does not declare one"
        if component.wanted:
            fault += f", and the sources have no `{component.wanted}`"
        return ComponentError(f"{step.name}.{component.kind}", workspace, path, line, fault)
    fault = f"{component.fault}; {component.help}" if component.help else component.fault
    return ComponentError(f"{step.name}.{component.kind}", workspace, path, line, fault)
