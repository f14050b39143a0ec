"""``stepwell doctor``: how it stands with a project, and what to do."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from stepwell.frontends.cli.options import Asked, format_option, open_registry, project_options
from stepwell.frontends.cli.states import with_progress
from stepwell.live.health import Health, LayerHealth, Status
from stepwell.model import KINDS

if TYPE_CHECKING:
    from stepwell.live.store import Event

_EXAMPLE = """\b
Examples:
  stepwell doctor
  stepwell doctor --format json
"""


@click.command("doctor", epilog=_EXAMPLE, short_help="Tell how it stands with the project, and what to do.")
@format_option("text", "json")
@project_options
def command(form: str, asked: Asked) -> int:
    """Tell how it stands with the project: every layer, all conflicts, components, and what to do.

    The exit code is 1 unless all is well.
    """
    registry = open_registry(asked)
    with_progress(asked, registry.code.index)
    told = registry.health(components=True)
    if form == "json":
        json.dump(_plain(told), sys.stdout, indent=2)
        sys.stdout.write("\n")
    elif not (asked.quiet and told.status is Status.OK):
        sys.stdout.writelines(f"{line}\n" for line in _lines(told))
    return int(told.status is not Status.OK)


_ALWAYS = ("steps", "hyperparameters")
"""The kinds whose numbers are told although there are none."""


def _lines(told: Health) -> list[str]:
    conflicts = _counted(told.conflicts, "conflict") if told.conflicts else "no conflicts"
    whole = [
        told.status.value,
        _counted(told.errors, "error"),
        _counted(told.warnings, "warning"),
        conflicts,
        _counted(told.workspaces, "workspace"),
    ]
    kinds = [kind for kind in KINDS if kind in _ALWAYS or any(getattr(one, kind) for one in told.layers)]
    rows = [("LAYER", *(kind.upper() for kind in kinds), "ERRORS", "WARNINGS")]
    rows += (_row(one, kinds) for one in told.layers)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"{whole[0]}: {', '.join(whole[1:])}", ""]
    for first, *numbers in rows:
        cells = [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    if told.recommendations:
        lines += ["", *(f"- {sentence}" for sentence in told.recommendations)]
    return lines


def _row(one: LayerHealth, kinds: Iterable[str]) -> tuple[str, ...]:
    title = f"{one.layer.value} of {one.workspace}" if one.workspace else one.layer.value
    numbers = (*(getattr(one, kind) for kind in kinds), one.errors, one.warnings)
    return (title, *map(str, numbers))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _plain(told: Health) -> dict[str, Any]:
    watching = told.watching
    return {
        "version": 1,
        "status": told.status.value,
        "digest": told.digest,
        "current": told.current,
        "workspaces": told.workspaces,
        "errors": told.errors,
        "warnings": told.warnings,
        "conflicts": told.conflicts,
        "ambiguous": told.ambiguous,
        "layers": [
            {
                "layer": one.layer.value,
                "workspace": one.workspace,
                **{kind: getattr(one, kind) for kind in KINDS},
                "errors": one.errors,
                "warnings": one.warnings,
            }
            for one in told.layers
        ],
        "last_reload": _event(told.last_reload),
        "last_refusal": _event(told.last_refusal),
        "watching": None
        if watching is None
        else {
            "running": watching.running,
            "mode": watching.mode,
            "poll": watching.poll,
            "reason": watching.reason,
            "bursts": watching.bursts,
        },
        "counters": dict(told.counters),
        "lost_components": told.lost_components,
        "recommendations": list(told.recommendations),
    }


def _event(event: Event | None) -> dict[str, Any] | None:
    if event is None:
        return None
    return {
        "at": datetime.fromtimestamp(event.at, timezone.utc).isoformat(timespec="milliseconds"),
        "seconds": event.seconds,
        "digest": event.new.digest,
        "errors": sum(found.severity.value == "error" for found in event.diagnostics),
    }
