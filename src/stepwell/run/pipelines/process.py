"""Run one script in a process group and kill everything it leaves behind."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, final

from stepwell.source.redaction import without_secrets

__all__ = ["SUPPORTED", "Ended", "Log", "lifeline", "supervise"]

SUPPORTED: Final = hasattr(os, "killpg")
"""Whether this platform has process groups, without which the children of a script cannot be ended."""

_TICK: Final = 0.1
"""Seconds between two checks of the limits."""
_CHUNK: Final = 1 << 16
_LONGEST_LINE: Final = 1 << 18
"""Bytes of a line after which it is written before its end."""


@final
@dataclass(frozen=True, slots=True)
class Ended:
    """Exit of a script.

    Args:
        exit_code: negative for a signal, as in ``subprocess``.
        ended_for: reason of ``stop`` for killing it; empty if it exited by itself.
    """

    exit_code: int
    ended_for: str = ""


@final
class Log:
    """Bounded log of a script: keeps the first and the last part, without secrets of a known form.

    Args:
        limit: bytes.
    """

    def __init__(self, path: str, limit: int) -> None:
        self._unwritten = b""  # a started line, which may end in the middle of a secret
        self._file = open(path, "wb", buffering=0)  # noqa: SIM115 - closed by `close`
        self._head = limit // 2
        self._limit = limit - self._head
        self._tail = b""
        self._lost = 0

    def write(self, piece: bytes) -> None:
        """Write all lines that are complete."""
        pending = self._unwritten + piece
        end = max(pending.rfind(b"\n"), pending.rfind(b"\r")) + 1
        if not end and len(pending) > _LONGEST_LINE:
            end = max(pending.rfind(b" "), pending.rfind(b"\t"), pending.rfind(b",")) + 1 or len(pending)
        self._unwritten = pending[end:]
        if end:
            self._keep(_redacted(pending[:end]))

    def _keep(self, piece: bytes) -> None:
        if self._head > 0:
            self._file.write(piece[: self._head])
            self._head, piece = self._head - len(piece[: self._head]), piece[self._head :]
        if piece:
            tail = self._tail + piece
            self._lost += max(0, len(tail) - self._limit)
            self._tail = tail[-self._limit :]

    def close(self) -> None:
        """Write the last part and close the file."""
        self._keep(_redacted(self._unwritten))
        self._unwritten = b""
        if self._lost:
            self._file.write(f"\n... {self._lost} bytes omitted ...\n".encode())
        self._file.write(self._tail)
        self._file.close()


def _redacted(text: bytes) -> bytes:
    decoded = text.decode("utf-8", "surrogateescape")
    return without_secrets(decoded).encode("utf-8", "surrogateescape")


def supervise(
    command: list[str], environment: Mapping[str, str], folder: str, log: Log, stop: Callable[[], str]
) -> Ended:
    """Run a command in its own process group and kill the group when it ends.

    Args:
        stop: polled ten times a second; a non-empty reason kills the group.
    """
    process = subprocess.Popen(  # noqa: S603 - the script of the step
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
        raise TypeError("stdout is not a pipe")
    output = process.stdout.fileno()
    if sys.platform != "win32":
        os.set_blocking(output, False)
    reason = ""
    ending = _ending(process.pid)
    waiting = selectors.DefaultSelector()
    try:
        waiting.register(output, selectors.EVENT_READ)
        if ending is not None:
            waiting.register(ending, selectors.EVENT_READ)
        while True:
            events = waiting.select(_TICK if ending is not None else _TICK / 5)
            ready = {key.fd for key, _ in events}
            if output in ready and not _drain(output, log):
                waiting.unregister(output)
            if ending in ready or (ending is None and _has_ended(process)):
                break
            reason = stop()
            if reason:
                break
    finally:
        if sys.platform != "win32":
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # the script or its leftover children
        process.wait()
        if output in waiting.get_map():
            _drain(output, log)
        waiting.close()
        process.stdout.close()
        if ending is not None:
            os.close(ending)
    return Ended(process.returncode, reason)


_making = threading.Lock()
_pipe: list[int] = []


def lifeline() -> int:
    """Return a pipe descriptor that closes when this process exits for any reason."""
    with _making:
        if not _pipe:
            _pipe.extend(os.pipe())
    return _pipe[0]


def _ending(pid: int) -> int | None:
    """Return a descriptor that becomes readable when the process ends, if supported."""
    try:
        descriptor: int = getattr(os, "pidfd_open", _not_supported)(pid)
    except OSError:
        return None
    return descriptor


def _not_supported(_: int) -> int:
    raise OSError("no descriptors of processes")


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


def _drain(output: int, log: Log) -> bool:
    """Read all available output; return whether more may come."""
    deadline = time.monotonic() + _TICK
    while True:
        try:
            piece = os.read(output, _CHUNK)
        except BlockingIOError:
            return True
        if not piece:
            return False
        log.write(piece)
        if time.monotonic() > deadline:  # continuous output must not delay the limit checks
            return True
