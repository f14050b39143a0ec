"""Which findings a change brought about: those that the state before it has no equal of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple, final

from stepwell.source.diagnostic import Diagnostic
from stepwell.source.git import Gone, Revision
from stepwell.source.tree import Tree

__all__ = ["Introduced", "introduced", "renames"]


@final
class Introduced(NamedTuple):
    """The findings of a state, parted.

    Args:
        new: those that a change brought about, in their order.
        older: those that were there before, in their order.
    """

    new: tuple[Diagnostic, ...]
    older: tuple[Diagnostic, ...]


def introduced(
    old: Iterable[Diagnostic], new: Iterable[Diagnostic], renames: Mapping[str, str]
) -> Introduced:
    """Part the findings of a state by whether an earlier one had them.

    Two are equal that have the same id, file and message; lines may move. Equal ones are counted: where one
    was and two are, one is new, by preference the one whose source line is.

    Args:
        old: the findings of the earlier state.
        new: those of the later one.
        renames: the path that a file had in the earlier state, by its path in the later one.
    """
    there: dict[tuple[str, str, str], Counter[str]] = {}
    for one in old:
        there.setdefault(_key(one, {}), Counter())[_line(one)] += 1
    told = tuple(new)
    older: set[int] = set()
    for at, one in enumerate(told):
        lines = there.get(_key(one, renames))
        if lines and lines[_line(one)] > 0:
            lines[_line(one)] -= 1
            older.add(at)
    for at, one in enumerate(told):
        lines = there.get(_key(one, renames), Counter())
        line = next((text for text, count in lines.items() if count > 0), None)
        if at not in older and line is not None:
            lines[line] -= 1
            older.add(at)
    return Introduced(
        tuple(one for at, one in enumerate(told) if at not in older),
        tuple(one for at, one in enumerate(told) if at in older),
    )


def renames(gone: Iterable[Gone], before: Revision, now: Tree, paths: Iterable[str]) -> dict[str, str]:
    """The path that files had in an earlier state, by their path now.

    Args:
        gone: what the earlier state has and the later one has not.
        before: the earlier state.
        now: the later one.
        paths: the files in question; where git knows no rename of one, equal bytes tell of it.
    """
    found = {one.now: one.path for one in gone if one.now is not None}
    lost = {before.id_of(one.path): one.path for one in gone if one.now is None}
    for path in paths if lost else ():
        if path in found or before.id_of(path) is not None:
            continue
        content = now.read(path)
        if not isinstance(content, Diagnostic):
            was = lost.get(before.id_for(content))
            if was is not None:
                found[path] = was
    return found


def _key(found: Diagnostic, renames: Mapping[str, str]) -> tuple[str, str, str]:
    path = found.span.path if found.span is not None else ""
    return found.id, renames.get(path, path), found.message


def _line(found: Diagnostic) -> str:
    return found.span.text.strip() if found.span is not None else ""
