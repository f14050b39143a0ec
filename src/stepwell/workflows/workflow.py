"""A workflow as it was read: frozen values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

from stepwell.source.document import Document

__all__ = ["Workflow"]


@final
@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow, checked.

    Args:
        document: the file that it was read from.
        stated: what stands below its key ``workflow``.
    """

    document: Document
    stated: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.stated["name"])

    @property
    def description(self) -> str:
        """What it is for; empty where it does not say."""
        return str(self.stated.get("description", ""))

    @property
    def steps(self) -> tuple[Mapping[str, Any], ...]:
        """Its steps, as they are stated."""
        return tuple(self.stated["steps"])

    @property
    def variables(self) -> Mapping[str, Any]:
        """Its variables, each with the value that it begins with."""
        return _mapping(self.stated, "variables")

    @property
    def defaults(self) -> Mapping[str, Any]:
        """What its steps say where they do not say it themselves."""
        return _mapping(self.stated, "defaults")

    @property
    def output_folder(self) -> str:
        """The folder below a run's outputs that files are kept in; empty for the outputs themselves."""
        return str(self.stated.get("output_dir") or self.defaults.get("output_dir") or "")

    def limit(self, name: str, default: Any) -> Any:
        """One of its ``resource_limits``, or the default."""
        return _mapping(self.stated, "resource_limits").get(name, default)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self.steps)


def _mapping(stated: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = stated.get(key)
    return found if isinstance(found, Mapping) else {}
