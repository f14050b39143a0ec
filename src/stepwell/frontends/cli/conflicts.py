"""``stepwell conflicts``: list names with more than one definition."""

from __future__ import annotations

import sys

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    color_wanted,
    displayed_path,
    format_option,
    open_registry,
    project_options,
    write_json,
)
from stepwell.frontends.render.columns import aligned, painted
from stepwell.resolve.conflicts import Agreement, Conflict
from stepwell.source.escape_control import visible
from stepwell.source.wording import counted

_EXAMPLE = """\b
Examples:
  stepwell conflicts
  stepwell conflicts --format json
"""


@click.command("conflicts", epilog=_EXAMPLE)
@click.option(
    "--exit-code",
    is_flag=True,
    help="Exit with 1 if a name is ambiguous.",
)
@format_option("text", "json")
@project_options
def command(exit_code: bool, form: str, common: CommonOptions) -> int:
    """List the names with more than one definition.

    Definitions are identical, compatible (only fields for lookup, selection and documentation differ, such as
    the description or the priority) or conflicting. The exit code is 0, or with `--exit-code` 1 if a name is
    ambiguous when no workspace is given.
    """
    registry = open_registry(common)
    found = registry.conflicts()
    if form == "json":
        from stepwell.frontends.render.output.steps import conflicts_output

        write_json(conflicts_output(found))
    else:
        for item in found:
            sys.stdout.writelines(f"{line}\n" for line in _lines(item, registry.project.root))
        if found or not common.quiet:
            sys.stdout.write(f"{_summary(found)}\n")
    return int(exit_code and any(item.ambiguous for item in found))


def _lines(conflict: Conflict, root: str) -> list[str]:
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


def _summary(found: tuple[Conflict, ...]) -> str:
    if not found:
        return "No name has more than one definition."
    names = counted(len(found), "name has", "names have")
    counts = [(kind.value, sum(item.agreement is kind for item in found)) for kind in reversed(Agreement)]
    counts.append(("ambiguous", sum(item.ambiguous for item in found)))
    message = ", ".join(f"{count} {word}" for word, count in counts if count)
    return f"{names} more than one definition: {message}."
