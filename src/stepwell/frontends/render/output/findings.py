"""Findings of a check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from stepwell.frontends.render.output.record import (
    Amount,
    Count,
    Ordinal,
    OutputPart,
    OutputRecord,
    doc,
    one_of,
)
from stepwell.source.diagnostic import Diagnostic, Fix, Severity, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stepwell.frontends.render.report import Report


class ToolVersion(OutputPart, frozen=True, kw_only=True):
    """Tool that produced the report."""

    name: Annotated[Literal["stepwell"], doc("Always `stepwell`.")]
    version: Annotated[str, doc("Version of Stepwell.", "0.1.0")]


class CheckSummary(OutputPart, frozen=True, kw_only=True):
    """Number of checked items and of findings."""

    files: Annotated[Count, doc("Number of files.")]
    steps: Annotated[Count, doc("Number of step definitions.")]
    workspaces: Annotated[Count, doc("Number of workspaces.")]
    errors: Annotated[Count, doc("Number of errors.")]
    warnings: Annotated[Count, doc("Number of warnings.")]
    infos: Annotated[Count, doc("Number of infos.")]
    seconds: Annotated[Amount, doc("Duration in seconds.")]


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
    line: Annotated[Ordinal, doc("First line.", 4)]
    column: Annotated[Ordinal, doc("First column.", 5)]
    end_line: Annotated[Ordinal, doc("Line of the first character after the stretch.", 4)]
    end_column: Annotated[Ordinal, doc("Column of the first character after the stretch.", 11)]


class RelatedPlace(OutputPart, frozen=True, kw_only=True):
    """Related location of a finding."""

    message: Annotated[str, doc("Relation to the finding.", "overrides", "first defined")]
    span: Annotated[TextSpan, doc("Place.")]


class ReportedEdit(OutputPart, frozen=True, kw_only=True):
    """Replacement of a stretch of one file."""

    span: Annotated[TextSpan, doc("Replaced stretch.")]
    text: Annotated[str, doc("New text.", "builder_step_name")]


class ReportedFix(OutputPart, frozen=True, kw_only=True):
    """Change that resolves a finding; `stepwell check --fix` makes it."""

    message: Annotated[str, doc("Change.", "replace `bulider_step_name` by `builder_step_name`")]
    safe: Annotated[bool, doc("Whether `--fix` makes it; otherwise only `--unsafe-fixes`.", True)]
    edits: Annotated[tuple[ReportedEdit, ...], doc("Text edits; empty if the file is moved or deleted.")]
    moved_to: Annotated[str | None, doc("New path of the file; null if it is not moved.", None)]
    deleted: Annotated[bool, doc("Whether the file is deleted.", False)]


class ReportedFinding(OutputPart, frozen=True, kw_only=True):
    """Finding about a file."""

    id: Annotated[
        str, doc("Rule. `stepwell explain-rule ID` prints its page.", "unknown-field", "duplicate-key")
    ]
    severity: Annotated[Severity, doc("Severity. An error keeps a definition out of the registry.")]
    message: Annotated[str, doc("Message.", "the row `Base` is not in the new table")]
    span: Annotated[TextSpan | None, doc("Location; null if no file is concerned.")]
    help: Annotated[str | None, doc("How to fix it; null without a suggestion.", None)]
    related: Annotated[tuple[RelatedPlace, ...], doc("Related locations.")]
    fix: Annotated[ReportedFix | None, doc("Change that resolves the finding; null if there is none.")]


class CheckOutput(OutputRecord, frozen=True, kw_only=True):
    """Output of `stepwell check --format json`: what was checked, and every finding in the order path,
    line, column, id. The version rises with every change of form that a reader could notice.
    """

    tool: Annotated[ToolVersion, doc("Tool that produced the report.")]
    summary: Annotated[CheckSummary, doc("Number of checked items and of findings.")]
    diagnostics: Annotated[
        tuple[ReportedFinding, ...],
        doc("Findings, in the order path, line, column, id; those that concern no file come first."),
    ]


class EditedFile(OutputPart, frozen=True, kw_only=True):
    """A changed file."""

    path: Annotated[str, doc("Relative to the project, with `/`.", "registry.d/steps/scoring.yaml")]
    change: Annotated[str, one_of("created", "edited", "deleted"), doc("Change of the file.", "edited")]
    diff: Annotated[
        str, doc("Unified diff of the file.", "--- a/x.yaml\n+++ b/x.yaml\n@@ -1 +1 @@\n-a: 1\n+a: 2\n")
    ]


class EditOutput(OutputRecord, frozen=True, kw_only=True):
    """Output of commands that edit definition files: what changed, and the findings that the edit adds."""

    written: Annotated[bool, doc("Whether the files were written: not with `--dry-run` or after errors.")]
    files: Annotated[tuple[EditedFile, ...], doc("Changed files.")]
    diagnostics: Annotated[tuple[ReportedFinding, ...], doc("New findings, in the order of `check`.")]


class FilePosition(OutputPart, frozen=True, kw_only=True):
    """A position in a file."""

    file: Annotated[str, doc("File, relative to the project, with `/`.", "registry.d/steps/scoring.yaml")]
    line: Annotated[Ordinal, doc("Line, from 1.", 12)]
    column: Annotated[Ordinal, doc("Column in Unicode code points, from 1.", 7)]


def check_output(report: Report, reported: Iterable[Diagnostic]) -> CheckOutput:
    """The report of a check, with these of its findings."""
    return CheckOutput(
        tool=ToolVersion(name="stepwell", version=report.tool_version),
        summary=CheckSummary(
            files=report.files,
            steps=report.steps,
            workspaces=report.workspaces,
            errors=report.with_severity(Severity.ERROR),
            warnings=report.with_severity(Severity.WARNING),
            infos=report.with_severity(Severity.INFO),
            seconds=round(report.seconds, 6),
        ),
        diagnostics=findings(reported),
    )


def edit_output(
    files: Mapping[str, tuple[bytes | None, bytes | None, str]],
    reported: Iterable[Diagnostic],
    *,
    written: bool,
) -> EditOutput:
    """The result of an edit.

    Args:
        files: content before and after by path, and the diff.
    """
    return EditOutput(
        written=written,
        files=tuple(
            EditedFile(
                path=path,
                change="created" if before is None else "deleted" if after is None else "edited",
                diff=diff,
            )
            for path, (before, after, diff) in files.items()
        ),
        diagnostics=findings(reported),
    )


def findings(diagnostics: Iterable[Diagnostic]) -> tuple[ReportedFinding, ...]:
    """Diagnostics as records."""
    return tuple(map(finding, diagnostics))


def finding(diagnostic: Diagnostic) -> ReportedFinding:
    """A diagnostic as a record."""
    return ReportedFinding(
        id=diagnostic.id,
        severity=diagnostic.severity,
        message=diagnostic.message,
        span=text_span(diagnostic.span),
        help=diagnostic.help,
        related=tuple(
            RelatedPlace(message=other.message, span=required_span(other.span))
            for other in diagnostic.related
        ),
        fix=None if diagnostic.fix is None else _fix(diagnostic.fix),
    )


def _fix(fix: Fix) -> ReportedFix:
    return ReportedFix(
        message=fix.message,
        safe=fix.is_safe,
        edits=tuple(ReportedEdit(span=required_span(edit.span), text=edit.text) for edit in fix.edits),
        moved_to=fix.text if fix.action == "move" else None,
        deleted=fix.action == "delete",
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
