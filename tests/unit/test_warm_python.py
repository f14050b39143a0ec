"""A program in a fork of the warm server ends as it does in a new interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.warm_python import commands, run_python

PROGRAMS = [
    "import sys; sys.stdout.write(sys.stdin.read().upper()); sys.exit(7)",
    "import sys; sys.exit('no')",
    "import sys; sys.exit(300)",
    "def fail():\n    {}['é']\nfail()",
    "raise KeyboardInterrupt",
    "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "import signal; print(signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGCHLD))",
    "import os, sys; print(os.getcwd(), sorted(os.environ.items()), sys.path, sys.argv)",
    "import sys; print([(s.encoding, s.errors, s.isatty()) for s in (sys.stdin, sys.stdout, sys.stderr)])",
    "import atexit, threading\natexit.register(print, 2)\nthreading.Timer(0.1, print, [1]).start()",
    "import os; print('before', flush=True); os.close(1)",
    "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(input())'])",
]


@pytest.mark.parametrize("code", PROGRAMS)
def test_a_program_ends_as_in_a_new_interpreter(
    code: str, environment: Mapping[str, str], tmp_path: Path
) -> None:
    env = {**environment, "ONLY_HERE": "é"}
    warm = run_python("-c", code, "an argument", cwd=tmp_path, env=env, stdin="said")
    cold = subprocess.run(
        [sys.executable, "-c", code, "an argument"],
        cwd=tmp_path,
        env=env,
        input=b"said",
        capture_output=True,
        check=False,
    )
    assert (warm.returncode, warm.stdout, warm.stderr) == (
        cold.returncode,
        cold.stdout.decode(),
        cold.stderr.decode(),
    )


def test_a_program_that_takes_too_long_is_killed(environment: Mapping[str, str], tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run_python("-c", "import time; time.sleep(60)", cwd=tmp_path, env=environment, timeout=0.1)


def test_a_shell_runs_commands_at_the_same_time(environment: Mapping[str, str], tmp_path: Path) -> None:
    ran = subprocess.run(
        ["sh", "-c", "stepwell --version | stepwell nope; echo $?"],
        cwd=tmp_path,
        env={**environment, "PATH": os.pathsep.join([commands(), environment["PATH"]])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout == "2\n"
    assert "unknown command `nope`" in ran.stderr
