"""The reader of flat YAML returns data or leaves the text to the YAML parser."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.source import yaml, yaml_flat
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.read import read_text


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: b\n", {"a": "b"}),
        ("---\na: b", {"a": "b"}),
        ("\n# note\na: b # note\n\n", {"a": "b"}),
        ("a: b:c\n", {"a": "b:c"}),
        ("a: b c.\n", {"a": "b c."}),
        ("a: b c  # note\n", {"a": "b c"}),
        ("a: /b\n", {"a": "/b"}),
        ("a: 0\nb: 10\nc: 999999999999999\n", {"a": 0, "b": 10, "c": 999999999999999}),
        ("a: 'b: # c'\nb: \"c: # 'd'\"\nc: ''\n", {"a": "b: # c", "b": "c: # 'd'", "c": ""}),
        ("a: 'null'\nb: \"1\"\n", {"a": "null", "b": "1"}),
        ("a: []\nb: [ ]\nc: [ d ,e]\n", {"a": (), "b": (), "c": ("d", "e")}),
        ("a:\n- b\n- c\nd: e\n", {"a": ("b", "c"), "d": "e"}),
        ("a:\n  - b\n\n# note\n  - c\n", {"a": ("b", "c")}),
        ("a:\n- b\nc:\n  - d\n", {"a": ("b",), "c": ("d",)}),
        ("$a-b_1: c\nx-y: d\n", {"$a-b_1": "c", "x-y": "d"}),
        (f"{'k' * 128}: v\n", {"k" * 128: "v"}),
        (f"a: {'b' * 300}\n", {"a": "b" * 300}),
        ("a: b é\nc: é\n", {"a": "b é", "c": "é"}),
    ],
)
def test_flat_texts_are_read(text: str, data: dict[str, Any]) -> None:
    for _ in range(2):  # the second time from the cache of lines
        assert yaml_flat.load(text) == data
        assert yaml_flat.locate(text) == yaml.locate(text)


@pytest.mark.parametrize(
    "text",
    [
        "a:\n- b\nc: d\n- e\n",
        "a: b\n- c\n",
        "foo\n- a\n",
        "foo\n",
        "a: b\nfoo\n",
        "- a\n",
        "- a\nb: c\n",
        "a: [b\n",
        "a: [b,]\nc: ]\n",
        "a: 'b' c\n",
        "a: b: c\n",
        "a: b\na: c\n",
        "a:\n- b\na:\n- c\n",
        "a: 'b\n",
    ],
)
def test_what_is_no_yaml_is_an_error_and_never_data(text: str) -> None:
    assert yaml_flat.load(text) is None
    result = read_text("a.yaml", text.encode())
    assert isinstance(result, Diagnostic)
    assert result.id in ("invalid-yaml", "duplicate-key", "not-a-mapping")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# note\n",
        "a:\n",
        "a:\nb: c\n",
        "a:\n  - b\n    - c\n",
        "a:\n-  b\n -  c\n",
        "a: null\n",
        "a: true # note\n",
        "a: [b, null]\n",
        "a:\n- b\n- ~\n",
        "null: a\n",
        "true:\n- a\n",
        "a: 01\n",
        "a: -1\n",
        "a: 1.5\n",
        "a: 1000000000000000\n",
        'a: "b\\n"\n',
        "a: 'b''c'\n",
        "a: [b, 1]\n",
        "a: {b: c}\n",
        "a: |\n  b\n",
        "a: b\n  c\n",
        "a:\n- b\n  c\n",
        "a: b#c\n",
        "a:\n  - b\n  # note\n  - c\n",
        "a:\n  b: c\n",
        "a.b: c\n",
        f"{'k' * 129}: v\n",
        "a: b\u2028c\n",
        "a: é\x85\n",
        "a: *b\n",
        "a: b\n---\nc: d\n",
        "é: a\n",
    ],
)
def test_other_yaml_is_left_to_the_parser(text: str) -> None:
    for _ in range(2):
        assert yaml_flat.load(text) is None


def test_the_cache_of_lines_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_flat, "_MANY", 3)
    cache = yaml_flat._Remembered()
    assert [cache[f"a: b{number}"] for number in range(4)] == [("a", f"b{number}") for number in range(4)]
    assert list(cache) == ["a: b3"]
    long = f"a: {'b' * 198}"
    assert cache[long] == ("a", "b" * 198)
    assert list(cache) == ["a: b3"]
    assert cache[long[:-1]] == ("a", "b" * 197)
    assert list(cache) == ["a: b3", long[:-1]]
