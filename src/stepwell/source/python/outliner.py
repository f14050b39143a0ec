"""Reads the outline of a Python file without running it."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from stepwell.source.fork_lock import ForkLock
from stepwell.source.python.outline import Binding, ClassOutline, ImportOutline, Outline, ParseFailure

__all__ = ["dotted", "outline_of", "parse", "parsing", "syntax_tree"]


_CLASS_NAME: Final = re.compile(rb"[ \t\f]*class[ \t\f]+")


_MAX_DOTS: Final = 64


_BODIES: Final = ("body", "orelse", "finalbody", "handlers", "cases")


_SCOPES: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


_PLAIN: Final = (ast.Expr, ast.Return, ast.Pass, ast.Raise, ast.Assert, ast.Delete, ast.AugAssign)


# Suppressed warnings are state of the process. So is the depth that CPython 3.11 counts: threads
# that parse together may get "SystemError: AST constructor recursion depth mismatch".
_PARSING: Final = ForkLock()


_ATTEMPTS: Final = 8  # threads of other packages do not wait for the lock


@contextmanager
def parsing() -> Iterator[None]:
    """Let one thread at a time parse users' files, without the parser's warnings."""
    with _PARSING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def syntax_tree(source: str | bytes) -> ast.Module:
    """Return the syntax tree of a source; any number of threads may ask.

    Raises:
       SyntaxError, ValueError, OverflowError: the source is not valid.
       RecursionError, MemoryError: it is nested too deeply.
    """
    for _ in range(_ATTEMPTS):
        with parsing(), suppress(SystemError):
            return ast.parse(source)
    with parsing():
        return ast.parse(source)


def parse(content: bytes) -> ast.Module | ParseFailure:
    """Return the syntax tree of a file, or the failure.

    Args:
        content: bytes in the declared encoding (PEP 263).
    """
    try:
        return syntax_tree(content)
    except SyntaxError as error:
        failure = error if content.isascii() else _in_characters(content, error)
        return ParseFailure(
            failure.msg or "invalid syntax", max(failure.lineno or 1, 1), max(failure.offset or 1, 1)
        )
    except (RecursionError, MemoryError):
        return ParseFailure("nested too deeply", 1, 1)
    except (ValueError, OverflowError) as error:
        return ParseFailure(str(error), 1, 1)


def _in_characters(content: bytes, error: SyntaxError) -> SyntaxError:
    """Return a failure with its column in characters instead of bytes."""
    import io
    import tokenize

    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        syntax_tree(content.decode(encoding).removeprefix("\ufeff"))
    except SyntaxError as again:
        return again if again.lineno == error.lineno else error
    except (ValueError, RecursionError, MemoryError):
        return error
    return error


def outline_of(content: bytes) -> Outline | ParseFailure:
    """Return the outline of a file, or the failure."""
    tree = parse(content)
    if isinstance(tree, ParseFailure):
        return tree
    lines = content.splitlines()
    classes: list[ClassOutline] = []
    imports: list[ImportOutline] = []
    bindings: list[Binding] = []
    # A stack, not recursion: a chain of `elif` is as deep as it is long.
    pending: list[tuple[list[Any], str, bool]] = [(tree.body, "", True)]
    while pending:
        statements, scope, at_top = pending.pop()
        for statement in statements:
            if isinstance(statement, _PLAIN):
                continue
            if isinstance(statement, ast.ClassDef):
                name = statement.name
                qualified = f"{scope}{name}"
                classes.append(
                    ClassOutline(
                        name,
                        qualified,
                        statement.lineno,
                        _column(statement, lines),
                        tuple(map(_base, statement.bases)),
                    )
                )
                pending.append((statement.body, f"{qualified}.", False))
            elif isinstance(statement, _SCOPES):
                if at_top:
                    bindings.append(Binding(statement.name, ""))
                pending.append((statement.body, f"{scope}{statement.name}.", False))
            elif isinstance(statement, ast.Import):
                line = statement.lineno
                imports += [
                    ImportOutline(name_node.name, "", name_node.asname or "", 0, line, at_top)
                    for name_node in statement.names
                ]
            elif isinstance(statement, ast.ImportFrom):
                module, level, line = statement.module or "", statement.level, statement.lineno
                imports += [
                    ImportOutline(module, name_node.name, name_node.asname or "", level, line, at_top)
                    for name_node in statement.names
                ]
            elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
                if at_top:
                    bindings.extend(_assigned(statement))
            else:
                for part in _BODIES:
                    below = getattr(statement, part, None)
                    if below:
                        pending.append((below, scope, at_top))
    classes.sort(key=lambda outline: (outline.line, outline.column))
    return Outline(tuple(classes), tuple(imports), tuple(bindings))


def dotted(expression: ast.expr) -> str:
    """Return a name with attributes, e.g. ``package.Base``; empty for other expressions."""
    parts: list[str] = []
    while isinstance(expression, ast.Attribute) and len(parts) < _MAX_DOTS:
        parts.append(expression.attr)
        expression = expression.value
    if not isinstance(expression, ast.Name):
        return ""
    parts.append(expression.id)
    return ".".join(reversed(parts))


def _base(expression: ast.expr) -> str:
    return dotted(expression.value if isinstance(expression, ast.Subscript) else expression)


def _column(statement: ast.ClassDef, lines: list[bytes]) -> int:
    """Return the column of a class name; only blanks precede it, so bytes equal characters."""
    line = lines[statement.lineno - 1] if statement.lineno <= len(lines) else b""
    match = _CLASS_NAME.match(line.removeprefix(b"\xef\xbb\xbf"))
    return match.end() + 1 if match else statement.col_offset + 1


def _assigned(statement: ast.Assign | ast.AnnAssign) -> Iterator[Binding]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    stands_for = _base(statement.value) if statement.value is not None else ""
    for target in targets:
        if isinstance(target, ast.Name):
            yield Binding(target.id, stands_for)
        elif isinstance(target, (ast.Tuple, ast.List)):
            yield from (
                Binding(name_node.id, "") for name_node in target.elts if isinstance(name_node, ast.Name)
            )
