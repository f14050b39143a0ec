"""Resolves ``extends``: merges parameters by name and steps by id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any, NamedTuple, Protocol, final

from stepwell.model import PipelineDefinition
from stepwell.model.graph.node import Stated
from stepwell.model.layer import Source, apply_layers, given_by
from stepwell.source.diagnostic import Span
from stepwell.source.document import Document
from stepwell.source.merge_patch import merge_patch

__all__ = ["ExtendsLink", "Flat", "FlatStep", "Pipelines", "Repeated", "flatten"]


class Pipelines(Protocol):
    """Pipelines of a view."""

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names in order."""

    def get(self, name: str, /) -> PipelineDefinition | None: ...

    def hidden(self, name: str, /) -> tuple[PipelineDefinition, ...]:
        """Return the hidden definitions of a name, topmost first."""


@final
class FlatStep(NamedTuple):
    """A step merged from all extended pipelines.

    Args:
        data: as an entry of ``steps``.
        stated: locations of its statements, topmost first.
    """

    data: Mapping[str, Any]
    stated: tuple[Stated, ...]


@final
class ExtendsLink(NamedTuple):
    """One ``extends`` of a chain.

    Args:
        place: its location; ``None`` without a file.
    """

    name: str
    extends: str
    place: Span | None


@final
class Repeated(NamedTuple):
    """Duplicate id in a list of steps; the first step counts."""

    id: str
    first: Stated
    again: Stated


@final
class Flat(NamedTuple):
    """A definition merged with all pipelines that it extends.

    Args:
        parameters: by name, with defaults.
        way: the chain of ``extends``, starting at the definition.
        missing: the end of the chain, if its pipeline is unknown.
        cycle: the cyclic part of the chain, if any.
        left_out: unknown ids in ``without`` with their locations.
    """

    parameters: Mapping[str, Any]
    entries: Mapping[str, FlatStep]
    way: tuple[ExtendsLink, ...] = ()
    missing: ExtendsLink | None = None
    cycle: tuple[ExtendsLink, ...] = ()
    repeated: tuple[Repeated, ...] = ()
    left_out: tuple[tuple[str, Span | None], ...] = ()


@final
class _Part(NamedTuple):
    """Own content of one pipeline in the chain.

    Args:
        sources: its documents, topmost first.
    """

    data: Mapping[str, Any]
    sources: tuple[Source, ...]

    def document(self, *pointer: str | int) -> Document | None:
        """Return the document that sets a value."""
        return given_by(self.sources, pointer) if self.sources else None


def flatten(pipelines: Pipelines, definition: PipelineDefinition) -> Flat:
    """Merge a definition with all pipelines that it extends."""
    parts: list[_Part] = []
    way: list[ExtendsLink] = []
    seen: list[tuple[str, tuple[Source, ...]]] = []
    missing: ExtendsLink | None = None
    cycle: tuple[ExtendsLink, ...] = ()
    at: PipelineDefinition | None = definition
    while at is not None:
        key = (at.name, at.sources)
        if key in seen:
            cycle = tuple(way[seen.index(key) :])
            break
        seen.append(key)
        part, below = _parted(pipelines, at)
        parts.append(part)
        if at.extends is None:
            break
        document = part.document("extends")
        way.append(
            ExtendsLink(at.name, at.extends, None if document is None else document.value_span(("extends",)))
        )
        if below is None:
            missing = way[-1]
        at = below
    return _laid(parts, tuple(way), missing, cycle)


def _parted(pipelines: Pipelines, definition: PipelineDefinition) -> tuple[_Part, PipelineDefinition | None]:
    """Split a definition into its own content and its base."""
    name = definition.extends
    whole = _Part(definition.data, definition.sources)
    if name is None or name != definition.name:
        return whole, None if name is None else pipelines.get(name)
    saying = next(
        (at for at, source in enumerate(definition.sources) if source.document.data.get("extends") == name),
        -1,
    )
    rest = definition.sources[saying + 1 :]
    if saying >= 0 and rest:
        own = definition.sources[: saying + 1]
        stated, below = (
            reduce(merge_patch, (item.document.data for item in reversed(own))),
            apply_layers(rest),
        )
        assert below is not None  # noqa: S101 - the lowest source of a definition is whole
        return _Part(stated, own), PipelineDefinition(below.data, below.sources)
    return whole, next(iter(pipelines.hidden(name)), None)


def _laid(
    parts: list[_Part],
    way: tuple[ExtendsLink, ...],
    missing: ExtendsLink | None,
    cycle: tuple[ExtendsLink, ...],
) -> Flat:
    parameters: Mapping[str, Any] = {}
    entries: dict[str, FlatStep] = {}
    repeated: list[Repeated] = []
    left_out: list[tuple[str, Span | None]] = []
    for part in reversed(parts):
        parameters = {**parameters, **(part.data.get("parameters") or {})}
        for at, item in enumerate(part.data.get("without") or ()):
            document = part.document("without")
            if entries.pop(item, None) is None:
                place = None if document is None else document.value_span(("without", at))
                left_out.append((item, place))
        _lay(part, entries, repeated)
    return Flat(parameters, entries, way, missing, cycle, tuple(repeated), tuple(left_out))


def _lay(part: _Part, entries: dict[str, FlatStep], repeated: list[Repeated]) -> None:
    """Merge the steps of a pipeline into those of its base."""
    document = part.document("steps")
    own: dict[str, tuple[Stated, ...]] = {}
    for at, step in enumerate(part.data.get("steps") or ()):
        one = step["id"]
        stated = () if document is None else (Stated(document, ("steps", at)),)
        if one in own:
            if stated:
                repeated.append(Repeated(one, own[one][0], stated[0]))
            continue
        own[one] = stated
        below = entries.get(one)
        if below is None:
            entries[one] = FlatStep(step, stated)
        else:
            entries[one] = FlatStep(merge_patch(below.data, step), (*stated, *below.stated))
