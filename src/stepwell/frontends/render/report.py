"""The Report: what a check looked at and found, as every renderer receives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, final

from stepwell.source.diagnostic import Diagnostic, Severity

__all__ = ["Report", "RulePage"]


@final
class RulePage(NamedTuple):
    """The manual page of one rule.

    Args:
        id: words that name the rule, e.g. ``unknown-field``.
        default_severity: its severity when no configuration says otherwise; ``None`` when it is off.
    """

    id: str
    summary: str
    markdown: str
    default_severity: Severity | None = Severity.ERROR


@final
@dataclass(frozen=True, slots=True)
class Report:
    """What one check looked at and found.

    Args:
        diagnostics: the findings, in the order in which they are told.
    """

    diagnostics: tuple[Diagnostic, ...]
    files: int
    steps: int
    workspaces: int
    seconds: float
    tool_version: str

    def count(self, severity: Severity) -> int:
        """How many findings have this severity."""
        return sum(found.severity is severity for found in self.diagnostics)
