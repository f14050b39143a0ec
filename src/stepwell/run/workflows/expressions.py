"""Expressions of workflows, ``{{ steps.first.text }}``: sandboxed Jinja over plain data.

Statements, method calls and attributes of Python objects are not available; a dot looks up a key. Operations
with unbounded results (powers, repeated text, formats) are rejected. No user code is executed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import GeneratorType
from typing import Any, Final, final

from jinja2 import Undefined, meta, nodes
from jinja2.exceptions import SecurityError, TemplateError, UndefinedError
from jinja2.parser import Parser

from stepwell.run.workflows.sandbox import ENVIRONMENT, FUNCTIONS, MAX_RESULT
from stepwell.source.errors import StepwellError
from stepwell.source.spelling import suggest
from stepwell.source.wording import parenthesised

__all__ = ["BadExpression", "Piece", "evaluate", "holds", "names_in", "pieces", "render", "steps_in"]

_MAX_OPERANDS: Final = 100

MAX_EXPRESSION: Final = 2000
"""Maximum length of an expression in characters, which bounds its result."""


class BadExpression(StepwellError, ValueError):
    """The expression is invalid or has no value."""

    def __init__(self, expression: str, fault: str) -> None:
        self.expression = expression
        self.fault = fault
        super().__init__(f"`{expression}` {fault}")

    def __reduce__(self) -> tuple[type[BadExpression], tuple[str, str]]:
        return type(self), (self.expression, self.fault)


@final
class _Absent(BadExpression):
    """The expression refers to a missing value."""


@final
@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text: literal, or an expression in ``{{ }}``.

    Args:
        text: literal text, or the expression without braces and whitespace.
        start: offset in the text, including braces.
    """

    text: str
    expression: bool
    start: int
    written: str


_PREVIOUS: Final = re.compile(r"previous_response:\s*([A-Za-z_][\w-]*)((?:\.\w+|\[\d+\])*)")
_CONTAINS: Final = re.compile(r"(?P<whole>.+?)\s+contains\s+(?P<part>.+)", re.DOTALL)


def pieces(text: str) -> Iterator[Piece]:
    """Yield the literals and expressions of a text; unclosed braces are literal."""
    at = 0
    while (start := text.find("{{", at)) >= 0:
        end = _closing(text, start + 2)
        if end < 0:
            break
        if start > at:
            yield Piece(text[at:start], False, at, text[at:start])
        yield Piece(text[start + 2 : end].strip(), True, start, text[start : end + 2])
        at = end + 2
    if at < len(text):
        yield Piece(text[at:], False, at, text[at:])


def evaluate(expression: str, names: Mapping[str, Any]) -> Any:
    """Return the value of an expression.

    Args:
        expression: without braces.

    Raises:
        BadExpression: the expression is invalid or refers to a missing value.
    """
    value = _value(expression, names)
    if isinstance(value, Undefined):
        raise BadExpression(expression, "has no value")
    return _plain(expression, value)


def holds(expression: str, names: Mapping[str, Any]) -> bool:
    """Return whether a condition is true; missing values are false.

    Args:
        expression: with or without enclosing braces.

    Raises:
        BadExpression: the expression is invalid.
    """
    try:
        return bool(_value(bare(expression), names))
    except _Absent:
        return False


def render(text: str, names: Mapping[str, Any]) -> Any:
    """Return a text with its expressions evaluated; a single expression keeps its type.

    Raises:
        BadExpression: an expression is invalid or has no value.
    """
    if "{{" not in text:
        return text
    parts = list(pieces(text))
    if len(parts) == 1 and parts[0].expression:
        return evaluate(parts[0].text, names)
    result = "".join(
        as_text(evaluate(piece.text, names)) if piece.expression else piece.text for piece in parts
    )
    if len(result) > MAX_RESULT:
        raise BadExpression(text[:40], f"results in more than {MAX_RESULT} characters")
    return result


def as_text(value: Any) -> str:
    """Return a value as text: strings verbatim, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def bare(expression: str) -> str:
    """Return an expression without enclosing braces."""
    parts = list(pieces(expression.strip()))
    return parts[0].text if len(parts) == 1 and parts[0].expression else expression.strip()


def names_in(expression: str) -> frozenset[str]:
    """Return the names in an expression, except functions.

    Raises:
        BadExpression: the expression is invalid.
    """
    return frozenset(meta.find_undeclared_variables(_tree(expression))) - frozenset(FUNCTIONS)


def steps_in(expression: str) -> frozenset[str]:
    """Return the names of steps in the form ``steps.NAME``.

    Raises:
        BadExpression: the expression is invalid.
    """
    steps: set[str] = set()
    tree = _tree(expression)
    for by_dot in tree.find_all(nodes.Getattr):
        if _is_steps(by_dot.node):
            steps.add(by_dot.attr)
    for by_key in tree.find_all(nodes.Getitem):
        if _is_steps(by_key.node) and isinstance(by_key.arg, nodes.Const):
            steps.add(str(by_key.arg.value))
    return frozenset(steps)


def _is_steps(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == "steps"


def _value(expression: str, names: Mapping[str, Any]) -> Any:
    try:
        return _compiled(expression)(dict(names))
    except BadExpression:
        raise
    except UndefinedError as error:
        raise _Absent(expression, _message(error)) from None
    except SecurityError as error:
        raise BadExpression(expression, _message(error)) from None
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
        raise BadExpression(expression, f"has no value: {error}") from None


def _message(error: Exception) -> str:
    message = str(error)
    return message if message.startswith(("uses", "adds", "has")) else f"has no value: {message}"


def _plain(expression: str, value: Any) -> Any:
    """Return a value as plain data of bounded size."""
    if isinstance(value, str):
        if len(value) > MAX_RESULT:
            raise BadExpression(expression, f"results in more than {MAX_RESULT} characters")
        return str(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(expression, item) for key, item in value.items()}
    if isinstance(value, (list, tuple, GeneratorType)):  # some filters return generators
        return [_plain(expression, item) for item in value]
    raise BadExpression(expression, "does not result in plain data")


def _translated(expression: str) -> str:
    """Translate the legacy syntax to Jinja."""
    jinja = _PREVIOUS.sub(lambda match: f"steps[{match[1]!r}]{match[2]}", expression)
    if "?" in jinja:
        jinja = _with_choice(jinja)
    contains = _CONTAINS.fullmatch(jinja)
    return f"({contains['part']}) in ({contains['whole']})" if contains else jinja


def _with_choice(expression: str) -> str:
    """Translate ``condition ? value : other`` outside of quotes and brackets."""
    quote, depth, choice = "", 0, -1
    for at, char in enumerate(expression):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "?" and not depth and choice < 0:
            choice = at
        elif char == ":" and not depth and choice >= 0:
            condition, value = expression[:choice], expression[choice + 1 : at]
            return f"({value}) if ({condition}) else ({_with_choice(expression[at + 1 :])})"
    return expression


@lru_cache(maxsize=1024)
def _tree(expression: str) -> nodes.Template:
    source = expression if len(expression) > MAX_EXPRESSION else _translated(expression)
    if len(source) > MAX_EXPRESSION:  # checked first: translating a long text takes quadratic time
        raise BadExpression(f"{expression[:40]}...", f"has more than {MAX_EXPRESSION} characters")
    try:
        parser = Parser(ENVIRONMENT, source, state="variable")  # like ``compile_expression``
        root = parser.parse_expression()
    except TemplateError as error:
        raise BadExpression(expression, f"is invalid: {error.message}") from None
    except RecursionError:
        raise BadExpression(expression, "is nested too deeply") from None
    if not parser.stream.eos:
        raise BadExpression(expression, f"is invalid: unexpected `{parser.stream.current.value}`")
    for kind, known in ((nodes.Filter, ENVIRONMENT.filters), (nodes.Test, ENVIRONMENT.tests)):
        for node in [root, *root.find_all(kind)]:
            if isinstance(node, kind) and node.name not in known:
                noun = kind.__name__.lower()
                hint = parenthesised(suggest(node.name, known) or f"available: {', '.join(sorted(known))}")
                raise BadExpression(expression, f"uses the unknown {noun} `{node.name}`{hint}")
    if isinstance(root, nodes.Pow) or root.find(nodes.Pow) is not None:
        raise BadExpression(expression, "uses `**`, which is not allowed")
    for constant in [root, *root.find_all(nodes.Const)]:
        value = getattr(constant, "value", None)
        if isinstance(value, float) and not math.isfinite(value):
            raise BadExpression(expression, "contains a number that is too large")
    operands = sum(len(node.nodes) for node in root.find_all(nodes.Concat)) + len(getattr(root, "nodes", ()))
    if operands > _MAX_OPERANDS:
        raise BadExpression(f"{expression[:40]}...", f"joins more than {_MAX_OPERANDS} texts")
    tree = nodes.Template([nodes.Output([root], lineno=1)], lineno=1)
    tree.set_environment(ENVIRONMENT)
    return tree


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> Callable[..., Any]:
    _tree(expression)
    try:
        return ENVIRONMENT.compile_expression(_translated(expression), undefined_to_none=False)
    except TemplateError as error:
        raise BadExpression(expression, f"is invalid: {error.message}") from None


def _closing(text: str, at: int) -> int:
    """Return the offset of the closing braces, ignoring quoted ones; -1 if unclosed."""
    quote = ""
    while at < len(text):
        char = text[at]
        if quote:
            at += char == "\\"
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif text.startswith("}}", at) and not text.startswith("}}}", at):
            return at
        at += 1
    return -1
