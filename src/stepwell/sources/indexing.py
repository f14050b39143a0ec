"""The index of a project's Python sources: every file with its outline, and who defines a class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple, final

from stepwell.sources.listing import ListedSource, list_sources, read_source
from stepwell.sources.outline import ClassOutline, Failure, Outline, SourceFile, Stamp

__all__ = ["Defined", "Progress", "SourceIndex", "index_sources"]

Progress = Callable[[int, int], None]
"""Called while files are parsed, with how many are done and how many there are."""


@final
class Defined(NamedTuple):
    """One class where it is defined."""

    file: SourceFile
    outline: ClassOutline


@final
class SourceIndex:
    """The Python sources of a project at one instant.

    Args:
        root: the project's folder, absolute, links resolved.
        folders: which folders are indexed, relative to it.
        files: every file by path, sorted.
        parsed: how many of them were parsed for this index.
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
            for one in file.outline.classes if file.outline is not None else ():
                classes.setdefault(one.name, []).append(Defined(file, one))
        self.root = root
        self.folders = folders
        self.files = MappingProxyType(ordered)
        self.parsed = parsed
        self.classes = MappingProxyType({name: tuple(places) for name, places in classes.items()})

    def refresh(self, changed: Iterable[str]) -> SourceIndex:
        """The index after some files or folders changed, appeared or went.

        Args:
            changed: their paths, relative to the project, with ``/``.
        """
        touched = tuple(dict.fromkeys(path.rstrip("/") for path in changed))

        def concerned(path: str) -> bool:
            return any(path == one or path.startswith(f"{one}/") for one in touched)

        if not any(concerned(path) for path in self.files) and not any(
            f"{one}/".startswith(f"{folder}/") or f"{folder}/".startswith(f"{one}/")
            for one in touched
            for folder in self.folders
        ):
            return self
        kept = {path: file for path, file in self.files.items() if not concerned(path)}
        known = {path: file for path, file in self.files.items() if concerned(path)}
        listed = [one for one in list_sources(self.root, self.folders) if concerned(one.path)]
        fresh, parsed = _outline_all(self.root, listed, known.get, None)
        return SourceIndex(self.root, self.folders, {**kept, **fresh}, parsed)


def index_sources(
    root: str, folders: Iterable[str], cache: str | None = None, progress: Progress | None = None
) -> SourceIndex:
    """Index every Python file below some folders; no code of theirs runs.

    Args:
        root: the project's folder, absolute, links resolved.
        folders: relative to it.
        cache: a folder of the user that outlives the process; ``None`` to keep nothing.
        progress: told how far it is.
    """
    wanted = tuple(dict.fromkeys(folders))
    listed = list(list_sources(root, wanted))
    if cache is None:
        files, parsed = _outline_all(root, listed, lambda _: None, progress)
        return SourceIndex(root, wanted, files, parsed)
    from stepwell.sources.storing import Unfinished, recall

    stored = recall(cache, root)

    def known(path: str) -> SourceFile | None:
        if path not in stored:
            return None
        stamp, said = stored[path]
        return _file(path, path, stamp, said)

    if all(one.path in stored and stored[one.path][0] == one.stamp for one in listed):
        files, parsed = _outline_all(root, listed, known, progress)
        return SourceIndex(root, wanted, files, parsed)
    unfinished = Unfinished(cache, root)
    try:
        files, parsed = _outline_all(root, listed, known, progress)
        unfinished.finish(files.values())
    finally:
        unfinished.give_up()
    return SourceIndex(root, wanted, files, parsed)


def _outline_all(
    root: str,
    listed: list[ListedSource],
    known: Callable[[str], SourceFile | None],
    progress: Progress | None,
) -> tuple[dict[str, SourceFile], int]:
    files: dict[str, SourceFile] = {}
    pending: list[ListedSource] = []
    for one in listed:
        same = known(one.path)
        if same is not None and same.stamp == one.stamp:
            files[one.path] = same._replace(real=one.real)
        else:
            pending.append(one)
    if not pending:
        return files, 0
    from stepwell.sources.outlining import outline_of, warnings_kept_in

    with warnings_kept_in():
        for done, one in enumerate(pending):
            if progress is not None and done % 64 == 0:
                progress(done, len(pending))
            content, stamp = read_source(root, one.path)
            said = content if isinstance(content, Failure) else outline_of(content)
            files[one.path] = _file(one.path, one.real, stamp, said)
    return files, len(pending)


def _file(path: str, real: str, stamp: Stamp | None, said: Outline | Failure) -> SourceFile:
    if isinstance(said, Failure):
        return SourceFile(path, real, stamp, None, said)
    return SourceFile(path, real, stamp, said, None)
