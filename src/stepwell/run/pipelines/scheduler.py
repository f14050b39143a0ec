"""Scheduler of a run: submits ready steps to an engine and records their outcomes."""

from __future__ import annotations

import os
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, final
from urllib.parse import quote

from stepwell.run.pipelines.artifacts import Unholdable, digest_of, hold, place_of
from stepwell.run.pipelines.engines.engine import EngineError
from stepwell.run.pipelines.plan import Feed, PlannedStep, RunPlan, stated_at
from stepwell.run.pipelines.process import SUPPORTED
from stepwell.run.pipelines.run_database import RunDatabase
from stepwell.run.pipelines.run_record import RunRecord, StepRecord
from stepwell.run.pipelines.selection import Options, StepSelection, chosen
from stepwell.run.pipelines.task import Artifact, AttemptOutcome, Port, StepState, Task
from stepwell.run.pipelines.worker import read_outcomes
from stepwell.source.errors import PipelineError
from stepwell.source.remote import RemoteFault, fetch, is_url, publish

if TYPE_CHECKING:
    from stepwell.run.pipelines.engines.engine import Engine, Session
    from stepwell.run.pipelines.shared_store import Lease, SharedStore

__all__ = ["StateListener", "run_plan"]

StateListener = Callable[[str, StepState, str], object]
"""Called for every state change with node, state and fault."""

_LOST: Final = 3
"""Retries after a lost worker, which does not count as a failure of the step."""
_NOT_AGAIN: Final = frozenset({"input", "output", "deleted-input", "disk"})
"""Faults that a retry would only repeat."""
_PATIENCE: Final = 15.0
"""Seconds to wait for scripts when a run is cancelled."""


def run_plan(
    plan: RunPlan,
    record: RunDatabase,
    engine: Engine,
    *,
    options: Options | None = None,
    choice: StepSelection | None = None,
    resume: str | None = None,
    take_over: bool = False,
    mode: str = "run",
    on_state: StateListener = lambda *_: None,
) -> RunRecord:
    """Run a pipeline and return its record.

    Args:
        choice: default: all steps.
        resume: id of a run of the same pipeline to continue; finished steps are not repeated.
        take_over: whether to resume a run that is in progress on another machine, which stops there.
        mode: ``run`` or ``test``, for the record.
        on_state: called for every state change.

    Raises:
        PipelineError: the selection names an unknown step.
        UnknownRun: the run to resume does not exist.
        RunBusy: another process or machine executes the run.
        EngineError: the engine cannot be used.
        KeyboardInterrupt: re-raised after every script was stopped and recorded.
    """
    if not SUPPORTED:
        raise EngineError(
            "pipelines cannot run on this platform: it has no process groups, so a script and its children "
            "could not be ended; use Linux or macOS (on Windows, WSL)"
        )
    wanted, forced = chosen(plan, choice or StepSelection())
    known: Mapping[str, StepRecord] = {}
    if resume is not None:
        before = record.read(resume)
        if before.pipeline != plan.pipeline.name:
            raise PipelineError(f"run {resume} belongs to pipeline `{before.pipeline}`")
        run = resume
    else:
        run = record.begin(plan.pipeline.name, plan.pipeline.workspace, engine.name, mode, plan.parameters)
    with _reaching_store(), record.claimed(run, is_new=resume is None, take_over=take_over) as lease:
        if resume is not None:
            known = {step.node: step for step in record.read(run).steps}
            record.resume(run, engine.name)
        publishes = mode == "run" and not plan.is_synthetic
        scheduler = _Scheduler(
            plan,
            record,
            run,
            options or Options(),
            wanted,
            forced,
            known,
            on_state,
            lease=lease,
            publishes=publishes,
        )
        state = StepState.CANCELLED
        try:
            session = engine.start()
            with closing(session), ExitStack() as undo:
                undo.callback(scheduler.stop, session)
                state = scheduler.run(session)
                undo.pop_all()
        finally:
            with suppress(RemoteFault):  # reported before, or repeated by the next run
                record.end(run, state)
    return record.read(run)


@contextmanager
def _reaching_store() -> Iterator[None]:
    try:
        yield
    except RemoteFault as error:
        fault = f"the artifact store cannot be used: {error}; resume the run when it answers again"
        raise EngineError(fault) from error


@final
class _Scheduler:
    """Scheduler of one run.

    Args:
        lease: of the run in the shared store, if there is one.
        publishes: whether outputs are copied to their targets.
    """

    def __init__(
        self,
        plan: RunPlan,
        record: RunDatabase,
        run: str,
        options: Options,
        chosen: frozenset[str],
        forced: frozenset[str],
        known: Mapping[str, StepRecord],
        on_state: StateListener,
        *,
        lease: Lease | None,
        publishes: bool,
    ) -> None:
        self._plan, self._record, self._run, self._options = plan, record, run, options
        self._chosen, self._forced, self._known, self._on_state = chosen, forced, known, on_state
        self._folder = record.store.folder_of(run)
        self._stop = os.path.join(self._folder, "stop")
        self._mark = f"{run}.{secrets.token_hex(4)}"
        self._states = dict.fromkeys(plan.steps, StepState.WAITING)
        self._outputs: dict[str, Mapping[str, Artifact]] = {}
        self._submitted: dict[str, _Submission] = {}
        self._digests: dict[str, str] = {}
        self._wanted = self._needed_for(chosen)
        self._open = {node: len(step.needs) for node, step in plan.steps.items()}
        self._below: dict[str, list[str]] = {node: [] for node in plan.steps}
        for node, step in plan.steps.items():
            for needed in step.needs:
                self._below[needed].append(node)
        self._ready = deque(node for node in plan.steps if not self._open[node])
        self._lease, self._publishes = lease, publishes

    def run(self, session: Session) -> StepState:
        """Run all selected steps."""
        with suppress(FileNotFoundError):
            os.unlink(self._stop)
        steps = self._plan.steps.values()
        self._record.plan(
            self._run, ((step.node.id, step.definition.name, step.developer, step.needs) for step in steps)
        )
        while True:
            while self._ready and len(self._submitted) < session.room:
                self._begin(self._ready.popleft(), session)
            if not self._submitted and not self._ready:
                break
            outcome = session.finished(1.0)
            if self._lease is not None:
                self._lease.check()
            if outcome is not None and outcome.token in self._submitted:
                self._take(outcome, session)
        self._bring_outputs()
        wanted = [self._states[node] for node in self._chosen]
        return StepState.DONE if all(state.is_good for state in wanted) else StepState.FAILED

    def _bring_outputs(self) -> None:
        """Copy the requested outputs from the shared store."""
        if self._options.fetch == "none":
            return
        read = {
            (feed.output.node, feed.output.output)
            for step in self._plan.steps.values()
            for feed in step.inputs
            if feed.output is not None
        }
        for node, outputs in self._outputs.items():
            for artifact in outputs.values():
                if self._options.fetch == "all" or (node, artifact.name) not in read:
                    self._record.bring(artifact.digest)
                    self._link(node, artifact)

    def stop(self, session: Session) -> None:
        """Stop every script and record the cancellation."""
        with open(self._stop, "w", encoding="utf-8"):
            pass
        if self._record.shared is not None:
            with suppress(RemoteFault):
                self._record.shared.stop(self._mark)
        deadline = time.monotonic() + _PATIENCE
        with suppress(EngineError, RemoteFault):  # nothing more ends on an engine that is gone
            while self._submitted and time.monotonic() < deadline:
                outcome = session.finished(0.2)
                submission = None if outcome is None else self._submitted.pop(outcome.token, None)
                if outcome is not None and submission is not None:
                    done = outcome.state is StepState.DONE
                    self._settle(submission, outcome, StepState.DONE if done else StepState.CANCELLED)
        for submission in self._submitted.values():
            self._record.settle(self._run, submission.task.node, StepState.CANCELLED, key=submission.task.key)
        for node in self._wanted:
            if self._states[node] is StepState.WAITING:
                self._record.settle(self._run, node, StepState.CANCELLED)

    def _begin(self, node: str, session: Session) -> None:
        """Skip, reuse from the cache, or submit a step whose inputs are ready."""
        step = self._plan.steps[node]
        if node not in self._wanted:
            self._end(node, StepState.SKIPPED, fault="not selected")
            return
        failed = [need for need in step.needs if not self._states[need].is_good]
        if failed:
            fault = f"upstream step `{failed[0]}` {_WHY[self._states[failed[0]]]}"
            self._end(node, StepState.SKIPPED, fault=fault)
            return
        try:
            ports = tuple(self._with_source(step, feed) for feed in step.inputs)
        except (OSError, Unholdable, ModuleNotFoundError) as error:
            self._end(node, StepState.FAILED, fault=f"cannot read inputs: {error}", kind="input")
            return
        inputs = {port.name: port.digest for port in ports if port.digest}
        key = step.cache_key(inputs)
        outputs, state = self._reusable(node, key)
        if outputs is not None:
            fault = self._publish(node, outputs)
            kind = "output" if fault else ""
            state = StepState.FAILED if fault else state
            self._end(node, state, key=key, inputs=inputs, outputs=outputs, fault=fault, kind=kind)
            return
        if node not in self._chosen:
            fault = "not selected, and no earlier run produced its current outputs"
            self._end(node, StepState.FAILED, key=key, inputs=inputs, fault=fault, kind="engine")
            return
        for name, amount in step.resources:
            if amount > session.resources.get(name, 0):
                fault = f"requires {name}: {amount:g}, but the engine has {session.resources.get(name, 0):g}"
                self._end(node, StepState.FAILED, key=key, inputs=inputs, fault=fault, kind="engine")
                return
        shared = None if getattr(session, "shares_folders", True) else self._record.shared
        for feed, port in zip(step.inputs, ports, strict=True):
            if shared is None and feed.output is not None and port.digest:
                self._record.bring(port.digest)
            elif shared is not None and port.digest and os.path.lexists(port.source):
                shared.put(port.digest, port.source)
        self._submit(_Submission(self._task(step, key, ports, shared), inputs), session)

    def _reusable(self, node: str, key: str) -> tuple[tuple[Artifact, ...] | None, StepState]:
        """Return the outputs of an equal step in this run or in the cache."""
        known = self._known.get(node)
        if known is not None and node not in self._forced:
            if known.state.is_good and known.key == key and self._record.has(known.outputs):
                return known.outputs, known.state
            for outcome, made in read_outcomes(self._folder_of(node)):  # ended but not recorded
                if made == key and outcome.state is StepState.DONE and self._record.has(outcome.outputs):
                    return outcome.outputs, StepState.DONE
        if node in self._forced or (node in self._chosen and not self._options.cache):
            return None, StepState.WAITING
        return self._record.cached(key), StepState.CACHED

    def _with_source(self, step: PlannedStep, feed: Feed) -> Port:
        if feed.output is not None:
            artifact = self._outputs[feed.output.node].get(feed.output.output)
            if artifact is None:
                return feed.port  # an output that is not a file
            place = place_of(self._record.objects, artifact.digest)
            return replace(feed.port, source=place, digest=artifact.digest)
        port = feed.port
        if feed.made_up:
            from stepwell.run.pipelines.synthetic_data import make_up

            folder = os.path.join(self._folder, "made-up", quote(step.node.id, safe=""))
            port = replace(port, source=make_up(folder, port, feed.kind))
        if is_url(port.source):
            return self._fetched(port)
        digest = self._digests.get(port.source)
        if digest is None:
            digest = self._digests[port.source] = digest_of(port.source)[0]
        return replace(port, digest=digest)

    def _fetched(self, port: Port) -> Port:
        """Return an input whose source is a copy of the file or folder behind its URL."""
        digest = self._digests.get(port.source)
        if digest is None:
            folder = os.path.join(self._folder, "remote", quote(port.source, safe="")[-100:])
            path = fetch(port.source, folder)
            kept = path if os.path.isdir(path) else folder  # a stored file loses its name
            artifact = hold(self._record.objects, port.name, kept, move=True)
            digest = self._digests[port.source] = artifact.digest
        return replace(port, source=place_of(self._record.objects, digest), digest=digest)

    def _publish(self, node: str, outputs: tuple[Artifact, ...]) -> str:
        """Copy the outputs to their targets; return the fault, if any."""
        step = self._plan.steps[node]
        names = {port.name: os.path.basename(port.path) for port in step.outputs}
        for artifact in outputs:
            target = step.targets.get(artifact.name)
            if target and self._publishes:
                self._record.bring(artifact.digest)
                place = place_of(self._record.objects, artifact.digest)
                try:
                    publish(place, target, names.get(artifact.name, artifact.name))
                except RemoteFault as error:
                    return f"cannot copy output `{artifact.name}`: {error}"
        return ""

    def _task(self, step: PlannedStep, key: str, ports: tuple[Port, ...], shared: SharedStore | None) -> Task:
        return Task(
            secrets.token_hex(8),
            step.node.id,
            key,
            self._folder_of(step.node.id),
            self._record.objects,
            self._stop,
            step.script.path,
            step.script.function,
            step.compiled,
            step.script.folders,
            step.arguments,
            tuple({**(self._options.machine if shared is None else {}), **step.environment}.items()),
            ports,
            step.outputs,
            self._options.limits,
            step.resources,
            self._mark,
            "" if shared is None else shared.url,
            () if shared is None else tuple(step.files.items()),
            () if shared is None else tuple(self._options.machine),
        )

    def _submit(self, submission: _Submission, session: Session) -> None:
        task = submission.task
        session.submit(task)
        self._submitted[task.token] = submission
        self._record.start_attempt(self._run, task.node, task.token, task.key, submission.inputs)
        self._states[task.node] = StepState.RUNNING
        self._on_state(task.node, StepState.RUNNING, "")

    def _take(self, outcome: AttemptOutcome, session: Session) -> None:
        """Record the end of an attempt, then retry or continue."""
        submission = self._submitted.pop(outcome.token)
        lost = outcome.kind == "lost"
        again = (submission.lost < _LOST) if lost else (submission.failed < self._options.retries)
        if outcome.state is StepState.FAILED and again and outcome.kind not in _NOT_AGAIN:
            self._record.end_attempt(self._run, submission.task.node, outcome)
            task = replace(submission.task, token=secrets.token_hex(8))
            failed, losses = submission.failed + (not lost), submission.lost + lost
            self._submit(_Submission(task, submission.inputs, failed, losses), session)
            return
        if outcome.state is StepState.DONE and not self._record.has(outcome.outputs):
            outcome = replace(outcome, state=StepState.FAILED, fault="the store lost outputs", kind="store")
        if outcome.state is StepState.DONE:
            fault = self._publish(submission.task.node, outcome.outputs)
            if fault:
                outcome = replace(outcome, state=StepState.FAILED, fault=fault, kind="output")
        self._settle(submission, outcome, outcome.state)
        self._release(submission.task.node)

    def _settle(self, submission: _Submission, outcome: AttemptOutcome, state: StepState) -> None:
        node = submission.task.node
        help_text = outcome.help or self._declarations(node, outcome)
        self._record.settle(
            self._run,
            node,
            state,
            key=submission.task.key,
            inputs=submission.inputs,
            outputs=outcome.outputs,
            fault=outcome.fault,
            kind=outcome.kind,
            help=help_text,
            outcome=outcome,
        )
        self._reached(node, state, outcome.outputs, outcome.fault)

    def _end(
        self,
        node: str,
        state: StepState,
        *,
        key: str = "",
        inputs: Mapping[str, str] = MappingProxyType({}),
        outputs: tuple[Artifact, ...] = (),
        fault: str = "",
        kind: str = "",
    ) -> None:
        """Record a step that is not run now."""
        self._record.settle(
            self._run, node, state, key=key, inputs=inputs, outputs=outputs, fault=fault, kind=kind
        )
        self._reached(node, state, outputs, fault)
        self._release(node)

    def _reached(self, node: str, state: StepState, outputs: tuple[Artifact, ...], fault: str) -> None:
        self._states[node] = state
        if state.is_good:
            self._outputs[node] = {artifact.name: artifact for artifact in outputs}
            for artifact in outputs:
                self._link(node, artifact)
        self._on_state(node, state, fault)

    def _release(self, node: str) -> None:
        for below in self._below[node]:
            self._open[below] -= 1
            if not self._open[below]:
                self._ready.append(below)

    def _link(self, node: str, artifact: Artifact) -> None:
        """Create a link to an output in the folder of the run, if it is on this machine."""
        folder = os.path.join(self._folder, "outputs")
        link = os.path.join(folder, quote(f"{node}.{artifact.name}", safe=""))
        os.makedirs(folder, exist_ok=True)
        with suppress(FileNotFoundError):
            os.unlink(link)
        if self._record.is_here(artifact.digest):
            os.symlink(os.path.relpath(place_of(self._record.objects, artifact.digest), folder), link)

    def _declarations(self, node: str, outcome: AttemptOutcome) -> str:
        """Return the locations that declare the port of a failure."""
        if not outcome.port:
            return ""
        step = self._plan.steps[node]
        feed = next((each for each in step.inputs if each.port.name == outcome.port), None)
        kind = "outputs" if feed is None else "inputs"
        locations = [_declared(step, kind, outcome.port)]
        if feed is not None and feed.output is not None:
            upstream = self._plan.steps[feed.output.node]
            locations.append("source: " + _declared(upstream, "outputs", feed.output.output))
        return ", ".join(locations)

    def _folder_of(self, node: str) -> str:
        return os.path.join(self._folder, "steps", quote(node, safe=""))

    def _needed_for(self, chosen: frozenset[str]) -> frozenset[str]:
        wanted = set(chosen)
        for node in reversed(tuple(self._plan.steps)):
            if node in wanted:
                wanted.update(self._plan.steps[node].needs)
        return frozenset(wanted)


@final
@dataclass(frozen=True, slots=True)
class _Submission:
    """An attempt submitted to an engine.

    Args:
        inputs: digests by input name.
    """

    task: Task
    inputs: Mapping[str, str]
    failed: int = 0
    lost: int = 0


_WHY: Final = {
    StepState.FAILED: "failed",
    StepState.SKIPPED: "was skipped",
    StepState.CANCELLED: "was cancelled",
}


def _declared(step: PlannedStep, kind: str, name: str) -> str:
    span = stated_at(step.definition, kind, name)
    place = "" if span is None else f" ({span.path}:{span.line}:{span.column})"
    return f"`{step.node.id}.{name}`{place}"
