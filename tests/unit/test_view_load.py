"""``View.load``: a part of a step, imported in the workspace's own world and kept by the view."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import stepwell
from stepwell.live.registry import Registry
from stepwell.model.settings import open_project
from stepwell.resolve.plugins import Plugin

if TYPE_CHECKING:
    from tests.conftest import Project

STEP = "name: Scoring\nsagemaker_step_type: Processing\ndescription: Score a batch.\n"
BUILDER = "from tools.words import WORD\n\nclass ScoringStepBuilder:\n    word = WORD\n"
FILES: dict[str, str | bytes] = {
    "registry.d/steps/scoring.yaml": STEP,
    "src/train_builder.py": BUILDER,
    "src/tools/words.py": "WORD = 'core'\n",
    "src/scripts/scoring.py": "def main():\n    return 'ran'\n",
    "src/contracts/scoring_contract.py": "SCORING_CONTRACT = {'inputs': ('data',)}\n",
    "workspaces/alice/src/train_builder.py": BUILDER,
    "workspaces/alice/src/tools/words.py": "WORD = 'alice'\n",
    "workspaces/bob/src/train_builder.py": BUILDER,
    "workspaces/bob/src/tools/words.py": "WORD = 'bob'\n",
}


def builder(registry: Registry, workspace: str | None) -> Any:
    return registry.view(workspace).load("Scoring", "builder")


def test_each_workspace_gets_its_own_class_with_its_own_helpers(project: Project) -> None:
    path = list(sys.path)
    registry = stepwell.open(project(FILES))
    assert [builder(registry, one).word for one in (None, "alice", "bob")] == ["core", "alice", "bob"]
    assert builder(registry, "alice") is builder(registry, "alice")
    assert builder(registry, "alice") is not builder(registry, "bob")
    assert sys.path == path
    assert "train_builder" not in sys.modules


def test_eight_threads_at_once_get_the_same_classes(project: Project) -> None:
    registry = stepwell.open(project(FILES))
    asked = ["alice", "bob", None] * 40
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda one: builder(registry, one), asked))
    assert {one: cls.word for one, cls in zip(asked, got, strict=True)} == {
        "alice": "alice",
        "bob": "bob",
        None: "core",
    }
    assert len(set(got)) == 3


def test_an_edited_helper_is_loaded_again_with_the_next_snapshot_and_the_old_view_stays(
    project: Project,
) -> None:
    root = project(FILES)
    registry = stepwell.open(root)
    before, old, bob = registry.view("alice"), builder(registry, "alice"), builder(registry, "bob")
    (root / "workspaces/alice/src/tools/words.py").write_text("WORD = 'ALICE'\n", encoding="utf-8")
    assert builder(registry, "alice") is old
    event = registry.reload()
    assert event is not None
    assert event.cause == "code"
    assert builder(registry, "alice").word == "ALICE"
    assert (old().word, before.load("Scoring", "builder")) == ("alice", old)
    assert builder(registry, "bob") is bob


def test_a_script_is_its_module_and_a_contract_its_value(project: Project) -> None:
    view = stepwell.open(project(FILES)).view("alice")
    assert view.load("Scoring", "script").main() == "ran"
    assert view.load("Scoring", "contract") == {"inputs": ("data",)}


def test_an_alias_loads_what_its_step_does(project: Project) -> None:
    root = project({**FILES, "registry.d/steps/scoring.yaml": f"{STEP}aliases: [OldScoring]\n"})
    view = stepwell.open(root).view(None)
    assert view.load("OldScoring", "builder") is view.load("Scoring", "builder")


@pytest.mark.parametrize(
    ("kind", "changed", "message"),
    [
        (
            "config",
            {},
            (
                "cannot load `Scoring.config` of registry.d/steps/scoring.yaml for workspace alice: no "
                "source file defines `ScoringConfig`; define it, or declare its location: `components: "
                "{config: path/to/file.py:Name}`\n  --> registry.d/steps/scoring.yaml:1"
            ),
        ),
        (
            "spec",
            {},
            (
                "cannot load `Scoring.spec` of registry.d/steps/scoring.yaml for workspace alice: "
                "the step does not declare one, and the sources have no `specs/scoring_spec.py`\n"
                "  --> registry.d/steps/scoring.yaml:1"
            ),
        ),
        (
            "config",
            {"src/a.py": "class ScoringConfig: pass\n", "src/b.py": "class ScoringConfig: pass\n"},
            (
                "cannot load `Scoring.config` of registry.d/steps/scoring.yaml for workspace alice: "
                "`ScoringConfig` matches src/a.py:1 and src/b.py:1; declare the right one: "
                "`components: {config: path/to/file.py:Name}`\n  --> registry.d/steps/scoring.yaml:1"
            ),
        ),
    ],
)
def test_missing_and_ambiguous_components_are_errors(
    project: Project, kind: str, changed: dict[str, str | bytes], message: str
) -> None:
    view = stepwell.open(project({**FILES, **changed})).view("alice")
    with pytest.raises(stepwell.ComponentError) as caught:
        view.load("Scoring", kind)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("helper", "fault"),
    [
        ("raise ValueError('no words')\n", "ValueError: no words"),
        ("raise SystemExit(3)\n", "SystemExit: 3"),
        ("def endless(): endless()\nendless()\n", "RecursionError: "),
        ("import wrds\n", "ModuleNotFoundError: No module named 'wrds'"),
    ],
)
def test_a_failing_import_is_reported_at_the_users_file_and_leaves_nothing_behind(
    project: Project, helper: str, fault: str
) -> None:
    root = project({**FILES, "workspaces/alice/src/tools/words.py": helper})
    registry = stepwell.open(root)
    before = {name for name in sys.modules if name.startswith("stepwell_worlds.")}
    with pytest.raises(stepwell.ComponentError) as caught:
        builder(registry, "alice")
    assert (caught.value.workspace, caught.value.path) == ("alice", "workspaces/alice/src/tools/words.py")
    assert caught.value.fault.startswith(fault)
    assert caught.value.__cause__ is not None
    left = {name for name in sys.modules if name.startswith("stepwell_worlds.")} - before
    assert [name for name in left if name.endswith(("train_builder", "words"))] == []
    assert builder(registry, "bob").word == "bob"
    (root / "workspaces/alice/src/tools/words.py").write_text("WORD = 'mended'\n", encoding="utf-8")
    registry.reload()
    assert builder(registry, "alice").word == "mended"


def test_an_unknown_kind_has_a_suggestion(project: Project) -> None:
    view = stepwell.open(project(FILES)).view(None)
    with pytest.raises(LookupError, match=r"unknown kind of component `bilder` \(did you mean `builder`\?\)"):
        view.load("Scoring", "bilder")
    with pytest.raises(stepwell.UnknownStep):
        view.load("Nothing", "builder")


def test_a_view_without_sources_is_an_error(project: Project) -> None:
    from datetime import date

    from stepwell.resolve.load import load

    view = load(open_project(str(project(FILES))), date(2026, 7, 1)).snapshot.core
    for ask in (lambda: view.components("Scoring"), lambda: view.load("Scoring", "builder")):
        with pytest.raises(stepwell.ComponentError, match="was loaded without sources"):
            ask()


def test_a_registered_step_is_loaded_from_the_sources_of_its_workspace(project: Project) -> None:
    registry = stepwell.open(project(FILES))
    fields = {
        "name": "Later",
        "description": "L.",
        "components": {"builder": "src/train_builder.py:ScoringStepBuilder"},
    }
    with registry.register(fields, workspace="alice"):
        assert registry.view("alice").load("Later", "builder") is builder(registry, "alice")
        assert builder(registry, "alice").word == "alice"


PACKAGE = {
    "acme_steps/__init__.py": "",
    "acme_steps/definitions/steps/routing.yaml": (
        "name: Routing\nsagemaker_step_type: Processing\ndescription: Route a batch.\n"
        "components: {config: parts/configs.py:Settings}\n"
    ),
    "acme_steps/builders.py": "class RoutingStepBuilder: pass\nclass ScoringStepBuilder: pass\n",
    "acme_steps/parts/__init__.py": "",
    "acme_steps/parts/configs.py": "\nclass Settings: pass\n",
}


@pytest.fixture
def with_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Registry]:
    """A function that opens a project beside an installed package that brings a step."""
    from datetime import date

    site = tmp_path / "site"
    for path, content in PACKAGE.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(content, encoding="utf-8")
    monkeypatch.syspath_prepend(str(site))
    plugin = Plugin("acme-steps", str(site / "acme_steps/definitions"), module="acme_steps")

    def opened(root: Path) -> Registry:
        return Registry(open_project(str(root)), lambda: date(2026, 7, 1), plugins=lambda: (plugin,))

    return opened


def test_the_parts_of_a_packages_step_are_found_and_loaded_from_the_package(
    project: Project, with_package: Callable[[Path], Registry]
) -> None:
    registry = with_package(project(FILES))
    view = registry.view("alice")
    found = view.components("Routing")
    assert [(one.place.shown, one.place.layer.value) for one in found.values() if one.place] == [
        ("<acme-steps>/acme_steps/builders.py:1", "plugin"),
        ("<acme-steps>/acme_steps/parts/configs.py:2", "plugin"),
    ]
    assert "acme_steps" not in sys.modules
    assert view.load("Routing", "builder").__module__ == "acme_steps.builders"
    assert view.load("Routing", "config").__module__ == "acme_steps.parts.configs"
    for name in [one for one in sys.modules if one.partition(".")[0] == "acme_steps"]:
        del sys.modules[name]


def test_the_project_comes_before_a_package(
    project: Project, with_package: Callable[[Path], Registry]
) -> None:
    found = with_package(project(FILES)).view("alice").components("Scoring")["builder"]
    assert found.place is not None
    assert [found.place.shown, *(one.shown for one in found.shadows)] == [
        "workspaces/alice/src/train_builder.py:3",
        "src/train_builder.py:3",
        "<acme-steps>/acme_steps/builders.py:2",
    ]


def test_an_instance_is_pickled_into_a_process_that_opened_the_same_registry(
    project: Project, environment: Mapping[str, str]
) -> None:
    import pickle

    root = project(FILES)
    content = pickle.dumps(builder(stepwell.open(root), "alice")())
    code = """
        import pickle, sys, stepwell
        stepwell.open(".")
        assert "stepwell.code.import_worlds" not in sys.modules
        print(pickle.loads(sys.stdin.buffer.read()).word)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        input=content,
        cwd=root,
        env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=False,
    )
    assert (done.stdout.decode(), done.stderr.decode()) == ("alice\n", "")


@pytest.mark.parametrize("poll", [None, 0.05], ids=["events", "polling"])
@pytest.mark.parametrize(
    ("workspace", "path"), [("alice", "workspaces/alice/src/tools/words.py"), (None, "src/tools/words.py")]
)
def test_a_watch_renews_what_an_edit_of_python_changed(
    project: Project, poll: float | None, workspace: str | None, path: str
) -> None:
    import time

    root = project(FILES)
    registry = stepwell.open(root)
    definitions = registry.digest
    assert builder(registry, workspace).word == (workspace or "core")
    causes: list[str] = []
    registry.subscribe(lambda event: causes.append(event.cause))
    with registry.watch(poll):
        (root / path).write_text("WORD = 'edited'\n", encoding="utf-8")
        abandon = time.monotonic() + 20
        while not causes and time.monotonic() < abandon:
            time.sleep(0.01)
    assert causes == ["code"]
    assert builder(registry, workspace).word == "edited"
    assert registry.digest == definitions
