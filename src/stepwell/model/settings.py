"""A project: its folder, and what its ``stepwell.toml`` says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple, final

from stepwell.model import schema, schema_errors
from stepwell.source.diagnostic import Diagnostic, Severity
from stepwell.source.document import Document, Pointer, Unreadable
from stepwell.source.errors import ProjectError
from stepwell.source.spelling import Naming
from stepwell.source.tree import EntryKind, Folder, Tree, read_document

__all__ = [
    "CONFIG_NAME",
    "RESERVED_ID",
    "Alignment",
    "Components",
    "FreezeTarget",
    "Project",
    "References",
    "Settings",
    "find_project",
    "open_project",
    "read_project",
]

CONFIG_NAME: Final = "stepwell.toml"

RESERVED_ID: Final = "all"
"""What stands for every workspace where one is asked for, so that none can be called so."""


@final
class FreezeTarget(NamedTuple):
    """One generated module.

    Args:
        output: relative to the project: a ``.py`` file, or a folder ending in ``/`` for a package.
        workspace: whose view; empty for the core view, ``all`` for core and every workspace in one.
        first: the steps that open the table, in this order; the rest follow by name. Where it is left
            out, the order of the core's module holds.
    """

    output: str
    workspace: str = ""
    first: tuple[str, ...] = ()


@final
class References(NamedTuple):
    """The ``[references]`` table: where the classes that definitions name are looked for.

    Args:
        source: folders of Python sources, relative to the project.
        builder_base: the class that every builder derives from, by its name or dotted with its module;
            empty to ask nothing of them.
        external: patterns of names that lie in other packages and are not looked for.
    """

    source: tuple[str, ...] = ("src",)
    builder_base: str = ""
    external: tuple[str, ...] = ()


@final
class Components(NamedTuple):
    """The ``[components]`` table: where the core's classes and scripts lie.

    Args:
        source: folders of Python sources, relative to the project, in the order of search; ``None`` for
            those of ``[references]``.
    """

    source: tuple[str, ...] | None = None


@final
class Alignment(NamedTuple):
    """The ``[alignment]`` table: what the alignment of interfaces takes for granted.

    Args:
        builder_methods: type of step to the methods that its builder must have; ``all`` for every type.
    """

    generic_sources: tuple[str, ...] = ()
    builder_methods: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@final
@dataclass(frozen=True, slots=True)
class Settings:
    """What ``stepwell.toml`` says, defaults filled in.

    Args:
        core: the folder of the core registry, relative to the project.
        workspaces: the folder of all workspaces, relative to the project.
        workspace: the workspace that is active when nothing else says so; empty for none.
        severities: rule id to ``error``, ``warning``, ``info`` or ``off``, where the project says so.
        poll: seconds between two looks at all files while watching; 0 to wait for events.
        references: where named classes are looked for; ``None`` where the project does not say.
        components: where the core's classes and scripts lie.
        templates: the folder of the team's own templates of workspaces, relative to the project; empty
            for none.
    """

    core: str = "registry.d"
    workspaces: str = "workspaces"
    workspace: str = ""
    naming: Naming = field(default_factory=Naming)
    vocabulary: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    severities: Mapping[str, str] = field(default_factory=dict)
    freeze: tuple[FreezeTarget, ...] = ()
    poll: float = 0.0
    plugins: bool = True
    references: References | None = None
    components: Components = field(default_factory=Components)
    templates: str = ""
    alignment: Alignment = field(default_factory=Alignment)
    fallbacks: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def component_folders(self) -> tuple[str, ...]:
        """The folders of the core's Python sources, in the order of search."""
        if self.components.source is not None:
            return self.components.source
        return (self.references or References()).source

    def first(self, workspace: str | None) -> tuple[str, ...]:
        """The names that open a view's table: as its own frozen module says, or else the core's."""
        for wanted in (workspace or "", "", "all"):
            for target in self.freeze:
                if target.workspace == wanted and target.first:
                    return target.first
        return ()


@final
@dataclass(frozen=True, slots=True)
class Project:
    """One project at one instant.

    Args:
        root: its folder, absolute, links resolved.
        config: the configuration file, ``None`` when it is empty or could not be read.
        prefix: where Stepwell's table stands in that file.
        tree: where its files are read.
    """

    root: str
    settings: Settings
    config: Document | None
    prefix: Pointer
    tree: Tree
    diagnostics: tuple[Diagnostic, ...] = ()


def find_project(start: str) -> str:
    """The folder of the project that a folder belongs to, found by walking up.

    Args:
        start: an absolute path of a folder.

    Raises:
        ProjectError: when no folder on the way up holds a configuration.
    """
    folder = start
    while True:
        if os.path.isfile(os.path.join(folder, CONFIG_NAME)) or _has_table(Folder(folder)):
            return folder
        above = os.path.dirname(folder)
        if above == folder:
            raise ProjectError(
                f"no Stepwell project here: neither {start} nor any folder above it holds a {CONFIG_NAME} "
                "(or a pyproject.toml with a [tool.stepwell] table); `stepwell init` makes one"
            )
        folder = above


def open_project(folder: str) -> Project:
    """Read the configuration of the project in a folder.

    Raises:
        ProjectError: when there is no folder or it holds no configuration.
    """
    if not os.path.isdir(folder):
        raise ProjectError(f"no such folder: {folder}")
    root = os.path.realpath(folder)
    project = read_project(root, Folder(root))
    if project is None:
        raise ProjectError(f"no Stepwell project: {folder} holds no {CONFIG_NAME}; `stepwell init` makes one")
    return project


def read_project(root: str, tree: Tree) -> Project | None:
    """Read the configuration of the project in a tree; ``None`` when it holds none.

    Args:
        root: the project's folder on disk, absolute, links resolved.
        tree: where its files are read: that folder, or another state of it.
    """
    prefix: tuple[str, ...] = ()
    if tree.follow(CONFIG_NAME).kind is not None or any(one.name == CONFIG_NAME for one in tree.scan("")):
        name = CONFIG_NAME  # a link that leads nowhere is told, not passed over
    elif _has_table(tree):
        name, prefix = "pyproject.toml", ("tool", "stepwell")
    else:
        return None
    document = read_document(tree, name)
    if isinstance(document, Diagnostic):
        if document.id == "empty-file":
            return Project(root, Settings(), None, prefix, tree)
        return Project(root, Settings(), None, prefix, tree, (document,))
    data: Mapping[str, Any] = document.data
    for step in prefix:
        data = data[step]
    found = _check(document, data, prefix)
    usable = {key: value for key, value in data.items() if not any(key in bad for _, bad in found)}
    settings = _settings(usable)
    return Project(root, settings, document, prefix, tree, tuple(diagnostic for diagnostic, _ in found))


def _has_table(tree: Tree) -> bool:
    """Whether the ``pyproject.toml`` of a tree holds a table of ours."""
    there = tree.follow("pyproject.toml").kind is EntryKind.FILE
    content = tree.read("pyproject.toml") if there else b""
    if isinstance(content, Diagnostic) or b"stepwell" not in content:
        return False
    from stepwell.source import toml

    try:
        table = toml.load(content.decode("utf-8", "replace")).get("tool", {})
    except Unreadable:  # somebody else's tool reports a broken pyproject.toml
        return False
    return isinstance(table, dict) and isinstance(table.get("stepwell"), dict)


def _check(document: Document, data: Mapping[str, Any], prefix: Pointer) -> list[tuple[Diagnostic, set[str]]]:
    """Findings about the configuration, each with the top-level keys that it makes unusable."""
    found: list[tuple[Diagnostic, set[str]]] = []
    if not schema.fits("project", data):
        bad: set[str] = set()
        diagnostics = list(
            schema_errors.explain("project", "the configuration", data, _remembering(document, bad), prefix)
        )
        found.extend((diagnostic, bad) for diagnostic in diagnostics)
    paths = data.get("paths", {})
    for key in ("core", "workspaces"):
        value = paths.get(key) if isinstance(paths, Mapping) else None
        if isinstance(value, str) and not _stays_inside(value):
            found.append((_outside(document, (*prefix, "paths", key), value), {"paths"}))
    templates = _inside(data, ("templates", "path"))
    if isinstance(templates, str) and not _stays_inside(templates):
        found.append((_outside(document, (*prefix, "templates", "path"), templates), {"templates"}))
    for table in ("references", "components"):
        sources = _inside(data, (table, "source"))
        for place, value in enumerate(sources if isinstance(sources, tuple) else ()):
            if isinstance(value, str) and not _stays_inside(value):
                pointer = (*prefix, table, "source", place)
                found.append((_outside(document, pointer, value), {table}))
    targets = data.get("freeze", ())
    for place, target in enumerate(targets if isinstance(targets, tuple) else ()):
        output = target.get("output") if isinstance(target, Mapping) else None
        if isinstance(output, str) and not _stays_inside(output):
            found.append((_outside(document, (*prefix, "freeze", place, "output"), output), {"freeze"}))
    return found


def _inside(data: Any, pointer: tuple[str, ...]) -> Any:
    for step in pointer:
        data = data.get(step) if isinstance(data, Mapping) else None
    return data


def _remembering(document: Document, bad: set[str]) -> Any:
    def whose(pointer: Pointer) -> Document:
        bad.update(str(step) for step in pointer[:1])
        return document

    return whose


def _stays_inside(path: str) -> bool:
    parts = path.replace("\\", "/").rstrip("/").split("/")
    return bool(parts[0]) and ":" not in parts[0] and not {"", ".", ".."} & set(parts)


def _outside(document: Document, pointer: Pointer, path: str) -> Diagnostic:
    message = f"`{path}` is not a plain path inside the project"
    help_text = "write it relative to the project, without `.` or `..`"
    return Diagnostic("outside-project", Severity.ERROR, message, document.value_span(pointer), help_text)


def _settings(data: Mapping[str, Any]) -> Settings:
    paths = data.get("paths", {})
    naming = data.get("naming", {})
    return Settings(
        core=paths.get("core", "registry.d").rstrip("/"),
        workspaces=paths.get("workspaces", "workspaces").rstrip("/"),
        workspace=data.get("project", {}).get("workspace", ""),
        naming=Naming(**naming),
        vocabulary=MappingProxyType(dict(data.get("vocabulary", {}))),
        severities=MappingProxyType(dict(data.get("rules", {}))),
        freeze=tuple(FreezeTarget(**target) for target in data.get("freeze", ())),
        poll=data.get("watch", {}).get("poll", 0.0),
        plugins=data.get("plugins", {}).get("enabled", True),
        references=References(**_with_folders(data["references"])) if "references" in data else None,
        components=Components(**_with_folders(data.get("components", {}))),
        templates=data.get("templates", {}).get("path", "").rstrip("/"),
        alignment=Alignment(**data.get("alignment", {})),
        fallbacks=MappingProxyType(dict(data.get("execution", {}).get("fallbacks", {}))),
    )


def _with_folders(table: Mapping[str, Any]) -> dict[str, Any]:
    said = dict(table)
    if "source" in said:
        said["source"] = tuple(dict.fromkeys(folder.rstrip("/") for folder in said["source"]))
    return said
