"""Snapshot files: the sources of a state of the registry, and its resolved views.

The sources let a later Stepwell read, check and compare the state; the views are for other tools.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from stepwell.model import KIND_OF_NOUN, KINDS, Definition, schema
from stepwell.model.layer import Origin
from stepwell.model.schema import fields
from stepwell.model.settings import CONFIG_NAME
from stepwell.resolve import LoadResult
from stepwell.resolve.provenance import origins
from stepwell.resolve.snapshot import Snapshot
from stepwell.resolve.view import View
from stepwell.review.accepted import ACCEPTED_NAMES
from stepwell.review.state import RegistryState
from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.document import thaw
from stepwell.source.errors import ProjectError
from stepwell.source.tree import EntryKind, Packed, Tree, packed
from stepwell.version import __version__

__all__ = [
    "MAX_SNAPSHOT_BYTES",
    "SCHEMA_ID",
    "VERSION",
    "PackedState",
    "pack",
    "resolved_views",
    "unless_secret",
    "unpack",
]


def resolved_views(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    """Return the core's view, then each workspace's by id with its differences from the core."""
    for item in (None, *snapshot.workspaces):
        yield _view(snapshot.view(item))


def _view(view: View) -> dict[str, Any]:
    steps = [view.steps[name] for name in view.steps.order if name in view.steps.above]
    data = {
        "workspace": view.workspace,
        "digest": view.digest,
        "first": [name for name in view.steps.first if name in view.steps],
        "steps": [_definition("step", step) for step in steps],
    }
    for folder, kind in KINDS.items():
        if folder not in data:
            above = sorted(view.tables[folder].above.items())
            data[folder] = [_definition(kind.noun, item) for _, item in above]
    return data


def _definition(noun: str, definition: Definition) -> dict[str, Any]:
    stated: dict[str, Any] = {}
    for field in (*fields(noun), *sorted(definition.extensions)):
        value = definition[field]
        if value is not None:
            origin = origins(definition, (field,))[0]
            stated[field] = {"value": thaw(value), "from": _origin(origin)}
    return {"name": definition.name, "digest": definition.digest, "fields": stated}


def _origin(origin: Origin) -> Mapping[str, Any]:
    span = origin.span
    return {
        "how": origin.how,
        "layer": None if origin.layer is None else origin.layer.value,
        "workspace": origin.workspace,
        "path": None if span is None else span.path,
        "line": None if span is None else span.line,
        "column": None if span is None else span.column,
    }


VERSION: Final = 1
"""Version of the format."""

SCHEMA_ID: Final = "https://stepwell.dev/schemas/1/snapshot.schema.json"
"""First bytes of a snapshot file."""

MAX_SNAPSHOT_BYTES: Final = 512 * 1024 * 1024
"""Maximum size of a snapshot file."""

_PROVIDERS: Final = KIND_OF_NOUN["provider"].folder


@final
@dataclass(frozen=True, slots=True)
class PackedState:
    """Content of a snapshot file.

    Args:
       title: title of the state when the snapshot was created.
       tables: its Python tables; empty for definitions.
    """

    title: str
    tree: Packed
    tables: tuple[str, ...]


def pack(state: RegistryState) -> str:
    """Return the reproducible text of a snapshot file."""
    loaded = state.loaded
    tree = loaded.project.tree
    paths = sorted(_paths(state, tree))
    tree.expect(paths)
    files = {path: _as_data(unless_secret(loaded, path, tree.read(path))) for path in paths}
    answer = {
        "$schema": SCHEMA_ID,
        "version": VERSION,
        "generator": {"name": "stepwell", "version": __version__},
        "title": state.title,
        "digest": loaded.snapshot.digest,
        "tables": list(state.tables),
        "folders": sorted(_empty_folders(state, tree, paths)),
        "files": files,
        "views": list(resolved_views(loaded.snapshot)),
    }
    return _written(answer, 4) + "\n"


def unpack(name: str, content: bytes) -> PackedState:
    """Read a snapshot file.

    Raises:
       ProjectError: the file is not a snapshot of a supported version.
    """
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):  # not JSON, not Unicode, or nested without end
        raise _unusable(name, "not valid JSON") from None
    kind = data.get("$schema") if isinstance(data, dict) else None
    if not isinstance(kind, str) or not kind.endswith("/snapshot.schema.json"):
        raise _unusable(name, "not a snapshot; create one with `stepwell snapshot`")
    if data.get("version") != VERSION:
        shown = ascii(data.get("version"))[:20]
        raise _unusable(name, f"version must be {VERSION}, got {shown}")
    try:
        fits = schema.fits("snapshot", {**data, "views": []})
    except (ValueError, RecursionError):  # nested more deeply than the validator goes
        fits = False
    if not fits or not isinstance(data.get("views"), list):
        raise _unusable(name, "not valid against `stepwell schema snapshot`")
    files = {path: _from_data(name, path, value) for path, value in data["files"].items()}
    tree = packed(f"snapshot {name}", files, data["folders"])
    missing = [path for path in data["tables"] if path not in files]
    if missing:
        raise _unusable(name, f"missing table {missing[0]!a}")
    return PackedState(data["title"], tree, tuple(data["tables"]))


def _unusable(name: str, reason: str) -> ProjectError:
    return ProjectError(f"cannot read snapshot {name}: {reason}")


def _paths(state: RegistryState, tree: Tree) -> Iterator[str]:
    """Return the source files of a state."""
    settings = CONFIG_NAME if tree.follow(CONFIG_NAME).kind is EntryKind.FILE else "pyproject.toml"
    for name in (settings, *ACCEPTED_NAMES):
        if tree.follow(name).kind is EntryKind.FILE:
            yield name
    yield from state.schemas
    if state.tables:
        yield from state.tables
        return
    layout = state.loaded.layout
    for listed in (layout.core, *layout.workspaces.values()):
        yield from (item.path for item in listed)
    yield from layout.settings.values()


def _empty_folders(state: RegistryState, tree: Tree, paths: Iterable[str]) -> Iterator[str]:
    """Return the folders that matter even if empty: core and workspaces."""
    if state.tables:
        return
    settings = state.loaded.project.settings
    full = {path[:at] for path in paths for at, letter in enumerate(path) if letter == "/"}
    wanted = [
        settings.core,
        *(f"{settings.workspaces}/{workspace}" for workspace in state.loaded.layout.workspaces),
    ]
    for folder in wanted:
        if folder not in full and tree.follow(folder).kind is EntryKind.FOLDER:
            yield folder


def unless_secret(loaded: LoadResult, path: str, content: bytes | Diagnostic) -> bytes | Diagnostic:
    """Return the content of a file, or a finding if it contains or may contain a secret."""
    checked = loaded.checked.get(path)
    if checked is None or checked.listed.kind != _PROVIDERS or isinstance(content, Diagnostic):
        return content
    if checked.source is not None:
        return content
    from stepwell.source.redaction import covered_span  # its patterns take a moment to prepare

    text = content.decode("utf-8", "replace")
    written = any(finding.id == "literal-secret" for finding in checked.diagnostics)
    if not written and covered_span(Span(path, text=text)).text == text:
        return content
    message = "the file seems to contain a secret; it was excluded from the snapshot"
    return Diagnostic(
        "literal-secret", Severity.ERROR, message, Span(path), "remove the secret from the file"
    )


def _as_data(content: bytes | Diagnostic) -> Any:
    if isinstance(content, Diagnostic):
        return {"unread": {"id": content.id, "message": content.message, "help": content.help}}
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode("ascii")}


def _from_data(name: str, path: str, value: Any) -> bytes | Diagnostic:
    if isinstance(value, str):
        try:
            return value.encode("utf-8")
        except UnicodeEncodeError:
            raise _unusable(name, f"the text of {path!a} is not Unicode") from None
    if "base64" in value:
        try:
            return base64.b64decode(value["base64"], validate=True)
        except ValueError:
            raise _unusable(name, f"the bytes of {path!a} are not base64") from None
    unread = value["unread"]
    return Diagnostic(unread["id"], Severity.ERROR, unread["message"], Span(path), unread["help"])


def _written(value: Any, depth: int) -> str:
    """Return JSON in ASCII with one entry per line in the outer ``depth`` levels, for line diffs."""
    if not depth or not isinstance(value, (dict, list)) or not value:
        return json.dumps(value)
    if isinstance(value, list):
        return "[\n" + ",\n".join(_written(item, depth - 1) for item in value) + "\n]"
    inside = (f"{json.dumps(key)}: {_written(item, depth - 1)}" for key, item in value.items())
    return "{\n" + ",\n".join(inside) + "\n}"
