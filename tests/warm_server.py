"""The process behind ``warm_python``: imports Stepwell once, and forks for each program."""

from __future__ import annotations

import atexit
import contextlib
import importlib
import marshal
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path
from types import ModuleType
from typing import NoReturn, TypeAlias

import pytest  # noqa: F401

import stepwell
from warm_client import ANSWER

Program: TypeAlias = "tuple[list[str], str, dict[str, str], bool]"
"""Arguments, working directory, environment, and whether the interpreter is fresh."""
REPOSITORY = Path(__file__).resolve().parent.parent
IMPORTED_BY_A_PROGRAM = ("stepwell.__main__", "stepwell.frontends.pytest_plugin")
"""What ``python -m`` and ``pytest -p`` import themselves, and complain about when they find it."""


def import_stepwell() -> None:
    for module in pkgutil.walk_packages(stepwell.__path__, "stepwell."):
        if not module.name.startswith(IMPORTED_BY_A_PROGRAM):
            importlib.import_module(module.name)
    stepwell.open(REPOSITORY).view()  # imports and compiles what Stepwell puts off until it reads a project
    assert threading.active_count() == 1, "a fork has one thread"


def serve(listener: socket.socket) -> Program:
    """Fork for each program until stdin ends; return in each fork, with the program."""
    running: dict[int, socket.socket] = {}

    def report(*_: object) -> None:
        while running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            # after a timeout the client does not wait for it
            with running.pop(pid) as connection, contextlib.suppress(BrokenPipeError):
                connection.sendall(b"%*d" % (ANSWER, status))

    signal.signal(signal.SIGCHLD, report)
    while listener in select.select([listener, 0], [], [])[0]:
        connection = listener.accept()[0]
        _, files, _, _ = socket.recv_fds(connection, 1, 3)
        with connection.makefile("rb") as request:
            program = marshal.load(request)  # noqa: S302
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        pid = os.fork()
        if pid == 0:
            for opened in (listener, connection, *running.values()):
                opened.close()
            for standard, file in enumerate(files):
                os.dup2(file, standard)
                os.close(file)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            return program
        for file in files:
            os.close(file)
        running[pid] = connection
        connection.sendall(b"%*d" % (ANSWER, pid))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    os._exit(0)


def run_program(arguments: list[str], cwd: str, environment: dict[str, str], fresh: bool) -> NoReturn:
    """Run ``-c code`` or ``-m module`` to its end, and end as it does."""
    os.chdir(cwd)
    if fresh or any(name.startswith("PYTHON") for name in environment):  # which only a start reads
        os.execve(sys.executable, [sys.executable, *arguments], environment)  # noqa: S606
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, buffering, stream.encoding, stream.errors, closefd=False)  # noqa: SIM115
        for number, mode, stream, buffering in (
            (0, "r", sys.stdin, -1),
            (1, "w", sys.stdout, 1 if os.isatty(1) else -1),
            (2, "w", sys.stderr, 1),
        )
    )
    how, what, *rest = arguments
    sys.argv[:] = [how, *rest]
    sys.modules["__main__"] = main = ModuleType("__main__")
    code: object = 0
    try:
        if how == "-m":
            sys.path[0] = cwd
            runpy._run_module_as_main(what)
        else:
            sys.path[0] = ""
            exec(compile(what, "<string>", "exec"), main.__dict__)  # noqa: S102
    except SystemExit as ended:
        code = ended.code
    except BaseException as error:  # noqa: BLE001
        trace = error.__traceback__ and error.__traceback__.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        code = 1
        if isinstance(error, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.raise_signal(signal.SIGINT)
    if not isinstance(code, (int, type(None))):
        sys.stderr.write(f"{code}\n")
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = 120
    os._exit((code or 0) & 0xFF)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches this process too
    import_stepwell()
    run_program(*serve(socket.socket(fileno=int(sys.argv[1]))))
