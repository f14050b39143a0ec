"""What is written as YAML reads back as the same data, through every reader."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stepwell.source import yaml, yaml_writer
from stepwell.source.document import Document, thaw
from stepwell.source.read import read_text
from stepwell.source.yaml_writer import to_yaml

pytestmark = pytest.mark.slow


def _one_of(words: str) -> st.SearchStrategy[str]:
    """One of the words separated by a broken bar."""
    return st.sampled_from(words.split("¦"))


WORDS = _one_of(
    "null¦Null¦~¦true¦FALSE¦yes¦no¦on¦off¦y¦n¦=¦<<¦-¦--¦---¦...¦0¦012¦0o7¦0x1F¦1_000¦1e3¦1.¦.5¦+1¦"
    "-0¦.inf¦.nan¦12:30:00¦2027-06-30¦0b1¦1:30¦99999999999999999999¦1e999¦0o8¦0xG¦08¦1__0¦+.5¦"
    "-.inf¦1E5¦.¦e3¦a: b¦a #b¦#a¦- a¦? a¦: a¦a:¦[a¦]¦{a¦}¦,¦&a¦*a¦!a¦|¦>¦%a¦@a¦`a¦'¦\"¦''¦it's¦"
    '"a"¦\\¦\\n¦a\nb¦a\n¦\na¦\n¦\n\n¦ a¦a ¦  ¦a\tb¦\t¦\ta¦a\r\nb¦\r¦a\x85b¦\u2028¦a\u2029¦\ufeff¦'
    "a\ufeff¦\x07¦\x00¦\x7f¦\xa0¦é¦\U0001f600¦\ufffe¦\ue000¦\x1b[31m¦{{ a }}¦a\n  b\nc¦a\n\n\nb ¦"
    " \n a¦"
    "# stepwell: ignore[naming-style]"
)
LONG = st.sampled_from(["word " * 40, "a" * 200, "word " * 30 + "\n" + "more " * 30])
TEXTS = st.one_of(WORDS, LONG, st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
SCALARS = st.one_of(
    TEXTS,
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
PLAIN = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=15,
)
MAPPINGS = st.dictionaries(TEXTS, PLAIN, min_size=1, max_size=5)


def typed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return type(value).__name__, repr(value)


@settings(max_examples=200)
@given(MAPPINGS)
@example({"a": 1e16})
@example({"a": 1e300})
@example({"a": -0.0})
@example({"a": 5e-324})
@example({"a": "\U0010ffff"})
@example({"a": "\ud7ff\ue000"})
@example({"": ""})
@example({"a" * 200: 1})
@example({"a b " * 60: 1})
@example({"a\nb": 1})
@example({"a": {}})
@example({"a": []})
@example({"a": [[], {}, [[]]]})
@example({"x" * 129: {"y" * 1500: "z"}})
@example({"a": [{"b": "c\n", "d": ["e"]}]})
def test_it_reads_back_as_the_same_data(data: dict[str, Any]) -> None:
    document = read_text("a.yaml", to_yaml(data).encode())
    assert isinstance(document, Document), document
    assert typed(thaw(document.data)) == typed(data)
    assert list(document.data) == list(data)


@settings(max_examples=60)
@given(MAPPINGS)
def test_it_reads_back_without_libyaml_too(data: dict[str, Any]) -> None:
    text = to_yaml(data)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(yaml, "CParser", None)
        document = read_text("a.yaml", text.encode())
    assert isinstance(document, Document), document
    assert typed(thaw(document.data)) == typed(data)


def test_it_is_written_as_a_person_would() -> None:
    data = {
        "name": "Scoring",
        "priority": 5,
        "environment_tags": ["gpu", "no"],
        "x-a": {"b": None, "c": "012"},
    }
    assert to_yaml(data) == (
        "name: Scoring\npriority: 5\nenvironment_tags:\n  - gpu\n  - 'no'\nx-a:\n  b: null\n  c: \"012\"\n"
    )


SENTENCES = st.lists(
    st.one_of(
        st.from_regex(r"[A-Za-z_/(,.'\"\[>!%&*{|-]{1,30}", fullmatch=True),
        st.from_regex(r"[0-9.e+-]{1,9}", fullmatch=True),
        st.just("a" * 99),
        WORDS,
    ),
    min_size=1,
    max_size=30,
).map(" ".join)
SIMPLE = st.recursive(
    st.one_of(SENTENCES, st.none(), st.booleans(), st.integers(), st.floats()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(WORDS, SENTENCES), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=500)
@given(st.dictionaries(st.from_regex(r"[A-Za-z_-]{1,9}", fullmatch=True), SIMPLE, min_size=1, max_size=4))
@example({"a": {"b": ["c " * 40 + "d", "e" * 99 + " f", "e" * 95 + " f g"]}, "k" * 98: "v w"})
@example({"a": "b" * 97 + " c"})
@example({"a": "b" * 98 + " c"})
@example(
    {"a": "0.3", "b": "", "c": ">=1.7", "d": "[a, b: c #", "e": "12", "f": "1e9", "g": "null", "h": "{a  b"}
)
@example({"a": "--job_type", "b": "/opt/ml", "c": "---", "d": "- a", "e": "-", "f": "--- a", "g": "-x y"})
@example({"a": {}, "b": [], "c": [{"d": 1}], "e": "f ", "yes": "no", "g": "On"})
def test_simple_data_is_written_as_by_pyyaml(data: dict[str, Any]) -> None:
    written = yaml_writer._dump(data, allow_unicode=True)
    if written.replace("\n", "").isprintable():
        assert to_yaml(data) == written
