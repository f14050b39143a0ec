"""Setting names a folder or a workspace that does not exist.

`[paths]`, `[components] source`, `[references] source` and `[templates] path` name folders of the project,
`[project] workspace` one of its workspaces. Without `[paths] core`, definitions are read from `registry.d/`.
If that folder is missing although the project has definitions elsewhere or freezes modules, the project would
be read as empty.

Passes:

    # stepwell.toml
    [paths]
    core = "steps.d"
    # steps.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.

Fails:

    # stepwell.toml
    [paths]
    core = "step.d"
    # steps.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.rule import Finding, SettingsScope
from stepwell.source.diagnostic import Severity
from stepwell.source.document import Pointer
from stepwell.source.read import SUFFIXES
from stepwell.source.spelling import closest, did_you_mean
from stepwell.source.tree import EntryKind

ID: Final = "dangling-setting"
SEVERITY: Final = Severity.ERROR


def check(scope: SettingsScope) -> Iterator[Finding]:
    settings = scope.project.settings
    workspace = settings.workspace
    if workspace and workspace not in scope.workspaces:
        near = did_you_mean(closest(workspace, scope.workspaces))
        span = scope.value_span("project", "workspace")
        yield Finding(f"unknown workspace `{workspace}`", span, near or "create it, or remove the setting")
    if scope.stated("paths", "core") is not None:
        yield from _missing(scope, ("paths", "core"), settings.core)
    elif scope.is_missing(settings.core):
        like_it = [name for name in scope.folders() if _holds_definitions(scope, name)]
        if like_it or settings.freeze:
            message = f"the folder of the definitions, `{settings.core}`, does not exist"
            meant = did_you_mean(like_it, '`[paths] core = "{}"`')
            yield Finding(message, scope.value_span("paths"), meant or "create it, or set `[paths] core`")
    if scope.stated("paths", "workspaces") is not None:
        yield from _missing(scope, ("paths", "workspaces"), settings.workspaces)
    if not scope.project.tree.is_complete:
        return
    if settings.templates:
        yield from _missing(scope, ("templates", "path"), settings.templates)
    for table, used in (("components", settings.components), ("references", settings.references)):
        sources = scope.stated(table, "source")
        if used is not None and isinstance(sources, tuple):
            for place, folder in enumerate(sources):
                yield from _missing(scope, (table, "source", place), folder.rstrip("/"))


def _missing(scope: SettingsScope, pointer: Pointer, folder: str) -> Iterator[Finding]:
    """Report a missing folder; an invalid setting is not in effect, and reported already."""
    in_effect = f"{scope.stated(*pointer)}".rstrip("/") == folder
    if in_effect and scope.is_missing(folder):
        above, _, name = folder.rpartition("/")
        near = closest(name, scope.folders(above))
        help_text = did_you_mean([f"{above}/{other}" if above else other for other in near])
        span = scope.value_span(*pointer)
        yield Finding(
            f"the folder `{folder}` does not exist", span, help_text or "create it, or correct the path"
        )


def _holds_definitions(scope: SettingsScope, folder: str) -> bool:
    """Return whether a folder looks like the core of a project."""
    steps = f"{folder}/steps"
    if scope.project.tree.follow(steps).kind is not EntryKind.FOLDER:
        return False
    return any(entry.name.endswith(tuple(SUFFIXES)) for entry in scope.entries(steps))
