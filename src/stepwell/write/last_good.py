"""The last valid version of a project on disk, for programs that start while its files are broken.

The file is JSON in a folder of the user, with the texts of the valid files. Invalid content is ignored.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Final

from stepwell.live.registry import Registry
from stepwell.live.store import Event
from stepwell.model.settings import CONFIG_NAME, Project, find_project, open_project, read_project
from stepwell.resolve.load import FindPlugins, LoadResult, load
from stepwell.source.atomic_write import read_private, write_private
from stepwell.source.diagnostic import Diagnostic, Severity
from stepwell.source.errors import ProjectError
from stepwell.source.seal import state_folder
from stepwell.source.tree import Folder, packed
from stepwell.source.wording import counted

__all__ = ["open_last_good", "warning_about"]

_FORM: Final = 1
_MAX_BYTES: Final = 512 * 1024 * 1024
_DEEPEST: Final = 64


def open_last_good(
    path: str,
    today: Callable[[], date],
    environment: Mapping[str, str],
    plugins: FindPlugins,
    warn: Callable[[str], object],
) -> Registry:
    """Open a project; views with errors have their last valid version, which a warning reports.

    Args:
        path: absolute.
        warn: called with the warning, at most once.

    Raises:
        ProjectError: there is no project, and no valid version of it was opened before.
    """
    folder = state_folder(environment)
    stored_root = _stored_root(folder, path)
    good = None if stored_root is None else _restored(folder, stored_root, plugins)
    try:
        project = _present(path, good)
    except ProjectError:
        if good is None:
            raise
        project = good.project
    registry = Registry(project, today, environment=environment, plugins=plugins, good=good)
    message = warning_about(registry)
    if message:
        warn(message)

    def save(event: Event) -> None:
        if event.accepted:
            _save(folder, registry)

    registry.subscribe(save)
    _save(folder, registry)
    return registry


def _present(path: str, good: LoadResult | None) -> Project:
    """Return the project that a folder belongs to.

    Raises:
        ProjectError: it is missing, or its core is, although a valid version had them.
    """
    project = open_project(find_project(path))
    root, core = project.root, project.settings.core
    if good is None:
        return project
    if len(good.project.root) < len(root):
        return project
    if len(good.project.root) > len(root):
        raise ProjectError(f"no Stepwell project: {good.project.root} contains no {CONFIG_NAME} any more")
    if good.layout.core and not os.path.isdir(os.path.join(root, core)):
        raise ProjectError(f"the core of {root} is not there: {core} is no folder")
    return project


def warning_about(registry: Registry) -> str:
    """Return which views are outdated or have skipped definitions; empty if all files are valid."""
    errors = [*filter(_is_error, registry.diagnostics)]
    if not errors:
        return ""
    kept = registry.health().kept
    root, count = registry.project.root, counted(len(errors), "error")
    if not kept:
        them = "it" if len(errors) == 1 else "them"
        return f"{root} has {count}; invalid definitions are skipped, `stepwell check` lists {them}"
    views = ", ".join("the core" if item is None else f"workspace {item}" for item in kept)
    return f"{root} has {count}; the last valid version is served for {views} (run `stepwell check`)"


def _save(folder: str, registry: Registry) -> None:
    """Store the valid files, if the core is among them."""
    good = registry._store.good  # noqa: SLF001 - no public name for the files behind a Snapshot
    if not os.path.isdir(os.path.join(good.project.root, good.project.settings.core)):
        return
    invalid = {owner for owner, findings in good.own.items() if any(map(_is_error, findings))}
    about_views = {finding for findings in good.own.values() for finding in findings}
    if None in invalid or any(
        _is_error(diagnostic) for diagnostic in good.diagnostics if diagnostic not in about_views
    ):
        return  # never over a version with a valid core
    files = {path: text for path, text, owner in _texts(good) if owner not in invalid}
    state = {"form": _FORM, "root": good.project.root, "today": good.today.isoformat(), "files": files}
    write_private(folder, _name(good.project.root), json.dumps(state).encode("ascii"))


def _is_error(finding: Diagnostic) -> bool:
    return finding.severity is Severity.ERROR


def _texts(good: LoadResult) -> Iterator[tuple[str, str, str | None]]:
    """Yield path, text and workspace of every file."""
    config = good.project.config
    if config is not None:
        yield config.path, config.text, None
    else:
        yield CONFIG_NAME, "", None
    for path, file in good.checked.items():
        if file.source is not None:
            yield path, file.source.document.text, file.listed.workspace
    for key, path in good.layout.settings.items():
        document = good.overlays[key].workspace.document
        if document is not None:
            yield path, document.text, key


def _restored(folder: str, root: str, plugins: FindPlugins) -> LoadResult | None:
    """Return the last valid version; ``None`` without a trustworthy one."""
    content = read_private(folder, _name(root), _MAX_BYTES)
    try:
        state = None if content is None else json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(state, dict) or state.get("form") != _FORM or state.get("root") != root:
        return None
    files, day = state.get("files"), state.get("today")
    if not isinstance(files, dict) or not isinstance(day, str):
        return None
    if not all(isinstance(text, str) for text in files.values()):
        return None
    try:
        tree = packed("", {path: text.encode("utf-8") for path, text in files.items()})
        project = read_project(root, tree)
        stored = None if project is None else load(project, date.fromisoformat(day), plugins=plugins)
    except (ProjectError, ValueError):
        return None
    if stored is None or any(map(_is_error, stored.own[None])):
        return None
    return stored.replaced(project=stored.project.at(Folder(root)))


def _stored_root(folder: str, path: str) -> str | None:
    """Return the nearest folder at or above a path with a stored version."""
    here = os.path.realpath(path)
    for _ in range(_DEEPEST):
        if os.path.lexists(os.path.join(folder, _name(here))):
            return here
        above = os.path.dirname(here)
        if above == here:
            return None
        here = above
    return None


def _name(root: str) -> str:
    key = hashlib.blake2b(root.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
    return f"last-good-{key}.json"
