"""One script in a process of its own, from its start until nothing of it is left."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, final

__all__ = ["Ended", "Log", "lifeline", "supervise"]

_TICK: Final = 0.1
"""Seconds between two looks at the limits; the end of the script is waited for and not looked for."""
_PIECE: Final = 1 << 16


@final
@dataclass(frozen=True, slots=True)
class Ended:
    """How a script ended.

    Args:
        exit_code: below 0 the number of a signal, as ``subprocess`` has it.
        ended_for: why it was killed, as ``stop`` said; empty when it ended by itself.
    """

    exit_code: int
    ended_for: str = ""


@final
class Log:
    """What a script writes, kept within bounds: its beginning at once, its end when it has ended.

    Args:
        limit: bytes.
    """

    def __init__(self, path: str, limit: int) -> None:
        self._file = open(path, "wb", buffering=0)  # noqa: SIM115 - closed by `close`
        self._head = limit // 2
        self._limit = limit - self._head
        self._tail = b""
        self._lost = 0

    def write(self, piece: bytes) -> None:
        """Take what was written."""
        if self._head > 0:
            self._file.write(piece[: self._head])
            self._head, piece = self._head - len(piece[: self._head]), piece[self._head :]
        if piece:
            tail = self._tail + piece
            self._lost += max(0, len(tail) - self._limit)
            self._tail = tail[-self._limit :]

    def close(self) -> None:
        """Write the end."""
        if self._lost:
            self._file.write(f"\n... {self._lost} bytes are left out here ...\n".encode())
        self._file.write(self._tail)
        self._file.close()


def supervise(
    command: list[str], environment: Mapping[str, str], folder: str, log: Log, stop: Callable[[], str]
) -> Ended:
    """Run a command in a group of processes of its own, and kill the group with it.

    Args:
        stop: asked ten times a second for a reason to end it; empty for none.
    """
    process = subprocess.Popen(  # noqa: S603 - the step's script, which is what was asked for
        command,
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        start_new_session=True,
        pass_fds=(lifeline(),),
    )
    if process.stdout is None:
        raise TypeError("a pipe was asked for")
    output = process.stdout.fileno()
    os.set_blocking(output, False)
    reason = ""
    ending = _ending(process.pid)
    try:
        waiting = [output] if ending is None else [output, ending]
        while True:
            ready = select.select(waiting, [], [], _TICK if ending is not None else _TICK / 5)[0]
            if output in ready and not _drain(output, log):
                waiting.remove(output)
            if ending in ready or (ending is None and _has_ended(process)):
                break
            reason = stop()
            if reason:
                break
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # what it left behind, or all of it
        process.wait()
        if output in waiting:
            _drain(output, log)
        process.stdout.close()
        if ending is not None:
            os.close(ending)
    return Ended(process.returncode, reason)


_making = threading.Lock()
_pipe: list[int] = []


def lifeline() -> int:
    """A descriptor for a script's process: a pipe that closes when this process goes, however it goes."""
    with _making:
        if not _pipe:
            _pipe.extend(os.pipe())
    return _pipe[0]


def _ending(pid: int) -> int | None:
    """A descriptor that can be read once a process has ended, where the system has such."""
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


def _drain(output: int, log: Log) -> bool:
    """Read all that is there; whether more can come."""
    deadline = time.monotonic() + _TICK
    while True:
        try:
            piece = os.read(output, _PIECE)
        except BlockingIOError:
            return True
        if not piece:
            return False
        log.write(piece)
        if time.monotonic() > deadline:  # one that never pauses must not keep its limits from being seen
            return True
