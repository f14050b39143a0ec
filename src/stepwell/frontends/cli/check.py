"""``stepwell check``: findings with file, line and column."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import date, datetime
from typing import TYPE_CHECKING, NamedTuple, final

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    Mistakes,
    began,
    cache_flags,
    color_wanted,
    displayed,
    format_option,
    in_project,
    open_registry,
    project_options,
    view_of,
    ways_to,
    with_progress,
    workspace_option,
)
from stepwell.frontends.render import RENDERERS
from stepwell.frontends.render.report import Report, RulePage
from stepwell.source.wording import counted
from stepwell.version import __version__

if TYPE_CHECKING:
    from stepwell.live.registry import Registry
    from stepwell.live.store import Event
    from stepwell.source.diagnostic import Diagnostic

_EXAMPLE = """\b
Examples:
  stepwell check
  stepwell check registry.d/steps/training/xgboost_training.yaml
  stepwell check --workspace alice --format github
  stepwell check --references
  stepwell check --since main
  stepwell check --alignment
  stepwell check --fix --dry-run
  stepwell check --select missing-field --max-findings 10
  stepwell check --all --workspace alice --report alice.html
  stepwell check --locked
  stepwell check --watch
"""

_LIMITED = frozenset({"text", "concise"})
_ON_A_TERMINAL = 50
"""Findings that a terminal shows."""


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
@click.option(
    "--select",
    metavar="RULE",
    multiple=True,
    help="Show only findings of this rule (repeatable).",
)
@click.option("--ignore", metavar="RULE", multiple=True, help="Hide findings of this rule (repeatable).")
@click.option(
    "--max-findings",
    metavar="N",
    type=click.IntRange(0),
    help="Show at most N findings as text and count the rest; 0 shows all.  [default: 50 on a terminal]",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Check everything, with one report: definitions, isolation, references, alignment, builders, "
    "pipelines and tests of the core and all workspaces, or of --workspace (an id, or `all`). Runs Python.",
)
@click.option(
    "--report",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="With --all, also write the result to this file: HTML if it ends with .html, else JSON.",
)
@click.option("--fix", is_flag=True, help="Apply safe fixes first, and report what remains.")
@click.option(
    "--unsafe-fixes", is_flag=True, help="With --fix, also apply fixes that may change the meaning."
)
@click.option(
    "--dry-run", is_flag=True, help="With --fix, print a unified diff of the fixes and write nothing."
)
@click.option(
    "--locked", is_flag=True, help="Also check that files and schemas are those of `stepwell.lock`."
)
@click.option("--watch", is_flag=True, help="Check again after every change of a file, until Ctrl-C.")
@cache_flags
@project_options
def command(
    paths: tuple[str, ...],
    workspace: str | None,
    form: str,
    fail_on: str,
    references: bool | None,
    since: str | None,
    alignment: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    max_findings: int | None,
    everything: bool,
    report: str | None,
    fix: bool,
    unsafe_fixes: bool,
    dry_run: bool,
    locked: bool,
    watch: bool,
    common: CommonOptions,
) -> int:
    """Check the project's definitions, overlays and configuration.

    With PATHs, show only findings in these files and folders and findings elsewhere that they cause.

    With --since, show only findings that a change introduced, in any file. A finding is old if the merge
    base has a finding with the same rule, message and file, even on another line or under the file's
    previous name. Uncommitted edits are part of the change.

    With --all, the sections of `stepwell workspace check` are checked, and each has a line in the report.

    With --fix, findings with a safe fix are corrected in their files: misspelled names with one suggestion,
    file names, unquoted text, repeated items, overrides that change nothing. `$schema` comments that refer to
    a missing file refer to the project's schema again. Comments and layout remain. The
    page of each rule (`explain-rule`) states whether it has a fix.

    Findings that --select and --ignore hide do not count for the exit code and are not fixed.
    """
    if (unsafe_fixes or dry_run) and not fix:
        raise click.UsageError("--unsafe-fixes and --dry-run need --fix")
    if locked and (everything or since):
        raise click.UsageError("--locked cannot be used with --all or --since")
    if fix and (everything or watch or since):
        raise click.UsageError("--fix cannot be used with --all, --watch or --since")
    if report is not None and not everything:
        raise click.UsageError("--report needs --all")
    if everything:
        if paths or since or select or ignore or watch or form not in ("text", "json"):
            raise click.UsageError(
                "--all can be used only with --workspace, --report and --format text or json"
            )
        from stepwell.frontends.cli.workspace.check import check_all

        registry = open_registry(common)
        views: tuple[str | None, ...] = registry.workspaces
        if workspace is None:
            views = (None, *views)
        elif workspace != "all":
            views = (view_of(registry, workspace).workspace,)
        return check_all(registry, views, report, form, common, static=False)
    if max_findings is not None and form not in _LIMITED:
        raise click.UsageError(f"--max-findings cannot be used with --format {form}")
    if alignment and since is not None:
        raise click.UsageError("--alignment cannot be used with --since: it checks only the current files")
    mistakes = Mistakes()
    selected = _rules(select, mistakes), _rules(ignore, mistakes)
    mistakes.report()
    if max_findings is None:
        max_findings = _ON_A_TERMINAL if form in _LIMITED and sys.stdout.isatty() else 0

    def once(start: float) -> int:
        return _check(
            paths,
            workspace,
            form,
            fail_on,
            references,
            since,
            alignment,
            selected,
            max_findings,
            start,
            common,
            Fixing(fix, unsafe_fixes, dry_run),
            locked=locked,
        )

    return _again(once, common) if watch else once(began())


@final
class Fixing(NamedTuple):
    """Whether and how findings are fixed."""

    wanted: bool
    unsafe: bool
    dry_run: bool


def _check(
    paths: tuple[str, ...],
    workspace: str | None,
    form: str,
    fail_on: str,
    references: bool | None,
    since: str | None,
    alignment: bool,
    selected: tuple[frozenset[str], frozenset[str]],
    limit: int,
    start: float,
    common: CommonOptions,
    fixing: Fixing,
    *,
    locked: bool,
) -> int:
    """Check once, print the report and return the exit code."""
    registry = open_registry(common)
    viewed = workspace or None
    if viewed not in registry.summary.steps:
        view_of(registry, viewed)  # raises
    root = registry.summary.root
    select, ignore = selected
    wanted = {way for path in paths for way in in_project(root, path)} if paths else None

    def is_shown(finding: Diagnostic) -> bool:
        return _is_selected(finding, select, ignore) and (wanted is None or _concerns(root, finding, wanted))

    if references is None:
        references = registry.summary.has_references

    def findings(registry: Registry) -> tuple[Diagnostic, ...]:
        findings = registry.diagnostics if viewed is None else registry.summary.diagnostics[viewed]
        if references or alignment:
            findings = _with_code(
                registry, findings, viewed, common, references=bool(references), alignment=alignment
            )
        if locked:
            from stepwell.frontends.cli.publish import check_lock
            from stepwell.source.diagnostic import in_order

            findings = in_order((*findings, *check_lock(root, common)))
        if os.path.isdir(os.path.join(root, ".stepwell", "schemas")):
            from stepwell.source.diagnostic import in_order
            from stepwell.write.edit.editors import outdated_schemas

            findings = in_order((*findings, *outdated_schemas(registry.project, registry.snapshot)))
        return findings

    reported = findings(registry)
    if fixing.wanted:
        from stepwell.frontends.cli.edit import is_in, save_fixes

        wanted_fixes = tuple(filter(is_shown, reported))

        def is_path(path: str) -> bool:
            return not select and (wanted is None or any(is_in(path, way) for way in wanted))

        is_written = save_fixes(
            registry, wanted_fixes, is_shown, is_path, common, fixing.unsafe, fixing.dry_run, form
        )
        if is_written:
            registry = open_registry(common)
            reported = findings(registry)
    summary = registry.summary
    older: tuple[Diagnostic, ...] = ()
    title = ""
    if since is not None:
        (reported, older), title = _part_by_age(
            registry, reported, viewed, since, common, references=references
        )
    reported, older = tuple(filter(is_shown, reported)), tuple(filter(is_shown, older))
    if form in ("json", "sarif", "github") and any(finding.fix is not None for finding in reported):
        from stepwell.write.edit.fixes import with_edits

        reported = with_edits(registry.project, reported)
    report = Report(
        diagnostics=displayed(reported, root, form),
        files=summary.files,
        steps=sum(own for _, own in summary.steps.values()) if viewed is None else summary.steps[viewed][0],
        workspaces=len(registry.workspaces) if viewed is None else 1,
        seconds=time.monotonic() - start,
        tool_version=__version__,
        limit=limit,
    )
    if not (common.quiet and form == "text" and not reported):
        sys.stdout.writelines(
            RENDERERS[form](report, color=color_wanted(), rules=_pages() if form == "sarif" else {})
        )
    fixable = sum(finding.fix is not None and finding.fix.is_safe for finding in reported)
    if fixable and form == "text" and sys.stdout.isatty() and not common.quiet:
        sys.stdout.write(f"{counted(fixable, 'finding')} can be fixed with `stepwell check --fix`.\n")
    if older and not common.quiet:
        sys.stdout.flush()  # keep the order of the two streams
        click.echo(_left_out(len(older), title), err=form != "text")
    failing = {"error"} if fail_on == "error" else {"error", "warning"}
    return int(any(diagnostic.severity.value in failing for diagnostic in reported))


def _with_code(
    registry: Registry,
    findings: tuple[Diagnostic, ...],
    workspace: str | None,
    common: CommonOptions,
    *,
    references: bool,
    alignment: bool,
) -> tuple[Diagnostic, ...]:
    """Return findings with those about Python sources, in order."""
    from stepwell.source.diagnostic import in_order

    if references:
        from stepwell.frontends.cli.states import check_sources

        findings = in_order((*findings, *check_sources(registry, workspace, common)))
    if alignment:
        from stepwell.frontends.cli.align import check_alignment

        findings = in_order((*findings, *check_alignment(registry, workspace, common)))
    return findings


def _again(once: Callable[[float], int], common: CommonOptions) -> int:
    """Check, and check again after every change, until Ctrl-C."""
    from queue import Empty, SimpleQueue

    start = began()
    registry = open_registry(common)
    changes: SimpleQueue[Event] = SimpleQueue()
    subscription = registry.subscribe(changes.put)
    try:
        with registry.watch(notify=lambda note: click.echo(f"note: {note}", err=True)):
            while True:
                once(start)
                sys.stdout.flush()
                events: list[Event] = []
                while not events:
                    with suppress(Empty):
                        events.append(changes.get(timeout=1.0))  # Windows cannot interrupt an endless wait
                while not changes.empty():
                    events.append(changes.get())
                start = time.monotonic() - sum(event.seconds for event in events)
                click.echo(f"\n{datetime.now():%H:%M:%S} files changed", err=True)  # noqa: DTZ005 - local time
    except KeyboardInterrupt:
        return 0
    finally:
        subscription.cancel()


def _rules(values: tuple[str, ...], mistakes: Mistakes) -> frozenset[str]:
    """Return the rules that an option lists, and collect unknown ones."""
    if not values:
        return frozenset()
    from stepwell.check.catalog import FIXED_PAGES, RULES
    from stepwell.source.spelling import suggest

    names = [name.strip() for value in values for name in value.split(",")]
    known = (*RULES, *FIXED_PAGES)
    for name in names:
        with mistakes:
            if name not in known:
                hint = suggest(name, known) or "run `stepwell explain-rule` for a list"
                raise click.UsageError(f"unknown rule `{name}` ({hint})")
    return frozenset(names)


def _is_selected(finding: Diagnostic, select: frozenset[str], ignore: frozenset[str]) -> bool:
    return finding.id not in ignore and (not select or finding.id in select)


def _concerns(root: str, diagnostic: Diagnostic, wanted: Collection[str]) -> bool:
    spans = [diagnostic.span, *(related.span for related in diagnostic.related)]
    paths = {span.path for span in spans if span is not None}
    ways = {way for path in paths for way in ways_to(root, f"{root}/{path}")}
    return any(not item or way == item or way.startswith(f"{item}/") for way in ways for item in wanted)


def _pages() -> dict[str, RulePage]:
    from stepwell.check.catalog import FIXED_PAGES, RULES, page_of, severity_of

    pages = {rule_id: page_of(rule_id) or "" for rule_id in (*RULES, *FIXED_PAGES)}
    return {
        rule_id: RulePage(rule_id, page.partition("\n")[0], page, severity_of(rule_id))
        for rule_id, page in pages.items()
    }


def _part_by_age(
    registry: Registry,
    findings: tuple[Diagnostic, ...],
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
    from stepwell.resolve.plugins import find_plugins
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
        lambda progress: findings_at(
            root,
            revision,
            workspace,
            today,
            references=references,
            progress=progress,
            plugins=find_plugins,
        ),
    )
    if before is None and common.verbose:
        click.echo(f"{title} has no project, so every finding is new", err=True)
    paths = {item.span.path for item in findings if item.span is not None}
    gone = gone_from(repository, commit) if before else ()
    return introduced(before or (), findings, renames(gone, revision, registry.project.tree, paths)), title


def _left_out(count: int, title: str) -> str:
    """Return the message with the number of old findings that are not shown."""
    if count == 1:
        return f"1 older finding not shown (already present at {title})."
    return f"{count} older findings not shown (already present at {title})."
