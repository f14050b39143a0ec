"""``stepwell resolve``: which of several definitions a name stands for, and why."""

from __future__ import annotations

import sys
from dataclasses import replace

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    color_wanted,
    complete_step,
    format_option,
    open_view,
    project_options,
    workspace_option,
    write_json,
)
from stepwell.frontends.render.columns import aligned
from stepwell.live.registry import Registry
from stepwell.resolve.candidates import Candidate, all_names
from stepwell.resolve.choose import MODES, Mode, Resolution
from stepwell.source.diagnostic import Severity
from stepwell.source.errors import AmbiguousStep, UnknownStep
from stepwell.source.escape_control import visible
from stepwell.source.excerpt import block
from stepwell.source.spelling import closest, did_you_mean

_EXAMPLE = """\b
Examples:
  stepwell resolve ModelEvaluation --framework tensorflow
  stepwell resolve Package --workspace carol --environment production,gpu --mode strict
"""

AMBIGUOUS = 1


@click.command(
    "resolve", epilog=_EXAMPLE, short_help="Choose among the definitions that a step has in workspaces."
)
@click.argument("step", shell_complete=complete_step)
@workspace_option("Who asks; nobody in particular when left out.")
@click.option("--framework", metavar="NAME", help="The preferred framework, instead of the workspace's.")
@click.option(
    "--environment",
    metavar="A,B",
    default="",
    help="Where the step is to run, any of these tags, instead of what the workspace prefers.",
)
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default=MODES[0],
    show_default=True,
    help="What to do with a tie: break it and say so, refuse it, or ask.",
)
@click.option("--strategy", metavar="NAME", help="What to choose by first, instead of what is declared.")
@format_option("text", "json")
@project_options
def command(
    step: str,
    workspace: str | None,
    framework: str | None,
    environment: str,
    mode: Mode,
    strategy: str | None,
    form: str,
    asked: CommonOptions,
) -> int:
    """Choose which definition a step's name stands for, and tell why.

    The exit code is 0 when one is chosen, also where a tie had to be broken, which is then said on stderr;
    1 when nothing tells some of them apart and `--mode strict` refuses to guess, or `--mode interactive`
    gets no answer; 2 when there is no such step, workspace or strategy.
    """
    registry, view = open_view(asked, workspace)
    tags = tuple(tag for tag in (part.strip() for part in environment.split(",")) if tag)
    try:
        found = registry.resolve(step, view.workspace, framework, tags, mode, strategy, _ask)
    except UnknownStep:
        raise click.UsageError(_unknown(registry, step)) from None
    except (AmbiguousStep, _NoAnswer):
        tie = registry.resolve(step, view.workspace, framework, tags, "automatic", strategy)
        _tell_tie(tie, Severity.ERROR)
        return AMBIGUOUS
    _tell_tie(found, Severity.WARNING)
    if form == "json":
        from stepwell.frontends.render.output.steps import resolve_output

        write_json(resolve_output(found))
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(found))
    return 0


class _NoAnswer(Exception):
    """The input ended before somebody picked a candidate."""


def _ask(tied: tuple[Candidate, ...]) -> Candidate:
    click.echo("Nothing tells these definitions apart:", err=True)
    for number, one in enumerate(tied, 1):
        click.echo(f"  {number}  {visible(one.owner)}, {visible(one.place)}", err=True)
    try:
        number = click.prompt("Which one", type=click.IntRange(1, len(tied)), err=True)
    except click.Abort as abort:
        if isinstance(abort.__context__, KeyboardInterrupt):
            raise
        click.echo(err=True)
        raise _NoAnswer from None
    return tied[int(number) - 1]


def _tell_tie(found: Resolution, severity: Severity) -> None:
    tie = found.diagnostic
    if tie is not None:
        click.echo(f"{block(replace(tie, severity=severity), color=color_wanted())}\n", err=True)


def _unknown(registry: Registry, step: str) -> str:
    near = closest(step, all_names(registry.snapshot), 3)
    if near:
        hint = did_you_mean(near)
    elif any(found.severity is Severity.ERROR for found in registry.diagnostics):
        hint = "a definition with errors is left out, and `stepwell check` tells them"
    elif step in registry.view(None).pipelines:
        hint = f"it is a pipeline: `stepwell pipeline show {visible(step)}`"
    else:
        hint = "`stepwell list` shows all"
    return f"no view has a step `{visible(step)}` ({hint})"


_HEADINGS = ("DEFINED BY", "LAYER", "FRAMEWORK", "ENVIRONMENT", "PRIORITY", "FILE")


def _lines(found: Resolution) -> list[str]:
    chosen = found.chosen
    called = f"{found.name}, an alias of {chosen.definition.name}" if _is_alias(found) else found.name
    rows = [(" ", *_HEADINGS), *(_row(one, one is chosen) for one in found.candidates)]
    name_width = max(len(one.strategy) for one in found.tried)
    return [
        f"{visible(called)}: the definition of {visible(chosen.owner)}",
        "",
        *(f"  {one.strategy:<{name_width}}  {visible(one.reason)}" for one in found.tried),
        "",
        *aligned(rows),
    ]


def _row(one: Candidate, chosen: bool) -> tuple[str, ...]:
    step = one.definition
    cells = (
        one.workspace or "core",
        one.layer.value,
        step.framework or "-",
        ", ".join(step.environment_tags) or "any",
        str(step.priority),
        one.place,
    )
    return ("*" if chosen else " ", *map(visible, cells))


def _is_alias(found: Resolution) -> bool:
    return found.definition.name != found.name
