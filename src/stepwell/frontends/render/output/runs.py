"""Runs of pipelines and workflows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from stepwell.frontends.render.output.findings import ReportedFinding, findings
from stepwell.frontends.render.output.record import (
    Amount,
    Count,
    Ordinal,
    OutputPart,
    OutputRecord,
    doc,
    one_of,
)
from stepwell.frontends.render.run.text import log_of
from stepwell.run.pipelines import AttemptRecord, RunRecord, StepRecord, StepState
from stepwell.run.pipelines.run_record import developers_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stepwell.run.pipelines.run_record import StepDifference
    from stepwell.run.pipelines.selection import Trial
    from stepwell.source.diagnostic import Diagnostic


class PipelineRun(OutputPart, frozen=True, kw_only=True):
    """A run of a pipeline."""

    id: Annotated[str, doc("Name.", "20270101-120000-1a2b")]
    pipeline: Annotated[str, doc("Which pipeline.", "Sums")]
    workspace: Annotated[str | None, doc("Workspace of the view; null for the core.", None)]
    engine: Annotated[str, doc("Engine.", "local")]
    mode: Annotated[str, one_of("run", "test"), doc("Description.")]
    state: Annotated[StepState, doc("Final state.")]
    parameters: Annotated[dict[str, Any], doc("Parameters of the run.", {"rows": 3})]
    began: Annotated[float, doc("Seconds since the Unix epoch.", 1798804800.25)]
    ended: Annotated[
        float | None, doc("Seconds since the Unix epoch; null while it is running.", 1798804800.5)
    ]
    seconds: Annotated[
        Amount, doc("Time in which attempts ran, in seconds, without the time before a resume.", 0.25)
    ]
    folder: Annotated[str, doc("Relative to the project.", ".stepwell/runs/20270101-120000-1a2b")]


class StepOutput(OutputPart, frozen=True, kw_only=True):
    """Output."""

    name: Annotated[str, doc("As the interface names it.", "rows")]
    digest: Annotated[
        str,
        Meta(pattern="^[0-9a-f]{40}$"),
        doc("Of its content.", "19ad557b759749fe89134e89b28f92de38b5aa16"),
    ]
    bytes: Annotated[Count, doc("Of all its files.", 12)]
    files: Annotated[Count, doc("How many.", 1)]


class StepAttempt(OutputPart, frozen=True, kw_only=True):
    """Attempt."""

    number: Annotated[Ordinal, doc("From 1.")]
    state: Annotated[StepState, doc("Final state.")]
    began: Annotated[float, doc("Seconds since the Unix epoch.", 1798804800.25)]
    ended: Annotated[
        float | None, doc("Seconds since the Unix epoch; null while it is running.", 1798804800.5)
    ]
    exit_code: Annotated[int | None, doc("Exit code of the script; negative for a signal; null for none.", 0)]
    fault: Annotated[str | None, doc("Error message.", None)]
    folder: Annotated[str | None, doc("Relative to that of the run.", "make/1")]
    worker: Annotated[str | None, doc("Which process of an engine had it.", None)]


class StepRun(OutputPart, frozen=True, kw_only=True):
    """Step."""

    id: Annotated[str, doc("Id in the pipeline.", "make")]
    step: Annotated[str, doc("Step's name.", "Make")]
    developer: Annotated[str | None, doc("Workspace whose step it is; null for the core.", None)]
    needs: Annotated[tuple[str, ...], doc("Steps that come before.")]
    state: Annotated[StepState, doc("State of the step.")]
    seconds: Annotated[Amount, doc("Duration of the last attempt in seconds.", 0.25)]
    fault: Annotated[str | None, doc("Error message.", None)]
    kind: Annotated[
        Annotated[
            str,
            one_of(
                "exit", "timeout", "disk", "input", "output", "deleted-input", "lost", "engine", "cancelled"
            ),
        ]
        | None,
        doc("Error category."),
    ]
    help: Annotated[str | None, doc("How to fix it, or where the mismatch is declared.", None)]
    inputs: Annotated[dict[str, str], doc("Digest of each input, by name.")]
    outputs: Annotated[tuple[StepOutput, ...], doc("Outputs.")]
    log: Annotated[
        str | None,
        doc(
            "The log of its last attempt, relative to the project.",
            ".stepwell/runs/20270101-120000-1a2b/make/1/log.txt",
        ),
    ]
    attempts: Annotated[tuple[StepAttempt, ...], doc("In their order.")]


class DeveloperShare(OutputPart, frozen=True, kw_only=True):
    """Developer."""

    developer: Annotated[str | None, doc("Workspace; null for the core.", None)]
    steps: Annotated[int, doc("How many.", 1)]
    done: Annotated[int, doc("Of these.", 1)]
    failed: Annotated[int, doc("Of these.", 0)]
    attempts: Annotated[int, doc("Of all.", 1)]
    seconds: Annotated[float, doc("Of all attempts.", 0.25)]


class PipelineRunOutput(OutputRecord, frozen=True, kw_only=True):
    """Output of `stepwell pipeline run`, `step run` and `step test --format json`: a run, or why there is
    none.
    """

    run: Annotated[PipelineRun | None, doc("Run; null if there is none.")]
    steps: Annotated[tuple[StepRun, ...], doc("Steps in topological order.")]
    developers: Annotated[tuple[DeveloperShare, ...], doc("Totals by developer.")]
    diagnostics: Annotated[
        tuple[ReportedFinding, ...],
        doc("Findings before the run, each as in `diagnostics.schema.json`; errors prevent the run."),
    ]


class TriedComponent(OutputPart, frozen=True, kw_only=True):
    """Trial of a step from another workspace."""

    step: Annotated[str, doc("Step's id in the pipeline.", "total")]
    workspace: Annotated[str, doc("Whose.", "bob")]
    state: Annotated[
        str,
        one_of("works", "does not work", "the same", "not there"),
        doc("Whether the pipeline works with it."),
    ]
    run: Annotated[str | None, doc("Run that tried it.", "20270101-120000-1a2b")]
    failed: Annotated[str | None, doc("Step that failed.", None)]
    fault: Annotated[str | None, doc("Why.", None)]
    ran: Annotated[Count, doc("Number of steps that ran.", 1)]
    cached: Annotated[Count, doc("Number of steps whose outputs came from the cache.", 1)]


class PipelineTestOutput(PipelineRunOutput, frozen=True, kw_only=True):
    """Output of `stepwell pipeline test --format json`: a test of a pipeline: a run, or why there is
    none, or with `--components-from` with whose steps it works.
    """

    components: Annotated[
        tuple[TriedComponent, ...] | None, doc("Results of `--components-from`; null without it.")
    ]


class ComparedStepRun(OutputPart, frozen=True, kw_only=True):
    """Step."""

    id: Annotated[str, doc("Id.", "make")]
    same: Annotated[bool, doc("Whether state and outputs are the same.")]
    states: Annotated[
        tuple[StepState | None, ...],
        doc(
            "State before and after; null if a run does not have the step.",
            min_length=2,
            max_length=2,
        ),
    ]
    seconds: Annotated[tuple[float | None, ...], doc("Seconds before and after.", min_length=2, max_length=2)]
    inputs: Annotated[tuple[str, ...], doc("Inputs that differ.")]
    outputs: Annotated[tuple[str, ...], doc("Outputs that differ.")]
    why: Annotated[str | None, doc("Reason for the difference.", None)]


class PipelineCompareOutput(OutputRecord, frozen=True, kw_only=True):
    """Output of `stepwell pipeline compare --format json`: what differs between two runs of a pipeline."""

    pipeline: Annotated[str, doc("Which pipeline.", "Sums")]
    before: Annotated[str, doc("Earlier run.", "20270101-120000-1a2b")]
    after: Annotated[str, doc("Later run.", "20270101-120001-1a2b")]
    steps: Annotated[tuple[ComparedStepRun, ...], doc("Every step that one of them has.")]


class WorkflowFile(OutputPart, frozen=True, kw_only=True):
    """Which workflow."""

    name: Annotated[str, doc("Name.", "greeting")]
    file: Annotated[str, doc("File, relative to the project.", "greeting.yaml")]
    digest: Annotated[str, doc("The SHA-256 hash of the file.", "68e76d5a")]


class TokenUsage(OutputPart, frozen=True, kw_only=True):
    """What requests to providers used."""

    input_tokens: Annotated[Count, doc("Tokens of the requests.", 120)]
    output_tokens: Annotated[Count, doc("Tokens of the answers.", 48)]
    cost: Annotated[
        Amount | None,
        doc(
            "Cost in the currency of the project's providers; null if a price is not declared.", 0.0021, None
        ),
    ]


class WorkflowStepRun(OutputPart, frozen=True, kw_only=True):
    """State and result of a step."""

    name: Annotated[str, doc("Step name in the workflow.", "hello")]
    type: Annotated[str, doc("Step type, as the workflow names it.", "claude")]
    digest: Annotated[
        str,
        doc(
            "Hash of the step in the file; unchanged finished steps are not run again on resume.", "6f60c96f"
        ),
    ]
    state: Annotated[
        str,
        one_of("running", "finished", "skipped", "failed", "interrupted"),
        doc("State: running, finished, skipped by its condition, failed or interrupted."),
    ]
    result: Annotated[
        str | UnsetType,
        doc("File of its answer, relative to the run's folder.", "results/001-hello.json"),
    ] = UNSET
    fault: Annotated[str | UnsetType, doc("Error message.", "`ready.txt` does not exist")] = UNSET
    seconds: Annotated[Amount | UnsetType, doc("Duration in seconds.", 0.01)] = UNSET
    provider: Annotated[str | UnsetType | None, doc("Last provider used.", "echo")] = UNSET
    attempts: Annotated[Count | UnsetType, doc("Number of attempts.", 1)] = UNSET
    usage: Annotated[
        TokenUsage | UnsetType, doc("What its requests used; missing if no provider reports it.")
    ] = UNSET
    reused: Annotated[
        Literal[True] | UnsetType, doc("Whether an earlier part of the run had finished it.")
    ] = UNSET


class SessionTurn(OutputPart, frozen=True, kw_only=True):
    """Turn."""

    role: Annotated[str, one_of("user", "assistant"), doc("Role.")]
    content: Annotated[str, doc("Text of the turn.", "Teach me.")]


class WorkflowRunOutput(OutputRecord, frozen=True, kw_only=True):
    """The record of a run: what `stepwell workflow run --format json` writes, and with the exception of
    `folder` what its `record.json` holds.
    """

    run: Annotated[str, doc("Run id, as used by `--resume`.", "20261127-212934-123456")]
    workflow: Annotated[WorkflowFile, doc("Which workflow.")]
    state: Annotated[
        str,
        one_of("running", "finished", "failed", "interrupted"),
        doc("State: running, finished, failed or interrupted."),
    ]
    provider: Annotated[str | None, doc("Requested provider; null if selected for each step.", "echo")]
    started: Annotated[str, doc("When it began, as ISO 8601.", "2026-11-27T21:29:34+00:00")]
    ended: Annotated[str | None, doc("When it ended; null while it runs.", "2026-11-27T21:29:35+00:00")]
    steps: Annotated[tuple[WorkflowStepRun, ...], doc("Steps that were begun, in order.")]
    variables: Annotated[dict[str, Any], doc("Variables at its end.", {"who": "world"})]
    sessions: Annotated[
        dict[str, tuple[SessionTurn, ...]],
        doc("Conversations, by name.", {"lesson": [{"role": "user", "content": "Teach me."}]}),
    ]
    outputs: Annotated[
        tuple[str, ...], doc("Files that steps kept, relative to the run's folder.", ["outputs/draft.md"])
    ]
    resumed: Annotated[Count | UnsetType, doc("Number of resumes.", 1)] = UNSET
    usage: Annotated[TokenUsage | UnsetType, doc("What all its requests used.")] = UNSET
    fault: Annotated[str | UnsetType, doc("Error message.", "step `second`: `ready.txt` does not exist")] = (
        UNSET
    )
    folder: Annotated[
        str | UnsetType,
        doc(
            "Absolute folder of the run; not in the record on disk.",
            "/home/ada/steps/.stepwell/runs/20261127-212934-123456",
        ),
    ] = UNSET


def pipeline_run_output(
    run: RunRecord | None, root: str, findings: Iterable[Diagnostic] = ()
) -> PipelineRunOutput:
    """A run of a pipeline, or why there is none.

    Args:
        root: the project's folder; paths are relative to it.
    """
    return PipelineRunOutput(**_run(run, root, findings))


def pipeline_test_output(
    run: RunRecord | None,
    root: str,
    findings: Iterable[Diagnostic] = (),
    tried: Iterable[Trial] | None = None,
) -> PipelineTestOutput:
    """A test of a pipeline.

    Args:
        run: the run; ``None`` where there is none, or several.
        root: the project's folder; paths are relative to it.
    """
    return PipelineTestOutput(
        **_run(run, root, findings),
        components=None
        if tried is None
        else tuple(
            TriedComponent(
                step=item.step,
                workspace=item.workspace,
                state=item.state,
                run=item.run,
                failed=item.failed,
                fault=item.fault,
                ran=item.ran,
                cached=item.cached,
            )
            for item in tried
        ),
    )


def _run(run: RunRecord | None, root: str, reported: Iterable[Diagnostic]) -> dict[str, Any]:
    if run is None:
        return {"run": None, "steps": (), "developers": (), "diagnostics": findings(reported)}
    return {
        "run": PipelineRun(
            id=run.id,
            pipeline=run.pipeline,
            workspace=run.workspace,
            engine=run.engine,
            mode=run.mode,
            state=run.state,
            parameters=dict(run.parameters),
            began=run.began,
            ended=run.ended,
            seconds=round(run.seconds, 3),
            folder=_relative(run.folder, root),
        ),
        "steps": tuple(_step(run, step, root) for step in run.steps),
        "developers": tuple(
            DeveloperShare(
                developer=item.name or None,
                steps=item.steps,
                done=item.done,
                failed=item.failed,
                attempts=item.attempts,
                seconds=round(item.seconds, 3),
            )
            for item in developers_of(run)
        ),
        "diagnostics": findings(reported),
    }


def _step(run: RunRecord, step: StepRecord, root: str) -> StepRun:
    log = log_of(run, step)
    return StepRun(
        id=step.node,
        step=step.step,
        developer=step.developer or None,
        needs=tuple(step.needs),
        state=step.state,
        seconds=round(step.seconds, 3),
        fault=step.fault or None,
        kind=step.kind or None,
        help=step.help or None,
        inputs=dict(step.inputs),
        outputs=tuple(
            StepOutput(name=held.name, digest=held.digest, bytes=held.bytes, files=held.files)
            for held in step.outputs
        ),
        log=_relative(log, root) if log else None,
        attempts=tuple(map(_attempt, step.attempts)),
    )


def _attempt(attempt: AttemptRecord) -> StepAttempt:
    return StepAttempt(
        number=attempt.number,
        state=attempt.state,
        began=attempt.began,
        ended=attempt.ended,
        exit_code=attempt.exit_code,
        fault=attempt.fault or None,
        folder=attempt.folder or None,
        worker=attempt.worker or None,
    )


def _relative(path: str, root: str) -> str:
    return os.path.relpath(path, root).replace(os.sep, "/")


def pipeline_compare_output(
    before: RunRecord, after: RunRecord, differences: Iterable[StepDifference]
) -> PipelineCompareOutput:
    """What differs between two runs."""
    return PipelineCompareOutput(
        pipeline=after.pipeline,
        before=before.id,
        after=after.id,
        steps=tuple(
            ComparedStepRun(
                id=difference.node,
                same=difference.is_same,
                states=tuple(
                    None if side is None else side.state for side in (difference.before, difference.after)
                ),
                seconds=tuple(
                    None if side is None else round(side.seconds, 3)
                    for side in (difference.before, difference.after)
                ),
                inputs=tuple(difference.inputs),
                outputs=tuple(difference.outputs),
                why=difference.why or None,
            )
            for difference in differences
        ),
    )


def workflow_run_output(record: Mapping[str, Any], folder: str) -> WorkflowRunOutput:
    """The record of a run of a workflow, and the folder that it is in."""
    return msgspec.convert({**record, "folder": folder}, WorkflowRunOutput)
