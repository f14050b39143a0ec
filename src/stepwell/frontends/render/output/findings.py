"""Findings of a check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from stepwell.frontends.render.output.record import Amount, Count, Ordinal, OutputPart, OutputRecord, doc
from stepwell.source.diagnostic import Diagnostic, Severity, Span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepwell.frontends.render.report import Report


class ToolVersion(OutputPart, frozen=True, kw_only=True):
    """What found this."""

    name: Annotated[Literal["stepwell"], doc("Always `stepwell`.")]
    version: Annotated[str, doc("The version of Stepwell.", "0.1.0")]


class CheckSummary(OutputPart, frozen=True, kw_only=True):
    """What was checked, and how much was found."""

    files: Annotated[Count, doc("How many files were read.")]
    steps: Annotated[Count, doc("How many step definitions they hold.")]
    workspaces: Annotated[Count, doc("How many workspaces were looked at.")]
    errors: Annotated[Count, doc("How many findings are errors.")]
    warnings: Annotated[Count, doc("How many findings are warnings.")]
    infos: Annotated[Count, doc("How many findings are neither.")]
    seconds: Annotated[Amount, doc("How long the check took, in seconds.")]


class TextSpan(OutputPart, frozen=True, kw_only=True):
    """A stretch of one file. Lines and columns count from 1, columns in Unicode code points; the end is
    exclusive.
    """

    path: Annotated[
        str,
        doc(
            "Relative to the project, with `/` on every system; a source that is imported, as it was named.",
            "registry.d/steps/scoring.yaml",
        ),
    ]
    line: Annotated[Ordinal, doc("The first line.", 4)]
    column: Annotated[Ordinal, doc("The first column.", 5)]
    end_line: Annotated[Ordinal, doc("The line of the first character after the stretch.", 4)]
    end_column: Annotated[Ordinal, doc("The column of the first character after the stretch.", 11)]


class RelatedPlace(OutputPart, frozen=True, kw_only=True):
    """Another place that a finding speaks of."""

    message: Annotated[str, doc("What ties the place to the finding.", "overrides", "first defined")]
    span: Annotated[TextSpan, doc("The place.")]


class ReportedFinding(OutputPart, frozen=True, kw_only=True):
    """One finding about a file."""

    id: Annotated[
        str, doc("The rule. `stepwell explain-rule ID` prints its page.", "unknown-field", "duplicate-key")
    ]
    severity: Annotated[
        Severity, doc("How much it matters. An error keeps a definition out of the registry.")
    ]
    message: Annotated[str, doc("What is wrong.", "the row `Base` is not in the new table")]
    span: Annotated[TextSpan | None, doc("Where; null when no file is concerned.")]
    help: Annotated[str | None, doc("What to do about it; null when there is nothing to say.", None)]
    related: Annotated[tuple[RelatedPlace, ...], doc("Other places that the finding speaks of.")]


class CheckOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell check --format json` prints: what was checked, and every finding in the order path,
    line, column, id. The version rises with every change of form that a reader could notice.
    """

    tool: Annotated[ToolVersion, doc("What found this.")]
    summary: Annotated[CheckSummary, doc("What was checked, and how much was found.")]
    diagnostics: Annotated[
        tuple[ReportedFinding, ...],
        doc("The findings, in the order path, line, column, id; those that concern no file come first."),
    ]


class FilePosition(OutputPart, frozen=True, kw_only=True):
    """A position in a file."""

    file: Annotated[str, doc("The file, relative to the project, with `/`.", "registry.d/steps/scoring.yaml")]
    line: Annotated[Ordinal, doc("The line, from 1.", 12)]
    column: Annotated[Ordinal, doc("The column in Unicode code points, from 1.", 7)]


def check_output(report: Report, found: Iterable[Diagnostic]) -> CheckOutput:
    """The report of a check, with these of its findings."""
    return CheckOutput(
        tool=ToolVersion(name="stepwell", version=report.tool_version),
        summary=CheckSummary(
            files=report.files,
            steps=report.steps,
            workspaces=report.workspaces,
            errors=report.count(Severity.ERROR),
            warnings=report.count(Severity.WARNING),
            infos=report.count(Severity.INFO),
            seconds=round(report.seconds, 6),
        ),
        diagnostics=findings(found),
    )


def findings(found: Iterable[Diagnostic]) -> tuple[ReportedFinding, ...]:
    """Diagnostics as records."""
    return tuple(map(finding, found))


def finding(found: Diagnostic) -> ReportedFinding:
    """A diagnostic as a record."""
    return ReportedFinding(
        id=found.id,
        severity=found.severity,
        message=found.message,
        span=text_span(found.span),
        help=found.help,
        related=tuple(
            RelatedPlace(message=other.message, span=required_span(other.span)) for other in found.related
        ),
    )


def text_span(span: Span | None) -> TextSpan | None:
    """A span as a record."""
    return None if span is None else required_span(span)


def required_span(span: Span) -> TextSpan:
    """A span that is there as a record."""
    return TextSpan(
        path=span.path,
        line=span.line,
        column=span.column,
        end_line=span.end_line,
        end_column=span.end_column,
    )


def file_position(span: Span | None) -> FilePosition | None:
    """The beginning of a span as a record."""
    return None if span is None else FilePosition(file=span.path, line=span.line, column=span.column)
