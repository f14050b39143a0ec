"""Helpers for messages."""

from __future__ import annotations

import pytest

from stepwell.source.wording import counted, listed, parenthesised


@pytest.mark.parametrize(
    ("texts", "most", "result"),
    [
        ("", 3, ""),
        ("a", 3, "a"),
        ("abc", 3, "a, b, c"),
        ("abcd", 3, "a, b, c and 1 more"),
        ("abcde", 3, "a, b, c and 2 more"),
        ("ab", 1, "a and 1 more"),
    ],
)
def test_more_are_counted_only_if_there_are_more(texts: str, most: int, result: str) -> None:
    assert listed(iter(texts), most) == result


def test_three_texts_are_listed_by_default() -> None:
    assert listed("abcd") == "a, b, c and 1 more"


@pytest.mark.parametrize(
    ("count", "nouns", "result"),
    [
        (0, ("file",), "0 files"),
        (1, ("file",), "1 file"),
        (2, ("file",), "2 files"),
        (1, ("entry", "entries"), "1 entry"),
        (2, ("entry", "entries"), "2 entries"),
    ],
)
def test_a_number_has_its_noun(count: int, nouns: tuple[str, ...], result: str) -> None:
    assert counted(count, *nouns) == result


def test_only_a_hint_has_parentheses() -> None:
    assert (parenthesised("did you mean `a`?"), parenthesised("")) == (" (did you mean `a`?)", "")
