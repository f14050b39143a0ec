"""What an engine is handed for one attempt at one step, and what it hands back: plain values that pickle."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import final

__all__ = ["Artifact", "AttemptLimits", "AttemptOutcome", "Port", "StepState", "Task"]


@final
class StepState(str, Enum):
    """How far a step of a run is.

    ``waiting``: for others, or for a free place; ``running``; ``done``: it ran, and gave what it should;
    ``cached``: an earlier run gave it; ``failed``; ``skipped``: a step that it needs failed, or it was not
    asked for; ``cancelled``: the run was ended before it was.
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
        """Whether its outputs are there."""
        return self in (StepState.DONE, StepState.CACHED)


@final
@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """What one attempt may take.

    Args:
        seconds: of wall time; ``None`` for any.
        disk: bytes of all files in its sandbox together; no file may be larger either.
        log: bytes of its output that are kept: half of its beginning, half of its end.
    """

    seconds: float | None = None
    disk: int = 10 * 2**30
    log: int = 2**20


@final
@dataclass(frozen=True, slots=True)
class Port:
    """One input or output of a step.

    Args:
        path: where the container has it; empty for one that is no file.
        source: the file or folder that an input is copied from; empty for an output.
        channels: the folders that an input must have below its path.
        content: what the interface says of its files, as JSON; empty for nothing.
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
    """One attempt at one step, with all that a process on any machine that sees the folders needs.

    Args:
        objects: the folder in which outputs are kept by digest.
        function: the function in it to call; empty to run it as it would be started.
        folders: where it imports from, in their order.
        inputs: each with where it comes from.
        outputs: each with where it is to be.
        limits: what it may take.
        resources: what an engine must have free for it, e.g. ``("gpu", 1.0)``.
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


@final
@dataclass(frozen=True, slots=True)
class Artifact:
    """An output as it is kept."""

    name: str
    digest: str
    bytes: int
    files: int


@final
@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """How one attempt ended.

    Args:
        state: ``done``, ``failed`` or ``cancelled``.
        began: seconds since 1970.
        ended: seconds since 1970.
        folder: of the attempt; empty where it was not begun.
        fault: what went wrong, in a sentence without a full stop; empty when nothing did.
        kind: the fault in a word: ``exit``, ``timeout``, ``disk``, ``input``, ``deleted-input``, ``output``,
            ``lost`` or ``engine``.
        port: the input or output that is concerned; empty for none.
        exit_code: of the script; ``None`` where it had none. Below 0 is the number of a signal.
        worker: which process of an engine had it; empty for this one.
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
