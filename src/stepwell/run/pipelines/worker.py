"""One attempt at one step, in whatever process an engine has for it: sandbox, script, checks, outputs."""

from __future__ import annotations

import json
import marshal
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from importlib.util import MAGIC_NUMBER
from types import CodeType
from typing import Any, Final, final

from stepwell.run.pipelines import process
from stepwell.run.pipelines.artifacts import check_content
from stepwell.run.pipelines.sandbox import Sandbox, SandboxRejection
from stepwell.run.pipelines.task import Artifact, AttemptOutcome, Port, StepState, Task

__all__ = ["LOG", "OUTCOME", "perform", "read_outcomes"]

LOG: Final = "log.txt"
OUTCOME: Final = "outcome.json"
_LAUNCHER: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "launcher.py")
_START: Final = (
    "import sys,marshal;file=open(sys.argv[1],'rb');code,job=marshal.load(file);file.close();"
    "exec(code,{**globals(),'job':job})"
)
_LOOK_AT_DISK: Final = 0.5
"""Seconds between two looks at how large a sandbox is."""


def perform(task: Task) -> AttemptOutcome:
    """Make one attempt; where it was made already, tell how it ended.

    Nothing that a script does raises: it makes the outcome a failed one.
    """
    before = next((one for one, _ in read_outcomes(task.folder) if one.token == task.token), None)
    if before is not None:  # a worker went after the end of it and before anybody heard
        return before
    began = time.time()
    try:
        folder = _claim(task.folder)
    except OSError as error:
        fault = f"the folder of the run cannot be written: {error}"
        return AttemptOutcome(
            task.token,
            StepState.FAILED,
            began,
            time.time(),
            fault=fault,
            kind="engine",
            help="a worker on another machine needs the project's folder under the same path",
        )
    attempt = _Attempt(task, folder, began)
    outcome = attempt.made()
    _write_outcome(folder, task.key, outcome)
    return outcome


def read_outcomes(folder: str) -> Iterator[tuple[AttemptOutcome, str]]:
    """How the attempts at a step ended, each with the key that it had; those that have not are left out."""
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in sorted(names):
        try:
            with open(os.path.join(folder, name, OUTCOME), encoding="utf-8") as file:
                said = json.load(file)
        except (OSError, ValueError):
            continue
        key = said.pop("key")
        held = tuple(Artifact(**one) for one in said.pop("outputs"))
        yield AttemptOutcome(**{**said, "state": StepState(said["state"]), "outputs": held}), key


@final
class _Attempt:
    """One attempt while it is made."""

    def __init__(self, task: Task, folder: str, began: float) -> None:
        self._task = task
        self._folder = folder
        self._began = began
        self._sandbox = Sandbox(os.path.join(folder, "sandbox"), task)
        self._next_look = time.monotonic() + _LOOK_AT_DISK
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
            return self._ended(StepState.FAILED, f"the sandbox cannot be made: {error}", "engine")

    def _run(self) -> AttemptOutcome | None:
        """Run the script; how the attempt ended, where it ended with that."""
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
                StepState.CANCELLED, "the run was ended", "cancelled", exit_code=ended.exit_code
            )
        if ended.ended_for == "timeout":
            fault = f"its script was ended after {self._task.limits.seconds:g} s, the limit"
            return self._ended(StepState.FAILED, fault, "timeout", exit_code=ended.exit_code)
        disk = f"its script used more than {_bytes(self._task.limits.disk)} of disk, the limit"
        if ended.ended_for == "disk" or (ended.exit_code and self._has_full_file()):
            return self._ended(StepState.FAILED, disk, "disk", exit_code=ended.exit_code)
        if ended.exit_code:
            fault = f"its script {_how_it_ended(ended.exit_code)}{self._last_line()}"
            return self._ended(StepState.FAILED, fault, "exit", exit_code=ended.exit_code)
        if self._sandbox.size() > self._task.limits.disk + 65536:
            return self._ended(StepState.FAILED, disk, "disk", exit_code=0)
        return None

    def _job(self) -> str:
        task, sandbox = self._task, self._sandbox
        path = os.path.join(self._folder, "job")
        arguments = [sandbox.inside(one) for one in task.arguments]
        same = task.compiled[:4] == MAGIC_NUMBER
        job = {
            "script": task.script,
            "code": marshal.loads(task.compiled[4:]) if same else None,  # noqa: S302 - as planning made it
            "function": task.function,
            "folders": list(task.folders),
            "arguments": arguments,
            "values": {
                flag.lstrip("-").replace("-", "_"): value
                for flag, value in zip(arguments[::2], arguments[1::2], strict=False)
            },
            "prefixes": [list(one) for one in sandbox.prefixes],
            "sandbox": sandbox.folder,
            "input_paths": {one.name: sandbox.inside(one.path) for one in task.inputs if one.source},
            "output_paths": {one.name: sandbox.inside(one.path) for one in task.outputs if one.path},
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
        if now > self._next_look:
            began = time.monotonic()
            if self._sandbox.size() > self._task.limits.disk:
                return "disk"
            self._next_look = now + max(_LOOK_AT_DISK, 20 * (time.monotonic() - began))
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
        raise SandboxRejection(kind, port.name, f"its {kind} `{port.name}`: {fault}")


@cache
def _launcher() -> CodeType:
    with open(_LAUNCHER, "rb") as file:
        return compile(file.read(), _LAUNCHER, "exec", dont_inherit=True)


def _claim(folder: str) -> str:
    """Make the folder of this attempt, which nobody else has: two workers may be given one task."""
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
    said: dict[str, Any] = {**asdict(outcome), "state": outcome.state.value, "key": key}
    unfinished = os.path.join(folder, f"{OUTCOME}.tmp")
    with open(unfinished, "w", encoding="utf-8") as file:
        json.dump(said, file)
    os.replace(unfinished, os.path.join(folder, OUTCOME))


def _how_it_ended(code: int) -> str:
    import signal

    if code in (137, -9):
        return "was killed (exit code 137: most often for want of memory)"
    if code < 0:
        try:
            return f"was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"was ended by signal {-code}"
    return f"exited with {code}"


def _bytes(count: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:g} {unit}"
    return f"{count} bytes"
