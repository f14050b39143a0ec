"""Whether the files of an input or output are what the interface says of them."""

from __future__ import annotations

import csv
import fnmatch
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, final

from stepwell.run.pipelines.task import Artifact
from stepwell.source.wording import counted

__all__ = [
    "FORMATS",
    "Unholdable",
    "check_content",
    "digest_of",
    "hold",
    "place_of",
    "walk",
]


_PIECE = 1 << 20


@final
class Unholdable(Exception):
    """Files that cannot be kept; the message says which and why."""


def place_of(objects: str, digest: str) -> str:
    """Where something with this digest is kept, or would be."""
    return os.path.join(objects, digest[:2], digest[2:])


def walk(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Every file and link of a folder by its path in it, sorted; of a file the file itself, by no path.

    Args:
        path: absolute.
    """
    said = os.lstat(path)
    if not stat.S_ISDIR(said.st_mode):
        yield "", said
        return
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with os.scandir(os.path.join(path, folder)) as entries:
            every = sorted(entries, key=lambda one: one.name)
        below = []
        for one in every:
            relative = f"{folder}/{one.name}" if folder else one.name
            if one.is_dir(follow_symlinks=False):
                below.append(relative)
            else:
                yield relative, one.stat(follow_symlinks=False)
        waiting += reversed(below)


def digest_of(path: str) -> tuple[str, int, int]:
    """The digest of a file or folder, its bytes and its number of files.

    Names, contents and the permission to execute count; times and owners do not, and no empty folders.

    Args:
        path: absolute.

    Raises:
        Unholdable: it holds a link that leads out of it, or what is neither file nor folder.
        OSError: it cannot be read.
    """
    total = hashlib.blake2b(digest_size=20)
    size = files = 0
    top = os.path.realpath(path)
    for name, said in walk(path):
        full = os.path.join(path, name) if name else path
        if stat.S_ISLNK(said.st_mode):
            leads = os.readlink(full)
            if os.path.isabs(leads) or not os.path.realpath(full).startswith(f"{top}/"):
                raise Unholdable(f"`{name}` is a link that leads out of it")
            content = b"link " + os.fsencode(leads)
        elif stat.S_ISREG(said.st_mode):
            kind = b"program " if said.st_mode & stat.S_IXUSR else b"file "
            content = kind + _of_file(full)
            size += said.st_size
        else:
            raise Unholdable(f"`{name or os.path.basename(path)}` is neither a file nor a folder")
        files += 1
        total.update(os.fsencode(name) + b"\0" + content + b"\n")
    return total.hexdigest(), size, files


def hold(objects: str, name: str, path: str, *, move: bool) -> Artifact:
    """Keep an output.

    Args:
        move: whether it may be taken away from its place; otherwise it is copied.

    Raises:
        Unholdable: it holds what cannot be kept.
        OSError: it cannot be read or written.
    """
    digest, size, files = digest_of(path)
    place = place_of(objects, digest)
    if not os.path.lexists(place):
        os.makedirs(os.path.dirname(place), exist_ok=True)
        if not move:
            copied = f"{path}.copy"
            _copy(path, copied)
            path = copied
        for one, said in walk(path):
            if stat.S_ISREG(said.st_mode):  # several steps read it: none may change it by mistake
                os.chmod(os.path.join(path, one) if one else path, stat.S_IMODE(said.st_mode) & 0o555)
        try:
            os.rename(path, place)
        except OSError:
            if not os.path.lexists(place):  # otherwise another step gave the same meanwhile
                raise
    return Artifact(name, digest, size, files)


def _copy(path: str, to: str) -> None:
    if os.path.isdir(path):
        shutil.copytree(path, to, symlinks=True)
    else:
        shutil.copy(path, to)


def _of_file(path: str) -> bytes:
    found = hashlib.blake2b(digest_size=20)
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    return found.digest()


def check_content(path: str, content: Mapping[str, Any]) -> str:
    """What is wrong with the files at a path, in a sentence without a full stop; empty when nothing is.

    A file that ends in ``.csv``, ``.json`` or ``.jsonl`` is read in any case, so that half a file is seen.

    Args:
        content: ``files``, ``format``, ``columns``, ``min_rows`` and ``schema``, as the interface's schema
            describes them; empty for nothing in particular.
    """
    form = content.get("format")
    wanted = content.get("files") or f"*{ENDINGS.get(str(form), '')}"
    names = [name for name, _ in walk(path)]
    chosen = [name for name in names if not name or fnmatch.fnmatch(os.path.basename(name), wanted)]
    if content and not chosen:
        there = f"there is {', '.join(names[:3])}" if names else "there is nothing"
        return f"no file is called `{wanted}`: {there}"
    rows = 0
    for name in names:
        place = os.path.join(path, name) if name else path
        is_wanted = bool(content) and name in chosen
        found = form if is_wanted and form else _FORMAT_OF.get(os.path.splitext(place)[1])
        reads = FORMATS.get(found or "")
        if reads is None:
            continue
        fault, count = reads(place, content if is_wanted else MappingProxyType({}))
        if fault:
            return f"{name or os.path.basename(path)}{fault}"
        rows += count if is_wanted else 0
    least = content.get("min_rows", 0)
    if rows < least:
        return f"it has {counted(rows, 'row')}, and must have at least {least}"
    return ""


def _csv(path: str, content: Mapping[str, Any]) -> tuple[str, int]:
    rows = 0
    columns: Mapping[str, str] = content.get("columns") or {}
    csv.field_size_limit(2**31 - 1)  # a text may be as long as it likes
    with open(path, newline="", encoding="utf-8-sig") as file:
        table = csv.reader(file, strict=True)
        try:
            header = next(table, None)
            if header is None:
                return (": it is empty and has no header" if columns else ""), 0
            for name in columns:
                if name not in header:
                    return f":1: there is no column `{name}`: there are {', '.join(header)[:200]}", 0
            checks = [
                (header.index(name), name, kind) for name, kind in columns.items() if kind in _IS_OF_TYPE
            ]
            for row in table:
                if not row:
                    continue
                if len(row) != len(header):
                    return f":{table.line_num}: {len(row)} values, and the header has {len(header)}", rows
                for at, name, kind in checks:
                    if row[at] and not _IS_OF_TYPE[kind](row[at]):
                        return f":{table.line_num}: `{name}` is no {_WORD[kind]}: {row[at][:40]!r}", rows
                rows += 1
        except csv.Error as error:
            return f":{table.line_num}: {error}", rows
        except UnicodeDecodeError as error:
            return f":{table.line_num + 1}: it is not UTF-8: {error.reason}", rows
    return "", rows


def _json(path: str, content: Mapping[str, Any]) -> tuple[str, int]:
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
    except UnicodeDecodeError as error:
        return f": it is not UTF-8: {error.reason}", 0
    except json.JSONDecodeError as error:
        return f":{error.lineno}:{error.colno}: it is no JSON: {error.msg}", 0
    except RecursionError:
        return ": it is nested too deeply", 0
    fault = _misfit(value, content)
    return (f": {fault}" if fault else ""), len(value) if isinstance(value, list) else 1


def _json_lines(path: str, content: Mapping[str, Any]) -> tuple[str, int]:
    rows = 0
    with open(path, encoding="utf-8") as file:
        try:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    value = json.loads(line)
                except json.JSONDecodeError as error:
                    return f":{number}:{error.colno}: it is no JSON: {error.msg}", rows
                fault = _misfit(value, content)
                if fault:
                    return f":{number}: {fault}", rows
                rows += 1
        except UnicodeDecodeError as error:
            return f": it is not UTF-8: {error.reason}", rows
    return "", rows


def _text(path: str, _: Mapping[str, Any]) -> tuple[str, int]:
    rows = 0
    with open(path, encoding="utf-8") as file:
        try:
            rows = sum(1 for _ in file)
        except UnicodeDecodeError as error:
            return f": it is not UTF-8: {error.reason}", rows
    return "", rows


def _misfit(value: Any, content: Mapping[str, Any]) -> str:
    for name in content.get("columns") or {}:
        if not isinstance(value, dict) or name not in value:
            return f"there is no field `{name}`"
    schema = content.get("schema")
    if schema is None:
        return ""
    from stepwell.model.schema_errors import reasons
    from stepwell.model.validator import InvalidSchema

    try:
        faults = reasons(schema, "the content", value)
    except InvalidSchema as error:
        return f"its schema cannot be used: {error}"
    return faults[0] if faults else ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_integer(text: str) -> bool:
    try:
        int(text)
    except ValueError:
        return False
    return True


FORMATS: Final[Mapping[str, Callable[[str, Mapping[str, Any]], tuple[str, int]]]] = MappingProxyType(
    {"csv": _csv, "json": _json, "jsonl": _json_lines, "text": _text}
)
"""How each format is read: what is wrong with a file, to be read after its name, and how many rows it has."""

ENDINGS: Final = MappingProxyType({"csv": ".csv", "json": ".json", "jsonl": ".jsonl"})
_FORMAT_OF: Final = {ending: form for form, ending in ENDINGS.items()}
_IS_OF_TYPE: Final[Mapping[str, Callable[[str], bool]]] = MappingProxyType(
    {
        "number": _is_number,
        "integer": _is_integer,
        "boolean": lambda text: text.lower() in ("true", "false", "0", "1"),
    }
)
_WORD: Final = {"number": "number", "integer": "whole number", "boolean": "true or false"}
