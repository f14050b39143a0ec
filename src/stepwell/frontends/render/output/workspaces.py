"""Workspaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, final

import msgspec

from stepwell.frontends.render.output.findings import ReportedFinding, findings
from stepwell.frontends.render.output.record import Count, OutputPart, OutputRecord, Share, doc, one_of
from stepwell.frontends.render.report import SECTIONS, Section
from stepwell.source.diagnostic import Diagnostic, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stepwell.code.portability import Portable
    from stepwell.model import Workspace
    from stepwell.source.document import Document


@final
@dataclass(frozen=True, slots=True)
class WorkspaceContents:
    """Steps that a workspace adds, shadows and overrides.

    Args:
       folder: relative to the project.
       adds: documents of the steps that only the workspace has, by step.
    """

    workspace: Workspace
    folder: str
    adds: Mapping[str, Document]
    hides: Mapping[str, Document]
    overrides: Mapping[str, Document]
    others: Mapping[str, tuple[str, ...]]
    code: Mapping[str, int]
    findings: tuple[Diagnostic, ...]


def fields_of(document: Document) -> tuple[str, ...]:
    """Return the fields of a document, without the name."""
    return tuple(key for key in document.data if key not in ("name", "$schema"))


class FindingCounts(OutputPart, frozen=True, kw_only=True):
    """How many findings of each severity."""

    errors: Annotated[Count, doc("Number of errors.", 0)]
    warnings: Annotated[Count, doc("Number of warnings.", 1)]
    infos: Annotated[Count, doc("Number of infos.", 2)]


class ListedWorkspace(OutputPart, frozen=True, kw_only=True):
    """Summary of a workspace. `stepwell workspace show ID` shows more."""

    id: Annotated[str, doc("Id, the name of its folder.", "alice")]
    version: Annotated[str, doc("Version.", "1.0.0")]
    description: Annotated[str, doc("Description; empty without one.", "Experiments on GPU.", "")]
    folder: Annotated[str, doc("Folder, relative to the project.", "workspaces/alice")]
    steps: Annotated[Count, doc("Number of local steps.", 1)]
    overrides: Annotated[Count, doc("Number of steps it overrides.", 1)]
    findings: Annotated[FindingCounts, doc("Findings of `stepwell check` in its files.")]


class WorkspaceListOutput(OutputRecord, frozen=True, kw_only=True):
    """Output of `stepwell workspace list --format json`: the workspaces of a project, ids sorted."""

    workspaces: Annotated[tuple[ListedWorkspace, ...], doc("Workspaces, ids sorted.")]


class WorkspaceSettings(OutputPart, frozen=True, kw_only=True):
    """Settings of a workspace."""

    version: Annotated[str, doc("Version.", "1.0.0")]
    description: Annotated[str, doc("Description.", "Experiments on GPU.")]
    dependencies: Annotated[tuple[str, ...], doc("Dependencies.", ["pandas"])]
    default_resolution_strategy: Annotated[str, doc("Resolution strategy.", "workspace_priority")]
    preferred_frameworks: Annotated[tuple[str, ...], doc("Frameworks that it prefers.", ["xgboost"])]
    environment_preferences: Annotated[tuple[str, ...], doc("Environments that it prefers.", ["gpu"])]
    conflict_tolerance: Annotated[
        str, one_of("low", "medium", "high"), doc("Tolerance for names that the core also has.")
    ]


class WorkspaceStep(OutputPart, frozen=True, kw_only=True):
    """Step in a layer of the workspace."""

    step: Annotated[str, doc("Name.", "XGBoostTraining")]
    file: Annotated[
        str,
        doc("File, relative to the project.", "workspaces/alice/override/steps/xgboost_training.yaml"),
    ]
    fields: Annotated[tuple[str, ...], doc("Fields that the file states, without the name.", ["priority"])]


class CodeFolder(OutputPart, frozen=True, kw_only=True):
    """Folder."""

    folder: Annotated[str, doc("Folder, relative to the project.", "workspaces/alice/src/builders")]
    files: Annotated[Count, doc("Number of Python files.", 2)]


class WorkspaceShowOutput(OutputRecord, frozen=True, kw_only=True):
    """Output of `stepwell workspace show ID --format json`: one workspace, and what it makes of the
    core.
    """

    id: Annotated[str, doc("Id, the name of its folder.", "alice")]
    folder: Annotated[str, doc("Folder, relative to the project.", "workspaces/alice")]
    file: Annotated[
        str | None,
        doc("Settings file; null without one.", "workspaces/alice/workspace.yaml", None),
    ]
    settings: Annotated[WorkspaceSettings, doc("Settings with defaults.")]
    adds: Annotated[tuple[WorkspaceStep, ...], doc("Steps that only the workspace has.")]
    hides: Annotated[tuple[WorkspaceStep, ...], doc("Local steps that shadow a step of the core.")]
    overrides: Annotated[tuple[WorkspaceStep, ...], doc("Overridden steps.")]
    hyperparameters: Annotated[
        tuple[str, ...],
        doc("Hyperparameter classes that it defines or changes.", ["XGBoostModelHyperparameters"]),
    ]
    providers: Annotated[tuple[str, ...], doc("Providers that it defines or changes.", ["HouseModels"])]
    pipelines: Annotated[tuple[str, ...], doc("Pipelines that it defines or changes.", ["TrainAndEvaluate"])]
    code: Annotated[tuple[CodeFolder, ...], doc("Existing code folders.")]
    findings: Annotated[
        tuple[ReportedFinding, ...],
        doc("Findings in order, each as in `diagnostics.schema.json`."),
    ]


class CheckedSection(OutputPart, frozen=True, kw_only=True):
    """Section of a complete check."""

    name: Annotated[
        str,
        one_of(*SECTIONS),
        doc("Name.", "alignment"),
    ]
    passed: Annotated[bool, doc("Whether it has no errors.", True)]
    skipped: Annotated[str, doc("Why it was not checked; empty if it was.", "")]
    errors: Annotated[Count, doc("Number of errors.", 0)]
    warnings: Annotated[Count, doc("Number of warnings.", 1)]
    infos: Annotated[Count, doc("Number of infos.", 2)]


class CheckedWorkspace(OutputPart, frozen=True, kw_only=True):
    """Workspace."""

    id: Annotated[str, doc("Id; `core` for the core.", "alice")]
    passed: Annotated[bool, doc("Whether it has no errors.", True)]
    errors: Annotated[Count, doc("Number of errors.", 0)]
    warnings: Annotated[Count, doc("Number of warnings.", 1)]
    infos: Annotated[Count, doc("Number of infos.", 2)]
    sections: Annotated[tuple[CheckedSection, ...], doc("Result of each section, in order.")]
    diagnostics: Annotated[
        tuple[ReportedFinding, ...],
        doc("Findings in order, each as in `diagnostics.schema.json`."),
    ]


class WorkspaceTotals(OutputPart, frozen=True, kw_only=True):
    """The sums."""

    workspaces: Annotated[Count, doc("Number of were checked.", 3)]
    passed: Annotated[Count, doc("Number of passed workspaces.", 3)]
    failed: Annotated[Count, doc("Number of failed workspaces.", 0)]
    success_rate: Annotated[
        Share | None,
        doc(
            "Share that passed, from 0 to 1, rounded to four digits; null if none was checked.",
            1.0,
            0.6667,
        ),
    ]
    errors: Annotated[Count, doc("Number of errors.", 0)]
    warnings: Annotated[Count, doc("Number of warnings.", 1)]
    infos: Annotated[Count, doc("Number of infos.", 2)]


class WorkspaceCheckOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell workspace check --format json` prints, and `--report` writes: each workspace with its
    findings, and totals.
    """

    workspaces: Annotated[tuple[CheckedWorkspace, ...], doc("Workspaces that were checked, each once.")]
    totals: Annotated[WorkspaceTotals, doc("All of them together.")]


class MissingPart(OutputPart, frozen=True, kw_only=True):
    """Thing."""

    kind: Annotated[
        str, one_of("class", "file", "base", "field", "name", "framework"), doc("Kind of the missing item.")
    ]
    what: Annotated[str, doc("Class, file, step, field or word.", "XGBoostTrainingConfig")]
    words: Annotated[str, doc("Message.", "`priority` is `75` here, and `80` in workspace bob")]
    hinders: Annotated[bool, doc("Whether it prevents the step from working.", True)]


class PortableStep(OutputPart, frozen=True, kw_only=True):
    """Step."""

    step: Annotated[str, doc("Name.", "XGBoostTraining")]
    layer: Annotated[str, doc("Topmost layer that defines or overrides it.", "override")]
    works: Annotated[bool, doc("Whether the step would work.", True)]
    lacks: Annotated[tuple[MissingPart, ...], doc("Missing or different items.")]


class WorkspaceCompareOutput(OutputRecord, frozen=True, kw_only=True):
    """Output of `stepwell workspace compare A B --format json`: how the steps of one workspace would
    fare in another.
    """

    from_: Annotated[str, doc("Workspace whose steps they are.", "alice")] = msgspec.field(name="from")
    to: Annotated[str, doc("Workspace that would get them.", "bob")]
    steps: Annotated[tuple[PortableStep, ...], doc("Steps, in table order.")]


def listed_workspace(
    workspace: Workspace,
    folder: str,
    names: tuple[tuple[str, ...], tuple[str, ...]],
    findings: Iterable[Diagnostic],
) -> ListedWorkspace:
    """A workspace in short.

    Args:
        folder: its folder, relative to the project.
    """
    own, overridden = names
    return ListedWorkspace(
        id=workspace.id,
        version=workspace.version,
        description=workspace.description,
        folder=folder,
        steps=len(own),
        overrides=len(overridden),
        findings=FindingCounts(**_counts(findings)),
    )


def workspace_show_output(contents: WorkspaceContents) -> WorkspaceShowOutput:
    """Workspace, and what it makes of the core."""
    workspace = contents.workspace
    return WorkspaceShowOutput(
        id=workspace.id,
        folder=contents.folder,
        file=None if workspace.document is None else workspace.document.path,
        settings=WorkspaceSettings(
            **{name: getattr(workspace, name) for name in WorkspaceSettings.__struct_fields__}
        ),
        adds=_steps(contents.adds),
        hides=_steps(contents.hides),
        overrides=_steps(contents.overrides),
        hyperparameters=contents.others["hyperparameters"],
        providers=contents.others["providers"],
        pipelines=contents.others["pipelines"],
        code=tuple(CodeFolder(folder=folder, files=count) for folder, count in contents.code.items()),
        findings=findings(contents.findings),
    )


def _steps(documents: Mapping[str, Document]) -> tuple[WorkspaceStep, ...]:
    return tuple(
        WorkspaceStep(step=name, file=document.path, fields=fields_of(document))
        for name, document in documents.items()
    )


def workspace_check_output(results: Mapping[str, Iterable[Section]]) -> WorkspaceCheckOutput:
    """Return the findings of each workspace."""
    rows = tuple(_checked(name, tuple(sections)) for name, sections in results.items())
    passed = sum(row.passed for row in rows)
    return WorkspaceCheckOutput(
        workspaces=rows,
        totals=WorkspaceTotals(
            workspaces=len(rows),
            passed=passed,
            failed=len(rows) - passed,
            success_rate=round(passed / len(rows), 4) if rows else None,
            errors=sum(row.errors for row in rows),
            warnings=sum(row.warnings for row in rows),
            infos=sum(row.infos for row in rows),
        ),
    )


def _checked(name: str, sections: tuple[Section, ...]) -> CheckedWorkspace:
    every = tuple(finding for section in sections for finding in section.diagnostics)
    counts = _counts(every)
    rows = []
    for section in sections:
        own = _counts(section.diagnostics)
        rows.append(
            CheckedSection(name=section.name, passed=not own["errors"], skipped=section.skipped, **own)
        )
    return CheckedWorkspace(
        id=name, passed=not counts["errors"], **counts, sections=tuple(rows), diagnostics=findings(every)
    )


def _counts(findings: Iterable[Diagnostic]) -> dict[str, int]:
    severities = [finding.severity for finding in findings]
    return {f"{item.value}s": severities.count(item) for item in Severity}


def workspace_compare_output(
    workspace: str, other: str, portables: Iterable[Portable]
) -> WorkspaceCompareOutput:
    """Which steps of one workspace would work in another."""
    return WorkspaceCompareOutput(
        from_=workspace,
        to=other,
        steps=tuple(
            PortableStep(
                step=each.step,
                layer=each.layer,
                works=each.works,
                lacks=tuple(
                    MissingPart(kind=lack.kind, what=lack.what, words=lack.words, hinders=lack.hinders)
                    for lack in each.lacks
                ),
            )
            for each in portables
        ),
    )
