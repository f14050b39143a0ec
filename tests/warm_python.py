"""Runs Python programs in forks of one process that has imported Stepwell already.

A program ends as it would in a new interpreter: exit code, output, traceback, environment, working
directory and signals are its own. All of Stepwell is imported when it begins, so a test of what is imported,
or of what happens while it is, requests a fresh interpreter.
"""

from __future__ import annotations

import atexit
import functools
import os
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests import warm_client

SERVER = Path(__file__).with_name("warm_server.py")


def run_python(
    *arguments: str,
    cwd: Path,
    env: Mapping[str, str],
    stdin: str = "",
    timeout: float = 120,
    fresh: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run ``python`` with ``-c code`` or ``-m module`` and the program's arguments.

    Args:
        timeout: in seconds.
        fresh: start an interpreter, in which nothing is imported. So does an environment with a variable that
            only the start of an interpreter reads, such as ``PYTHONPATH``.

    Raises:
        subprocess.TimeoutExpired: the program was killed after ``timeout`` seconds.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin.encode())
        given.seek(0)
        files = [given.fileno(), out.fileno(), err.fileno()]
        code = warm_client.run_program(
            server(), arguments, str(cwd), env, files, fresh=fresh, timeout=timeout
        )
        if code is None:
            raise subprocess.TimeoutExpired(arguments, timeout)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(arguments, code, out.read().decode(), err.read().decode())


@functools.cache
def server() -> str:
    """Start the process that forks; return the path of its socket."""
    folder = tempfile.TemporaryDirectory(prefix="warm-")
    path = f"{folder.name}/socket"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    process = subprocess.Popen(
        [sys.executable, SERVER, str(listener.fileno())],
        pass_fds=[listener.fileno()],
        stdin=subprocess.PIPE,  # its end is ours: when this process is gone, so is the server
        env=environment,
    )
    listener.close()

    def stop() -> None:
        process.communicate()
        folder.cleanup()

    atexit.register(stop)
    return path


@functools.cache
def commands() -> str:
    """A folder for ``PATH`` whose ``stepwell`` runs in a fork of the server."""
    folder = Path(server()).parent / "bin"
    folder.mkdir()
    client = shlex.join([sys.executable, "-I", "-S", warm_client.__file__, server()])
    (folder / "stepwell").write_text(f'#!/bin/sh\nexec {client} "$@"\n', encoding="utf-8")
    (folder / "stepwell").chmod(0o755)
    return str(folder)
