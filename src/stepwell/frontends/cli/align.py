"""``stepwell align``: check that interfaces match scripts, other steps, builders and configurations."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click

from stepwell.code.alignment import LEVELS, Aligned, align, every_finding
from stepwell.frontends.cli.options import (
    CommonOptions,
    began,
    color_wanted,
    complete_step,
    displayed,
    format_option,
    open_registry,
    output_file,
    project_options,
    steps_of,
    with_progress,
    workspace_option,
)
from stepwell.frontends.render import RENDERERS
from stepwell.frontends.render.report import Report
from stepwell.live.registry import Registry, as_written
from stepwell.source.diagnostic import Diagnostic, Severity
from stepwell.source.escape_control import visible
from stepwell.source.python import SourceIndex
from stepwell.source.wording import counted
from stepwell.version import __version__

__all__ = ["alignment_as_written", "check_alignment"]

_EXAMPLE = """\b
Examples:
  stepwell align
  stepwell align XGBoostTraining --workspace alice
  stepwell align --level 1,2 --format json
  stepwell align --format html -o alignment.html
"""


@click.command(
    "align", epilog=_EXAMPLE, short_help="Check that interfaces match scripts, other steps and builders."
)
@click.argument("steps", nargs=-1, metavar="[STEP]...", shell_complete=complete_step)
@workspace_option(
    "Check only the view of this workspace (default: core and all workspaces).", from_environment=False
)
@click.option(
    "--level",
    "levels",
    metavar="N[,N]...",
    default=",".join(map(str, LEVELS)),
    show_default=True,
    help="1: script and interface; 2: the interface in itself; 3: inputs and steps; 4: builder and "
    "configuration.",
)
@format_option("text", "json", "html")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    callback=output_file,
    help="Write to this file, replacing an existing one (default: standard output).",
)
@project_options
def command(
    steps: tuple[str, ...],
    workspace: str | None,
    levels: str,
    form: str,
    output: str | None,
    common: CommonOptions,
) -> int:
    """Check that the interfaces of steps match their scripts, other steps, their builders and their
    configuration classes. No Python is run.

    Without STEP, check every step of the core, and in each workspace the steps that it defines, overrides or
    has code for. The exit code is 1 if there is an error.
    """
    registry = open_registry(common)
    chosen = _levels(levels)
    if steps and workspace is None:
        workspace = registry.project.settings.workspace
    one_view, definitions = steps_of(registry, workspace, *steps)
    views = [one_view]
    if workspace is None:
        views += [registry.view(workspace) for workspace in registry.workspaces]
    names = tuple(definition.name for definition in definitions) or None
    index = with_progress(common, registry.code.index)
    aligned = align(registry.project, registry.snapshot, index, views, names, chosen)
    whole = names is None and workspace is None and chosen == LEVELS
    findings = every_finding(registry.project, aligned, judge_ignores=whole)
    text = _written(form, registry, aligned, findings, time.monotonic() - began(), to_file=output is not None)
    if output is None:
        if not (common.quiet and form == "text" and not findings):
            sys.stdout.write(text)
    else:
        from stepwell.source.atomic_write import write_atomically

        write_atomically(Path(output), text)
        if not common.quiet:
            click.echo(f"wrote {visible(str(output))}", err=True)
    return int(any(finding.severity is Severity.ERROR for finding in findings))


def check_alignment(
    registry: Registry, workspace: str | None, common: CommonOptions
) -> tuple[Diagnostic, ...]:
    """Return the alignment findings for ``check --alignment``.

    Args:
       workspace: checks the core and every workspace when ``None``.
    """
    index = with_progress(common, registry.code.index)
    views = (workspace,) if workspace is not None else (None, *registry.workspaces)
    return alignment_as_written(registry, index, views, judge_ignores=workspace is None)


_ABSENCE: Final = "undeclared-path"
"""Rule about paths that an interface lacks; an invalid path of the interface may be the cause."""


def alignment_as_written(
    registry: Registry, index: SourceIndex, workspaces: Iterable[str | None], *, judge_ignores: bool
) -> tuple[Diagnostic, ...]:
    """Return the alignment findings of views, invalid steps included, without consequences of errors."""
    written = as_written(registry)
    aligned = align(registry.project, written, index, [written.view(name) for name in workspaces])
    invalid = {
        finding.span.path
        for finding in registry.diagnostics
        if finding.span is not None and finding.severity is Severity.ERROR
    }
    consequences = {
        finding
        for item in aligned
        if any(source.document.path in invalid for source in written.view(item.workspace)[item.step].sources)
        for finding in item.diagnostics
        if finding.id == _ABSENCE
    }
    findings = every_finding(registry.project, aligned, judge_ignores=judge_ignores)
    return tuple(finding for finding in findings if finding not in consequences)


def _levels(text: str) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",")]
    known = {str(level): level for level in LEVELS}
    for word in words:
        if word not in known:
            raise click.UsageError(f"unknown level `{word}` (must be one of {', '.join(known)})")
    return tuple(sorted({known[word] for word in words}))


def _written(
    form: str,
    registry: Registry,
    aligned: tuple[Aligned, ...],
    findings: tuple[Diagnostic, ...],
    seconds: float,
    *,
    to_file: bool,
) -> str:
    if form == "text":
        report = Report(
            displayed(findings, registry.project.root),
            registry.files,
            len({item.step for item in aligned}),
            len({item.workspace for item in aligned if item.workspace is not None}),
            seconds,
            __version__,
        )
        text = "".join(RENDERERS["text"](report, color=color_wanted() and not to_file, rules={}))
        if not aligned or any(item.has_interface for item in aligned):
            return text
        without = len({item.step for item in aligned})
        have = "has" if without == 1 else "have"
        nothing = f"Nothing to align: {counted(without, 'step')} {have} no interface.\n"
        return f"{text}{nothing}" if findings or any(item.builder for item in aligned) else nothing
    from stepwell.frontends.render.output.alignment import align_output
    from stepwell.frontends.render.output.record import encode, plain

    record = align_output(aligned, findings)
    if form == "json":
        return f"{encode(record)}\n"
    from stepwell.frontends.render.alignment import as_html

    return as_html(plain(record))
