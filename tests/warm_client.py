"""Asks the server of ``warm_python`` to run a program; as a script, runs the command ``stepwell``.

A script starts for each command of a page, so it imports nothing that is written in Python.
"""

from __future__ import annotations

import _socket
import marshal
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ANSWER = 16
"""Bytes of an answer: the process id of a program, then its status."""
KILL = 9


def run_program(
    server: str,
    arguments: Sequence[str],
    cwd: str,
    env: Mapping[str, str],
    files: Sequence[int],
    *,
    fresh: bool = False,
    timeout: float | None = None,
) -> int | None:
    """The exit code of a program, negative for a signal; None if it was killed after a timeout in seconds."""
    connection = _socket.socket(_socket.AF_UNIX)
    try:
        connection.connect(server)
        rights = b"".join(file.to_bytes(4, sys.byteorder) for file in files)
        connection.sendmsg([b"\0"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
        connection.sendall(marshal.dumps([list(arguments), cwd, dict(env), fresh]))
        connection.shutdown(_socket.SHUT_WR)
        pid = int(connection.recv(ANSWER, _socket.MSG_WAITALL))
        connection.settimeout(timeout)
        try:
            status = connection.recv(ANSWER, _socket.MSG_WAITALL)
        except TimeoutError:
            os.kill(pid, KILL)
            return None
    finally:
        connection.close()
    return os.waitstatus_to_exitcode(int(status))


if __name__ == "__main__":
    code = run_program(sys.argv[1], ["-m", "stepwell", *sys.argv[2:]], os.getcwd(), os.environ, [0, 1, 2])
    sys.exit(code if code is not None and code >= 0 else 128 - (code or 0))
