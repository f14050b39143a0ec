"""The modules of worlds, findable by name from the moment that their project is opened.

An instance that was pickled in one process is read in another, which may have loaded nothing yet. What is
here costs an opened project nothing; ``stepwell.isolated`` is imported when somebody asks for such a module.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Final, NamedTuple, final

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

__all__ = ["make_findable"]

_PACKAGE: Final = "stepwell_worlds"


@final
class _Folders(NamedTuple):
    """Where a project's sources lie, as ``Worlds`` is told.

    Args:
        sources: the folders of the core's sources, relative to the project.
        workspaces: the folder of the workspaces, likewise.
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
        from stepwell.isolated import FINDER, Worlds, project_key

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
