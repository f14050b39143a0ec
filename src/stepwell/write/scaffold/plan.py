"""Plans and checks new files, and provides the template values."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, final

from stepwell.code.references import check_references, source_folders
from stepwell.code.workspace_isolation import check_isolation
from stepwell.model.settings import Project, read_project
from stepwell.resolve.load import FindPlugins, load
from stepwell.resolve.snapshot import Snapshot
from stepwell.source.diagnostic import Diagnostic, Severity, in_order
from stepwell.source.python import ParseFailure, SourceFile, SourceIndex, SourceView, index_sources
from stepwell.source.python.index import read_source
from stepwell.source.python.outliner import outline_of
from stepwell.source.tree import Staged

__all__ = [
    "ScaffoldPlan",
    "findings_with",
    "plan",
    "values_for",
]


@final
@dataclass(frozen=True, slots=True)
class ScaffoldPlan:
    """Planned files and their check.

    Args:
       files: content by path; ``None`` for deleted files.
       diagnostics: new findings in order.
    """

    files: Mapping[str, bytes | None]
    snapshot: Snapshot
    diagnostics: tuple[Diagnostic, ...]

    @property
    def is_sound(self) -> bool:
        """Return whether there are no new errors."""
        return all(finding.severity is not Severity.ERROR for finding in self.diagnostics)


def plan(
    project: Project,
    before: tuple[Diagnostic, ...],
    files: Mapping[str, bytes | None],
    today: date,
    plugins: FindPlugins,
    workspace: str | None,
) -> ScaffoldPlan:
    """Check a project with planned files, without writing.

    Args:
       files: content of new and changed files by path; ``None`` for deleted files.
       workspace: also check its isolation and references; ``None`` for none.
    """
    staged = _staged(project, files)
    loaded = load(staged, today, plugins=plugins)
    findings = list(loaded.diagnostics)
    old = list(before)
    if workspace is not None and workspace in loaded.snapshot.workspaces:
        index = index_sources(project.root, source_folders(project, loaded.snapshot.workspaces))
        laid = _overlaid(index, files)

        def read(path: str) -> bytes | ParseFailure:
            content = files.get(path)
            return read_source(project.root, path)[0] if content is None else content

        findings += check_isolation(staged, loaded.snapshot, laid, workspace, read)
        if project.settings.references is not None:
            findings += check_references(staged, loaded.snapshot, laid, workspace)
            old += check_references(project, loaded.snapshot, index, None)
    known = {_same(item) for item in old}
    return ScaffoldPlan(
        files, loaded.snapshot, in_order(item for item in findings if _same(item) not in known)
    )


def findings_with(
    project: Project, files: Mapping[str, bytes | None], today: date, plugins: FindPlugins
) -> tuple[Diagnostic, ...]:
    """Return all findings of a project with planned files."""
    return load(_staged(project, files), today, plugins=plugins).diagnostics


def _staged(project: Project, files: Mapping[str, bytes | None]) -> Project:
    """Return the project with planned files, which may include its configuration."""
    tree = Staged(project.tree, files)
    if project.config is not None and project.config.path in files:
        return read_project(project.root, tree) or replace(project, tree=tree)
    return replace(project, tree=tree)


def _same(finding: Diagnostic) -> tuple[str, str, str]:
    return finding.id, finding.message, finding.span.path if finding.span is not None else ""


def _overlaid(index: SourceIndex, files: Mapping[str, bytes | None]) -> SourceIndex:
    """Return the sources overlaid with planned files."""
    merged = dict(index.files)
    for path, content in files.items():
        if path.endswith(".py") and content is not None:
            parsed = outline_of(content)
            failed = parsed if isinstance(parsed, ParseFailure) else None
            outline = None if isinstance(parsed, ParseFailure) else parsed
            merged[path] = SourceFile(path, path, None, outline, failed)
    return SourceIndex(index.root, index.folders, merged, 0)


_EXAMPLE: Final = ("row", "count")
"""Suffix of the example step's name."""

_PREFERRED_TYPE: Final = "Processing"
_LONGEST: Final = 60


def values_for(
    project: Project,
    snapshot: Snapshot,
    workspace: str,
    description: str = "",
    framework: str = "",
    index: SourceIndex | None = None,
) -> dict[str, Any]:
    """Return the template values for a new workspace.

    Args:
       framework: empty for none.
       index: sources of the core, to find the base class of builders.
    """
    taken = _taken(snapshot, workspace)
    words = [word.lower() for word in re.split("[-_]+", workspace[:_LONGEST]) if word]
    name = next(name for name in _names(project, words) if name not in taken and f"{name}Config" not in taken)
    stem = project.settings.naming.stem(name)
    return {
        "workspace": workspace,
        "folder": f"{project.settings.workspaces}/{workspace}",
        "source": "src",
        "folder_in_shell": shlex.quote(f"{project.settings.workspaces}/{workspace}"),
        "new_step": "my_step" if project.settings.naming.step_name == "snake_case" else "MyStep",
        "description": description,
        "framework": framework,
        "step": {
            "name": name,
            "stem": stem,
            "constant": stem.upper(),
            "sagemaker_step_type": _step_type(project),
            "config_class": f"{name}Config",
            "builder_step_name": f"{name}StepBuilder",
        },
        "base": _base(project, snapshot, words),
        "builder_base": _builder_base(project, index),
    }


def _builder_base(project: Project, index: SourceIndex | None) -> dict[str, str] | None:
    """Return the importable base class of builders that the project requires, if any."""
    table = project.settings.references
    if table is None or not table.builder_base:
        return None
    module, _, name = table.builder_base.rpartition(".")
    if not module and index is not None:
        sees = SourceView(index, table.source)
        classes = sees.classes(name)
        module = next(iter(sees.names_of(classes[0].file)), "") if classes else ""
    return {"module": module, "name": name} if module else None


def _names(project: Project, words: list[str]) -> Iterator[str]:
    """Yield names for the example step, simplest first."""
    if words[0][0].isdigit():
        words = ["workspace", *words]
    whole = [*words, *_EXAMPLE]
    snake = project.settings.naming.step_name == "snake_case"
    name = "_".join(whole) if snake else "".join(word[:1].upper() + word[1:] for word in whole)
    yield name
    number = 2
    while True:
        yield f"{name}_{number}" if snake else f"{name}{number}"
        number += 1


def _taken(snapshot: Snapshot, workspace: str) -> Collection[str]:
    """Return names, aliases and configuration classes of existing steps."""
    taken: set[str | None] = set()
    others = [
        snapshot.view(workspace_id) for workspace_id in snapshot.workspaces if workspace_id != workspace
    ]
    for view in (snapshot.core, *others):
        for step in view.steps.above.values():
            taken.update((step.name, step.config_class, *step.aliases))
    return {item for item in taken if item is not None}


def _step_type(project: Project) -> str:
    allowed = project.settings.vocabulary.get("sagemaker_step_types")
    if allowed is None or _PREFERRED_TYPE in allowed:
        return _PREFERRED_TYPE
    return allowed[0] if allowed else ""


def _base(project: Project, snapshot: Snapshot, words: list[str]) -> dict[str, Any] | None:
    """Return the first core step with classes that is not deprecated, as an override example."""
    for step in snapshot.core.values():
        if step.config_class is None or step.builder_step_name is None or step.deprecated is not None:
            continue
        if step.sagemaker_step_type == "Base":
            continue
        own = "".join(word[:1].upper() + word[1:] for word in words)
        own = f"Workspace{own}" if own[0].isdigit() else own
        return {
            "name": step.name,
            "stem": project.settings.naming.stem(step.name),
            "description": " ".join(step.description.split()),
            "priority": max(step.priority - 10, 0),
            "config_class": f"{own}{step.config_class}"[:128],
            "builder_step_name": f"{own}{step.builder_step_name}"[:128],
        }
    return None
