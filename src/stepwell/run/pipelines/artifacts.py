"""Content-addressed artifact store and content checks of artifact files."""

from __future__ import annotations

import csv
import fnmatch
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, Final, final

from stepwell.run.pipelines.task import Artifact
from stepwell.source.tree import walk
from stepwell.source.wording import counted

__all__ = [
    "FORMATS",
    "Unholdable",
    "check_content",
    "check_kinds",
    "digest_of",
    "has_parquet",
    "hold",
    "place_of",
]


_CHUNK = 1 << 20


@final
class Unholdable(Exception):
    """The files cannot be stored; the message names the file and the reason."""


def place_of(objects: str, digest: str) -> str:
    """Return the path of an artifact in the store."""
    return os.path.join(objects, digest[:2], digest[2:])


def check_kinds(path: str) -> None:
    """Check that a file or folder contains only regular files and links within it, without opening any.

    Raises:
        Unholdable: contains a link to the outside or a special file.
        OSError: cannot be read.
    """
    for name, status in walk(path):
        _check_kind(path, name, status)


def _check_kind(path: str, name: str, status: os.stat_result) -> None:
    full = os.path.join(path, name) if name else path
    if stat.S_ISLNK(status.st_mode):
        if os.path.isabs(os.readlink(full)) or not os.path.realpath(full).startswith(
            f"{os.path.realpath(path)}/"
        ):
            raise Unholdable(f"`{name}` is a link to a path outside the folder")
    elif not stat.S_ISREG(status.st_mode):
        raise Unholdable(f"`{name or os.path.basename(path)}` is neither a file nor a folder")


def digest_of(path: str) -> tuple[str, int, int]:
    """Return the digest, the size in bytes and the number of files of a file or folder.

    The digest covers names, contents and the executable bit, but not times, owners or empty folders.

    Args:
        path: absolute.

    Raises:
        Unholdable: contains a link to the outside or a special file.
        OSError: cannot be read.
    """
    total = hashlib.blake2b(digest_size=20)
    size = files = 0
    for name, status in walk(path):
        _check_kind(path, name, status)
        full = os.path.join(path, name) if name else path
        if stat.S_ISLNK(status.st_mode):
            content = b"link " + os.fsencode(os.readlink(full))
        else:
            kind = b"program " if status.st_mode & stat.S_IXUSR else b"file "
            content = kind + _of_file(full)
            size += status.st_size
        files += 1
        total.update(os.fsencode(name) + b"\0" + content + b"\n")
    return total.hexdigest(), size, files


def hold(objects: str, name: str, path: str, *, move: bool) -> Artifact:
    """Store an output.

    Args:
        move: whether to move the files instead of copying them.

    Raises:
        Unholdable: the files cannot be stored.
        OSError: the files cannot be read or written.
    """
    digest, size, files = digest_of(path)
    place = place_of(objects, digest)
    if not os.path.lexists(place):
        os.makedirs(os.path.dirname(place), exist_ok=True)
        if not move:
            copied = f"{path}.copy"
            _copy(path, copied)
            path = copied
        for relative, status in walk(path):
            if stat.S_ISREG(status.st_mode):  # shared by several steps: protect against changes
                os.chmod(os.path.join(path, relative) if relative else path, status.st_mode & 0o555)
        try:
            os.rename(path, place)
        except OSError:
            if not os.path.lexists(place):  # otherwise another step has stored the same artifact
                raise
    return Artifact(name, digest, size, files)


def _copy(path: str, to: str) -> None:
    if os.path.isdir(path):
        shutil.copytree(path, to, symlinks=True)
    else:
        shutil.copy(path, to)


def _of_file(path: str) -> bytes:
    digest = hashlib.blake2b(digest_size=20)
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
    return digest.digest()


def check_content(path: str, content: Mapping[str, Any]) -> str:
    """Return the first problem of the files at a path, without a full stop; empty if they are valid.

    Files with the suffix ``.csv``, ``.json``, ``.jsonl`` or, if pyarrow is installed, ``.parquet`` are always
    parsed, to detect truncated files.

    Args:
        content: ``files``, ``format``, ``columns``, ``min_rows`` and ``schema`` of the interface.
    """
    form = content.get("format")
    wanted = content.get("files") or f"*{ENDINGS.get(str(form), '')}"
    names = [name for name, _ in walk(path)]
    chosen = [name for name in names if not name or fnmatch.fnmatch(os.path.basename(name), wanted)]
    if content and not chosen:
        existing = f"found {', '.join(names[:3])}" if names else "no files found"
        return f"no file matches `{wanted}`: {existing}"
    rows = 0
    for name in names:
        place = os.path.join(path, name) if name else path
        is_wanted = bool(content) and name in chosen
        file_format = form if is_wanted and form else _FORMAT_OF.get(os.path.splitext(place)[1])
        check = FORMATS.get(file_format or "")
        if check is None:
            continue
        if check is _parquet and not has_parquet():
            return ""  # reported by the plan
        fault, count = check(place, content if is_wanted else MappingProxyType({}))
        if fault:
            return f"{name or os.path.basename(path)}{fault}"
        rows += count if is_wanted else 0
    least = content.get("min_rows", 0)
    if rows < least:
        return f"must have at least {counted(least, 'row')}, got {rows}"
    return ""


def _csv(path: str, content: Mapping[str, Any]) -> tuple[str, int]:
    rows = 0
    columns: Mapping[str, str] = content.get("columns") or {}
    csv.field_size_limit(2**31 - 1)  # fields of any length
    with open(path, newline="", encoding="utf-8-sig") as file:
        table = csv.reader(file, strict=True)
        try:
            header = next(table, None)
            if header is None:
                return (": the file is empty and has no header" if columns else ""), 0
            for name in columns:
                if name not in header:
                    return f":1: missing column `{name}`: columns are {', '.join(header)[:200]}", 0
            checks = [
                (header.index(name), name, kind) for name, kind in columns.items() if kind in _IS_OF_TYPE
            ]
            for row in table:
                if not row:
                    continue
                if len(row) != len(header):
                    return f":{table.line_num}: row has {len(row)} values, header has {len(header)}", rows
                for at, name, kind in checks:
                    if row[at] and not _IS_OF_TYPE[kind](row[at]):
                        return f":{table.line_num}: `{name}` is not {_NOUN[kind]}: {row[at][:40]!r}", rows
                rows += 1
        except csv.Error as error:
            return f":{table.line_num}: {error}", rows
        except UnicodeDecodeError as error:
            return f":{table.line_num + 1}: not valid UTF-8: {error.reason}", rows
    return "", rows


def _json(path: str, content: Mapping[str, Any]) -> tuple[str, int]:
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
    except UnicodeDecodeError as error:
        return f": not valid UTF-8: {error.reason}", 0
    except json.JSONDecodeError as error:
        return f":{error.lineno}:{error.colno}: invalid JSON: {error.msg}", 0
    except RecursionError:
        return ": nested too deeply", 0
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
                    return f":{number}:{error.colno}: invalid JSON: {error.msg}", rows
                fault = _misfit(value, content)
                if fault:
                    return f":{number}: {fault}", rows
                rows += 1
        except UnicodeDecodeError as error:
            return f": not valid UTF-8: {error.reason}", rows
    return "", rows


@cache
def has_parquet() -> bool:
    """Return whether Parquet files can be read and written."""
    return find_spec("pyarrow") is not None


def _parquet(path: str, content: Mapping[str, Any]) -> tuple[str, int]:
    import pyarrow
    from pyarrow import parquet, types

    is_of_type: Mapping[str, Callable[[Any], bool]] = {
        "number": lambda kind: types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind),
        "integer": types.is_integer,
        "boolean": lambda kind: types.is_boolean(kind) or types.is_integer(kind),
    }
    rows = 0
    try:
        with parquet.ParquetFile(path) as file:
            fields = {field.name: field.type for field in file.schema_arrow}
            for name, kind in (content.get("columns") or {}).items():
                if name not in fields:
                    return f": missing column `{name}`: columns are {', '.join(fields)[:200]}", 0
                if kind in is_of_type and not is_of_type[kind](fields[name]):
                    return f": `{name}` is not {_NOUN[kind]}: its type is {fields[name]}", 0
            for batch in file.iter_batches():
                rows += batch.num_rows
    except (pyarrow.ArrowException, OSError) as error:
        return f": invalid Parquet: {str(error).partition(chr(10))[0][:200]}", rows
    return "", rows


def _text(path: str, _: Mapping[str, Any]) -> tuple[str, int]:
    rows = 0
    with open(path, encoding="utf-8") as file:
        try:
            rows = sum(1 for _ in file)
        except UnicodeDecodeError as error:
            return f": not valid UTF-8: {error.reason}", rows
    return "", rows


def _misfit(value: Any, content: Mapping[str, Any]) -> str:
    for name in content.get("columns") or {}:
        if not isinstance(value, dict) or name not in value:
            return f"missing field `{name}`"
    schema = content.get("schema")
    if schema is None:
        return ""
    from stepwell.model.schema_errors import reasons
    from stepwell.model.validator import InvalidSchema

    try:
        faults = reasons(schema, "the content", value)
    except InvalidSchema as error:
        return f"invalid schema: {error}"
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
    {"csv": _csv, "json": _json, "jsonl": _json_lines, "parquet": _parquet, "text": _text}
)
"""Check of each format: returns the problem, as a suffix of the file name, and the number of rows."""

ENDINGS: Final = MappingProxyType({"csv": ".csv", "json": ".json", "jsonl": ".jsonl", "parquet": ".parquet"})
_FORMAT_OF: Final = {ending: form for form, ending in ENDINGS.items()}
_IS_OF_TYPE: Final[Mapping[str, Callable[[str], bool]]] = MappingProxyType(
    {
        "number": _is_number,
        "integer": _is_integer,
        "boolean": lambda text: text.lower() in ("true", "false", "0", "1"),
    }
)
_NOUN: Final = {"number": "a number", "integer": "an integer", "boolean": "true or false"}
