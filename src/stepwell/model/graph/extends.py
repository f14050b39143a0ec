"""What a pipeline extends, laid under it: parameters by name, steps by id."""

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
    """The pipelines of a view."""

    def __iter__(self) -> Iterator[str]:
        """Their names, in order."""

    def get(self, name: str, /) -> PipelineDefinition | None:
        """One of them."""

    def hidden(self, name: str, /) -> tuple[PipelineDefinition, ...]:
        """Those of a name that the served one hides whole, topmost first."""


@final
class FlatStep(NamedTuple):
    """One step with all that the pipelines on the way say of it.

    Args:
        data: as one entry of ``steps`` would state it.
        stated: where each of them states something of it, topmost first.
    """

    data: Mapping[str, Any]
    stated: tuple[Stated, ...]


@final
class ExtendsLink(NamedTuple):
    """One ``extends`` on the way down.

    Args:
        place: where it says so; ``None`` where no file does.
    """

    name: str
    extends: str
    place: Span | None


@final
class Repeated(NamedTuple):
    """An id that one list of steps has twice; the first counts."""

    id: str
    first: Stated
    again: Stated


@final
class Flat(NamedTuple):
    """A definition with all that it extends.

    Args:
        parameters: by name, with defaults.
        way: every ``extends``, from the definition down.
        missing: the last of them, where there is nothing of its name.
        circle: the part of the way that leads round, where it does.
        left_out: ids of ``without`` that nothing below has, each with its place.
    """

    parameters: Mapping[str, Any]
    entries: Mapping[str, FlatStep]
    way: tuple[ExtendsLink, ...] = ()
    missing: ExtendsLink | None = None
    circle: tuple[ExtendsLink, ...] = ()
    repeated: tuple[Repeated, ...] = ()
    left_out: tuple[tuple[str, Span | None], ...] = ()


@final
class _Part(NamedTuple):
    """What one pipeline on the way says itself.

    Args:
        sources: the documents that they come from, topmost first.
    """

    data: Mapping[str, Any]
    sources: tuple[Source, ...]

    def document(self, *pointer: str | int) -> Document | None:
        """The document that gave a value."""
        return given_by(self.sources, pointer) if self.sources else None


def flatten(pipelines: Pipelines, definition: PipelineDefinition) -> Flat:
    """A definition with all that it extends."""
    parts: list[_Part] = []
    way: list[ExtendsLink] = []
    seen: list[tuple[str, tuple[Source, ...]]] = []
    missing: ExtendsLink | None = None
    circle: tuple[ExtendsLink, ...] = ()
    at: PipelineDefinition | None = definition
    while at is not None:
        key = (at.name, at.sources)
        if key in seen:
            circle = tuple(way[seen.index(key) :])
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
    return _laid(parts, tuple(way), missing, circle)


def _parted(pipelines: Pipelines, definition: PipelineDefinition) -> tuple[_Part, PipelineDefinition | None]:
    """What a definition says itself, and what it extends."""
    name = definition.extends
    whole = _Part(definition.data, definition.sources)
    if name is None or name != definition.name:
        return whole, None if name is None else pipelines.get(name)
    saying = next(
        (at for at, one in enumerate(definition.sources) if one.document.data.get("extends") == name), -1
    )
    rest = definition.sources[saying + 1 :]
    if saying >= 0 and rest:
        own = definition.sources[: saying + 1]
        stated, below = reduce(merge_patch, (one.document.data for one in reversed(own))), apply_layers(rest)
        assert below is not None  # noqa: S101 - the lowest source of a definition is whole
        return _Part(stated, own), PipelineDefinition(below.data, below.sources)
    return whole, next(iter(pipelines.hidden(name)), None)


def _laid(
    parts: list[_Part],
    way: tuple[ExtendsLink, ...],
    missing: ExtendsLink | None,
    circle: tuple[ExtendsLink, ...],
) -> Flat:
    parameters: Mapping[str, Any] = {}
    entries: dict[str, FlatStep] = {}
    repeated: list[Repeated] = []
    left_out: list[tuple[str, Span | None]] = []
    for part in reversed(parts):
        parameters = {**parameters, **(part.data.get("parameters") or {})}
        for at, one in enumerate(part.data.get("without") or ()):
            document = part.document("without")
            if entries.pop(one, None) is None:
                place = None if document is None else document.value_span(("without", at))
                left_out.append((one, place))
        _lay(part, entries, repeated)
    return Flat(parameters, entries, way, missing, circle, tuple(repeated), tuple(left_out))


def _lay(part: _Part, entries: dict[str, FlatStep], repeated: list[Repeated]) -> None:
    """Lay the steps of one pipeline over those that it extends."""
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
