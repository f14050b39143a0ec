"""Worker: executes one attempt at a step with sandbox, script, checks and outputs."""

from __future__ import annotations

import json
import marshal
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import cache
from importlib.util import MAGIC_NUMBER
from types import CodeType
from typing import Any, Final, final

from stepwell.run.pipelines import process
from stepwell.run.pipelines.artifacts import check_content
from stepwell.run.pipelines.sandbox import Sandbox, SandboxRejection
from stepwell.run.pipelines.task import Artifact, AttemptOutcome, Port, StepState, Task

__all__ = ["LOG", "OUTCOME", "keep_apart", "perform", "read_outcomes"]

LOG: Final = "log.txt"
OUTCOME: Final = "outcome.json"
_LAUNCHER: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "launcher.py")
_START: Final = (
    "import sys,marshal;file=open(sys.argv[1],'rb');code,job=marshal.load(file);file.close();"
    "exec(code,{**globals(),'job':job})"
)
_DISK_INTERVAL: Final = 0.5
"""Minimum seconds between two measurements of the sandbox size."""


def perform(task: Task) -> AttemptOutcome:
    """Execute one attempt, or return its outcome if it was already executed.

    Exceptions of the script never propagate: the attempt fails.
    """
    before = next((outcome for outcome, _ in read_outcomes(task.folder) if outcome.token == task.token), None)
    if before is not None:  # a worker was lost between the end and the report
        return before
    began = time.time()
    try:
        folder = _claim(task.folder)
    except OSError as error:
        fault = f"cannot write the folder of the run: {_reason(error, task.folder)}"
        return AttemptOutcome(
            task.token,
            StepState.FAILED,
            began,
            time.time(),
            fault=fault,
            kind="engine",
            help="workers on other machines need the project's folder under the same path",
        )
    attempt = _Attempt(task, folder, began)
    outcome = attempt.made()
    try:
        _write_outcome(folder, task.key, outcome)
    except OSError as error:
        fault = f"cannot write the outcome: {_reason(error, os.path.join(folder, OUTCOME))}"
        return replace(outcome, state=StepState.FAILED, fault=fault, kind="engine", outputs=())
    return outcome


def keep_apart(task: Task, outcome: AttemptOutcome, log: bytes) -> AttemptOutcome:
    """Write the outcome and the log of an attempt that another machine executed to the folder of the run."""
    folder = _claim(task.folder)
    with open(os.path.join(folder, LOG), "wb") as file:
        file.write(log)
    kept = replace(outcome, folder=folder)
    _write_outcome(folder, task.key, kept)
    return kept


def _reason(error: OSError, path: str) -> str:
    """Return the reason and the path of an error; errors of writes, as on a full disk, name no path."""
    return f"{error.filename or path}: {(error.strerror or str(error)).lower()}"


def read_outcomes(folder: str) -> Iterator[tuple[AttemptOutcome, str]]:
    """Yield the outcome and cache key of every finished attempt at a step."""
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in sorted(names):
        try:
            with open(os.path.join(folder, name, OUTCOME), encoding="utf-8") as file:
                fields = json.load(file)
        except (OSError, ValueError):
            continue
        key = fields.pop("key")
        outputs = tuple(Artifact(**artifact) for artifact in fields.pop("outputs"))
        yield AttemptOutcome(**{**fields, "state": StepState(fields["state"]), "outputs": outputs}), key


@final
class _Attempt:
    """One attempt in progress."""

    def __init__(self, task: Task, folder: str, began: float) -> None:
        self._task = task
        self._folder = folder
        self._began = began
        self._sandbox = Sandbox(os.path.join(folder, "sandbox"), task)
        self._next_measurement = time.monotonic() + _DISK_INTERVAL
        self._deadline = None if task.limits.seconds is None else time.monotonic() + task.limits.seconds

    def made(self) -> AttemptOutcome:
        task, sandbox = self._task, self._sandbox
        try:
            sandbox.fill()
            for port in task.inputs:
                if port.content and port.source and port.path:
                    _check("input", port, sandbox.inside(port.path))
            ended = self._run()
            if ended is not None:
                return ended
            sandbox.check_inputs()
            for port in task.outputs:
                if port.path:
                    _check("output", port, sandbox.find(port))
            return self._ended(StepState.DONE, exit_code=0, outputs=sandbox.keep())
        except SandboxRejection as error:
            return self._ended(StepState.FAILED, error.fault, error.kind, port=error.port)
        except OSError as error:
            return self._ended(
                StepState.FAILED, f"cannot create the sandbox: {_reason(error, self._folder)}", "engine"
            )

    def _run(self) -> AttemptOutcome | None:
        """Run the script; return the outcome if it ends the attempt."""
        log = process.Log(os.path.join(self._folder, LOG), self._task.limits.log)
        try:
            ended = process.supervise(
                [sys.executable, "-I", "-u", "-c", _START, self._job()],
                self._sandbox.environment(),
                self._sandbox.folder,
                log,
                self._stop,
            )
        finally:
            log.close()
        if ended.ended_for == "cancelled":
            return self._ended(
                StepState.CANCELLED, "the run was cancelled", "cancelled", exit_code=ended.exit_code
            )
        if ended.ended_for == "timeout":
            fault = f"the script exceeded the time limit of {self._task.limits.seconds:g} s"
            return self._ended(StepState.FAILED, fault, "timeout", exit_code=ended.exit_code)
        disk = f"the script exceeded the disk limit of {_bytes(self._task.limits.disk)}"
        if ended.ended_for == "disk" or (ended.exit_code and self._has_full_file()):
            return self._ended(StepState.FAILED, disk, "disk", exit_code=ended.exit_code)
        if ended.exit_code:
            fault = f"the script {_exit_text(ended.exit_code)}{self._last_line()}"
            return self._ended(StepState.FAILED, fault, "exit", exit_code=ended.exit_code)
        if self._sandbox.size() > self._task.limits.disk + 65536:
            return self._ended(StepState.FAILED, disk, "disk", exit_code=0)
        return None

    def _job(self) -> str:
        task, sandbox = self._task, self._sandbox
        path = os.path.join(self._folder, "job")
        arguments = [sandbox.inside(argument) for argument in task.arguments]
        same = task.compiled[:4] == MAGIC_NUMBER
        job = {
            "script": task.script,
            "code": marshal.loads(task.compiled[4:]) if same else None,  # noqa: S302 - compiled by the plan
            "function": task.function,
            "folders": list(task.folders),
            "arguments": arguments,
            "values": {
                flag.lstrip("-").replace("-", "_"): value
                for flag, value in zip(arguments[::2], arguments[1::2], strict=False)
            },
            "prefixes": [list(pair) for pair in sandbox.prefixes],
            "sandbox": sandbox.folder,
            "input_paths": {port.name: sandbox.inside(port.path) for port in task.inputs if port.source},
            "output_paths": {port.name: sandbox.inside(port.path) for port in task.outputs if port.path},
            "disk": task.limits.disk,
            "lifeline": process.lifeline(),
        }
        with open(path, "wb") as file:
            marshal.dump((_launcher(), job), file)
        return path

    def _stop(self) -> str:
        now = time.monotonic()
        if self._deadline is not None and now > self._deadline:
            return "timeout"
        if os.path.exists(self._task.stop):
            return "cancelled"
        if now > self._next_measurement:
            began = time.monotonic()
            if self._sandbox.size() > self._task.limits.disk:
                return "disk"
            self._next_measurement = now + max(_DISK_INTERVAL, 20 * (time.monotonic() - began))
        return ""

    def _has_full_file(self) -> bool:
        limit = self._task.limits.disk
        for folder, _, files in os.walk(self._sandbox.folder):
            for name in files:
                place = os.path.join(folder, name)
                if not os.path.islink(place) and os.path.getsize(place) >= limit:
                    return True
        return False

    def _last_line(self) -> str:
        with open(os.path.join(self._folder, LOG), "rb") as file:
            file.seek(max(0, os.path.getsize(file.name) - 4096))
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
        return f": {lines[-1].strip()[:300]}" if lines else ""

    def _ended(
        self,
        state: StepState,
        fault: str = "",
        kind: str = "",
        *,
        port: str = "",
        exit_code: int | None = None,
        outputs: tuple[Artifact, ...] = (),
    ) -> AttemptOutcome:
        return AttemptOutcome(
            self._task.token,
            state,
            self._began,
            time.time(),
            self._folder,
            fault,
            kind,
            port=port,
            exit_code=exit_code,
            outputs=outputs,
        )


def _check(kind: str, port: Port, place: str) -> None:
    fault = check_content(place, json.loads(port.content or "{}"))
    if fault:
        raise SandboxRejection(kind, port.name, f"{kind} `{port.name}`: {fault}")


@cache
def _launcher() -> CodeType:
    with open(_LAUNCHER, "rb") as file:
        return compile(file.read(), _LAUNCHER, "exec", dont_inherit=True)


def _claim(folder: str) -> str:
    """Create the folder of this attempt; two workers may receive the same task."""
    os.makedirs(folder, exist_ok=True)
    number = len(os.listdir(folder)) + 1
    while True:
        place = os.path.join(folder, str(number))
        try:
            os.mkdir(place)
        except FileExistsError:
            number += 1
        else:
            return place


def _write_outcome(folder: str, key: str, outcome: AttemptOutcome) -> None:
    fields: dict[str, Any] = {**asdict(outcome), "state": outcome.state.value, "key": key}
    unfinished = os.path.join(folder, f"{OUTCOME}.tmp")
    with open(unfinished, "w", encoding="utf-8") as file:
        json.dump(fields, file)
    os.replace(unfinished, os.path.join(folder, OUTCOME))


def _exit_text(code: int) -> str:
    import signal

    if code in (137, -9):
        return "was killed (exit code 137: usually out of memory)"
    if code < 0:
        try:
            return f"was killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"was killed by signal {-code}"
    return f"exited with code {code}"


def _bytes(count: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:g} {unit}"
    return f"{count} bytes"
