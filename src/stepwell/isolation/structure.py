"""Whether a workspace has the parts that its people look for, each where Stepwell reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.model import Workspace
from stepwell.model.settings import Project
from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.tree import EntryKind

__all__ = ["CODE_FOLDERS", "check_structure"]

CODE_FOLDERS: Final = ("builders", "configs", "contracts", "scripts", "specs")
"""The folders of a workspace's ``src``."""

_FOLDERS: Final = (*(f"src/{name}" for name in CODE_FOLDERS), "tests", "docs")


def check_structure(project: Project, workspace: Workspace) -> Iterator[Diagnostic]:
    """What a workspace lacks, or has where nobody looks for it.

    Definitions that lie where none is read are told by every check of the project.

    Args:
        project: the project.
        workspace: what the workspace says of itself.
    """
    folder = f"{project.settings.workspaces}/{workspace.id}"
    document = workspace.document
    if document is None:
        path = f"{folder}/workspace.yaml"
        if (
            project.tree.follow(path).kind is None
            and project.tree.follow(f"{folder}/workspace.toml").kind is None
        ):
            yield _about(
                folder,
                "the workspace has no `workspace.yaml`",
                f"add one that says `developer_id: {workspace.id}`",
            )
    elif "developer_id" not in document.data:
        message = f"`workspace.yaml` of {workspace.id} does not say whose it is"
        yield Diagnostic(
            "workspace-structure",
            Severity.WARNING,
            message,
            document.first_key_span(()),
            f"add a line `developer_id: {workspace.id}`",
        )
    entries = _entries(project, folder)
    if not any(name.lower().partition(".")[0] == "readme" for name in entries):
        yield _about(folder, "the workspace has no README", "add a `README.md` that says what it is for")
    missing = [
        name for name in _FOLDERS if project.tree.follow(f"{folder}/{name}").kind is not EntryKind.FOLDER
    ]
    if missing:
        noun = "folder" if len(missing) == 1 else "folders"
        told = ", ".join(f"`{name}/`" for name in missing)
        message = f"the workspace has no {noun} {told}"
        yield _about(folder, message, "make what its steps need, or leave it as it is", Severity.INFO)
    for name, kind in sorted(entries.items()):
        if kind is EntryKind.FILE and name.endswith(".py"):
            yield _about(
                f"{folder}/{name}",
                "this Python file lies outside `src/`, so no step can find it",
                "move it into a folder of `src/`",
            )
        elif kind is EntryKind.FOLDER and name in CODE_FOLDERS:
            yield _about(
                f"{folder}/{name}",
                f"the code of a workspace lies in `src/`, so nothing in `{name}/` counts",
                f"move it to `src/{name}/`",
            )


def _entries(project: Project, folder: str) -> dict[str, EntryKind | None]:
    try:
        return {one.name: one.kind for one in project.tree.scan(folder)}
    except OSError:  # the listing of the project has told it
        return {}


def _about(path: str, message: str, help_text: str, severity: Severity = Severity.WARNING) -> Diagnostic:
    return Diagnostic("workspace-structure", severity, message, Span(path), help_text)
