"""Pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from stepwell.frontends.render.output.findings import FilePosition, ReportedFinding, file_position, findings
from stepwell.frontends.render.output.record import Count, Ordinal, OutputPart, OutputRecord, Share, doc
from stepwell.model.graph import Pipeline, crossing
from stepwell.model.layer import Layer
from stepwell.source.diagnostic import Diagnostic, Severity
from stepwell.source.document import thaw

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stepwell.model.graph import Linked
    from stepwell.resolve.view import View
    from stepwell.run.pipelines.analysis import Analysis, Preview
    from stepwell.run.pipelines.wiring import Proposal


class ListedPipeline(OutputPart, frozen=True, kw_only=True):
    """One pipeline in short."""

    name: Annotated[str, doc("Its name.", "TrainAndEvaluate")]
    steps: Annotated[Count, doc("How many steps it has, with those that it extends.", 3)]
    layer: Annotated[Layer, doc("The topmost layer that says something of it.")]
    file: Annotated[
        str,
        doc(
            "The topmost file that does, relative to the project.",
            "registry.d/pipelines/train_and_evaluate.yaml",
        ),
    ]
    extends: Annotated[str | None, doc("The pipeline that it extends; null where it extends none.")]
    description: Annotated[str, doc("What it is for.", "Train a model, and measure it.")]


class PipelineListOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell pipeline list --format json` prints: the pipelines of one view, by name."""

    workspace: Annotated[str | None, doc("Whose view it is; null for the core's.", "alice", None)]
    pipelines: Annotated[tuple[ListedPipeline, ...], doc("The pipelines, by name.")]


class PreviewedStep(OutputPart, frozen=True, kw_only=True):
    """One step as a run would meet it."""

    level: Annotated[Ordinal, doc("Its level, from 1; steps of one level may run at the same time.", 1)]
    id: Annotated[str, doc("What the pipeline calls it.", "train")]
    step: Annotated[str, doc("The step's name, or an alias of it.", "XGBoostTraining")]
    workspace: Annotated[str | None, doc("From whose view it is taken; null for the core's.")]
    job_type: Annotated[str | None, doc("Its variant; null where none is named.", "training")]
    known: Annotated[bool, doc("Whether there is such a step.", True)]
    script: Annotated[
        str | None,
        doc("The file that its container starts; null where none is named.", "xgboost_training.py"),
    ]
    config: Annotated[dict[str, Any], doc("Its configuration, parameters filled in.")]
    reads: Annotated[
        dict[str, Any],
        doc(
            "What feeds its inputs, by input: `step_id.output`, or the value of a parameter.",
            {"input_path": "prepare.processed_data"},
        ),
    ]
    after: Annotated[
        tuple[Annotated[str, doc("The id of one step.")], ...], doc("The steps that it waits for.")
    ]
    place: Annotated[
        FilePosition | None, doc("Where its file names the step; null for one that no file states.")
    ]


class WorkspaceShare(OutputPart, frozen=True, kw_only=True):
    """The steps that are taken from one view."""

    workspace: Annotated[str | None, doc("Whose view it is; null for the core's.", "alice", None)]
    steps: Annotated[Count, doc("How many.", 3)]


class TypeShare(OutputPart, frozen=True, kw_only=True):
    """The steps of one type."""

    sagemaker_step_type: Annotated[str | None, doc("The type; null for steps without one.", "Training")]
    steps: Annotated[Count, doc("How many.", 3)]


class PipelineAnalysis(OutputPart, frozen=True, kw_only=True):
    """What kind of graph a pipeline is."""

    steps: Annotated[Count, doc("How many steps.", 3)]
    edges: Annotated[Count, doc("How many pairs of steps of which one needs the other.", 3)]
    depth: Annotated[Count, doc("How many steps must run one after the other at least.", 3)]
    width: Annotated[Count, doc("How many may run at the same time at the most.", 3)]
    fan_in: Annotated[dict[str, Count], doc("Each step to how many it needs.", {"train": 1})]
    fan_out: Annotated[dict[str, Count], doc("Each step to how many need it.", {"train": 2})]
    by_workspace: Annotated[tuple[WorkspaceShare, ...], doc("How many steps are taken from each view.")]
    by_type: Annotated[tuple[TypeShare, ...], doc("How many steps there are of each type.")]
    crossing: Annotated[
        Count, doc("How many edges lead from the step of one workspace to that of another.", 3)
    ]
    longest_way: Annotated[
        tuple[Annotated[str, doc("The id of one step.")], ...], doc("The steps along the longest way.")
    ]
    recommendations: Annotated[tuple[Annotated[str, doc("One sentence.")], ...], doc("What could be better.")]


class PipelineShowOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell pipeline show NAME --format json` prints: the graph of one pipeline, and what a run
    of it would do.
    """

    name: Annotated[str, doc("Its name.", "TrainAndEvaluate")]
    workspace: Annotated[str | None, doc("Whose view it is; null for the core's.", "alice", None)]
    description: Annotated[str, doc("What it is for.", "Train a model, and measure it.")]
    file: Annotated[
        str,
        doc(
            "The topmost file that says something of it, relative to the project.",
            "registry.d/pipelines/train_and_evaluate.yaml",
        ),
    ]
    extends: Annotated[
        tuple[Annotated[str, doc("The name of one pipeline.")], ...],
        doc("What it extends, what that extends, and so on."),
    ]
    parameters: Annotated[
        dict[str, Any], doc("Every parameter with the value that the run would have.", {"learning_rate": 0.1})
    ]
    unset: Annotated[
        tuple[Annotated[str, doc("The name of one parameter.")], ...], doc("Parameters that a run must set.")
    ]
    steps: Annotated[
        tuple[PreviewedStep, ...], doc("The steps in the order in which a run would start them.")
    ]
    analysis: Annotated[PipelineAnalysis, doc("What kind of graph it is.")]


class CrossingEdge(OutputPart, frozen=True, kw_only=True):
    """An edge between steps of two workspaces."""

    from_: Annotated[str, doc("The earlier step.", "prepare")] = msgspec.field(name="from")
    to: Annotated[str, doc("The later one.", "train")]


class CheckedPipeline(OutputPart, frozen=True, kw_only=True):
    """One pipeline."""

    name: Annotated[str, doc("Its name.", "TrainAndEvaluate")]
    passed: Annotated[bool, doc("Whether it has no error.", True)]
    steps: Annotated[Count, doc("How many steps.", 3)]
    edges: Annotated[Count, doc("How many pairs of steps of which one needs the other.", 3)]
    across_workspaces: Annotated[
        tuple[CrossingEdge, ...],
        doc("The edges that lead from the step of one workspace to that of another."),
    ]
    diagnostics: Annotated[
        tuple[ReportedFinding, ...],
        doc("What is found, in order, each as `diagnostics.schema.json` describes it."),
    ]


class PipelineCheckOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell pipeline check --format json` prints: pipelines of one view, each with its findings."""

    workspace: Annotated[str | None, doc("Whose view it is; null for the core's.", "alice", None)]
    pipelines: Annotated[tuple[CheckedPipeline, ...], doc("The pipelines that were checked.")]
    files: Annotated[
        tuple[ReportedFinding, ...],
        doc("What is wrong with files of pipelines themselves, so that they may be left out."),
    ]


class ProposedOutput(OutputPart, frozen=True, kw_only=True):
    """One output that fits."""

    output: Annotated[str, doc("The output, as `step_id.output`.", "prepare.processed_data")]
    score: Annotated[Share, doc("How well it fits, from 0 to 1.", 0.79)]
    reasons: Annotated[tuple[Annotated[str, doc("A few words.")], ...], doc("What speaks for it.")]


class InputProposal(OutputPart, frozen=True, kw_only=True):
    """What could feed one input."""

    step: Annotated[str, doc("The id of the step.", "train")]
    input: Annotated[str, doc("Its input.", "input_path")]
    required: Annotated[bool, doc("Whether the step cannot run without it.", True)]
    chosen: Annotated[
        str | None,
        doc(
            "What is proposed, as `step_id.output`; null where nothing fits, or several do equally.",
            "prepare.processed_data",
            None,
        ),
    ]
    ambiguous: Annotated[bool, doc("Whether several fit, and nothing tells them apart.", False)]
    candidates: Annotated[tuple[ProposedOutput, ...], doc("What fits, best first.")]


class PipelineWireOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell pipeline wire NAME --format json` prints: what could feed the open inputs of one
    pipeline.
    """

    name: Annotated[str, doc("Its name.", "TrainAndEvaluate")]
    workspace: Annotated[str | None, doc("Whose view it is; null for the core's.", "alice", None)]
    written: Annotated[Count, doc("How many inputs were written into its file.", 3)]
    proposals: Annotated[tuple[InputProposal, ...], doc("The open inputs, step by step.")]


def pipeline_list_output(view: View, pipelines: Iterable[Linked]) -> PipelineListOutput:
    """The pipelines of a view."""
    return PipelineListOutput(workspace=view.workspace, pipelines=tuple(map(_listed, pipelines)))


def _listed(linked: Linked) -> ListedPipeline:
    definition = linked.definition
    top = definition.sources[0]
    return ListedPipeline(
        name=definition.name,
        steps=len(linked.nodes),
        layer=top.layer,
        file=top.document.path,
        extends=definition.extends,
        description=definition.description,
    )


def pipeline_show_output(linked: Linked, analysis: Analysis, preview: Preview) -> PipelineShowOutput:
    """The graph of a pipeline, and what a run of it would do."""
    pipeline = Pipeline.of(linked)
    return PipelineShowOutput(
        name=pipeline.name,
        workspace=pipeline.workspace,
        description=pipeline.description,
        file=linked.definition.sources[0].document.path,
        extends=tuple(one.extends for one in linked.flat.way),
        parameters=thaw(preview.parameters),
        unset=tuple(preview.unset),
        steps=tuple(
            PreviewedStep(
                level=one.level,
                id=one.id,
                step=one.step,
                workspace=one.workspace,
                job_type=one.job_type,
                known=pipeline.nodes[one.id].definition is not None,
                script=one.script,
                config=thaw(one.config),
                reads=thaw(one.reads),
                after=tuple(one.after),
                place=file_position(pipeline.nodes[one.id].place),
            )
            for one in preview.steps
        ),
        analysis=PipelineAnalysis(
            steps=analysis.nodes,
            edges=analysis.edges,
            depth=analysis.depth,
            width=analysis.width,
            fan_in=dict(analysis.fan_in),
            fan_out=dict(analysis.fan_out),
            by_workspace=tuple(
                WorkspaceShare(workspace=name, steps=count) for name, count in analysis.by_workspace.items()
            ),
            by_type=tuple(
                TypeShare(sagemaker_step_type=name, steps=count) for name, count in analysis.by_type.items()
            ),
            crossing=len(analysis.crossed),
            longest_way=tuple(analysis.critical_path.nodes),
            recommendations=tuple(analysis.recommendations),
        ),
    )


def pipeline_check_output(
    view: View,
    pipelines: Iterable[Linked],
    found: Mapping[str, Iterable[Diagnostic]],
    in_files: Iterable[Diagnostic],
) -> PipelineCheckOutput:
    """The findings of each pipeline, and those in files of pipelines."""
    return PipelineCheckOutput(
        workspace=view.workspace,
        pipelines=tuple(_checked(one, tuple(found[one.definition.name])) for one in pipelines),
        files=findings(in_files),
    )


def _checked(linked: Linked, found: tuple[Diagnostic, ...]) -> CheckedPipeline:
    crossed, edges = crossing(Pipeline.of(linked))
    return CheckedPipeline(
        name=linked.definition.name,
        passed=all(one.severity is not Severity.ERROR for one in found),
        steps=len(linked.nodes),
        edges=edges,
        across_workspaces=tuple(CrossingEdge(from_=edge.source, to=edge.target) for edge in crossed),
        diagnostics=findings(found),
    )


def pipeline_wire_output(linked: Linked, proposals: Iterable[Proposal], written: int) -> PipelineWireOutput:
    """What could feed the open inputs of a pipeline."""
    return PipelineWireOutput(
        name=linked.definition.name,
        workspace=linked.view.workspace,
        written=written,
        proposals=tuple(
            InputProposal(
                step=one.node,
                input=one.input,
                required=one.required,
                chosen=None if one.chosen is None else str(one.chosen.fed),
                ambiguous=one.is_ambiguous,
                candidates=tuple(
                    ProposedOutput(output=str(other.fed), score=other.score, reasons=tuple(other.reasons))
                    for other in one.candidates
                ),
            )
            for one in proposals
        ),
    )
