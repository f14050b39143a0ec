"""The expressions of workflows, ``{{ steps.first.text }}``: Jinja's, in its sandbox, over plain data only.

No statement, no call of a method, no attribute of a Python object is to be had: a dot looks up a key.
What grows without bound (powers, repeated text, formats) is refused. Evaluating never runs a user's code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import GeneratorType
from typing import Any, Final, final

from jinja2 import Undefined, meta, nodes
from jinja2.exceptions import SecurityError, TemplateError, UndefinedError
from jinja2.parser import Parser

from stepwell.run.workflows.sandbox import ENVIRONMENT, FUNCTIONS
from stepwell.source.errors import StepwellError

__all__ = ["BadExpression", "Piece", "evaluate", "holds", "names_in", "pieces", "render", "steps_in"]

MAX_EXPRESSION: Final = 2000
"""The longest expression, in characters: what it gives is bounded by what it says."""

MAX_RESULT: Final = 1024 * 1024
"""The longest text that an expression may give, in characters."""


class BadExpression(StepwellError, ValueError):
    """An expression cannot be read, or has no value."""

    def __init__(self, expression: str, fault: str) -> None:
        self.expression = expression
        self.fault = fault
        super().__init__(f"`{expression}` {fault}")

    def __reduce__(self) -> tuple[type[BadExpression], tuple[str, str]]:
        return type(self), (self.expression, self.fault)


@final
class _Absent(BadExpression):
    """It can be read, and speaks of what is not there."""


@final
@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text: literal, or the inside of ``{{ }}``.

    Args:
        text: the literal text, or the expression without its braces and blanks.
        start: where it begins in the whole, braces included.
    """

    text: str
    expression: bool
    start: int
    written: str


_PREVIOUS: Final = re.compile(r"previous_response:\s*([A-Za-z_][\w-]*)((?:\.\w+|\[\d+\])*)")
_CONTAINS: Final = re.compile(r"(?P<whole>.+?)\s+contains\s+(?P<part>.+)", re.DOTALL)


def pieces(text: str) -> Iterator[Piece]:
    """The literal and the expressions of a text, in order. What is not closed is literal."""
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
    """The value of an expression.

    Args:
        expression: without braces.
        names: what it may speak of, as plain data.

    Raises:
        BadExpression: it cannot be read, or something that it speaks of is not there.
    """
    value = _value(expression, names)
    if isinstance(value, Undefined):
        raise BadExpression(expression, "has no value")
    return _plain(expression, value)


def holds(expression: str, names: Mapping[str, Any]) -> bool:
    """Whether a condition is true; what is not there is false.

    Args:
        expression: with or without braces around the whole.
        names: what it may speak of.

    Raises:
        BadExpression: it cannot be read.
    """
    try:
        return bool(_value(bare(expression), names))
    except _Absent:
        return False


def render(text: str, names: Mapping[str, Any]) -> Any:
    """A text with the values of its expressions; the value itself where the text is one expression.

    Args:
        names: what its expressions may speak of.

    Raises:
        BadExpression: one of them cannot be read or has no value.
    """
    if "{{" not in text:
        return text
    found = list(pieces(text))
    if len(found) == 1 and found[0].expression:
        return evaluate(found[0].text, names)
    told = "".join(
        as_text(evaluate(piece.text, names)) if piece.expression else piece.text for piece in found
    )
    if len(told) > MAX_RESULT:
        raise BadExpression(text[:40], f"gives more than {MAX_RESULT} characters")
    return told


def as_text(value: Any) -> str:
    """A value as it stands in a text: text as it is, and the rest as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def bare(expression: str) -> str:
    """An expression without the braces around the whole of it."""
    found = list(pieces(expression.strip()))
    return found[0].text if len(found) == 1 and found[0].expression else expression.strip()


def names_in(expression: str) -> frozenset[str]:
    """The names that an expression speaks of, beside the functions there are.

    Raises:
        BadExpression: it cannot be read.
    """
    return frozenset(meta.find_undeclared_variables(_tree(expression))) - frozenset(FUNCTIONS)


def steps_in(expression: str) -> frozenset[str]:
    """The steps that an expression asks for as ``steps.NAME``.

    Raises:
        BadExpression: it cannot be read.
    """
    found: set[str] = set()
    tree = _tree(expression)
    for by_dot in tree.find_all(nodes.Getattr):
        if _is_steps(by_dot.node):
            found.add(by_dot.attr)
    for by_key in tree.find_all(nodes.Getitem):
        if _is_steps(by_key.node) and isinstance(by_key.arg, nodes.Const):
            found.add(str(by_key.arg.value))
    return frozenset(found)


def _is_steps(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == "steps"


def _value(expression: str, names: Mapping[str, Any]) -> Any:
    try:
        return _compiled(expression)(dict(names))
    except BadExpression:
        raise
    except UndefinedError as error:
        raise _Absent(expression, _words(error)) from None
    except SecurityError as error:
        raise BadExpression(expression, _words(error)) from None
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
        raise BadExpression(expression, f"has no value: {error}") from None


def _words(error: Exception) -> str:
    told = str(error)
    return told if told.startswith(("uses", "adds", "has")) else f"has no value: {told}"


def _plain(expression: str, value: Any) -> Any:
    """A value as plain data, of a bounded size."""
    if isinstance(value, str):
        if len(value) > MAX_RESULT:
            raise BadExpression(expression, f"gives more than {MAX_RESULT} characters")
        return str(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(expression, item) for key, item in value.items()}
    if isinstance(value, (list, tuple, GeneratorType)):  # some filters give their items piece by piece
        return [_plain(expression, item) for item in value]
    raise BadExpression(expression, "is no plain value")


def _translated(expression: str) -> str:
    """An expression of the old workflow files in Jinja's words."""
    told = _PREVIOUS.sub(lambda found: f"steps[{found[1]!r}]{found[2]}", expression)
    found = _CONTAINS.fullmatch(told)
    return f"({found['part']}) in ({found['whole']})" if found else told


@lru_cache(maxsize=1024)
def _tree(expression: str) -> nodes.Template:
    source = _translated(expression)
    if len(source) > MAX_EXPRESSION:
        raise BadExpression(f"{expression[:40]}...", f"has more than {MAX_EXPRESSION} characters")
    try:
        parser = Parser(ENVIRONMENT, source, state="variable")  # as ``compile_expression`` reads it
        found = parser.parse_expression()
    except TemplateError as error:
        raise BadExpression(expression, f"cannot be read: {error.message}") from None
    except RecursionError:
        raise BadExpression(expression, "is nested too deeply") from None
    if not parser.stream.eos:
        raise BadExpression(expression, f"cannot be read: it ends before `{parser.stream.current.value}`")
    tree = nodes.Template([nodes.Output([found], lineno=1)], lineno=1)
    tree.set_environment(ENVIRONMENT)
    return tree


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> Callable[..., Any]:
    _tree(expression)
    try:
        return ENVIRONMENT.compile_expression(_translated(expression), undefined_to_none=False)
    except TemplateError as error:
        raise BadExpression(expression, f"cannot be read: {error.message}") from None


def _closing(text: str, at: int) -> int:
    """Where the braces that stand before a place are closed, quotes respected; -1 where they are not."""
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
