"""Alignment of steps with their code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from stepwell.frontends.render.output.findings import FilePosition, file_position
from stepwell.frontends.render.output.record import Count, OutputPart, OutputRecord, Share, doc
from stepwell.source.diagnostic import Diagnostic, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepwell.code.alignment import Aligned


class AlignmentSummary(OutputPart, frozen=True, kw_only=True):
    """Totals of all steps."""

    steps: Annotated[Count, doc("Number of checked steps, counted per view.", 1)]
    aligned: Annotated[Count, doc("Number of steps without errors.", 0)]
    errors: Annotated[Count, doc("Number of errors.", 1)]
    warnings: Annotated[Count, doc("Number of warnings.", 0)]


class AlignedView(OutputPart, frozen=True, kw_only=True):
    """Totals of a view."""

    workspace: Annotated[str | None, doc("Workspace of the view; null for the core.", "alice", None)]
    steps: Annotated[Count, doc("Number of checked steps.", 1)]
    aligned: Annotated[Count, doc("Number of steps without errors.", 0)]
    success_rate: Annotated[
        Share | None,
        doc(
            "Share of steps without errors, from 0 to 1; null if no step has an interface or builder.",
            0.5,
            None,
        ),
    ]


class AlignmentLevel(OutputPart, frozen=True, kw_only=True):
    """Level: 1 script and interface, 2 the interface in itself, 3 inputs and steps, 4 builder and
    configuration.
    """

    level: Annotated[int, Meta(ge=1, le=4), doc("Which one.", 1)]
    errors: Annotated[Count, doc("Number of errors.", 1)]
    warnings: Annotated[Count, doc("Number of warnings.", 0)]


class AlignmentNote(OutputPart, frozen=True, kw_only=True):
    """Related location of a finding."""

    message: Annotated[str, doc("Message.", "it is read here")]
    place: Annotated[FilePosition | None, doc("Where.")]


class AlignmentFinding(OutputPart, frozen=True, kw_only=True):
    """Finding."""

    id: Annotated[str, doc("Rule; `stepwell explain-rule ID` describes it.", "undeclared-environment")]
    severity: Annotated[Severity, doc("Severity.")]
    message: Annotated[
        str,
        doc(
            "Message.",
            "the script of `Scoring` reads the environment variable `BATCH_SIZE`, which the "
            "interface does not declare",
        ),
    ]
    place: Annotated[FilePosition | None, doc("Where, in the definition.")]
    help: Annotated[str | None, doc("How to fix it.", "add it to `env.optional`", None)]
    related: Annotated[tuple[AlignmentNote, ...], doc("Related locations in Python or definitions.")]


class AlignedStep(OutputPart, frozen=True, kw_only=True):
    """Result for a step in a view."""

    step: Annotated[str, doc("Step's name.", "Scoring")]
    workspace: Annotated[str | None, doc("Workspace of the view; null for the core.", "alice", None)]
    has_interface: Annotated[
        bool,
        doc("Whether the step has an interface; without one, levels 1 to 3 are not checked.", True),
    ]
    script: Annotated[
        str | None,
        doc(
            "Checked script, relative to the project; null without one.",
            "src/scripts/scoring.py",
            None,
        ),
    ]
    builder: Annotated[
        str | None,
        doc(
            "File and line of the builder; null if not found or not checked.",
            "src/builders.py:12",
            None,
        ),
    ]
    aligned: Annotated[bool, doc("Whether there are no errors.", False)]
    levels: Annotated[tuple[AlignmentLevel, ...], doc("Totals of each checked level.")]
    diagnostics: Annotated[tuple[AlignmentFinding, ...], doc("Findings.")]


class AlignOutput(OutputRecord, frozen=True, kw_only=True):
    """Output of `stepwell align --format json`: for every checked step, whether its interface
    agrees with its script, the other steps, its builder and its configuration class.
    """

    summary: Annotated[AlignmentSummary, doc("Totals.")]
    workspaces: Annotated[tuple[AlignedView, ...], doc("Same for each view.")]
    steps: Annotated[
        tuple[AlignedStep, ...], doc("Every step of every view, in the order of its table, the core's first.")
    ]
    diagnostics: Annotated[
        tuple[AlignmentFinding, ...],
        doc("Every finding once, by file, line, column and id, without suppressed ones."),
    ]


def align_output(aligned: Iterable[Aligned], findings: Iterable[Diagnostic]) -> AlignOutput:
    """The alignment of steps, with every finding once."""
    aligned, findings = tuple(aligned), tuple(findings)
    by_view: dict[str | None, list[Aligned]] = {}
    for item in aligned:
        by_view.setdefault(item.workspace, []).append(item)
    errors, warnings = _counts(findings)
    return AlignOutput(
        summary=AlignmentSummary(
            steps=len(aligned),
            aligned=sum(item.is_aligned for item in aligned),
            errors=errors,
            warnings=warnings,
        ),
        workspaces=tuple(
            AlignedView(
                workspace=workspace,
                steps=len(steps),
                aligned=sum(step.is_aligned for step in steps),
                success_rate=round(sum(step.is_aligned for step in steps) / len(steps), 4)
                if any(step.has_interface or step.builder for step in steps)
                else None,
            )
            for workspace, steps in by_view.items()
        ),
        steps=tuple(map(_step, aligned)),
        diagnostics=tuple(map(_finding, findings)),
    )


def _step(aligned: Aligned) -> AlignedStep:
    return AlignedStep(
        step=aligned.step,
        workspace=aligned.workspace,
        has_interface=aligned.has_interface,
        script=aligned.script,
        builder=aligned.builder,
        aligned=aligned.is_aligned,
        levels=tuple(_level(level, findings) for level, findings in aligned.levels),
        diagnostics=tuple(map(_finding, aligned.diagnostics)),
    )


def _level(level: int, findings: Iterable[Diagnostic]) -> AlignmentLevel:
    errors, warnings = _counts(findings)
    return AlignmentLevel(level=level, errors=errors, warnings=warnings)


def _counts(findings: Iterable[Diagnostic]) -> tuple[int, int]:
    severities = [finding.severity for finding in findings]
    return severities.count(Severity.ERROR), severities.count(Severity.WARNING)


def _finding(finding: Diagnostic) -> AlignmentFinding:
    return AlignmentFinding(
        id=finding.id,
        severity=finding.severity,
        message=finding.message,
        place=file_position(finding.span),
        help=finding.help,
        related=tuple(
            AlignmentNote(message=other.message, place=file_position(other.span)) for other in finding.related
        ),
    )
