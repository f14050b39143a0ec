"""Base of every record whose fields a JSON Schema declares.

A record is checked data and the documents that it came from, so the position of a value is found when
it is asked for, and costs nothing otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, KeysView, Mapping
from typing import Any, ClassVar, Final, TypeVar

from stepwell.model.layer import Origin, Source, origins_in
from stepwell.model.schema import conventions, defaults, fields, integers
from stepwell.source.document import FrozenMapping, thaw
from stepwell.source.immutable import Immutable
from stepwell.source.notebook_repr import in_notebook
from stepwell.source.spelling import suggest
from stepwell.source.wording import parenthesised

__all__ = ["Fields", "Record", "known_fields"]

T = TypeVar("T")
_set: Final = object.__setattr__


def known_fields(record: type[T], stated: Mapping[str, Any]) -> T:
    """A dataclass from the values of a mapping; keys that it does not know are passed over."""
    known: Mapping[str, Any] = record.__dataclass_fields__  # type: ignore[attr-defined]
    return record(**{key: value for key, value in stated.items() if key in known})


class Fields(Immutable):
    """Checked data with the fields that a schema declares; it cannot be changed.

    ``record["field"]`` works for every field of the schema; the subclasses in ``model.fields`` add a typed
    property for each.

    Args:
        data: the merged data, read-only; it fits the schema.
    """

    __slots__ = ("_digest", "data")
    data: Mapping[str, Any]
    _digest: str

    SCHEMA: ClassVar[str] = ""
    """The schema's name."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        _set(self, "data", data)
        _set(self, "_digest", "")

    @classmethod
    def fields(cls) -> tuple[str, ...]:
        """The names of the fields in the schema's order, and ``extensions`` for the ``x-`` keys."""
        return (*fields(cls.SCHEMA), "extensions")

    def __getitem__(self, name: str) -> Any:
        """The effective value of a field: stated, by convention or by default; ``None`` where it has none.

        Raises:
            KeyError: the schema has no such field.
        """
        value = self.data.get(name)
        if value is not None:
            return int(value) if type(value) is float and name in integers(self.SCHEMA) else value
        if name in conventions(self.SCHEMA):
            return self.conventional(name)
        default = defaults(self.SCHEMA).get(name)
        if default is None and name not in self.data and name not in fields(self.SCHEMA):
            return self._undeclared(name)
        return default

    def keys(self) -> KeysView[str]:
        """The fields that have a value, in the schema's order; so ``dict(record)`` works."""
        return self.effective().keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def conventional(self, name: str) -> str | None:
        """The value that a field has by convention where it is not stated; ``None`` where there is none."""
        convention = conventions(self.SCHEMA).get(name)
        if convention is None or self.data.get(convention.requires) is None:
            return None
        return f"{self.data['name']}{convention.suffix}"

    def _undeclared(self, name: str) -> Any:
        if name == "extensions":
            return self.extensions
        if name[:2] == "x-":
            return None
        hint = parenthesised(suggest(name, fields(self.SCHEMA)))
        raise KeyError(f"a {type(self).__name__} has no field `{name}`{hint}")

    def effective(self) -> dict[str, Any]:
        """Every field that has a value, in the schema's order, and the ``x-`` keys after them."""
        schema, data = self.SCHEMA, self.data
        values = {**defaults(schema), **data}
        for name in conventions(schema):
            if name not in data and (conventional := self.conventional(name)) is not None:
                values[name] = conventional
        for name in integers(schema):
            if name in values:
                values[name] = int(values[name])
        known = {name: values[name] for name in fields(schema) if name in values}
        return known | {name: value for name, value in data.items() if name[:2] == "x-"}

    def to_dict(self, *, resolved: bool = True) -> dict[str, Any]:
        """The fields as plain data that may be changed.

        Args:
            resolved: with every value by convention and by default; otherwise only what is stated.
        """
        stated = {name: value for name, value in self.data.items() if name != "$schema"}
        changeable: dict[str, Any] = thaw(self.effective() if resolved else stated)
        return changeable

    def __eq__(self, other: object) -> bool:
        """Whether both have the same values, wherever these are stated."""
        if not isinstance(other, Fields) or type(self) is not type(other):
            return NotImplemented
        return self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def extensions(self) -> Mapping[str, Any]:
        """The fields that begin with ``x-``, which are the team's own."""
        return FrozenMapping({key: value for key, value in self.data.items() if key[:2] == "x-"})

    @property
    def digest(self) -> str:
        """A hash of every effective value, whatever the files look like."""
        if not self._digest:  # computed once, when first read
            content = [type(self).__name__, self.effective()]
            text = json.dumps(content, default=dict, sort_keys=True, separators=(",", ":"))
            import hashlib  # few commands digest anything

            digest = hashlib.blake2b(text.encode("ascii"), digest_size=32).hexdigest()
            _set(self, "_digest", digest)
        return self._digest


class Record(Fields):
    """Base of all kinds of definition: checked data, and the documents that it came from.

    Args:
        data: the merged data, read-only; it fits the schema.
        sources: its documents, topmost first.
    """

    __slots__ = ("sources",)
    sources: tuple[Source, ...]

    def __init__(self, data: Mapping[str, Any], sources: tuple[Source, ...] = ()) -> None:
        _set(self, "data", data)
        _set(self, "_digest", "")
        _set(self, "sources", sources)

    def __reduce__(self) -> tuple[type[Record], tuple[Mapping[str, Any], tuple[Source, ...]]]:
        return type(self), (self.data, self.sources)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        return in_notebook(self, include, exclude)

    def _repr_html_(self) -> str:
        return str(in_notebook(self)["text/html"])

    @property
    def name(self) -> str:
        """The name in its layer and in every table."""
        name: str = self.data["name"]
        return name

    def origin(self, *pointer: str | int) -> Origin:
        """The origin of a value: its file and position, a convention or the default of the schema.

        Args:
            pointer: the field, and keys inside it: ``step.origin("deprecated", "note")``.
        """
        topmost = next(origins_in(self.sources, pointer), None)
        return self.fallback(*pointer) if topmost is None or topmost.how == "removed" else topmost

    def fallback(self, *pointer: str | int) -> Origin:
        """What gives a value that no file states: a convention, the schema, or nothing."""
        if len(pointer) == 1:
            field = str(pointer[0])
            conventional = self.conventional(field)
            if conventional is not None:
                return Origin(conventional, None, None, None, "by convention")
            default = defaults(self.SCHEMA).get(field)
            if default is not None:
                return Origin(default, None, None, None, "schema default")
        return Origin(None, None, None, None, "not stated")
