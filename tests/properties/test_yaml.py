"""The readers of YAML agree: line by line, from libyaml's events, from PyYAML's, and PyYAML itself.

The texts are generated near the grammar of definitions, so that most of them are nearly right.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml as pyyaml
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from stepwell.source import yaml, yaml_flat
from stepwell.source import yaml as reader
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.document import Document, Unreadable, span_of, thaw
from stepwell.source.read import read_text
from stepwell.source.scalars import resolve

pytestmark = pytest.mark.slow


def load(text: str) -> dict[str, Any]:
    """The data of a text without faults; the first fault of any other is raised."""
    data, faults = reader.load(text)
    for fault in faults:
        raise fault
    return data


def _one_of(words: str) -> st.SearchStrategy[str]:
    """One of the words separated by a broken bar."""
    return st.sampled_from(words.split("¦"))


FORBIDDEN = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that a Document cannot contain; they are rejected before YAML is read."""

KEYS = _one_of("name¦a¦b¦x-a¦x_b¦$schema¦_¦A1¦a.b¦null¦true¦yes¦1¦é¦-¦a b¦~")
WORDS = _one_of(
    "null¦Null¦NULL¦~¦true¦True¦TRUE¦false¦yes¦no¦on¦off¦y¦N¦nUll¦0¦1¦01¦-1¦+1¦007¦0o17¦0x1F¦1_000¦"
    "12:30:00¦1.5¦.5¦1.¦1e3¦-0¦.inf¦-.INF¦.nan¦2027-06-30¦999999999999999¦9223372036854775807¦"
    "9223372036854775808¦a¦A b¦a: b¦a:b¦a #b¦a#b¦a  b ¦- a¦-a¦a-¦? a¦?a¦=¦<<¦a,b¦a, b¦[a]¦[a, b]¦"
    "[ a ,b ]¦[a,]¦[]¦[a, null]¦[a b]¦[1, a]¦{a: b}¦{}¦a]¦a}¦[a¦'a'¦'a''b'¦''¦'a # b'¦\"a\"¦"
    '"a\\nb"¦""¦"a # b"¦\'a\' b¦"a"b¦\'a¦"a¦\'a\' # c¦*a¦&a b¦!t a¦!!str 1¦|¦>¦|-¦%a¦@a¦`a¦#a¦'
    "a %¦a@b¦http://a/b¦a::b¦é¦\U0001f600¦a\u2028b¦a\x85b¦a\xa0¦\xa0¦\ufeffa¦a\tb¦a\t¦\u200b¦"
    "a\x7fb¦a/b¦/a¦./a¦C:\\a¦${a}¦{{ a }}¦---¦...¦--- a¦a ---¦a:¦:a¦a :b¦: a"
)
SPACE = st.sampled_from([" ", " ", " ", "  ", "", "\t", " \t"])
ENDS = st.sampled_from(["", "", "", " ", " # comment", "  #", "#", " #\tx", " # é \N{GRINNING FACE}", "\t"])
TEXTS = st.one_of(WORDS, st.lists(WORDS, min_size=2, max_size=3).map(" ".join), st.text(max_size=6))
ITEMS = st.lists(
    st.builds("{}-{}{}{}".format, st.sampled_from(["", "  ", "    ", " "]), SPACE, TEXTS, ENDS),
    min_size=1,
    max_size=3,
).map("\n".join)
LINES = st.one_of(
    st.builds("{}:{}{}{}".format, KEYS, SPACE, TEXTS, ENDS),
    st.builds("{}:{}{}{}".format, KEYS, SPACE, TEXTS, ENDS),
    st.builds("{}:{}\n{}".format, KEYS, ENDS, ITEMS),
    st.builds("{}:{}\n  {}:{}{}".format, KEYS, ENDS, KEYS, SPACE, TEXTS),
    st.builds("{}: |\n  {}\n  {}".format, KEYS, TEXTS, TEXTS),
    st.builds("  {}".format, TEXTS),
    ITEMS,
    st.sampled_from(["", "", " ", "# comment", "  # comment", "#é", "---", "...", "%YAML 1.2", "\t"]),
    TEXTS,
)
BREAKS = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r"])


@st.composite
def documents(draw: st.DrawFn) -> str:
    start = draw(st.sampled_from(["", "", "", "---\n", "--- \n", "# comment\n", "\n"]))
    end = draw(st.sampled_from(["\n", "\n", "", "\n\n", "\n...\n", " "]))
    lines = draw(st.lists(LINES, max_size=6))
    line_break = draw(BREAKS)
    text = start + line_break.join(lines).replace("\n", line_break) + end
    return FORBIDDEN.sub("a", text)


TEXT = documents()
SCALARS = _one_of(
    "a¦a b¦a:b¦a#b¦null¦~¦true¦no¦1¦-1¦012¦0x1F¦1.5¦2027-06-30¦12:30:00¦'a'¦'it''s'¦''¦'a # b'¦"
    '\'null\'¦"a"¦"\\n\\u00e9\\x41"¦""¦"a: b"¦é¦\U0001f600¦a\xa0b¦a\u2028b¦\'a\x85b\'¦'
    '"\u2029"¦a/b¦?a¦-a¦<<¦=¦a]b'
)
BARE_KEYS = _one_of('k{}¦\'k{}\'¦"k{}"¦k {}¦é{}¦\U0001f600{}¦k{}#¦"k\\x41{}"¦\u2028{}')
FILLING = st.sampled_from(["", "", "", " ", " # comment", "  # 'é'"])
ABOVE = st.sampled_from(["", "", "", "\n", "# comment\n", "  # comment: [\n"])


@st.composite
def readable(draw: st.DrawFn) -> str:
    """A text that is YAML, in most of the ways that there are to write it."""
    text = draw(st.sampled_from(["", "", "---\n", "# comment\n", "%YAML 1.2\n---\n", "\n"])) + _block_mapping(
        draw, 0, 3
    )
    return draw(BREAKS).join(text.split("\n")) + draw(st.sampled_from(["", "", "...\n", "# comment", "\n"]))


def _block_mapping(draw: st.DrawFn, indent: int, depth: int) -> str:
    count = draw(st.integers(1, 3))
    entries = (f"{_key(draw, number)}:{_value(draw, indent, depth)}" for number in range(count))
    return "".join(draw(ABOVE) + " " * indent + entry for entry in entries)


def _key(draw: st.DrawFn, number: int) -> str:
    return draw(BARE_KEYS).replace("{}", str(number))


def _value(draw: st.DrawFn, indent: int, depth: int) -> str:
    ways = ["scalar", "scalar", "empty", "flow", "literal", "folded", "lines"]
    way = draw(st.sampled_from([*ways, "mapping", "list"] if depth else ways))
    end = draw(FILLING) + "\n"
    if way == "mapping":
        return end + _block_mapping(draw, indent + draw(st.integers(1, 3)), depth - 1)
    if way == "list":
        inner = indent + draw(st.integers(0, 2))
        items = (_value(draw, inner, depth - 1) for _ in range(draw(st.integers(1, 3))))
        return end + "".join(draw(ABOVE) + " " * inner + "-" + item for item in items)
    margin = " " * (indent + 2)
    if way in ("literal", "folded"):
        head = draw(st.sampled_from(["|", "|-"] if way == "literal" else [">", ">-"]))
        return f" {head}{end}{margin}one # two\n\n{margin}{draw(st.sampled_from(['two', '  two', 'é: 1']))}\n"
    if way == "lines":
        quote = draw(st.sampled_from(["'", '"', ""]))
        return f" {quote}one\n{margin}two\n\n{margin}three{quote}{end}"
    return (" " + (draw(SCALARS) if way == "scalar" else _flow(draw, depth)) if way != "empty" else "") + end


def _flow(draw: st.DrawFn, depth: int) -> str:
    space = draw(st.sampled_from(["", " "]))
    count = draw(st.integers(0, 3))
    items = [_flow(draw, depth - 1) if depth and draw(st.booleans()) else draw(SCALARS) for _ in range(count)]
    items = [f"'{item}'" if item in ("a]b", "?a") else item for item in items]  # libyaml takes `?` for a key
    if draw(st.booleans()):
        return f"[{space}{f'{space}, '.join(items)}{space}]"
    keyed = [f"{_key(draw, number)}: {item}" for number, item in enumerate(items)]
    return f"{{{space}{f'{space}, '.join(keyed)}{space}}}"


READABLE = readable()
FLAT_LINES = st.one_of(
    st.builds("{}: {}{}".format, KEYS, WORDS, ENDS),
    st.builds("{}: {}".format, st.uuids().map(lambda one: f"k{one.hex[:4]}"), WORDS),
    st.builds("k{}:\n{}- {}\n{}- {}".format, st.integers(0, 9), SPACE, WORDS, SPACE, WORDS),
    st.sampled_from(["", "# comment", "---", " "]),
)
NEARLY_FLAT = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "", "---\n"]),
    st.lists(FLAT_LINES, min_size=1, max_size=4).map("\n".join),
    st.sampled_from(["\n", "", "\n\n"]),
)


def read(text: str) -> Any:
    """The result of the event reader, or its error and position."""
    try:
        return load(text)
    except Unreadable as refused:
        return refused.id, refused.stretch


def typed(value: Any) -> Any:
    """A value that is equal only to one of the same types."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [typed(item) for item in value]
    return type(value).__name__, repr(value)


@settings(max_examples=500)
@given(st.one_of(NEARLY_FLAT, TEXT))
@example("a: b\u2028c\n")
@example("a: b\n\na: c\n")
@example("a:\nb: c\n")
@example("a:\n- b\n\n- c\n")
@example("a:\n- b\n- null\n")
@example("a: b #c\n# d")
@example("a: b\n---\n")
@example("---\n---\na: b\n")
@example("a: b\n...\n")
@example("---\na: ---\n")
@example("a: http://b: c\n")
@example("a: [a, - b]\n")
@example("$a: -\n")
@example("a: b\n- c\n")
@example("a: b\n  c\n")
@example("a: 'b'\n  c\n")
@example("a: [b]\n  # c\n")
@example("a: 1\n - b\n")
@example("a:\n - b\n  c\n")
@example("a:\n - b\n - c:\n")
@example("x:" + " " * 1025 + "y\n")
@example("k" * 1025 + ": y\n")
@example("k" * 1024 + ": y\n")
@example("k" * 1023 + ": y\n")
@example("a: " + "é" * 3000 + "\n")
@example("- a")
@example("a: b c \n")
@example("a: b\tc\n")
@example("a: b\x7fc d\n")
@example("a: é ü\n")
@example("".join(f"k{number}: v{number}\n" for number in range(5000)))
def test_the_flat_reader_returns_what_the_event_reader_returns(text: str) -> None:
    plain = yaml_flat.load(text)
    if plain is not None:
        assert typed(read(text)) == typed(plain)
        assert list(plain) == list(load(text))
        assert yaml_flat.locate(text) == yaml.locate(text)


def test_the_flat_reader_reads_what_definitions_look_like() -> None:
    text = (
        "# comment\nname: XGBoostTraining  # comment\nsagemaker_step_type: Training\n\n"
        "description: Train a tree: quickly, with \"care\" & 'love' (2.0) on C:/x.\npriority: 75\n"
        "environment_tags: [production, gpu]\naliases:\n  - Old\n  - Older\nframework: 'xgboost'\n"
    )
    assert yaml_flat.load(text.replace("tree: quickly", "tree quickly")) is not None
    assert yaml_flat.load(text) is None  # `: ` inside plain text is a fault


@settings(max_examples=500)
@given(st.one_of(READABLE, TEXT))
@example('a: "\\ud800"\n')
@example('a: "\\ud83d\\ude00"\n')
@example('a: "\\u0000"\n')
@example('a: "\\U00110000"\n')
@example("a: |1\n  b\n")
@example("a: |0\n  b\n")
@example("? a\n: b\n")
@example("\ta: b\n")
@example("a: b\n\t\n")
@example("a: [b,\n\tc]\n")
@example("a: 'b\n\n  c'\n")
@example("%YAML 2.0\n---\na: b\n")
@example("%TAG ! x\n---\na: b\n")
@example("a: !<x> b\n")
@example("a: &é b\n")
@example("a: {b, c: d}\n")
@example("{a: b}: c\n")
@example('a: "b"c\n')
@example("a: {b: c}}\n")
@example('a: {"b":c}\n')
@example("a: {b:c}\n")
@example("a: [b c: d]\n")
@example("a: b\n...\nc: d\n")
@example("a: b\n... c\n")
@example("a:\tb\n")
@example("a: b\tc\n")
@example("a: b\n\t\n  c\n")
@example("a: b\n\tc\n")
@example("a: [b,\tc]\t# d\n")
@example("a: |\n \tb\n")
@example("a: |\n\tb\n")
@example("{a:}\n")
@example("%FOO\n---\na: b\n")
def test_pyyaml_alone_reads_what_libyaml_reads(text: str) -> None:
    assert yaml.libyaml_version() is not None
    expected = _loaded(text)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(yaml, "CParser", None)
        got = _loaded(text)
    assert typed(got) == typed(expected)


def _loaded(text: str) -> Any:
    try:
        return load(text)
    except Unreadable:
        return "refused"


def _scalar(_: object, node: Any) -> Any:
    return node.value if node.style else resolve(node.value)


class _Reference(pyyaml.CSafeLoader):
    """PyYAML's loader with nothing but the scalars of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - as PyYAML has it


_Reference.add_constructor(
    "tag:yaml.org,2002:str",
    _scalar,
)


@settings(max_examples=500)
@given(st.one_of(READABLE, TEXT))
@example("a: &x [1, 2]\nb: *x\n")
@example("a: >\n  one\n  two\n\n  three\n")
@example("a: |+\n  one\n\n")
@example("a: 'it''s'\nb: \"\\x41\\u00e9\\\n  c\"\n")
def test_the_event_reader_returns_what_pyyaml_returns(text: str) -> None:
    assume(not re.search("[\x85\u2028\u2029]", text))  # PyYAML breaks lines there, as YAML 1.1 does
    got = read(text)
    assume(isinstance(got, dict))
    assert typed(got) == typed(pyyaml.load(text, _Reference))  # noqa: S506 - a SafeLoader


@settings(max_examples=500)
@given(READABLE)
@example("a: b\u2028c\nd: e\n")
@example("é: \N{GRINNING FACE}\nb: [c, 'd']\n")
@example("\ufeffa: b\n")
@example("a: |\n  b\n\n# c\nd: e\n")
@example("a:\n  - b\n  # c\n\nd: e\n")
@example("a:\n  - |\n    b\n    # c\nd: e\n")
@example("a:\n  b: |\n    c\n    # d\n")
def test_spans_slice_back_to_their_token(text: str) -> None:
    document = read_text("a.yaml", text.encode())
    assert isinstance(document, Document)
    for pointer, value in _everything(thaw(document.data), ()):
        span = document.value_span(pointer)
        token = _slice(document.text, span)
        assert span.path == "a.yaml"
        key = _slice(document.text, document.key_span(pointer))
        if isinstance(pointer[-1], str):
            assert _scalar_of(key) == pointer[-1]
        if not token.startswith(("*", "&")):
            if isinstance(value, (dict, list)):
                assert _collection_of(token, span.column) == value
            elif not token.startswith(("|", ">")):
                assert typed(_scalar_of(token)) == typed(value)


def _slice(text: str, span: Any) -> str:
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)
    before = sum(map(len, lines[: span.line - 1])) + span.column - 1
    after = sum(map(len, lines[: span.end_line - 1])) + span.end_column - 1
    return text[before:after]


def _scalar_of(token: str) -> Any:
    if not token:
        return None
    return load(f"a: {token}\n" if "\n" not in token and "\r" not in token else f"a:\n  {token}\n")["a"]


def _collection_of(token: str, column: int) -> Any:
    """The mapping or list of a token, its first line indented as in its text."""
    return load(f"a:\n{' ' * max(column - 1, token[0] in '[{')}{token}\n")["a"]


def _everything(value: Any, pointer: tuple[Any, ...]) -> Any:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in inside:
        yield (*pointer, step), item
        yield from _everything(item, (*pointer, step))


@settings(max_examples=500)
@given(
    st.one_of(st.binary(max_size=60), TEXT.map(lambda text: text.encode("utf-8", "surrogatepass"))), st.data()
)
@example(b"\xef\xbb\xbf", None)
@example(b"\xef\xbb\xbf\xef\xbb\xbfa: b\n", None)
@example(b"a: \xed\xa0\x80\n", None)
@example(b"\xff\xfea\x00", None)
@example(b"a: b\n\x00", None)
@example(b'a: "\\ud800"\n', None)
@example(b"%YAML 1.2 1.2\n---\n", None)
@example(b"a: *\n", None)
@example(b"&a &b c: d", None)
@example(b"&" + b"a" * 5000 + b" c", None)
@example(b"!<", None)
@example(b"a: !!float x", None)
@example(b"? ? ? ? a", None)
@example(b"\xc2\x85a: b", None)
def test_no_bytes_raise(content: bytes, data: st.DataObject | None) -> None:
    if data is not None and content:  # one byte is not what it was
        at = data.draw(st.integers(0, len(content) - 1))
        content = content[:at] + bytes([data.draw(st.integers(0, 255))]) + content[at + 1 :]
    for path in ("a.yaml", "a.toml", "a.yml"):
        got = read_text(path, content)
        assert isinstance(got, (Document, Diagnostic))
        if isinstance(got, Diagnostic):
            assert got.span is not None
            assert got.span.path == path
            assert got.message.isprintable()
            assert (got.span.line, got.span.column) <= (got.span.end_line, got.span.end_column)
            lines = re.split("\r\n|\r|\n", content.decode("utf-8", "replace").removeprefix("\ufeff"))
            if got.span.text:
                assert lines[got.span.line - 1] == got.span.text
                assert got.span.column <= len(got.span.text) + 1
        else:
            for pointer, _ in _everything(thaw(got.data), ()):
                got.value_span(pointer)
                got.key_span(pointer)


@settings(max_examples=300)
@given(st.text(max_size=30), st.integers(0, 30), st.integers(0, 30))
def test_a_span_counts_lines_as_yaml_does(text: str, start: int, length: int) -> None:
    text = text.replace("\x0b", "\n").replace("a", "\r\n").replace("b", "\r")
    start = min(start, len(text))
    end = min(start + length, len(text))
    span = span_of("p", text, (start, end))
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)
    offset = sum(map(len, lines[: span.line - 1])) + span.column - 1
    assert offset == start
    assert sum(map(len, lines[: span.end_line - 1])) + span.end_column - 1 == end
    assert span.text == lines[span.line - 1].rstrip("\r\n")
