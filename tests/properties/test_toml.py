"""The places of a TOML text agree with what tomli reads in it, whatever the text."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
import tomli
from hypothesis import assume, example, given
from hypothesis import strategies as st

from stepwell.source import toml
from stepwell.source.document import Document, Pointer, Unreadable, freeze_mapping, span_of

pytestmark = pytest.mark.slow


def _accepts(text: str) -> bool:
    try:
        tomli.loads(text)
    except tomli.TOMLDecodeError:
        return False
    return True


HAS_TOML_1_1 = _accepts("x = {\n}")
"""tomli 2.4 and later: line breaks in inline tables, more escapes, times without seconds."""

COMMENT = "# \N{UMBRELLA}"
"""How every generated comment starts, and nothing else."""

BLANKS = st.sampled_from(["", "", "", " ", "\t", "  "])
FILLING = st.lists(
    st.sampled_from(["", " ", "\t", "\n", f"{COMMENT} ]}}'\"\n", f"{COMMENT}\n"]), max_size=3
).map("".join)
LINE_END = st.sampled_from(["\n", "\n", " \n", "\n\n", f" {COMMENT} [x] = {{\n"])

INNER = st.text(st.sampled_from(list("ab #'[]{}=.,é\N{GRINNING FACE}\u2028-")), max_size=6)
ESCAPES = ["\\n", "\\t", '\\"', "\\\\", "\\u00e9", "\\U0001F600", *(["\\e", "\\x41"] if HAS_TOML_1_1 else [])]
ESCAPED = st.lists(st.one_of(INNER, st.sampled_from(ESCAPES)), max_size=4).map("".join)
LITERAL = INNER.map(lambda inner: inner.replace("'", ""))


def _apart(pieces: list[str]) -> str:
    """The pieces, with no three quotes in a row and none at the end."""
    return "".join(f"{piece}." if piece.endswith(('"', "'")) else piece for piece in pieces)


LONG = st.sampled_from(["\n", "#", " ", "a", "\n\n  # no comment\n"])
LONG_ESCAPED = st.lists(
    st.one_of(LONG, ESCAPED, st.sampled_from(["\\\n  ", '"', '""', '\\"""'])), max_size=5
).map(_apart)
LONG_LITERAL = st.lists(st.one_of(LONG, LITERAL, st.just("'")), max_size=4).map(_apart)
STRINGS = st.one_of(
    ESCAPED.map('"{}"'.format),
    LITERAL.map("'{}'".format),
    st.builds('"""{}{}"""'.format, LONG_ESCAPED, st.sampled_from(["", '"', '""'])),
    st.builds("'''{}{}'''".format, LONG_LITERAL, st.sampled_from(["", "'", "''"])),
    st.sampled_from(['""', "''", '""""""', "''''''", '"""""a"""""', '"""\\""""', '""" # """', "'#'", '"#"']),
)
NUMBERS = st.sampled_from(
    [
        "0",
        "-0",
        "+7",
        "1_000",
        "0xDEAD_beef",
        "0o17",
        "0b1",
        "1.5",
        "-1e3",
        "6.26e-34",
        "1_0.0_1",
        "9223372036854775807",
    ]
)
DATES = st.sampled_from(
    [
        "2027-06-30",
        "2027-06-30T07:32:00",
        "2027-06-30 07:32:00.123456789",
        "2027-06-30t07:32:00z",
        "2027-06-30 07:32:00-07:00",
        "07:32:00",
        "00:32:00.999999",
        *(["2027-06-30 07:32", "07:32"] if HAS_TOML_1_1 else []),
    ]
)
SCALARS = st.one_of(STRINGS, NUMBERS, DATES, st.sampled_from(["true", "false"]))


def _keys(names: str) -> st.SearchStrategy[str]:
    bare = st.sampled_from(list(names))
    part = st.one_of(
        bare,
        bare,
        bare.map('"{}"'.format),
        bare.map("'{}'".format),
        st.sampled_from(['"a.b"', "'a b'", '"\\u0061"', '""', '"é"', "1", "a-b", "true", "'a\\n'"]),
    )
    return st.tuples(
        part,
        st.lists(
            st.tuples(BLANKS, BLANKS, part).map(lambda piece: f"{piece[0]}.{piece[1]}{piece[2]}"), max_size=2
        ),
    ).map(lambda parts: parts[0] + "".join(parts[1]))


KEYS = _keys("abcdef")
FEW_KEYS = _keys("ab")


def _items(members: list[tuple[str, str, str]], trailing: bool, last: str) -> str:
    text = ",".join(f"{before}{member}{after}" for before, member, after in members)
    return f"{text},{last}" if trailing and members else text + last


INLINE_FILLING = FILLING if HAS_TOML_1_1 else BLANKS
TRAILING = st.booleans() if HAS_TOML_1_1 else st.just(value=False)


def _pairs(values: st.SearchStrategy[str], keys: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(keys, BLANKS, BLANKS, values).map(lambda it: f"{it[0]}{it[1]}={it[2]}{it[3]}")


def _containers(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    arrays = st.builds(
        _items, st.lists(st.tuples(FILLING, values, FILLING), max_size=3), st.booleans(), FILLING
    )
    tables = st.builds(
        _items,
        st.lists(st.tuples(INLINE_FILLING, _pairs(values, KEYS), INLINE_FILLING), max_size=3),
        TRAILING,
        INLINE_FILLING,
    )
    return st.one_of(arrays.map("[{}]".format), tables.map("{{{}}}".format))


VALUES = st.recursive(SCALARS, _containers, max_leaves=6)


def _lines(keys: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    header = st.tuples(BLANKS, keys, BLANKS).map("".join)
    return st.tuples(
        BLANKS,
        st.one_of(
            _pairs(VALUES, keys),
            _pairs(VALUES, keys),
            header.map("[{}]".format),
            header.map("[[{}]]".format),
            st.just(f"{COMMENT} a = 1"),
        ),
        LINE_END,
    ).map("".join)


TEXTS = st.tuples(
    st.one_of(st.lists(_lines(KEYS), max_size=8), st.lists(_lines(FEW_KEYS), max_size=6)).map("".join),
    st.sampled_from(["\n", "\n", "\r\n"]),
    st.booleans(),
).map(lambda it: (it[0].removesuffix("\n") if it[2] else it[0]).replace("\n", it[1]))


def _pointers(value: Any, pointer: Pointer = ()) -> dict[Pointer, Any]:
    found = {pointer: value}
    if isinstance(value, dict):
        for key, item in value.items():
            found |= _pointers(item, (*pointer, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found |= _pointers(item, (*pointer, index))
    return found


def _same(left: Any, right: Any) -> bool:
    return repr(left) == repr(right)


def _represents(written: str, pointer: Pointer, value: Any) -> bool:
    """Whether a stretch of text is the value, the header of its table, or the rest of its dotted key."""
    if _accepts(f"x = {written}") and _same(tomli.loads(f"x = {written}")["x"], value):
        return True
    if not written or not _accepts(written):
        return False
    inside = [way for way in _pointers(tomli.loads(written)) if way]
    if written.startswith("["):
        names = tuple(part for part in pointer if isinstance(part, str))
        header = tuple(part for part in inside[-1] if isinstance(part, str))
        return header[: len(names)] == names
    return isinstance(value, dict) and all(way in _pointers(value) for way in inside)


def _assert_located(text: str, data: dict[str, Any]) -> None:
    places = toml.locate(text)
    pointers = _pointers(data)
    assert set(places.values) == set(pointers)
    assert set(places.keys) == {pointer for pointer in pointers if pointer and isinstance(pointer[-1], str)}
    for pointer, (start, end) in places.keys.items():
        assert tomli.loads(f"{text[start:end]} = 0") == {pointer[-1]: 0}
    for pointer, (start, end) in places.values.items():
        value = pointers[pointer]
        if pointer == ():
            assert (start, end) == (0, len(text))
        elif isinstance(value, (dict, list)):
            assert _represents(text[start:end], pointer, value)
        else:
            assert _same(tomli.loads(f"x = {text[start:end]}")["x"], value)


@given(TEXTS)
@example('a = """""b"""""\nc = """d""""\n')
@example("a = '''''b'''''\nc = '''d''''\n")
@example("'a\\n' = 1\n\"a\\n\" = 2\n")
@example("[a.b]\n[a]\nb.c = 1\n")
@example("[a.b.c]\n[a]\nb.d = 1\n")
@example("a.b = 1\n[a.c]\n")
@example("[[a]]\n[a.b]\n[[a]]\n[a.b]\n")
@example("[a]\nb.c = 1\n[a.b]\n")
@example("[[a.b]]\n[a]\nb.c = 1\n")
def test_every_key_and_value_has_its_place_and_nothing_else_has_one(text: str) -> None:
    if _accepts(text):
        _assert_located(text, tomli.loads(text))
        return
    # The grammar above writes no syntax error: only keys can collide.
    refused = _rejected(text)
    assert refused is not None
    ((words, first),) = refused.related
    name = _key_named(text, refused.stretch)
    assert (refused.id, refused.message) == ("duplicate-key", f"duplicate key `{name}`")
    assert words == "first used in"
    assert first < refused.stretch
    assert _key_named(text, first) == name


def _key_named(text: str, stretch: tuple[int, int]) -> str:
    (name,) = tomli.loads(f"{text[slice(*stretch)]} = 0")
    return name


@given(TEXTS)
def test_data_is_what_tomli_reads_with_dates_as_they_are_written(text: str) -> None:
    assume(_accepts(text))
    expected = _pointers(tomli.loads(text))
    loaded = _pointers(toml.load(text)[0])
    assert loaded.keys() == expected.keys()
    for pointer, value in expected.items():
        if isinstance(value, (datetime.date, datetime.time)):
            assert isinstance(loaded[pointer], str)
            assert _same(tomli.loads(f"x = {loaded[pointer]}")["x"], value)
            assert loaded[pointer] in text
        elif not isinstance(value, (dict, list)):
            assert _same(loaded[pointer], value)


@given(TEXTS)
@example("a = '''\n# no\n''' # \N{UMBRELLA}\n'#' = \"#\"\n")
def test_a_number_sign_is_held_by_a_value_exactly_where_it_starts_no_comment(text: str) -> None:
    assume(_accepts(text))
    data, _ = toml.load(text)
    document = Document("f.toml", text, freeze_mapping(data), toml.locate)
    for at, character in enumerate(text):
        if character == "#":
            assert document.holds(at) is not text.startswith(COMMENT, at)


PIECES = st.sampled_from(
    [
        *"abc=.,[]{}\"'\\#\n\r\t \0-+_019:Z",
        '"""',
        "'''",
        "[[",
        "]]",
        "a = 1\n",
        "[a]\n",
        "\r\n",
        "inf",
        "true",
        "\\u",
        "a.b",
    ]
)


def _assert_robust(text: str) -> None:
    places = toml.locate(text)
    for start, end in (*places.keys.values(), *places.values.values()):
        assert 0 <= start <= end <= len(text)
    refused = _rejected(text)
    if refused is None:
        _assert_located(text, tomli.loads(text))
        return
    for start, end in (refused.stretch, *(place for _, place in refused.related)):
        assert 0 <= start <= end <= len(text)
        assert span_of("f.toml", text, (start, end)).line <= text.count("\n") + text.count("\r") + 1
    assert "\n" not in refused.message


def _rejected(text: str) -> Unreadable | None:
    try:
        _, faults = toml.load(text)
    except Unreadable as refused:
        return refused
    return next(iter(faults), None)


@given(st.lists(PIECES, max_size=25).map("".join))
def test_odd_text_is_read_or_rejected_at_a_place_inside_it(text: str) -> None:
    _assert_robust(text)


@given(TEXTS, st.data())
def test_a_damaged_document_is_read_or_rejected_at_a_place_inside_it(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    _assert_robust(text[:at] + data.draw(PIECES) + text[at + data.draw(st.integers(0, 3)) :])


def _depth(value: Any) -> int:
    if not isinstance(value, (dict, list)):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(map(_depth, inner), default=0)


LEVELS = st.integers(0, 35)


@given(LEVELS, st.booleans(), LEVELS, st.lists(st.sampled_from(["[", "{k=", "{k.k="]), max_size=70))
@example(0, False, 0, ["["] * 63)
@example(0, False, 0, ["["] * 64)
@example(0, False, 63, [])
@example(0, False, 64, [])
@example(35, True, 35, ["["])
def test_documents_are_rejected_from_the_65th_level_on(
    header: int, is_array: bool, dots: int, brackets: list[str]
) -> None:
    name = ".".join(["h"] * (header + 1))
    closing = "".join("]" if bracket == "[" else "}" for bracket in reversed(brackets))
    text = f"[[{name}]]\n" if is_array else f"[{name}]\n" if header else ""
    text += f"{'.'.join(['k'] * (dots + 1))} = {''.join(brackets)}1{closing}\n"
    refused = _rejected(text)
    if _depth(tomli.loads(text)) <= toml.MAX_DEPTH:
        assert refused is None
    else:
        assert refused is not None
        assert (refused.id, refused.message) == ("too-deeply-nested", "nested more than 64 levels deep")
        assert text[slice(*refused.stretch)] in ("h", "k", "[", "{")
