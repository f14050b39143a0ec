"""The JSON Schemas of a project, as they lie in one of its states."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from stepwell.source.diagnostic import Diagnostic
from stepwell.source.tree import EntryKind, Tree

__all__ = ["schemas_in"]

_FOLDER: Final = "schemas"
_ENDING: Final = ".schema.json"


def schemas_in(tree: Tree) -> Mapping[str, Mapping[str, Any]]:
    """The schemas that editors find in a project, by path; what is no JSON object is passed over.

    Args:
        tree: the state's files.
    """
    found: dict[str, Mapping[str, Any]] = {}
    if tree.follow(_FOLDER).kind is not EntryKind.FOLDER:
        return MappingProxyType(found)
    names = sorted(entry.name for entry in tree.scan(_FOLDER) if entry.name.endswith(_ENDING))
    paths = [f"{_FOLDER}/{name}" for name in names]
    tree.expect(paths)
    for path in paths:
        content = tree.read(path)
        if isinstance(content, Diagnostic):
            continue
        try:
            schema = json.loads(content)
        except (ValueError, RecursionError):  # the editor that uses it tells
            continue
        if isinstance(schema, dict):
            found[path] = MappingProxyType(schema)
    return MappingProxyType(found)
