"""Bundles: a valid project as one reproducible file of plain data, without code.

A bundle is a line with the format, a line of JSON (the head), the bytes of all files of the project, and the
checked data of its definitions. Only the files count: the views and the data are what a reader with the same
schemas would work out, so a reader with other schemas ignores them and checks the files itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import cache, cached_property, lru_cache, partial
from itertools import accumulate, chain, groupby, repeat
from operator import itemgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast, final

from stepwell.model.definition import Workspace
from stepwell.model.kinds import KINDS
from stepwell.model.layer import Layer
from stepwell.resolve import LoadResult, Summary, collector_paused
from stepwell.resolve.stored_views import (
    OnDemand,
    Ref,
    StoredView,
    StoredViews,
    plain_data,
    plain_definition,
    stored_views,
)
from stepwell.source.errors import ProjectError
from stepwell.source.immutable import record
from stepwell.source.tree import CONFIG_NAME, CONFIG_NAMES, Packed, packed

if TYPE_CHECKING:
    from stepwell.model.layer import Listed
    from stepwell.model.settings import Project
    from stepwell.resolve.load import Progress
    from stepwell.source.diagnostic import Diagnostic
    from stepwell.source.document import Document, TextMap

__all__ = [
    "MAX_BUNDLE_BYTES",
    "Bundle",
    "Lock",
    "Publication",
    "digest_of",
    "is_digest",
    "publication_of",
    "read_lock",
]

MAX_BUNDLE_BYTES: Final = 512 * 1024 * 1024
"""Maximum size of a bundle."""

_MAGIC: Final = b"stepwell-bundle 1\n"
_FAMILY: Final = b"stepwell-bundle "
_SCHEMAS: Final = ("hyperparameter", "pipeline", "project", "provider", "step", "workspace")
"""Schemas that determine what a file means."""


def digest_of(content: bytes) -> str:
    """Return the digest of bytes, as in pointers and locks."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@cache
def schemas_digest() -> str:
    """Return the digest of the schemas of this Stepwell."""
    from stepwell.model.schema import schema_text

    return digest_of("".join(map(schema_text, _SCHEMAS)).encode("utf-8"))


class _Head(NamedTuple):
    """Everything but the bytes; lists of the same kind of item are parallel.

    Args:
        paths: of each file: the configuration, the definitions and the workspace files.
        sizes: of each file, then of the data of each definition and workspace file.
        folders: folders of the project that may be empty.
        groups: layer, workspace, kind and number of definitions that follow each other.
        workspaces: ids, and whether they have a workspace file.
        views: for each view, its workspace, and for each kind its names, their files and the first names.
        workspace: the default workspace; empty for none.
    """

    schemas: str
    workspace: str
    paths: list[str]
    sizes: list[int]
    folders: list[str]
    groups: list[tuple[str, str | None, str, int]]
    workspaces: list[tuple[str, bool]]
    views: list[tuple[str | None, dict[str, tuple[list[str], list[Ref], list[str]]]]]


@final
class Lock(NamedTuple):
    """Digests of a published registry, from a file ``stepwell.lock``."""

    bundle: str
    schemas: str
    files: Mapping[str, str]

    @property
    def text(self) -> str:
        """The text of the file, with one line for each digest."""
        data = {"version": 1, **self._asdict(), "files": dict(self.files)}
        return json.dumps(data, indent=2) + "\n"


def read_lock(name: str, content: bytes) -> Lock:
    """Read a lock.

    Raises:
        ProjectError: it is invalid.
    """
    reason = "not valid JSON"
    try:
        data = json.loads(content)
        reason = "it is not a lock of version 1"
        if data.pop("version") == 1:
            lock = Lock(**data)
            digests = (lock.bundle, lock.schemas, *lock.files.values())
            if all(map(is_digest, digests)):
                return lock
            reason = "a digest is not `sha256:` and 64 hexadecimal digits"
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        pass
    raise ProjectError(f"cannot read {name}: {reason}; `stepwell lock` creates it")


def is_digest(text: object) -> bool:
    """Return whether a value is a digest as of ``digest_of``."""
    if not isinstance(text, str):
        return False
    start, _, digits = text.partition(":")
    return start == "sha256" and len(digits) == 64 and not digits.strip("0123456789abcdef")


@final
class Publication(NamedTuple):
    """A project that can be published if it has no errors.

    Args:
        contents: the bytes of each file that was read, by path.
    """

    loaded: LoadResult
    contents: Mapping[str, bytes]

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """Findings that prevent publication; a file that may contain a secret is one."""
        from dataclasses import replace

        from stepwell.review.snapshot_file import unless_secret
        from stepwell.source.diagnostic import Diagnostic, Severity

        errors = [item for item in self.loaded.diagnostics if item.severity is Severity.ERROR]
        reported = {item.span.path for item in errors if item.span is not None}
        for path in sorted(self.loaded.checked.keys() - reported):
            content = unless_secret(self.loaded, path, self.contents.get(path, b""))
            if isinstance(content, Diagnostic):
                errors.append(replace(content, message="the file seems to contain a secret"))
        return tuple(errors)

    @property
    def _listed(self) -> list[Listed]:
        layout = self.loaded.layout
        return [*layout.core, *chain.from_iterable(layout.workspaces.values())]

    @property
    def paths(self) -> list[str]:
        """Paths of all files: the configuration, the definitions and the workspace files."""
        config = self.loaded.project.config
        definitions = (item.path for item in self._listed)
        return [
            CONFIG_NAME if config is None else config.path,
            *definitions,
            *self.loaded.layout.settings.values(),
        ]

    def drift(self, lock: Lock, name: str) -> Iterator[Diagnostic]:
        """Yield the differences from a lock.

        Args:
            name: of the lock.
        """
        from stepwell.source.diagnostic import Diagnostic, Severity, Span

        def drifted(path: str, message: str) -> Diagnostic:
            return Diagnostic("lock-drift", Severity.ERROR, message, Span(path), _DRIFT_HELP)

        is_same = True
        files = {path: digest_of(self.contents.get(path, b"")) for path in self.paths}
        for path in sorted(files.keys() | lock.files.keys()):
            if files.get(path) != lock.files.get(path):
                is_same = False
                if path not in files:
                    yield drifted(name, f"`{path}` is locked, but the project does not contain it")
                elif path not in lock.files:
                    yield drifted(path, f"the file is not in `{name}`")
                else:
                    yield drifted(path, f"the file differs from `{name}`")
        if lock.schemas != schemas_digest():
            yield drifted(name, "the schemas of this Stepwell are not the locked ones")
        elif is_same and not self.errors and digest_of(self.encoded()) != lock.bundle:
            yield drifted(name, "the bundle of the project is not the locked one")

    def encoded(self) -> bytes:
        """Return the bundle of a project without errors."""
        loaded, contents = self.loaded, self.contents
        layout, settings = loaded.layout, loaded.project.settings
        listed, paths = self._listed, self.paths
        data: list[bytes] = []

        def store(plain: Any) -> None:
            data.append(json.dumps(plain, separators=(",", ":")).encode("ascii"))

        for item in listed:
            authored = loaded.checked[item.path].authored
            if authored is None:
                raise ValueError(f"{item.path} has errors")
            store(plain_definition(authored)[1])
        own = {key: workspace.document for key, workspace in loaded.snapshot.workspaces.items()}
        for key in layout.settings:
            document = own[key]
            store({} if document is None else plain_data(document)[1])
        views = [
            (key, {kind: (list(refs), list(refs.values()), first) for kind, (refs, first) in tables.items()})
            for key, tables in stored_views(loaded.snapshot, {path: at for at, path in enumerate(paths[1:])})
        ]
        head = _Head(
            schemas_digest(),
            settings.workspace,
            paths,
            [*(len(contents[path]) for path in paths), *map(len, data)],
            [settings.core, *(f"{settings.workspaces}/{key}" for key in layout.workspaces)],
            [
                (layer.value, owner, kind, sum(1 for _ in items))
                for (layer, owner, kind), items in groupby(listed, lambda item: item[1:])
            ],
            [(key, key in layout.settings) for key in own],
            cast("Any", views),
        )
        text = json.dumps(head._asdict(), separators=(",", ":")).encode("ascii")
        return b"".join((_MAGIC, text, b"\n", *(contents[path] for path in paths), *data))


_DRIFT_HELP: Final = "restore the file, or accept the change with `stepwell lock`"


def publication_of(folder: str, today: date, progress: Progress | None = None) -> Publication:
    """Read the project in a folder as a reader of its bundle would: without plugins.

    Raises:
        ProjectError: the folder contains no project.
    """
    from stepwell.model.settings import open_project
    from stepwell.resolve.load import load
    from stepwell.source.observations import Recorder

    recorder = Recorder(folder)
    loaded = load(open_project(folder, recorder), today, progress)
    return Publication(loaded, recorder.contents)


@final
class Bundle:
    """A bundle whose digest is verified; everything in it is plain data that may be hostile.

    Args:
        name: for messages, such as a URL.
        digest: of the content.

    Raises:
        ProjectError: it is not a bundle of a supported version.
    """

    def __init__(self, name: str, content: bytes, digest: str) -> None:
        self.digest = digest
        self._name = name
        self.content = content
        if not content.startswith(_MAGIC):
            start = content.partition(b"\n")[0][:40]
            newer = start.startswith(_FAMILY)
            raise self._invalid(
                "it needs a newer Stepwell" if newer else f"it begins with {ascii(start)[1:]}"
            )
        body = content.find(b"\n", len(_MAGIC)) + 1
        try:
            self._head = head = _Head(**json.loads(content[len(_MAGIC) : body]))
            if not _is_head(head):
                raise self._invalid("its head is not consistent")
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):  # not the expected types
            raise self._invalid("its head is not that of a bundle") from None
        self._ends = [*accumulate(head.sizes, initial=body)]
        if self._ends[-1] != len(content):
            raise self._invalid(f"got {len(content)} of {self._ends[-1]} bytes")
        joined = "/" + "/\n/".join((*head.paths, *head.folders)) + "/"
        if any(part in joined for part in ("/../", "/./", "//", "\\", "\0")):
            _ = self.tree  # raises, unless the name is valid but unusual

    def _invalid(self, reason: str) -> ProjectError:
        return ProjectError(f"cannot read bundle {self._name}: {reason}")

    @cached_property
    def files(self) -> Mapping[str, bytes]:
        """Bytes of each file by path."""
        content, ends = self.content, self._ends
        return {path: content[ends[at] : ends[at + 1]] for at, path in enumerate(self._head.paths)}

    @cached_property
    def tree(self) -> Packed:
        """The files as those of a project.

        Raises:
            ProjectError: a path is not a plain path inside a project.
        """
        return packed(f"bundle {self._name}", self.files, self._head.folders)

    @cached_property
    def lock(self) -> Lock:
        """The digests of the bundle."""
        files = {path: digest_of(content) for path, content in sorted(self.files.items())}
        return Lock(self.digest, self._head.schemas, files)

    def load(self, root: str, today: date) -> LoadResult:
        """Return the registry; what is more than its views is worked out on first use.

        Args:
            root: what its findings and errors name as the project.

        Raises:
            ProjectError: it has other schemas, and contains no project.
        """
        with collector_paused():
            return (
                self._checked(root, today)
                if self._head.schemas != schemas_digest()
                else self._stored(root, today)
            )

    def _project(self, root: str) -> Project:
        from stepwell.model.settings import read_project

        project = read_project(root, self.tree)
        if project is None:
            raise self._invalid("it contains no settings")
        return project

    def _checked(self, root: str, today: date) -> LoadResult:
        from stepwell.resolve.load import load

        return load(self._project(root), today)

    def _stored(self, root: str, today: date) -> LoadResult:
        """Return the views that the publisher's Stepwell worked out with the same schemas."""
        head = self._head
        full = cache(lambda: self._checked(root, today))

        def findings(key: str | None) -> Callable[[], tuple[Diagnostic, ...]]:
            return lambda: full().snapshot.view(key).diagnostics

        columns = _columns(head)
        count = len(columns[0])
        places = iter(range(count, len(head.paths) - 1))
        workspaces = {
            key: Workspace(key, self._document(next(places)) if has_file else None)
            for key, has_file in head.workspaces
        }
        views: dict[str | None, StoredView] = {
            key: {kind: (dict(zip(*pair, strict=True)), first) for kind, (*pair, first) in tables.items()}
            for key, tables in head.views
        }
        stored = StoredViews([*zip(*columns, strict=True)], views.__getitem__, self._document)
        snapshot = stored.snapshot(workspaces, {key: findings(key) for key in views})
        own = {key: tables["steps"][0].keys() for key, tables in views.items()}
        steps = {key: (len(own[None] | names), len(names)) for key, names in own.items()}
        summary = Summary(
            root,
            len(head.paths),
            MappingProxyType(steps),
            OnDemand({key: key for key in steps}, lambda key: findings(key)()),
            head.workspace,
            False,
            snapshot.view,
        )
        parts: dict[str, Callable[[], object]] = {name: partial(_part, full, name) for name in _PARTS}
        parts["project"] = partial(self._project, root)
        return LoadResult(parts, today=today, snapshot=snapshot, summary=summary)

    def _document(self, place: int) -> Document:
        """Return the document of a definition or workspace file with its stored data.

        Raises:
            ProjectError: the data is not valid.
        """
        from stepwell.model import schema
        from stepwell.source.document import freeze_mapping
        from stepwell.source.read import document_of

        path = self._head.paths[1 + place]
        try:
            plain = json.loads(self._bytes(len(self._head.paths) + place).decode("ascii"))
            if isinstance(plain, dict) and schema.fits(self._forms[place], plain, flat=True):
                frozen = freeze_mapping(plain)
                document = document_of(path, self._bytes(1 + place), True, frozen)
                return document._replace(locate=_Positions(path, frozen))
        except (ValueError, LookupError, RecursionError):  # no JSON, no UTF-8, unknown suffix, too deep
            pass
        raise self._invalid(f"the data of {path} is not valid")

    @cached_property
    def _forms(self) -> list[str]:
        """Schema of the data of each definition and workspace file."""
        layers, _, kinds = _columns(self._head)
        forms = {
            (layer.value, key): f"{kind.noun}-override" if layer is Layer.OVERRIDE else kind.noun
            for layer in Layer
            for key, kind in KINDS.items()
        }
        rest = len(self._head.paths) - 1 - len(kinds)
        return [*map(forms.__getitem__, zip(layers, kinds, strict=True)), *repeat("workspace", rest)]

    def _bytes(self, place: int) -> bytes:
        return self.content[self._ends[place] : self._ends[place + 1]]


@final
@record
class _Positions:
    """``locate`` of a document whose data may not be that of its text."""

    path: str
    data: Mapping[str, Any]

    def __call__(self, text: str) -> TextMap:
        return _positions(self.path, text, self.data)


@lru_cache(maxsize=64)
def _positions(path: str, text: str, data: Mapping[str, Any]) -> TextMap:
    from stepwell.source.document import Document, no_places
    from stepwell.source.read import read_text

    document = read_text(path, text.encode("utf-8"))
    is_same = isinstance(document, Document) and document.data == data
    return document.locate(text) if isinstance(document, Document) and is_same else no_places(text)


def _columns(head: _Head) -> tuple[list[str], list[str | None], list[str]]:
    """Return layer, workspace and kind of each definition."""
    layers: list[str] = []
    owners: list[str | None] = []
    kinds: list[str] = []
    for layer, owner, kind, count in head.groups:
        layers += repeat(layer, count)
        owners += repeat(owner, count)
        kinds += repeat(kind, count)
    return layers, owners, kinds


def _is_head(head: _Head) -> bool:
    """Return whether the head has the right types, and indexes of existing items only.

    Raises:
        ValueError, TypeError, LookupError, AttributeError: a type is wrong.
    """
    ids = [key for key, _ in head.workspaces]
    files = sum(has_file for _, has_file in head.workspaces)
    if not all(type(count) is int and 0 < count <= len(head.paths) for *_, count in head.groups):
        return False
    layers, owners, kinds = _columns(head)
    texts = [(head.schemas, head.workspace), head.paths, head.folders, ids, {*owners} - {None}]
    for _, tables in head.views:
        if tables.keys() != KINDS.keys():
            return False
        for kind, (names, refs, first) in tables.items():
            texts += names, first
            places: list[Any] = refs
            bases: list[Any] = refs
            if {*map(type, refs)} - {int}:
                groups = [(ref,) if isinstance(ref, int) else ref for ref in refs]
                places, bases = [*chain.from_iterable(groups)], [group[-1] for group in groups]
            if len({*names}) != len(refs) or len(names) != len(refs) or {*map(type, places)} - {int}:
                return False
            if min(places, default=0) < 0 or {*map(kinds.__getitem__, places)} - {kind}:
                return False
            if Layer.OVERRIDE.value in {*map(layers.__getitem__, bases)}:
                return False
    return (
        not {*map(type, chain.from_iterable(texts))} - {str}
        and not {*map(type, head.sizes)} - {int}
        and min(head.sizes, default=0) >= 0
        and head.paths[0] in CONFIG_NAMES
        and all(end.endswith(_ENDINGS) for end in {*map(itemgetter(slice(-5, None)), head.paths[1:])})
        and len(head.paths) == len({*head.paths}) == 1 + len(kinds) + files
        and len(head.sizes) == 2 * len(head.paths) - 1
        and {*layers} <= {layer.value for layer in Layer}
        and {*kinds} <= KINDS.keys()
        and [key for key, _ in head.views] == [None, *ids]
        and ids == sorted({*ids})
    )


def _part(full: Callable[[], LoadResult], name: str) -> object:
    return getattr(full(), name)


_ENDINGS: Final = (".yaml", ".yml", ".toml")
_PARTS: Final = ("layout", "checked", "core", "overlays", "guests", "pipelines", "own", "diagnostics")
