"""What a person sees on a terminal: colour, a table that fits, and progress that goes away again."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stepwell.model.settings import open_project
from stepwell.resolve.load import load

if TYPE_CHECKING:
    from tests.conftest import Project, RunStepwell

pytestmark = pytest.mark.slow

FILES = {
    "registry.d/steps/scoring.yaml": (
        "name: Scoring\ndescription: Score a batch of rows with a model, and say how sure it is of each.\n"
    ),
    "registry.d/steps/tuning.yaml": "name: Tuning\ndescription: Tune it.\n",
}
BROKEN = {**FILES, "registry.d/steps/tuning.yaml": "name: Tuning\ndescripton: Tune it.\n"}
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a terminal received, and what went into a pipe beside it."""

    exit_code: int
    terminal: str
    piped: str


OnTerminal = Callable[..., Seen]


@pytest.fixture
def on_terminal(environment: Mapping[str, str]) -> OnTerminal:
    """A function that runs the command with stdout, stderr or both on a terminal of 80 columns."""

    def run(
        *arguments: str, cwd: Path, streams: str = "both", columns: int = 80, code: str = "", **env: str
    ) -> Seen:
        mine, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen(
            [sys.executable, *(["-c", code] if code else ["-m", "stepwell"]), *arguments],
            cwd=cwd,
            env={**environment, "TERM": "xterm-256color", **env},
            stdin=subprocess.DEVNULL,
            stdout=its if streams in ("both", "stdout") else subprocess.PIPE,
            stderr=its if streams in ("both", "stderr") else subprocess.PIPE,
        )
        os.close(its)
        received = bytearray()
        while True:
            try:
                piece = os.read(mine, 65536)
            except OSError:  # Linux's way to say that the other end is closed
                break
            if not piece:
                break
            received += piece
        os.close(mine)
        piped = process.communicate(timeout=60)
        beside = next((text for text in piped if text is not None), b"")
        return Seen(process.returncode, received.decode().replace("\r\n", "\n"), beside.decode())

    return run


# --- colour


def test_a_terminal_gets_colour_and_the_same_words(
    project: Project, on_terminal: OnTerminal, run_stepwell: RunStepwell
) -> None:
    root = project(BROKEN)
    seen = on_terminal("check", cwd=root)
    plain = run_stepwell("check", cwd=root)
    assert seen.exit_code == plain.exit_code == 1
    assert seen.terminal.startswith("\x1b[1;31merror[unknown-field]\x1b[0m")
    without = re.sub(r"in (\d+\.\d\d|less than 0\.01) s", "", COLOUR.sub("", seen.terminal))
    text = re.sub(r"in (\d+\.\d\d|less than 0\.01) s", "", plain.stdout)
    assert without == f"{text}1 finding can be fixed with `stepwell check --fix`.\n"


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colour_can_be_disabled(project: Project, on_terminal: OnTerminal, env: dict[str, str]) -> None:
    seen = on_terminal("check", cwd=project(BROKEN), **env)
    assert seen.exit_code == 1
    assert "error[unknown-field]: " in seen.terminal
    assert "\x1b" not in seen.terminal


def test_an_empty_no_color_refuses_nothing(project: Project, on_terminal: OnTerminal) -> None:
    assert "\x1b[1;31m" in on_terminal("check", cwd=project(BROKEN), NO_COLOR="").terminal


@pytest.mark.parametrize("form", ["concise", "json", "github", "sarif", "junit"])
def test_forms_for_programs_have_no_colour(project: Project, on_terminal: OnTerminal, form: str) -> None:
    assert "\x1b" not in on_terminal("check", "--format", form, cwd=project(BROKEN)).terminal


def test_stdout_decides_alone(project: Project, on_terminal: OnTerminal) -> None:
    root = project(BROKEN)
    only_errors = on_terminal("check", cwd=root, streams="stderr")
    assert "\x1b" not in only_errors.piped
    assert only_errors.terminal == ""
    only_output = on_terminal("check", cwd=root, streams="stdout")
    assert "\x1b[1;31m" in only_output.terminal
    assert only_output.piped == ""


# --- a table that fits


def test_a_table_is_cut_at_the_edge(project: Project, on_terminal: OnTerminal) -> None:
    seen = on_terminal("list", "--color", "never", cwd=project(FILES))
    assert seen.terminal.splitlines() == [
        "NAME     SAGEMAKER TYPE  FRAMEWORK  LAYER  DESCRIPTION",
        "Scoring  -               -          core   Score a batch of rows with a model...",
        "Tuning   -               -          core   Tune it.",
    ]


def test_a_narrow_terminal_gets_no_beginnings_of_descriptions(
    project: Project, on_terminal: OnTerminal
) -> None:
    assert on_terminal("list", "--color", "never", cwd=project(FILES), columns=62).terminal.splitlines() == [
        "NAME     SAGEMAKER TYPE  FRAMEWORK  LAYER",
        "Scoring  -               -          core",
        "Tuning   -               -          core",
    ]
    assert "DESCRIPTION" in on_terminal("list", "--color", "never", cwd=project(FILES), columns=63).terminal


def test_a_place_that_does_not_fit_is_on_its_own_line(project: Project, on_terminal: OnTerminal) -> None:
    root = project(FILES)
    assert on_terminal("explain", "Scoring.description", cwd=root, columns=110).terminal.splitlines() == [
        "Scoring.description in the core",
        "  wins   Score a batch of rows with a model, and say how sure it is of each.  core",
        "         registry.d/steps/scoring.yaml:2:14",
    ]
    wide = on_terminal("explain", "Scoring.description", cwd=root, columns=140).terminal.splitlines()
    assert wide[1].endswith("of each.  core  registry.d/steps/scoring.yaml:2:14")


@pytest.mark.parametrize("columns", [20, 39, 63, 80, 200])
def test_no_line_is_wider_than_the_terminal(project: Project, on_terminal: OnTerminal, columns: int) -> None:
    lines = on_terminal("list", "--color", "never", cwd=project(FILES), columns=columns).terminal.splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= columns
    assert lines[1].endswith("how sure it is of each." if columns == 200 else "...")


def test_wide_characters_count_twice(project: Project, on_terminal: OnTerminal) -> None:
    text = f"name: Scoring\ndescription: {'名前' * 40}\n"
    root = project({"registry.d/steps/scoring.yaml": text})
    row = on_terminal("list", cwd=root).terminal.splitlines()[1]
    assert row == f"Scoring  -               -          core   {'名前' * 8}名..."
    assert len(row) + 17 <= 80


@pytest.mark.parametrize("line", ["--help", "check --help", "freeze --help", "explain --help"])
def test_help_fits(tmp_path: Path, on_terminal: OnTerminal, line: str) -> None:
    seen = on_terminal(*line.split(), cwd=tmp_path)
    assert seen.exit_code == 0
    assert [text for text in seen.terminal.splitlines() if len(text) > 80] == []


# --- progress

DRIVER = (
    "import sys, time; import stepwell.frontends.cli.options as progress, stepwell.resolve.load as load\n"
    "from stepwell.frontends.cli import run\n"
    "progress._PATIENCE = 0.0\n"
    "real = load.check_definition\n"
    "def slow(*arguments):\n"
    "    time.sleep(0.001)\n"
    "    return real(*arguments)\n"
    "load.check_definition = slow\n"
    "sys.exit(run(sys.argv[1:]))"
)


def many_steps() -> dict[str, str]:
    files = {}
    for number in range(600):
        text = f"name: Step{number}\ndescription: Do it.\n"
        files[f"registry.d/steps/step{number}.yaml"] = text
    return files


def left_on_screen(received: str) -> list[str]:
    """The lines that stay, given what a bar uses: erase a line, go up, go to its beginning."""
    lines, at, column = [""], 0, 0
    for piece in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\n|\r|[^\x1b\r\n]+", received):
        if piece == "\n":
            at, column = at + 1, 0
            if at == len(lines):
                lines.append("")
        elif piece == "\r":
            column = 0
        elif piece.endswith("K") and piece.startswith("\x1b"):
            assert piece == "\x1b[2K"
            lines[at] = ""
        elif piece.endswith("A") and piece.startswith("\x1b"):
            at -= int(piece[2:-1] or 1)
        elif not piece.startswith("\x1b"):
            lines[at] = lines[at][:column].ljust(column) + piece + lines[at][column + len(piece) :]
            column += len(piece)
    return [line for line in lines if line.strip()]


def test_long_checks_show_progress_on_stderr_which_goes_away(
    project: Project, on_terminal: OnTerminal
) -> None:
    seen = on_terminal("list", cwd=project(many_steps()), streams="stderr", code=DRIVER)
    assert seen.exit_code == 0
    assert "reading" in seen.terminal
    assert "%" in seen.terminal
    assert left_on_screen(seen.terminal) == []
    assert len(seen.piped.splitlines()) == 601
    assert "\x1b" not in seen.piped
    assert "reading" not in seen.piped


def test_the_answer_follows_where_the_progress_was(project: Project, on_terminal: OnTerminal) -> None:
    seen = on_terminal("check", cwd=project(many_steps()), code=DRIVER)
    assert "reading" in seen.terminal
    (line,) = left_on_screen(seen.terminal)
    assert line.startswith("Checked 600 files, 600 steps, 0 workspaces: no findings in ")
    assert seen.terminal.rindex("\x1b[?25h") < seen.terminal.rindex(line)


def test_the_progress_counts_workspaces_too(project: Project) -> None:
    files = {
        f"workspaces/w{number}/local/steps/own.yaml": f"name: Own{number}\ndescription: O.\n"
        for number in range(3)
    }
    seen: list[tuple[int, int]] = []
    load(open_project(str(project(files))), date(2026, 11, 1), lambda done, total: seen.append((done, total)))
    assert seen == [(0, 6), (3, 6), (4, 6), (5, 6)]


def test_the_cursor_is_shown_again_after_an_interrupt(project: Project, on_terminal: OnTerminal) -> None:
    interrupting = DRIVER.replace(
        "time.sleep(0.001)",
        "time.sleep(0.001)\n    if arguments[1].path.endswith('step99.yaml'): raise KeyboardInterrupt",
    )
    seen = on_terminal("check", cwd=project(many_steps()), code=interrupting)
    assert seen.exit_code == 130
    assert seen.terminal.count("\x1b[?25l") == seen.terminal.count("\x1b[?25h") == 1
    assert left_on_screen(seen.terminal) == ["interrupted"]


@pytest.mark.parametrize(
    ("arguments", "streams"),
    [(("list", "-q"), "stderr"), (("list",), "stdout")],
)
def test_no_progress_when_quiet_or_not_on_a_terminal(
    project: Project, on_terminal: OnTerminal, arguments: tuple[str, ...], streams: str
) -> None:
    seen = on_terminal(*arguments, cwd=project(many_steps()), streams=streams, code=DRIVER)
    assert seen.exit_code == 0
    assert "reading" not in seen.terminal + seen.piped


def test_quick_reading_shows_no_progress(project: Project, on_terminal: OnTerminal) -> None:
    seen = on_terminal("list", cwd=project(many_steps()), streams="stderr")
    assert (seen.exit_code, seen.terminal) == (0, "")
