"""Workspaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from stepwell.frontends.render.output.findings import ReportedFinding, findings
from stepwell.frontends.render.output.record import Count, OutputPart, OutputRecord, Share, doc, one_of
from stepwell.frontends.render.workspace_contents import fields_of
from stepwell.source.diagnostic import Diagnostic, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stepwell.code.portability import Portable
    from stepwell.frontends.render.workspace_contents import WorkspaceContents
    from stepwell.model import Workspace
    from stepwell.source.document import Document


class FindingCounts(OutputPart, frozen=True, kw_only=True):
    """How many findings of each severity."""

    errors: Annotated[Count, doc("How many errors.", 0)]
    warnings: Annotated[Count, doc("How many warnings.", 1)]
    infos: Annotated[Count, doc("How many remarks.", 2)]


class ListedWorkspace(OutputPart, frozen=True, kw_only=True):
    """One workspace in short. `stepwell workspace show ID` shows more."""

    id: Annotated[str, doc("Its id, the name of its folder.", "alice")]
    version: Annotated[str, doc("The version that it states.", "1.0.0")]
    description: Annotated[
        str, doc("What it is for; empty where it says nothing.", "Experiments on GPU.", "")
    ]
    folder: Annotated[str, doc("Its folder, relative to the project.", "workspaces/alice")]
    steps: Annotated[Count, doc("How many steps it has of its own.", 1)]
    overrides: Annotated[Count, doc("How many steps it overrides.", 1)]
    findings: Annotated[FindingCounts, doc("What `stepwell check` finds in its files.")]


class WorkspaceListOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell workspace list --format json` prints: the workspaces of a project, ids sorted."""

    workspaces: Annotated[tuple[ListedWorkspace, ...], doc("The workspaces, ids sorted.")]


class WorkspaceSettings(OutputPart, frozen=True, kw_only=True):
    """What the workspace says of itself."""

    version: Annotated[str, doc("Its version.", "1.0.0")]
    description: Annotated[str, doc("What it is for.", "Experiments on GPU.")]
    dependencies: Annotated[tuple[str, ...], doc("What it leans on.", ["pandas"])]
    default_resolution_strategy: Annotated[
        str, doc("How one of several definitions of a name is chosen.", "workspace_priority")
    ]
    preferred_frameworks: Annotated[tuple[str, ...], doc("The frameworks that it prefers.", ["xgboost"])]
    environment_preferences: Annotated[tuple[str, ...], doc("The environments that it prefers.", ["gpu"])]
    conflict_tolerance: Annotated[
        str, one_of("low", "medium", "high"), doc("How it takes names that the core has too.")
    ]


class WorkspaceStep(OutputPart, frozen=True, kw_only=True):
    """One step in a layer of the workspace."""

    step: Annotated[str, doc("Its name.", "XGBoostTraining")]
    file: Annotated[
        str,
        doc("The file, relative to the project.", "workspaces/alice/override/steps/xgboost_training.yaml"),
    ]
    fields: Annotated[
        tuple[str, ...], doc("The fields that the file states, without the name.", ["priority"])
    ]


class CodeFolder(OutputPart, frozen=True, kw_only=True):
    """One folder."""

    folder: Annotated[str, doc("The folder, relative to the project.", "workspaces/alice/src/builders")]
    files: Annotated[Count, doc("How many Python files are in it.", 2)]


class WorkspaceShowOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell workspace show ID --format json` prints: one workspace, and what it makes of the
    core.
    """

    id: Annotated[str, doc("Its id, the name of its folder.", "alice")]
    folder: Annotated[str, doc("Its folder, relative to the project.", "workspaces/alice")]
    file: Annotated[
        str | None,
        doc("The file that says what it is; null without one.", "workspaces/alice/workspace.yaml", None),
    ]
    settings: Annotated[WorkspaceSettings, doc("What it says of itself, defaults filled in.")]
    adds: Annotated[tuple[WorkspaceStep, ...], doc("The steps that only it has.")]
    hides: Annotated[tuple[WorkspaceStep, ...], doc("Its own steps that hide a step of the core.")]
    overrides: Annotated[tuple[WorkspaceStep, ...], doc("The steps that it changes.")]
    hyperparameters: Annotated[
        tuple[str, ...],
        doc("The hyperparameter classes that it defines or changes.", ["XGBoostModelHyperparameters"]),
    ]
    providers: Annotated[tuple[str, ...], doc("The providers that it defines or changes.", ["HouseModels"])]
    pipelines: Annotated[
        tuple[str, ...], doc("The pipelines that it defines or changes.", ["TrainAndEvaluate"])
    ]
    code: Annotated[tuple[CodeFolder, ...], doc("Its folders of code that are there.")]
    findings: Annotated[
        tuple[ReportedFinding, ...],
        doc("What is found, in order, each as `diagnostics.schema.json` describes it."),
    ]


class CheckedWorkspace(OutputPart, frozen=True, kw_only=True):
    """One workspace."""

    id: Annotated[str, doc("Its id.", "alice")]
    passed: Annotated[bool, doc("Whether it has no error.", True)]
    errors: Annotated[Count, doc("How many errors.", 0)]
    warnings: Annotated[Count, doc("How many warnings.", 1)]
    infos: Annotated[Count, doc("How many remarks.", 2)]
    diagnostics: Annotated[
        tuple[ReportedFinding, ...],
        doc("What is found, in order, each as `diagnostics.schema.json` describes it."),
    ]


class WorkspaceTotals(OutputPart, frozen=True, kw_only=True):
    """The sums."""

    workspaces: Annotated[Count, doc("How many were checked.", 3)]
    passed: Annotated[Count, doc("How many have no error.", 3)]
    failed: Annotated[Count, doc("How many have one.", 0)]
    success_rate: Annotated[
        Share | None,
        doc(
            "The part that passed, from 0 to 1, rounded to four digits; null where none was checked.",
            1.0,
            0.6667,
        ),
    ]
    errors: Annotated[Count, doc("How many errors.", 0)]
    warnings: Annotated[Count, doc("How many warnings.", 1)]
    infos: Annotated[Count, doc("How many remarks.", 2)]


class WorkspaceCheckOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell workspace check --format json` prints, and `--report` writes: each workspace with its
    findings, and totals.
    """

    workspaces: Annotated[tuple[CheckedWorkspace, ...], doc("The workspaces that were checked, each once.")]
    totals: Annotated[WorkspaceTotals, doc("All of them together.")]


class MissingPart(OutputPart, frozen=True, kw_only=True):
    """One thing."""

    kind: Annotated[
        str, one_of("class", "file", "base", "field", "name", "framework"), doc("What sort of thing it is.")
    ]
    what: Annotated[str, doc("The class, file, step, field or word.", "XGBoostTrainingConfig")]
    words: Annotated[
        str, doc("The same as a sentence.", "`priority` is `75` here, and `80` in workspace bob")
    ]
    hinders: Annotated[bool, doc("Whether the step cannot work without it.", True)]


class PortableStep(OutputPart, frozen=True, kw_only=True):
    """One step."""

    step: Annotated[str, doc("Its name.", "XGBoostTraining")]
    layer: Annotated[str, doc("The topmost layer that says something of it.", "override")]
    works: Annotated[bool, doc("Whether nothing hinders it.", True)]
    lacks: Annotated[tuple[MissingPart, ...], doc("What it would miss, or find different.")]


class WorkspaceCompareOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell workspace compare A B --format json` prints: how the steps of one workspace would
    fare in another.
    """

    from_: Annotated[str, doc("The workspace whose steps they are.", "alice")] = msgspec.field(name="from")
    to: Annotated[str, doc("The workspace that would get them.", "bob")]
    steps: Annotated[tuple[PortableStep, ...], doc("The steps, in table order.")]


def listed_workspace(
    workspace: Workspace,
    folder: str,
    names: tuple[tuple[str, ...], tuple[str, ...]],
    found: Iterable[Diagnostic],
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
        findings=FindingCounts(**_counts(found)),
    )


def workspace_show_output(contents: WorkspaceContents) -> WorkspaceShowOutput:
    """One workspace, and what it makes of the core."""
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


def workspace_check_output(found: Mapping[str, Iterable[Diagnostic]]) -> WorkspaceCheckOutput:
    """The findings of each workspace."""
    rows = tuple(_checked(name, tuple(diagnostics)) for name, diagnostics in found.items())
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


def _checked(name: str, found: tuple[Diagnostic, ...]) -> CheckedWorkspace:
    counts = _counts(found)
    return CheckedWorkspace(id=name, passed=not counts["errors"], **counts, diagnostics=findings(found))


def _counts(found: Iterable[Diagnostic]) -> dict[str, int]:
    severities = [one.severity for one in found]
    return {f"{one.value}s": severities.count(one) for one in Severity}


def workspace_compare_output(one: str, other: str, found: Iterable[Portable]) -> WorkspaceCompareOutput:
    """Which steps of one workspace would work in another."""
    return WorkspaceCompareOutput(
        from_=one,
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
            for each in found
        ),
    )
