"""``stepwell align``: whether interfaces agree with scripts, other steps, builders and configurations."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from stepwell.code.alignment import LEVELS, Aligned, align, every_finding
from stepwell.frontends.cli.options import (
    CommonOptions,
    color_wanted,
    complete_step,
    format_option,
    open_registry,
    project_options,
    step_of,
    view_of,
    with_progress,
    workspace_option,
)
from stepwell.frontends.render import RENDERERS
from stepwell.frontends.render.report import Report
from stepwell.live.registry import Registry
from stepwell.source.diagnostic import Diagnostic, Severity
from stepwell.version import __version__

__all__ = ["check_alignment"]

_EXAMPLE = """\b
Examples:
  stepwell align
  stepwell align XGBoostTraining --workspace alice
  stepwell align --level 1,2 --format json
  stepwell align --format html -o alignment.html
"""


@click.command("align", epilog=_EXAMPLE, short_help="Hold interfaces against scripts, steps and builders.")
@click.argument("steps", nargs=-1, metavar="[STEP]...", shell_complete=complete_step)
@workspace_option(
    "Only what this workspace sees; without it the core and every workspace.", from_environment=False
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
    help="Write to this file instead; a file that is there is replaced.",
)
@project_options
def command(
    steps: tuple[str, ...],
    workspace: str | None,
    levels: str,
    form: str,
    output: str | None,
    asked: CommonOptions,
) -> int:
    """Hold the interfaces of steps against their scripts, the other steps, their builders and their
    configuration classes. No Python of theirs is run.

    Without STEP, look at every step of the core, and in each workspace at those that it defines, changes or
    has code of its own for. Exit with 1 when an error is found.
    """
    began = time.monotonic()
    registry = open_registry(asked)
    chosen = _levels(levels)
    if steps and workspace is None:
        workspace = registry.project.settings.workspace
    one_view = view_of(registry, workspace)
    views = [one_view]
    if workspace is None:
        views += [registry.view(one) for one in registry.workspaces]
    names = tuple(step_of(registry, one_view, one).name for one in steps) or None
    index = with_progress(asked, registry.code.index)
    aligned = align(registry.project, registry.snapshot, index, views, names, chosen)
    whole = names is None and workspace is None and chosen == LEVELS
    found = every_finding(registry.project, aligned, judge_ignores=whole)
    text = _written(form, registry, aligned, found, time.monotonic() - began, to_file=output is not None)
    if output is None:
        if not (asked.quiet and form == "text" and not found):
            sys.stdout.write(text)
    else:
        from stepwell.source.atomic_write import write_atomically

        write_atomically(Path(output), text)
        if not asked.quiet:
            click.echo(f"wrote {output}", err=True)
    return int(any(one.severity is Severity.ERROR for one in found))


def check_alignment(
    registry: Registry, workspace: str | None, asked: CommonOptions
) -> tuple[Diagnostic, ...]:
    """What ``check --alignment`` adds to the findings of a check.

    Args:
        workspace: whose view; without one the core and all of them.
    """
    index = with_progress(asked, registry.code.index)
    views = [registry.view(workspace)]
    if workspace is None:
        views += [registry.view(one) for one in registry.workspaces]
    aligned = align(registry.project, registry.snapshot, index, views)
    return every_finding(registry.project, aligned, judge_ignores=workspace is None)


def _levels(said: str) -> tuple[int, ...]:
    words = [word.strip() for word in said.split(",")]
    known = {str(level): level for level in LEVELS}
    for word in words:
        if word not in known:
            raise click.UsageError(f"there is no level `{word}` (levels are {', '.join(known)})")
    return tuple(sorted({known[word] for word in words}))


def _written(
    form: str,
    registry: Registry,
    aligned: tuple[Aligned, ...],
    found: tuple[Diagnostic, ...],
    seconds: float,
    *,
    to_file: bool,
) -> str:
    if form == "text":
        report = Report(
            found,
            registry.files,
            len({one.step for one in aligned}),
            len({one.workspace for one in aligned if one.workspace is not None}),
            seconds,
            __version__,
        )
        return "".join(RENDERERS["text"](report, color=color_wanted() and not to_file, rules={}))
    from stepwell.frontends.render.output.alignment import align_output
    from stepwell.frontends.render.output.record import encode, plain

    record = align_output(aligned, found)
    if form == "json":
        return f"{encode(record)}\n"
    from stepwell.frontends.render.alignment import as_html

    return as_html(plain(record))
