"""``stepwell doctor``: report the project's health and suggest fixes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace

import click

from stepwell.frontends.cli.freeze import left_behind, of_removed_workspaces
from stepwell.frontends.cli.merge_driver import advice
from stepwell.frontends.cli.options import (
    CommonOptions,
    color_wanted,
    format_option,
    open_registry,
    project_options,
    with_progress,
    write_json,
)
from stepwell.frontends.render.columns import painted, with_heading
from stepwell.live.health import Health, HealthStatus, LayerHealth
from stepwell.model import KINDS
from stepwell.model.settings import STAGING, Project
from stepwell.resolve.project_cache import cache_options
from stepwell.source.atomic_write import leftovers
from stepwell.source.escape_control import visible
from stepwell.source.wording import counted

_EXAMPLE = """\b
Examples:
  stepwell doctor
  stepwell doctor --format json
"""


@click.command("doctor", epilog=_EXAMPLE, short_help="Report the project's health and suggest fixes.")
@format_option("text", "json")
@project_options
def command(form: str, common: CommonOptions) -> int:
    """Report the project's health (layers, conflicts and components) and suggest fixes.

    The exit code is 1 if there is something to fix.
    """
    registry = open_registry(common)
    with_progress(common, registry.code.index)
    health = registry.health(components=True)
    stale = (
        *(
            f"Delete {path}: no `[[freeze]]` table writes this generated module any more."
            for path in left_behind(registry.project)
        ),
        *(
            f"Run `stepwell freeze`: the workspace of {path} does not exist any more."
            for path in of_removed_workspaces(registry, registry.project.settings.freeze)
        ),
    )
    stale += tuple(
        f"Delete {path}: a command that was killed left it, and the next one that writes there deletes it."
        for path in _leftovers(registry.project)
    )
    if stale:
        status = HealthStatus.DEGRADED if health.status is HealthStatus.OK else health.status
        health = replace(health, status=status, recommendations=(*health.recommendations, *stale))
    driver = advice(registry.project)
    hints = (*([driver] if driver else ()), *_about_cache(registry.project))
    health = replace(health, recommendations=(*health.recommendations, *hints))
    if form == "json":
        from stepwell.frontends.render.output.project import doctor_output

        write_json(doctor_output(health))
    elif not (common.quiet and health.status is HealthStatus.OK):
        sys.stdout.writelines(f"{line}\n" for line in _lines(health))
    return int(health.status is not HealthStatus.OK)


def _about_cache(project: Project) -> Iterator[str]:
    """Yield the reason why loads cannot be cached, unless the user disabled the cache."""
    options = cache_options(os.environ)
    if options.key is None and options.is_wanted:
        yield "Make the folder of Stepwell's state private: without a key in it, loads are not cached."
    elif options.is_wanted and not options.folder_of(project.root):
        yield "Replace the link .stepwell by a folder: loads are not cached behind a link."


def _leftovers(project: Project) -> Iterator[str]:
    """Yield the temporary files and folders of killed commands."""
    settings = project.settings
    folders = {"", *(os.path.dirname(target.output) for target in settings.freeze)}
    for top in (settings.core, settings.workspaces):
        for here, _, _ in os.walk(os.path.join(project.root, top)):
            folders.add(os.path.relpath(here, project.root).replace(os.sep, "/"))
    for folder in sorted(folders):
        for name in leftovers(os.path.join(project.root, folder)):
            yield visible(f"{folder}/{name}".lstrip("/"))
    if os.path.isdir(os.path.join(project.root, STAGING)):
        yield STAGING


_ALWAYS = ("steps", "hyperparameters")
"""Kinds that are shown even if there are none."""


_COLORS = {HealthStatus.OK: "1;32", HealthStatus.DEGRADED: "1;33", HealthStatus.BROKEN: "1;31"}


def _lines(health: Health) -> list[str]:
    conflicts = counted(health.conflicts, "conflict") if health.conflicts else "no conflicts"
    whole = [
        health.status.value,
        counted(health.errors, "error"),
        counted(health.warnings, "warning"),
        conflicts,
        counted(health.workspaces, "workspace"),
    ]
    kinds = [
        kind for kind in KINDS if kind in _ALWAYS or any(getattr(layer, kind) for layer in health.layers)
    ]
    rows = [("LAYER", *(kind.upper() for kind in kinds), "ERRORS", "WARNINGS")]
    rows += (_row(layer, kinds) for layer in health.layers)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    color = color_wanted()
    status = painted(whole[0], _COLORS[health.status], color=color)
    lines = []
    for first, *numbers in rows:
        cells = [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    lines = [f"{status}: {', '.join(whole[1:])}", "", *with_heading(lines, color=color)]
    if health.recommendations:
        lines += ["", *(f"- {sentence}" for sentence in health.recommendations)]
    return lines


def _row(layer: LayerHealth, kinds: Iterable[str]) -> tuple[str, ...]:
    title = f"{layer.layer.value} of {layer.workspace}" if layer.workspace else layer.layer.value
    numbers = (*(getattr(layer, kind) for kind in kinds), layer.errors, layer.warnings)
    return (title, *map(str, numbers))
