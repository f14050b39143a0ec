"""Report of a check, the input of every renderer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, final

from stepwell.source.diagnostic import Diagnostic, Severity

__all__ = ["Report", "RulePage"]


@final
class RulePage(NamedTuple):
    """Manual page of a rule.

    Args:
       default_severity: ``None`` if the rule is off by default.
    """

    id: str
    summary: str
    markdown: str
    default_severity: Severity | None = Severity.ERROR


@final
@dataclass(frozen=True, slots=True)
class Report:
    """Counts and findings of a check."""

    diagnostics: tuple[Diagnostic, ...]
    files: int
    steps: int
    workspaces: int
    seconds: float
    tool_version: str

    def count(self, severity: Severity) -> int:
        """Return the number of findings with a severity."""
        return sum(finding.severity is severity for finding in self.diagnostics)
