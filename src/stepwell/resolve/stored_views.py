"""Loads as plain data: names and the files that define them; each definition is built on first use."""

from __future__ import annotations

import marshal
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, KeysView, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, Protocol, TypeVar, cast, final

from stepwell.resolve import in_table_order
from stepwell.source.tree import Folder, Staged

if TYPE_CHECKING:
    from datetime import date

    from stepwell.check.file import CheckedFile
    from stepwell.model import AuthoredDefinition, Definition, Workspace
    from stepwell.model.layer import Listed
    from stepwell.model.settings import Project
    from stepwell.resolve import LoadResult
    from stepwell.resolve.layout import Layout
    from stepwell.resolve.snapshot import Snapshot
    from stepwell.resolve.view import Findings
    from stepwell.source.document import Document, Pointer
    from stepwell.source.observations import Observations
    from stepwell.source.tree import Tree

__all__ = [
    "SEPARATOR",
    "OnDemand",
    "Ref",
    "StoredBody",
    "StoredConfig",
    "StoredFile",
    "StoredIndex",
    "StoredView",
    "StoredViews",
    "encoded",
    "is_dated",
    "joined",
    "plain_data",
    "plain_definition",
    "record_of",
    "stored_file",
    "stored_views",
    "texts_in",
]

K = TypeVar("K")
V = TypeVar("V")

StoredFile = tuple[str, str | None, str, str, Any, bytes]
"""A definition file: layer, workspace, kind, name (empty if it must be checked again), data and content."""

Ref = int | tuple[int, ...]
"""A definition: the index of its file, or those of its files, topmost first."""

StoredView = dict[str, tuple[dict[str, Ref], Sequence[str]]]
"""A view: for each kind the files of each added name, and the first names of its table."""


class Indexed(Protocol):
    """Files by index."""

    def __getitem__(self, at: int, /) -> tuple[Any, ...]: ...


@final
class StoredFiles(dict[int, StoredFile]):
    """Definition files by index, decoded in groups on first use.

    Args:
        groups: the index of the first file of each group, and its encoded files.
    """

    def __init__(self, groups: Sequence[tuple[int, bytes]]) -> None:
        super().__init__()
        self._starts = [start for start, _ in groups]
        self._groups = groups

    def __missing__(self, at: int) -> StoredFile:
        start, group = self._groups[bisect_right(self._starts, at) - 1]
        files = marshal.loads(group)  # noqa: S302 - authenticated
        self.update({**dict(enumerate(files, start)), **self})
        return self[at]

    @classmethod
    def encoded(cls, files: list[StoredFile]) -> list[tuple[int, bytes]]:
        """Return files as groups, none of which has files of two workspaces."""
        starts = [
            at
            for at, file in enumerate(files)
            if at == 0 or file[1] != files[at - 1][1] or (file[1] is None and at % _GROUP == 0)
        ]
        return [
            (start, marshal.dumps(files[start:end]))
            for start, end in zip(starts, (*starts[1:], None), strict=False)
        ]


_GROUP: Final = 128
"""Core files that are decoded together."""


@final
class StoredViews:
    """Views of a stored load.

    Args:
        places: layer, workspace and kind of each file; further items are ignored.
        view: returns a view, the core's for ``None``.
        document: returns the document of a file, from its index.
    """

    def __init__(
        self,
        places: Indexed,
        view: Callable[[str | None], StoredView],
        document: Callable[[int], Document],
    ) -> None:
        self._places = places
        self._view = view
        self._document = document
        self._authored: dict[int, AuthoredDefinition] = {}

    @cached_property
    def authored(self) -> Callable[[int], AuthoredDefinition]:
        """Return the definition in a file, always the same object."""
        from stepwell.model.kinds import KINDS, authored_in
        from stepwell.model.layer import Layer, Source

        layers = {layer.value: layer for layer in Layer}
        places, document_of, known = self._places, self._document, self._authored

        def authored(at: int) -> AuthoredDefinition:
            made = known.get(at)
            if made is None:
                layer, workspace, kind, *_ = places[at]
                made = authored_in(KINDS[kind], Source(layers[layer], workspace, document_of(at)))
                made = known.setdefault(at, made)
            return made

        return authored

    def definition(self, ref: Ref) -> Definition:
        """Return a definition of a view."""
        if isinstance(ref, int):
            standalone = self.authored(ref).standalone()
            if standalone is not None:
                return standalone
            ref = (ref,)
        from stepwell.model.layer import Applied

        sources = [self.authored(at).source for at in ref]
        applied = Applied(sources[-1].document.data, (sources[-1],))
        for override in reversed(sources[:-1]):
            applied = applied.patched(override)
        return self.authored(ref[-1]).kind.define(applied.data, applied.sources)

    def snapshot(
        self, workspaces: Mapping[str, Workspace], diagnostics: Mapping[str | None, Findings]
    ) -> Snapshot:
        """Return all views, each built on first use.

        Args:
            diagnostics: of each view.
        """
        from stepwell.resolve.snapshot import Snapshot, Views
        from stepwell.resolve.table import LayeredTable
        from stepwell.resolve.view import View

        def tables(workspace: str | None, core: View | None) -> Mapping[str, LayeredTable[Any]]:
            return {
                kind: LayeredTable(
                    OnDemand(refs, self.definition),
                    None if core is None else core.tables[kind],
                    tuple(first),
                )
                for kind, (refs, first) in self._view(workspace).items()
            }

        core = View(None, tables(None, None), diagnostics[None])
        views = Views(workspaces, lambda key: View(key, tables(key, core), diagnostics[key]))
        return Snapshot(core, workspaces, views)


@final
class OnDemand(Mapping[K, V], Generic[K, V]):
    """Mapping whose values are built on first use.

    Args:
        refs: what each value is built from.
    """

    __slots__ = ("_made", "_make", "_refs")

    def __init__(self, refs: Mapping[K, Any], make: Callable[[Any], V]) -> None:
        self._refs = refs
        self._make = make
        self._made: dict[K, V] = {}

    def __getitem__(self, name: K) -> V:
        made = self._made.get(name)
        return self._made.setdefault(name, self._make(self._refs[name])) if made is None else made

    def get(self, name: object, default: Any = None) -> Any:
        return self[name] if name in self._refs else default  # type: ignore[index]

    def keys(self) -> KeysView[K]:
        return self._refs.keys()

    def copy(self) -> dict[K, V]:
        """Return a mutable copy, as that of a mapping of another load."""
        return dict(self.items())

    def __contains__(self, name: object) -> bool:
        return name in self._refs

    def __iter__(self) -> Iterator[K]:
        return iter(self._refs)

    def __len__(self) -> int:
        return len(self._refs)


def plain_data(document: Document) -> tuple[bool, Any]:
    """Return whether a document is flat, and its data as mutable plain data."""
    from stepwell.source.document import thaw

    return document.flat, dict(document.data) if document.flat else thaw(document.data)


def plain_definition(authored: AuthoredDefinition) -> tuple[bool, Any]:
    """Return whether a definition's document is flat, and its data with ``based_on`` as plain data."""
    flat, data = plain_data(authored.source.document)
    if not authored.based_on:
        return flat, data
    from stepwell.model.layer import BASED_ON
    from stepwell.source.document import thaw

    return flat, {**data, BASED_ON: thaw(authored.based_on)}


def stored_views(snapshot: Snapshot, places: Mapping[str, int]) -> list[tuple[str | None, StoredView]]:
    """Return the views of a load, the core's under ``None``.

    Args:
        places: index of each definition file by path.
    """

    def ref_of(definition: Definition) -> Ref:
        refs = tuple(places[source.document.path] for source in definition.sources)
        return refs[0] if len(refs) == 1 else refs

    return [
        (
            key,
            {
                kind: ({name: ref_of(item) for name, item in table.above.items()}, table.first)
                for kind, table in snapshot.view(key).tables.items()
            },
        )
        for key in (None, *snapshot.workspaces)
    ]


@final
class StoredConfig(NamedTuple):
    """The settings of a stored load.

    Args:
        at: index of the configuration; negative without one.
        data: as its reader decodes it.
        prefix: location of the settings in it.
    """

    at: int
    path: str
    content: bytes
    data: Any
    prefix: Pointer

    def project(self, tree: Tree) -> Project:
        """Return the project with the settings."""
        from stepwell.model.settings import Project, Settings, valid_project
        from stepwell.source.read import document_of

        root = tree.root if isinstance(tree, Folder) else ""
        if self.at < 0:
            return Project(root, Settings(prefix=self.prefix), tree)
        return valid_project(root, tree, document_of(self.path, self.content, *self.data), self.prefix)


@final
class StoredIndex(NamedTuple):
    """What decides whether a changed step affects anything else.

    Args:
        words: name, aliases and configuration class of each core step, joined by ``SEPARATOR``, by the index
            of its file; empty for other files.
        others: names, aliases, configuration classes and references outside the core's steps.
        is_clean: whether no file has findings or comments that suppress one.
    """

    words: list[str]
    others: frozenset[str]
    is_clean: bool


@final
class StoredBody:
    """Contents and tables of a stored load.

    Args:
        changed: files that changed since, by the index of the path; ``None`` for removed ones.
        sources: index of the path of each definition file.
        groups: the definition files.
        views: the encoded view of each workspace, the core's under ``None``.
    """

    def __init__(
        self,
        paths: list[str],
        config: StoredConfig,
        changed: Mapping[int, StoredFile | None],
        sources: list[int],
        groups: list[tuple[int, bytes]],
        layout: tuple[Any, ...],
        workspaces: list[tuple[str, str, Any, bytes]],
        views: dict[str | None, bytes],
        schemas: list[tuple[str, tuple[Any, ...]]],
    ) -> None:
        self.files = StoredFiles(groups)
        self.sources = sources
        self._paths = paths
        self._config = config
        self._layout = layout
        self._workspaces = workspaces
        self._views = views
        self._core: StoredView = marshal.loads(views[None])  # noqa: S302 - authenticated
        if changed:
            self._change(changed, self._core["steps"][0])
        self._schemas = schemas

    @cached_property
    def _stored(self) -> StoredViews:
        from stepwell.model.record import Facts, know_facts

        for name, facts in self._schemas:
            know_facts(name, Facts(*facts))
        return StoredViews(self.files, self._view, self._document)

    @cached_property
    def places(self) -> dict[str, int]:
        """Index of each definition file by path."""
        return {self._paths[source]: at for at, source in enumerate(self.sources)}

    def _change(self, changed: Mapping[int, StoredFile | None], steps: dict[str, Any]) -> None:
        """Replace, add and remove core steps.

        Args:
            steps: index of the file of each core step, in the order of the files.
        """
        paths = self._paths
        names = dict(steps)
        for path in (paths[source] for source in changed):
            if path in self.places:
                names.pop(self.files[self.places[path]][3], None)
        for source, file in changed.items():
            if file is None:
                self.places.pop(paths[source], None)
                continue
            at = self.places.setdefault(paths[source], len(self.sources))
            self.sources += [source] * (at == len(self.sources))
            self.files[at] = file
            names[file[3]] = at
        if names.keys() != steps.keys():
            steps.clear()
            names = dict(sorted(names.items(), key=lambda item: paths[self.sources[item[1]]]))
        steps.update(names)

    @cached_property
    def checked(self) -> Callable[[int, Listed], CheckedFile | None]:
        """Return the result of checking a file; ``None`` if it must be checked again, or has moved."""
        from stepwell.check.file import CheckedFile

        files, authored = self.files, self._stored.authored

        def checked(at: int, listed: Listed) -> CheckedFile | None:
            layer, workspace, kind, name, *_ = files[at]
            same = (listed.layer.value, listed.workspace, listed.kind) == (layer, workspace, kind)
            return CheckedFile(listed, name, None, authored(at)) if name and same else None

        return checked

    def _view(self, workspace: str | None) -> StoredView:
        if workspace is None:
            return self._core
        view: StoredView = marshal.loads(self._views[workspace])  # noqa: S302 - authenticated
        return view

    def names(self, workspace: str | None) -> Iterable[str]:
        """Return the names of a view's steps, in order, without building it; none if it does not exist."""
        if workspace not in self._views:
            return ()
        above, first = self._view(workspace)["steps"]
        return in_table_order({*above, *self._core["steps"][0]}, first)

    def snapshot(self, diagnostics: Mapping[str | None, Findings]) -> Snapshot:
        """Return all views, each built on first use."""
        from stepwell.model.definition import Workspace
        from stepwell.source.read import document_of

        workspaces = {
            key: Workspace(key, document_of(path, content, *data) if path else None)
            for key, path, data, content in self._workspaces
        }
        return self._stored.snapshot(workspaces, diagnostics)

    def load(self, root: str, today: date) -> LoadResult:
        """Load the project as it was stored, with everything that reloads need."""
        from stepwell.resolve.load import load

        contents = {path: self.files[at][5] for path, at in self.places.items()}
        contents |= {path: content for _, path, _, content in self._workspaces if path}
        tree = Staged(Folder(root), contents)
        project = self._config.project(Folder(root))

        def known(listed: Listed) -> CheckedFile | None:
            return self.checked(self.places[listed.path], listed)

        loaded = load(project.at(tree), today, known=known, layout=self.layout())
        return loaded.replaced(project=project)

    def layout(self) -> Layout:
        """Return the listed files."""
        from stepwell.model.layer import Layer, Listed
        from stepwell.resolve.layout import Layout

        layers = {layer.value: layer for layer in Layer}
        ids, settings, findings = self._layout
        by_workspace: dict[str | None, list[Listed]] = {key: [] for key in (None, *ids)}
        for path, at in self.places.items():
            layer, workspace, kind, *_ = self.files[at]
            by_workspace[workspace].append(Listed(path, layers[layer], workspace, kind))
        workspaces = {key: tuple(sorted(group)) for key, group in by_workspace.items()}
        core = workspaces.pop(None)
        return Layout(
            core,
            MappingProxyType({key: workspaces[key] for key in ids}),
            MappingProxyType(dict(settings)),
            tuple(map(record_of, findings)),
        )

    def _document(self, at: int) -> Document:
        from stepwell.source.read import document_of

        *_, data, content = self.files[at]
        return document_of(self._paths[self.sources[at]], content, *data)


def encoded(
    loaded: LoadResult,
    observations: Observations,
    contents: Mapping[str, bytes],
    kept: Mapping[str, StoredFile],
    *,
    dated: bool,
) -> tuple[tuple[Any, ...], bytes, bytes]:
    """Return a load as plain data: date, figures and findings; configuration and index; and body.

    Args:
        kept: files of an earlier load that are the same, by path.
        dated: whether the result for one of them may depend on the date.
    """
    from stepwell.model.kinds import KIND_OF_NOUN

    at = {path: index for index, path in enumerate(observations.files)}
    checked, layout, snapshot = loaded.checked, loaded.layout, loaded.snapshot

    files: list[StoredFile] = []
    places: dict[str, int] = {}
    for group in (layout.core, *layout.workspaces.values()):
        for listed in group:
            file = checked[listed.path]
            places[listed.path] = len(files)
            same = kept.get(listed.path)
            if same is not None:
                files.append(same)
                continue
            dated = dated or is_dated(file)
            files.append(stored_file(file, contents[listed.path]))

    steps: list[tuple[str | None, tuple[int, int]]] = []
    findings = {finding: index for index, finding in enumerate(loaded.diagnostics)}
    by_view: list[tuple[str | None, tuple[int, ...]]] = []
    for key in (None, *snapshot.workspaces):
        view = snapshot.view(key)
        steps.append((key, (len(view), len(view.steps.above))))
        by_view.append((key, tuple(findings.setdefault(item, len(findings)) for item in view.diagnostics)))
    config, settings = loaded.project.config, loaded.project.settings
    workspaces = [
        (key, "", None, b"")
        if item.document is None
        else (key, item.document.path, plain_data(item.document), contents[item.document.path])
        for key, item in snapshot.workspaces.items()
    ]
    stored_layout = (
        list(layout.workspaces),
        list(layout.settings.items()),
        [_plain(item) for item in layout.diagnostics],
    )
    body = (
        [at[path] for path in places],
        StoredFiles.encoded(files),
        stored_layout,
        workspaces,
        {key: marshal.dumps(cast("Any", view)) for key, view in stored_views(snapshot, places)},
        [_plain_facts(schema) for schema in (*KIND_OF_NOUN, "workspace")],
    )
    stated = (
        StoredConfig(-1, "", b"", None, loaded.project.prefix)
        if config is None
        else StoredConfig(
            at[config.path], config.path, contents[config.path], plain_data(config), loaded.project.prefix
        )
    )
    is_clean = not findings and all(file[3] for file in files)
    words, others = _words_of_core(loaded, files, places, at)
    index = StoredIndex(words, frozenset({*others, *_other_words(loaded)}), is_clean)
    head = (
        loaded.today.toordinal() if dated else 0,
        (loaded.files, steps, settings.workspace, settings.references is not None),
        (len(loaded.diagnostics), [_plain(item) for item in findings], by_view),
    )
    return head, marshal.dumps((tuple(stated), tuple(index))), marshal.dumps(body)


def stored_file(file: CheckedFile, content: bytes) -> StoredFile:
    """Return a checked file as plain data."""
    name, data = "", None
    if file.authored is not None:
        data = plain_definition(file.authored)
        if not file.diagnostics and not file.ignores:
            name = file.name or ""
    return file.listed.layer.value, file.listed.workspace, file.listed.kind, name, data, content


def _words_of_core(
    loaded: LoadResult, files: Sequence[StoredFile], places: Mapping[str, int], sources: Mapping[str, int]
) -> tuple[list[str], set[str]]:
    """Return the words of each core step by the index of its file, and of those that depend on the date."""
    words: dict[str, set[str]] = {}
    for table in (loaded.core.by_alias, loaded.core.by_config_class):
        for word, names in table.items():
            for name in names:
                words.setdefault(name, set()).add(word)
    stated = [""] * len(sources)
    others: set[str] = set()
    for name, step in loaded.core.tables["steps"].items():
        path, own = step.sources[0].document.path, joined(name, words.get(name, ()))
        if own and files[places[path]][3] and "deprecated" not in step.data:
            stated[sources[path]] = own
        else:
            others.update((name, *words.get(name, ())))
    return stated, others


SEPARATOR: Final = "\0"


def joined(name: str, words: Iterable[str]) -> str:
    """Return the words of a step as one text, its name first; empty if they cannot be joined."""
    own = (name, *sorted({*words} - {name}))
    text = SEPARATOR.join(own)
    return text if text.count(SEPARATOR) < len(own) else ""


def _other_words(loaded: LoadResult) -> frozenset[str]:
    """Return the words by which anything outside the core's steps may depend on a core step."""
    from stepwell.resolve.layers import index

    words = {name for target in loaded.project.settings.freeze for name in target.first}
    above = [overlay.layered for overlay in loaded.overlays.values()]
    for layered in (loaded.core, *above):
        for step in layered.tables["steps"].values():
            deprecated = step.data.get("deprecated")
            if deprecated is not None:
                words.update(texts_in(deprecated))
    for layered in above:
        for table in index(layered.tables["steps"]):
            words.update(table)
    for file in loaded.checked.values():
        if file.listed.kind == "pipelines" or (file.listed.workspace is not None and file.name is None):
            authored = file.as_written.authored
            words.update(() if authored is None else texts_in(authored.data))
        elif file.listed.workspace is not None:
            words.add(file.name or "")
    return frozenset(words)


def texts_in(data: Any) -> Iterator[str]:
    """Yield all texts in plain data."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from texts_in(value)
    elif isinstance(data, (tuple, list)):
        for value in data:
            yield from texts_in(value)


def _plain_facts(schema: str) -> tuple[str, tuple[Any, ...]]:
    from stepwell.model.record import facts
    from stepwell.source.document import thaw

    fields, nested, defaults, conventions, integers = facts(schema)
    return schema, (fields, dict(nested), thaw(defaults), dict(conventions), integers)


def is_dated(file: CheckedFile) -> bool:
    """Return whether the result of checking a file depends on the date."""
    authored = file.as_written.authored
    return authored is not None and "deprecated" in authored.data


def _plain(value: Any) -> Any:
    """Return a finding, or a part of one, as plain data: records as tuples, tuples as lists."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if type(value).__module__ == "stepwell.source.diagnostic":
        parts = getattr(value, "__dataclass_fields__", ("value",))
        return (type(value).__name__, *(_plain(getattr(value, part)) for part in parts))
    return value


def record_of(plain: Any) -> Any:
    """Return what ``_plain`` was called with."""
    if isinstance(plain, list):
        return tuple(map(record_of, plain))
    if isinstance(plain, tuple):
        from stepwell.source import diagnostic

        name, *parts = plain
        return getattr(diagnostic, name)(*map(record_of, parts))
    return plain
