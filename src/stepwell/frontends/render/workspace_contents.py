"""Contents of a workspace for ``stepwell workspace show``."""

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
    """Steps that a workspace adds, shadows and overrides.

    Args:
       folder: relative to the project.
       adds: documents of the steps that only the workspace has, by step.
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
    """Return the fields of a document, without the name."""
    return tuple(key for key in document.data if key not in ("name", "$schema"))
