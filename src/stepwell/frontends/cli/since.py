"""What ``stepwell check --since REV`` leaves out: the findings that were there before a change."""

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
    asked: CommonOptions,
    *,
    references: bool,
) -> tuple[Introduced, str]:
    """The findings parted by whether they were there where a change began, and that commit in words.

    A change begins at the merge base of the revision and ``HEAD``, as for ``git diff REV...``.

    Args:
        workspace: whose findings they are; ``None`` for all.

    Raises:
        RevisionError: when there is no such revision, or nothing in common with it.
    """
    root = registry.project.root
    repository = open_repository(root, os.environ)
    commit = merge_base(repository, since, "HEAD")
    revision = open_revision(repository, commit)
    same = repository.commit(since) == commit
    title = f"{since if same else f'the merge base with {since}'} ({revision.title})"
    today = date.today()  # noqa: DTZ011 - the user's own day, as everywhere
    before = with_progress(
        asked,
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
    if before is None and asked.verbose:
        click.echo(f"{title} holds no project, so every finding is new", err=True)
    paths = {one.span.path for one in found if one.span is not None}
    gone = gone_from(repository, commit) if before else ()
    return introduced(before or (), found, renames(gone, revision, registry.project.tree, paths)), title


def left_out(count: int, title: str) -> str:
    """How many findings are not shown, in one sentence.

    Args:
        title: the commit where they were found already.
    """
    if count == 1:
        return f"1 older finding is not shown: it was there at {title}."
    return f"{count} older findings are not shown: they were there at {title}."
