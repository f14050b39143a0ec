"""Isolation checks: imports, ``sys.path``, links and definitions that leave a workspace."""

from __future__ import annotations

import os
import posixpath
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final, final

from stepwell.code.workspace_isolation.paths_in_code import Loading, loadings_in
from stepwell.model import Workspace
from stepwell.model.settings import Project, References
from stepwell.resolve.snapshot import Snapshot
from stepwell.source.diagnostic import Diagnostic, Severity, Span, in_order
from stepwell.source.document import Document, Pointer
from stepwell.source.extensions import missing_package
from stepwell.source.immutable import record
from stepwell.source.python import ParseFailure, SourceFile, SourceIndex, SourceView
from stepwell.source.python.index import read_source
from stepwell.source.python.outline import ImportOutline
from stepwell.source.spelling import suggest
from stepwell.source.tree import EntryKind

__all__ = [
    "CODE_FOLDERS",
    "Read",
    "check_isolation",
    "check_structure",
]


Read = Callable[[str], "bytes | ParseFailure"]
"""Returns the bytes of a Python file by its path in the project."""

_HELP: Final = "copy the code into this workspace, or move it to the core"
_MAX_DEPTH: Final = 32
_DOTTED: Final = re.compile(r"[A-Za-z_]\w*(?:\.\w+)+")
_PROSE: Final = frozenset({"description", "note", "reason"})


def check_isolation(
    project: Project, snapshot: Snapshot, index: SourceIndex, workspace: str, read: Read | None = None
) -> tuple[Diagnostic, ...]:
    """Report every reference of a workspace to files outside its folder and the core.

    Args:
        index: sources of the folders of ``references.source_folders``.
        read: default: read from disk.
    """
    ids = frozenset(snapshot.workspaces) - {workspace}
    bounds = _Bounds(
        project, workspace, ids, index, read or (lambda path: read_source(project.root, path)[0])
    )
    return in_order(
        (
            *bounds.of_code(),
            *bounds.of_links(),
            *bounds.of_definitions(_documents(snapshot, workspace)),
            *bounds.of_dependencies(snapshot.workspaces[workspace].document),
        )
    )


def _documents(snapshot: Snapshot, workspace: str) -> Iterator[Document]:
    view = snapshot.view(workspace)
    seen: set[int] = set()
    document = snapshot.workspaces[workspace].document
    if document is not None:
        yield document
    for table in view.tables.values():
        hidden = (definition for name in table.above for definition in table.hidden(name))
        for definition in (*table.above.values(), *hidden):
            for source in definition.sources:
                if source.workspace == workspace and id(source.document) not in seen:
                    seen.add(id(source.document))
                    yield source.document


@final
@record
class _Bounds:
    """A workspace and its boundaries."""

    project: Project
    own: str
    others: frozenset[str]
    index: SourceIndex
    read: Read

    @property
    def base(self) -> str:
        """Return the folder of all workspaces."""
        return self.project.settings.workspaces

    @property
    def folder(self) -> str:
        """Return the folder of the workspace."""
        return f"{self.base}/{self.own}"

    def of_code(self) -> Iterator[Diagnostic]:
        """Report imports and edits of ``sys.path`` that leave the workspace."""
        table = self.project.settings.references or References()
        sees = SourceView(self.index, (f"{self.folder}/src", *table.source))
        theirs = {
            other: SourceView(self.index, (f"{self.base}/{other}/src",)) for other in sorted(self.others)
        }
        is_seen = cache(sees.has_package)

        @cache
        def holder(module: str) -> str | None:
            return next((other for other, view in theirs.items() if view.module(module) is not None), None)

        for file in SourceView(self.index, (f"{self.folder}/src",)).files:
            content = self.read(file.path)
            if file.failure is not None:
                message = f"file is not checked: {file.failure.message}"
                line, column = file.failure.line, file.failure.column
                text = b"" if isinstance(content, ParseFailure) else content
                span = _span_at(file.path, text, line, column)
                yield Diagnostic("unparsable-source", Severity.WARNING, message, span)
            if isinstance(content, ParseFailure):
                continue
            for imported in file.outline.imports if file.outline is not None else ():
                if imported.level:
                    problem = self._of_relative(file, imported)
                else:
                    problem = self._of_import(imported, is_seen, holder)
                if problem is not None:
                    severity, message = problem
                    span = _import_span(file.path, content, imported)
                    yield Diagnostic("leaves-workspace", severity, message, span, _HELP)
            for loading in loadings_in(content, f"{self.project.root}/{file.path}"):
                fault = self._of_loading(file, loading)
                if fault is not None:
                    span = _span_at(file.path, content, loading.line, loading.column)
                    yield Diagnostic("leaves-workspace", Severity.ERROR, fault, span, _HELP)

    def of_links(self) -> Iterator[Diagnostic]:
        """Report links that leave the workspace."""
        allowed = (self.project.settings.core, *(self.project.settings.references or References()).source)
        pending = [self.folder]
        while pending:
            here = pending.pop()
            if here.count("/") > _MAX_DEPTH:
                continue
            try:
                entries = sorted(self.project.tree.scan(here))
            except OSError:  # already reported
                continue
            for name, kind, is_link in entries:
                path = f"{here}/{name}"
                if not is_link:
                    if kind is not None and kind.value == "folder" and name != "__pycache__":
                        pending.append(path)
                    continue
                target = self.project.tree.follow(path).path
                if target is None or not any(_inside(target, folder) for folder in (self.folder, *allowed)):
                    where = "outside the project" if target is None else f"to `{target}`{self._whose(target)}"
                    message = f"link leads {where}"
                    yield Diagnostic(
                        "leaves-workspace",
                        Severity.ERROR,
                        message,
                        Span(path),
                        "copy the target instead",
                    )

    def of_definitions(self, documents: Iterator[Document]) -> Iterator[Diagnostic]:
        """Report paths and modules in definitions that leave the workspace."""
        for document in documents:
            for pointer, text in _texts(document.data, ()):
                other = self._named_by(text)
                if other is not None:
                    field = ".".join(map(str, pointer))
                    message = f"`{field}` refers to `{text}` of workspace {other}"
                    span = document.value_span(pointer)
                    yield Diagnostic("leaves-workspace", Severity.ERROR, message, span, _HELP)

    def of_dependencies(self, document: Document | None) -> Iterator[Diagnostic]:
        """Report declared dependencies that are neither workspaces nor installed packages."""
        from packaging.requirements import InvalidRequirement, Requirement

        for place, text in enumerate(document.data.get("dependencies") or () if document is not None else ()):
            if text in self.others:
                continue
            hint = suggest(text, self.others)
            try:
                needed = Requirement(text)
            except InvalidRequirement:
                fault = f"`{text}` is neither a workspace nor a package name"
                hint = hint or "write the id of a workspace, or a package such as `pandas>=2`"
            else:
                if needed.marker is not None and not needed.marker.evaluate():
                    continue
                fault = missing_package(needed.name, str(needed.specifier))
                hint = hint or "install it in the environment of Stepwell, or remove it"
            if fault:
                span = document.value_span(("dependencies", place)) if document is not None else None
                yield Diagnostic("missing-package", Severity.WARNING, fault, span, hint)

    def _named_by(self, text: str) -> str | None:
        """Return the other workspace that a text refers to."""
        if _DOTTED.fullmatch(text):
            owner = self._owner_of_module(text)
            if owner is not None:
                return owner
        path = text.partition(":")[0].replace("\\", "/")
        if "/" not in path or len(path) > 1024 or "\0" in path:
            return None
        return next(filter(None, map(self._owner, self._candidates(path, self.folder))), None)

    def _of_relative(self, file: SourceFile, imported: ImportOutline) -> tuple[Severity, str] | None:
        parts = file.path.split("/")[:-1]
        above = parts[: len(parts) - imported.level + 1] if imported.level <= len(parts) else []
        target = "/".join((*above, *imported.module.split("."))) if imported.module else "/".join(above)
        if _inside(target, self.folder):
            return None
        if target == self.base and imported.name in self.others:
            target = f"{target}/{imported.name}"
        where = f"to `{target}`{self._whose(target)}" if target else "above the project"
        return Severity.ERROR, f"relative import leaves workspace {self.own}, {where}"

    def _of_import(
        self, imported: ImportOutline, is_seen: Callable[[str], bool], holder: Callable[[str], str | None]
    ) -> tuple[Severity, str] | None:
        whole = (
            f"{imported.module}.{imported.name}"
            if imported.name and imported.name != "*"
            else imported.module
        )
        owner = self._owner_of_module(whole)
        if owner is not None:
            return Severity.ERROR, f"`{whole}` belongs to workspace {owner}"
        first = imported.module.partition(".")[0]
        if first in sys.stdlib_module_names:
            return None
        path = f"{self.base}/{imported.module.replace('.', '/')}"
        if first in self.others and not is_seen(first) and self._exists(path):
            return Severity.ERROR, f"`{imported.module}` belongs to workspace {first}"
        other = None if is_seen(imported.module) else holder(imported.module)
        if other is None:
            return None
        return Severity.WARNING, f"`{imported.module}` exists only in the sources of workspace {other}"

    def _of_loading(self, file: SourceFile, loading: Loading) -> str | None:
        if loading.what == "module":
            owner = self._owner_of_module(loading.named)
            return None if owner is None else f"`{loading.named}` belongs to workspace {owner}"
        verb = {"sys.path": "adds", "path": "loads", "file": "opens"}[loading.what]
        where = " to `sys.path`" if loading.what == "sys.path" else ""
        for path in self._candidates(loading.named, posixpath.dirname(file.path)):
            owner = self._owner(path)
            if owner is not None:
                return f"{verb} `{path}` of workspace {owner}{where}"
            if path == self.base and loading.what == "sys.path":
                return f"adds `{path}`, the folder of all workspaces,{where}"
        return None

    def _owner_of_module(self, dotted: str) -> str | None:
        """Return the other workspace of a dotted module name."""
        parts = dotted.split(".")
        steps = self.base.split("/")
        for start in range(len(steps)):
            path = steps[start:]
            if parts[: len(path)] == path and len(parts) > len(path) and parts[len(path)] in self.others:
                return parts[len(path)]
        return None

    def _candidates(self, path: str, here: str) -> Iterator[str]:
        """Yield the project paths that a path may refer to, depending on the working directory."""
        root = self.project.root
        starts = ("",) if path.startswith("/") else (here, self.folder, f"{self.folder}/src", "")
        for start in starts:
            full = posixpath.normpath(posixpath.join(root, start, path))
            for target in (full, os.path.realpath(full)):
                if target.startswith(f"{root}/"):
                    yield target[len(root) + 1 :]

    def _owner(self, path: str) -> str | None:
        if not path.startswith(f"{self.base}/"):
            return None
        owner = path[len(self.base) + 1 :].partition("/")[0]
        return owner if owner in self.others else None

    def _whose(self, path: str) -> str:
        owner = self._owner(path)
        return f" of workspace {owner}" if owner is not None else ""

    def _exists(self, path: str) -> bool:
        tree = self.project.tree
        return tree.follow(path).kind is not None or tree.follow(f"{path}.py").kind is not None


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _texts(value: Any, pointer: Pointer) -> Iterator[tuple[Pointer, str]]:
    """Yield every text of a document and its position, except prose."""
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, Mapping):
        for key, below in value.items():
            if key not in _PROSE and key != "$schema":
                yield from _texts(below, (*pointer, key))
    elif isinstance(value, tuple):
        for at, below in enumerate(value):
            yield from _texts(below, (*pointer, at))


def _import_span(path: str, content: bytes, imported: ImportOutline) -> Span:
    """Return the location of the module name in the first line of an import."""
    written = "." * imported.level + imported.module
    text = _line(content, imported.line)
    match = re.search(rf"(?<![\w.]){re.escape(written)}(?!\w)", text)
    start = match.start() if match else 0
    return _stretch(path, imported.line, text, start, len(written) if match else len(text))


def _span_at(path: str, content: bytes, line: int, column: int) -> Span:
    text = _line(content, line)
    return _stretch(path, line, text, min(column - 1, len(text)), max(len(text.rstrip()) - column + 1, 0))


def _stretch(path: str, line: int, text: str, start: int, length: int) -> Span:
    """Return the location of a part of one line."""
    return Span(path, line, start + 1, line, start + length + 1, text)


def _line(content: bytes, line: int) -> str:
    lines = re.split(r"\r\n?|\n", content.decode("utf-8", "replace").removeprefix("\ufeff"))
    return lines[line - 1] if line <= len(lines) else ""


CODE_FOLDERS: Final = ("builders", "configs", "contracts", "scripts", "specs")
"""Folders of a workspace's ``src``."""

_FOLDERS: Final = (*(f"src/{name}" for name in CODE_FOLDERS), "tests", "docs")


def check_structure(project: Project, workspace: Workspace) -> Iterator[Diagnostic]:
    """Report missing parts of a workspace, and files in the wrong location.

    Misplaced definitions are reported by every check of the project.
    """
    folder = f"{project.settings.workspaces}/{workspace.id}"
    document = workspace.document
    if document is None:
        path = f"{folder}/workspace.yaml"
        if (
            project.tree.follow(path).kind is None
            and project.tree.follow(f"{folder}/workspace.toml").kind is None
        ):
            yield _about(
                folder,
                "the workspace has no `workspace.yaml`",
                f"add one with `developer_id: {workspace.id}`",
            )
    elif "developer_id" not in document.data:
        message = f"`workspace.yaml` of {workspace.id} has no `developer_id`"
        yield Diagnostic(
            "workspace-structure",
            Severity.WARNING,
            message,
            document.first_key_span(()),
            f"add `developer_id: {workspace.id}`",
        )
    entries = _entries(project, folder)
    if not any(name.lower().partition(".")[0] == "readme" for name in entries):
        yield _about(folder, "the workspace has no README", "add a `README.md` that describes its purpose")
    missing = [
        name for name in _FOLDERS if project.tree.follow(f"{folder}/{name}").kind is not EntryKind.FOLDER
    ]
    if missing:
        noun = "folder" if len(missing) == 1 else "folders"
        names = ", ".join(f"`{name}/`" for name in missing)
        message = f"the workspace has no {noun} {names}"
        yield _about(folder, message, "create the folders that its steps need", Severity.INFO)
    for name, kind in sorted(entries.items()):
        if kind is EntryKind.FILE and name.endswith(".py"):
            yield _about(
                f"{folder}/{name}",
                "Python file is outside `src/`, where steps are not found",
                "move it into a folder of `src/`",
            )
        elif kind is EntryKind.FOLDER and name in CODE_FOLDERS:
            yield _about(
                f"{folder}/{name}",
                f"folder `{name}/` is ignored: code of a workspace must be in `src/`",
                f"move it to `src/{name}/`",
            )


def _entries(project: Project, folder: str) -> dict[str, EntryKind | None]:
    try:
        return {entry.name: entry.kind for entry in project.tree.scan(folder)}
    except OSError:  # already reported
        return {}


def _about(path: str, message: str, help_text: str, severity: Severity = Severity.WARNING) -> Diagnostic:
    return Diagnostic("workspace-structure", severity, message, Span(path), help_text)
