"""Imports of old registries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from stepwell.frontends.render.output.findings import ReportedFinding, findings
from stepwell.frontends.render.output.record import Count, OutputPart, OutputRecord, doc
from stepwell.write.migrate.plan import WriteStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stepwell.write.migrate import Import


class ImportSource(OutputPart, frozen=True, kw_only=True):
    """File that was read."""

    path: Annotated[str, doc("File, as it was named.", "old/step_names.py")]
    holds: Annotated[str, doc("Contents.", "STEP_NAMES with 18 rows")]


class SkippedSource(OutputPart, frozen=True, kw_only=True):
    """Skipped file."""

    path: Annotated[str, doc("File.", "old/README.md")]
    reason: Annotated[str, doc("Reason.", "not a kind of file that is imported")]


class ImportedFile(OutputPart, frozen=True, kw_only=True):
    """File of the plan."""

    path: Annotated[str, doc("File, relative to the project.", "registry.d/steps/base.yaml")]
    status: Annotated[
        WriteStatus,
        doc(
            "`new`; `unchanged` (not written); `overwrites` (needs `--force`); `edited` (configuration "
            "with the new table order)."
        ),
    ]
    text: Annotated[
        str,
        doc(
            "Content of the file.",
            "name: Base\ndescription: Hold the settings that every step shares.\n",
        ),
    ]


class ComparedTable(OutputPart, frozen=True, kw_only=True):
    """Table, compared."""

    table: Annotated[str, doc("Title of the table.", "the table of steps")]
    workspace: Annotated[str | None, doc("Workspace of the table; null for the core.")]
    rows: Annotated[Count, doc("Number of rows in the source.", 18)]
    equal: Annotated[Count, doc("Number of equal rows.", 18)]
    in_order: Annotated[
        bool | None,
        doc("Whether the order is the same; null if the source has no relevant order.", True),
    ]
    others: Annotated[Count, doc("Number of other rows in the project.", 0)]
    holds: Annotated[bool, doc("Whether the table is verified.", True)]


class WiredPipeline(OutputPart, frozen=True, kw_only=True):
    """Pipeline whose inputs were connected."""

    pipeline: Annotated[str, doc("Name.", "TrainAndEvaluate")]
    connected: Annotated[Count, doc("Number of inputs that were connected.", 5)]
    ambiguous: Annotated[Count, doc("Number of inputs without a clear source.", 0)]


class ImportOutput(OutputRecord, frozen=True, kw_only=True):
    """Output of `stepwell import --format json`: the plan, the proof, and what cannot be carried."""

    dry_run: Annotated[bool, doc("Whether this was a dry run.", False)]
    written: Annotated[
        bool, doc("Whether files were written. Either all of the plan is, or none of it.", True)
    ]
    whole: Annotated[bool, doc("Whether everything was converted and verified.", True)]
    recovered: Annotated[
        tuple[Annotated[str, doc("A path, relative to the project.", "registry.d/steps/base.yaml")], ...]
        | None,
        doc(
            "Files written to complete an interrupted import; empty if it was reverted, null if there "
            "was none."
        ),
    ]
    sources: Annotated[tuple[ImportSource, ...], doc("Every file that was read.")]
    skipped: Annotated[tuple[SkippedSource, ...], doc("Skipped files of folders.")]
    files: Annotated[tuple[ImportedFile, ...], doc("Plan: every file, the configuration last.")]
    proof: Annotated[
        tuple[ComparedTable, ...],
        doc("Each table of the sources, compared with the table that the new definitions produce."),
    ]
    wired: Annotated[tuple[WiredPipeline, ...], doc("Pipelines whose inputs `--wire` connected.")]
    diagnostics: Annotated[
        tuple[ReportedFinding, ...],
        doc(
            "Findings with locations in the sources: items that cannot be converted, unequal rows, and "
            "check findings."
        ),
    ]


def import_output(
    planned: Import,
    recovered: Iterable[str] | None,
    wired: Mapping[str, tuple[int, int]],
    *,
    dry_run: bool,
    written: bool,
) -> ImportOutput:
    """The plan of an import, its proof, and what cannot be carried."""
    gathered = planned.gathered
    return ImportOutput(
        dry_run=dry_run,
        written=written,
        whole=planned.is_whole,
        recovered=None if recovered is None else tuple(recovered),
        sources=tuple(ImportSource(path=path, holds=words) for path, words in gathered.read),
        skipped=tuple(SkippedSource(path=path, reason=why) for path, why in gathered.skipped),
        files=tuple(
            ImportedFile(path=file.path, status=file.status, text=file.text) for file in planned.files
        ),
        proof=tuple(
            ComparedTable(
                table=table.title,
                workspace=table.workspace,
                rows=table.rows,
                equal=table.equal,
                in_order=table.in_order,
                others=table.others,
                holds=table.holds,
            )
            for table in planned.proof
        ),
        wired=tuple(
            WiredPipeline(pipeline=name, connected=connected, ambiguous=ambiguous)
            for name, (connected, ambiguous) in wired.items()
        ),
        diagnostics=findings(planned.diagnostics),
    )
