"""``stepwell providers`` as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from stepwell.model.schema import contents

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from tests.conftest import Project, RunStepwell

PATIENCE = 60.0
ECHO = "name: Echo\ndescription: Echoes.\nimplementation: echo\ncapabilities: [text, structured]\n"
FILES = {
    "registry.d/providers/echo.yaml": ECHO,
    "registry.d/providers/house_models.yaml": (
        "name: HouseModels\n"
        "description: The models that the house serves.\n"
        "implementation: openai_compatible\n"
        "priority: 20\n"
        "models: [{name: small-1}, {name: large-1}]\n"
        "limits: {concurrency: 8, requests_per_minute: 600}\n"
        'settings: {base_url: "http://127.0.0.1:9/v1"}\n'
        "secrets: {api_key: env:MODELS_API_KEY}\n"
    ),
    "workspaces/alice/override/providers/house_models.yaml": (
        "name: HouseModels\npriority: 5\nlimits: {concurrency: 2}\n"
    ),
}
KEY = "correct-horse-battery-staple"

TABLE = """\
NAME         IMPLEMENTATION     PRIORITY  CAPABILITIES     MODELS           LIMITS
Echo         echo               100       text structured  -                -
HouseModels  openai_compatible  20        -                small-1 large-1  8 concurrent, 600 per minute
"""

EXPLAINED = """\
HouseModels.priority in workspace alice
  wins   5    override of alice  workspaces/alice/override/providers/house_models.yaml:2:11
  loses  20   core               registry.d/providers/house_models.yaml:4:11
  loses  100  schema default
HouseModels.limits.concurrency in workspace alice
  wins   2  override of alice  workspaces/alice/override/providers/house_models.yaml:3:23
  loses  8  core               registry.d/providers/house_models.yaml:6:23
HouseModels.limits.requests_per_minute in workspace alice
  wins   600  core  registry.d/providers/house_models.yaml:6:47
HouseModels.settings.base_url in workspace alice
  wins   http://127.0.0.1:9/v1  core  registry.d/providers/house_models.yaml:7:22
HouseModels.secrets.api_key in workspace alice
  wins   env:MODELS_API_KEY  core  registry.d/providers/house_models.yaml:8:20
"""


def validated(text: str) -> Any:
    told = json.loads(text)
    Draft202012Validator(contents("output-providers")).validate(told)
    return told


def test_the_providers_of_a_view_in_a_table(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    ran = run_stepwell("providers", cwd=root / "registry.d")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, TABLE, "")
    alice = run_stepwell("providers", "-w", "alice", cwd=root)
    assert "HouseModels  openai_compatible  5 " in alice.stdout
    assert "2 concurrent, 600 per minute" in alice.stdout


def test_one_provider_with_where_everything_comes_from(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    ran = run_stepwell("providers", "HouseModels", "--workspace", "alice", cwd=root)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert EXPLAINED in ran.stdout
    told = validated(
        run_stepwell("providers", "HouseModels", "-w", "alice", "--format", "json", cwd=root).stdout
    )
    (one,) = told["providers"]
    assert (one["file"], one["layer"], one["secrets"]) == (
        "workspaces/alice/override/providers/house_models.yaml",
        "override",
        {"api_key": "env:MODELS_API_KEY"},
    )
    fields = {field["field"]: field for field in one["fields"]}
    assert fields["priority"]["winner"]["value"] == 5
    assert [loser["value"] for loser in fields["priority"]["losers"]] == [20, 100]


def test_health_asks_each_and_states_what_is_wrong_without_the_key(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project(FILES)
    ran = run_stepwell("providers", "--health", cwd=root, env={"MODELS_API_KEY": KEY})
    assert ran.exit_code == 1
    head, _, health = ran.stdout.partition("\n\n")
    assert f"{head}\n" == TABLE
    lines = health.splitlines()
    assert lines[:2] == ["NAME         STATE    ERROR", "Echo         well     -"]
    assert lines[2].startswith("HouseModels  failing  provider HouseModels: unavailable: connection failed")
    ran = run_stepwell("providers", "--health", "--format", "json", cwd=root)
    assert ran.exit_code == 1
    health = {one["name"]: one["health"] for one in validated(ran.stdout)["providers"]}
    assert health["Echo"]["fault"] is None
    assert health["HouseModels"]["fault"] == (
        "provider HouseModels: authentication: environment variable MODELS_API_KEY is not set"
    )
    assert KEY not in ran.stdout
    assert run_stepwell("providers", "Echo", "--health", cwd=root).exit_code == 0


def test_what_does_not_exist_is_reported(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    ran = run_stepwell("providers", "HouseModel", cwd=root)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert (
        ran.stderr == "error: there is no provider `HouseModel` in the core (did you mean `HouseModels`?)\n"
    )


def test_a_project_without_providers(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({})
    ran = run_stepwell("providers", "--health", cwd=root)
    assert (ran.exit_code, ran.stdout) == (
        0,
        "the core has no providers; define one in a file in `providers/`\n",
    )
    assert validated(run_stepwell("providers", "--format", "json", cwd=root).stdout)["providers"] == []


def test_names_are_completed(project: Project, run_stepwell: RunStepwell) -> None:
    words = {"_STEPWELL_COMPLETE": "bash_complete", "COMP_WORDS": "stepwell providers Ho", "COMP_CWORD": "2"}
    ran = run_stepwell(cwd=project(FILES), env=words)
    assert ran.stdout.splitlines() == ["plain,HouseModels"]


@contextmanager
def watching(root: Path, environment: Mapping[str, str], *words: str) -> Iterator[Callable[[str], str]]:
    """A watch in a separate process; yields a function that waits for a line with a text."""
    command = [sys.executable, "-m", "stepwell", "providers", "--watch", *words]
    process = subprocess.Popen(
        command,
        cwd=root,
        env={**environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: list[str] = []
    assert process.stdout is not None
    heard = threading.Thread(target=_read, args=(process.stdout, lines))
    heard.start()

    def wait_for(text: str) -> str:
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            for line in lines:
                if text in line:
                    return line
            time.sleep(0.02)
        raise AssertionError(f"{text!r} was not told: {lines}")

    try:
        yield wait_for
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        heard.join(PATIENCE)
        process.stdout.close()


def _read(stream: Any, lines: list[str]) -> None:
    lines.extend(iter(stream.readline, ""))


def test_a_watch_reports_what_changes_until_it_is_interrupted(
    project: Project, environment: Mapping[str, str]
) -> None:
    path = "registry.d/providers/local.yaml"
    local = "name: Local\ndescription: Local.\nimplementation: command\n"
    health = "health: {interval: 0.1, failures: 1, recovery: 0.5}\n"
    root = project({"registry.d/providers/echo.yaml": ECHO})
    with watching(root, environment) as wait_for:
        wait_for("watching 1 provider; press Ctrl-C to stop")
        wait_for("  Echo  well")
        (root / path).write_text(f"{local}{health}settings: {{argv: [no-such-program-here]}}\n")
        wait_for("  Local  left alone: not found: program `no-such-program-here` not found")
        (root / path).write_text(f"{local}{health}settings: {{argv: ['{sys.executable}']}}\n")
        wait_for("  Local  well")
        (root / path).unlink()
        wait_for("  Local  removed")


def test_a_watch_for_programs_is_one_object_a_line(project: Project, environment: Mapping[str, str]) -> None:
    root = project({"registry.d/providers/echo.yaml": ECHO})
    with watching(root, environment, "Echo", "--format", "json") as wait_for:
        told = validated(wait_for('"state": "well"'))
    assert [one["name"] for one in told["providers"]] == ["Echo"]
    assert told["time"]
