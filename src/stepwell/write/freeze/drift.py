"""Unified diff in near-linear time for long, similar files, where difflib is quadratic."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from difflib import Match, SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "drift",
    "unified",
]


_LONG_GAP = 2000
"""Maximum number of lines between anchors to compare; larger gaps are replaced as a whole."""


def unified(before: Sequence[str], after: Sequence[str], before_path: str, after_path: str) -> Iterator[str]:
    """Yield a unified diff with three lines of context; nothing if both are equal.

    Unique common lines anchor the comparison (patience diff, Bram Cohen); difflib compares the gaps.
    """
    for number, group in enumerate(_ByUniqueLines(before, after).get_grouped_opcodes(3)):
        if number == 0:
            yield f"--- {before_path}\n"
            yield f"+++ {after_path}\n"
        (_, i1, _, j1, _), (_, _, i2, _, j2) = group[0], group[-1]
        yield f"@@ -{_range(i1, i2)} +{_range(j1, j2)} @@\n"
        for tag, start, end, new_start, new_end in group:
            if tag == "equal":
                yield from (" " + line for line in before[start:end])
            else:
                yield from ("-" + line for line in before[start:end])
                yield from ("+" + line for line in after[new_start:new_end])


def _range(start: int, end: int) -> str:
    if end - start == 1:
        return str(start + 1)
    return f"{start + 1 if end > start else start},{end - start}"


@final
class _ByUniqueLines(SequenceMatcher[str]):
    def __init__(self, before: Sequence[str], after: Sequence[str]) -> None:
        self._before, self._after = before, after
        super().__init__(None, "", "")  # skip its line index

    def get_matching_blocks(self) -> list[Match]:
        blocks: list[Match] = []
        start = new_start = 0
        end, new_end = len(self._before), len(self._after)
        for anchor, new_anchor in (*_anchors(self._before, self._after), (end, new_end)):
            for block in self._between(start, anchor, new_start, new_anchor):
                _append(blocks, block)
            if anchor < end:
                _append(blocks, Match(anchor, new_anchor, 1))
            start, new_start = anchor + 1, new_anchor + 1
        return [*blocks, Match(end, new_end, 0)]

    def _between(self, start: int, end: int, new_start: int, new_end: int) -> Iterator[Match]:
        if start < end and new_start < new_end and end - start + new_end - new_start < _LONG_GAP:
            gap = SequenceMatcher(None, self._before[start:end], self._after[new_start:new_end], False)
            for block in gap.get_matching_blocks():
                yield Match(start + block.a, new_start + block.b, block.size)


def _append(blocks: list[Match], block: Match) -> None:
    """Add a block, merging adjacent ones as difflib's opcodes require."""
    if block.size == 0:
        return
    if blocks and (blocks[-1].a + blocks[-1].size, blocks[-1].b + blocks[-1].size) == (block.a, block.b):
        block = Match(blocks[-1].a, blocks[-1].b, blocks.pop().size + block.size)
    blocks.append(block)


def _anchors(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int]]:
    """Return the longest common subsequence of unique lines."""
    once = {line for line, times in Counter(before).items() if times == 1}
    once &= {line for line, times in Counter(after).items() if times == 1}
    places = {line: place for place, line in enumerate(after) if line in once}
    tails: list[int] = []
    ends: list[int] = []
    links: list[tuple[int, int, int]] = []
    for place, line in enumerate(before):
        if line in once:
            length = bisect_left(tails, places[line])
            previous = ends[length - 1] if length else -1
            tails[length : length + 1] = [places[line]]
            ends[length : length + 1] = [len(links)]
            links.append((place, places[line], previous))
    anchors = []
    link = ends[-1] if ends else -1
    while link >= 0:
        place, new_place, link = links[link]
        anchors.append((place, new_place))
    return anchors[::-1]


def drift(path: Path, fresh_text: str, shown_path: str) -> str:
    """Return the difference of a file on disk and a new text; ``""`` if equal.

    A missing file and different line endings are one line; everything else is a unified diff.

    Args:
       shown_path: the path to print.

    Raises:
       OSError: the file cannot be read.
    """
    content, fresh = _read(path), fresh_text.encode("utf-8")
    if content == fresh:
        return ""
    if content is None:
        return f"missing: {shown_path} (run `stepwell freeze`)\n"
    if only_endings_differ(path, fresh_text):
        return f"only line endings differ: {shown_path} (run `stepwell freeze`)\n"
    before, after = f"a/{shown_path}", f"b/{shown_path}"
    stale = content.decode("utf-8", errors="backslashreplace")
    lines = list(unified(_lines(stale), _lines(fresh_text), before, after))
    if not lines:
        return f"--- {before}\n+++ {after}\n"
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def only_endings_differ(path: Path, fresh_text: str) -> bool:
    """Return whether a file differs from a text, but only in its line endings.

    Raises:
       OSError: the file cannot be read.
    """
    content, fresh = _read(path), fresh_text.encode("utf-8")
    return content not in (None, fresh) and _with_lf(content or b"") == _with_lf(fresh)


def _with_lf(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _lines(text: str) -> list[str]:
    # str.splitlines would also split at U+2028, U+000C and lone CR
    *whole, last = text.split("\n")
    return [line + "\n" for line in whole] + ([last] if last else [])
