"""Findings as text: with source line, underlined location and help, or one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepwell.source.escape_control import visible
from stepwell.source.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepwell.frontends.render.report import Report

__all__ = ["render", "render_concise", "summary"]


def render(report: Report, *, color: bool, **_unused: object) -> Iterator[str]:
    """Yield a block for each finding, then the summary."""
    if report.diagnostics:
        from stepwell.source.excerpt import block
    for finding in report.shown:
        yield f"{block(finding, color=color)}\n\n"
    if report.rest:
        yield f"{report.rest}\n"
    yield f"{summary(report)}\n"


def render_concise(report: Report, **_unused: object) -> Iterator[str]:
    """Yield ``path:line:col: severity[id] message``; without a location if no file is concerned."""
    for finding in report.shown:
        span = finding.span
        place = f"{visible(span.path)}:{span.line}:{span.column}: " if span else ""
        yield f"{place}{finding.severity.value}[{visible(finding.id)}] {visible(finding.message)}\n"
    yield report.rest


def summary(report: Report) -> str:
    """Return the summary: checked files, findings and duration."""
    looked_at = ", ".join(
        (
            counted(report.files, "file"),
            counted(report.steps, "step"),
            counted(report.workspaces, "workspace"),
        )
    )
    findings = ""
    if report.diagnostics:
        from stepwell.source.diagnostic import counted_findings

        findings = counted_findings(report.diagnostics)
    time = f"{report.seconds:.2f} s" if report.seconds >= 0.01 else "less than 0.01 s"
    return f"Checked {looked_at}: {findings or 'no findings'} in {time}."
