"""Project settings from ``stepwell.toml``."""

from __future__ import annotations

import os
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, NamedTuple, final

from stepwell.model import schema
from stepwell.model.definition import RESERVED_ID
from stepwell.source.diagnostic import Diagnostic, Related, Severity
from stepwell.source.document import Document, Pointer, without
from stepwell.source.errors import ProjectError
from stepwell.source.immutable import record
from stepwell.source.spelling import Naming
from stepwell.source.tree import (
    CONFIG_NAME,
    CONFIG_NAMES,
    STAGING,
    Folder,
    Tree,
    find_project,
    has_table,
    read_document,
)

__all__ = [
    "CONFIG_NAME",
    "CONFIG_NAMES",
    "PACKAGE_MODULES",
    "RESERVED_ID",
    "STAGING",
    "VARIANTS_MODULE",
    "Alignment",
    "Components",
    "FreezeTarget",
    "Project",
    "References",
    "Settings",
    "find_project",
    "open_project",
    "read_project",
    "valid_project",
]


@final
class FreezeTarget(NamedTuple):
    """One generated module.

    Args:
        output: relative to the project: a ``.py`` file, or a folder with trailing ``/`` for a package.
        workspace: empty for the core view, ``all`` for the core and all workspaces in one module.
        first: the first steps and hyperparameter classes of the tables, in order; the others follow by name.
            Defaults to the order of the core's module.
        alias: further paths whose imports return the generated module or package.
    """

    output: str
    workspace: str = ""
    first: tuple[str, ...] = ()
    alias: tuple[str, ...] = ()


PACKAGE_MODULES: Final = ("builder_registry", "exceptions", "hyperparameter_registry")
"""Modules of a frozen package that are not tables of steps, besides ``step_names``."""
VARIANTS_MODULE: Final = "step_type_test_variants"
"""Module of ``stepwell.legacy`` that a frozen package copies, because it depends on no definition."""


@final
class References(NamedTuple):
    """The ``[references]`` table: lookup of classes named by definitions.

    Args:
        source: source folders, relative to the project.
        builder_base: required base class of builders, by name or dotted with its module; empty for none.
        external: patterns of names in other packages, which are not checked.
    """

    source: tuple[str, ...] = ("src",)
    builder_base: str = ""
    external: tuple[str, ...] = ()


@final
class Components(NamedTuple):
    """The ``[components]`` table: locations of the core's classes and scripts.

    Args:
        source: source folders, relative to the project, in search order; ``None`` for those of
            ``[references]``.
    """

    source: tuple[str, ...] | None = None


@final
class Alignment(NamedTuple):
    """The ``[alignment]`` table.

    Args:
        common_environment: patterns of variables that need no declaration.
        builder_methods: step type to required builder methods; ``all`` for every type.
    """

    generic_sources: tuple[str, ...] = ()
    common_environment: tuple[str, ...] = (
        *("SM_*", "SAGEMAKER_*", "AWS_*", "TRAINING_JOB_NAME", "PATH", "HOME", "USER", "SHELL", "PWD"),
        *("HOSTNAME", "LANG", "LC_*", "TMPDIR", "TEMP", "TMP", "PYTHON*", "PIP_*", "UV_*", "*PYPI*"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
        *("http_proxy", "https_proxy", "no_proxy", "all_proxy"),
        *("LOG_LEVEL", "LOGLEVEL", "LOGGING_LEVEL", "GOOGLE_CLOUD_*", "CUDA_*", "NCCL_*", "OMP_NUM_THREADS"),
    )
    builder_methods: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@final
@dataclass(frozen=True, slots=True)
class Settings:
    """Content of ``stepwell.toml`` with defaults.

    Args:
        core: the core folder, relative to the project.
        workspaces: the folder of all workspaces, relative to the project.
        workspace: the default workspace; empty for none.
        severities: rule id to ``error``, ``warning``, ``info`` or ``off``.
        poll: polling interval while watching in seconds; 0 waits for file system events.
        references: ``None`` if the table is missing.
        run_store: URL of the artifact store of runs; empty for none.
        templates: the folder of custom workspace templates, relative to the project; empty for none.
        config: the configuration file; ``None`` if empty or unreadable.
        prefix: location of Stepwell's table in that file.
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
    provider_strategy: str = "priority"
    run_store: str = ""
    config: Document | None = field(default=None, compare=False, repr=False)
    prefix: Pointer = field(default=(), compare=False, repr=False)

    def declared(self, message: str, *setting: str) -> tuple[Related, ...]:
        """Return the location of a setting that a finding refers to, if it is written in a file."""
        pointer = (*self.prefix, *setting)
        if self.config is None or pointer not in self.config.locate(self.config.text).keys:
            return ()
        return (Related(message, self.config.key_span(pointer)),)

    @property
    def component_folders(self) -> tuple[str, ...]:
        """Source folders of the core in search order."""
        if self.components.source is not None:
            return self.components.source
        return (self.references or References()).source

    def first(self, workspace: str | None, names: Container[str] | None = None) -> tuple[str, ...]:
        """Return the first names of a view's table: those of its frozen module, or of the core's.

        Args:
            names: names of the table; lists without any of them are skipped.
        """
        for wanted in (workspace or "", "", "all"):
            for target in self.freeze:
                if target.workspace == wanted and any(
                    names is None or name in names for name in target.first
                ):
                    return target.first
        return ()


@final
@record
class Project:
    """One project at one point in time.

    Args:
        root: absolute, links resolved.
        tree: file access.
    """

    root: str
    settings: Settings
    tree: Tree
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def config(self) -> Document | None:
        """The configuration file; ``None`` if empty or unreadable."""
        return self.settings.config

    @property
    def prefix(self) -> Pointer:
        """Location of Stepwell's table in the configuration file."""
        return self.settings.prefix

    def at(self, tree: Tree) -> Project:
        """Return the project with other access to its files."""
        return replace(self, tree=tree)


def open_project(folder: str, tree: Tree | None = None) -> Project:
    """Read the configuration of the project in a folder.

    Args:
        tree: of the folder.

    Raises:
        ProjectError: the folder or its configuration does not exist.
    """
    if not os.path.isdir(folder):
        raise ProjectError(f"no such folder: {folder}")
    root = os.path.realpath(folder)
    project = read_project(root, tree or Folder(root))
    if project is None:
        raise ProjectError(
            f"no Stepwell project: {folder} contains no {CONFIG_NAME}; run `stepwell init` to create one"
        )
    return project


def read_project(root: str, tree: Tree) -> Project | None:
    """Read the configuration of the project in a tree, or return ``None`` without one.

    Args:
        root: the project folder on disk, absolute, links resolved.
        tree: that folder, or another state of it.
    """
    prefix: tuple[str, ...] = ()
    if tree.follow(CONFIG_NAME).kind is not None or any(item.name == CONFIG_NAME for item in tree.scan("")):
        name = CONFIG_NAME  # a broken link is reported, not skipped
    elif has_table(tree):
        name, prefix = "pyproject.toml", ("tool", "stepwell")
    else:
        return None
    document = read_document(tree, name)
    if isinstance(document, Diagnostic):
        if document.id == "empty-file":
            return Project(root, Settings(prefix=prefix), tree)
        return Project(root, Settings(prefix=prefix), tree, (document,))
    data: Mapping[str, Any] = document.data
    for step in prefix:
        data = data[step]
    findings = _check(document, data, prefix)
    if not findings:
        return valid_project(root, tree, document, prefix)
    from stepwell.model import schema_errors

    invalid = {pointer for _, pointer in findings if pointer}
    # An invalid item invalidates its setting: a vocabulary with a gap would reject what it should allow.
    while invalid := invalid | {place[:2] for place in schema_errors.invalid_values("project", data)}:
        document = without(document, [(*prefix, *pointer) for pointer in invalid])
        data, invalid = _inside(document.data, prefix), set()
    diagnostics = tuple(diagnostic for diagnostic, _ in findings)
    return replace(valid_project(root, tree, document, prefix), diagnostics=diagnostics)


def valid_project(root: str, tree: Tree, document: Document, prefix: Pointer) -> Project:
    """Return the project of a valid configuration.

    Args:
        prefix: location of Stepwell's table in it.
    """
    data: Mapping[str, Any] = document.data
    for step in prefix:
        data = data[str(step)]
    return Project(root, replace(_settings(data), config=document, prefix=prefix), tree)


def _check(document: Document, data: Mapping[str, Any], prefix: Pointer) -> list[tuple[Diagnostic, Pointer]]:
    """Return findings about the configuration; those about paths with the setting that they invalidate."""
    faults: list[tuple[Diagnostic, Pointer]] = []
    if not schema.fits("project", data):
        from stepwell.model import schema_errors

        explained = schema_errors.explain("project", "the configuration", data, lambda _: document, prefix)
        faults.extend((diagnostic, ()) for diagnostic in explained)
    settings: list[tuple[Pointer, Pointer]] = [
        ((table, key), (table, key))
        for table, key in (("paths", "core"), ("paths", "workspaces"), ("templates", "path"))
    ]
    for table in ("references", "components"):
        sources = _inside(data, (table, "source"))
        count = len(sources) if isinstance(sources, tuple) else 0
        settings += [((table, "source", place), (table, "source")) for place in range(count)]
    targets = data.get("freeze", ())
    for place, target in enumerate(targets if isinstance(targets, tuple) else ()):
        aliases = _inside(target, ("alias",))
        count = len(aliases) if isinstance(aliases, tuple) else 0
        written = (("output",), *(("alias", at) for at in range(count)))
        settings += [(("freeze", place, *where), ("freeze", place)) for where in written]
    for pointer, setting in settings:
        path = _inside(data, pointer)
        if isinstance(path, str) and not _stays_inside(path):
            faults.append((_outside(document, (*prefix, *pointer), path), setting))
    return faults


def _inside(data: Any, pointer: Pointer) -> Any:
    for step in pointer:
        known = isinstance(data, Mapping) or isinstance(step, int)
        data = (data[step] if isinstance(step, int) else data.get(step)) if known else None
    return data


def _stays_inside(path: str) -> bool:
    parts = path.replace("\\", "/").rstrip("/").split("/")
    return bool(parts[0]) and ":" not in parts[0] and not {"", ".", ".."} & set(parts)


def _outside(document: Document, pointer: Pointer, path: str) -> Diagnostic:
    message = f"`{path}` is not a path inside the project"
    help_text = "write a path relative to the project, without `.` or `..`"
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
        provider_strategy=data.get("execution", {}).get("provider_strategy", "priority"),
        run_store=data.get("runs", {}).get("store", ""),
    )


def _with_folders(table: Mapping[str, Any]) -> dict[str, Any]:
    settings = dict(table)
    if "source" in settings:
        settings["source"] = tuple(dict.fromkeys(folder.rstrip("/") for folder in settings["source"]))
    return settings
