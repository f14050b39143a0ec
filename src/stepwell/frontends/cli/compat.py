"""``stepwell compat``: what old code still runs, and which steps the interface does not suit."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    format_option,
    open_view,
    project_options,
    workspace_option,
    write_json,
)
from stepwell.model.step_type import INTERFACE
from stepwell.run.steps.compatibility import Compatibility, compatibility
from stepwell.source.escape_control import visible
from stepwell.source.wording import counted

_EXAMPLE = """\b
Examples:
  stepwell compat
  stepwell compat --workspace alice --exit-code
  stepwell compat --format json
"""


@click.command("compat", epilog=_EXAMPLE, short_help="Tell which steps old code still runs.")
@workspace_option("Whose view; the core's when left out.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 when anything is left to do.")
@format_option("text", "json")
@project_options
def command(workspace: str | None, exit_code: bool, form: str, asked: CommonOptions) -> int:
    """Tell which steps are still run by old code, and which ones were made for another version of the
    interface of step types.

    `[execution.fallbacks]` in the settings declares the old code of steps that the registry does not have.
    Of each it is told whether a definition makes it needless, and otherwise which file would. No Python is
    run. The exit code is 0, or with `--exit-code` 1 when a fallback is declared or a step does not suit.
    """
    registry, view = open_view(asked, workspace)
    found = compatibility(registry.project, view)
    if form == "json":
        from stepwell.frontends.render.output.usages import compat_output

        write_json(compat_output(found, view.workspace))
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(found))
        if found.fallbacks or found.mismatches or not asked.quiet:
            sys.stdout.write(f"{_summary(found)}\n")
    return int(exit_code and bool(found.fallbacks or found.mismatches))


def _lines(found: Compatibility) -> Iterator[str]:
    for one in found.fallbacks:
        at = visible(f"{one.declared_at.path}:{one.declared_at.line}")
        if one.served_by:
            yield f"{visible(one.step)}: {visible(one.served_by)} serves it; remove the fallback at {at}"
        else:
            yield f"{visible(one.step)}: served by {visible(one.code)}, as {at} says"
            if one.fault:
                yield f"  not found from here: {visible(one.fault)}"
            yield f"  a migration writes {visible(one.file)}:"
            yield from (f"    {visible(line)}" for line in one.text.splitlines())
        yield ""
    for each in found.mismatches:
        yield f"{visible(each.step)}: {visible(each.reason)}"
        yield f"  --> {visible(each.place)}"
        yield ""


def _summary(found: Compatibility) -> str:
    used, needless = len(found.used), len(found.fallbacks) - len(found.used)
    told = []
    if used:
        told.append(counted(used, "step is served by a fallback", "steps are served by fallbacks"))
    if needless:
        told.append(counted(needless, "fallback is needless", "fallbacks are needless"))
    if found.mismatches:
        count = len(found.mismatches)
        does = counted(count, "step does", "steps do")
        told.append(f"{does} not suit the interface {INTERFACE}")
    if not told:
        return f"In {found.view} nothing is left to old code, and every step suits the interface {INTERFACE}."
    return f"In {found.view}: {'; '.join(told)}."
