"""Separates old and new findings for ``stepwell check --since REV``."""

from __future__ import annotations

import os
from datetime import date

import click

from stepwell.frontends.cli.options import CommonOptions, with_progress
from stepwell.live.registry import Registry
from stepwell.resolve.plugins import find_plugins
from stepwell.review.introduced import Introduced, findings_at, introduced, renames
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.git import gone_from, merge_base, open_repository, open_revision

__all__ = ["left_out", "part_by_age"]


def part_by_age(
    registry: Registry,
    found: tuple[Diagnostic, ...],
    workspace: str | None,
    since: str,
    common: CommonOptions,
    *,
    references: bool,
) -> tuple[Introduced, str]:
    """Split findings into old and new ones, and return the title of the base commit.

    The base is the merge base of the revision and ``HEAD``, as for ``git diff REV...``.

    Args:
       workspace: compares the findings of this workspace; ``None`` for all.

    Raises:
       RevisionError: the revision does not exist, or has no common ancestor with ``HEAD``.
    """
    root = registry.project.root
    repository = open_repository(root, os.environ)
    commit = merge_base(repository, since, "HEAD")
    revision = open_revision(repository, commit)
    same = repository.commit(since) == commit
    title = f"{since if same else f'the merge base with {since}'} ({revision.title})"
    today = date.today()  # noqa: DTZ011 - the user's local date
    before = with_progress(
        common,
        lambda tell: findings_at(
            root,
            revision,
            workspace,
            today,
            references=references,
            progress=tell,
            plugins=find_plugins,
        ),
    )
    if before is None and common.verbose:
        click.echo(f"{title} has no project, so every finding is new", err=True)
    paths = {one.span.path for one in found if one.span is not None}
    gone = gone_from(repository, commit) if before else ()
    return introduced(before or (), found, renames(gone, revision, registry.project.tree, paths)), title


def left_out(count: int, title: str) -> str:
    """Return the message with the number of old findings that are not shown."""
    if count == 1:
        return f"1 older finding not shown (already present at {title})."
    return f"{count} older findings not shown (already present at {title})."
