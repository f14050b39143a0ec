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
from stepwell.run.pipelines.statistics import developers_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stepwell.run.pipelines.statistics import StepDifference
    from stepwell.run.pipelines.variants import Trial
    from stepwell.source.diagnostic import Diagnostic


class PipelineRun(OutputPart, frozen=True, kw_only=True):
    """A run of a pipeline."""

    id: Annotated[str, doc("Its name.", "20270101-120000-1a2b")]
    pipeline: Annotated[str, doc("Which pipeline.", "Sums")]
    workspace: Annotated[str | None, doc("In whose view; null for the core.", None)]
    engine: Annotated[str, doc("On what.", "local")]
    mode: Annotated[str, one_of("run", "test"), doc("What it is for.")]
    state: Annotated[StepState, doc("How it ended.")]
    parameters: Annotated[dict[str, Any], doc("What was set.", {"rows": 3})]
    began: Annotated[float, doc("Seconds since 1970.", 1798804800.25)]
    ended: Annotated[float | None, doc("Seconds since 1970; null while it has not.", 1798804800.5)]
    folder: Annotated[str, doc("Relative to the project.", ".stepwell/runs/20270101-120000-1a2b")]


class StepOutput(OutputPart, frozen=True, kw_only=True):
    """One output."""

    name: Annotated[str, doc("As the interface names it.", "rows")]
    digest: Annotated[
        str,
        Meta(pattern="^[0-9a-f]{40}$"),
        doc("Of its content.", "19ad557b759749fe89134e89b28f92de38b5aa16"),
    ]
    bytes: Annotated[Count, doc("Of all its files.", 12)]
    files: Annotated[Count, doc("How many.", 1)]


class StepAttempt(OutputPart, frozen=True, kw_only=True):
    """One attempt."""

    number: Annotated[Ordinal, doc("From 1.")]
    state: Annotated[StepState, doc("How it ended.")]
    began: Annotated[float, doc("Seconds since 1970.", 1798804800.25)]
    ended: Annotated[float | None, doc("Seconds since 1970; null while it has not.", 1798804800.5)]
    exit_code: Annotated[
        int | None, doc("Of the script, below 0 the number of a signal; null where it had none.", 0)
    ]
    fault: Annotated[str | None, doc("What went wrong.", None)]
    folder: Annotated[str | None, doc("Relative to that of the run.", "make/1")]
    worker: Annotated[str | None, doc("Which process of an engine had it.", None)]


class StepRun(OutputPart, frozen=True, kw_only=True):
    """One step."""

    id: Annotated[str, doc("Its id in the pipeline.", "make")]
    step: Annotated[str, doc("The step's name.", "Make")]
    developer: Annotated[str | None, doc("The workspace whose step it is; null for the core.", None)]
    needs: Annotated[tuple[str, ...], doc("The steps that come before.")]
    state: Annotated[StepState, doc("How far it is.")]
    seconds: Annotated[Amount, doc("That its last attempt took.", 0.25)]
    fault: Annotated[str | None, doc("What went wrong.", None)]
    kind: Annotated[
        Annotated[
            str,
            one_of(
                "exit", "timeout", "disk", "input", "output", "deleted-input", "lost", "engine", "cancelled"
            ),
        ]
        | None,
        doc("The fault in a word."),
    ]
    help: Annotated[str | None, doc("What to do, or where what does not fit is declared.", None)]
    inputs: Annotated[dict[str, str], doc("The digest of each input, by name.")]
    outputs: Annotated[tuple[StepOutput, ...], doc("What it gave.")]
    log: Annotated[
        str | None,
        doc(
            "The log of its last attempt, relative to the project.",
            ".stepwell/runs/20270101-120000-1a2b/make/1/log.txt",
        ),
    ]
    attempts: Annotated[tuple[StepAttempt, ...], doc("In their order.")]


class DeveloperShare(OutputPart, frozen=True, kw_only=True):
    """One developer."""

    developer: Annotated[str | None, doc("The workspace; null for the core.", None)]
    steps: Annotated[int, doc("How many.", 1)]
    done: Annotated[int, doc("Of these.", 1)]
    failed: Annotated[int, doc("Of these.", 0)]
    attempts: Annotated[int, doc("Of all.", 1)]
    seconds: Annotated[float, doc("Of all attempts.", 0.25)]


class PipelineRunOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell pipeline run --format json` prints: a run of a pipeline, or why there is none."""

    run: Annotated[PipelineRun | None, doc("The run; null where something stands in the way of one.")]
    steps: Annotated[tuple[StepRun, ...], doc("In an order that respects what needs what.")]
    developers: Annotated[tuple[DeveloperShare, ...], doc("How each one's steps went.")]
    diagnostics: Annotated[
        tuple[ReportedFinding, ...],
        doc(
            "What was found before the run, in order, each as `diagnostics.schema.json` describes "
            "it; with an error there is none."
        ),
    ]


class TriedComponent(OutputPart, frozen=True, kw_only=True):
    """One step as one workspace has it."""

    step: Annotated[str, doc("The step's id in the pipeline.", "total")]
    workspace: Annotated[str, doc("Whose.", "bob")]
    state: Annotated[
        str,
        one_of("works", "does not work", "the same", "not there"),
        doc("Whether the pipeline works with it."),
    ]
    run: Annotated[str | None, doc("The run that tried it.", "20270101-120000-1a2b")]
    failed: Annotated[str | None, doc("The step that failed.", None)]
    fault: Annotated[str | None, doc("Why.", None)]


class PipelineTestOutput(PipelineRunOutput, frozen=True, kw_only=True):
    """What `stepwell pipeline test --format json` prints: a test of a pipeline: a run, or why there is
    none, or with `--components-from` with whose steps it works.
    """

    components: Annotated[
        tuple[TriedComponent, ...] | None, doc("What `--components-from` tells; null without it.")
    ]


class ComparedStepRun(OutputPart, frozen=True, kw_only=True):
    """One step."""

    id: Annotated[str, doc("Its id.", "make")]
    same: Annotated[bool, doc("Whether it ended alike and gave the same.")]
    states: Annotated[
        tuple[StepState | None, ...],
        doc(
            "What it came to, before and after; null where a run does not have it.",
            min_length=2,
            max_length=2,
        ),
    ]
    seconds: Annotated[
        tuple[float | None, ...], doc("What it took, before and after.", min_length=2, max_length=2)
    ]
    inputs: Annotated[tuple[str, ...], doc("The inputs that differ.")]
    outputs: Annotated[tuple[str, ...], doc("The outputs that differ.")]
    why: Annotated[str | None, doc("What explains it.", None)]


class PipelineCompareOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell pipeline compare --format json` prints: what differs between two runs of a pipeline."""

    pipeline: Annotated[str, doc("Which pipeline.", "Sums")]
    before: Annotated[str, doc("The earlier run.", "20270101-120000-1a2b")]
    after: Annotated[str, doc("The later run.", "20270101-120001-1a2b")]
    steps: Annotated[tuple[ComparedStepRun, ...], doc("Every step that one of them has.")]


class WorkflowFile(OutputPart, frozen=True, kw_only=True):
    """Which workflow."""

    name: Annotated[str, doc("Its name.", "greeting")]
    file: Annotated[str, doc("Its file, relative to the project.", "greeting.yaml")]
    digest: Annotated[str, doc("The SHA-256 hash of the file.", "68e76d5a")]


class WorkflowStepRun(OutputPart, frozen=True, kw_only=True):
    """What became of one step."""

    name: Annotated[str, doc("What the workflow calls it.", "hello")]
    type: Annotated[str, doc("Its step type, as the workflow names it.", "claude")]
    digest: Annotated[
        str,
        doc("A hash of what its file states: the same step is not run again when a run goes on.", "6f60c96f"),
    ]
    state: Annotated[
        str,
        one_of("running", "finished", "skipped", "failed", "interrupted"),
        doc(
            "Whether it is running, has an answer, was left out by its condition, failed, or was interrupted."
        ),
    ]
    result: Annotated[
        str | UnsetType,
        doc("The file of its answer, relative to the run's folder.", "results/001-hello.json"),
    ] = UNSET
    fault: Annotated[str | UnsetType, doc("Why it failed.", "`ready.txt` does not exist")] = UNSET
    seconds: Annotated[Amount | UnsetType, doc("How long it took.", 0.01)] = UNSET
    provider: Annotated[str | UnsetType | None, doc("The provider that was asked last.", "echo")] = UNSET
    attempts: Annotated[Count | UnsetType, doc("How often it was tried.", 1)] = UNSET
    reused: Annotated[
        Literal[True] | UnsetType, doc("Whether an earlier part of the run had finished it.")
    ] = UNSET


class SessionTurn(OutputPart, frozen=True, kw_only=True):
    """One turn."""

    role: Annotated[str, one_of("user", "assistant"), doc("Who speaks.")]
    content: Annotated[str, doc("What is said.", "Teach me.")]


class WorkflowRunOutput(OutputRecord, frozen=True, kw_only=True):
    """The record of a run: what `stepwell workflow run --format json` writes, and with the exception of
    `folder` what its `record.json` holds.
    """

    run: Annotated[str, doc("What the run is called: `--resume` takes it.", "20261127-212934-123456")]
    workflow: Annotated[WorkflowFile, doc("Which workflow.")]
    state: Annotated[
        str,
        one_of("running", "finished", "failed", "interrupted"),
        doc("Whether it is running, all steps are done, a step failed, or somebody interrupted it."),
    ]
    provider: Annotated[
        str | None, doc("The provider that was asked for; null where each step chose.", "echo")
    ]
    started: Annotated[str, doc("When it began, as ISO 8601.", "2026-11-27T21:29:34+00:00")]
    ended: Annotated[str | None, doc("When it ended; null while it runs.", "2026-11-27T21:29:35+00:00")]
    steps: Annotated[tuple[WorkflowStepRun, ...], doc("The steps that were begun, in order.")]
    variables: Annotated[dict[str, Any], doc("The variables at its end.", {"who": "world"})]
    sessions: Annotated[
        dict[str, tuple[SessionTurn, ...]],
        doc("The conversations, by name.", {"lesson": [{"role": "user", "content": "Teach me."}]}),
    ]
    outputs: Annotated[
        tuple[str, ...], doc("The files that steps kept, relative to the run's folder.", ["outputs/draft.md"])
    ]
    resumed: Annotated[Count | UnsetType, doc("How often it was gone on with.", 1)] = UNSET
    fault: Annotated[str | UnsetType, doc("Why it failed.", "step `second`: `ready.txt` does not exist")] = (
        UNSET
    )
    folder: Annotated[
        str | UnsetType,
        doc(
            "The run's folder, absolute. The record on disk does not say it.",
            "/home/ada/steps/.stepwell/runs/20261127-212934-123456",
        ),
    ] = UNSET


def pipeline_run_output(
    run: RunRecord | None, root: str, found: Iterable[Diagnostic] = ()
) -> PipelineRunOutput:
    """A run of a pipeline, or why there is none.

    Args:
        root: the project's folder; paths are told relative to it.
    """
    return PipelineRunOutput(**_run(run, root, found))


def pipeline_test_output(
    run: RunRecord | None,
    root: str,
    found: Iterable[Diagnostic] = (),
    tried: Iterable[Trial] | None = None,
) -> PipelineTestOutput:
    """A test of a pipeline.

    Args:
        run: the run; ``None`` where there is none, or several.
        root: the project's folder; paths are told relative to it.
    """
    return PipelineTestOutput(
        **_run(run, root, found),
        components=None
        if tried is None
        else tuple(
            TriedComponent(
                step=one.step,
                workspace=one.workspace,
                state=one.state,
                run=one.run,
                failed=one.failed,
                fault=one.fault,
            )
            for one in tried
        ),
    )


def _run(run: RunRecord | None, root: str, found: Iterable[Diagnostic]) -> dict[str, Any]:
    if run is None:
        return {"run": None, "steps": (), "developers": (), "diagnostics": findings(found)}
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
            folder=_relative(run.folder, root),
        ),
        "steps": tuple(_step(run, one, root) for one in run.steps),
        "developers": tuple(
            DeveloperShare(
                developer=one.name or None,
                steps=one.steps,
                done=one.done,
                failed=one.failed,
                attempts=one.attempts,
                seconds=round(one.seconds, 3),
            )
            for one in developers_of(run)
        ),
        "diagnostics": findings(found),
    }


def _step(run: RunRecord, one: StepRecord, root: str) -> StepRun:
    log = log_of(run, one)
    return StepRun(
        id=one.node,
        step=one.step,
        developer=one.developer or None,
        needs=tuple(one.needs),
        state=one.state,
        seconds=round(one.seconds, 3),
        fault=one.fault or None,
        kind=one.kind or None,
        help=one.help or None,
        inputs=dict(one.inputs),
        outputs=tuple(
            StepOutput(name=held.name, digest=held.digest, bytes=held.bytes, files=held.files)
            for held in one.outputs
        ),
        log=_relative(log, root) if log else None,
        attempts=tuple(map(_attempt, one.attempts)),
    )


def _attempt(one: AttemptRecord) -> StepAttempt:
    return StepAttempt(
        number=one.number,
        state=one.state,
        began=one.began,
        ended=one.ended,
        exit_code=one.exit_code,
        fault=one.fault or None,
        folder=one.folder or None,
        worker=one.worker or None,
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
                id=one.node,
                same=one.is_same,
                states=tuple(None if side is None else side.state for side in (one.before, one.after)),
                seconds=tuple(
                    None if side is None else round(side.seconds, 3) for side in (one.before, one.after)
                ),
                inputs=tuple(one.inputs),
                outputs=tuple(one.outputs),
                why=one.why or None,
            )
            for one in differences
        ),
    )


def workflow_run_output(record: Mapping[str, Any], folder: str) -> WorkflowRunOutput:
    """The record of a run of a workflow, and the folder that it is in."""
    return msgspec.convert({**record, "folder": folder}, WorkflowRunOutput)
