"""The history of a project, read from git's objects: nothing is checked out, and nothing is run."""

from __future__ import annotations

from stepwell.git.history import Commit, base_revision, default_branch, merge_base, parents_of, touching
from stepwell.git.repository import Repository, open_repository
from stepwell.git.revision import Revision, open_revision

__all__ = [
    "Commit",
    "Repository",
    "Revision",
    "base_revision",
    "default_branch",
    "merge_base",
    "open_repository",
    "open_revision",
    "parents_of",
    "touching",
]
