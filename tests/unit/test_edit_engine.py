"""One edit in every form of YAML and TOML: what changes, and what is rejected with its line."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.write.edit.engine import EditRefused, edited, rewritten
from stepwell.write.edit.text import Change, Remove, Rename, Set

S = Set
ROWS: list[tuple[str, str, Change, str]] = [
    ("CRLF", "a: 1\r\nb: 2\r\n", S(("c",), 3), "a: 1\r\nb: 2\r\nc: 3\r\n"),
    (
        "CRLF in a block",
        "a: |\r\n  x\r\nb: 2\r\n",
        S(("b",), "y\nz\n"),
        "a: |\r\n  x\r\nb: |\r\n  y\r\n  z\r\n",
    ),
    ("byte order mark", "\ufeffa: 1\n", S(("a",), 2), "\ufeffa: 2\n"),
    ("no final line break", "a: 1", S(("b",), 2), "a: 1\nb: 2"),
    ("no final line break, removed", "a: 1\nb: 2", Remove(("b",)), "a: 1"),
    ("tab before a comment", "a: 1\t# x\n", S(("a",), 2), "a: 2\t# x\n"),
    ("plain stays plain", "a: x\n", S(("a",), "z"), "a: z\n"),
    ("single quotes stay", "a: 'x'\n", S(("a",), "it's"), "a: 'it''s'\n"),
    ("double quotes stay", 'a: "x"\n', S(("a",), "y"), 'a: "y"\n'),
    ("number as text", "a: x\n", S(("a",), "1.10"), 'a: "1.10"\n'),
    ("word of YAML 1.1", "a: x\n", S(("a",), "no"), 'a: "no"\n'),
    ("date as text", "a: x\n", S(("a",), "2027-06-30"), 'a: "2027-06-30"\n'),
    ("null as text", "a: x\n", S(("a",), "null"), 'a: "null"\n'),
    ("null", "a: x\n", S(("a",), None), "a: null\n"),
    ("value of an empty key", "a:\nb: 1\n", S(("a",), 2), "a: 2\nb: 1\n"),
    ("mapping for an empty key", "a:  # x\nb: 1\n", S(("a",), {"c": 1}), "a:  # x\n  c: 1\nb: 1\n"),
    ("flow mapping", "a: {b: 1, c: 2}  # x\n", S(("a", "b"), 3), "a: {b: 3, c: 2}  # x\n"),
    ("flow mapping, inserted", "a: {b: 1}\n", S(("a", "c"), "x, y"), 'a: {b: 1, c: "x, y"}\n'),
    ("flow mapping, removed", "a: {b: 1, c: 2}\n", Remove(("a", "c")), "a: {b: 1}\n"),
    ("flow list in lines", "a: [\n  1,  # x\n  2,\n]\n", S(("a", 2), 3), "a: [\n  1,  # x\n  2, 3,\n]\n"),
    ("comment between keys", "a: 1\n# of b\nb: 2\n", Remove(("b",)), "a: 1\n# of b\n"),
    ("comment beside a removed key", "a: 1\nb: 2  # x\nc: 3\n", Remove(("b",)), "a: 1\n# x\nc: 3\n"),
    ("literal block", "a: |  # x\n  one\nb: 1\n", S(("b",), 2), "a: |  # x\n  one\nb: 2\n"),
    (
        "literal block, replaced",
        "a: |\n  one\nb: 1\n",
        S(("a",), "two\nthree\n"),
        "a: |\n  two\n  three\nb: 1\n",
    ),
    ("folded text", "a: >-\n  one\n  two\nb: 1\n", S(("a",), "x"), "a: x\nb: 1\n"),
    ("unicode key", "é: 1\n日本: 2\n", S(("日本",), 3), "é: 1\n日本: 3\n"),
    ("quoted key", "'a b': 1\n", Rename(("a b",), "c d"), "'c d': 1\n"),
    ("renamed key with value and comment", "a:  1  # x\n", Rename(("a",), "b"), "b:  1  # x\n"),
    ("key that looks like a number", "a: 1\n", Rename(("a",), "1"), '"1": 1\n'),
    ("list of mappings", "a:\n- b: 1\n  c: 2\n- b: 3\n", S(("a", 0, "c"), 4), "a:\n- b: 1\n  c: 4\n- b: 3\n"),
    ("list of mappings, key", "a:\n- b: 1\n- b: 3\n", S(("a", 0, "c"), 4), "a:\n- b: 1\n  c: 4\n- b: 3\n"),
    ("list of mappings, item", "a:\n- b: 1\n", S(("a", 1), {"b": 2, "c": 3}), "a:\n- b: 1\n- b: 2\n  c: 3\n"),
    ("list of mappings, first key", "a:\n  - b: 1\n    c: 2\n", Remove(("a", 0, "b")), "a:\n  - c: 2\n"),
    ("item in front", "a:\n  # x\n  - 1\n", S(("a", 0), 0, is_new=True), "a:\n  # x\n  - 0\n  - 1\n"),
    ("last item removed", "a:\n  - 1\nb: 2\n", Remove(("a", 0)), "a: []\nb: 2\n"),
    ("list item by item", "a:\n  - 1  # x\n  - 2\n", S(("a",), [1, 3]), "a:\n  - 1  # x\n  - 3\n"),
    (
        "four blanks",
        "a:\n    b:\n        c: 1\n",
        S(("a", "b", "d"), 2),
        "a:\n    b:\n        c: 1\n        d: 2\n",
    ),
    ("alias, replaced", "a: &x {b: 1}\nc: *x\n", S(("c", "b"), 2), "a: &x {b: 1}\nc:\n  b: 2\n"),
    ("anchor, replaced", "a: &x [1]\nc: *x  # y\n", S(("a", 0), 2), "a: &x [2]\nc: [1]  # y\n"),
    ("document marker", "---\na: 1\n...\n", S(("a",), 2), "---\na: 2\n...\n"),
    ("only a comment", "# x\n", S(("a",), 1), "# x\na: 1\n"),
    ("empty file", "", S(("a",), 1), "a: 1\n"),
    ("new parents", "a: 1\n", S(("b", "c", "d"), [1]), "a: 1\nb:\n  c:\n    d: [1]\n"),
    ("long list", "a: 1\n", S(("b",), ["x" * 30] * 4), "a: 1\nb:\n" + f"  - {'x' * 30}\n" * 4),
    ("control character", "a: 1\n", S(("a",), "\x07\ufeff"), 'a: "\\x07\\ufeff"\n'),
]
TOML: list[tuple[str, str, Change, str]] = [
    ("string", 'a = "x" # y\n', S(("a",), "1.10"), 'a = "1.10" # y\n'),
    ("literal string", "a = 'x'\n", S(("a",), "y"), "a = 'y'\n"),
    ("text of several lines", 'a = """\nx\n"""\n', S(("a",), "y\nz\n"), 'a = """\ny\nz\n"""\n'),
    ("date", "a = 2027-06-30\n", S(("a",), "2028-01-31"), "a = 2028-01-31\n"),
    ("dotted key", "a.b = 1\n", S(("a", "c"), 2), "a.b = 1\na.c = 2\n"),
    ("dotted key, removed", "a.b = 1\na.c = 2\n", Remove(("a", "b")), "a.c = 2\n"),
    ("inline table", "a = {b = 1}\n", S(("a", "c"), "x"), 'a = {b = 1, c = "x"}\n'),
    ("inline table, removed", "a = {b = 1, c = 2}\n", Remove(("a", "b")), "a = {c = 2}\n"),
    ("table", "[a]\nb = 1\n\n[c]\nd = 2\n", S(("a", "e"), 3), "[a]\nb = 1\ne = 3\n\n[c]\nd = 2\n"),
    ("table, removed", "x = 1\n[a]\nb = 1 # y\n[c]\nd = 2\n", Remove(("a",)), "x = 1\n# y\n[c]\nd = 2\n"),
    ("table, renamed", "[a]\nb = 1\n[a.c]\nd = 2\n", Rename(("a",), "e"), "[e]\nb = 1\n[e.c]\nd = 2\n"),
    ("root key above a table", "#:schema x\n[a]\nb = 1\n", S(("c",), 2), "#:schema x\nc = 2\n[a]\nb = 1\n"),
    ("array of tables", "[[a]]\nb = 1\n", S(("a", 1), {"b": 2}), "[[a]]\nb = 1\n\n[[a]]\nb = 2\n"),
    ("array of tables, key", "[[a]]\nb = 1\n[[a]]\n", S(("a", 0, "c"), 3), "[[a]]\nb = 1\nc = 3\n[[a]]\n"),
    ("array in lines", "a = [\n  1, # x\n  2,\n]\n", Remove(("a", 1)), "a = [\n  1, # x\n]\n"),
    ("mapping", "a = 1\n", S(("b", "c"), 2), "a = 1\nb = { c = 2 }\n"),
    ("quoted key", 'a = 1\n"b c" = 2\n', S(("b c",), 3), 'a = 1\n"b c" = 3\n'),
    ("CRLF", "a = 1\r\n", S(("b",), 2), "a = 1\r\nb = 2\r\n"),
    ("no final line break", "a = 1", S(("b",), [1]), "a = 1\nb = [1]"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "change", "after"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_yaml(text: str, change: Change, after: str) -> None:
    assert edited("a.yaml", text.encode(), [change]).decode() == after


@pytest.mark.parametrize(("text", "change", "after"), [row[1:] for row in TOML], ids=[row[0] for row in TOML])
def test_toml(text: str, change: Change, after: str) -> None:
    assert edited("a.toml", text.encode(), [change]).decode() == after


@pytest.mark.parametrize(
    ("path", "text", "change", "message"),
    [
        ("a.yaml", "a: 1\na: 2\n", S(("b",), 1), "a.yaml:2: the file cannot be edited: duplicate key `a`"),
        (
            "a.yaml",
            "a:\n\tb: 1\n",
            S(("a",), 1),
            "a.yaml:2: the file cannot be edited: YAML must not be indented",
        ),
        ("a.yaml", "a: [\n", S(("a",), 1), "a.yaml:2: the file cannot be edited: not valid YAML"),
        ("a.yaml", "a: 1\nb: 2\n", Remove(("c",)), "a.yaml:1: there is no `c`"),
        ("a.yaml", "a: 1\nb: 2\n", Rename(("a",), "b"), "a.yaml:2: `b` already exists"),
        ("a.yaml", "a: 1\n", S(("a", "b", 3), 1), "a.yaml:1: `a` cannot be changed here"),
        ("a.toml", "a = 1\n", S(("a",), None), "a.toml:1: `a` cannot be null: TOML has no null"),
        ("a.toml", "a = 1\n", S(("b",), {"c": [None]}), "a.toml:1: `b` cannot be null: TOML has no null"),
        ("a.toml", "a = \n", S(("b",), 1), "a.toml:1: the file cannot be edited"),
    ],
)
def test_what_cannot_be_edited_is_rejected_with_its_line(
    path: str, text: str, change: Change, message: str
) -> None:
    with pytest.raises(EditRefused) as rejected:
        edited(path, text.encode(), [change])
    assert str(rejected.value).startswith(message)


def test_new_keys_follow_the_order_of_the_schema() -> None:
    order = ("name", "description", "framework", "tags")
    text = b"name: A\n# of tags\ntags: [x]\nx-a: 1\n"
    changes = [S(("framework",), "f"), S(("description",), "d"), S(("x-b",), 2)]
    assert edited("a.yaml", text, changes, order) == (
        b"name: A\ndescription: d\nframework: f\n# of tags\ntags: [x]\nx-a: 1\nx-b: 2\n"
    )


@pytest.mark.parametrize("path", ["a.yaml", "a.toml"])
def test_data_is_reached_by_the_smallest_changes(path: str) -> None:
    texts = {
        "a.yaml": "a: 1  # one\nb: {c: [1, 2]}\nd: 4\n",
        "a.toml": "a = 1  # one\nb = {c = [1, 2]}\nd = 4\n",
    }
    wanted: dict[str, Any] = {"a": 1, "b": {"c": [1, 3, 4]}, "e": "x"}
    after = rewritten(path, texts[path].encode(), wanted).decode()
    assert (
        after
        == {
            "a.yaml": "a: 1  # one\nb: {c: [1, 3, 4]}\ne: x\n",
            "a.toml": 'a = 1  # one\nb = {c = [1, 3, 4]}\ne = "x"\n',
        }[path]
    )
