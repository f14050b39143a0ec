"""Source of the old tables, opened on first use.

The environment and the working directory are read here (docs/decisions/0010).
"""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from stepwell.frontends.legacy.source import NOTHING_HELD, HeldRows
from stepwell.frontends.legacy.tables import live_table
from stepwell.live.workspace_context import ACTIVE, WORKSPACE_VARIABLES, current_workspace
from stepwell.source.errors import ProjectError

if TYPE_CHECKING:
    from stepwell.frontends.legacy.tables import Tables
    from stepwell.live.registry import Registry
    from stepwell.model.settings import Project
    from stepwell.source.spelling import Naming

__all__ = [
    "FIRST",
    "SECOND",
    "SERVING",
    "STORED",
    "TableSource",
    "registry",
    "served",
    "table_in_effect",
    "tables_in",
    "use",
    "workspace_in_effect",
]

_log = logging.getLogger("stepwell.legacy")


class TableSource(Protocol):
    """Source of the old tables: the live registry or its frozen modules."""

    @property
    def held(self) -> HeldRows:
        """What the shortest way of a look-up reads."""

    @property
    def default(self) -> str:
        """The default workspace, empty for the core."""

    @property
    def naming(self) -> Naming:
        """What the look-up of file names strips and expands."""

    def workspaces(self) -> tuple[str, ...]:
        """The ids of the workspaces, sorted."""

    def tables(self, workspace: str | None) -> Tables:
        """The tables of a workspace; of the default one without."""

    def has_conflicts(self) -> bool:
        """Whether two of the views define a step differently."""


class Serving:
    """Current source of the old tables.

    Args:
       source: ``None`` until opened.
    """

    __slots__ = ("held_by", "patches", "source")

    def __init__(self) -> None:
        self.patches: dict[str, dict[str, _Patch]] = {}
        self.show(None)

    def show(self, source: TableSource | None) -> None:
        """Replace the source."""
        self.source = source
        self.held_by: TableSource | _Unopened = _UNOPENED if source is None or self.patches else source

    def patch(self, table: str, content: dict[str, Any]) -> None:
        """Replace a table of the view in effect until its first content is written again."""
        title = tables_in(None).title
        patches = self.patches.setdefault(title, {})
        before = patches.pop(table, None)
        content_before = getattr(tables_in(None), table) if before is None else before.content_before
        if content != content_before:
            patches[table] = _Patch(content, content_before)
        if not patches:
            del self.patches[title]
        self.show(self.source)


class _Patch(NamedTuple):
    content: dict[str, Any]
    content_before: dict[str, Any]


class _Unopened:
    held = NOTHING_HELD


_UNOPENED: Final = _Unopened()
SERVING: Final = Serving()
_opening: Final = threading.Lock()
# os.environ raises and catches KeyError for a variable that is not set, which costs more than all
# the rest of a look-up; the dict that it wraps shows at once that there is nothing to read.
STORED: Final[Mapping[Any, object]] = getattr(os.environ, "_data", os.environ)
FIRST, SECOND = (
    getattr(os.environ, "encodekey", str)(name) if STORED is not os.environ else name
    for name in WORKSPACE_VARIABLES
)


def use(registry: Registry | None) -> None:
    """Set the registry of the old names.

    Args:
       registry: ``None`` to open the default one on next use.
    """
    from stepwell.frontends.legacy.source import LiveTables

    SERVING.show(None if registry is None else LiveTables(registry))


def registry() -> Registry:
    """The registry that the old names show, opened if none is yet: to reload or watch it.

    Raises:
        ProjectError: there is none, or its frozen modules are in use.
    """
    from stepwell.frontends.legacy.source import LiveTables

    source = served()
    if not isinstance(source, LiveTables):
        raise ProjectError("the old names show the frozen modules, and no live registry")
    return source.registry


def served() -> TableSource:
    """Return the current source, opening it if needed.

    Raises:
        ProjectError: it cannot be opened.
    """
    source = SERVING.source
    if source is None:
        with _opening:
            source = SERVING.source
            if source is None:
                source = _open()
                SERVING.show(source)
    return source


def tables_in(workspace_id: str | None) -> Tables:
    """The tables of a workspace, or of the one in effect where none is named.

    Raises:
        UnknownWorkspace: there is no such workspace.
    """
    chosen = workspace_id or ACTIVE.get()
    if not chosen and (FIRST in STORED or SECOND in STORED):
        chosen = _in_environment()
    tables = (SERVING.source or served()).tables(chosen)
    patches = SERVING.patches and SERVING.patches.get(tables.title)
    if not patches:
        return tables
    return tables.patched({table: patch.content for table, patch in patches.items()})


def table_in_effect(name: str, table: str) -> dict[str, Any]:
    """Return a live table of the view in effect.

    Args:
        name: its old name.
        table: the attribute of ``Tables``.
    """
    return live_table(name, lambda: getattr(tables_in(None), table), partial(SERVING.patch, table))


def workspace_in_effect() -> str | None:
    """Return the workspace of the context, the environment or the project's settings."""
    return current_workspace() or _in_environment() or served().default or None


def _in_environment() -> str | None:
    return next(filter(None, map(os.environ.get, WORKSPACE_VARIABLES)), None)


def _open() -> TableSource:
    _warn_about_old_switches()
    from datetime import date

    from stepwell.frontends.legacy.frozen import Frozen
    from stepwell.frontends.legacy.source import LiveTables
    from stepwell.model.settings import find_project, open_project
    from stepwell.resolve.plugins import find_plugins
    from stepwell.write.last_good import open_last_good

    wanted = _switch("STEPWELL_LEGACY", ("live", "frozen"))
    fallback = _switch("STEPWELL_FALLBACK", ("frozen", "never"))
    folder = os.environ.get("STEPWELL_PROJECT")
    if wanted == "frozen":
        return Frozen(open_project(folder or find_project(os.getcwd())))
    if fallback == "never":
        return _open_live(open_project(folder or find_project(os.getcwd())))
    warned: list[str] = []
    try:
        start = os.path.abspath(folder or os.getcwd())
        opened = open_last_good(start, date.today, os.environ, find_plugins, warned.append)
        if not opened.health().kept:
            _refuse_unusable(opened.project)
    except (ProjectError, OSError, ImportError) as error:
        project = open_project(folder or find_project(os.getcwd()))
        try:
            frozen = Frozen(project)
        except ProjectError as also:
            raise ProjectError(f"{error}; nor is there a frozen module to serve: {also}") from error
        _warn(f"{error}; serving {', '.join(frozen.outputs)} as last frozen")
        return frozen
    for message in warned:
        _warn(message)
    return LiveTables(opened)


def _warn(message: str) -> None:
    """Log a warning, or print it if the program has no handler for it."""
    logger: logging.Logger | None = _log
    while logger is not None:
        if any(not isinstance(handler, logging.NullHandler) for handler in logger.handlers):
            _log.warning("%s", message)
            return
        logger = logger.parent if logger.propagate else None
    warnings.warn(message, RuntimeWarning, stacklevel=2)


def _open_live(project: Project) -> TableSource:
    from datetime import date

    from stepwell.frontends.legacy.source import LiveTables
    from stepwell.live.registry import Registry
    from stepwell.resolve.plugins import find_plugins
    from stepwell.write.last_good import warning_about

    _refuse_unusable(project)
    opened = Registry(project, date.today, plugins=find_plugins)
    message = warning_about(opened)
    if message:
        _warn(message)
    return LiveTables(opened)


def _refuse_unusable(project: Project) -> None:
    from stepwell.source.diagnostic import Severity

    for finding in project.diagnostics:
        if finding.severity is Severity.ERROR:
            where = f"{finding.span.path}:{finding.span.line}: " if finding.span else ""
            raise ProjectError(f"the configuration of {project.root} has errors: {where}{finding.message}")
    core = project.settings.core
    if not os.path.isdir(os.path.join(project.root, core)):
        raise ProjectError(f"the core of {project.root} is not there: {core} is no folder")


_OLD_FALLBACK: Final = "CURSUS_REGISTRY_FALLBACK"
_OLD_SWITCHES: Final = {
    "CURSUS_HYBRID_REGISTRY": (
        "workspaces are always available, and STEPWELL_LEGACY=frozen selects the frozen modules"
    ),
    "CURSUS_WORKSPACE_CONTEXT": "the context is always available; unset CURSUS_WORKSPACE_ID",
}


@cache
def _warn_about_old_switches() -> None:
    """Report once that the old switches cannot turn anything off."""
    for variable, instead in _OLD_SWITCHES.items():
        value = os.environ.get(variable, "true")
        if value.lower() != "true":
            _log.warning("%s=%s has no effect: %s", variable, value, instead)


def _switch(variable: str, allowed: tuple[str, str]) -> str:
    raises = variable == "STEPWELL_FALLBACK" and os.environ.get(_OLD_FALLBACK, "core_only") != "core_only"
    value = os.environ.get(variable) or allowed[raises]
    if value not in allowed:
        raise ProjectError(f"{variable} is `{value}`; it can be {allowed[0]} or {allowed[1]}")
    return value
