"""What one workspace holds, for the written forms of ``stepwell workspace show``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from stepwell.model import Workspace
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.document import Document

__all__ = ["WorkspaceContents", "fields_of"]


@final
@dataclass(frozen=True, slots=True)
class WorkspaceContents:
    """What one workspace adds, hides and overrides.

    Args:
        workspace: its settings.
        folder: its folder, relative to the project.
        adds: the documents of the steps that only it has, by step.
        hides: those of its own steps that hide a step of the core.
        overrides: those that change a step.
        others: the names that it defines or changes of every other kind, by the kind's folder.
        code: how many Python files are in each of its folders of code.
        findings: the findings in its files.
    """

    workspace: Workspace
    folder: str
    adds: Mapping[str, Document]
    hides: Mapping[str, Document]
    overrides: Mapping[str, Document]
    others: Mapping[str, tuple[str, ...]]
    code: Mapping[str, int]
    findings: tuple[Diagnostic, ...]


def fields_of(document: Document) -> tuple[str, ...]:
    """The fields that a document states, without the name."""
    return tuple(key for key in document.data if key not in ("name", "$schema"))
