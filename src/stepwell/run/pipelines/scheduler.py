"""A run from its first step to its last: what is due, what an engine is handed, and what is recorded."""

from __future__ import annotations

import os
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, final
from urllib.parse import quote

from stepwell.run.pipelines.artifacts import Unholdable, digest_of, place_of
from stepwell.run.pipelines.cache_key import key_of
from stepwell.run.pipelines.plan import Feed, PlannedStep, RunPlan, stated_at
from stepwell.run.pipelines.run_database import RunDatabase
from stepwell.run.pipelines.run_record import RunRecord, StepRecord
from stepwell.run.pipelines.selection import Options, StepSelection, chosen
from stepwell.run.pipelines.task import Artifact, AttemptOutcome, Port, StepState, Task
from stepwell.run.pipelines.worker import read_outcomes
from stepwell.source.errors import PipelineError

if TYPE_CHECKING:
    from stepwell.run.pipelines.engines.engine import Engine, Session

__all__ = ["Tell", "run_plan"]

Tell = Callable[[str, StepState, str], object]
"""Told of every change: the node, how far it is now, and what went wrong."""

_LOST: Final = 3
"""How often an attempt is made again because its worker went, which says nothing of the step."""
_NOT_AGAIN: Final = frozenset({"input", "output", "deleted-input", "disk"})
"""Faults that would only be repeated."""
_PATIENCE: Final = 15.0
"""Seconds that scripts are waited for when a run is ended."""


def run_plan(
    plan: RunPlan,
    record: RunDatabase,
    engine: Engine,
    *,
    options: Options | None = None,
    choice: StepSelection | None = None,
    resume: str | None = None,
    mode: str = "run",
    tell: Tell = lambda *_: None,
) -> RunRecord:
    """Run a pipeline, and give what the record says of it.

    Args:
        record: where it is written down.
        engine: where it is done.
        choice: which steps; all when left out.
        resume: a run of the same pipeline that goes on: only what is not done in it is done.
        mode: ``run`` or ``test``, for the record.

    Raises:
        PipelineError: the choice names a step that is not there.
        UnknownRun: there is no run to resume.
        RunBusy: another process is at the run.
        EngineError: the engine cannot be used.
        KeyboardInterrupt: as it came, after every script was ended and that was recorded.
    """
    wanted, forced = chosen(plan, choice or StepSelection())
    known: Mapping[str, StepRecord] = {}
    if resume is not None:
        before = record.read(resume)
        if before.pipeline != plan.pipeline.name:
            raise PipelineError(f"the run {resume} is one of `{before.pipeline}`")
        known = {one.node: one for one in before.steps}
        run = resume
    else:
        run = record.begin(plan.pipeline.name, plan.pipeline.workspace, engine.name, mode, plan.parameters)
    with record.store.locked(run):
        if resume is not None:
            record.resume(run, engine.name)
        driving = _Driving(plan, record, run, options or Options(), wanted, forced, known, tell)
        state = StepState.CANCELLED
        try:
            session = engine.start()
            with closing(session), ExitStack() as undo:
                undo.callback(driving.stop, session)
                state = driving.drive(session)
                undo.pop_all()
        finally:
            record.end(run, state)
    return record.read(run)


@final
class _Driving:
    """One run while it is made."""

    def __init__(
        self,
        plan: RunPlan,
        record: RunDatabase,
        run: str,
        options: Options,
        chosen: frozenset[str],
        forced: frozenset[str],
        known: Mapping[str, StepRecord],
        tell: Tell,
    ) -> None:
        self._plan, self._record, self._run, self._options = plan, record, run, options
        self._chosen, self._forced, self._known, self._tell = chosen, forced, known, tell
        self._folder = record.store.folder_of(run)
        self._stop = os.path.join(self._folder, "stop")
        self._states = dict.fromkeys(plan.steps, StepState.WAITING)
        self._gave: dict[str, Mapping[str, Artifact]] = {}
        self._flying: dict[str, _Flight] = {}
        self._digests: dict[str, str] = {}
        self._wanted = self._needed_for(chosen)
        self._open = {one: len(step.needs) for one, step in plan.steps.items()}
        self._below: dict[str, list[str]] = {one: [] for one in plan.steps}
        for one, step in plan.steps.items():
            for needed in step.needs:
                self._below[needed].append(one)
        self._ready = deque(one for one in plan.steps if not self._open[one])

    def drive(self, session: Session) -> StepState:
        """Have every step done that can be."""
        with suppress(FileNotFoundError):
            os.unlink(self._stop)
        steps = self._plan.steps.values()
        self._record.plan(
            self._run, ((one.node.id, one.definition.name, one.developer, one.needs) for one in steps)
        )
        while True:
            while self._ready and len(self._flying) < session.room:
                self._begin(self._ready.popleft(), session)
            if not self._flying and not self._ready:
                break
            outcome = session.finished(1.0)
            if outcome is not None and outcome.token in self._flying:
                self._take(outcome, session)
        wanted = [self._states[one] for one in self._chosen]
        return StepState.DONE if all(one.is_good for one in wanted) else StepState.FAILED

    def stop(self, session: Session) -> None:
        """End every script, and record that."""
        with open(self._stop, "w", encoding="utf-8"):
            pass
        deadline = time.monotonic() + _PATIENCE
        while self._flying and time.monotonic() < deadline:
            outcome = session.finished(0.2)
            flight = None if outcome is None else self._flying.pop(outcome.token, None)
            if outcome is not None and flight is not None:
                done = outcome.state is StepState.DONE
                self._settle(flight, outcome, StepState.DONE if done else StepState.CANCELLED)
        for flight in self._flying.values():
            self._record.settle(self._run, flight.task.node, StepState.CANCELLED, key=flight.task.key)
        for one in self._wanted:
            if self._states[one] is StepState.WAITING:
                self._record.settle(self._run, one, StepState.CANCELLED)

    def _begin(self, one: str, session: Session) -> None:
        """Bring a step whose inputs are there to an end, or on its way."""
        step = self._plan.steps[one]
        if one not in self._wanted:
            self._end(one, StepState.SKIPPED, fault="it was not asked for")
            return
        failed = [need for need in step.needs if not self._states[need].is_good]
        if failed:
            self._end(
                one,
                StepState.SKIPPED,
                fault=f"`{failed[0]}`, which it needs, {_WHY[self._states[failed[0]]]}",
            )
            return
        try:
            ports = tuple(self._fed(step, feed) for feed in step.inputs)
        except (OSError, Unholdable) as error:
            self._end(one, StepState.FAILED, fault=f"its inputs cannot be read: {error}", kind="input")
            return
        inputs = {port.name: port.digest for port in ports if port.digest}
        key = key_of(step, inputs)
        held, state = self._has(one, key)
        if held is not None:
            self._end(one, state, key=key, inputs=inputs, outputs=held)
            return
        if one not in self._chosen:
            fault = "it is not asked for, and no earlier run has made it as it is now"
            self._end(one, StepState.FAILED, key=key, inputs=inputs, fault=fault, kind="engine")
            return
        for name, amount in step.resources:
            if amount > session.resources.get(name, 0):
                fault = f"it needs {name}: {amount:g}, and the engine has {session.resources.get(name, 0):g}"
                self._end(one, StepState.FAILED, key=key, inputs=inputs, fault=fault, kind="engine")
                return
        self._submit(_Flight(self._task(step, key, ports), inputs), session)

    def _has(self, one: str, key: str) -> tuple[tuple[Artifact, ...] | None, StepState]:
        """What the step gave when it was done just so: in this run, or else in an earlier one."""
        known = self._known.get(one)
        if known is not None and one not in self._forced:
            if known.state.is_good and known.key == key and self._record.has(known.outputs):
                return known.outputs, known.state
            for outcome, made in read_outcomes(self._folder_of(one)):  # ended, and nobody lived to record it
                if made == key and outcome.state is StepState.DONE and self._record.has(outcome.outputs):
                    return outcome.outputs, StepState.DONE
        if one in self._forced or (one in self._chosen and not self._options.cache):
            return None, StepState.WAITING
        return self._record.cached(key), StepState.CACHED

    def _fed(self, step: PlannedStep, feed: Feed) -> Port:
        if feed.output is not None:
            held = self._gave[feed.output.node].get(feed.output.output)
            if held is None:
                return feed.port  # an output that is no file
            place = place_of(self._record.objects, held.digest)
            return replace(feed.port, source=place, digest=held.digest)
        port = feed.port
        if feed.made_up:
            from stepwell.run.pipelines.synthetic_data import make_up

            folder = os.path.join(self._folder, "made-up", quote(step.node.id, safe=""))
            port = replace(port, source=make_up(folder, port, feed.kind))
        digest = self._digests.get(port.source)
        if digest is None:
            digest = self._digests[port.source] = digest_of(port.source)[0]
        return replace(port, digest=digest)

    def _task(self, step: PlannedStep, key: str, ports: tuple[Port, ...]) -> Task:
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
            tuple({**self._options.machine, **step.environment}.items()),
            ports,
            step.outputs,
            self._options.limits,
            step.resources,
        )

    def _submit(self, flight: _Flight, session: Session) -> None:
        task = flight.task
        session.submit(task)
        self._flying[task.token] = flight
        self._record.start_attempt(self._run, task.node, task.token, task.key, flight.inputs)
        self._states[task.node] = StepState.RUNNING
        self._tell(task.node, StepState.RUNNING, "")

    def _take(self, outcome: AttemptOutcome, session: Session) -> None:
        """Record how an attempt ended, and make another or go on."""
        flight = self._flying.pop(outcome.token)
        lost = outcome.kind == "lost"
        again = (flight.lost < _LOST) if lost else (flight.failed < self._options.retries)
        if outcome.state is StepState.FAILED and again and outcome.kind not in _NOT_AGAIN:
            self._record.end_attempt(self._run, flight.task.node, outcome)
            task = replace(flight.task, token=secrets.token_hex(8))
            self._submit(
                _Flight(task, flight.inputs, flight.failed + (not lost), flight.lost + lost), session
            )
            return
        self._settle(flight, outcome, outcome.state)
        self._release(flight.task.node)

    def _settle(self, flight: _Flight, outcome: AttemptOutcome, state: StepState) -> None:
        node = flight.task.node
        help_text = outcome.help or self._places(node, outcome)
        self._record.settle(
            self._run,
            node,
            state,
            key=flight.task.key,
            inputs=flight.inputs,
            outputs=outcome.outputs,
            fault=outcome.fault,
            kind=outcome.kind,
            help=help_text,
            outcome=outcome,
        )
        self._reached(node, state, outcome.outputs, outcome.fault)

    def _end(
        self,
        one: str,
        state: StepState,
        *,
        key: str = "",
        inputs: Mapping[str, str] = MappingProxyType({}),
        outputs: tuple[Artifact, ...] = (),
        fault: str = "",
        kind: str = "",
    ) -> None:
        """Record what a step comes to that is not run now."""
        self._record.settle(
            self._run, one, state, key=key, inputs=inputs, outputs=outputs, fault=fault, kind=kind
        )
        self._reached(one, state, outputs, fault)
        self._release(one)

    def _reached(self, one: str, state: StepState, outputs: tuple[Artifact, ...], fault: str) -> None:
        self._states[one] = state
        if state.is_good:
            self._gave[one] = {held.name: held for held in outputs}
            for held in outputs:
                self._show(one, held)
        self._tell(one, state, fault)

    def _release(self, one: str) -> None:
        for below in self._below[one]:
            self._open[below] -= 1
            if not self._open[below]:
                self._ready.append(below)

    def _show(self, one: str, held: Artifact) -> None:
        """Lay a link to an output where people look for it."""
        folder = os.path.join(self._folder, "outputs")
        link = os.path.join(folder, quote(f"{one}.{held.name}", safe=""))
        os.makedirs(folder, exist_ok=True)
        with suppress(FileNotFoundError):
            os.unlink(link)
        os.symlink(os.path.relpath(place_of(self._record.objects, held.digest), folder), link)

    def _places(self, one: str, outcome: AttemptOutcome) -> str:
        """Where what does not fit is declared: by the step, and by the one that feeds it."""
        if not outcome.port:
            return ""
        step = self._plan.steps[one]
        feed = next((each for each in step.inputs if each.port.name == outcome.port), None)
        kind = "outputs" if feed is None else "inputs"
        told = [_declared(step, kind, outcome.port)]
        if feed is not None and feed.output is not None:
            told.append(
                "fed by " + _declared(self._plan.steps[feed.output.node], "outputs", feed.output.output)
            )
        return ", ".join(told)

    def _folder_of(self, one: str) -> str:
        return os.path.join(self._folder, "steps", quote(one, safe=""))

    def _needed_for(self, chosen: frozenset[str]) -> frozenset[str]:
        wanted = set(chosen)
        for one in reversed(tuple(self._plan.steps)):
            if one in wanted:
                wanted.update(self._plan.steps[one].needs)
        return frozenset(wanted)


@final
@dataclass(frozen=True, slots=True)
class _Flight:
    """An attempt that an engine has.

    Args:
        inputs: the digests of the step's inputs.
    """

    task: Task
    inputs: Mapping[str, str]
    failed: int = 0
    lost: int = 0


_WHY: Final = {
    StepState.FAILED: "failed",
    StepState.SKIPPED: "was not run",
    StepState.CANCELLED: "was cancelled",
}


def _declared(step: PlannedStep, kind: str, name: str) -> str:
    span = stated_at(step.definition, kind, name)
    place = "" if span is None else f" ({span.path}:{span.line}:{span.column})"
    return f"`{step.node.id}.{name}`{place}"
