"""The active workspace: its sources in order, and its isolation."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import stepwell

Project = Callable[[Mapping[str, str | bytes]], Path]

TRAIN = "name: Train\nsagemaker_step_type: Training\ndescription: {about}\n"
FILES = {
    "registry.d/steps/train.yaml": TRAIN.format(about="The core's."),
    "workspaces/alice/override/steps/train.yaml": "name: Train\ndescription: Alice's.\n",
    "workspaces/bob/override/steps/train.yaml": "name: Train\ndescription: Bob's.\n",
}


@pytest.fixture(autouse=True)
def no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STEPWELL_WORKSPACE", raising=False)
    monkeypatch.delenv("CURSUS_WORKSPACE_ID", raising=False)


def about(registry: stepwell.Registry) -> str:
    return registry.view()["Train"].description


def test_each_one_yields_to_the_one_before(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project({**FILES, "workspaces/carol/override/steps/train.yaml": "name: Train\npriority: 1\n"})
    registry = stepwell.open(root)
    assert (registry.active_workspace, about(registry)) == (None, "The core's.")
    (root / "stepwell.toml").write_text('[project]\nworkspace = "carol"\n')
    registry.reload()
    assert registry.active_workspace == "carol"
    monkeypatch.setenv("CURSUS_WORKSPACE_ID", "bob")
    assert (registry.active_workspace, about(registry)) == ("bob", "Bob's.")
    monkeypatch.setenv("STEPWELL_WORKSPACE", "alice")
    assert (registry.active_workspace, about(registry)) == ("alice", "Alice's.")
    with stepwell.workspace("bob"):
        assert (registry.active_workspace, about(registry)) == ("bob", "Bob's.")
        assert registry.view("alice")["Train"].description == "Alice's."
        assert registry.view(None)["Train"].description == "The core's."
    assert about(registry) == "Alice's."
    monkeypatch.setenv("STEPWELL_WORKSPACE", "")
    assert about(registry) == "Bob's."


def test_an_unknown_one_is_never_the_core(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = stepwell.open(project({**FILES, "stepwell.toml": '[project]\nworkspace = "boob"\n'}))
    told = r"^unknown workspace: alic \(did you mean `alice`\?\)$"
    with stepwell.workspace("alic"), pytest.raises(stepwell.UnknownWorkspace, match=told):
        registry.view()
    monkeypatch.setenv("STEPWELL_WORKSPACE", "alic")
    with pytest.raises(stepwell.UnknownWorkspace, match=told):
        registry.view()
    monkeypatch.delenv("STEPWELL_WORKSPACE")
    with pytest.raises(
        stepwell.UnknownWorkspace, match=r"^unknown workspace: boob \(did you mean `bob`\?\)$"
    ):
        registry.view()


def test_a_block_restores_what_was_before() -> None:
    stepwell.set_workspace("alice")
    with stepwell.workspace("bob") as entered:
        assert (entered, stepwell.current_workspace()) == ("bob", "bob")
        stepwell.set_workspace("carol")
        with stepwell.workspace("dora"):
            stepwell.clear_workspace()
            assert stepwell.current_workspace() is None
        assert stepwell.current_workspace() == "carol"
        with pytest.raises(KeyError), stepwell.workspace("dora"):
            raise KeyError
        assert stepwell.current_workspace() == "carol"
    assert stepwell.current_workspace() == "alice"
    stepwell.clear_workspace()
    assert stepwell.current_workspace() is None


def test_one_block_serves_many_tasks_and_itself_again() -> None:
    block = stepwell.workspace("alice")

    async def serve(number: int) -> None:
        stepwell.set_workspace(f"before-{number}")
        with block:
            await asyncio.sleep(0)
            with block:
                await asyncio.sleep(0)
            assert stepwell.current_workspace() == "alice"
        assert stepwell.current_workspace() == f"before-{number}"

    async def serve_all() -> None:
        await asyncio.gather(*(serve(number) for number in range(100)))

    asyncio.run(serve_all())
    assert stepwell.current_workspace() is None


def test_a_hundred_threads_and_tasks_do_not_leak(project: Project) -> None:
    registry = stepwell.open(project(FILES))
    wanted = {"alice": "Alice's.", "bob": "Bob's.", None: "The core's."}
    seen: list[tuple[str | None, str]] = []

    def work(one: str | None) -> None:
        if one is not None:
            stepwell.set_workspace(one)
        seen.extend((one, about(registry)) for _ in range(20))

    async def task(one: str | None) -> None:
        if one is not None:
            stepwell.set_workspace(one)
        for _ in range(5):
            await asyncio.sleep(0)
            seen.append((one, about(registry)))

    async def tasks() -> None:
        await asyncio.gather(*(task(list(wanted)[number % 3]) for number in range(100)))

    threads = [threading.Thread(target=work, args=(list(wanted)[number % 3],)) for number in range(100)]
    for thread in threads:
        thread.start()
    asyncio.run(tasks())
    for thread in threads:
        thread.join()
    assert len(seen) == 100 * 20 + 100 * 5
    assert set(seen) == set(wanted.items())
    assert about(registry) == "The core's."


def test_a_block_that_is_left_elsewhere_names_nothing_there() -> None:
    block = stepwell.workspace("alice")
    entered = contextvars.copy_context()
    entered.run(block.__enter__)
    block.__exit__(None, None, None)
    assert stepwell.current_workspace() is None
    assert entered.run(stepwell.current_workspace) == "alice"


@pytest.mark.parametrize("name", [stepwell.workspace, stepwell.set_workspace])
def test_what_is_no_id_is_rejected(name: Callable[[object], object]) -> None:
    with pytest.raises(ValueError, match=r"^workspace id must not be empty; use `clear_workspace\(\)`$"):
        name("")
    with pytest.raises(TypeError, match=r"^workspace id must be a string, got NoneType$"):
        name(None)


def test_importing_stepwell_loads_no_context() -> None:
    ask = (
        "import sys, stepwell; before = 'stepwell.live.workspace_context' in sys.modules; stepwell.workspace;"
        "print(before, 'stepwell.live.workspace_context' in sys.modules, 'workspace' in dir(stepwell))"
    )
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout == "False True True\n"
    with pytest.raises(AttributeError, match=r"^module 'stepwell' has no attribute 'workspaces'$"):
        _ = stepwell.workspaces


def test_the_command_falls_back_to_the_project_s_own(project: Project, run_stepwell: Callable) -> None:
    root = project({**FILES, "stepwell.toml": '[project]\nworkspace = "alice"\n'})
    assert "description: Alice's.\n" in run_stepwell("show", "Train", cwd=root).stdout
    assert "  Alice's.\n" in run_stepwell("list", cwd=root).stdout
    assert "description in workspace alice\n" in run_stepwell("explain", "Train.description", cwd=root).stdout
    env = {"CURSUS_WORKSPACE_ID": "bob"}
    assert "description: Bob's.\n" in run_stepwell("show", "Train", cwd=root, env=env).stdout
    asked = run_stepwell("show", "Train", "--workspace", "", cwd=root, env=env)
    assert "description: The core's.\n" in asked.stdout
