"""Base classes of records whose fields are declared by a JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator, KeysView, Mapping
from typing import Any, ClassVar, Final, NamedTuple, TypeVar, final

from stepwell.model.layer import Origin, Source, origins_in
from stepwell.source.document import FrozenMapping, freeze, thaw
from stepwell.source.immutable import Immutable, InNotebook

__all__ = ["Facts", "Fields", "Record", "facts", "know_facts", "known_fields"]

T = TypeVar("T")
_set: Final = object.__setattr__


@final
class Facts(NamedTuple):
    """What a schema declares of the fields of a record.

    Args:
        fields: the fields in order.
        nested: fields of each mapping.
        defaults: default values, read-only.
        conventions: suffix of each conventional value, and the field that must be set for it.
        integers: integer fields, which a file may write as ``100.0``.
    """

    fields: tuple[str, ...]
    nested: Mapping[str, tuple[str, ...]]
    defaults: Mapping[str, Any]
    conventions: Mapping[str, tuple[str, str]]
    integers: frozenset[str]


_FACTS: Final[dict[str, Facts]] = {}


def facts(name: str) -> Facts:
    """Return the facts of a schema."""
    known = _FACTS.get(name)
    if known is None:
        from stepwell.model import schema

        names = schema.fields(name)
        nested = {field: schema.fields_of(name, field) for field in names}
        conventions = {key: (each.suffix, each.requires) for key, each in schema.conventions(name).items()}
        known = _FACTS[name] = Facts(
            names,
            nested,
            schema.defaults(name),
            conventions,
            schema.integers(name),
        )
    return known


def know_facts(name: str, plain: Facts) -> None:
    """Keep the facts of a schema that need not be read again.

    Args:
        plain: with mutable defaults.
    """
    _FACTS.setdefault(name, plain._replace(defaults=freeze(plain.defaults)))


def known_fields(record: type[T], stated: Mapping[str, Any]) -> T:
    """Create a record from a mapping and ignore unknown keys."""
    known: tuple[str, ...] = record._fields  # type: ignore[attr-defined]
    return record(**{key: value for key, value in stated.items() if key in known})


class Fields(Immutable):
    """Immutable validated data with the fields of a schema.

    ``record["field"]`` works for all fields; subclasses in ``model.fields`` add typed properties.

    Args:
        data: the merged data, read-only.
    """

    __slots__ = ("_digest", "data")
    data: Mapping[str, Any]
    _digest: str

    SCHEMA: ClassVar[str] = ""

    def __init__(self, data: Mapping[str, Any]) -> None:
        _set(self, "data", data)
        _set(self, "_digest", "")

    @classmethod
    def fields(cls) -> tuple[str, ...]:
        """Return the field names in schema order, and ``extensions`` for ``x-`` keys."""
        return (*facts(cls.SCHEMA).fields, "extensions")

    def __getitem__(self, name: str) -> Any:
        """Return the effective value of a field (stated, conventional or default), or ``None``.

        Raises:
            KeyError: unknown field.
        """
        value = self.data.get(name)
        if value is not None:
            return int(value) if type(value) is float and name in facts(self.SCHEMA).integers else value
        known = facts(self.SCHEMA)
        if name in known.conventions:
            return self.conventional(name)
        default = known.defaults.get(name)
        if default is None and name not in self.data and name not in known.fields:
            return self._undeclared(name)
        return default

    def keys(self) -> KeysView[str]:
        """Return the fields with a value in schema order, as ``dict(record)`` requires."""
        return self.effective().keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def conventional(self, name: str) -> str | None:
        """Return the conventional value of a field, or ``None``."""
        suffix, requires = facts(self.SCHEMA).conventions.get(name, ("", ""))
        if not requires or self.data.get(requires) is None:
            return None
        return f"{self.data['name']}{suffix}"

    def _undeclared(self, name: str) -> Any:
        if name == "extensions":
            return self.extensions
        if name[:2] == "x-":
            return None
        from stepwell.source.spelling import suggest
        from stepwell.source.wording import parenthesised

        hint = parenthesised(suggest(name, facts(self.SCHEMA).fields))
        raise KeyError(f"a {type(self).__name__} has no field `{name}`{hint}")

    def effective(self) -> dict[str, Any]:
        """Return all fields with a value in schema order, then the ``x-`` keys."""
        known, data = facts(self.SCHEMA), self.data
        values = {**known.defaults, **data}
        for name in known.conventions:
            if name not in data and (conventional := self.conventional(name)) is not None:
                values[name] = conventional
        for name in known.integers:
            if name in values:
                values[name] = int(values[name])
        stated = {name: values[name] for name in known.fields if name in values}
        return stated | {name: value for name, value in data.items() if name[:2] == "x-"}

    def to_dict(self, *, resolved: bool = True) -> dict[str, Any]:
        """Return the fields as mutable plain data.

        Args:
            resolved: include conventions and defaults.
        """
        stated = {name: value for name, value in self.data.items() if name != "$schema"}
        changeable: dict[str, Any] = thaw(self.effective() if resolved else stated)
        return changeable

    def __eq__(self, other: object) -> bool:
        """Compare values, regardless of their origin."""
        if not isinstance(other, Fields) or type(self) is not type(other):
            return NotImplemented
        return self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def extensions(self) -> Mapping[str, Any]:
        """Custom fields, which begin with ``x-``."""
        return FrozenMapping({key: value for key, value in self.data.items() if key[:2] == "x-"})

    @property
    def digest(self) -> str:
        """Hash of all effective values, regardless of their origin."""
        if not self._digest:  # computed once, when first read
            content = [type(self).__name__, self.effective()]
            import json

            text = json.dumps(content, default=dict, sort_keys=True, separators=(",", ":"))
            import hashlib  # few commands digest anything

            digest = hashlib.blake2b(text.encode("ascii"), digest_size=32).hexdigest()
            _set(self, "_digest", digest)
        return self._digest


class Record(InNotebook, Fields):
    """Base class of definitions: validated data with its source documents.

    Args:
        data: the merged data, read-only.
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

    @property
    def name(self) -> str:
        name: str = self.data["name"]
        return name

    def origin(self, *pointer: str | int) -> Origin:
        """Return the origin of a value: a file and position, a convention or a schema default.

        Args:
            pointer: the field and keys in it: ``step.origin("deprecated", "note")``.
        """
        topmost = next(origins_in(self.sources, pointer), None)
        return self.fallback(*pointer) if topmost is None or topmost.how == "removed" else topmost

    def fallback(self, *pointer: str | int) -> Origin:
        """Return the origin of a value that no file sets."""
        if len(pointer) == 1:
            field = str(pointer[0])
            conventional = self.conventional(field)
            if conventional is not None:
                return Origin(conventional, None, None, None, "by convention")
            default = facts(self.SCHEMA).defaults.get(field)
            if default is not None:
                return Origin(default, None, None, None, "schema default")
        return Origin(None, None, None, None, "not stated")
