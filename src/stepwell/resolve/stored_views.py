"""Loads as plain data: names and the files that define them; each definition is built on first use."""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterable, Iterator, KeysView, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar, final

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

StoredFile = tuple[int, str, str | None, str, str, Any]
"""A definition file: the index of its path and content, its layer, workspace, kind, name (empty if it must be
checked again) and data, as its reader decodes it."""

Ref = int | tuple[int, ...]
"""A definition: the index of its file, or those of its files, topmost first."""

StoredView = tuple[str | None, Mapping[str, tuple[dict[str, Ref], Sequence[str]]]]
"""A view: its workspace, and for each kind the files of each added name, and the first names of its table."""


@final
class StoredViews:
    """Views of a stored load.

    Args:
        workspaces: id, and index and data of the workspace file; the index is negative without one.
        document: returns the document of a file, from its index and its data.
    """

    def __init__(
        self,
        files: Sequence[StoredFile],
        workspaces: Sequence[tuple[str, int, Any]],
        views: Sequence[StoredView],
        document: Callable[[int, Any], Document],
    ) -> None:
        self._files = files
        self._workspaces = workspaces
        self._views = views
        self._document = document
        self._authored: dict[int, AuthoredDefinition] = {}

    @cached_property
    def authored(self) -> Callable[[int], AuthoredDefinition]:
        """Return the definition in a file, always the same object."""
        from stepwell.model.kinds import KINDS, authored_in
        from stepwell.model.layer import Layer, Source

        layers = {layer.value: layer for layer in Layer}
        files, document_of, known = self._files, self._document, self._authored

        def authored(at: int) -> AuthoredDefinition:
            made = known.get(at)
            if made is None:
                source, layer, workspace, kind, _, data = files[at]
                document = document_of(source, data)
                made = authored_in(KINDS[kind], Source(layers[layer], workspace, document))
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

    def snapshot(self, diagnostics: Mapping[str | None, Findings]) -> Snapshot:
        """Return all views, each built on first use.

        Args:
            diagnostics: of each view.
        """
        from stepwell.resolve.snapshot import Snapshot, Views
        from stepwell.resolve.table import LayeredTable
        from stepwell.resolve.view import View

        stored = dict(self._views)

        def tables(workspace: str | None, core: View | None) -> Mapping[str, LayeredTable[Any]]:
            return {
                kind: LayeredTable(
                    OnDemand(refs, self.definition),
                    None if core is None else core.tables[kind],
                    tuple(first),
                )
                for kind, (refs, first) in stored[workspace].items()
            }

        core = View(None, tables(None, None), diagnostics[None])
        workspaces = dict(self._workspaces_by_id())
        views = Views(workspaces, lambda key: View(key, tables(key, core), diagnostics[key]))
        return Snapshot(core, workspaces, views)

    def _workspaces_by_id(self) -> Iterator[tuple[str, Workspace]]:
        from stepwell.model.definition import Workspace

        for key, at, data in self._workspaces:
            yield key, Workspace(key, self._document(at, data) if at >= 0 else None)


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


def stored_views(snapshot: Snapshot, places: Mapping[str, int]) -> list[StoredView]:
    """Return the views of a load, the core's first.

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
        changed: files that changed since, by index: content and definition; ``None`` for removed ones.
    """

    def __init__(
        self,
        paths: list[str],
        config: StoredConfig,
        changed: Mapping[int, tuple[bytes | None, StoredFile | None]],
        contents: list[bytes | None],
        files: list[StoredFile],
        layout: tuple[Any, ...],
        workspaces: list[tuple[str, int, Any]],
        views: list[StoredView],
        schemas: list[tuple[str, tuple[Any, ...]]],
    ) -> None:
        from stepwell.model.record import Facts, know_facts

        for name, facts in schemas:
            know_facts(name, Facts(*facts))
        self.contents = contents
        self.files = files
        self.places = {paths[file[0]]: at for at, file in enumerate(files)}
        """Index of each file by path."""
        self._paths = paths
        self._config = config
        self._layout = layout
        if changed:
            self._change(changed, views[0][1]["steps"][0])
        self._stored = StoredViews(files, workspaces, views, self._document)

    def _change(
        self, changed: Mapping[int, tuple[bytes | None, StoredFile | None]], steps: dict[str, Any]
    ) -> None:
        """Replace, add and remove core steps.

        Args:
            steps: index of the file of each core step, in the order of the files.
        """
        files, paths, contents = self.files, self._paths, self.contents
        contents += [None] * (len(paths) - len(contents))
        names = dict(steps)
        for source, (content, _) in changed.items():
            contents[source] = content
            if paths[source] in self.places:
                names.pop(files[self.places[paths[source]]][4], None)
        for source, (_, file) in changed.items():
            if file is None:
                self.places.pop(paths[source], None)
                continue
            at = self.places.setdefault(paths[source], len(files))
            files[at : at + 1] = [file]
            names[file[4]] = at
        steps.clear()
        steps.update(sorted(names.items(), key=lambda item: paths[files[item[1]][0]]))

    @cached_property
    def checked(self) -> Callable[[int], CheckedFile | None]:
        """Return the result of checking a file; ``None`` if it must be checked again."""
        from stepwell.check.file import CheckedFile

        files, listed, authored = self.files, self.listed, self._stored.authored

        def checked(at: int) -> CheckedFile | None:
            name = files[at][4]
            return CheckedFile(listed[at], name, None, authored(at)) if name else None

        return checked

    @cached_property
    def listed(self) -> list[Listed]:
        """The definition files, the core's first."""
        from stepwell.model.layer import Layer, Listed

        layers, paths = {layer.value: layer for layer in Layer}, self._paths
        return [
            Listed(paths[source], layers[layer], workspace, kind)
            for source, layer, workspace, kind, _, _ in self.files
        ]

    def snapshot(self, diagnostics: Mapping[str | None, Findings]) -> Snapshot:
        """Return all views, each built on first use."""
        return self._stored.snapshot(diagnostics)

    def load(self, root: str, today: date) -> LoadResult:
        """Load the project as it was stored, with everything that reloads need."""
        from stepwell.resolve.load import load

        tree = Staged(Folder(root), dict(zip(self._paths, self.contents, strict=True)))
        project = self._config.project(Folder(root))

        def known(listed: Listed) -> CheckedFile | None:
            return self.checked(self.places[listed.path])

        loaded = load(project.at(tree), today, known=known, layout=self.layout())
        return loaded.replaced(project=project)

    def layout(self) -> Layout:
        """Return the listed files."""
        from stepwell.resolve.layout import Layout

        ids, settings, findings = self._layout
        by_workspace: dict[str | None, list[Listed]] = {key: [] for key in (None, *ids)}
        for at in self.places.values():
            listed = self.listed[at]
            by_workspace[listed.workspace].append(listed)
        workspaces = {key: tuple(sorted(group)) for key, group in by_workspace.items()}
        core = workspaces.pop(None)
        return Layout(
            core,
            MappingProxyType({key: workspaces[key] for key in ids}),
            MappingProxyType(dict(settings)),
            tuple(map(record_of, findings)),
        )

    def _document(self, at: int, data: Any) -> Document:
        from stepwell.source.read import document_of

        return document_of(self._paths[at], self.contents[at] or b"", *data)


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
                files.append((at[listed.path], *same[1:]))
                continue
            dated = dated or is_dated(file)
            files.append(stored_file(at[listed.path], file))

    steps: list[tuple[str | None, tuple[int, int]]] = []
    findings = {finding: index for index, finding in enumerate(loaded.diagnostics)}
    by_view: list[tuple[str | None, tuple[int, ...]]] = []
    for key in (None, *snapshot.workspaces):
        view = snapshot.view(key)
        steps.append((key, (len(view), len(view.steps.above))))
        by_view.append((key, tuple(findings.setdefault(item, len(findings)) for item in view.diagnostics)))
    config, settings = loaded.project.config, loaded.project.settings
    workspaces = [
        (key, -1, None) if item.document is None else (key, at[item.document.path], plain_data(item.document))
        for key, item in snapshot.workspaces.items()
    ]
    stored_layout = (
        list(layout.workspaces),
        list(layout.settings.items()),
        [_plain(item) for item in layout.diagnostics],
    )
    body = (
        [contents[path] for path in observations.files],
        files,
        stored_layout,
        workspaces,
        stored_views(snapshot, places),
        [_plain_facts(schema) for schema in (*KIND_OF_NOUN, "workspace")],
    )
    stated = (
        StoredConfig(-1, "", b"", None, loaded.project.prefix)
        if config is None
        else StoredConfig(
            at[config.path], config.path, contents[config.path], plain_data(config), loaded.project.prefix
        )
    )
    is_clean = not findings and all(name for *_, name, _ in files)
    words, others = _words_of_core(loaded, files, places, len(observations.files))
    index = StoredIndex(words, frozenset({*others, *_other_words(loaded)}), is_clean)
    head = (
        loaded.today.toordinal() if dated else 0,
        (loaded.files, steps, settings.workspace, settings.references is not None),
        (len(loaded.diagnostics), [_plain(item) for item in findings], by_view),
    )
    return head, marshal.dumps((tuple(stated), tuple(index))), marshal.dumps(body)


def stored_file(source: int, file: CheckedFile) -> StoredFile:
    """Return a checked file as plain data.

    Args:
        source: index of its path and content.
    """
    name, data = "", None
    if file.authored is not None:
        data = plain_definition(file.authored)
        if not file.diagnostics and not file.ignores:
            name = file.name or ""
    return source, file.listed.layer.value, file.listed.workspace, file.listed.kind, name, data


def _words_of_core(
    loaded: LoadResult, files: Sequence[StoredFile], places: Mapping[str, int], count: int
) -> tuple[list[str], set[str]]:
    """Return the words of each core step by the index of its file, and of those that depend on the date."""
    words: dict[str, set[str]] = {}
    for table in (loaded.core.by_alias, loaded.core.by_config_class):
        for word, names in table.items():
            for name in names:
                words.setdefault(name, set()).add(word)
    stated = [""] * count
    others: set[str] = set()
    for name, step in loaded.core.tables["steps"].items():
        source, *_, is_clean, _ = files[places[step.sources[0].document.path]]
        own = joined(name, words.get(name, ()))
        if own and is_clean and "deprecated" not in step.data:
            stated[source] = own
        else:
            others.update((name, *words.get(name, ())))
    return stated, others


SEPARATOR: Final = "\0"


def joined(name: str, words: Iterable[str]) -> str:
    """Return the words of a step as one text, its name first; empty if they cannot be joined."""
    own = (name, *sorted({*words} - {name}))
    return "" if any(SEPARATOR in word for word in own) else SEPARATOR.join(own)


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
