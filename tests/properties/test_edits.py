"""Edits result in exactly the intended data, keep every comment, and change no other byte.

``STEPWELL_EDITS=100000`` tries more edits (``make fuzz``).
"""

from __future__ import annotations

import contextlib
import copy
import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepwell.source.document import Document, Pointer, thaw
from stepwell.source.read import read_text
from stepwell.write.edit import format as format_module
from stepwell.write.edit.engine import Change, EditRefused, Remove, Rename, Set, at, edited
from stepwell.write.edit.format import formatted
from stepwell.write.edit.text import comments_in

pytestmark = pytest.mark.slow

EDITS = int(os.environ.get("STEPWELL_EDITS", "3000"))
REPOSITORY = Path(__file__).resolve().parents[2]

KEYS = [
    "a",
    "b",
    "name",
    "x-y",
    "framework",
    "é",
    "null",
    "1",
    "true",
    "yes",
    "a.b",
    "$schema",
    "a b",
    "#k",
    "k:",
]
_WORDS = """xgboost 1.10 yes no on null ~ true 0 012 0x1F 1e3 2027-06-30 12:30:00 - -a a: :a {a} [a] a,b é *a
&a !a 'q' "q" it's %a @a `a |"""
TEXTS = [
    *_WORDS.split(),
    "",
    " ",
    "a b",
    " a",
    "a ",
    "a: b",
    "a #b",
    "# a",
    "one\ntwo",
    "one\ntwo\n",
    "one\n\ntwo\n\n",
    "\n",
    " lead\nx\n",
    "tab\tin",
    "\x85nel",
    "\u2028",
    "\ufeffbom",
    "\N{GRINNING FACE}",
    "long " * 40,
]


def value(chance: random.Random, depth: int = 0, *, null: bool = True) -> Any:
    """A random value as a definition may contain."""
    kind = chance.randrange(12 if depth < 3 else 8)
    if kind < 5:
        return chance.choice(TEXTS)
    if kind < 7:
        return chance.choice([0, 7, -1, 1.5, 1e21, True, False])
    if kind == 7:
        return None if null else 3
    if kind < 10:
        return [value(chance, depth + 1, null=null) for _ in range(chance.randrange(4))]
    return {chance.choice(KEYS): value(chance, depth + 1, null=null) for _ in range(chance.randrange(4))}


class Author:
    """Writes data as YAML the way people do, in random styles with comments."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.anchors: list[str] = []

    def text(self, data: dict[str, Any]) -> str:
        newline = self.chance.choice(["\n", "\n", "\n", "\r\n"])
        lines = [line for key, item in data.items() for line in self.entry(f"{self.key(key)}:", item, "")]
        if self.chance.random() < 0.15:  # an anchor and its aliases
            lines += [f"anchored: &it {self.inline(value(self.chance, 2))}", "again: *it", "listed: [*it, 1]"]
        if self.chance.random() < 0.3:
            lines.insert(0, "# the head")
        if self.chance.random() < 0.1:
            lines.insert(0, "---")
        ending = self.chance.choice(["", newline, newline, newline, newline + "# the end", newline * 3])
        return newline.join(lines) + ending

    def note(self) -> str:
        return self.chance.choice(["", "", "", "  # a note", " # note 'x", "  "])

    def entry(self, head: str, item: Any, indent: str) -> list[str]:
        chance = self.chance
        lines = [f"{indent}# about the next"] if chance.random() < 0.1 else []
        if chance.random() < 0.05:
            lines.append("")
        if isinstance(item, dict) and item and chance.random() < 0.8:
            inner = indent + chance.choice(["  ", "  ", "    "])
            below = [
                line for key, each in item.items() for line in self.entry(f"{self.key(key)}:", each, inner)
            ]
            first = below[0].lstrip(" ")
            if head == "-" and chance.random() < 0.8 and not first.startswith("#") and first:
                inner = indent + "  "
                below = [
                    line
                    for key, each in item.items()
                    for line in self.entry(f"{self.key(key)}:", each, inner)
                ]
                if below[0].lstrip(" ")[:1] not in ("", "#"):
                    return [*lines, f"{indent}- {below[0].lstrip(' ')}", *below[1:]]
            return [*lines, f"{indent}{head}{self.note()}".rstrip(" "), *below]
        if isinstance(item, list) and item and chance.random() < 0.6:
            inner = indent + (chance.choice(["", "  "]) if head != "-" else "  ")
            below = [line for each in item for line in self.entry("-", each, inner)]
            return [*lines, f"{indent}{head}{self.note()}".rstrip(" "), *below]
        if (
            isinstance(item, str)
            and "\n" in item.strip("\n")
            and item[0] not in " \n"
            and chance.random() < 0.7
        ):
            body = item.rstrip("\n")
            mark = {0: "|-", 1: chance.choice(["|", "|+"])}.get(len(item) - len(body))
            if mark is not None and "\t" not in body:
                inner = indent + "  "
                note = chance.choice(["", "", " # of a block"])
                return [
                    *lines,
                    f"{indent}{head} {mark}{note}",
                    *(f"{inner}{line}" if line else "" for line in body.split("\n")),
                ]
        return [*lines, f"{indent}{head} {self.inline(item)}{self.note()}"]

    def key(self, key: str) -> str:
        from stepwell.write.edit.yaml_text import scalar

        return scalar(key, in_flow=True, style=self.chance.choice(["", "", "'", '"']))

    def inline(self, item: Any) -> str:
        from stepwell.write.edit.yaml_text import scalar

        if isinstance(item, dict):
            return (
                "{" + ", ".join(f"{self.key(key)}: {self.inline(each)}" for key, each in item.items()) + "}"
            )
        if isinstance(item, list):
            gap = self.chance.choice(["", " "])
            return "[" + gap + ", ".join(map(self.inline, item)) + gap + "]"
        return scalar(item, in_flow=True, style=self.chance.choice(["", "'", '"']))


def toml_of(chance: random.Random, data: dict[str, Any]) -> str:
    """Write data as TOML in random styles with comments."""
    from stepwell.write.edit.toml_text import key_text, value_text

    newline = chance.choice(["\n", "\n", "\r\n"])
    top, tables = ["# the head"], []
    for key, item in data.items():
        note = chance.choice(["", "  # a note", "# note"])
        name = key_text(key)
        if isinstance(item, dict) and item and chance.random() < 0.6:
            if chance.random() < 0.3:
                top += [
                    f"{name}.{key_text(inner)} = {value_text(each)}{note}" for inner, each in item.items()
                ]
            else:
                tables += [
                    f"[{name}]{note}",
                    *(f"{key_text(k)} = {value_text(v)}" for k, v in item.items()),
                    "",
                ]
        elif isinstance(item, list) and item and all(isinstance(each, dict) for each in item):
            for each in item:
                tables += [
                    f"[[{name}]]{note}",
                    *(f"{key_text(k)} = {value_text(v)}" for k, v in each.items()),
                ]
        elif isinstance(item, list) and item and chance.random() < 0.4:
            top += [f"{name} = [{note}", *(f"  {value_text(each)}, # item" for each in item), "]"]
        else:
            top.append(f"{name} = {value_text(item)}{note}")
    return newline.join([*top, *tables]) + chance.choice(["", newline])


def pointers(data: Any, pointer: Pointer = ()) -> list[Pointer]:
    """All pointers of a value, without its own."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    found = []
    for step, item in items:
        found += [(*pointer, step), *pointers(item, (*pointer, step))]
    return found


def change_of(chance: random.Random, data: dict[str, Any], *, null: bool) -> tuple[Change, dict[str, Any]]:
    """A random change of some data, and the data after it."""
    wanted = copy.deepcopy(data)
    every = pointers(data)
    kind = chance.randrange(6)
    pointer = chance.choice(every)
    holder = at(wanted, pointer[:-1])
    if kind < 2:
        new = value(chance, 1, null=null)
        holder[pointer[-1]] = new
        return Set(pointer, new), wanted
    if kind == 2:
        del holder[pointer[-1]]
        return Remove(pointer), wanted
    if kind == 3 and isinstance(holder, dict):
        name = chance.choice([key for key in (*KEYS, "fresh") if key not in holder])
        items = [(name if key == pointer[-1] else key, each) for key, each in holder.items()]
        holder.clear()
        holder.update(items)
        return Rename(pointer, name), wanted
    new = value(chance, 1, null=null)
    if isinstance(holder, list):
        holder.insert(int(pointer[-1]), new)
        return Set(pointer, new, is_new=True), wanted
    name = chance.choice([key for key in (*KEYS, "fresh") if key not in holder])
    holder[name] = new
    return Set((*pointer[:-1], name), new), wanted


def read(path: str, content: bytes) -> Document:
    document = read_text(path, content)
    assert isinstance(document, Document), (document, content.decode())
    return document


def stretch_of(document: Document, pointer: Pointer) -> tuple[int, int]:
    """The whole lines of a value with its key."""
    places = document.locate(document.text)
    start, end = places.values.get(pointer, (0, len(document.text)))
    start = min(start, places.keys.get(pointer, (start, end))[0])
    return document.text.rfind("\n", 0, start) + 1, (document.text + "\n").find("\n", end) + 1


def is_local(document: Document, after: str, pointer: Pointer) -> bool:
    """Whether all changed bytes are in the lines of a value, or directly beside them."""
    before = document.text
    start, end = stretch_of(document, pointer)
    shared_start, shared_end = _shared(before, after), _shared(before[::-1], after[::-1])
    return shared_start >= min(start, len(before)) - 2 and shared_end >= len(before) - end - 1


def _shared(left: str, right: str) -> int:
    """How many first characters two texts share."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(left), len(right)))


def attempt(path: str, content: bytes, chance: random.Random, tally: Counter[str]) -> None:
    before = read(path, content)
    data = thaw(before.data)
    if not pointers(data):
        return
    change, wanted = change_of(chance, data, null=not path.endswith(".toml"))
    tally["tried"] += 1
    try:
        result = edited(path, content, [change])
    except EditRefused:
        tally["refused"] += 1
        return
    shown = f"{change}\n--- before\n{content.decode()}\n--- after\n{result.decode()}"
    if wanted:
        after = read(path, result)
        assert repr(thaw(after.data)) == repr(wanted) or _equal(thaw(after.data), wanted), shown
    else:
        after = before._replace(text=result.decode(), data={}, locate=before.locate)
        assert not [
            line
            for line in after.text.lstrip("\ufeff").split("\n")
            if line.strip().strip("-#").strip() and "#" not in line
        ]
        return
    assert not Counter(comments_in(before)) - Counter(comments_in(after)), shown
    assert after.text.count("\r\n") == after.text.count("\n") or "\r\n" not in before.text, shown
    if not isinstance(change, Remove) and path.endswith(".yaml"):  # the last line may move
        assert before.text.endswith(("\n", "\r")) == after.text.endswith(("\n", "\r")), shown
    tally["local"] += is_local(before, after.text, change.pointer)
    outer = change.pointer[:1]
    if outer not in before.locate(before.text).values or path.endswith(".toml") or "*" in before.text:
        outer = ()
    assert is_local(before, after.text, outer), shown


def _equal(left: Any, right: Any) -> bool:
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return bool(left == right)


def check_format(path: str, content: bytes, noun: str | None) -> bool:
    """Check the format of a file, and return whether it was usable."""
    before = read(path, content)
    result = formatted(path, content, noun)
    after = read(path, result)
    shown = f"--- before\n{content.decode()}\n--- after\n{result.decode()}"
    assert _equal(thaw(after.data), thaw(before.data)), shown
    assert Counter(comments_in(before)) == Counter(comments_in(after)), shown
    assert formatted(path, result, noun) == result, shown
    monkey = format_module._is_flat_and_tidy
    format_module._is_flat_and_tidy = lambda *_: False
    try:
        assert formatted(path, content, noun) == result, shown  # without the shortcut
    finally:
        format_module._is_flat_and_tidy = monkey
    return is_tidy(result)


def is_tidy(content: bytes) -> bool:
    """Whether no line outside texts ends with blanks, and one line break ends the file."""
    text = content.decode().replace("\r\n", "\n")
    return text.endswith("\n") and not text.endswith("\n\n") and "  \n" not in text


@pytest.mark.parametrize(("source", "share"), [("yaml", 0.3), ("toml", 0.1), ("real", 0.1)])
def test_formatting_keeps_data_and_comments_and_is_idempotent(source: str, share: float) -> None:
    sources = {"yaml": generated_yaml, "toml": generated_toml, "real": real}
    tidy = total = 0
    for number in range(int(EDITS * share)):
        chance = random.Random(f"format {number}")  # noqa: S311 - not for secrets
        path, content = sources[source](chance)
        if isinstance(read_text(path, content), Document):
            total += 1
            tidy += check_format(path, content, chance.choice(["step", None, "pipeline"]))
    assert tidy > total * 0.9, (tidy, total)


MUTATIONS = [
    *"\n\t #:-[]{},'|>&*!%@`\\=.1é\r\u2028",
    "---\n",
    "- ",
    "# x",
    "\r\n",
    ": ",
    '"""',
    "[[a]]\n",
    "&a ",
    "*a",
]


def test_a_file_with_mistakes_is_edited_or_rejected() -> None:
    accepted = 0
    for number in range(EDITS // 5):
        chance = random.Random(f"mistakes {number}")  # noqa: S311 - not for secrets
        path, content = real(chance)
        text = content.decode()[:4000]
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(text) + 1)
            text = text[:at] + chance.choice(MUTATIONS) + text[at + chance.randrange(2) :]
        document = read_text(path, text.encode())
        places = document.locate(document.text).values if isinstance(document, Document) else {}
        pointer = chance.choice([key for key in places if key] or [("x",)])
        change = chance.choice(
            [Set(pointer, chance.choice(TEXTS)), Remove(pointer), Rename(pointer, "fresh")]
        )
        with contextlib.suppress(EditRefused):
            edited(path, text.encode(), [change])
            accepted += 1
        with contextlib.suppress(EditRefused):
            formatted(path, text.encode(), "step")
    assert accepted > EDITS // 50


def generated_yaml(chance: random.Random) -> tuple[str, bytes]:
    data = {chance.choice(KEYS): value(chance) for _ in range(chance.randrange(1, 6))}
    mark = chance.choice(["", "", "\ufeff"])
    return "generated.yaml", (mark + Author(chance).text(data)).encode()


def generated_toml(chance: random.Random) -> tuple[str, bytes]:
    data = {chance.choice(KEYS): value(chance, null=False) for _ in range(chance.randrange(1, 6))}
    return "generated.toml", toml_of(chance, data).encode()


def _real_files() -> list[Path]:
    folders = ("registry.d", "workspaces", "plugins", "tests/cases", "tests/cases_of_alignment")
    paths = [path for folder in folders for path in (REPOSITORY / folder).rglob("*.*") if path.is_file()]
    paths = [path for path in paths if path.suffix in (".yaml", ".yml", ".toml")]
    return [path for path in sorted(paths) if isinstance(read_text(path.name, path.read_bytes()), Document)]


def real(chance: random.Random) -> tuple[str, bytes]:
    path = chance.choice(REAL)
    return path.name, path.read_bytes()


REAL = _real_files()


@pytest.mark.parametrize(
    ("source", "share", "refused"),
    [(generated_yaml, 0.5, 0.01), (generated_toml, 0.2, 0.05), (real, 0.3, 0.03)],
    ids=["generated YAML", "generated TOML", "real files"],
)
def test_edits_result_in_the_intended_data_and_keep_all_else(
    source: Callable[[random.Random], tuple[str, bytes]], share: float, refused: float
) -> None:
    tally: Counter[str] = Counter()
    seed = int(os.environ.get("STEPWELL_SEED", "1"))
    for number in range(int(EDITS * share)):
        chance = random.Random(f"{seed} {number}")  # noqa: S311 - not for secrets
        path, content = source(chance)
        if isinstance(read_text(path, content), Document):
            attempt(path, content, chance, tally)
    assert tally["tried"] > EDITS * share * 0.6, tally
    assert tally["refused"] <= tally["tried"] * refused, tally
    assert tally["local"] >= (tally["tried"] - tally["refused"]) * 0.9, tally
