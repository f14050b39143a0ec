"""Planned edits of several files of a project, their check and their writing."""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final, final

from stepwell.model.settings import Project
from stepwell.resolve.load import FindPlugins
from stepwell.source.diagnostic import Diagnostic, Span
from stepwell.source.document import Document
from stepwell.source.read import read_text
from stepwell.write.edit.engine import EditRefused, edited
from stepwell.write.edit.text import Change
from stepwell.write.scaffold import ScaffoldPlan, plan
from stepwell.write.transaction import write_files

__all__ = ["FileEdits"]

_NO_END: Final = "\\ No newline at end of file\n"


@final
class FileEdits:
    """Planned content of files, beside the content that was read.

    ``moved`` contains the old path of each file that moves, by its new path.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.read: dict[str, bytes | None] = {}
        self.planned: dict[str, bytes | None] = {}
        self.moved: dict[str, str] = {}

    @property
    def files(self) -> Mapping[str, bytes | None]:
        """Return the new content of changed files; ``None`` for deleted files."""
        return {path: content for path, content in self.planned.items() if content != self.read[path]}

    def content(self, path: str) -> bytes | None:
        """Return the planned content of a file; ``None`` if it does not exist.

        Raises:
            EditRefused: the file cannot be read, or a link leads outside the project.
        """
        if path not in self.planned:
            target = self.project.tree.follow(path)
            if target.path is None:
                raise EditRefused("the file leaves the project through a symbolic link", Span(path))
            content = None if target.kind is None else self.project.tree.read(path)
            if isinstance(content, Diagnostic):
                raise EditRefused(content.message, content.span or Span(path))
            self.read[path] = self.planned[path] = content
        return self.planned[path]

    def document(self, path: str) -> Document:
        """Return the planned content of a file as a document.

        Raises:
            EditRefused: the file does not exist or is invalid.
        """
        content = self.content(path)
        document = None if content is None else read_text(path, content)
        if isinstance(document, Document):
            return document
        message = "the file does not exist" if document is None else document.message
        raise EditRefused(message, (document and document.span) or Span(path))

    def change(self, path: str, changes: Iterable[Change], order: Sequence[str] = ()) -> None:
        """Plan changes of a file.

        Args:
            order: top-level keys in their usual order.

        Raises:
            EditRefused: the file cannot be changed as requested.
        """
        content = self.content(path)
        if content is None:
            raise EditRefused("the file does not exist", Span(path))
        self.write(path, edited(path, content, changes, order))

    def write(self, path: str, content: bytes) -> None:
        """Plan the content of a file.

        Raises:
            EditRefused: the file is read-only.
        """
        if self.content(path) is not None:
            self._require_writable(path)
        self.planned[path] = content

    def delete(self, path: str) -> None:
        """Plan the deletion of a file.

        Raises:
            EditRefused: the file is read-only, or a symbolic link.
        """
        self._require_writable(path)
        if os.path.islink(os.path.join(self.project.root, path)):
            raise EditRefused("a symbolic link is not moved or deleted; change its target", Span(path))
        self.content(path)
        self.planned[path] = None

    def move(self, path: str, target: str) -> None:
        """Plan a new path of a file.

        Raises:
            EditRefused: the target exists, or a file is read-only.
        """
        content = self.content(path)
        if path == target or content is None:
            return
        if self.content(target) is not None:
            raise EditRefused(f"{target} already exists", Span(path))
        self.write(target, content)
        self.delete(path)
        self.moved[target] = path

    def _require_writable(self, path: str) -> None:
        full = os.path.join(self.project.root, path)
        if os.path.exists(full) and not (os.stat(full).st_mode & stat.S_IWUSR and os.access(full, os.W_OK)):
            raise EditRefused("the file is read-only", Span(path))

    def check(self, before: tuple[Diagnostic, ...], today: date, plugins: FindPlugins) -> ScaffoldPlan:
        """Return the new findings of the project with the planned files."""
        return plan(self.project, before, self.files, today, plugins, None)

    def save(self) -> tuple[str, ...]:
        """Write all files, or none.

        Raises:
            OSError: a file cannot be written; the project is unchanged.
            Busy: another command is writing.
            Changed: a file changed since it was read.
        """
        return write_files(self.project.root, self.files, read=self.read)

    def diff(self) -> Iterator[str]:
        """Yield the lines of a unified diff, with line breaks."""
        for path in self.files:
            yield from _diff(path, self.read[path], self.planned[path])

    def diff_of(self, path: str) -> str:
        """Return the unified diff of one file."""
        return "".join(_diff(path, self.read[path], self.planned[path]))


def _diff(path: str, before: bytes | None, after: bytes | None) -> Iterator[str]:
    lines = difflib.unified_diff(
        _lines(before),
        _lines(after),
        "/dev/null" if before is None else f"a/{path}",
        "/dev/null" if after is None else f"b/{path}",
    )
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n{_NO_END}"


def _lines(content: bytes | None) -> list[str]:
    """Return lines that end with LF only, as in a diff."""
    text = (content or b"").decode("utf-8", "replace")
    pieces: list[Any] = text.split("\n")
    return [f"{line}\n" for line in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])
