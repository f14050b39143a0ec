"""What a template can name: the workspace, its example step, and a core step to override."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any, Final

from stepwell.model.settings import Project
from stepwell.resolve.snapshot import Snapshot
from stepwell.source.python import SourceIndex, SourceView

__all__ = ["values_for"]

_EXAMPLE: Final = ("row", "count")
"""What the example step is called, after the workspace."""

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
    """The values for one new workspace.

    Args:
        project: the project; names follow its style.
        snapshot: its definitions, whose names are not taken again.
        workspace: the id of the new workspace.
        description: what it is for.
        framework: what its steps are written for; empty for none.
        index: the core's sources, where the base of all builders is looked for.
    """
    taken = _taken(snapshot, workspace)
    words = [word.lower() for word in re.split("[-_]+", workspace[:_LONGEST]) if word]
    name = next(one for one in _names(project, words) if one not in taken and f"{one}Config" not in taken)
    stem = project.settings.naming.stem(name)
    return {
        "workspace": workspace,
        "folder": f"{project.settings.workspaces}/{workspace}",
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
    """The class that builders derive from, where the project asks for one that can be imported."""
    table = project.settings.references
    if table is None or not table.builder_base:
        return None
    module, _, name = table.builder_base.rpartition(".")
    if not module and index is not None:
        sees = SourceView(index, table.source)
        found = sees.classes(name)
        module = next(iter(sees.names_of(found[0].file)), "") if found else ""
    return {"module": module, "name": name} if module else None


def _names(project: Project, words: list[str]) -> Iterator[str]:
    """Names for the example step, the plainest first."""
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
    """What steps of others are called, with their aliases and configuration classes."""
    found: set[str | None] = set()
    others = [snapshot.view(one) for one in snapshot.workspaces if one != workspace]
    for view in (snapshot.core, *others):
        for step in view.steps.above.values():
            found.update((step.name, step.config_class, *step.aliases))
    return {one for one in found if one is not None}


def _step_type(project: Project) -> str:
    allowed = project.settings.vocabulary.get("sagemaker_step_types")
    if allowed is None or _PREFERRED_TYPE in allowed:
        return _PREFERRED_TYPE
    return allowed[0] if allowed else ""


def _base(project: Project, snapshot: Snapshot, words: list[str]) -> dict[str, Any] | None:
    """The core step that an example can override: the first with classes that is not on its way out."""
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
