"""``stepwell watch`` as a user runs it: in a separate process, partly in a terminal."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from stepwell.frontends.cli import run

pytestmark = pytest.mark.slow

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
CORE = "registry.d/steps/data_cleaning.yaml"
OWN = "workspaces/alice/override/steps/data_cleaning.yaml"
GOOD = "name: DataCleaning\nsagemaker_step_type: Processing\ndescription: one\n"
FILES = {
    "stepwell.toml": """
[[freeze]]
output = "names.py"
[[freeze]]
output = "alice.py"
workspace = "alice"
""",
    CORE: GOOD,
    OWN: "name: DataCleaning\npriority: 5\n",
    "workspaces/bob/local/steps/own_step.yaml": "name: OwnStep\ndescription: own\n",
}
PATIENCE = 30.0
TIME = re.compile(r"^\d\d:\d\d:\d\d  ", re.MULTILINE)
DURATION = re.compile(r"in [\d.]+ m?s\b")


CALM = """\
watching 1 step, 2 workspaces: no findings; press Ctrl-C to stop
changed DataCleaning (description) in 0 ms
rejected: 1 error in 0 ms; still serving the last valid version
error[unknown-field]: step has no field `priorty`
  --> registry.d/steps/data_cleaning.yaml:4:1
   |
 4 | priorty: 1
   | ^^^^^^^ did you mean `priority`?
   |
   = overridden in workspace alice workspaces/alice/override/steps/data_cleaning.yaml:1:7

recovered: changed DataCleaning (description) in 0 ms
for alice: changed DataCleaning (priority) in 0 ms
stopped watching"""


class Running:
    """A watch in a separate process."""

    def __init__(self, process: subprocess.Popen[str], root: Path) -> None:
        self.process = process
        self.root = root
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def reported(self, words: str) -> str:
        """Wait for a line that holds words."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for line in self.lines:
                if words in line:
                    return line
            time.sleep(0.01)
        raise AssertionError(f"never reported: {words}\n" + "\n".join(self.lines))

    def stop(self) -> tuple[int, str, str]:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(PATIENCE)
        self._reader.join()
        assert self.process.stderr is not None
        return code, "\n".join(self.lines), self.process.stderr.read()


@pytest.fixture
def watching(project: Any, environment: Mapping[str, str]) -> Any:
    @contextmanager
    def start(*arguments: str, root: Path | None = None) -> Iterator[Running]:
        root = root or project(FILES)
        process = subprocess.Popen(
            [sys.executable, "-m", "stepwell", "watch", *arguments],
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running = Running(process, root)
        try:
            yield running
        finally:
            process.kill()
            process.wait()
            running._reader.join()
            process.stdout.close()
            process.stderr.close()

    return start


def save(file: Path, text: str) -> None:
    """Write a file so that no reader sees half of it, however long this process is kept from running."""
    new = file.with_name(f".{file.name}.new")
    new.write_text(text)
    new.replace(file)


def plain(text: str) -> str:
    return DURATION.sub("in 0 ms", TIME.sub("", text))


def test_a_calm_line_for_each_edit_and_the_whole_finding_for_a_refusal(watching: Any) -> None:
    with watching() as running:
        assert TIME.match(running.reported("press Ctrl-C to stop"))
        file = running.root / CORE
        save(file, GOOD.replace("one", "two"))
        running.reported("changed DataCleaning")
        save(file, GOOD + "priorty: 1\n")
        running.reported("= overridden in workspace alice")
        save(file, GOOD)
        running.reported("recovered")
        (running.root / OWN).unlink()
        running.reported("for alice")
        assert running.stop() == (0, "\n".join(running.lines), "")
    assert plain("\n".join(running.lines)) == CALM


def test_the_how_to_guide_shows_the_output_in_a_new_project(watching: Any, tmp_path: Path) -> None:
    page = (SCHEMAS.parent / "docs/how-to/live-reload.md").read_text()
    shown = page.partition("$ stepwell watch\n")[2].partition("\n```")[0]
    assert run(["init", str(tmp_path)]) == 0
    file = tmp_path / CORE
    text = file.read_text().replace("a model cannot use", "no model can use")
    with watching(root=tmp_path) as running:
        running.reported("press Ctrl-C to stop")
        save(file, text)
        running.reported("changed DataCleaning (description)")
        save(file, f"{text}bulider_step_name: FastCleaningStepBuilder\n")
        running.reported("did you mean")
        save(file, f"{text}builder_step_name: FastCleaningStepBuilder\n")
        running.reported("recovered")
        running.stop()
    assert plain("\n".join(running.lines)) == plain(shown)


def test_one_workspace_alone(watching: Any) -> None:
    with watching("--workspace", "bob") as running:
        running.reported("watching 2 steps of workspace bob: no findings")
        save(running.root / OWN, "name: DataCleaning\npriority: 6\n")
        (running.root / "workspaces/bob/local/steps/own_step.yaml").unlink()
        running.reported("removed OwnStep in ")
        _, out, _ = running.stop()
    assert "alice" not in out


def test_json_is_one_object_a_line_and_matches_its_schema(watching: Any) -> None:
    form = Draft202012Validator(json.loads((SCHEMAS / "output-watch.schema.json").read_text()))
    with watching("--format", "json", "--freeze", "--poll", "0.05") as running:
        running.reported('"start"')
        running.reported("alice.py")
        save(running.root / CORE, GOOD.replace("one", "two"))
        running.reported('"reload"')
        save(running.root / CORE, "name: [\n")
        running.reported('"refusal"')
        code, out, err = running.stop()
    reported = [json.loads(line) for line in out.splitlines()]
    for one in reported:
        form.validate(one)
    assert [one["event"] for one in reported] == [
        "start",
        *["frozen"] * 2,
        "reload",
        *["frozen"] * 2,
        "refusal",
        "end",
    ]
    reload, refusal = reported[3], reported[6]
    begins = ["version", "event", "time", "message"]
    ends = ["seconds", "old_digest", "new_digest", "diagnostics", "kept"]
    assert [*reload] == [*begins, "core", "workspaces", *ends]
    assert [*refusal] == [*begins, *ends]
    assert reload["core"] == {"added": [], "removed": [], "changed": {"DataCleaning": ["description"]}}
    assert [*reload["workspaces"]] == ["alice", "bob"]
    assert refusal["old_digest"] == refusal["new_digest"] == reload["new_digest"]
    assert refusal["diagnostics"][0]["id"] == "invalid-yaml"
    assert (code, err) == (0, "")


def test_frozen_modules_are_rewritten_when_their_view_changed(watching: Any) -> None:
    with watching("--freeze") as running:
        running.reported("wrote names.py")
        running.reported("wrote alice.py")
        before = {name: os.stat(running.root / name) for name in ("names.py", "alice.py")}
        save(running.root / OWN, "name: DataCleaning\ndescription: hers\n")
        running.reported("for alice: changed DataCleaning (description, priority)")
        end = time.monotonic() + PATIENCE
        while "hers" not in (running.root / "alice.py").read_text():
            assert time.monotonic() < end
        code, _, err = running.stop()
        assert os.stat(running.root / "names.py").st_mtime_ns == before["names.py"].st_mtime_ns
    assert (code, err) == (0, "")


def test_frozen_modules_follow_the_settings(watching: Any) -> None:
    with watching("--freeze") as running:
        running.reported("wrote names.py")
        running.reported("wrote alice.py")
        settings = running.root / "stepwell.toml"
        save(settings, settings.read_text().replace('"names.py"', '"renamed.py"'))
        running.reported("settings changed")
        running.reported("wrote renamed.py")
        code, _, err = running.stop()
    assert (code, err) == (0, "")


def test_frozen_modules_follow_every_setting_of_their_tables(watching: Any) -> None:
    with watching("--freeze") as running:
        running.reported("wrote alice.py")
        save(running.root / "registry.d/steps/a_step.yaml", GOOD.replace("DataCleaning", "AStep"))
        running.reported("added AStep")
        running.reported("wrote names.py")
        settings = running.root / "stepwell.toml"
        text = settings.read_text().replace('"names.py"', '"names.py"\nfirst = ["DataCleaning"]')
        save(settings, text)
        running.reported("settings changed")
        end = time.monotonic() + PATIENCE
        while True:
            module = (running.root / "names.py").read_text()
            if module.index('"DataCleaning"') < module.index('"AStep"'):
                break
            assert time.monotonic() < end
        save(settings, f'{text}[[freeze]]\noutput = "bob.py"\nworkspace = "bob"\n')
        running.reported("wrote bob.py")
        code, _, err = running.stop()
    assert (code, err) == (0, "")


def test_a_broken_workspace_is_named_while_others_are_served_and_frozen(watching: Any) -> None:
    with watching("--freeze") as running:
        running.reported("wrote alice.py")
        save(running.root / OWN, "name: [\n")
        running.reported("rejected: 1 error")
        running.reported("error[invalid-yaml]")
        save(running.root / CORE, GOOD.replace("one", "two"))
        running.reported("changed DataCleaning (description)")
        running.reported("still serving the last valid version for alice")
        running.reported("wrote names.py")
        save(running.root / OWN, FILES[OWN])
        running.reported("recovered: ")
        code, *_ = running.stop()
    assert code == 0


def test_what_cannot_be_frozen_is_reported_and_the_watch_continues(watching: Any) -> None:
    with watching("--freeze") as running:
        running.reported("wrote alice.py")
        save(running.root / "names.py", "# mine\n")
        save(running.root / CORE, GOOD.replace("one", "two"))
        running.reported("changed DataCleaning")
        end = time.monotonic() + PATIENCE
        while "two" not in (running.root / "alice.py").read_text():
            assert time.monotonic() < end
        code, _, err = running.stop()
        assert (running.root / "names.py").read_text() == "# mine\n"
    assert err == "error: names.py was not generated by Stepwell and is not overwritten; move or delete it\n"
    assert code == 0


def test_an_unknown_workspace_is_a_mistake_on_the_command_line(run_stepwell: Any, project: Any) -> None:
    ran = run_stepwell("watch", "--workspace", "alise", cwd=project(FILES))
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == "error: unknown workspace: alise (did you mean `alice`?)\n"


def test_the_reader_of_the_output_goes_away(environment: Mapping[str, str], project: Any) -> None:
    root = project(FILES)
    process = subprocess.Popen(
        [sys.executable, "-m", "stepwell", "watch"], cwd=root, env=environment, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    save(root / CORE, GOOD.replace("one", "two"))
    assert process.wait(PATIENCE) == 141


def test_in_a_terminal_ctrl_c_leaves_no_trace_of_itself(project: Any, environment: Mapping[str, str]) -> None:
    root = project(FILES)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "stepwell", "watch"],
        cwd=root,
        env={**environment, "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=take_terminal,
    )
    os.close(theirs)
    screen = read_until(ours, "press Ctrl-C to stop")
    save(root / CORE, "name: [\n")
    screen += read_until(ours, "not valid YAML")
    os.write(ours, b"\x03")
    screen += read_until(ours, "stopped watching")
    assert process.wait(PATIENCE) == 0
    os.close(ours)
    assert "\x1b[31mrejected: " in screen
    assert re.search(r"\^C\r\x1b\[K\d\d:\d\d:\d\d  stopped watching\r\n", screen)


def test_on_a_terminal_the_last_line_is_the_current_state(
    project: Any, environment: Mapping[str, str]
) -> None:
    root = project(FILES)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "stepwell", "watch"],
        cwd=root,
        env={**environment, "TERM": "xterm", "COLUMNS": "100"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=take_terminal,
    )
    os.close(theirs)
    screen = read_until(ours, "no findings · ")
    save(root / CORE, "name: [\n")
    screen += read_until(ours, "1 error · ")
    save(root / CORE, GOOD)
    screen += read_until(ours, "no findings · ")
    os.write(ours, b"\x03")
    screen += read_until(ours, "stopped watching")
    assert process.wait(PATIENCE) == 0
    os.close(ours)
    rows = rows_of(screen)
    assert rows[-1].endswith("stopped watching")
    assert not [row for row in rows if "Ctrl-C to stop" in row and "watching" not in row]


def rows_of(screen: str) -> list[str]:
    """The rows of a terminal after it has drawn everything: the last text since each start of a line."""
    rows = [row.split("\x1b[K")[-1].rpartition("\r")[2] for row in screen.replace("\r\n", "\n").split("\n")]
    return [re.sub(r"\x1b\[[0-9;]*m", "", row) for row in rows if row]


def take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def read_until(terminal: int, words: str) -> str:
    """What the terminal shows until it shows some words and then nothing for a while."""
    shown = ""
    end = time.monotonic() + PATIENCE
    while select.select([terminal], [], [], 0.3)[0] or words not in shown:
        assert time.monotonic() < end, shown
        try:
            shown += os.read(terminal, 65536).decode()
        except OSError as error:  # the last process that wrote to it is gone
            if error.errno != errno.EIO or words not in shown:
                raise
            break
    return shown
