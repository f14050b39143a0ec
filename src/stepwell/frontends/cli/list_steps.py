"""``stepwell list``: list the steps of a view."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    cache_flags,
    color_wanted,
    format_option,
    open_registry,
    open_view,
    project_options,
    shows_unicode,
    terminal_columns,
    workspace_option,
    write_json,
)
from stepwell.frontends.render.columns import padded, with_heading
from stepwell.model.definition import RESERVED_ID
from stepwell.model.layer import Layer
from stepwell.source.escape_control import columns, visible

if TYPE_CHECKING:
    from stepwell.model import StepDefinition

_EXAMPLE = """\b
Examples:
  stepwell list
  stepwell list --workspace alice --format json
  stepwell list 'XGBoost*' --type Training
  stepwell list --workspace all --layer local
"""

_LAYERS = tuple(layer.value for layer in Layer)


@click.command("list", epilog=_EXAMPLE)
@click.argument("pattern", required=False, metavar="[PATTERN]")
@click.option("--type", "types", metavar="TYPE", multiple=True, help="Only this SageMaker type.")
@click.option("--framework", "frameworks", metavar="NAME", multiple=True, help="Only this framework.")
@click.option(
    "--tag",
    "tags",
    metavar="TAG",
    multiple=True,
    help="Only steps with this tag.",
)
@click.option("--layer", type=click.Choice(_LAYERS), help="Only definitions of this layer.")
@workspace_option("Use the view of this workspace, or `all` for core and every workspace (default: core).")
@format_option("table", "json", "yaml")
@cache_flags
@project_options
def command(
    pattern: str | None,
    types: tuple[str, ...],
    frameworks: tuple[str, ...],
    tags: tuple[str, ...],
    layer: str | None,
    workspace: str | None,
    form: str,
    common: CommonOptions,
) -> int:
    """List the steps of a view in the order of its table.

    PATTERN is part of a name, or a pattern such as `XGBoost*`; upper and lower case are equal. --type,
    --framework and --tag are repeatable: one of the types, one of the frameworks, and all tags, which are
    environment or compatibility tags.
    """

    def is_wanted(step: StepDefinition) -> bool:
        return (
            (pattern is None or _matches(pattern, step.name))
            and (not types or step.sagemaker_step_type in types)
            and (not frameworks or step.framework in frameworks)
            and set(tags) <= {*step.environment_tags, *step.compatibility_tags}
            and (layer is None or step.sources[0].layer.value == layer)
        )

    if workspace == RESERVED_ID:
        registry = open_registry(common)
        every = [*registry.view(None).values()]
        for view in map(registry.view, registry.workspaces):
            own = view.steps.above
            every += [step for step in view.values() if step.name in own]
    else:
        _, view = open_view(common, workspace, published=True)
        workspace = view.workspace
        every = [*view.values()]
    steps = [*filter(is_wanted, every)]
    if form == "table":
        if every and not steps and not common.quiet:
            click.echo(_no_match(every, pattern, types, frameworks, tags), err=True)
        with_workspace = workspace == RESERVED_ID
        sys.stdout.writelines(f"{line}\n" for line in _table(steps, with_workspace=with_workspace))
        return 0
    from stepwell.frontends.render.output.steps import list_output

    listing = list_output(workspace, steps)
    if form == "json":
        write_json(listing)
    else:
        from stepwell.frontends.render.output.record import plain
        from stepwell.source.yaml_writer import to_yaml

        sys.stdout.write(to_yaml(plain(listing), ascii_only=not shows_unicode()))
    return 0


_FEWEST = 20
"""Minimum width of the description; it is omitted on narrower terminals."""

_HEADINGS = ("NAME", "SAGEMAKER TYPE", "FRAMEWORK", "LAYER", "DESCRIPTION")


def _matches(pattern: str, name: str) -> bool:
    pattern, name = pattern.lower(), name.lower()
    return fnmatchcase(name, pattern) if set(pattern) & set("*?[") else pattern in name


def _no_match(
    steps: Sequence[StepDefinition],
    pattern: str | None,
    types: tuple[str, ...],
    frameworks: tuple[str, ...],
    tags: tuple[str, ...],
) -> str:
    """Return a note that no step matches, with the closest existing value of a filter."""
    from stepwell.source.spelling import suggest

    filters = (
        ((pattern or "",), {step.name for step in steps}),
        (types, {step.sagemaker_step_type or "" for step in steps}),
        (frameworks, {step.framework or "" for step in steps}),
        (tags, {tag for step in steps for tag in (*step.environment_tags, *step.compatibility_tags)}),
    )
    hints = (suggest(word, known) for words, known in filters for word in words if word not in known)
    hint = next(filter(None, hints), "")
    return f"no step matches ({hint})" if hint else "no step matches"


def _table(steps: Sequence[StepDefinition], *, with_workspace: bool) -> list[str]:
    rows = [_HEADINGS, *map(_row, steps)]
    if with_workspace:
        owners = ("WORKSPACE", *(step.sources[0].workspace or "-" for step in steps))
        rows = [(*row[:-1], owner, row[-1]) for row, owner in zip(rows, owners, strict=True)]
    widths = [max(columns(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    lines = []
    room = terminal_columns()
    described = not room or room - sum(widths) - 2 * len(widths) >= _FEWEST
    for row in rows:
        cells = list(map(padded, row, widths))
        line = "  ".join([*cells, row[-1]] if described else cells).rstrip()
        lines.append(_cut(line, room) if room else line)
    return with_heading(lines, color=color_wanted())


def _row(step: StepDefinition) -> tuple[str, ...]:
    return (
        step.name,
        visible(step.sagemaker_step_type or "-"),
        visible(step.framework or "-"),
        step.sources[0].layer.value,
        visible(" ".join(step.description.split())),
    )


def _cut(line: str, room: int) -> str:
    if columns(line) <= room:
        return line
    line = line[: room - 3]
    while columns(line) > room - 3:
        line = line[:-1]
    return f"{line}..."
