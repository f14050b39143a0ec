"""Imports of old registries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from stepwell.frontends.render.output.findings import ReportedFinding, findings
from stepwell.frontends.render.output.record import Count, OutputPart, OutputRecord, doc
from stepwell.write.migrate.plan import WriteStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepwell.write.migrate import Import


class ImportSource(OutputPart, frozen=True, kw_only=True):
    """One file that was read."""

    path: Annotated[str, doc("The file, as it was named.", "old/step_names.py")]
    holds: Annotated[str, doc("What was found in it, in words.", "STEP_NAMES with 18 rows")]


class SkippedSource(OutputPart, frozen=True, kw_only=True):
    """One file that was passed over."""

    path: Annotated[str, doc("The file.", "old/README.md")]
    reason: Annotated[str, doc("Why, in words.", "not a kind of file that is imported")]


class ImportedFile(OutputPart, frozen=True, kw_only=True):
    """One file of the plan."""

    path: Annotated[str, doc("The file, relative to the project.", "registry.d/steps/base.yaml")]
    status: Annotated[
        WriteStatus,
        doc(
            "`new`; `unchanged`, which is not written; `overwrites`, which needs `--force`; "
            "`edited`, for a configuration that gains the order of the table."
        ),
    ]
    text: Annotated[
        str,
        doc(
            "What it holds afterwards.",
            "name: Base\ndescription: Hold the settings that every step shares.\n",
        ),
    ]


class ComparedTable(OutputPart, frozen=True, kw_only=True):
    """One table, compared."""

    table: Annotated[str, doc("Which table, in words.", "the table of steps")]
    workspace: Annotated[str | None, doc("Whose table; null for the core.")]
    rows: Annotated[Count, doc("How many rows the source has.", 18)]
    equal: Annotated[Count, doc("How many of them come out equal.", 18)]
    in_order: Annotated[
        bool | None,
        doc("Whether they come out in the same order; null where the source gives none that counts.", True),
    ]
    others: Annotated[Count, doc("How many rows the project has beside them.", 0)]
    holds: Annotated[bool, doc("Whether nothing was lost.", True)]


class ImportOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell import --format json` prints: the plan, the proof, and what cannot be carried."""

    dry_run: Annotated[bool, doc("Whether nothing was to be written.", False)]
    written: Annotated[
        bool, doc("Whether files were written. Either all of the plan is, or none of it.", True)
    ]
    whole: Annotated[bool, doc("Whether all of the sources is carried, and proved.", True)]
    recovered: Annotated[
        tuple[Annotated[str, doc("A path, relative to the project.", "registry.d/steps/base.yaml")], ...]
        | None,
        doc(
            "What an earlier import that was killed had left: the files that this run put in place "
            "for it. Empty where it was only cleared away, null where nothing was left."
        ),
    ]
    sources: Annotated[tuple[ImportSource, ...], doc("Every file that was read.")]
    skipped: Annotated[tuple[SkippedSource, ...], doc("Every file of a folder that was passed over.")]
    files: Annotated[tuple[ImportedFile, ...], doc("The plan: every file, the configuration last.")]
    proof: Annotated[
        tuple[ComparedTable, ...],
        doc("Each table of the sources, compared with the one that the new definitions give."),
    ]
    diagnostics: Annotated[
        tuple[ReportedFinding, ...],
        doc(
            "What cannot be carried, where a row is not equal, and what the checks find, each at "
            "its place in the sources."
        ),
    ]


def import_output(
    planned: Import, recovered: Iterable[str] | None, *, dry_run: bool, written: bool
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
        diagnostics=findings(planned.diagnostics),
    )
