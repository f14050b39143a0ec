"""Views as plain data: names and the files that define them; each definition is built on first use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, KeysView, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar, final

if TYPE_CHECKING:
    from stepwell.model import AuthoredDefinition, Definition, Workspace
    from stepwell.resolve.snapshot import Snapshot
    from stepwell.resolve.view import Findings
    from stepwell.source.document import Document

__all__ = [
    "OnDemand",
    "Ref",
    "StoredFile",
    "StoredView",
    "StoredViews",
    "plain_data",
    "plain_definition",
    "stored_views",
]

K = TypeVar("K")
V = TypeVar("V")

StoredFile = tuple[int, str, str | None, str, str, Any]
"""A definition file: the index of its path and content, its layer, workspace, kind, name (empty if it must be
checked again) and data, as its reader decodes it."""

Ref = int | tuple[int, ...]
"""A definition: the index of its file, or those of its files, topmost first."""

StoredView = tuple[str | None, Mapping[str, tuple[Mapping[str, Ref], Sequence[str]]]]
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
