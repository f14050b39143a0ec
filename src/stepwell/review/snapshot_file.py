"""A state of a registry in one file: what it is made of, and what that comes to.

The files let a later Stepwell read, check and compare the state by the flow of any other one; the views are
for other tools, and are not read back.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from stepwell.model import KIND_OF_NOUN, KINDS, Definition, schema
from stepwell.model.layer import Origin
from stepwell.model.schema import fields
from stepwell.model.settings import CONFIG_NAME
from stepwell.resolve.provenance import origins
from stepwell.resolve.snapshot import Snapshot
from stepwell.resolve.view import View
from stepwell.review.accepted import ACCEPTED_NAMES
from stepwell.review.state import RegistryState
from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.document import thaw
from stepwell.source.errors import ProjectError
from stepwell.source.tree import EntryKind, Target, Tree, TreeEntry
from stepwell.version import __version__

__all__ = [
    "MAX_SNAPSHOT_BYTES",
    "SCHEMA_ID",
    "VERSION",
    "Packed",
    "PackedState",
    "pack",
    "resolved_views",
    "unpack",
]


def resolved_views(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    """The core's view, then each workspace's by id, which holds what it sees otherwise than the core."""
    for one in (None, *snapshot.workspaces):
        yield _view(snapshot.view(one))


def _view(view: View) -> dict[str, Any]:
    steps = [view.steps[name] for name in view.steps.order if name in view.steps.above]
    told = {
        "workspace": view.workspace,
        "digest": view.digest,
        "first": [name for name in view.steps.first if name in view.steps],
        "steps": [_definition("step", one) for one in steps],
    }
    for folder, kind in KINDS.items():
        if folder not in told:
            above = sorted(view.tables[folder].above.items())
            told[folder] = [_definition(kind.noun, one) for _, one in above]
    return told


def _definition(noun: str, definition: Definition) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for field in (*fields(noun), *sorted(definition.extensions)):
        value = definition[field]
        if value is not None:
            origin = origins(definition, (field,))[0]
            told[field] = {"value": thaw(value), "from": _origin(origin)}
    return {"name": definition.name, "digest": definition.digest, "fields": told}


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
"""The version of the form; it rises with every change that a reader could notice."""

SCHEMA_ID: Final = "https://stepwell.dev/schemas/1/snapshot.schema.json"
"""What the file begins with, by which it is known."""

MAX_SNAPSHOT_BYTES: Final = 512 * 1024 * 1024
"""The largest snapshot file that is read."""

_MAX_PATH: Final = 4096
_MAX_DEPTH: Final = 64
_PROVIDERS: Final = KIND_OF_NOUN["provider"].folder


@final
@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """Files in memory.

    Args:
        files: the bytes of each by its path, or the finding that says why there are none.
    """

    files: Mapping[str, bytes | Diagnostic]
    folders: Mapping[str, Mapping[str, EntryKind]]

    def read(self, path: str) -> bytes | Diagnostic:
        """The bytes of a file, or the finding that says why not."""
        found = self.files.get(path)
        if found is None:
            return Diagnostic(
                "unreadable-file", Severity.ERROR, "the snapshot does not hold this file", Span(path)
            )
        return found

    def scan(self, folder: str) -> Iterator[TreeEntry]:
        """The entries of a folder.

        Raises:
            OSError: there is none.
        """
        if folder in self.files:
            raise NotADirectoryError(20, "this is no folder", folder)
        if folder not in self.folders:
            raise FileNotFoundError(2, "no such folder in the snapshot", folder)
        return (TreeEntry(name, kind, False) for name, kind in self.folders[folder].items())

    def follow(self, path: str) -> Target:
        """What a path stands for."""
        if path in self.files:
            return Target(path, EntryKind.FILE)
        return Target(path, EntryKind.FOLDER if path in self.folders else None)

    def expect(self, paths: Iterable[str]) -> None:
        """Nothing to fetch: everything is here."""

    def id_of(self, path: str) -> str | None:
        """The id of what a file holds: equal ids are equal bytes."""
        content = self.files.get(path)
        return self.id_for(content) if isinstance(content, bytes) else None

    def id_for(self, content: bytes) -> str:
        """The id that git gives to bytes in most repositories, so that a revision shares with a snapshot."""
        digest = hashlib.sha1(b"blob %d\0" % len(content), usedforsecurity=False)
        digest.update(content)
        return digest.hexdigest()


@final
@dataclass(frozen=True, slots=True)
class PackedState:
    """What a snapshot file holds.

    Args:
        title: the state in words, as it was when it was packed.
        tables: the Python files that it is made of; none for definitions.
    """

    title: str
    tree: Packed
    tables: tuple[str, ...]


def pack(state: RegistryState) -> str:
    """The text of a snapshot file: the same for the same sources, wherever and whenever it is made."""
    loaded = state.loaded
    tree = loaded.project.tree
    paths = sorted(_paths(state, tree))
    tree.expect(paths)
    files = {path: _as_data(_unless_secret(state, path, tree.read(path))) for path in paths}
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

    Args:
        content: its bytes.

    Raises:
        ProjectError: when it is no snapshot, or one that this version cannot read.
    """
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):  # not JSON, not Unicode, or nested without end
        raise _unusable(name, "it is not JSON") from None
    kind = data.get("$schema") if isinstance(data, dict) else None
    if not isinstance(kind, str) or not kind.endswith("/snapshot.schema.json"):
        raise _unusable(name, "it is JSON of another kind; `stepwell snapshot` writes one")
    if data.get("version") != VERSION:
        shown = ascii(data.get("version"))[:20]
        raise _unusable(name, f"its version is {shown}, and this Stepwell reads version {VERSION}")
    try:
        fits = schema.fits("snapshot", {**data, "views": []})
    except (ValueError, RecursionError):  # nested more deeply than the validator goes
        fits = False
    if not fits or not isinstance(data.get("views"), list):
        raise _unusable(name, "it is not as `stepwell schema snapshot` says")
    files = {path: _from_data(name, path, value) for path, value in data["files"].items()}
    tree = Packed(files, _folders(name, files, data["folders"]))
    missing = [path for path in data["tables"] if path not in files]
    if missing:
        raise _unusable(name, f"it names the table {missing[0]!a} and does not hold it")
    return PackedState(data["title"], tree, tuple(data["tables"]))


def _unusable(name: str, reason: str) -> ProjectError:
    return ProjectError(f"{name} is no snapshot that can be read: {reason}")


def _paths(state: RegistryState, tree: Tree) -> Iterator[str]:
    """Every file that the state is made of."""
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
        yield from (one.path for one in listed)
    yield from layout.settings.values()


def _empty_folders(state: RegistryState, tree: Tree, paths: Iterable[str]) -> Iterator[str]:
    """The folders that say something without a file in them: the core's, and a workspace's."""
    if state.tables:
        return
    settings = state.loaded.project.settings
    full = {path[:at] for path in paths for at, letter in enumerate(path) if letter == "/"}
    wanted = [settings.core, *(f"{settings.workspaces}/{one}" for one in state.loaded.layout.workspaces)]
    for folder in wanted:
        if folder not in full and tree.follow(folder).kind is EntryKind.FOLDER:
            yield folder


def _unless_secret(state: RegistryState, path: str, content: bytes | Diagnostic) -> bytes | Diagnostic:
    """What a file holds; why not, where it is refused for a secret in it, or may hold one and is not read."""
    checked = state.loaded.checked.get(path)
    if checked is None or checked.listed.kind != _PROVIDERS or isinstance(content, Diagnostic):
        return content
    if checked.source is not None:
        return content
    from stepwell.source.redaction import covered_span  # its patterns take a moment to prepare

    text = content.decode("utf-8", "replace")
    written = any(one.id == "literal-secret" for one in checked.diagnostics)
    if not written and covered_span(Span(path, text=text)).text == text:
        return content
    message = "the file holds what looks like a secret, and is not part of the snapshot"
    return Diagnostic(
        "literal-secret", Severity.ERROR, message, Span(path), "take the secret out of the file"
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
    told = value["unread"]
    return Diagnostic(told["id"], Severity.ERROR, told["message"], Span(path), told["help"])


def _folders(
    name: str, files: Mapping[str, object], folders: Iterable[str]
) -> Mapping[str, Mapping[str, EntryKind]]:
    """The entries of every folder, from the paths that a file holds."""
    found: dict[str, dict[str, EntryKind]] = {"": {}}
    for path, kind in (
        *((path, EntryKind.FILE) for path in files),
        *((path, EntryKind.FOLDER) for path in folders),
    ):
        parts = path.split("/")
        if len(path) > _MAX_PATH or len(parts) > _MAX_DEPTH or "\0" in path or {"", ".", ".."} & {*parts}:
            raise _unusable(name, f"{path[:80]!a} is not a plain path inside a project")
        above = ""
        for at, part in enumerate(parts):
            last = at == len(parts) - 1
            here = f"{above}/{part}" if above else part
            entry = kind if last else EntryKind.FOLDER
            if found[above].setdefault(part, entry) is not entry:
                raise _unusable(name, f"{here[:80]!a} is a file and a folder in it")
            if entry is EntryKind.FOLDER:
                found.setdefault(here, {})
            above = here
    return found


def _written(value: Any, depth: int) -> str:
    """JSON in ASCII with the outer ``depth`` levels one entry a line, for those who compare by lines."""
    if not depth or not isinstance(value, (dict, list)) or not value:
        return json.dumps(value)
    if isinstance(value, list):
        return "[\n" + ",\n".join(_written(one, depth - 1) for one in value) + "\n]"
    inside = (f"{json.dumps(key)}: {_written(one, depth - 1)}" for key, one in value.items())
    return "{\n" + ",\n".join(inside) + "\n}"
