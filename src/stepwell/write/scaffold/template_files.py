"""Renders the files of a workspace from a template in Jinja's sandbox."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final, NamedTuple, final

from jinja2 import FunctionLoader, StrictUndefined, TemplateError, TemplateNotFound, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment

from stepwell.model.settings import Project
from stepwell.source.diagnostic import Checked, Diagnostic, Severity, Span
from stepwell.source.read import read_text
from stepwell.source.spelling import closest, did_you_mean, suggest
from stepwell.source.tree import EntryKind, Folder, Tree
from stepwell.source.yaml_writer import to_yaml

__all__ = [
    "DESCRIBED_IN",
    "RENDERED",
    "Template",
    "TemplateFile",
    "find_templates",
    "render",
]


RENDERED: Final = ".j2"
"""Suffix of rendered files, removed from their names; other files are copied."""

DESCRIBED_IN: Final = "template.yaml"
"""Metadata file of a template, not copied."""

_OWN: Final = Path(__file__).parent / "templates"
_SKIPPED: Final = frozenset({"__pycache__", ".git", ".DS_Store"})
_FIELDS: Final = ("description", "extends")
_MAX_DEPTH: Final = 16
_MAX_FILES: Final = 1000


@final
class TemplateFile(NamedTuple):
    """File of a template.

    Args:
       shown: path for messages.
    """

    shown: str
    content: bytes


@final
@dataclass(frozen=True, slots=True)
class Template:
    """Template of a workspace.

    Args:
       extends: base template; empty for none.
       folder: path for messages.
       files: sorted by path.
    """

    name: str
    description: str
    extends: str
    folder: str
    files: Mapping[str, TemplateFile]


def find_templates(project: Project | None) -> Checked[Mapping[str, Template]]:
    """Return the templates by name; the project's take precedence over built-in ones.

    Args:
       project: project with ``[templates] path``; ``None`` for built-in templates only.
    """
    templates: dict[str, Template] = {}
    diagnostics: list[Diagnostic] = []
    own = Folder(str(_OWN))
    for name in sorted(entry.name for entry in own.scan("") if entry.kind is EntryKind.FOLDER):
        if name not in _SKIPPED:
            templates[name] = _read(own, name, name, diagnostics)
    path = project.settings.templates if project is not None else ""
    if project is not None and path:
        for name in _folders(project.tree, path, diagnostics):
            templates[name] = _read(project.tree, name, f"{path}/{name}", diagnostics)
    merged = {name: _extended(name, templates, diagnostics) for name in templates}
    return Checked(MappingProxyType(merged), tuple(diagnostics))


def _extended(name: str, templates: Mapping[str, Template], diagnostics: list[Diagnostic]) -> Template:
    """Return a template merged with its base templates."""
    template = templates[name]
    files = dict(template.files)
    seen = [name]
    while template.extends:
        if template.extends not in templates or template.extends in seen:
            hint = (
                suggest(template.extends, [known for known in templates if known not in seen])
                or f"available: {', '.join(sorted(templates))}"
            )
            message = f"template `{template.name}` cannot extend `{template.extends}`"
            diagnostics.append(_broken(f"{template.folder}/{DESCRIBED_IN}", message, hint))
            break
        template = templates[template.extends]
        seen.append(template.name)
        files = {**template.files, **files}
    return replace(templates[name], files=MappingProxyType(dict(sorted(files.items()))))


def _folders(tree: Tree, path: str, diagnostics: list[Diagnostic]) -> Iterator[str]:
    if tree.follow(path).path is None:
        diagnostics.append(_broken(path, "template folder is outside the project"))
        return
    try:
        entries = sorted(tree.scan(path))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        diagnostics.append(_broken(path, f"template folder cannot be read: {reason}"))
        return
    for entry in entries:
        if entry.kind is EntryKind.FOLDER and entry.name[0] != "." and entry.name not in _SKIPPED:
            if entry.name.isprintable() and not entry.is_link:
                yield entry.name
            else:
                diagnostics.append(
                    _broken(
                        f"{path}/{ascii(entry.name)[1:-1]}",
                        "template name is a link or unprintable",
                    )
                )


def _read(tree: Tree, name: str, folder: str, diagnostics: list[Diagnostic]) -> Template:
    files: dict[str, TemplateFile] = {}
    metadata: dict[str, str] = {}
    for path in _below(tree, folder, diagnostics):
        content = tree.read(path)
        if isinstance(content, Diagnostic):
            if content.id != "empty-file":
                diagnostics.append(content)
        elif path == f"{folder}/{DESCRIBED_IN}":
            metadata = _metadata(path, content, diagnostics)
        else:
            files[path[len(folder) + 1 :]] = TemplateFile(path, content)
    return Template(
        name, metadata.get("description", ""), metadata.get("extends", ""), folder, MappingProxyType(files)
    )


def _metadata(path: str, content: bytes, diagnostics: list[Diagnostic]) -> dict[str, str]:
    """Return the fields of a ``template.yaml``."""
    document = read_text(path, content)
    if isinstance(document, Diagnostic):
        diagnostics.append(document)
        return {}
    metadata: dict[str, str] = {}
    for key, value in document.data.items():
        if key not in _FIELDS:
            message = f"template has no field `{key}`"
            help_text = f"fields are {' and '.join(f'`{field_name}`' for field_name in _FIELDS)}"
            place = document.key_span((key,))
            diagnostics.append(Diagnostic("broken-template", Severity.ERROR, message, place, help_text))
        elif not isinstance(value, str):
            message = f"`{key}` must be text"
            place = document.value_span((key,))
            diagnostics.append(Diagnostic("broken-template", Severity.ERROR, message, place))
        else:
            metadata[key] = " ".join(value.split())
    return metadata


def _below(tree: Tree, folder: str, diagnostics: list[Diagnostic]) -> Iterator[str]:
    pending = [folder]
    count = 0
    while pending:
        here = pending.pop()
        try:
            entries = sorted(tree.scan(here))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            diagnostics.append(_broken(here, f"folder cannot be read: {reason}"))
            continue
        for name, kind, is_link in entries:
            path = f"{here}/{name}"
            if name in _SKIPPED:
                continue
            count += 1
            if count > _MAX_FILES or here.count("/") > _MAX_DEPTH:
                diagnostics.append(
                    _broken(
                        folder,
                        f"template exceeds {_MAX_FILES} files or {_MAX_DEPTH} folder levels",
                    )
                )
                return
            if is_link or not name.isprintable():
                diagnostics.append(
                    _broken(f"{here}/{ascii(name)[1:-1]}", "template contains a link or an unprintable name")
                )
            elif kind is EntryKind.FOLDER:
                pending.append(path)
            elif kind is EntryKind.FILE:
                yield path


def _broken(path: str, message: str, help_text: str | None = None) -> Diagnostic:
    return Diagnostic("broken-template", Severity.ERROR, message, Span(path), help_text)


_MAX_CHARACTERS: Final = 1024 * 1024
_MAX_NAME: Final = 200
_HELP: Final = "fix the template; nothing was written"
_FAULTS: Final = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)
"""Exceptions of expressions in a template."""

Schemas = Callable[[str, str], str]
"""Returns the relative path from a file of the workspace to a schema; empty without one."""


@final
class _TooLong(ValueError):
    """Output of a template is too long."""


def render(template: Template, values: Mapping[str, Any], schemas: Schemas) -> Checked[Mapping[str, bytes]]:
    """Render the files of a workspace by path.

    Names of files and folders are templates, too; files with an empty name are skipped.
    """
    rendering = _Rendering(template, values, schemas)
    for path, file in template.files.items():
        rendering.add(path, file.content)
    if rendering.diagnostics:
        return Checked(MappingProxyType({}), tuple(rendering.diagnostics))
    return Checked(MappingProxyType(dict(sorted(rendering.files.items()))))


@final
@dataclass(slots=True)
class _Rendering:
    """Rendering of one template."""

    template: Template
    values: Mapping[str, Any]
    schemas: Schemas
    files: dict[str, bytes] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    environment: SandboxedEnvironment = field(init=False)

    def __post_init__(self) -> None:
        self.environment = SandboxedEnvironment(
            loader=FunctionLoader(self._source),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,  # output is Python, YAML and Markdown with their own filters
        )
        self.environment.filters["yaml"] = _as_yaml
        self.environment.filters["python"] = _as_python

    def add(self, path: str, content: bytes) -> None:
        """Render a file, or add a finding."""
        target = self._name(path)
        if target is None:
            return
        if path.endswith(RENDERED):
            text = self._text(path, target)
            if text is None:
                return
            content = text.encode("utf-8", "replace")
        if any(target.lower() == file.lower() for file in self.files):
            self._report(path, f"template has two files `{target}`")
            return
        self.files[target] = content

    def _source(self, name: str) -> tuple[str, str, Callable[[], bool]] | None:
        file = self.template.files.get(name)
        return None if file is None else (file.content.decode("utf-8"), file.shown, lambda: True)

    def _text(self, path: str, target: str) -> str | None:
        def schema_line(form: str) -> str:
            way = self.schemas(form, target)
            return f"# yaml-language-server: $schema={way}\n" if way else ""

        try:
            template = self.environment.get_template(path)
            pieces = template.generate(**self.values, schema_line=schema_line)
            return "".join(_limited(pieces))
        except _FAULTS as error:
            self._report_error(path, error)
            return None

    def _name(self, path: str) -> str | None:
        """Return the path of the rendered file; ``None`` if it is skipped or has an error."""
        parts: list[str] = []
        for part in path.removesuffix(RENDERED).split("/"):
            try:
                named = "".join(_limited(self.environment.from_string(part).generate(**self.values)))
            except _FAULTS as error:
                self._report(path, f"file name cannot be rendered: {_text_of(error)}")
                return None
            if not named:
                return None
            if named in (".", "..") or not named.isprintable() or set(named) & set('/\\:*?"<>|'):
                self._report(path, f"`{ascii(named)[1:-1]}` is not a valid file name")
                return None
            if len(named.encode()) > _MAX_NAME:
                self._report(path, f"file name must have at most {_MAX_NAME} bytes")
                return None
            parts.append(named)
        return posixpath.join(*parts)

    def _report_error(self, path: str, error: BaseException) -> None:
        line = 1
        if isinstance(error, TemplateSyntaxError):
            line = error.lineno
            if error.name is not None and error.name in self.template.files:
                path = error.name
        else:
            place = self._place(error.__traceback__)
            if place is not None:
                path, line = place
        self._report(path, _text_of(error), line, self._hint(error))

    def _place(self, trace: TracebackType | None) -> tuple[str, int] | None:
        """Return the innermost template line of a traceback."""
        location = None
        paths = {file.shown: path for path, file in self.template.files.items()}
        while trace is not None:
            path = paths.get(trace.tb_frame.f_code.co_filename)
            if path is not None:
                location = path, trace.tb_lineno
            trace = trace.tb_next
        return location

    def _hint(self, error: BaseException) -> str:
        words = str(error)
        if isinstance(error, TemplateError) and words.endswith(" is undefined"):
            near = closest(words.partition("'")[2].partition("'")[0], self.values)
            if near:
                return did_you_mean(near)
            return f"available names: {', '.join(f'`{name}`' for name in self.values)}"
        return _HELP

    def _report(self, path: str, message: str, line: int = 1, help_text: str = _HELP) -> None:
        file = self.template.files[path]
        lines = file.content.decode("utf-8", "replace").split("\n")
        text = lines[line - 1].rstrip("\r") if line <= len(lines) else ""
        span = Span(file.shown, line, 1, line, len(text) + 1, text)
        self.diagnostics.append(Diagnostic("broken-template", Severity.ERROR, message, span, help_text))


def _limited(pieces: Iterator[str]) -> Iterator[str]:
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > _MAX_CHARACTERS:
            raise _TooLong(f"output must have at most {_MAX_CHARACTERS} characters")
        yield piece


def _text_of(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "template includes itself"
    if isinstance(error, MemoryError):
        return "template exceeds the memory"
    if isinstance(error, UnicodeDecodeError):
        return "file is not UTF-8"
    if isinstance(error, TemplateNotFound):
        return f"included file `{error.name}` is not in the template"
    words = " ".join(str(error).split()) or type(error).__name__
    return words.rstrip(".")


def _as_yaml(value: object) -> str:
    """Return text as YAML on one line."""
    if not isinstance(value, str):
        raise TypeError(f"the filter `yaml` takes text, got {type(value).__name__}")
    written = to_yaml({"x": value}).removeprefix("x: ").rstrip("\n")
    return written if "\n" not in written else json.dumps(value, ensure_ascii=True)


def _as_python(value: object) -> str:
    """Return text as a Python literal with double quotes if possible."""
    if not isinstance(value, str):
        raise TypeError(f"the filter `python` takes text, got {type(value).__name__}")
    escaped = value.encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'"{escaped}"'
