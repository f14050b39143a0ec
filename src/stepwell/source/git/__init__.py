"""Reads the history of a project from git's objects, without checkout or hooks."""

from __future__ import annotations

from stepwell.source.git.history import (
    Commit,
    Gone,
    base_revision,
    default_branch,
    gone_between,
    gone_from,
    is_ancestor,
    is_cut_off,
    literal,
    merge_base,
    oldest_touching,
    parents_of,
    touching,
)
from stepwell.source.git.repository import IndexTimes, Repository, converted, index_times, open_repository
from stepwell.source.git.revision import Revision, open_part, open_revision

__all__ = [
    "Commit",
    "Gone",
    "IndexTimes",
    "Repository",
    "Revision",
    "base_revision",
    "converted",
    "default_branch",
    "gone_between",
    "gone_from",
    "index_times",
    "is_ancestor",
    "is_cut_off",
    "literal",
    "merge_base",
    "oldest_touching",
    "open_part",
    "open_repository",
    "open_revision",
    "parents_of",
    "touching",
]
