"""Layers, the documents in them, and where in them a value was given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, NamedTuple, final

from stepwell.source.diagnostic import Span
from stepwell.source.document import Document, Pointer
from stepwell.source.immutable import immutable
from stepwell.source.merge_patch import merge_patch

__all__ = [
    "ABSENT",
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
    """Where a definition comes from; a later layer lies above an earlier one.

    ``plugin`` is what installed packages bring, ``runtime`` what code registers while it runs. This is
    the only place that states the order: ``apply_layers`` follows it.
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
        workspace: the id of its workspace, ``None`` for core.
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
        workspace: the id of the workspace; ``None`` for core, plugins, and what is registered for all.
    """

    layer: Layer
    workspace: str | None
    document: Document


ABSENT: Final = object()
"""What ``step_into`` gives where there is nothing."""


def step_into(value: Any, step: str | int) -> Any:
    """What lies one step inside read-only data, or ``ABSENT``."""
    if isinstance(value, Mapping):
        return value.get(step, ABSENT)
    if isinstance(value, tuple) and isinstance(step, int) and step < len(value):
        return value[step]
    return ABSENT


def origins_in(sources: tuple[Source, ...], pointer: Pointer) -> Iterator[Origin]:
    """Every source that states or removes the value at a pointer, topmost first."""
    for source in sources:
        value: Any = source.document.data
        depth = 0
        for step in pointer:
            value = step_into(value, step)
            depth += 1
            if value is ABSENT or value is None:
                break
        if value is ABSENT:
            continue
        span = source.document.value_span(pointer[:depth])
        how = "removed" if value is None else "stated"
        yield Origin(value, source.layer, source.workspace, span, how)


def given_by(sources: tuple[Source, ...], pointer: Pointer) -> Document:
    """The document that gave, or removed, the value at a pointer.

    Where none speaks of it, that of the nearest thing on its way; in the end the topmost.

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
    """The effective definition of one name, with the documents that its values come from.

    Args:
        data: the effective data, read-only.
        sources: the documents that contribute to it, topmost first.
        hidden: the documents of each definition that a whole one above it hides, topmost first.
    """

    data: Mapping[str, Any]
    sources: tuple[Source, ...]
    hidden: tuple[tuple[Source, ...], ...] = ()

    def patched(self, override: Source) -> Applied:
        """The result of applying an override to it."""
        data = merge_patch(self.data, override.document.data)
        return Applied(data, (override, *self.sources), self.hidden)

    def document_of(self, pointer: Pointer) -> Document:
        """The document that gave, or removed, the value at a pointer."""
        return given_by(self.sources, pointer)

    def origins(self, pointer: Pointer) -> tuple[Origin, ...]:
        """Every statement about the value at a pointer, the effective one first."""
        every = (self.sources, *self.hidden)
        return tuple(origin for sources in every for origin in origins_in(sources, pointer))


def apply_layers(sources: Iterable[Source], below: Applied | None = None) -> Applied | None:
    """Apply the documents of one name in the order of their layers.

    A whole definition hides everything below it. An override is a JSON Merge Patch (RFC 7396) of what
    lies below, and changes nothing where nothing does.

    Args:
        sources: documents of one name, at most one of each layer, in any order.

    Returns:
        The effective definition, which is not validated; ``None`` where only overrides speak of the name.
    """
    for source in sorted(sources, key=lambda one: _RANK[one.layer]):
        if source.layer is not Layer.OVERRIDE:
            hidden = () if below is None else (below.sources, *below.hidden)
            below = Applied(source.document.data, (source,), hidden)
        elif below is not None:
            below = below.patched(source)
    return below


_RANK: Final = {layer: rank for rank, layer in enumerate(Layer)}


@final
@immutable
@dataclass(frozen=True, slots=True)
class Origin:
    """What gave a field its value, or would have given it.

    Args:
        value: the value, read-only; ``None`` where the source removes the field.
        layer: the layer of the source; ``None`` for a default.
        workspace: the workspace of the layer; ``None`` where it belongs to none, and for defaults.
        span: the value in its file; ``None`` for a default.
        how: ``stated``, ``removed``, ``by convention`` or ``schema default``.
    """

    value: Any
    layer: Layer | None
    workspace: str | None
    span: Span | None
    how: str
