"""Expressions of workflows: what they can say, and that they reach nothing but data."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from stepwell.run.workflows import BadExpression, evaluate, render
from stepwell.run.workflows.expressions import MAX_RESULT, holds, names_in, pieces, steps_in
from stepwell.run.workflows.sandbox import ENVIRONMENT

NAMES: dict[str, Any] = {
    "steps": {"first": {"text": "hi", "items": [{"score": 90}, {"score": 10}], "keys": 3}},
    "state": {"counter": 2},
    "x": [3, 1, 2],
    "word": "abc",
    "none": None,
    "echoed": "plain",
}


FILTERS = ", ".join(sorted(ENVIRONMENT.filters))
TESTS = ", ".join(sorted(ENVIRONMENT.tests))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("steps.first.text", "hi"),
        ("steps.first.items[0].score", 90),
        ("steps['first'].keys", 3),
        ("state.counter + 1", 3),
        ("state.counter * 2.5", 5.0),
        ("length(x) > 2 and word == 'abc'", True),
        ("x | sort", [1, 2, 3]),
        ("sum(x) / average(x)", 3.0),
        ("min(x) ~ '-' ~ max(x)", "1-3"),
        ("steps.first.items | map(attribute='score') | list", [90, 10]),
        ("steps.first.items | selectattr('score', 'gt', 50) | list", [{"score": 90}]),
        ("{'a': [1, 'b']}", {"a": [1, "b"]}),
        ("word contains 'b'", True),
        ("x contains 4", False),
        ("nothing | default('d')", "d"),
        ("nothing is defined", False),
        ("previous_response:first.text", "hi"),
        ("previous_response:first.items[1].score", 10),
        ("echoed.result", "plain"),
        ("none", None),
        ("state.counter == 0 ? word : echoed", "plain"),
        ("state.counter > 1 ? 'a ? b : c' : [1, 2][0]", "a ? b : c"),
        ("state.counter < 1 ? 1 : state.counter < 3 ? 2 : 3", 2),
    ],
)
def test_an_expression_has_a_value(expression: str, value: Any) -> None:
    assert evaluate(expression, NAMES) == value


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("word.upper()", "has no value: Undefined is not safely callable"),
        ("word.__class__", "has no value"),
        ("word['__class__']", "has no value"),
        ("x.append(1)", "has no value: Undefined is not safely callable"),
        ("nothing", "has no value"),
        ("nothing.more.still", "has no value"),
        ("nothing ~ 'x'", "has no value: 'nothing' is undefined"),
        ("2 ** 3", "uses `**`, which is not allowed"),
        ("'a' * 10", "uses `*` on operands that are not numbers"),
        ("'%s' % word", "uses `%` on operands that are not numbers"),
        ("x + 1", "adds values of different types; use `~` to join text"),
        ("1 / 0", "has no value: division by zero"),
        ("word < 3", "has no value: '<' not supported between instances of 'str' and 'int'"),
        ("x +", "is invalid: unexpected 'end of template'"),
        ("a b", "is invalid: unexpected `b`"),
        ("word | format", "uses the unknown filter `format` (did you mean `float`?)"),
        (
            "word | attr('upper')",
            f"uses the unknown filter `attr` (available: {', '.join(sorted(ENVIRONMENT.filters))})",
        ),
        (
            "word is callable",
            f"uses the unknown test `callable` (available: {', '.join(sorted(ENVIRONMENT.tests))})",
        ),
        ("range(10)", "has no value: Undefined is not safely callable"),
        ("self", "does not result in plain data"),
        ("1 }}{% for a in x %}{{ a", "is invalid: unexpected `}}`"),
        ("1 + " * 600 + "1", ""),
    ],
)
def test_what_is_no_plain_expression_is_rejected(expression: str, fault: str) -> None:
    with pytest.raises(BadExpression) as refused:
        evaluate(expression, NAMES)
    fault = f"`{expression}` {fault}" if fault else f"`{expression[:40]}...` has more than 2000 characters"
    assert str(refused.value) == fault
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)  # noqa: S301


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no braces", "no braces"),
        ("{{ state.counter + 1 }}", 3),
        ("{{ x }}", [3, 1, 2]),
        ("n={{ state.counter }}, x={{ x }}", "n=2, x=[3, 1, 2]"),
        ("{{ '}}' }} and {{ {'a': 1}.a }}", "}} and 1"),
        ("{% for a in x %} {# note #} {{ word }}", "{% for a in x %} {# note #} abc"),
        ("{{ word", "{{ word"),
        ("", ""),
    ],
)
def test_a_text_is_rendered(text: str, value: Any) -> None:
    assert render(text, NAMES) == value


def test_what_would_be_too_long_is_rejected() -> None:
    names = {"long": "a" * MAX_RESULT}
    assert render("{{ long }}", names) == names["long"]
    with pytest.raises(BadExpression, match="results in more than 1048576 characters"):
        render("{{ long }}b", names)
    with pytest.raises(BadExpression, match="results in more than 1048576 characters"):
        evaluate("long ~ long", names)


@pytest.mark.parametrize(
    ("condition", "true"),
    [
        ("state.counter == 2", True),
        ("{{ state.counter > 2 }}", False),
        ("nothing", False),
        ("nothing.at.all > 3", False),
        ("not nothing.at.all", True),
        ("steps.first.text == 'hi'", True),
    ],
)
def test_a_condition_holds_or_not(condition: str, true: bool) -> None:
    assert holds(condition, NAMES) is true


def test_a_condition_that_cannot_be_read_is_rejected() -> None:
    with pytest.raises(BadExpression, match="is invalid"):
        holds("a ==", NAMES)


def test_names_and_steps_are_found() -> None:
    assert names_in("a.b + length(steps.c) - steps['d'] * previous_response:e.f") == {"a", "steps"}
    assert steps_in("a.b + length(steps.c) - steps['d'] * previous_response:e.f") == {"c", "d", "e"}


def test_a_text_falls_into_pieces_that_make_it_up() -> None:
    text = "a {{ b }}{{c}} }} {{ '{{' }} {{"
    assert "".join(one.written for one in pieces(text)) == text
    assert [one.text for one in pieces(text) if one.expression] == ["b", "c", "'{{'"]


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("(1|round(99999999,'ceil')) > 3", "has a precision that is not between -15 and 15"),
        ("1|round(-999999999)", "has a precision that is not between -15 and 15"),
        ("1e999|int > 3", "contains a number that is too large"),
        ("a" + " " * 60_000 + "b", "has more than 2000 characters"),
        (
            "'aaaaaaaaaa'|list" + "|map(attribute='q',default='aaaaaaaaaa')|join|list" * 9,
            "intermediate result",
        ),
        ("[word, word]|join(word)|list|map(attribute='q',default=word)|string", "intermediate result"),
        ("[[1], [2]]|sum(start=[])", "has no value"),
        ("~".join(["word"] * 300), "joins more than 100 texts"),
    ],
)
def test_an_expression_cannot_take_more_than_its_share(expression: str, fault: str) -> None:
    with pytest.raises(BadExpression) as raised:
        evaluate(expression, {"word": "z" * 1_000_000})
    assert fault in str(raised.value)


def test_checking_an_expression_evaluates_none_of_it() -> None:
    assert names_in("(1|round(99999999,'ceil')) > count_of") == {"count_of"}
