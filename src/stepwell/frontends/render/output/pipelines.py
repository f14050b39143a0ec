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
    """Summary of a pipeline."""

    name: Annotated[str, doc("Name.", "TrainAndEvaluate")]
    steps: Annotated[Count, doc("Number of steps, including inherited ones.", 3)]
    layer: Annotated[Layer, doc("Topmost layer that defines or overrides it.")]
    file: Annotated[
        str,
        doc(
            "Topmost file that defines or overrides it, relative to the project.",
            "registry.d/pipelines/train_and_evaluate.yaml",
        ),
    ]
    extends: Annotated[str | None, doc("Pipeline that it extends; null for none.")]
    description: Annotated[str, doc("Description.", "Train a model, and measure it.")]


class PipelineListOutput(OutputRecord, frozen=True, kw_only=True):
    """Output of `stepwell pipeline list --format json`: the pipelines of one view, by name."""

    workspace: Annotated[str | None, doc("Workspace of the view; null for the core.", "alice", None)]
    pipelines: Annotated[tuple[ListedPipeline, ...], doc("Pipelines, by name.")]


class PreviewedStep(OutputPart, frozen=True, kw_only=True):
    """Step in a run preview."""

    level: Annotated[Ordinal, doc("Level, from 1; steps of a level can run in parallel.", 1)]
    id: Annotated[str, doc("Step id in the pipeline.", "train")]
    step: Annotated[str, doc("Name or alias of the step.", "XGBoostTraining")]
    workspace: Annotated[str | None, doc("Workspace that the step is taken from; null for the core.")]
    job_type: Annotated[str | None, doc("Job type; null for none.", "training")]
    known: Annotated[bool, doc("Whether the step exists.", True)]
    script: Annotated[
        str | None,
        doc("Entry point of the container; null for none.", "xgboost_training.py"),
    ]
    config: Annotated[dict[str, Any], doc("Configuration with parameters resolved.")]
    reads: Annotated[
        dict[str, Any],
        doc(
            "Sources of its inputs: `step_id.output` or a parameter value.",
            {"input_path": "prepare.processed_data"},
        ),
    ]
    after: Annotated[tuple[Annotated[str, doc("Id of one step.")], ...], doc("Upstream steps.")]
    place: Annotated[
        FilePosition | None, doc("Location of the step in its file; null for a step without a file.")
    ]


class WorkspaceShare(OutputPart, frozen=True, kw_only=True):
    """Number of steps from one view."""

    workspace: Annotated[str | None, doc("Workspace of the view; null for the core.", "alice", None)]
    steps: Annotated[Count, doc("How many.", 3)]


class TypeShare(OutputPart, frozen=True, kw_only=True):
    """The steps of one type."""

    sagemaker_step_type: Annotated[str | None, doc("SageMaker step type; null for none.", "Training")]
    steps: Annotated[Count, doc("How many.", 3)]


class PipelineAnalysis(OutputPart, frozen=True, kw_only=True):
    """Metrics of a pipeline graph."""

    steps: Annotated[Count, doc("Number of steps.", 3)]
    edges: Annotated[Count, doc("Number of edges.", 3)]
    depth: Annotated[Count, doc("Number of levels.", 3)]
    width: Annotated[Count, doc("Maximum number of parallel steps.", 3)]
    fan_in: Annotated[dict[str, Count], doc("Number of upstream steps by step id.", {"train": 1})]
    fan_out: Annotated[dict[str, Count], doc("Number of downstream steps by step id.", {"train": 2})]
    by_workspace: Annotated[tuple[WorkspaceShare, ...], doc("Number of steps by view.")]
    by_type: Annotated[tuple[TypeShare, ...], doc("Number of steps by type.")]
    crossing: Annotated[Count, doc("Number of edges between steps of different workspaces.", 3)]
    longest_way: Annotated[
        tuple[Annotated[str, doc("Id of one step.")], ...], doc("Steps on the critical path.")
    ]
    recommendations: Annotated[tuple[Annotated[str, doc("Sentence.")], ...], doc("Recommendations.")]


class PipelineShowOutput(OutputRecord, frozen=True, kw_only=True):
    """Output of `stepwell pipeline show NAME --format json`: the graph of one pipeline, and what a run
    of it would do.
    """

    name: Annotated[str, doc("Name.", "TrainAndEvaluate")]
    workspace: Annotated[str | None, doc("Workspace of the view; null for the core.", "alice", None)]
    description: Annotated[str, doc("Description.", "Train a model, and measure it.")]
    file: Annotated[
        str,
        doc(
            "Topmost file that defines or overrides it, relative to the project.",
            "registry.d/pipelines/train_and_evaluate.yaml",
        ),
    ]
    extends: Annotated[
        tuple[Annotated[str, doc("Name of one pipeline.")], ...],
        doc("Chain of extended pipelines, nearest first."),
    ]
    parameters: Annotated[
        dict[str, Any], doc("Parameters with their values in the run.", {"learning_rate": 0.1})
    ]
    unset: Annotated[
        tuple[Annotated[str, doc("Name of one parameter.")], ...], doc("Parameters that a run must set.")
    ]
    steps: Annotated[tuple[PreviewedStep, ...], doc("Steps in execution order.")]
    analysis: Annotated[PipelineAnalysis, doc("Metrics of the graph.")]


class CrossingEdge(OutputPart, frozen=True, kw_only=True):
    """An edge between steps of two workspaces."""

    from_: Annotated[str, doc("Upstream step.", "prepare")] = msgspec.field(name="from")
    to: Annotated[str, doc("Downstream step.", "train")]


class CheckedPipeline(OutputPart, frozen=True, kw_only=True):
    """Pipeline."""

    name: Annotated[str, doc("Name.", "TrainAndEvaluate")]
    passed: Annotated[bool, doc("Whether it has no errorss.", True)]
    steps: Annotated[Count, doc("Number of steps.", 3)]
    edges: Annotated[Count, doc("Number of edges.", 3)]
    across_workspaces: Annotated[
        tuple[CrossingEdge, ...],
        doc("Edges between steps of different workspaces."),
    ]
    diagnostics: Annotated[
        tuple[ReportedFinding, ...],
        doc("Findings in order, each as in `diagnostics.schema.json`."),
    ]


class PipelineCheckOutput(OutputRecord, frozen=True, kw_only=True):
    """Output of `stepwell pipeline check --format json`: pipelines of one view, each with its findings."""

    workspace: Annotated[str | None, doc("Workspace of the view; null for the core.", "alice", None)]
    pipelines: Annotated[tuple[CheckedPipeline, ...], doc("Pipelines that were checked.")]
    files: Annotated[
        tuple[ReportedFinding, ...],
        doc("Findings in pipeline files, which may be skipped."),
    ]


class ProposedOutput(OutputPart, frozen=True, kw_only=True):
    """Matching output."""

    output: Annotated[str, doc("Output, as `step_id.output`.", "prepare.processed_data")]
    score: Annotated[Share, doc("Score from 0 to 1.", 0.79)]
    reasons: Annotated[tuple[Annotated[str, doc("A few words.")], ...], doc("Reasons for the score.")]


class InputProposal(OutputPart, frozen=True, kw_only=True):
    """Proposal for an input."""

    step: Annotated[str, doc("Id of the step.", "train")]
    input: Annotated[str, doc("Input.", "input_path")]
    required: Annotated[bool, doc("Whether the input is required.", True)]
    chosen: Annotated[
        str | None,
        doc(
            "Proposed `step_id.output`; null if no output is clearly the best.",
            "prepare.processed_data",
            None,
        ),
    ]
    ambiguous: Annotated[bool, doc("Whether outputs match, but none is clearly the best.", False)]
    candidates: Annotated[tuple[ProposedOutput, ...], doc("Matching outputs, best first.")]


class PipelineWireOutput(OutputRecord, frozen=True, kw_only=True):
    """Output of `stepwell pipeline wire NAME --format json`: what could feed the open inputs of one
    pipeline.
    """

    name: Annotated[str, doc("Name.", "TrainAndEvaluate")]
    workspace: Annotated[str | None, doc("Workspace of the view; null for the core.", "alice", None)]
    written: Annotated[Count, doc("Number of inputs written to the file.", 3)]
    proposals: Annotated[tuple[InputProposal, ...], doc("Unconnected inputs by step.")]


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
    """Return the graph of a pipeline and a run preview."""
    pipeline = Pipeline.of(linked)
    return PipelineShowOutput(
        name=pipeline.name,
        workspace=pipeline.workspace,
        description=pipeline.description,
        file=linked.definition.sources[0].document.path,
        extends=tuple(item.extends for item in linked.flat.way),
        parameters=thaw(preview.parameters),
        unset=tuple(preview.unset),
        steps=tuple(
            PreviewedStep(
                level=step.level,
                id=step.id,
                step=step.step,
                workspace=step.workspace,
                job_type=step.job_type,
                known=pipeline.nodes[step.id].definition is not None,
                script=step.script,
                config=thaw(step.config),
                reads=thaw(step.reads),
                after=tuple(step.after),
                place=file_position(pipeline.nodes[step.id].place),
            )
            for step in preview.steps
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
    by_pipeline: Mapping[str, Iterable[Diagnostic]],
    in_files: Iterable[Diagnostic],
) -> PipelineCheckOutput:
    """The findings of each pipeline, and those in files of pipelines."""
    return PipelineCheckOutput(
        workspace=view.workspace,
        pipelines=tuple(
            _checked(pipeline, tuple(by_pipeline[pipeline.definition.name])) for pipeline in pipelines
        ),
        files=findings(in_files),
    )


def _checked(linked: Linked, reported: tuple[Diagnostic, ...]) -> CheckedPipeline:
    crossed, edges = crossing(Pipeline.of(linked))
    return CheckedPipeline(
        name=linked.definition.name,
        passed=all(finding.severity is not Severity.ERROR for finding in reported),
        steps=len(linked.nodes),
        edges=edges,
        across_workspaces=tuple(CrossingEdge(from_=edge.source, to=edge.target) for edge in crossed),
        diagnostics=findings(reported),
    )


def pipeline_wire_output(linked: Linked, proposals: Iterable[Proposal], written: int) -> PipelineWireOutput:
    """What could feed the open inputs of a pipeline."""
    return PipelineWireOutput(
        name=linked.definition.name,
        workspace=linked.view.workspace,
        written=written,
        proposals=tuple(
            InputProposal(
                step=proposal.node,
                input=proposal.input,
                required=proposal.required,
                chosen=None if proposal.chosen is None else str(proposal.chosen.fed),
                ambiguous=proposal.is_ambiguous,
                candidates=tuple(
                    ProposedOutput(output=str(other.fed), score=other.score, reasons=tuple(other.reasons))
                    for other in proposal.candidates
                ),
            )
            for proposal in proposals
        ),
    )
