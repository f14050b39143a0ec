"""Index of a project's Python sources: all files with their outlines, and class definitions."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, final

from stepwell.source.python.outline import (
    ClassOutline,
    Outline,
    OutlineDraft,
    ParseFailure,
    SourceFile,
    Stamp,
    recall,
)
from stepwell.source.seal import digest_of

if TYPE_CHECKING:
    from stepwell.source.seal import CachePlace

__all__ = [
    "LEFT_OUT",
    "MAX_BYTES",
    "Defined",
    "ListedSource",
    "Progress",
    "SourceIndex",
    "index_sources",
    "list_sources",
    "read_source",
]


MAX_BYTES: Final = 4 * 1024 * 1024

_MAX_DEPTH: Final = 64
_NOT_LISTED: Final = (0, 0, 0, 0)
LEFT_OUT: Final = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages"})
"""Excluded folders."""
_OPEN_FLAGS: Final = (
    os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)


@final
class ListedSource(NamedTuple):
    """An existing source file.

    Args:
        path: relative to the project, with ``/``.
        real: the same with links resolved.
    """

    path: str
    real: str
    stamp: Stamp


def list_sources(
    root: str, folders: Iterable[str], suffixes: tuple[str, ...] = (".py",)
) -> Iterator[ListedSource]:
    """Yield every Python file in some folders once, in any order.

    Hidden folders, virtual environments and installed files are excluded, and so are links that leave the
    project or lead to a parent folder. A folder that cannot be listed is yielded itself.

    Args:
        root: the project folder, absolute, links resolved.
        folders: relative to ``root``; an empty string is the project.
    """
    seen: set[str] = set()
    for folder in folders:
        real = _inside(root, f"{root}/{folder}" if folder else root)
        if real is None:
            continue
        pending = [(folder, real)]
        while pending:
            here, real_here = pending.pop()
            if here in seen or here.count("/") > _MAX_DEPTH:
                continue
            seen.add(here)
            yield from _scan(root, here, real_here, suffixes, pending)


def _scan(
    root: str, here: str, real_here: str, suffixes: tuple[str, ...], pending: list[tuple[str, str]]
) -> Iterator[ListedSource]:
    folders: list[tuple[str, str]] = []
    files: list[ListedSource] = []
    try:
        with os.scandir(f"{root}/{here}") as entries:
            for entry in entries:
                name = entry.name
                if name == "pyvenv.cfg":
                    return
                if name[0] == ".":
                    continue
                path = f"{here}/{name}" if here else name
                real = f"{real_here}/{name}" if real_here else name
                if entry.is_symlink():
                    target = _inside(root, entry.path)
                    if target is None or f"{real_here}/".startswith(f"{target}/" if target else ""):
                        continue
                    real = target
                if name.endswith(suffixes):
                    status = entry.stat()
                    if stat.S_ISREG(status.st_mode):
                        files.append(ListedSource(path, real, _stamp(status)))
                elif name not in LEFT_OUT and entry.is_dir():
                    folders.append((path, real))
    except FileNotFoundError:  # it vanished: there is nothing in it for us
        return
    except OSError:  # reading it as a file reports the reason
        yield ListedSource(here or ".", real_here or ".", _NOT_LISTED)
        return
    pending += folders
    yield from files


def read_source(root: str, path: str) -> tuple[bytes | ParseFailure, Stamp | None]:
    """Return the bytes of a file or the failure, and its stamp if the file did not change during the read.

    Args:
        path: relative to ``root``.
    """
    try:
        # Not blocking: a named pipe that took the file's place after it was listed must not hang us.
        handle = os.open(f"{root}/{path}", _OPEN_FLAGS)
    except (OSError, ValueError) as error:
        return _unreadable(error), None
    try:
        before = os.fstat(handle)
        if not stat.S_ISREG(before.st_mode):
            return ParseFailure("not a regular file", 1, 1), None
        if before.st_size > MAX_BYTES:
            return ParseFailure(f"larger than {MAX_BYTES // 1024} KiB", 1, 1), _stamp(before)
        content = b""
        while len(content) <= before.st_size and (more := os.read(handle, before.st_size + 1)):
            content += more
        after = os.fstat(handle)
    except OSError as error:
        return _unreadable(error), None
    finally:
        os.close(handle)
    same = _stamp(before) == _stamp(after) and len(content) == before.st_size
    return content, _stamp(before) if same else None


def _unreadable(error: OSError | ValueError) -> ParseFailure:
    reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    return ParseFailure(f"cannot read the file: {reason.lower()}", 1, 1)


def _inside(root: str, path: str) -> str | None:
    """Return a path relative to the project with links resolved; ``None`` if it leaves the project or is
    broken.
    """
    real = os.path.realpath(path)
    if real == root:
        return ""
    if not real.startswith(root.rstrip(os.sep) + os.sep) or not os.path.exists(real):
        return None
    return real[len(root.rstrip(os.sep)) + 1 :].replace(os.sep, "/")


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns


Progress = Callable[[int, int], None]
"""Progress callback with the numbers of parsed files and of all files."""


@final
class Defined(NamedTuple):
    """A class and the file that defines it."""

    file: SourceFile
    outline: ClassOutline


@final
class SourceIndex:
    """Python sources of a project at one point in time.

    Args:
        root: the project folder, absolute, links resolved.
        folders: the indexed folders, relative to ``root``.
        files: all files by path, sorted.
    """

    __slots__ = ("classes", "files", "folders", "parsed", "root")

    root: str
    folders: tuple[str, ...]
    files: Mapping[str, SourceFile]
    parsed: int
    classes: Mapping[str, tuple[Defined, ...]]

    def __init__(
        self, root: str, folders: tuple[str, ...], files: Mapping[str, SourceFile], parsed: int
    ) -> None:
        classes: dict[str, list[Defined]] = {}
        ordered = dict(sorted(files.items()))
        for file in ordered.values():
            for item in file.outline.classes if file.outline is not None else ():
                classes.setdefault(item.name, []).append(Defined(file, item))
        self.root = root
        self.folders = folders
        self.files = MappingProxyType(ordered)
        self.parsed = parsed
        self.classes = MappingProxyType({name: tuple(places) for name, places in classes.items()})

    def refresh(self, changed: Iterable[str]) -> SourceIndex:
        """Return the index after some files or folders changed.

        Args:
            changed: paths relative to the project, with ``/``.
        """
        touched = tuple(dict.fromkeys(path.rstrip("/") for path in changed))

        def concerned(path: str) -> bool:
            return any(path == item or path.startswith(f"{item}/") for item in touched)

        if not any(concerned(path) for path in self.files) and not any(
            f"{item}/".startswith(f"{folder}/") or f"{folder}/".startswith(f"{item}/")
            for item in touched
            for folder in self.folders
        ):
            return self
        kept = {path: file for path, file in self.files.items() if not concerned(path)}
        known = {path: file for path, file in self.files.items() if concerned(path)}
        listed = [source for source in list_sources(self.root, self.folders) if concerned(source.path)]
        fresh, parsed = _outline_all(self.root, listed, known.get, None)
        return SourceIndex(self.root, self.folders, {**kept, **fresh}, parsed)


def index_sources(
    root: str, folders: Iterable[str], cache: CachePlace | None = None, progress: Progress | None = None
) -> SourceIndex:
    """Index all Python files in some folders without running them.

    Args:
        root: the project folder, absolute, links resolved.
        folders: relative to ``root``.
        cache: where outlines are stored between processes; ``None`` disables that.
    """
    wanted = tuple(dict.fromkeys(folders))
    listed = list(list_sources(root, wanted))
    if cache is None:
        files, parsed = _outline_all(root, listed, lambda _: None, progress)
        return SourceIndex(root, wanted, files, parsed)
    stored = recall(cache, root)

    def is_known(item: ListedSource) -> bool:
        return not cache.verify and item.path in stored and stored[item.path].stamp == item.stamp

    if all(map(is_known, listed)):
        return SourceIndex(root, wanted, {item.path: stored[item.path] for item in listed}, 0)
    draft = OutlineDraft(cache, root)
    try:
        files, parsed = _outline_all(root, listed, stored.get, progress, by_content=cache.verify)
        draft.commit(files.values())
    finally:
        draft.discard()
    return SourceIndex(root, wanted, files, parsed)


def _outline_all(
    root: str,
    listed: list[ListedSource],
    known: Callable[[str], SourceFile | None],
    progress: Progress | None,
    *,
    by_content: bool = False,
) -> tuple[dict[str, SourceFile], int]:
    """Return the listed files, and how many of them were parsed because their content is unknown.

    Args:
        by_content: read all files; otherwise a file with a known stamp is not read.
    """
    files: dict[str, SourceFile] = {}
    pending: list[ListedSource] = []
    for item in listed:
        same = known(item.path)
        if same is not None and same.stamp == item.stamp and not by_content:
            files[item.path] = same._replace(real=item.real)
        else:
            pending.append(item)
    if not pending:
        return files, 0
    from stepwell.source.python.outliner import outline_of

    parsed = 0
    for done, item in enumerate(pending):
        if progress is not None and done % 64 == 0:
            progress(done, len(pending))
        content, stamp = read_source(root, item.path)
        digest, same = _digest(content), known(item.path)
        if same is not None and digest and digest == same.digest:
            files[item.path] = same._replace(real=item.real, stamp=stamp)
            continue
        parsed += 1
        outline = content if isinstance(content, ParseFailure) else outline_of(content)
        files[item.path] = _file(item.path, item.real, stamp, outline, digest)
    return files, parsed


def _digest(content: bytes | ParseFailure) -> bytes:
    return b"" if isinstance(content, ParseFailure) else digest_of(content)


def _file(
    path: str, real: str, stamp: Stamp | None, outline: Outline | ParseFailure, digest: bytes
) -> SourceFile:
    if isinstance(outline, ParseFailure):
        return SourceFile(path, real, stamp, None, outline, digest)
    return SourceFile(path, real, stamp, outline, None, digest)
