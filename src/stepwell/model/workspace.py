"""Settings of one developer's workspace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, final

from stepwell.model.fields import WorkspaceFields
from stepwell.source.document import Document, FrozenMapping

__all__ = ["WORKSPACE_ID", "Workspace"]

WORKSPACE_ID: Final = r"[A-Za-z0-9][A-Za-z0-9_-]*"
"""Pattern of workspace ids, which are folder names."""

_NOTHING: Final[Mapping[str, Any]] = FrozenMapping()


@final
class Workspace(WorkspaceFields):
    """Settings of a workspace from its workspace file, with defaults.

    Args:
        document: the validated workspace file, if any.
    """

    __slots__ = ("document", "id")
    id: str
    document: Document | None

    def __init__(self, id: str, document: Document | None = None) -> None:  # noqa: A002 - the field's name
        super().__init__(_NOTHING if document is None else document.data)
        object.__setattr__(self, "id", id)
        object.__setattr__(self, "document", document)

    def __reduce__(self) -> tuple[type[Workspace], tuple[str, Document | None]]:
        return Workspace, (self.id, self.document)

    def __repr__(self) -> str:
        return f"<Workspace {self.id}>"

    def effective(self) -> dict[str, Any]:
        """Return the id and all settings with a value."""
        return {"id": self.id, **super().effective()}
