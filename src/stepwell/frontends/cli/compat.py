"""``stepwell compat``: list steps that use fallbacks or an incompatible interface version."""

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


@click.command("compat", epilog=_EXAMPLE, short_help="List steps that still run old code.")
@workspace_option("Use the view of this workspace (default: core).")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if there is anything left to migrate.")
@format_option("text", "json")
@project_options
def command(workspace: str | None, exit_code: bool, form: str, common: CommonOptions) -> int:
    """List steps that still run old code, and steps for another step type interface.

    `[execution.fallbacks]` in the settings declares old code for steps that the registry does not have. For
    each fallback, it shows the definition that makes it unnecessary, or the file to write. No Python is
    run. The exit code is 0, or with `--exit-code` 1 if there is a fallback or an incompatible step.
    """
    registry, view = open_view(common, workspace)
    found = compatibility(registry.project, view)
    if form == "json":
        from stepwell.frontends.render.output.usages import compat_output

        write_json(compat_output(found, view.workspace))
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(found))
        if found.fallbacks or found.mismatches or not common.quiet:
            sys.stdout.write(f"{_summary(found)}\n")
    return int(exit_code and bool(found.fallbacks or found.mismatches))


def _lines(found: Compatibility) -> Iterator[str]:
    for fallback in found.fallbacks:
        at = visible(f"{fallback.declared_at.path}:{fallback.declared_at.line}")
        if fallback.served_by:
            provider = visible(fallback.served_by)
            yield f"{visible(fallback.step)}: provided by {provider}; remove the fallback at {at}"
        else:
            yield f"{visible(fallback.step)}: uses the fallback {visible(fallback.code)} declared at {at}"
            if fallback.fault:
                yield f"  not importable: {visible(fallback.fault)}"
            yield f"  to migrate, write {visible(fallback.file)}:"
            yield from (f"    {visible(line)}" for line in fallback.text.splitlines())
        yield ""
    for mismatch in found.mismatches:
        yield f"{visible(mismatch.step)}: {visible(mismatch.reason)}"
        yield f"  --> {visible(mismatch.place)}"
        yield ""


def _summary(found: Compatibility) -> str:
    used, needless = len(found.used), len(found.fallbacks) - len(found.used)
    told = []
    if used:
        told.append(counted(used, "step uses a fallback", "steps use fallbacks"))
    if needless:
        told.append(counted(needless, "fallback is unnecessary", "fallbacks are unnecessary"))
    if found.mismatches:
        count = len(found.mismatches)
        incompatible = counted(count, "step is", "steps are")
        told.append(f"{incompatible} incompatible with interface {INTERFACE}")
    if not told:
        return f"In {found.view}: no fallbacks, and every step is compatible with interface {INTERFACE}."
    return f"In {found.view}: {'; '.join(told)}."
