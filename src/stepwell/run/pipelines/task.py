"""Picklable values exchanged with an engine for one attempt at a step."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import final

__all__ = ["Artifact", "AttemptLimits", "AttemptOutcome", "Port", "StepState", "Task"]


@final
class StepState(str, Enum):
    """State of a step in a run.

    ``waiting``: for other steps or a free slot; ``running``; ``done``: succeeded; ``cached``: outputs of an
    earlier run are reused; ``failed``; ``skipped``: an upstream step failed or the step was not selected;
    ``cancelled``: the run ended first.
    """

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CACHED = "cached"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"

    @property
    def is_good(self) -> bool:
        """Return whether the outputs exist."""
        return self in (StepState.DONE, StepState.CACHED)


@final
@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """Resource limits of one attempt.

    Args:
        seconds: wall time; ``None`` for no limit.
        disk: bytes of all files in the sandbox; also the limit of each file.
        log: bytes of output to keep, half from the beginning and half from the end.
    """

    seconds: float | None = None
    disk: int = 10 * 2**30
    log: int = 2**20


@final
@dataclass(frozen=True, slots=True)
class Port:
    """One input or output of a step.

    Args:
        path: in the container; empty if it is not a file.
        source: file or folder to copy an input from; empty for an output.
        channels: required subfolders of an input.
        content: declared content as JSON; may be empty.
    """

    name: str
    path: str
    source: str = ""
    digest: str = ""
    channels: tuple[str, ...] = ()
    content: str = ""


@final
@dataclass(frozen=True, slots=True)
class Task:
    """One attempt at a step, self-contained for a process on any machine that sees the folders.

    Args:
        objects: folder of the artifact store.
        stop: file whose existence cancels the attempt.
        function: function to call; empty to run the script.
        folders: import folders, in order.
        resources: required free resources of the engine, e.g. ``("gpu", 1.0)``.
        mark: name in the shared store whose existence cancels the attempt.
        store: URL of the shared store; empty if workers see the folders.
        files: script and its local imports by path, for workers that do not see them.
        machine: variables that such a worker takes from its own environment.
    """

    token: str
    node: str
    key: str
    folder: str
    objects: str
    stop: str
    script: str
    function: str = ""
    compiled: bytes = b""
    folders: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    limits: AttemptLimits = AttemptLimits()
    resources: tuple[tuple[str, float], ...] = ()
    mark: str = ""
    store: str = ""
    files: tuple[tuple[str, bytes], ...] = ()
    machine: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class Artifact:
    """A stored output."""

    name: str
    digest: str
    bytes: int
    files: int


@final
@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """Outcome of one attempt.

    Args:
        state: ``done``, ``failed`` or ``cancelled``.
        began: seconds since 1970.
        ended: seconds since 1970.
        folder: of the attempt; empty if it was not started.
        fault: message without a full stop; empty on success.
        kind: ``exit``, ``timeout``, ``disk``, ``input``, ``deleted-input``, ``output``, ``lost``,
            ``store``, ``engine``.
        port: affected input or output; may be empty.
        exit_code: of the script, if it ran; negative for a signal.
        worker: process of the engine; empty for this process.
    """

    token: str
    state: StepState
    began: float
    ended: float
    folder: str = ""
    fault: str = ""
    kind: str = ""
    help: str = ""
    port: str = ""
    exit_code: int | None = None
    outputs: tuple[Artifact, ...] = ()
    worker: str = ""
