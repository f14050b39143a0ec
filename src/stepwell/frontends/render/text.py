"""What people read: each finding with its source line, the place underlined, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepwell.source.diagnostic import counted_findings
from stepwell.source.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepwell.frontends.render.report import Report

__all__ = ["render", "summary"]


def render(report: Report, *, color: bool, **_unused: object) -> Iterator[str]:
    """Every finding as a block, a blank line after each, and the summary line at the end."""
    if report.diagnostics:
        from stepwell.source.excerpt import block
    for found in report.diagnostics:
        yield f"{block(found, color=color)}\n\n"
    yield f"{summary(report)}\n"


def summary(report: Report) -> str:
    """One sentence: what was checked, what was found, how long it took."""
    looked_at = ", ".join(
        (
            counted(report.files, "file"),
            counted(report.steps, "step"),
            counted(report.workspaces, "workspace"),
        )
    )
    findings = counted_findings(report.diagnostics)
    time = f"{report.seconds:.2f} s" if report.seconds >= 0.01 else "less than 0.01 s"
    return f"Checked {looked_at}: {findings or 'no findings'} in {time}."
