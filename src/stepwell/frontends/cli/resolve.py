"""``stepwell resolve`` and ``stepwell conflicts``: choose between definitions of a name, list such names."""

from __future__ import annotations

import sys
from dataclasses import replace

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    color_wanted,
    complete_step,
    displayed,
    displayed_path,
    format_option,
    open_names,
    open_registry,
    project_options,
    step_of,
    workspace_option,
    write_json,
)
from stepwell.frontends.render.columns import aligned, painted
from stepwell.live.registry import Registry
from stepwell.model import StepDefinition
from stepwell.resolve.choose import MODES, Mode, Resolution
from stepwell.resolve.conflicts import Agreement, Conflict
from stepwell.resolve.strategies import Candidate
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Severity
from stepwell.source.errors import AmbiguousStep
from stepwell.source.escape_control import visible
from stepwell.source.excerpt import block
from stepwell.source.wording import counted

_CONFLICTS_EXAMPLE = """\b
Examples:
  stepwell conflicts
  stepwell conflicts --format json
"""


@click.command("conflicts", epilog=_CONFLICTS_EXAMPLE)
@click.option(
    "--exit-code",
    is_flag=True,
    help="Exit with 1 if a name is ambiguous.",
)
@format_option("text", "json")
@project_options
def conflicts(exit_code: bool, form: str, common: CommonOptions) -> int:
    """List the names with more than one definition.

    Definitions are identical, compatible (only fields for lookup, selection and documentation differ, such as
    the description or the priority) or conflicting. The exit code is 0, or with `--exit-code` 1 if a name is
    ambiguous when no workspace is given.
    """
    registry = open_registry(common)
    every_conflict = registry.conflicts()
    if form == "json":
        from stepwell.frontends.render.output.steps import conflicts_output

        write_json(conflicts_output(every_conflict))
    else:
        for item in every_conflict:
            sys.stdout.writelines(f"{line}\n" for line in _conflict_lines(item, registry.project.root))
        if every_conflict or not common.quiet:
            sys.stdout.write(f"{_summary(every_conflict)}\n")
    return int(exit_code and any(item.ambiguous for item in every_conflict))


def _conflict_lines(conflict: Conflict, root: str) -> list[str]:
    rows = [
        (visible(each.workspace or "core"), each.layer.value, visible(displayed_path(root, each.place)), note)
        for several, note in ((conflict.candidates, ""), (conflict.hidden, "(hidden)"))
        for each in several
    ]
    color = color_wanted()
    text = conflict.agreement.value + (
        painted(", ambiguous", "1;31", color=color) if conflict.ambiguous else ""
    )
    differing = f"  different fields: {', '.join(conflict.differing)}"
    return [
        f"{painted(conflict.name, '1', color=color)}: {text}",
        *(f"  {line}" for line in aligned(rows)),
        *([differing] if conflict.differing else []),
        f"  {visible(conflict.recommendation)}",
        "",
    ]


def _summary(every_conflict: tuple[Conflict, ...]) -> str:
    if not every_conflict:
        return "No name has more than one definition."
    names = counted(len(every_conflict), "name has", "names have")
    counts = [
        (kind.value, sum(item.agreement is kind for item in every_conflict)) for kind in reversed(Agreement)
    ]
    counts.append(("ambiguous", sum(item.ambiguous for item in every_conflict)))
    message = ", ".join(f"{count} {word}" for word, count in counts if count)
    return f"{names} more than one definition: {message}."


_EXAMPLE = """\b
Examples:
  stepwell resolve ModelEvaluation --framework tensorflow
  stepwell resolve Package --workspace carol --environment production,gpu --mode strict
"""

AMBIGUOUS = 1


@click.command("resolve", epilog=_EXAMPLE, short_help="Select one of several definitions of a step.")
@click.argument("step", shell_complete=complete_step)
@workspace_option("Resolve for this workspace (default: none).")
@click.option("--framework", metavar="NAME", help="Preferred framework (default: the workspace's).")
@click.option(
    "--environment",
    metavar="A,B",
    default="",
    help="Preferred environment tags, comma-separated (default: the workspace's).",
)
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default=MODES[0],
    show_default=True,
    help="How to handle a tie: pick one with a warning, fail, or prompt.",
)
@click.option("--strategy", metavar="NAME", help="Strategy to apply first (default: as declared).")
@click.option("--across", is_flag=True, help="Without a workspace, include overrides of workspaces.")
@format_option("text", "json")
@project_options
def command(
    step: str,
    workspace: str | None,
    framework: str | None,
    environment: str,
    mode: Mode,
    strategy: str | None,
    across: bool,
    form: str,
    common: CommonOptions,
) -> int:
    """Select the definition of a step's name and explain why.

    The exit code is 0 if a definition is selected, even after a tie, which is reported on stderr; 1 if
    definitions are tied and `--mode strict` is set or `--mode interactive` gets no answer; 2 if the step,
    workspace or strategy does not exist.
    """
    registry, view, _ = open_names(common, workspace, _of_any_view, step)
    tags = tuple(tag for tag in (part.strip() for part in environment.split(",")) if tag)
    try:
        resolution = registry.resolve(
            step, view.workspace, framework, tags, mode, strategy, _ask, across=across
        )
    except (AmbiguousStep, _NoAnswer):
        tie = registry.resolve(step, view.workspace, framework, tags, "automatic", strategy, across=across)
        _print_tie(tie, registry.project.root, Severity.ERROR)
        return AMBIGUOUS
    _print_tie(resolution, registry.project.root, Severity.WARNING)
    if form == "json":
        from stepwell.frontends.render.output.steps import resolve_output

        write_json(resolve_output(resolution))
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(resolution, registry.project.root))
    return 0


class _NoAnswer(Exception):
    """Input ended before a candidate was selected."""


def _ask(tied: tuple[Candidate, ...]) -> Candidate:
    click.echo("These definitions are tied:", err=True)
    for number, item in enumerate(tied, 1):
        click.echo(f"  {number}  {visible(item.owner)}, {visible(item.place)}", err=True)
    try:
        number = click.prompt("Select a definition", type=click.IntRange(1, len(tied)), err=True)
    except click.Abort as abort:
        if isinstance(abort.__context__, KeyboardInterrupt):
            raise
        click.echo(err=True)
        raise _NoAnswer from None
    return tied[int(number) - 1]


def _print_tie(resolution: Resolution, root: str, severity: Severity) -> None:
    tie = resolution.diagnostic
    if tie is not None:
        (shown,) = displayed([replace(tie, severity=severity)], root)
        click.echo(f"{block(shown, color=color_wanted())}\n", err=True)


def _of_any_view(registry: Registry, _: View | None, name: str) -> StepDefinition:
    return step_of(registry, None, name)


_HEADINGS = ("DEFINED BY", "LAYER", "FRAMEWORK", "ENVIRONMENT", "PRIORITY", "FILE")


def _lines(resolution: Resolution, root: str) -> list[str]:
    chosen = resolution.chosen
    called = (
        f"{resolution.name}, an alias of {chosen.definition.name}"
        if _is_alias(resolution)
        else resolution.name
    )
    rows = [
        (" ", *_HEADINGS),
        *(_row(candidate, root, chosen=candidate is chosen) for candidate in resolution.candidates),
    ]
    name_width = max(len(item.strategy) for item in resolution.tried)
    return [
        f"{visible(called)}: selected the definition of {visible(chosen.owner)}",
        "",
        *(f"  {item.strategy:<{name_width}}  {visible(item.reason)}" for item in resolution.tried),
        "",
        *aligned(rows),
    ]


def _row(candidate: Candidate, root: str, *, chosen: bool) -> tuple[str, ...]:
    step = candidate.definition
    cells = (
        candidate.workspace or "core",
        candidate.layer.value,
        step.framework or "-",
        ", ".join(step.environment_tags) or "any",
        str(step.priority),
        displayed_path(root, candidate.place),
    )
    return ("*" if chosen else " ", *map(visible, cells))


def _is_alias(resolution: Resolution) -> bool:
    return resolution.definition.name != resolution.name
