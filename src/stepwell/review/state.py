"""State of a registry: a folder, a revision or a snapshot, with definitions or old tables."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Final, Protocol, final, runtime_checkable

from stepwell.check.file import CheckedFile
from stepwell.model.layer import Listed
from stepwell.model.settings import CONFIG_NAME, Project, Settings, read_project
from stepwell.resolve.incremental import load_changed, load_like
from stepwell.resolve.load import FindPlugins, LoadResult, Progress, ReadCache, load
from stepwell.source.diagnostic import Diagnostic, Severity
from stepwell.source.errors import ProjectError
from stepwell.source.tree import EntryKind, Tree

__all__ = [
    "RegistryState",
    "read_state",
    "require_content",
    "schemas_in",
]


_FOLDER: Final = "schemas"
_ENDING: Final = ".schema.json"


def schemas_in(tree: Tree) -> Mapping[str, Mapping[str, Any]]:
    """Return the project's schemas for editors by path; files that are not JSON objects are skipped."""
    schemas: dict[str, Mapping[str, Any]] = {}
    if tree.follow(_FOLDER).kind is not EntryKind.FOLDER:
        return MappingProxyType(schemas)
    names = sorted(entry.name for entry in tree.scan(_FOLDER) if entry.name.endswith(_ENDING))
    paths = [f"{_FOLDER}/{name}" for name in names]
    tree.expect(paths)
    for path in paths:
        content = tree.read(path)
        if isinstance(content, Diagnostic):
            continue
        try:
            schema = json.loads(content)
        except (ValueError, RecursionError):  # reported by the editor
            continue
        if isinstance(schema, dict):
            schemas[path] = MappingProxyType(schema)
    return MappingProxyType(schemas)


@final
@dataclass(frozen=True, slots=True)
class RegistryState:
    """State of a registry.

    Args:
       title: e.g. ``main (3f2a9c1)`` or ``the working tree``.
       tables: its Python tables; empty for definitions.
    """

    title: str
    loaded: LoadResult
    schemas: Mapping[str, Any]
    tables: tuple[str, ...] = ()
    lost: tuple[Diagnostic, ...] = ()

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """Return the errors that exclude definitions."""
        return tuple(
            finding
            for finding in (*self.loaded.diagnostics, *self.lost)
            if finding.severity is Severity.ERROR
        )


@runtime_checkable
class _Identified(Protocol):
    """Tree with content ids."""

    def id_of(self, path: str) -> str | None:
        """Return the content id of a file."""

    def id_for(self, content: bytes) -> str:
        """Return the content id of bytes."""


@runtime_checkable
class _Compared(Protocol):
    """Tree that can list differences from another tree."""

    def differing_from(self, other: Tree, folders: Collection[str]) -> frozenset[str] | None:
        """Return the different paths in some folders, or ``None`` if unknown."""


def read_state(
    title: str,
    root: str,
    tree: Tree,
    today: date,
    *,
    like: RegistryState | None = None,
    tables: tuple[str, ...] = (),
    progress: Progress | None = None,
    plugins: FindPlugins = tuple,
) -> RegistryState:
    """Read a state of a project, reusing unchanged parts of another state.

    Args:
       root: absolute path of the project folder.
       tables: files of an old registry to read instead of definitions, relative to the tree.

    Raises:
       ProjectError: the state has neither a configuration nor an old table.
    """
    project = read_project(root, tree)
    changed = _changed(project, like, today) if like is not None and not tables else None
    if tables or project is None or tree.follow(project.settings.core).kind is None:
        from stepwell.review.old_tables import find_tables, load_tables  # rarely needed

        old_tables = tables or find_tables(tree)
        if old_tables:
            settings = project.settings if project is not None else Settings()
            loaded, lost = load_tables(root, tree, settings, old_tables, today)
            return RegistryState(title, loaded, schemas_in(tree), old_tables, lost)
    if project is None:
        raise _nothing_in(title, f"a {CONFIG_NAME}")
    if like is not None and changed is not None:
        return RegistryState(title, load_changed(like.loaded, project, changed), schemas_in(tree))
    known: ReadCache = _nothing_known if like is None else _known(project, like, today)
    if like is not None and known is not _nothing_known and project.settings == like.loaded.project.settings:
        loaded = load_like(like.loaded, project, known)
    else:
        loaded = load(project, today, progress, plugins, known)
    return RegistryState(title, loaded, schemas_in(tree))


def require_content(state: RegistryState) -> None:
    """Reject a state that has no definition or old table, or none that can be read.

    Raises:
       ProjectError: a comparison with the state would be a comparison with nothing.
    """
    files = state.loaded.checked.values()
    if any(file.authored for file in files):
        return
    if files or (state.tables and state.errors):
        spans = [(error.span, error.message) for error in state.errors if error.span is not None]
        at = next((f" ({span.path}:{span.line}: {message})" for span, message in spans), "")
        source = "row of the old table" if state.tables else "definition"
        raise ProjectError(f"{state.title}: no {source} can be read{at}")
    project = state.loaded.project
    if not state.tables and project.tree.follow(project.settings.core).kind is None:
        raise _nothing_in(state.title, f"definitions in `{project.settings.core}`")


def _nothing_in(title: str, definitions: str) -> ProjectError:
    from stepwell.review.old_tables import LOOKED_FOR

    return ProjectError(
        f"{title} has neither {definitions} nor an old table: looked for {LOOKED_FOR}; "
        "`stepwell diff --base-table` names a file or folder"
    )


def _changed(project: Project | None, like: RegistryState, today: date) -> frozenset[str] | None:
    """Return the paths that differ from another state, or ``None`` if the tree does not know."""
    before = like.loaded
    if project is None or like.tables or today != before.today or project.settings != before.project.settings:
        return None
    if not isinstance(project.tree, _Compared):
        return None
    return project.tree.differing_from(
        before.project.tree, (project.settings.core, project.settings.workspaces)
    )


def _nothing_known(_: Listed) -> CheckedFile | None:
    return None


def _known(project: Project, like: RegistryState, today: date) -> ReadCache:
    """Return the read cache of another state, as far as it applies."""
    before = like.loaded
    other = before.project
    if like.tables or today != before.today or not _alike(project.settings, other.settings):
        return _nothing_known
    tree, its = project.tree, other.tree
    if not isinstance(tree, _Identified):
        return _nothing_known
    id_of, id_for = tree.id_of, tree.id_for
    id_there = its.id_of if isinstance(its, _Identified) else None

    def known(listed: Listed) -> CheckedFile | None:
        old = before.checked.get(listed.path)
        if old is None or old.source is None or old.listed != listed:
            return None
        here = id_of(listed.path)
        if id_there is not None:
            there = id_there(listed.path)
        else:
            there = id_for(old.source.document.text.encode("utf-8"))
        return old if here is not None and here == there else None

    return known


_READ_WITH: Final = ("naming", "vocabulary", "severities")


def _alike(settings: Settings, other: Settings) -> bool:
    """Return whether both settings check a single file in the same way."""
    return all(getattr(settings, name) == getattr(other, name) for name in _READ_WITH)
