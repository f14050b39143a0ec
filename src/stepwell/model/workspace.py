"""What one developer's workspace says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, final

from stepwell.model.record import digest_of
from stepwell.source.document import Document

__all__ = ["WORKSPACE_ID", "Workspace", "define_workspace"]

WORKSPACE_ID: Final = r"[A-Za-z0-9][A-Za-z0-9_-]*"
"""What a workspace may be called: its folder's name."""


@final
@dataclass(frozen=True, slots=True)
class Workspace:
    """What one developer's ``workspace.yaml`` says, or its defaults where there is none."""

    id: str
    version: str = "0.0.0"
    description: str = ""
    dependencies: tuple[str, ...] = ()
    default_resolution_strategy: str = "workspace_priority"
    preferred_frameworks: tuple[str, ...] = ()
    environment_preferences: tuple[str, ...] = ()
    conflict_tolerance: str = "medium"
    extensions: Mapping[str, Any] = field(default_factory=lambda: _NOTHING, repr=False)
    document: Document | None = field(default=None, repr=False, compare=False)

    @property
    def digest(self) -> str:
        """A hash of all that it says."""
        said = [getattr(self, name) for name in self.__slots__ if name != "document"]
        return digest_of("Workspace", said)


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def _extensions(data: Mapping[str, Any]) -> Mapping[str, Any]:
    found = {key: value for key, value in data.items() if key[:2] == "x-"}
    return MappingProxyType(found) if found else _NOTHING


def define_workspace(id: str, document: Document | None) -> Workspace:  # noqa: A002 - the field's name
    """A workspace from its checked ``workspace.yaml``, or from its folder's name alone."""
    if document is None:
        return Workspace(id)
    data = document.data
    fields = {key: value for key, value in data.items() if key in _WORKSPACE_FIELDS}
    return Workspace(id, **fields, extensions=_extensions(data), document=document)


_WORKSPACE_FIELDS: Final = frozenset(Workspace.__slots__) - {"id", "extensions", "document"}
