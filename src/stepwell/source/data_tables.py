"""Reads JSON and YAML tables with the locations of their values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from stepwell.source import yaml
from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.document import Document, Pointer, Stretch, TextMap, freeze, span_of
from stepwell.source.legacy_table import LEGACY_FIELDS, STEPS, LegacyTables, Table, TableRow
from stepwell.source.read import read_text

__all__ = ["read_json", "read_yaml", "table_of"]

_MAX_DEPTH: Final = 64
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_STRING: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_SCALAR: Final = re.compile(r"[^\s,\]}]+")
_WRAPPERS: Final = ("steps", STEPS, "step_names")
_TABLE_FIELDS: Final = frozenset(LEGACY_FIELDS) - {"description"}
"""Fields of which a row has at least one; many files that are no table have descriptions."""


class _Unusable(Exception):
    """JSON value that a definition cannot contain."""

    def __init__(self, message: str, at: int = 0) -> None:
        super().__init__(message)
        self.at = at


def read_json(path: str, content: bytes) -> Document | Diagnostic:
    """Read a JSON file (RFC 8259) as a Document; a list gets the key ``""``."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"byte 0x{content[error.start]:02X} is not UTF-8"
        return Diagnostic("not-utf-8", Severity.ERROR, message, Span(path), "save the file as UTF-8")
    try:
        data = json.loads(text, parse_constant=_refuse_constant)
        places = _locate(text)
        json.dumps(data, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        span = span_of(path, text, (error.pos, min(error.pos + 1, len(text))))
        message = f"not valid JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        return Diagnostic("invalid-json", Severity.ERROR, message, span, "fix or remove the file")
    except UnicodeEncodeError:
        message = "the file contains an unpaired surrogate"
        return Diagnostic("invalid-json", Severity.ERROR, message, Span(path), "use complete characters")
    except RecursionError:
        message = f"values are nested more than {_MAX_DEPTH} levels deep"
        return Diagnostic("too-deeply-nested", Severity.ERROR, message, Span(path), "flatten the data")
    except _Unusable as refused:
        span = span_of(path, text, (refused.at, refused.at))
        return Diagnostic("invalid-json", Severity.ERROR, str(refused), span, "fix or remove the file")
    except ValueError as error:  # a number of thousands of digits
        return Diagnostic("invalid-json", Severity.ERROR, f"not usable JSON: {error}", Span(path))
    whole = data if isinstance(data, dict) else {"": data}
    return Document(path, text, freeze(whole), lambda _: places)


def read_yaml(path: str, content: bytes) -> Document | Diagnostic:
    """Read a YAML table; a list is the value of the key ``""``, as in a JSON table."""
    document = read_text(path, content)
    if not isinstance(document, Diagnostic) or document.id != "not-a-mapping":
        return document
    text = content.decode().removeprefix("\ufeff")
    rows, faults = yaml.load_list(text)
    return document if rows is None or faults else Document(path, text, freeze({"": rows}), yaml.locate)


def table_of(document: Document) -> LegacyTables | None:
    """Return the rows of a JSON or YAML table, or ``None`` if the document is none."""
    rows = list(_rows_in(document))
    alike = [row for _, row, _ in rows if isinstance(row, Mapping) and _TABLE_FIELDS & row.keys()]
    if not alike or 2 * len(alike) < len(rows):
        return None
    taken: list[TableRow] = []
    findings: list[Diagnostic] = []
    for name, row, pointer in rows:
        if not isinstance(row, Mapping) or not name:
            words = "a row must have a name and fields; skipped"
            findings.append(_not_a_row(words, document, pointer, "write a mapping of fields"))
            continue
        if row.get("name", name) != name:
            words = f"`name` of `{name}` differs from the row's key; ignored"
            findings.append(_not_a_row(words, document, (*pointer, "name"), "make them the same"))
        taken.append(TableRow(name, _row_document(document, name, row, pointer)))
    table = Table(STEPS, tuple(taken), Span(document.path))
    return LegacyTables(document.path, {STEPS: table}, diagnostics=tuple(findings))


def _not_a_row(message: str, document: Document, pointer: Pointer, help_text: str) -> Diagnostic:
    return Diagnostic("not-a-row", Severity.ERROR, message, document.key_span(pointer), help_text)


def _row_document(document: Document, name: str, row: Mapping[str, Any], pointer: Pointer) -> Document:
    places = document.locate(document.text)
    depth = len(pointer)
    keys = {
        key[depth:]: place for key, place in places.keys.items() if key[:depth] == pointer and key[depth:]
    }
    values = {key[depth:]: place for key, place in places.values.items() if key[:depth] == pointer}
    if ("name",) not in keys:
        keys["name",] = values["name",] = places.keys[pointer]
    own = TextMap(keys, values)
    data = {key: value for key, value in row.items() if value is not None or key in LEGACY_FIELDS}
    return Document(document.path, document.text, MappingProxyType({**data, "name": name}), lambda _: own)


def _rows_in(document: Document) -> Iterator[tuple[str, Any, Pointer]]:
    """Yield the name, fields and pointer of each row."""
    data: Any = document.data
    base: Pointer = ()
    for wrapper in _WRAPPERS:
        inner = data.get(wrapper)
        if isinstance(inner, (Mapping, tuple)) and not _is_row(inner):
            data, base = inner, (wrapper,)
            break
    if not base and isinstance(data.get(""), tuple) and len(data) == 1:
        data, base = data[""], ("",)
    if isinstance(data, tuple):
        for place, row in enumerate(data):
            name = row.get("name") if isinstance(row, Mapping) else None
            yield name if isinstance(name, str) else "", row, (*base, place)
        return
    for name, row in data.items():
        yield name, row, (*base, name)


def _is_row(value: Any) -> bool:
    return isinstance(value, Mapping) and "description" in value and isinstance(value["description"], str)


def _refuse_constant(word: str) -> None:
    raise _Unusable(f"`{word}` is not a JSON number")


def _locate(text: str) -> TextMap:
    """Return the locations of keys and values of valid JSON."""
    places = TextMap({}, {})
    _value(text, _SPACE.match(text, 0).end(), (), places)  # type: ignore[union-attr]
    return places


def _value(text: str, at: int, pointer: Pointer, places: TextMap) -> int:
    if len(pointer) > _MAX_DEPTH:
        raise RecursionError
    if text[at] == '"':
        end = _STRING.match(text, at).end()  # type: ignore[union-attr]
    elif text[at] in "{[":
        end = _members(text, at, pointer, places)
    else:
        end = _SCALAR.match(text, at).end()  # type: ignore[union-attr]
    _note(places.values, pointer if pointer or text[at] == "{" else ("",), (at, end))
    return end


def _members(text: str, at: int, pointer: Pointer, places: TextMap) -> int:
    is_mapping, count = text[at] == "{", 0
    outer: Pointer = pointer if pointer or is_mapping else ("",)
    at = _after_space(text, at + 1)
    while text[at] not in "}]":
        step: str | int = count
        if is_mapping:
            end = _STRING.match(text, at).end()  # type: ignore[union-attr]
            step = str(json.loads(text[at:end]))
            if (*outer, step) in places.keys:
                raise _Unusable(f"duplicate key `{step}`", at)
            _note(places.keys, (*outer, step), (at, end))
            at = _after_space(text, _after_space(text, end) + 1)
        at = _after_space(text, _value(text, at, (*outer, step), places))
        if text[at] == ",":
            at = _after_space(text, at + 1)
        count += 1
    return at + 1


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _note(into: Any, pointer: Pointer, stretch: Stretch) -> None:
    into[pointer] = stretch
