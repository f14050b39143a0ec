"""What a person sees of a TOML file: its values, and each refusal at its line and column."""

from __future__ import annotations

import textwrap
import time

import pytest

from stepwell.source import toml
from stepwell.source.document import Document, Unreadable, span_of
from stepwell.source.read import read_text

STEP = """\
# A step of bob's.
name = "ModelEvaluation"
description = '''
Evaluate # this is text
a model.'''
priority = 85
environment_tags = [
  "production",  # the usual
  "cpu#1",
]
x-thresholds.auc = 0.8
x-thresholds."f 1" = 0.7

[deprecated]  # soon
since = "1.4"
remove_after = 2027-06-30

[[x-owners]]
name = "bob"

[[x-owners]]
name = "carol"
contact = { mail = "carol@example.org", room = [4, 2] }
"""


def _document(text: str) -> Document:
    found = read_text("step.toml", text.encode())
    assert isinstance(found, Document), found
    return found


def _places(text: str, stretch: tuple[int, int]) -> str:
    span = span_of("step.toml", text, stretch)
    return f"{span.line}:{span.column}-{span.end_line}:{span.end_column}"


def _refusal(text: str) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        toml.load(text)
    return caught.value


def test_a_definition_reads_as_the_same_definition_in_yaml_does() -> None:
    yaml = """\
        name: ModelEvaluation
        description: "Evaluate # this is text\\na model."
        priority: 85
        environment_tags: [production, "cpu#1"]
        x-thresholds: {auc: 0.8, f 1: 0.7}
        deprecated: {since: "1.4", remove_after: 2027-06-30}
        x-owners:
          - name: bob
          - {name: carol, contact: {mail: carol@example.org, room: [4, 2]}}
        """
    written_in_yaml = read_text("step.yaml", textwrap.dedent(yaml).encode())
    assert isinstance(written_in_yaml, Document)
    assert _document(STEP).data == written_in_yaml.data


@pytest.mark.parametrize(
    "written",
    [
        "2027-06-30",
        "2027-06-30T07:32:00Z",
        "2027-06-30 07:32:00.1234567891+02:00",
        "2027-06-30t07:32:00",
        "07:32:00.5000",
    ],
)
def test_dates_and_times_are_the_text_that_was_written(written: str) -> None:
    assert toml.load(f"a.b = [{{c = {written}}}] # not {written}\n")[0] == {"a": {"b": [{"c": written}]}}


@pytest.mark.parametrize(
    ("pointer", "key", "value"),
    [
        (("name",), "2:1-2:5", "2:8-2:25"),
        (("description",), "3:1-3:12", "3:15-5:12"),
        (("priority",), "6:1-6:9", "6:12-6:14"),
        (("environment_tags",), "7:1-7:17", "7:20-10:2"),
        (("environment_tags", 1), None, "9:3-9:10"),
        (("x-thresholds",), "11:1-11:13", "11:14-11:23"),
        (("x-thresholds", "auc"), "11:14-11:17", "11:20-11:23"),
        (("x-thresholds", "f 1"), "12:14-12:19", "12:22-12:25"),
        (("deprecated",), "14:2-14:12", "14:1-14:13"),
        (("deprecated", "remove_after"), "16:1-16:13", "16:16-16:26"),
        (("x-owners",), "18:3-18:11", "18:1-18:13"),
        (("x-owners", 0), None, "18:1-18:13"),
        (("x-owners", 0, "name"), "19:1-19:5", "19:8-19:13"),
        (("x-owners", 1), None, "21:1-21:13"),
        (("x-owners", 1, "contact"), "23:1-23:8", "23:11-23:56"),
        (("x-owners", 1, "contact", "mail"), "23:13-23:17", "23:20-23:39"),
        (("x-owners", 1, "contact", "room", 1), None, "23:52-23:53"),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_keys_and_values_have_their_place(
    pointer: tuple[str | int, ...], key: str | None, value: str, line_end: str
) -> None:
    text = STEP.replace("\n", line_end)
    places = toml.locate(text)
    assert (_places(text, places.keys[pointer]) if pointer in places.keys else None) == key
    assert _places(text, places.values[pointer]) == value


def test_a_table_is_at_its_own_header_even_when_another_passes_through_it_first() -> None:
    text = "[deprecated.more]\nnote = 1\n[deprecated]\nsince = 2\n"
    places = toml.locate(text)
    assert _places(text, places.keys["deprecated",]) == "3:2-3:12"
    assert _places(text, places.values["deprecated",]) == "3:1-3:13"
    assert _places(text, places.keys["deprecated", "more"]) == "1:13-1:17"


def test_a_comment_is_distinguished_from_a_number_sign_in_a_value_or_a_key() -> None:
    text = "\"k#\" = \"a # b\" # c\nl = '''\n# text\n''' # d\nm = ['#', # e\n]\n"
    document = _document(text)
    comments = [at for at, character in enumerate(text) if character == "#" and not document.holds(at)]
    assert [text[at : at + 3] for at in comments] == ["# c", "# d", "# e"]


TWICE = "duplicate key `{}`"


@pytest.mark.parametrize(
    ("text", "key", "again", "first"),
    [
        ("priority = 1\r\nname = 'x'\r\npriority = 2\r\n", "priority", "3:1-3:9", "1:1-1:9"),
        ("'a b' = 1\n\"a b\" = 2\n", "a b", "2:1-2:6", "1:1-1:6"),
        ('"a\\nb" = 1\n"a\\u000Ab" = 2\n', '"a\\u000Ab"', "2:1-2:11", "1:1-1:7"),
        ("[deprecated]\n[deprecated]\n", "deprecated", "2:2-2:12", "1:2-1:12"),
        ("deprecated.since = '1'\n[deprecated]\n", "deprecated", "2:2-2:12", "1:1-1:11"),
        ("[deprecated.more]\n[deprecated]\nmore = 1\n", "more", "3:1-3:5", "1:13-1:17"),
        ("deprecated = {}\n[deprecated.more]\n", "deprecated", "2:2-2:12", "1:1-1:11"),
        ("a = 1\na.b = 2\n", "a", "2:1-2:2", "1:1-1:2"),
        ("a = [{}]\n[[a]]\n", "a", "2:3-2:4", "1:1-1:2"),
        ("[[a]]\n[a]\n", "a", "2:2-2:3", "1:3-1:4"),
        ("x = { a = 1, b = 2, a = 3 }\n", "a", "1:21-1:22", "1:7-1:8"),
        ("x = [{ a.b = 1, a.b = 3 }]\n", "b", "1:19-1:20", "1:10-1:11"),
        ("[[a]]\nb = 1\n[[a]]\nb = 2\nb = 3\n", "b", "5:1-5:2", "4:1-4:2"),
    ],
)
def test_a_key_that_is_written_twice_names_both_places(text: str, key: str, again: str, first: str) -> None:
    refused = _refusal(text)
    assert (refused.id, refused.message) == ("duplicate-key", f"duplicate key `{key}`")
    assert _places(text, refused.stretch) == again
    assert [(words, _places(text, place)) for words, place in refused.related] == [("first used in", first)]
    assert refused.help == "remove one of the two"


NOT_VALID = "not valid TOML: "
EQUALS = "expected '=' after a key in a key/value pair"
KEY_HELP = "write `key = value`; quote a key with characters other than A-Z a-z 0-9 - _"
LINE_HELP = "write one `key = value` per line, and quote text"
BACKSLASH = "write `\\\\` for a backslash, or use single quotes"


@pytest.mark.parametrize(
    ("text", "place", "message", "help_text"),
    [
        ("name: X\n", "1:5-1:6", NOT_VALID + EQUALS, KEY_HELP),
        ("a = 1\r\nstep name = 1\r\n", "2:6-2:10", NOT_VALID + EQUALS, KEY_HELP),
        ("a = yes\n", "1:5-1:8", NOT_VALID + "invalid value", 'quote it if it is text: "yes"'),
        ("a = True\n", "1:5-1:9", NOT_VALID + "invalid value", "write `true`, in lowercase"),
        ("a = null\n", "1:5-1:9", NOT_VALID + "invalid value", "TOML has no null: remove the key"),
        ("a =\nb = 1\n", "1:4-1:4", NOT_VALID + "invalid value", "write a value here"),
        (
            "a = {{ x }}\n",
            "1:6-1:7",
            NOT_VALID + "invalid initial character for a key part",
            "quote the value: an unquoted value cannot begin with `{{`",
        ),
        ("a = [1,,]\n", "1:8-1:9", NOT_VALID + "invalid value", "write a value here"),
        (
            "a = 012\n",
            "1:6-1:8",
            NOT_VALID + "expected newline or end of document after a statement",
            "write the number without leading zeros, or quote it",
        ),
        (
            "a = 'it's'\n",
            "1:9-1:11",
            NOT_VALID + "expected newline or end of document after a statement",
            LINE_HELP,
        ),
        (
            "a = 2027-02-30\n",
            "1:5-1:15",
            NOT_VALID + "invalid date or datetime",
            "write a date that exists, or quote it",
        ),
        (
            "[a\n",
            "1:3-1:3",
            NOT_VALID + "expected ']' at the end of a table declaration",
            "close the bracket",
        ),
        ("[]\n", "1:2-1:3", NOT_VALID + "invalid initial character for a key part", KEY_HELP),
        (
            "- a\nb = [\n  1\n",
            "1:3-1:4",
            NOT_VALID + EQUALS,
            KEY_HELP,
        ),
        (
            "= 1\n",
            "1:1-1:2",
            NOT_VALID + "invalid statement",
            "write `key = value`, `[table]`, or a comment after `#`",
        ),
        ('a = "b\nc = 1\n', "1:5-1:6", "unclosed quote", "close the quote"),
        ("a = ['b\r\nc = 1\r\n", "1:6-1:7", "unclosed quote", "close the quote"),
        ('x = 1\na = """b\nc = 1\n', "2:5-2:8", "unclosed quote", "close the quote"),
        ('"a = 1\n', "1:1-1:2", "unclosed quote", "close the quote"),
        ('a = "b\\', "1:5-1:6", "unclosed quote", "close the quote"),
        ("x = 1\na = [1, [2], \n", "2:5-2:6", "unclosed `[`", "close it"),
        ("a = { b = [1]", "1:5-1:6", "unclosed `{`", "close it"),
        ('a = "b\\\nc"\n', "1:7-1:8", "`\\` is not a valid escape in TOML", BACKSLASH),
        ('a = """b\\  c"""\n', "1:9-1:10", "`\\` is not a valid escape in TOML", BACKSLASH),
        ('a = "C:\\data"\n', "1:8-1:10", "`\\d` is not a valid escape in TOML", BACKSLASH),
        ('x = 1\r\na = "\\uD800"\r\n', "2:6-2:12", "`\\uD800` is not a valid escape in TOML", BACKSLASH),
        (
            "a = 1\rb = 2\r",
            "1:6-2:1",
            "a lone carriage return is not a line break in TOML",
            "end lines with LF or CRLF",
        ),
    ],
)
def test_what_is_not_toml_is_rejected_at_its_position(
    text: str, place: str, message: str, help_text: str
) -> None:
    refused = _refusal(text)
    assert (refused.id, refused.message, refused.help) == ("invalid-toml", message, help_text)
    assert _places(text, refused.stretch) == place
    assert refused.related == ()


def test_a_list_without_its_comma_shows_where_it_opened() -> None:
    text = 'tags = [\n  "a"\n  "b"\n]\n'
    refused = _refusal(text)
    assert (refused.id, refused.message) == ("invalid-toml", "not valid TOML: unclosed array")
    assert refused.help == "close the bracket, or put a comma between the items"
    assert _places(text, refused.stretch) == "3:3-3:6"
    assert [(words, _places(text, place)) for words, place in refused.related] == [("opened", "1:8-1:9")]


@pytest.mark.parametrize(
    ("text", "place", "code"),
    [
        ('a = 1\nb = "\0"\n', "2:6-2:7", "U+0000"),
        ("a = '\x1b'\n", "1:6-1:7", "U+001B"),
        ("# \x7f\n", "1:3-1:4", "U+007F"),
        ("a\x08 = 1\n", "1:2-1:3", "U+0008"),
    ],
)
def test_control_characters_are_named(text: str, place: str, code: str) -> None:
    refused = _refusal(text)
    assert (refused.id, refused.message) == (
        "control-character",
        f"the control character {code} is not allowed",
    )
    assert _places(text, refused.stretch) == place


@pytest.mark.parametrize(
    "written",
    ["9223372036854775808", "-9223372036854775809", "0xffff_ffff_ffff_ffff", "nan", "-inf", "+inf", "1e999"],
)
def test_a_number_that_json_cannot_carry_is_rejected(written: str) -> None:
    text = f"a = 1\nb = {{ c = [{written}] }}\nd = nan\n"
    data, (refused, other) = toml.load(text)
    assert data == {"a": 1, "b": {"c": [written]}, "d": "nan"}
    assert other.message == "the number `nan` cannot be represented exactly"
    assert (refused.id, refused.message) == (
        "number-out-of-range",
        f"the number `{written}` cannot be represented exactly",
    )
    assert refused.help == f'quote it if it is text: "{written}"'
    assert _places(text, refused.stretch) == f"2:12-2:{12 + len(written)}"


def test_the_largest_and_the_smallest_integers_are_kept() -> None:
    text = "a = 9223372036854775807\nb = -9223372036854775808\n"
    assert toml.load(text)[0] == {"a": 2**63 - 1, "b": -(2**63)}


def test_an_integer_too_long_to_convert_is_shown_shortened() -> None:
    text = f'a = "{"9" * 50}"\nb = [1, -1{"_000" * 2000}]\n'
    refused = _refusal(text)
    assert (
        refused.message
        == "the number `-1_000_000_000_000_000_000_000_000_00...` cannot be represented exactly"
    )
    assert refused.id == "number-out-of-range"
    assert _places(text, refused.stretch) == "2:9-2:8011"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a = " + "[" * 100_000, "1:68-1:69"),
        ("a = " + "[" * 100_000 + "]" * 100_000, "1:68-1:69"),
        ("a = " + "{a=" * 100_000, "1:194-1:195"),
        (".".join(["a"] * 100_000) + " = 1", "1:127-1:128"),
        ("[" + ".".join(["a"] * 100_000) + "]", "1:128-1:129"),
        ("a = 1\na = " + "[" * 100_000, "2:68-2:69"),
        ("a = {" + ".".join(["b"] * 100_000) + " = 1}", "1:132-1:133"),
        ("[[" + ".".join(["a"] * 63) + "]]", "1:127-1:128"),
    ],
)
def test_deep_nesting_is_rejected_before_a_parser_can_fall_into_it(text: str, place: str) -> None:
    began = time.thread_time()
    refused = _refusal(text)
    assert time.thread_time() - began < 2
    assert (refused.id, refused.message) == ("too-deeply-nested", "nested more than 64 levels deep")
    assert _places(text, refused.stretch) == place


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 63 + "]" * 63,
        "a = " + "{a=" * 63 + "1" + "}" * 63,
        ".".join(["a"] * 64) + " = 1",
        "[" + ".".join(["a"] * 63) + "]",
        "a = '" + "[{." * 1000 + "'",
        "".join(f"[[a.b{number}]]\n" for number in range(200)),
    ],
)
def test_64_levels_and_any_number_of_brackets_beside_each_other_are_read(text: str) -> None:
    places = toml.locate(text)
    assert len(toml.load(text)[0]) == 1
    assert max(map(len, places.values)) <= 64
