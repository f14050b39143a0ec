"""``file_ops``: file operations confined to the workflow's folder."""

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
"""Maximum number of files of one step."""


def operate(parameters: Mapping[str, Any], context: RunContext) -> Any:
    """Run one file operation; paths in the answer are relative to the folder."""
    flow = Scope.of(context.values)
    if context.folder is None:
        raise StepFailed(flow.path, "the step has no folder")
    try:
        result = OPERATIONS[parameters["operation"]](os.path.realpath(context.folder), parameters)
    except (PathEscape, FileFault) as error:
        raise StepFailed(flow.path, str(error)) from None
    except OSError as error:
        raise StepFailed(flow.path, f"{error.strerror or error}".lower()) from None
    return {"operation": parameters["operation"], **result}


class FileFault(ValueError):
    """A file operation is not possible; the message explains why."""


def _copy(folder: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    done = []
    for source, target in _pairs(folder, parameters):
        if os.path.isdir(source):
            _reject_links(folder, source)
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
    wanted += [entry if isinstance(entry, str) else entry["path"] for entry in parameters.get("files", ())]
    if not wanted:
        raise FileFault("`path` or `files` is required")
    done = []
    for target in _expanded(folder, wanted):
        if target == folder:
            raise FileFault("the folder itself cannot be deleted")
        if os.path.isdir(target) and not os.path.islink(target):
            shutil.rmtree(target)
        else:
            os.unlink(target)
        done.append(_shown(folder, target))
    return {"files": done, "count": len(done)}


def _validate(folder: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    results = []
    for entry in parameters.get("files", ()):
        check = {"path": entry} if isinstance(entry, str) else entry
        fault = next(_faults(inside(folder, check["path"]), check), "")
        results.append({"path": check["path"], "valid": not fault, "fault": fault})
    failed = [f"`{result['path']}` {result['fault']}" for result in results if result["fault"]]
    if failed:
        raise FileFault("; ".join(failed))
    return {"results": results, "count": len(results)}


def _faults(path: str, check: Mapping[str, Any]) -> Iterator[str]:
    if not os.path.lexists(path):
        if check.get("must_exist", True):
            yield "does not exist"
        return
    if check.get("must_be_dir") and not os.path.isdir(path):
        yield "is not a folder"
    if check.get("must_be_file") and not os.path.isfile(path):
        yield "is not a file"
    size = os.path.getsize(path)
    if size < check.get("min_size", 0):
        yield f"must have at least {check['min_size']} bytes, got {size}"
    if size > check.get("max_size", size):
        yield f"must have at most {check['max_size']} bytes, got {size}"


def _list(folder: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    start = inside(folder, parameters.get("path", "."))
    if not os.path.isdir(start):
        raise FileFault(f"`{parameters.get('path', '.')}` is not a folder")
    pattern = parameters.get("pattern", "*")
    _reject_outside(pattern)
    recursive = parameters.get("recursive", False)
    search = os.path.join(glob.escape(start), "**" if recursive and "**" not in pattern else "", pattern)
    files = sorted(
        {_shown(folder, path) for path in glob.iglob(search, recursive=True) if _is_inside(folder, path)}
    )
    if len(files) > _MOST:
        raise FileFault(f"must match at most {_MOST} files, got {len(files)}")
    return {"path": parameters.get("path", "."), "files": files, "count": len(files)}


def _convert(folder: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    for key in ("source", "destination", "format"):
        if not isinstance(parameters.get(key), str):
            raise FileFault(f"`{key}` is required")
    read, write = CONVERSIONS[parameters["format"]]
    text = write(read(parameters["source"], read_inside(folder, parameters["source"])))
    target = _free(folder, parameters["destination"], parameters)
    from pathlib import Path

    write_atomically(Path(target), text)
    return {"files": [_shown(folder, target)], "count": 1}


def _process(folder: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    source = parameters.get("source")
    if not isinstance(source, str):
        raise FileFault("`source` is required")
    change = PROCESSORS[parameters.get("processor", "identity")]
    text = "".join(change(line, parameters) for line in read_inside(folder, source).splitlines(keepends=True))
    target = _free(folder, parameters.get("destination", f"{source}.processed"), parameters)
    from pathlib import Path

    write_atomically(Path(target), text)
    return {"files": [_shown(folder, target)], "count": 1, "processed_path": _shown(folder, target)}


PROCESSORS: Final[Mapping[str, Callable[[str, Mapping[str, Any]], str]]] = MappingProxyType(
    {
        "identity": lambda line, _: line,
        "uppercase": lambda line, _: line.upper(),
        "lowercase": lambda line, _: line.lower(),
        "trim": lambda line, _: f"{line.strip()}\n",
        "replace": lambda line, parameters: (
            line.replace(parameters["pattern"], parameters.get("replacement", ""))
            if parameters.get("pattern")
            else line
        ),
    }
)
"""Changes of one line by name."""

OPERATIONS: Final[Mapping[str, Callable[[str, Mapping[str, Any]], dict[str, Any]]]] = MappingProxyType(
    {
        "copy": _copy,
        "move": _move,
        "delete": _delete,
        "validate": _validate,
        "list": _list,
        "convert": _convert,
        "stream_copy": _copy,
        "stream_process": _process,
    }
)
"""File operations by name."""


def _from_csv(_: str, text: str) -> Any:
    return list(csv.DictReader(io.StringIO(text)))


def _from_json(path: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise FileFault(f"`{path}` is not valid JSON: {error}") from None


def _from_yaml(path: str, text: str) -> Any:
    read = read_text(path if path.endswith((".yaml", ".yml")) else f"{path}.yaml", text.encode())
    if isinstance(read, Diagnostic):
        raise FileFault(f"cannot read `{path}`: {read.message}")
    return thaw(read.data)


def _to_csv(data: Any) -> str:
    rows = data if isinstance(data, list) else [data]
    if not all(isinstance(row, dict) for row in rows):
        raise FileFault("only a list of mappings can be written as CSV")
    output = io.StringIO()
    fields = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(output, fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return output.getvalue()


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
"""Reader and writer of each conversion."""


def _pairs(folder: str, parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return sources and targets to copy or move, after validating all of them."""
    source_names = parameters.get("source")
    destination = parameters.get("destination")
    if source_names is None or destination is None:
        raise FileFault("`source` and `destination` are required")
    sources = _expanded(folder, [source_names] if isinstance(source_names, str) else list(source_names))
    into = destination.endswith("/") or len(sources) > 1 or os.path.isdir(inside(folder, destination))
    pairs = []
    for source in sources:
        target = f"{destination.rstrip('/')}/{os.path.basename(source)}" if into else destination
        pairs.append((source, _free(folder, target, parameters)))
    targets = [target for _, target in pairs]
    if len(set(targets)) != len(targets):
        raise FileFault("several files would have the same name")
    for source, target in pairs:
        if f"{target}/".startswith(f"{source}/"):
            raise FileFault(f"`{_shown(folder, source)}` cannot be copied or moved into itself")
        os.makedirs(os.path.dirname(target), exist_ok=True)
    return pairs


def _free(folder: str, path: str, parameters: Mapping[str, Any]) -> str:
    """Return a target path that may be written."""
    target = inside(folder, path)
    if os.path.lexists(target) and not (parameters.get("overwrite") and os.path.isfile(target)):
        raise FileFault(f"`{path}` already exists; set `overwrite: true` to replace a file")
    return target


def _expanded(folder: str, wanted: Iterable[str]) -> list[str]:
    """Return the absolute paths of files that match paths and patterns."""
    paths: dict[str, None] = {}
    for pattern in wanted:
        _reject_outside(pattern)
        if not glob.has_magic(pattern):
            path = _with_link(folder, pattern)
            if not os.path.lexists(path):
                raise FileFault(f"`{pattern}` does not exist")
            paths[path] = None
            continue
        matches = glob.glob(os.path.join(glob.escape(folder), pattern), recursive=True)
        paths.update(dict.fromkeys(path for path in sorted(matches) if _is_inside(folder, path)))
    if len(paths) > _MOST:
        raise FileFault(f"must match at most {_MOST} files, got {len(paths)}")
    return list(paths)


def _with_link(folder: str, path: str) -> str:
    """Return a path inside the folder without resolving its last part."""
    inside(folder, path)
    head, tail = os.path.split(path.rstrip("/"))
    if tail in ("", ".", ".."):
        return inside(folder, path)
    return os.path.join(inside(folder, head) if head else folder, tail)


def _reject_outside(pattern: str) -> None:
    inside("/", pattern)  # rejects absolute paths and `..`


def _reject_links(folder: str, source: str) -> None:
    for root, folders, files in os.walk(source):
        for name in (*folders, *files):
            if not _is_inside(folder, os.path.join(root, name)):
                raise FileFault(
                    f"`{_shown(folder, os.path.join(root, name))}` is a link to a path outside the folder"
                )


def _is_inside(folder: str, path: str) -> bool:
    return os.path.realpath(path).startswith(folder.rstrip(os.sep) + os.sep)


def _shown(folder: str, path: str) -> str:
    return os.path.relpath(path, folder).replace(os.sep, "/")
