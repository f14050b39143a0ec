"""From a template and values to the files of a workspace, rendered in Jinja's sandbox."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, TracebackType
from typing import Any, Final, final

from jinja2 import FunctionLoader, StrictUndefined, TemplateError, TemplateNotFound, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment

from stepwell.scaffolding.listing import RENDERED, Template
from stepwell.source.diagnostic import Checked, Diagnostic, Severity, Span
from stepwell.source.spelling import closest
from stepwell.source.yaml_writer import to_yaml

__all__ = ["render"]

_MAX_CHARACTERS: Final = 1024 * 1024
_MAX_NAME: Final = 200
_HELP: Final = "mend the template; nothing was written"
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
"""What an expression of a template can come to."""

Schemas = Callable[[str, str], str]
"""Where a schema lies, seen from a file's path in the workspace; empty where editors cannot see it."""


@final
class _TooLong(ValueError):
    """A template writes without end."""


def render(template: Template, values: Mapping[str, Any], schemas: Schemas) -> Checked[Mapping[str, bytes]]:
    """The files of a workspace, by their paths in it.

    The name of a file or folder may be a template too; what has an empty one is left out.

    Args:
        template: what to render.
        values: what its expressions can name.
        schemas: gives the comment for editors.
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
    """One template while it is rendered."""

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
            autoescape=False,  # it writes Python, YAML and Markdown, each with its own filter
        )
        self.environment.filters["yaml"] = _as_yaml
        self.environment.filters["python"] = _as_python

    def add(self, path: str, content: bytes) -> None:
        """Render one file, or tell why it cannot be."""
        target = self._name(path)
        if target is None:
            return
        if path.endswith(RENDERED):
            text = self._text(path, target)
            if text is None:
                return
            content = text.encode("utf-8", "replace")
        if any(target.lower() == one.lower() for one in self.files):
            self._tell(path, f"a second file of the template is called `{target}`")
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
            self._explain(path, error)
            return None

    def _name(self, path: str) -> str | None:
        """The path that a file gets; ``None`` where it is left out, or told."""
        parts: list[str] = []
        for part in path.removesuffix(RENDERED).split("/"):
            try:
                named = "".join(_limited(self.environment.from_string(part).generate(**self.values)))
            except _FAULTS as error:
                self._tell(path, f"its name cannot be rendered: {_words(error)}")
                return None
            if not named:
                return None
            if named in (".", "..") or not named.isprintable() or set(named) & set('/\\:*?"<>|'):
                self._tell(path, f"`{ascii(named)[1:-1]}` cannot be the name of a file")
                return None
            if len(named.encode()) > _MAX_NAME:
                self._tell(path, f"its name has more than {_MAX_NAME} bytes")
                return None
            parts.append(named)
        return posixpath.join(*parts)

    def _explain(self, path: str, error: BaseException) -> None:
        line = 1
        if isinstance(error, TemplateSyntaxError):
            line = error.lineno
            if error.name is not None and error.name in self.template.files:
                path = error.name
        else:
            place = self._place(error.__traceback__)
            if place is not None:
                path, line = place
        self._tell(path, _words(error), line, self._hint(error))

    def _place(self, trace: TracebackType | None) -> tuple[str, int] | None:
        """The innermost line of a template in a traceback, which Jinja makes name templates."""
        found = None
        paths = {file.shown: path for path, file in self.template.files.items()}
        while trace is not None:
            path = paths.get(trace.tb_frame.f_code.co_filename)
            if path is not None:
                found = path, trace.tb_lineno
            trace = trace.tb_next
        return found

    def _hint(self, error: BaseException) -> str:
        words = str(error)
        if isinstance(error, TemplateError) and words.endswith(" is undefined"):
            near = closest(words.partition("'")[2].partition("'")[0], self.values)
            if near:
                return f"did you mean `{near[0]}`?"
            return f"templates know {', '.join(f'`{one}`' for one in self.values)}"
        return _HELP

    def _tell(self, path: str, message: str, line: int = 1, help_text: str = _HELP) -> None:
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
            raise _TooLong(f"it writes more than {_MAX_CHARACTERS} characters")
        yield piece


def _words(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it includes itself"
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, TemplateNotFound):
        return f"it includes `{error.name}`, which is no file of the template"
    words = " ".join(str(error).split()) or type(error).__name__
    return words.rstrip(".")


def _as_yaml(value: object) -> str:
    """A text as YAML on one line."""
    if not isinstance(value, str):
        raise TypeError(f"the filter `yaml` takes a text, and this is {type(value).__name__}")
    written = to_yaml({"x": value}).removeprefix("x: ").rstrip("\n")
    return written if "\n" not in written else json.dumps(value, ensure_ascii=True)


def _as_python(value: object) -> str:
    """A text as a literal of Python, in the quotes that formatters choose."""
    if not isinstance(value, str):
        raise TypeError(f"the filter `python` takes a text, and this is {type(value).__name__}")
    escaped = value.encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'"{escaped}"'
