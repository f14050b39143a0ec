"""``stepwell check``: findings with file, line and column."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Collection
from datetime import date

import click

from stepwell.check.catalog import FIXED_PAGES, RULES, page_of, severity_of
from stepwell.frontends.cli.options import (
    CommonOptions,
    color_wanted,
    displayed,
    format_option,
    open_registry,
    project_options,
    view_of,
    with_progress,
    workspace_option,
)
from stepwell.frontends.render import RENDERERS
from stepwell.frontends.render.report import Report, RulePage
from stepwell.live.registry import Registry
from stepwell.resolve.plugins import find_plugins
from stepwell.source.diagnostic import Diagnostic, Severity, in_order
from stepwell.version import __version__

_EXAMPLE = """\b
Examples:
  stepwell check
  stepwell check registry.d/steps/training/xgboost_training.yaml
  stepwell check --workspace alice --format github
  stepwell check --references
  stepwell check --since main
  stepwell check --alignment
"""


@click.command("check", epilog=_EXAMPLE)
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path())
@workspace_option("Check only the layers of this workspace and the core.", from_environment=False)
@format_option("text", "concise", "json", "github", "sarif", "junit")
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning"]),
    default="error",
    show_default=True,
    help="Minimum severity for exit code 1.",
)
@click.option(
    "--references/--no-references",
    default=None,
    help="Check that referenced classes exist in Python sources, without running them.  "
    "[default: if the configuration has a table `[references]`]",
)
@click.option(
    "--since",
    metavar="REV",
    help="Show only findings that are new since the merge base of REV and HEAD.",
)
@click.option(
    "--alignment/--no-alignment",
    default=False,
    help="Also check that interfaces match scripts, other steps, builders and configurations, like `align`.",
)
@project_options
def command(
    paths: tuple[str, ...],
    workspace: str | None,
    form: str,
    fail_on: str,
    references: bool | None,
    since: str | None,
    alignment: bool,
    common: CommonOptions,
) -> int:
    """Check the project's definitions, overlays and configuration.

    With PATHs, show only findings in these files and folders and findings elsewhere that they cause.

    With --since, show only findings that a change introduced, in any file. A finding is old if the merge
    base has a finding with the same rule, message and file, even on another line or under the file's
    previous name. Uncommitted edits are part of the change.
    """
    began = time.monotonic()
    registry = open_registry(common)
    view = view_of(registry, workspace)
    found = registry.diagnostics if not workspace else view.diagnostics
    if references is None:
        references = registry.project.settings.references is not None
    if references:
        from stepwell.frontends.cli.states import check_sources

        found = in_order((*found, *check_sources(registry, view.workspace, common)))
    if alignment and since is not None:
        raise click.UsageError("--alignment cannot be used with --since: it checks only the current files")
    if alignment:
        from stepwell.frontends.cli.align import check_alignment

        found = in_order((*found, *check_alignment(registry, view.workspace, common)))
    older: tuple[Diagnostic, ...] = ()
    title = ""
    if since is not None:
        (found, older), title = _part_by_age(
            registry, found, view.workspace, since, common, references=references
        )
    if paths:
        root = registry.project.root
        wanted = {way for path in paths for way in _in_project(root, path)}
        found = tuple(diagnostic for diagnostic in found if _concerns(root, diagnostic, wanted))
        older = tuple(diagnostic for diagnostic in older if _concerns(root, diagnostic, wanted))
    report = Report(
        diagnostics=displayed(found, registry.project.root, form),
        files=registry.files,
        steps=len(view) if workspace else _steps(registry),
        workspaces=1 if workspace else len(registry.workspaces),
        seconds=time.monotonic() - began,
        tool_version=__version__,
    )
    if not (common.quiet and form == "text" and not found):
        sys.stdout.writelines(
            RENDERERS[form](report, color=color_wanted(), rules=_pages() if form == "sarif" else {})
        )
    if older and not common.quiet:
        sys.stdout.flush()  # keep the order of the two streams
        click.echo(_left_out(len(older), title), err=form != "text")
    failing = Severity.ERROR.rank if fail_on == "error" else Severity.WARNING.rank
    return int(any(diagnostic.severity.rank <= failing for diagnostic in found))


def _steps(registry: Registry) -> int:
    """Return the number of valid step definitions in the core and all workspaces."""
    return len(registry.view(None)) + sum(
        len(registry.view(workspace).steps.above) for workspace in registry.workspaces
    )


def _in_project(root: str, path: str) -> set[str]:
    """Return the spellings of a path argument, relative to the project."""
    full = os.path.abspath(path)
    if not path or not os.path.lexists(full):
        raise click.UsageError(f"no such file or folder: `{path}`")
    inside = _ways(root, full)
    if not inside:
        raise click.UsageError(f"`{path}` is not in the project {root}")
    return inside


def _concerns(root: str, diagnostic: Diagnostic, wanted: Collection[str]) -> bool:
    spans = [diagnostic.span, *(related.span for related in diagnostic.related)]
    paths = {span.path for span in spans if span is not None}
    ways = {way for path in paths for way in _ways(root, f"{root}/{path}")}
    return any(not one or way == one or way.startswith(f"{one}/") for way in ways for one in wanted)


def _ways(root: str, full: str) -> set[str]:
    """Return a path relative to the project: as written, with parent links and with all links resolved."""
    before_its_end = os.path.join(os.path.realpath(os.path.dirname(full)), os.path.basename(full))
    every = (full, before_its_end, os.path.realpath(full))
    ways = {os.path.relpath(way, root).replace(os.sep, "/") for way in every}
    return {"" if way == "." else way for way in ways if way != ".." and not way.startswith("../")}


def _pages() -> dict[str, RulePage]:
    pages = {rule_id: page_of(rule_id) or "" for rule_id in (*RULES, *FIXED_PAGES)}
    return {
        rule_id: RulePage(rule_id, page.partition("\n")[0], page, severity_of(rule_id))
        for rule_id, page in pages.items()
    }


def _part_by_age(
    registry: Registry,
    found: tuple[Diagnostic, ...],
    workspace: str | None,
    since: str,
    common: CommonOptions,
    *,
    references: bool,
) -> tuple[tuple[tuple[Diagnostic, ...], tuple[Diagnostic, ...]], str]:
    """Split findings into old and new ones, and return the title of the base commit.

    The base is the merge base of the revision and ``HEAD``, as for ``git diff REV...``.

    Args:
       workspace: compares the findings of this workspace; ``None`` for all.

    Raises:
       RevisionError: the revision does not exist, or has no common ancestor with ``HEAD``.
    """
    from stepwell.review.introduced import findings_at, introduced, renames
    from stepwell.source.git import gone_from, merge_base, open_repository, open_revision

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


def _left_out(count: int, title: str) -> str:
    """Return the message with the number of old findings that are not shown."""
    if count == 1:
        return f"1 older finding not shown (already present at {title})."
    return f"{count} older findings not shown (already present at {title})."
