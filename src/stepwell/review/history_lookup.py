"""Lookup of a step in a state of a project, reading only its own files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Final, final

from stepwell.model import StepDefinition
from stepwell.model.legacy_rows import SUFFIXES as INTERFACES
from stepwell.model.settings import CONFIG_NAME, CONFIG_NAMES, Project, Settings, read_project
from stepwell.resolve.load import LoadResult, load
from stepwell.resolve.view import View
from stepwell.review.old_tables import find_tables, load_tables
from stepwell.source.diagnostic import Diagnostic, Severity, Span, in_order
from stepwell.source.errors import ProjectError
from stepwell.source.git import Repository, literal, open_part, open_revision
from stepwell.source.read import SUFFIXES
from stepwell.source.tree import EntryKind, Target, Tree, TreeEntry

__all__ = [
    "Narrowed",
    "Sighting",
    "Sightings",
    "Sought",
    "look",
]


_KIND: Final = "steps"
_LAYERS: Final = ("local", "override")
_TABLES: Final = ("**/step_names.py", "**/pyvenv.cfg")
_OVERLAYS: Final = "**/workspace_registry.py"


@final
@dataclass(frozen=True, slots=True)
class Sought:
    """Files that may define or change a step.

    Args:
       stems: names of its definition files, without extension.
       places: locations of definitions: core folder and workspaces folder of each configuration that the
           project has had.
       tables: whether the files of an old registry belong to it.
       files: tables of an old registry that some state has had.
    """

    stems: frozenset[str]
    workspace: str | None
    places: frozenset[tuple[str, str]]
    configurations: frozenset[str]
    tables: bool = False
    files: frozenset[str] = frozenset()

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the configuration and the folders of definitions."""
        return (*CONFIG_NAMES, *sorted(core for core, _ in self.places))

    @property
    def globs(self) -> tuple[str, ...]:
        """Return the files as Git ``glob`` pathspecs."""
        patterns = [literal(path) for path in sorted(self.configurations)]
        for folder in self._folders():
            patterns += [
                f"{literal(folder)}/{_KIND}/**/{literal(stem)}{suffix}"
                for stem in sorted(self.stems)
                for suffix in SUFFIXES
            ]
        if self.workspace is not None:
            for _, workspaces in sorted(self.places):
                own = literal(f"{workspaces}/{self.workspace}")
                patterns += [f"{own}/workspace{suffix}" for suffix in SUFFIXES]
        if self.tables:
            patterns += [*_TABLES, *((_OVERLAYS,) if self.workspace is not None else ())]
            patterns += [literal(path) for path in sorted(self.files)]
            patterns += [
                f"**/{literal(stem)}{suffix}" for stem in sorted(self.stems) for suffix in INTERFACES
            ]
        return tuple(patterns)

    @property
    def cores(self) -> tuple[str, ...]:
        """Return the core folders as Git ``glob`` pathspecs."""
        return tuple(f"{literal(core)}/**" for core, _ in sorted(self.places))

    def holds_definitions(self, path: str) -> bool:
        """Return whether a path is a step definition."""
        suffix = path[path.rfind(".") :]
        return suffix in SUFFIXES and any(path.startswith(f"{folder}/{_KIND}/") for folder in self._folders())

    def shows(self, folder: str, entry: TreeEntry) -> bool:
        """Return whether an entry of a folder may concern the step."""
        for core, workspaces in self.places:
            if folder == core:
                return entry.name == _KIND
            if folder == workspaces:
                return entry.name == self.workspace
            inside = f"{folder}/".startswith(f"{core}/") or self._in_layer(folder, workspaces)
            if inside and entry.kind is not EntryKind.FOLDER:
                stem, _, suffix = entry.name.rpartition(".")
                return f".{suffix}" in SUFFIXES and stem in self.stems
        return True

    def _in_layer(self, folder: str, workspaces: str) -> bool:
        return any(f"{folder}/".startswith(f"{workspaces}/{self.workspace}/{item}/") for item in _LAYERS)

    def _folders(self) -> Iterator[str]:
        for core, workspaces in sorted(self.places):
            yield core
            if self.workspace is not None:
                yield from (f"{workspaces}/{self.workspace}/{layer}" for layer in _LAYERS)


@final
@dataclass(frozen=True, slots=True)
class Narrowed:
    """Tree limited to the files that may concern a step."""

    tree: Tree
    sought: Sought

    def read(self, path: str) -> bytes | Diagnostic:
        return self.tree.read(path)

    @property
    def is_complete(self) -> bool:
        return False

    def scan(self, folder: str) -> Iterator[TreeEntry]:
        return (entry for entry in self.tree.scan(folder) if self.sought.shows(folder, entry))

    def follow(self, path: str) -> Target:
        return self.tree.follow(path)

    def expect(self, paths: Iterable[str]) -> None:
        self.tree.expect(paths)


@final
@dataclass(frozen=True, slots=True)
class Sighting:
    """A few steps in a state of a project.

    Args:
       project: ``None`` if the state has no project.
       has_core: whether definitions are used; otherwise the old tables are.
       files: the files of the old registry that have been read.
    """

    steps: Mapping[str, StepDefinition]
    unread: tuple[Diagnostic, ...]
    project: Project | None
    has_core: bool
    files: tuple[str, ...] = ()


def look(root: str, tree: Tree, workspace: str | None, today: date) -> Sighting:
    """Return the steps whose files are visible in a tree.

    Args:
       root: absolute path of the project folder.
       workspace: falls back to the core if the state has no such workspace.
    """
    project = read_project(root, tree)
    if project is not None and tree.follow(project.settings.core).kind is EntryKind.FOLDER:
        loaded = load(project, today)
        return Sighting(_view(loaded, workspace).steps, _unread(project, loaded), project, True)
    try:
        tables = find_tables(tree)
    except ProjectError as error:
        refused = Diagnostic("unreadable-file", Severity.ERROR, str(error))
        return Sighting(MappingProxyType({}), (refused,), project, False)
    if not tables:
        return Sighting(MappingProxyType({}), (), project, False)
    settings = project.settings if project is not None else Settings()
    loaded, lost = load_tables(root, tree, settings, tables, today)
    # Rejected rows of a table concern other steps.
    unread = (
        () if loaded.checked else tuple(finding for finding in lost if finding.severity is Severity.ERROR)
    )
    return Sighting(_view(loaded, workspace).steps, unread, project, False, tables if loaded.checked else ())


def _view(loaded: LoadResult, workspace: str | None) -> View:
    known = workspace if workspace in loaded.snapshot.workspaces else None
    return loaded.snapshot.view(known)


def _unread(project: Project, loaded: LoadResult) -> tuple[Diagnostic, ...]:
    """Return the errors in definition files; errors in the configuration exclude no definition."""
    configuration = "pyproject.toml" if project.prefix else CONFIG_NAME
    return in_order(
        finding
        for finding in loaded.diagnostics
        if finding.severity is Severity.ERROR
        and finding.span is not None
        and finding.span.path != configuration
    )


@final
class Sightings:
    """A step in the states of a project; states with the same files are read once."""

    def __init__(self, repository: Repository, project: Project, today: date) -> None:
        self._repository = repository
        self._project = project
        self._today = today
        self._seen: dict[tuple[Sought, str | None], Sighting] = {}
        self._by_content: dict[object, Sighting] = {}
        self._whole: dict[tuple[str, str | None], Sighting] = {}

    def at(self, commit: str, sought: Sought) -> Sighting:
        """Return a step in a commit."""
        sighting = self._seen.get((sought, commit))
        if sighting is None:
            part = open_part(self._repository, commit, sought.paths, sought.globs)
            links = [link for core, _ in sought.places if (link := part.link_on(core)) is not None]
            if links:
                finding = Diagnostic(
                    "unreadable-file", Severity.ERROR, "symbolic link; not followed", Span(links[0])
                )
                return Sighting(MappingProxyType({}), (finding,), None, True)
            core = {core for core, _ in sought.places if part.follow(core).kind is not None}
            if not core and not sought.tables:
                wide = replace(sought, tables=True)
                part = open_part(self._repository, commit, wide.paths, wide.globs)
            key = part.ids(), sought.workspace
            sighting = self._by_content.get(key)
            if sighting is None:
                sighting = look(self._project.root, part, sought.workspace, self._today)
                self._by_content[key] = sighting
            if not sighting.has_core and not sighting.files:
                sighting = self._in_whole(commit, sought.workspace)
            self._seen[sought, commit] = sighting
        return sighting

    def _in_whole(self, commit: str, workspace: str | None) -> Sighting:
        """Return the steps of a commit whose old registry is in files that are not known yet."""
        sighting = self._whole.get((commit, workspace))
        if sighting is None:
            tree = open_revision(self._repository, commit)
            sighting = self._whole[commit, workspace] = look(self._project.root, tree, workspace, self._today)
        return sighting

    def in_working_tree(self, sought: Sought) -> Sighting:
        """Return a step in the working tree."""
        sighting = self._seen.get((sought, None))
        if sighting is None:
            tree = Narrowed(self._project.tree, sought)
            sighting = look(self._project.root, tree, sought.workspace, self._today)
            self._seen[sought, None] = sighting
        return sighting
