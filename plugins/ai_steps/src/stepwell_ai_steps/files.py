"""``file_ops``: files inside the workflow's folder, and nowhere else, whatever links and dots say."""

from __future__ import annotations

import csv
import glob
import io
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from stepwell import Diagnostic, RunContext
from stepwell.run.workflows import PathEscape, Scope, StepFailed, inside, read_inside
from stepwell.source.atomic_write import write_atomically
from stepwell.source.document import thaw
from stepwell.source.read import read_text
from stepwell.source.yaml_writer import to_yaml

__all__ = ["OPERATIONS", "operate"]

_MOST: Final = 10_000
"""The most files that one step may touch."""


def operate(parameters: Mapping[str, Any], context: RunContext) -> Any:
    """Do one thing with files; paths in the answer are relative to the folder."""
    flow = Scope.of(context.values)
    if context.folder is None:
        raise StepFailed(flow.path, "it has no folder to work in")
    try:
        told = OPERATIONS[parameters["operation"]](os.path.realpath(context.folder), parameters)
    except (PathEscape, FileFault) as error:
        raise StepFailed(flow.path, str(error)) from None
    except OSError as error:
        raise StepFailed(flow.path, f"{error.strerror or error}".lower()) from None
    return {"operation": parameters["operation"], **told}


class FileFault(ValueError):
    """Something about files that cannot be done, in one sentence."""


def _copy(folder: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    done = []
    for source, target in _pairs(folder, parameters):
        if os.path.isdir(source):
            _refuse_links(folder, source)
            shutil.copytree(source, target, symlinks=False)
        else:
            shutil.copyfile(source, target)
        done.append(_shown(folder, target))
    return {"files": done, "count": len(done)}


def _move(folder: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    done = []
    for source, target in _pairs(folder, parameters):
        os.replace(source, target)
        done.append(_shown(folder, target))
    return {"files": done, "count": len(done)}


def _delete(folder: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    wanted = [parameters["path"]] if "path" in parameters else []
    wanted += [one if isinstance(one, str) else one["path"] for one in parameters.get("files", ())]
    if not wanted:
        raise FileFault("`path` or `files` must say what is deleted")
    done = []
    for found in _expanded(folder, wanted):
        if found == folder:
            raise FileFault("the folder itself is not deleted")
        if os.path.isdir(found) and not os.path.islink(found):
            shutil.rmtree(found)
        else:
            os.unlink(found)
        done.append(_shown(folder, found))
    return {"files": done, "count": len(done)}


def _validate(folder: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    results = []
    for one in parameters.get("files", ()):
        asked = {"path": one} if isinstance(one, str) else one
        fault = next(_faults(inside(folder, asked["path"]), asked), "")
        results.append({"path": asked["path"], "valid": not fault, "fault": fault})
    failed = [f"`{one['path']}` {one['fault']}" for one in results if one["fault"]]
    if failed:
        raise FileFault("; ".join(failed))
    return {"results": results, "count": len(results)}


def _faults(path: str, asked: Mapping[str, Any]) -> Iterator[str]:
    if not os.path.lexists(path):
        if asked.get("must_exist", True):
            yield "does not exist"
        return
    if asked.get("must_be_dir") and not os.path.isdir(path):
        yield "is no folder"
    if asked.get("must_be_file") and not os.path.isfile(path):
        yield "is no file"
    size = os.path.getsize(path)
    if size < asked.get("min_size", 0):
        yield f"has {size} bytes, less than {asked['min_size']}"
    if size > asked.get("max_size", size):
        yield f"has {size} bytes, more than {asked['max_size']}"


def _list(folder: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    start = inside(folder, parameters.get("path", "."))
    if not os.path.isdir(start):
        raise FileFault(f"`{parameters.get('path', '.')}` is no folder")
    pattern = parameters.get("pattern", "*")
    _refuse_way_out(pattern)
    recursive = parameters.get("recursive", False)
    way = os.path.join(glob.escape(start), "**" if recursive and "**" not in pattern else "", pattern)
    files = sorted(
        {_shown(folder, one) for one in glob.iglob(way, recursive=True) if _is_inside(folder, one)}
    )
    if len(files) > _MOST:
        raise FileFault(f"there are more than {_MOST} files")
    return {"path": parameters.get("path", "."), "files": files, "count": len(files)}


def _convert(folder: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    for key in ("source", "destination", "format"):
        if not isinstance(parameters.get(key), str):
            raise FileFault(f"`{key}` must be said")
    read, write = CONVERSIONS[parameters["format"]]
    text = write(read(parameters["source"], read_inside(folder, parameters["source"])))
    target = _free(folder, parameters["destination"], parameters)
    from pathlib import Path

    write_atomically(Path(target), text)
    return {"files": [_shown(folder, target)], "count": 1}


OPERATIONS: Final[Mapping[str, Callable[[str, Mapping[str, Any]], dict[str, Any]]]] = MappingProxyType(
    {
        "copy": _copy,
        "move": _move,
        "delete": _delete,
        "validate": _validate,
        "list": _list,
        "convert": _convert,
    }
)
"""What can be done with files, by the name that a workflow gives it."""


def _from_csv(_: str, text: str) -> Any:
    return list(csv.DictReader(io.StringIO(text)))


def _from_json(path: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise FileFault(f"`{path}` is no JSON: {error}") from None


def _from_yaml(path: str, text: str) -> Any:
    read = read_text(path if path.endswith((".yaml", ".yml")) else f"{path}.yaml", text.encode())
    if isinstance(read, Diagnostic):
        raise FileFault(f"`{path}` cannot be read: {read.message}")
    return thaw(read.data)


def _to_csv(data: Any) -> str:
    rows = data if isinstance(data, list) else [data]
    if not all(isinstance(row, dict) for row in rows):
        raise FileFault("only a list of mappings can be written as CSV")
    told = io.StringIO()
    fields = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(told, fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return told.getvalue()


def _to_json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"


CONVERSIONS: Final[Mapping[str, tuple[Callable[[str, str], Any], Callable[[Any], str]]]] = MappingProxyType(
    {
        "csv_to_json": (_from_csv, _to_json),
        "json_to_csv": (_from_json, _to_csv),
        "yaml_to_json": (_from_yaml, _to_json),
        "json_to_yaml": (_from_json, to_yaml),
    }
)
"""How a form is read and another written."""


def _pairs(folder: str, parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is copied or moved, and where to; nothing is touched before all of it is known to be right."""
    stated = parameters.get("source")
    destination = parameters.get("destination")
    if stated is None or destination is None:
        raise FileFault("`source` and `destination` must be said")
    sources = _expanded(folder, [stated] if isinstance(stated, str) else list(stated))
    into = destination.endswith("/") or len(sources) > 1 or os.path.isdir(inside(folder, destination))
    pairs = []
    for source in sources:
        target = f"{destination.rstrip('/')}/{os.path.basename(source)}" if into else destination
        pairs.append((source, _free(folder, target, parameters)))
    targets = [target for _, target in pairs]
    if len(set(targets)) != len(targets):
        raise FileFault("two of the files would have the same name")
    for source, target in pairs:
        if f"{target}/".startswith(f"{source}/"):
            raise FileFault(f"`{_shown(folder, source)}` cannot be put into itself")
        os.makedirs(os.path.dirname(target), exist_ok=True)
    return pairs


def _free(folder: str, path: str, parameters: Mapping[str, Any]) -> str:
    """A place that may be written to."""
    target = inside(folder, path)
    if os.path.lexists(target) and not (parameters.get("overwrite") and os.path.isfile(target)):
        raise FileFault(f"`{path}` is there already; say `overwrite: true` to replace a file")
    return target


def _expanded(folder: str, wanted: Iterable[str]) -> list[str]:
    """The files that paths and patterns stand for, absolute."""
    found: dict[str, None] = {}
    for one in wanted:
        _refuse_way_out(one)
        if not glob.has_magic(one):
            path = _with_link(folder, one)
            if not os.path.lexists(path):
                raise FileFault(f"`{one}` does not exist")
            found[path] = None
            continue
        matches = glob.glob(os.path.join(glob.escape(folder), one), recursive=True)
        found.update(dict.fromkeys(path for path in sorted(matches) if _is_inside(folder, path)))
    if len(found) > _MOST:
        raise FileFault(f"there are more than {_MOST} files")
    return list(found)


def _with_link(folder: str, path: str) -> str:
    """A path inside the folder, its last part as it is, be it a link."""
    inside(folder, path)
    head, tail = os.path.split(path.rstrip("/"))
    if tail in ("", ".", ".."):
        return inside(folder, path)
    return os.path.join(inside(folder, head) if head else folder, tail)


def _refuse_way_out(pattern: str) -> None:
    inside("/", pattern)  # says by itself whether it is absolute or goes up


def _refuse_links(folder: str, source: str) -> None:
    for root, folders, files in os.walk(source):
        for name in (*folders, *files):
            if not _is_inside(folder, os.path.join(root, name)):
                raise FileFault(
                    f"`{_shown(folder, os.path.join(root, name))}` is a link that leads out of the folder"
                )


def _is_inside(folder: str, path: str) -> bool:
    return os.path.realpath(path).startswith(folder.rstrip(os.sep) + os.sep)


def _shown(folder: str, path: str) -> str:
    return os.path.relpath(path, folder).replace(os.sep, "/")
