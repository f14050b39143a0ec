"""Asks the server of ``warm_python`` to run a program; as a script, runs the command ``stepwell``."""

from __future__ import annotations

import array
import json
import os
import signal
import socket
import sys

TYPE_CHECKING = False  # what a command costs is what this module imports
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def run(
    server: str,
    arguments: Sequence[str],
    cwd: str,
    env: Mapping[str, str],
    files: list[int],
    timeout: float | None = None,
) -> int | None:
    """The exit code of a program, negative for a signal; None if it was killed after a timeout in seconds."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(server)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))]
        connection.sendmsg([b"\0"], rights)
        connection.sendall(json.dumps([list(arguments), cwd, dict(env)]).encode())
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile() as answers:
            pid = int(answers.readline())
            connection.settimeout(timeout)
            try:
                status = answers.readline()
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                return None
    return os.waitstatus_to_exitcode(int(status))


if __name__ == "__main__":
    code = run(sys.argv[1], ["-m", "stepwell", *sys.argv[2:]], os.getcwd(), os.environ, [0, 1, 2])
    sys.exit(code if code is not None and code >= 0 else 128 - (code or 0))
