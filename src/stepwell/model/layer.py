"""Layers, their documents and the origin of values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from functools import reduce
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

from stepwell.source.document import Document, Pointer
from stepwell.source.immutable import record
from stepwell.source.merge_patch import merge_patch

if TYPE_CHECKING:
    from stepwell.source.diagnostic import Span

__all__ = [
    "ABSENT",
    "BASED_ON",
    "Applied",
    "Layer",
    "Listed",
    "Origin",
    "Source",
    "apply_layers",
    "given_by",
    "origins_in",
    "step_into",
]


@final
class Layer(Enum):
    """Origin of a definition; later layers take precedence.

    ``plugin`` is for installed packages, ``runtime`` for definitions registered from code. ``apply_layers``
    uses this order.
    """

    PLUGIN = "plugin"
    CORE = "core"
    LOCAL = "local"
    OVERRIDE = "override"
    RUNTIME = "runtime"


@final
class Listed(NamedTuple):
    """One definition file.

    Args:
        path: relative to the project, with ``/``.
        workspace: ``None`` for the core.
        kind: a key of ``KINDS``.
    """

    path: str
    layer: Layer
    workspace: str | None
    kind: str


@final
class Source(NamedTuple):
    """One document in its layer.

    Args:
        workspace: ``None`` for the core, plugins and registrations for all workspaces.
    """

    layer: Layer
    workspace: str | None
    document: Document

    @property
    def package(self) -> str:
        """Package in the path of a plugin's definition."""
        return self.document.path[1:].partition(">")[0]


BASED_ON: Final = "based_on"
"""Field of an override that is not part of the patch: values that the override replaced."""

ABSENT: Final = object()
"""Result of ``step_into`` for missing items."""


def step_into(value: Any, step: str | int) -> Any:
    """Return an item of read-only data, or ``ABSENT``."""
    if isinstance(value, Mapping):
        return value.get(step, ABSENT)
    if isinstance(value, tuple) and isinstance(step, int) and step < len(value):
        return value[step]
    return ABSENT


def origins_in(sources: tuple[Source, ...], pointer: Pointer) -> Iterator[Origin]:
    """Yield the origin of a value, then of every value that it replaced, topmost first.

    Mappings of several documents are merged: the first origin has the effective mapping, and the mappings
    that it is merged from do not count as replaced. A removed value is ``None``.
    """
    every = [origin for source in sources if (origin := _origin_in(source, pointer)) is not None]
    count = next((at for at, each in enumerate(every) if not isinstance(each.value, Mapping)), len(every))
    if count:
        merged = reduce(merge_patch, (each.value for each in reversed(every[:count])), None)
        from dataclasses import replace  # slow to import

        yield replace(every[0], value=merged)
    yield from every[count:]


def _origin_in(source: Source, pointer: Pointer) -> Origin | None:
    """Return the origin of a value that one document sets or removes."""
    value: Any = source.document.data
    for depth, step in enumerate(pointer, 1):
        outer, value = value, step_into(value, step)
        if value is ABSENT and not isinstance(outer, (Mapping, tuple)):
            value, depth = None, depth - 1  # a plain value in place of the mapping removes what was in it
        if value is ABSENT or value is None:
            break
    else:
        depth = len(pointer)
    if value is ABSENT:
        return None
    span = source.document.value_span(pointer[:depth])
    how = "removed" if value is None else "stated"
    return Origin(value, source.layer, source.workspace, span, how)


def given_by(sources: tuple[Source, ...], pointer: Pointer) -> Document:
    """Return the document that sets or removes a value.

    If none does, return the document of its nearest parent, or the topmost one.

    Args:
        sources: the documents of a definition, topmost first.
    """
    for source in sources:
        value: Any = source.document.data
        for step in pointer:
            value = step_into(value, step)
        if value is not ABSENT:
            return source.document
    return given_by(sources, pointer[:-1])


@final
class Applied(NamedTuple):
    """Effective definition of a name with its documents.

    Args:
        data: the effective data, read-only.
        sources: the contributing documents, topmost first.
        hidden: the documents of each hidden definition, topmost first.
    """

    data: Mapping[str, Any]
    sources: tuple[Source, ...]
    hidden: tuple[tuple[Source, ...], ...] = ()

    def patched(self, override: Source) -> Applied:
        """Return the result of applying an override."""
        data = merge_patch(self.data, override.document.data)
        return Applied(data, (override, *self.sources), self.hidden)

    def document_of(self, pointer: Pointer) -> Document:
        """Return the document that sets or removes a value."""
        return given_by(self.sources, pointer)

    def origins(self, pointer: Pointer) -> tuple[Origin, ...]:
        """Return all origins of a value, the effective one first."""
        every = (self.sources, *self.hidden)
        return tuple(origin for sources in every for origin in origins_in(sources, pointer))


def apply_layers(sources: Iterable[Source], below: Applied | None = None) -> Applied | None:
    """Apply the documents of a name in layer order.

    A complete definition hides everything below it. An override is a JSON Merge Patch (RFC 7396) of the
    definition below, and has no effect without one.

    Args:
        sources: documents of one name, at most one per layer, in any order.

    Returns:
        The unvalidated effective definition; ``None`` if there are only overrides.
    """
    for source in sorted(sources, key=lambda source_file: _RANK[source_file.layer]):
        if source.layer is not Layer.OVERRIDE:
            hidden = () if below is None else (below.sources, *below.hidden)
            below = Applied(source.document.data, (source,), hidden)
        elif below is not None:
            below = below.patched(source)
    return below


_RANK: Final = {layer: rank for rank, layer in enumerate(Layer)}


@final
@record
class Origin:
    """Origin of a field's value.

    Args:
        value: read-only; ``None`` if the source removes the field.
        layer: ``None`` for a default.
        workspace: ``None`` for layers without a workspace, and for defaults.
        span: location of the value; ``None`` for a default.
        how: ``stated``, ``removed``, ``by convention`` or ``schema default``.
    """

    value: Any
    layer: Layer | None
    workspace: str | None
    span: Span | None
    how: str
