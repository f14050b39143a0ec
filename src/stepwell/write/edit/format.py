"""Formats definition files: key order of the schema, spacing, indentation and short lists.

Scalars keep their text and comments their place. The result is used only if it reads as the same data with
the same comments.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Final, final

from stepwell.model import KINDS
from stepwell.model.layer import Layer
from stepwell.model.schema import contents
from stepwell.model.settings import Project
from stepwell.resolve.layout import lay_out
from stepwell.source.document import Document, Pointer, Stretch, thaw
from stepwell.source.read import read_text
from stepwell.source.tree import EntryKind
from stepwell.write.edit.engine import EditRefused, is_same
from stepwell.write.edit.text import comments_in
from stepwell.write.scaffold.step import schema_near

__all__ = ["SchemaComments", "definition_files", "formatted"]

WIDTH: Final = 100
"""Maximum columns of a list in one line."""

_BREAK: Final = re.compile(r"\r\n|\n|\r")
_PROPERTIES: Final = re.compile(r"(?:[&!][^\s]*[ \t]*)*")
_LONGEST: Final = 10_000
"""Maximum characters of a file that is matched as a whole."""
_OVERRIDE: Final = "-override"
_SCHEMA_COMMENT: Final = re.compile(
    rb"^(?:\xef\xbb\xbf)?#(?:[ \t]*yaml-language-server:[ \t]*\$schema=|:schema[ \t]+)(\S+)", re.MULTILINE
)
_EXPLICIT: Final = re.compile(r"[|>][-+]?[1-9]")


def formatted(path: str, content: bytes, schema_name: str | None) -> bytes:
    """Return the formatted content of a file.

    Args:
        schema_name: schema of the file, for the order of its keys; ``None`` to keep the order.

    Raises:
        EditRefused: the file is invalid.
    """
    schema = contents(schema_name.removesuffix(_OVERRIDE)) if schema_name else {}
    if path.endswith((".yaml", ".yml")) and _is_flat_and_tidy(content, schema):
        return content
    document = read_text(path, content)
    if not isinstance(document, Document):
        if document.id == "empty-file":
            return content
        raise EditRefused(document.message, document.span or _whole(path))
    text = _LAYOUTS[path.endswith(".toml")](document, schema)
    newline = "\r\n" if "\r\n" in document.text else "\n"
    mark = b"\xef\xbb\xbf" if content.startswith(b"\xef\xbb\xbf") else b""
    result = mark + text.replace("\n", newline).encode()
    return result if result == content or _means_the_same(document, path, result) else content


def definition_files(project: Project) -> dict[str, str]:
    """Return the definition and workspace files of a project by path, with the names of their schemas."""
    layout = lay_out(project)
    every = [*layout.core, *(file for files in layout.workspaces.values() for file in files)]
    return {
        **{file.path: KINDS[file.kind].noun + _OVERRIDE * (file.layer is Layer.OVERRIDE) for file in every},
        **dict.fromkeys(layout.settings.values(), "workspace"),
    }


@final
class SchemaComments:
    """Comments for editors that refer to the schema of a file."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._targets: dict[tuple[str, str, str], str] = {}

    def corrected(self, path: str, schema: str, content: bytes) -> bytes:
        """Return a file whose comment refers to the project's schema, if there is one.

        URLs and existing files with the name of the schema are kept.

        Args:
            schema: name of the schema of the file.
        """
        comment = _SCHEMA_COMMENT.search(content)
        if comment is None or b"://" in comment[1]:
            return content
        key = (posixpath.dirname(path), schema, comment[1].decode("utf-8", "replace"))
        target = self._targets.get(key)
        if target is None:
            target = self._targets[key] = self._target(*key)
        return content[: comment.start(1)] + target.encode() + content[comment.end(1) :]

    def _target(self, folder: str, schema: str, target: str) -> str:
        resolved = posixpath.normpath(posixpath.join(folder, target))
        near = schema_near(self._project, f"{folder}/file", schema)
        is_there = (
            not resolved.startswith("..")
            and posixpath.basename(resolved) == posixpath.basename(near)
            and self._project.tree.follow(resolved).kind is EntryKind.FILE
        )
        return target if is_there or not near else near


def _whole(path: str) -> Any:
    from stepwell.source.diagnostic import Span

    return Span(path)


def _means_the_same(document: Document, path: str, content: bytes) -> bool:
    after = read_text(path, content)
    return (
        isinstance(after, Document)
        and is_same(thaw(after.data), thaw(document.data))
        and Counter(comments_in(after)) == Counter(comments_in(document))
    )


_WORD: Final = r"[^\s,\[\]{}#'\":&*!|>%@`?-][^\s,\[\]{}#'\":]*"
_LINE: Final = rf"""
    \# [^\n]* (?<![ \t\r])
  | [A-Za-z_$][A-Za-z0-9_$-]* :[ ] (?:
        [^\s\[\]{{}}\#'":,&*!|>%@`?-] (?: [^\n\#:\r\t]* [^\s\#:] )?
      | "[^"\\\n\r]*" | '[^'\n\r]*'
      | \[ (?: {_WORD} (?: ,[ ]{_WORD} )* )? \]
    ) (?: [ ][ ]\#[^\n]* (?<![ \t\r]) )?
"""
_TIDY: Final = re.compile(rf"(?:(?:{_LINE})\n(?:\n(?!\Z))?(?!\n))+", re.VERBOSE)
_FLAT_KEY: Final = re.compile(r"^([A-Za-z_$][A-Za-z0-9_$-]*):", re.MULTILINE)


def _is_flat_and_tidy(content: bytes, schema: Mapping[str, Any]) -> bool:
    """Return whether a file of single lines is formatted, many times faster than formatting it."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return False
    if len(text) > _LONGEST or _TIDY.fullmatch(text) is None:
        return False
    keys = _FLAT_KEY.findall(text)
    return keys == _in_order(keys, schema) and max(map(len, text.split("\n"))) <= WIDTH


def _in_order(keys: Iterable[str], schema: Mapping[str, Any]) -> list[str]:
    """Return keys in the order of a schema, unknown ones at their place after the last known."""
    known = {key: place for place, key in enumerate(schema.get("properties", ()))}
    return sorted(keys, key=lambda key: known.get(key, len(known)))


def _below(schema: Mapping[str, Any], step: str | int) -> Mapping[str, Any]:
    """Return the schema of a value in a collection."""
    if isinstance(step, int):
        inner = schema.get("items", {})
    else:
        inner = schema.get("properties", {}).get(step) or schema.get("additionalProperties")
    return inner if isinstance(inner, Mapping) else {}


class _TextLines:
    """The text of a document with LF, and the positions in it."""

    def __init__(self, document: Document) -> None:
        self.document = document._replace(text=_BREAK.sub("\n", document.text))
        self.text = self.document.text
        places = self.document.locate(self.text)
        self.keys = places.keys
        self.values = places.values
        self.comments = {
            start: self.text[start : self.line_end(start)].rstrip()
            for start in _comment_starts(self.document)
        }

    def line_start(self, offset: int) -> int:
        return self.text.rfind("\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        end = self.text.find("\n", offset)
        return len(self.text) if end < 0 else end

    def add(self, offset: int) -> str:
        """Return the comment in the rest of a line, with its blanks before it."""
        end = self.line_end(offset)
        start_before = next((start for start in sorted(self.comments) if offset <= start < end), None)
        return "" if start_before is None else f"  {self.comments[start_before]}"

    def between(self, start: int, end: int) -> list[str]:
        """Return the whole lines between two positions."""
        first, last = self.line_end(start) + 1, self.line_start(end)
        return [line.rstrip() for line in self.text[first:last].split("\n")[:-1]] if first <= last else []


def _comment_starts(document: Document) -> Iterator[int]:
    offset = document.text.find("#")
    is_toml = document.path.endswith(".toml")
    while offset >= 0:
        separated = is_toml or offset == 0 or document.text[offset - 1] in " \t\n"
        if separated and not document.holds(offset):
            yield offset
            end = document.text.find("\n", offset)
            offset = document.text.find("#", end) if end >= 0 else -1
        else:
            offset = document.text.find("#", offset + 1)


def _tidy(lines: Iterable[str]) -> list[str]:
    """Return lines with at most one blank line in a row."""
    result: list[str] = []
    for line in lines:
        if line or (result and result[-1]):
            result.append(line)
    return result


def _finished(lines: Iterable[str]) -> str:
    """Return a text of lines without blank lines at its ends."""
    text = "\n".join(lines).strip("\n")
    return f"{text}\n" if text else ""


@final
class _YamlLayout(_TextLines):
    """Layout of a YAML document."""

    def layout(self, schema: Mapping[str, Any]) -> str:
        top = [pointer for pointer in self.keys if len(pointer) == 1]
        if not top or self._is_flow(()):
            return _finished(_tidy(line.rstrip() for line in self.text.split("\n")))
        first = self.line_start(self.keys[top[0]][0])
        head = [line.rstrip() for line in self.text[:first].split("\n")[:-1]]
        own: list[str] = []
        if _in_order([str(top[0][0])], schema) and _in_order(map(_last, top), schema)[0] != top[0][0]:
            while head and head[-1].startswith("#") and "$schema" not in head[-1]:
                own.insert(0, head.pop())
        body = self._mapping((), "", schema, own)
        tail = self.between(self.values[()][1], len(self.text) + 1)
        rest = self.text[self.line_start(len(self.text)) :].rstrip()
        if rest and self.line_start(len(self.text)) > self.values[()][1]:
            tail.append(rest)
        is_inner = self._is_block(top[-1])
        lines = [f"  {line.strip()}" if line[:1] == " " and is_inner else line.strip() for line in tail]
        return _finished(_tidy([*head, *body, *lines]))

    def _is_flow(self, pointer: Pointer) -> bool:
        start, end = self.values[pointer]
        value = self.text[start:end]
        match = _PROPERTIES.match(value)
        return value[match.end() if match else 0 :][:1] in ("{", "[")

    def _is_block(self, pointer: Pointer) -> bool:
        """Return whether a value is a collection in block style; an alias is none."""
        start, end = self.values[pointer]
        is_collection = isinstance(_at(self.document.data, pointer), (Mapping, tuple))
        is_written = end > start and self.text[start] != "*"
        return is_collection and is_written and not self._is_flow(pointer)

    def _mapping(
        self, pointer: Pointer, indent: str, schema: Mapping[str, Any], lead: list[str]
    ) -> Iterator[str]:
        entries = [key for key in self.keys if key[:-1] == pointer and len(key) == len(pointer) + 1]
        leads, tails = self._gaps([(key, self.keys[key][0]) for key in entries], indent)
        leads[entries[0]] = lead + leads.get(entries[0], [])
        order = {key: place for place, key in enumerate(_in_order(map(_last, entries), schema))}
        for key in sorted(entries, key=lambda key: order[_last(key)]):
            start, end = self.keys[key]
            yield from (f"{indent}{line}" if line else "" for line in leads[key])
            yield from self._value(
                key, f"{indent}{self.text[start:end]}:", indent, _below(schema, _last(key))
            )
            yield from tails.get(key, ())

    def _sequence(self, pointer: Pointer, indent: str, schema: Mapping[str, Any]) -> Iterator[str]:
        items = [key for key in self.values if key and key[:-1] == pointer and isinstance(key[-1], int)]
        leads, tails = self._gaps([(key, self._dash(key)) for key in items], indent)
        for key in items:
            yield from (f"{indent}{line}" if line else "" for line in leads.get(key, ()))
            inner = _below(schema, 0)
            if self._is_block(key) and isinstance(_at(self.document.data, key), Mapping):
                first = list(self._mapping(key, f"{indent}  ", inner, []))
                if first[0].strip()[:1] in ("", "#") or self.text[self.values[key][0]] == "&":
                    raise EditRefused("a comment after a dash cannot be moved", _whole(self.document.path))
                yield f"{indent}- {first[0].lstrip(' ')}"
                yield from first[1:]
            else:
                yield from self._value(key, f"{indent}-", indent, inner)
            yield from tails.get(key, ())

    def _dash(self, key: Pointer) -> int:
        start = self.values[key][0]
        dash = self.text.rfind("-", self.line_start(start), start)
        if dash < 0 or self.text[dash + 1 : start].strip(" "):
            raise EditRefused("an item that begins on another line than its dash", _whole(self.document.path))
        return dash

    def _gaps(
        self, entries: list[tuple[Pointer, int]], indent: str
    ) -> tuple[dict[Pointer, list[str]], dict[Pointer, list[str]]]:
        """Return the comments and blank lines above each entry, and those that end the entry before it."""
        leads: dict[Pointer, list[str]] = {}
        tails: dict[Pointer, list[str]] = {}
        for (before, _), (key, start) in pairwise(entries):
            column = start - self.line_start(start)
            lines = self.between(self._end(before), start)
            tail = []
            while lines and self._is_block(before) and (not lines[0] or _column(lines[0]) > column):
                tail.append(lines.pop(0))
            while tail and not tail[-1]:
                lines.insert(0, tail.pop())
            tails[before] = [f"{indent}  {line.strip()}" if line else "" for line in tail]
            leads[key] = [line.strip() for line in lines]
        if entries:
            leads.setdefault(entries[0][0], [])
        return leads, tails

    def _end(self, pointer: Pointer) -> int:
        return max(self.values[pointer][1], self.keys.get(pointer, (0, 0))[1])

    def _value(self, pointer: Pointer, head: str, indent: str, schema: Mapping[str, Any]) -> Iterator[str]:
        """Yield the lines of an entry."""
        start, end = self.values[pointer]
        written = self.text[start:end]
        data = _at(self.document.data, pointer)
        if self._is_block(pointer):
            match = _PROPERTIES.match(written)
            anchor = match.group().strip() if match else ""
            children = [key for key in (*self.keys, *self.values) if key[:-1] == pointer and key]
            first = min(
                self.keys[key][0] if key in self.keys else self._dash(key)
                for key in children
                if len(key) == len(pointer) + 1
            )
            key_end = self.keys[pointer][1] if pointer in self.keys else start
            lead = [line.strip() for line in self.between(key_end, first)]
            flow = self._short(pointer, f"{head} {anchor}".rstrip())
            if flow is not None:
                yield flow
                return
            if pointer not in self.keys:
                raise EditRefused("a list in a list", _whole(self.document.path))
            note = self.add(key_end) if self.line_end(key_end) < first else ""
            yield f"{head} {anchor}".rstrip() + note
            if isinstance(data, Mapping):
                yield from self._mapping(pointer, f"{indent}  ", schema, lead)
            else:
                yield from (f"{indent}  {line}" if line else "" for line in lead)
                yield from self._sequence(pointer, f"{indent}  ", schema)
            return
        note = self.add(end)
        if not written:
            yield f"{head}{note}"
            return
        if self._is_flow(pointer) and not self._has_comment(start, end):
            flat = self._flat(pointer)
            if len(head) + 1 + len(flat) <= WIDTH or "\n" not in written:
                yield f"{head} {flat}{note}"
                return
        if "\n" not in written:
            yield f"{head} {written}{note}"
            return
        yield from self._lines_of_scalar(head, written, note, indent, start)

    def _lines_of_scalar(self, head: str, written: str, note: str, indent: str, start: int) -> Iterator[str]:
        """Yield a value of several lines, shifted to its new indentation."""
        if self.text[self.line_start(start) : start].strip() == "":
            raise EditRefused("a value that begins below its key", _whole(self.document.path))
        first, *rest = written.split("\n")
        yield f"{head} {first.rstrip()}"
        widths = [_column(line) for line in rest if line.strip()]
        old = min(widths, default=0)
        if _EXPLICIT.search(first):
            line = self.text[self.line_start(start) : start]
            shift = len(indent) - _column(line)
        else:
            shift = len(indent) + 2 - old
        is_block = first.lstrip()[:1] in ("|", ">") or bool(re.match(r"[&!]\S*\s+[|>]", first))
        lines = [
            "" if not line.strip() else " " * max(_column(line) + shift, 0) + line.lstrip(" ")
            for line in rest
        ]
        if not is_block:
            lines = [line.rstrip() for line in lines]
        yield from lines[:-1]
        yield lines[-1] + note

    def _short(self, pointer: Pointer, head: str) -> str | None:
        """Return a list of scalars in one line; ``None`` if it is long, nested, or has comments."""
        data = _at(self.document.data, pointer)
        start, end = self.values[pointer]
        if not isinstance(data, tuple) or any(isinstance(item, (Mapping, tuple)) for item in data):
            return None
        if self._has_comment(self.keys.get(pointer, (start, start))[1], self.line_end(end)):
            return None
        inner = [(*pointer, place) for place in range(len(data))]
        items = [self.text[slice(*self.values[key])] for key in inner]
        unsafe = any(not item or "\n" in item or _needs_quotes_in_flow(item) for item in items)
        line = f"{head} [{', '.join(items)}]"
        return None if unsafe or len(line) > WIDTH else line

    def _has_comment(self, start: int, end: int) -> bool:
        return any(start <= place < end for place in self.comments)

    def _flat(self, pointer: Pointer) -> str:
        """Return a flow collection in one line with usual spacing; scalars keep their text."""
        start, end = self.values[pointer]
        written = self.text[start:end]
        match = _PROPERTIES.match(written)
        anchor = match.group() if match else ""
        opening = written[len(anchor) :][:1]
        data = _at(self.document.data, pointer)
        if opening == "[" and isinstance(data, tuple):
            items = [self._flat((*pointer, place)) for place in range(len(data))]
            return f"{anchor}[{', '.join(items)}]"
        if opening == "{" and isinstance(data, Mapping):
            pairs = []
            for key in data:
                inner = (*pointer, key)
                name = self.text[slice(*self.keys[inner])]
                value = self._flat(inner)
                pairs.append(f"{name}: {value}" if value else f"{name}:")
            return f"{anchor}{{{', '.join(pairs)}}}"
        return re.sub(r"[ \t]*\n[ \t]*", " ", written) if written[:1] not in ("'", '"') else written


def _needs_quotes_in_flow(item: str) -> bool:
    return item[0] not in "\"'" and bool(set(item) & set(",[]{}"))


def _last(pointer: Pointer) -> str:
    return str(pointer[-1])


def _column(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _at(data: Any, pointer: Pointer) -> Any:
    for step in pointer:
        data = data[step]
    return data


@final
class _TomlLayout(_TextLines):
    """Layout of a TOML document."""

    def layout(self, schema: Mapping[str, Any]) -> str:
        starts = sorted(self._headers())
        ends = [*(self._lead_start(start) for start, _ in starts[1:]), len(self.text)]
        root_end = self._lead_start(starts[0][0]) if starts else len(self.text)
        lines = self._root(root_end, schema)
        groups: dict[str, list[str]] = {}
        for (start, name), end in zip(starts, ends, strict=False):
            section = _tidy(self._section(self._lead_start(start), end))
            while section and not section[-1]:
                section.pop()
            groups.setdefault(name, []).extend(["", *section])
        for name in _in_order(groups, schema):
            lines += groups[name]
        return _finished(_tidy(lines))

    def _headers(self) -> Iterator[tuple[int, str]]:
        """Yield the start of each header, with the top-level key that it belongs to."""
        seen = set()
        for pointer, (start, _) in self.values.items():
            is_first = pointer and not self.text[self.line_start(start) : start].strip()
            if is_first and self.text[start] == "[" and start not in seen and self._is_header(pointer, start):
                seen.add(start)
                yield self.line_start(start), str(pointer[0])

    def _is_header(self, pointer: Pointer, start: int) -> bool:
        line = self.text[start : self.line_end(start)]
        is_inside = any(outer and begin < start < end for outer, (begin, end) in self.values.items())
        return bool(re.match(r"\[\[?[ \t]*[A-Za-z0-9_\"'-]", line)) and not is_inside and bool(pointer)

    def _lead_start(self, start: int) -> int:
        """Return the start of the comments directly above a line."""
        while start:
            above = self.line_start(start - 1)
            if not self.text[above:start].lstrip().startswith("#") or above not in self._comment_lines:
                break
            start = above
        return start

    @property
    def _comment_lines(self) -> set[int]:
        return {self.line_start(start) for start in self.comments}

    def _root(self, end: int, schema: Mapping[str, Any]) -> list[str]:
        """Return the lines above the first header, with top-level keys in the order of the schema."""
        entries = sorted(
            (self.keys[pointer][0], self._entry_end(pointer), str(pointer[0]))
            for pointer in self.keys
            if self.keys[pointer][0] < end and self._is_entry(pointer)
        )
        if not entries:
            return [line.rstrip() for line in self.text[:end].split("\n")]
        first = self.line_start(entries[0][0])
        head = [line.rstrip() for line in self.text[:first].split("\n")[:-1]]
        blocks: list[tuple[str, list[str]]] = []
        last = first
        for _start, stop, name in entries:
            blocks.append((name, self._section(last, self.line_end(stop) + 1)))
            last = self.line_end(stop) + 1
        tail = [line.rstrip() for line in self.text[last:end].split("\n")]
        known = _in_order(dict.fromkeys(name for name, _ in blocks), schema)
        blocks.sort(key=lambda block: known.index(block[0]))
        body = [line for _, lines in blocks for line in lines]
        return [*head, *body, *tail]

    def _is_entry(self, pointer: Pointer) -> bool:
        """Return whether a key begins or continues the key of a line, and has a value there."""
        start = self.values[pointer][0]
        key_end = self.keys[pointer][1]
        line = self.text[self.line_start(self.keys[pointer][0]) : self.keys[pointer][0]]
        return self.text[key_end:start].strip() == "=" and not set(line) & set("=[{,#")

    def _entry_end(self, pointer: Pointer) -> int:
        return self.values[pointer][1]

    def _section(self, start: int, end: int) -> list[str]:
        """Return the lines of a stretch with usual spacing."""
        edits: list[tuple[Stretch, str]] = []
        for pointer, (first, stop) in self.keys.items():
            value = self.values.get(pointer, (0, 0))
            if start <= first < end and self.text[stop : value[0]].strip() == "=":
                edits.append(((stop, value[0]), " = "))
        for place in self.comments:
            line = self.text[self.line_start(place) : place]
            if start <= place < end and line.strip():
                edits.append(((self.line_start(place) + len(line.rstrip()), place), "  "))
        for pointer, (first, stop) in self.values.items():
            if start <= first < end and pointer and self.text[first] in "[{" and self._may_flatten(pointer):
                edits = [edit for edit in edits if not first <= edit[0][0] < stop]
                if not any(at <= first < to for (at, to), _ in edits):
                    edits.append(((first, stop), self._flat(pointer)))
        text = self.text[start:end]
        for (first, stop), new in sorted(edits, reverse=True):
            text = text[: first - start] + new + text[stop - start :]
        lines = text.split("\n")
        return [line.rstrip() if '"""' not in text and "'''" not in text else line for line in lines[:-1]] + (
            [lines[-1].rstrip()] if lines[-1].strip() else []
        )

    def _may_flatten(self, pointer: Pointer) -> bool:
        """Return whether a value is the outermost array or inline table, in one line."""
        start, end = self.values[pointer]
        if "\n" in self.text[start:end] or (isinstance(pointer[-1], int)) or not self._is_entry(pointer):
            return False
        return self.text[start] in "[{"

    def _flat(self, pointer: Pointer) -> str:
        start, end = self.values[pointer]
        data = _at(self.document.data, pointer)
        if isinstance(data, tuple) and self.text[start] == "[":
            return "[" + ", ".join(self._flat((*pointer, place)) for place in range(len(data))) + "]"
        if isinstance(data, Mapping) and self.text[start] == "{":
            pairs = [self._pair((*pointer, key)) for key in data]
            return "{ " + ", ".join(pairs) + " }" if pairs else "{}"
        return self.text[start:end]

    def _pair(self, pointer: Pointer) -> str:
        start, end = self.keys[pointer]
        return f"{self.text[start:end]} = {self._flat(pointer)}"


def _layout_yaml(document: Document, schema: Mapping[str, Any]) -> str:
    try:
        return _YamlLayout(document).layout(schema)
    except EditRefused:  # rare forms keep their layout
        return _BREAK.sub("\n", document.text)


def _layout_toml(document: Document, schema: Mapping[str, Any]) -> str:
    return _TomlLayout(document).layout(schema)


_LAYOUTS: Final = {False: _layout_yaml, True: _layout_toml}
