"""The entries of git's trees, as its plumbing writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, final

from stepwell.git.repository import Repository

__all__ = ["FILE", "FOLDER", "LEADS_ON", "LINK", "SUBMODULE", "Object", "in_comparison", "in_listing"]

FILE: Final = "100644"
FOLDER: Final = "040000"
LINK: Final = "120000"
SUBMODULE: Final = "160000"
LEADS_ON: Final = frozenset({LINK, SUBMODULE})
"""Of these, what is there depends on what lies elsewhere."""


@final
class Object(NamedTuple):
    """One entry of a git tree.

    Args:
        mode: as git writes it: ``040000`` a folder, ``120000`` a link, ``160000`` a submodule.
        id: the object's id.
        place: the repository that holds it: that of a submodule for what lies in one.
    """

    mode: str
    id: str
    place: Repository


def in_listing(listing: bytes, place: Repository) -> Iterator[tuple[str, Object]]:
    """What ``git ls-tree -z`` wrote: each path with its object.

    Args:
        listing: its output.
        place: the repository.
    """
    for line in listing.decode("utf-8", "surrogateescape").split("\0"):
        if line:
            about, _, path = line.partition("\t")
            mode, _, one = about.split()
            yield path, Object(mode, one, place)


def in_comparison(listing: bytes, place: Repository) -> Iterator[tuple[str, Object | None]]:
    """What ``git diff-tree -z --raw`` wrote: each path with its object in the later tree, if it has one.

    Args:
        listing: its output, of a comparison that looks for no renames.
        place: the repository.
    """
    words = iter(listing.decode("utf-8", "surrogateescape").split("\0"))
    for about, path in zip(words, words, strict=False):
        _, mode, _, one, _ = about.split()
        yield path, None if mode == "000000" else Object(mode, one, place)
