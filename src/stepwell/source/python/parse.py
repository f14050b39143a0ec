"""Decoded and parsed Python text with positions."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cached_property
from typing import Final, final

from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.document import Stretch, span_of
from stepwell.source.read import MAX_BYTES

__all__ = ["PythonSource", "read_source"]

_LINE_END: Final = re.compile(r"\r\n|\r|\n")


@final
class PythonSource:
    """A text and its syntax tree.

    Args:
        text: without a byte order mark.
    """

    def __init__(self, path: str, text: str, tree: ast.Module) -> None:
        self.path = path
        self.text = text
        self.tree = tree

    def stretch(self, node: ast.expr | ast.keyword) -> Stretch:
        """Return the stretch of an expression, converted from byte columns."""
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self._offset(node.lineno, node.col_offset), self._offset(end_line, end_column)

    def key_stretch(self, keyword: ast.keyword) -> Stretch:
        """Return the stretch of a keyword argument's name."""
        start, _ = self.stretch(keyword)
        return start, start + len(keyword.arg or "")

    def span(self, stretch: Stretch) -> Span:
        """Convert a stretch to lines and columns."""
        return span_of(self.path, self.text, stretch)

    def comments_within(self, first: int, last: int) -> Iterator[tuple[int, str]]:
        """Return the comments between two lines with their line numbers, without ``#``."""
        if "#" in self.text:
            for line in range(first, last + 1):
                if line in self._comments:
                    yield line, self._comments[line]

    def first_line_above(self, line: int) -> int:
        """Return the first line of the comment block directly above a line, or the line itself."""
        if "#" in self.text:
            while line - 1 in self._comments and self._line(line - 1).lstrip().startswith("#"):
                line -= 1
        return line

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_END.finditer(self.text))]

    @cached_property
    def _comments(self) -> dict[int, str]:
        lines = io.StringIO(self.text, newline=None).readline
        comments: dict[int, str] = {}
        try:
            for token in tokenize.generate_tokens(lines):
                if token.type == tokenize.COMMENT:
                    comments[token.start[0]] = token.string.lstrip("#").strip()
        except (tokenize.TokenError, SyntaxError):  # the parser knows more: the comments so far are kept
            pass
        return comments

    def _line(self, line: int) -> str:
        stop = self._starts[line] if line < len(self._starts) else len(self.text)
        return self.text[self._starts[line - 1] : stop]

    def _offset(self, line: int, column: int) -> int:
        text = self._line(line)
        if not text.isascii():
            column = len(text.encode()[:column].decode("utf-8", "ignore"))
        return self._starts[line - 1] + column


def read_source(path: str, content: bytes) -> PythonSource | Diagnostic:
    """Decode a Python file (PEP 263) and parse it."""
    if len(content) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES // 1024} KiB"
        return _rejected(path, "too-large", message, "split the table into several files")
    text = _decoded(path, content)
    if isinstance(text, Diagnostic):
        return text
    if (at := text.find("\0")) >= 0:
        message = "the file is binary: it contains a NUL character"
        return Diagnostic("binary-file", Severity.ERROR, message, span_of(path, text, (at, at + 1)))
    from stepwell.source.python.outliner import syntax_tree

    try:
        tree = syntax_tree(text)
    except SyntaxError as error:
        return _invalid(path, text, error)
    except (RecursionError, MemoryError):
        message = "the file is nested too deeply"
        return _rejected(path, "too-deeply-nested", message, "flatten its expressions")
    except ValueError as error:
        return _rejected(path, "invalid-python", f"not valid Python: {error}", None)
    return PythonSource(path, text, tree)


def _decoded(path: str, content: bytes) -> str | Diagnostic:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    except SyntaxError as error:
        if "invalid or missing encoding" not in str(error):
            return _rejected(path, "invalid-python", f"{error}", "declare the encoding of the file")
        encoding = "utf-8"
    try:
        text = content.decode(encoding)
        text.encode()
    except UnicodeEncodeError:
        return _rejected(path, "invalid-python", "the file contains a lone surrogate", None)
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(encoding, "replace").removeprefix("\ufeff")
        whole = before + content[error.start :].decode("latin-1")
        message = f"byte 0x{content[error.start]:02X} is not {encoding.upper().removesuffix('-SIG')}"
        span = span_of(path, whole, (len(before), len(before) + 1))
        help_text = "save the file as UTF-8, or declare its encoding in the first line"
        return Diagnostic("not-utf-8", Severity.ERROR, message, span, help_text)
    except (LookupError, ValueError):
        return _rejected(
            path, "invalid-python", f"`{encoding}` is not a text encoding", "save the file as UTF-8"
        )
    return text.removeprefix("\ufeff")


def _invalid(path: str, text: str, error: SyntaxError) -> Diagnostic:
    lines = [0, *(match.end() for match in _LINE_END.finditer(text))]
    line = min(max(error.lineno or 1, 1), len(lines))
    stop = lines[line] if line < len(lines) else len(text)
    at = min(lines[line - 1] + max((error.offset or 1) - 1, 0), stop)
    span = span_of(path, text, (at, min(at + 1, len(text))))
    return Diagnostic(
        "invalid-python",
        Severity.ERROR,
        f"not valid Python: {error.msg}",
        span,
        "fix the file, or exclude it",
    )


def _rejected(path: str, rule: str, message: str, help_text: str | None) -> Diagnostic:
    return Diagnostic(rule, Severity.ERROR, message, Span(path), help_text)
