"""Report of a check, the input of every renderer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, final

from stepwell.source.wording import counted

if TYPE_CHECKING:
    from stepwell.source.diagnostic import Diagnostic, Severity

__all__ = ["SECTIONS", "Report", "RulePage", "Section"]

SECTIONS: Final = ("structure", "isolation", "references", "alignment", "builders", "pipelines", "tests")
"""Sections of a complete check, in order."""


@final
class RulePage(NamedTuple):
    """Manual page of a rule.

    Args:
       default_severity: ``None`` if the rule is off by default.
    """

    id: str
    summary: str
    markdown: str
    default_severity: Severity | None


@final
class Report(NamedTuple):
    """Counts and findings of a check.

    Args:
       limit: maximum number of findings that text shows; 0 for all.
    """

    diagnostics: tuple[Diagnostic, ...]
    files: int
    steps: int
    workspaces: int
    seconds: float
    tool_version: str
    limit: int = 0

    @property
    def shown(self) -> tuple[Diagnostic, ...]:
        """Findings that text shows."""
        return self.diagnostics[: self.limit or None]

    @property
    def rest(self) -> str:
        """Line that counts the findings that are not shown; empty for none."""
        count = len(self.diagnostics) - len(self.shown)
        if not count:
            return ""
        return f"{counted(count, 'more finding')} not shown (use --max-findings 0 to show all)\n"

    def with_severity(self, severity: Severity) -> int:
        """Return the number of findings with a severity."""
        return sum(finding.severity is severity for finding in self.diagnostics)


@final
class Section(NamedTuple):
    """Result of one section of a complete check.

    Args:
        skipped: why it was not checked; empty if it was.
    """

    name: str
    diagnostics: tuple[Diagnostic, ...] = ()
    skipped: str = ""
