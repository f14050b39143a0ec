"""The faults of the systems that this one replaces, each seen by running them, and each not here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

import stepwell
from stepwell.frontends import legacy
from stepwell.frontends.legacy import step_names
from stepwell.frontends.legacy.step_names import STEP_NAMES
from stepwell.source.document import thaw

REPOSITORY = Path(__file__).parents[2]
STEP = "name: {name}\nsagemaker_step_type: Processing\ndescription: {about}\n"
FILES = {
    "stepwell.toml": '[rules]\nshadows-core = "off"\n[[freeze]]\noutput = "frozen.py"\nworkspace = "all"\n',
    "registry.d/steps/clean.yaml": STEP.format(name="Clean", about="The core's."),
    "workspaces/alice/local/steps/mine.yaml": STEP.format(name="Mine", about="Alice's own."),
    "workspaces/alice/local/steps/clean.yaml": STEP.format(name="Clean", about="Alice's local."),
    "workspaces/alice/override/steps/clean.yaml": "name: Clean\ndescription: Alice's override.\n",
    "workspaces/bob/local/steps/mine.yaml": STEP.format(name="Mine", about="Bob's own."),
    "workspaces/carol/workspace.yaml": "developer_id: carol\n",
}


@pytest.fixture(autouse=True)
def nothing_of_the_user(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("STEPWELL_WORKSPACE", "CURSUS_WORKSPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    yield
    legacy.use(None)


@pytest.fixture
def root(project: Callable[[Mapping[str, str | bytes]], Path]) -> Path:
    return project(FILES)


@pytest.fixture
def registry(root: Path) -> stepwell.Registry:
    opened = stepwell.open(root)
    assert opened.diagnostics == ()
    legacy.use(opened)
    return opened


def test_process_wide_workspace_state(registry: stepwell.Registry) -> None:
    """A developer's step stays visible after the context ends."""
    with step_names.workspace_context("alice"):
        assert "Mine" in STEP_NAMES
        assert registry.view()["Mine"].description == "Alice's own."
    assert "Mine" not in STEP_NAMES
    assert not step_names.validate_step_name("Mine")
    assert "Mine" not in registry.view()


def test_precedence_that_differs_between_single_look_up_and_listing(
    root: Path, registry: stepwell.Registry, run_stepwell: Callable
) -> None:
    """The same definition wins, whichever way one asks."""
    wanted = "Alice's override."
    listed = json.loads(run_stepwell("list", "-w", "alice", "--format", "json", cwd=root).stdout)["steps"]
    shown = json.loads(run_stepwell("show", "Clean", "-w", "alice", "--format", "json", cwd=root).stdout)
    assert run_stepwell("freeze", cwd=root).exit_code == 0
    frozen: dict = {}
    exec((root / "frozen.py").read_text(), frozen)  # noqa: S102 - generated here
    view = registry.view("alice")
    with stepwell.workspace("alice"):
        live = STEP_NAMES["Clean"]["description"]
    assert {
        view["Clean"].description,
        next(step.description for step in view.values() if step.name == "Clean"),
        view.by_config_class("CleanConfig").description,
        view.by_sagemaker_type("Processing")[0].description,
        view.legacy_table()["Clean"]["description"],
        view.explain("Clean", "description").value,
        next(step["description"] for step in listed if step["name"] == "Clean"),
        shown["description"],
        frozen["get_step_description"]("Clean", "alice"),
        frozen["list_all_step_info"]("alice")["Clean"]["description"],
        step_names.get_step_description("Clean", "alice"),
        step_names.list_all_step_info("alice")["Clean"]["description"],
        live,
    } == {wanted}


def test_one_workspace_s_steps_leaking_into_another_and_into_no_workspace_at_all(
    registry: stepwell.Registry,
) -> None:
    """What alice defines is seen by alice."""
    seen = {one: list(registry.view(one)) for one in (None, *registry.workspaces)}
    assert seen == {None: ["Clean"], "alice": ["Clean", "Mine"], "bob": ["Clean", "Mine"], "carol": ["Clean"]}
    for one in ("alice", "bob", "carol", "alice"):
        with stepwell.workspace(one):
            assert list(STEP_NAMES) == seen[one]
    assert step_names.get_step_description("Mine", "bob") == "Bob's own."
    assert registry.view("bob")["Clean"].description == "The core's."
    assert list(STEP_NAMES) == ["Clean"]


def test_conflict_metadata_dropped_on_load(
    project: Callable[[Mapping[str, str | bytes]], Path], run_stepwell: Callable
) -> None:
    """The conflict settings of a file are used."""
    stated = {
        "priority": 7,
        "framework": "xgboost",
        "environment_tags": ["production", "cpu"],
        "compatibility_tags": ["v2"],
        "conflict_resolution_strategy": "framework_match",
    }
    asked = {
        "default_resolution_strategy": "priority_based",
        "preferred_frameworks": ["pytorch", "xgboost"],
        "environment_preferences": ["production"],
        "conflict_tolerance": "high",
    }
    lines = "".join(f"{key}: {json.dumps(value)}\n" for key, value in stated.items())
    root = project(
        {
            "registry.d/steps/clean.yaml": STEP.format(name="Clean", about="x") + lines,
            "workspaces/alice/workspace.yaml": json.dumps({"developer_id": "alice", **asked}),
        }
    )
    registry = stepwell.open(root)
    assert registry.diagnostics == ()
    clean = registry.view("alice")["Clean"]
    assert {key: thaw(getattr(clean, key)) for key in stated} == stated
    workspace = registry.snapshot.workspaces["alice"]
    assert {key: thaw(getattr(workspace, key)) for key in asked} == asked
    shown = json.loads(run_stepwell("show", "Clean", "--format", "json", cwd=root).stdout)
    assert {key: shown[key] for key in stated} == stated


def test_a_broken_overlay_file_vanishing_at_debug_level(root: Path, run_stepwell: Callable) -> None:
    """It is an error that names file, line and column, and the rest serves."""
    (root / "workspaces/alice/local/steps/mine.yaml").write_text("name: Mine\ndescription: [\n")
    registry = stepwell.open(root)
    (found,) = registry.diagnostics
    assert (found.severity.value, found.span.path) == ("error", "workspaces/alice/local/steps/mine.yaml")
    assert registry.view("alice").diagnostics == (found,)
    assert registry.view("bob").diagnostics == ()
    assert list(registry.view("alice")) == ["Clean"]
    checked = run_stepwell("check", cwd=root)
    assert checked.exit_code == 1
    assert f"workspaces/alice/local/steps/mine.yaml:{found.span.line}:{found.span.column}" in checked.stdout


def test_answers_that_are_the_registry_s_own_dicts(registry: stepwell.Registry) -> None:
    """A caller that clears an answer changes nothing, or gets an error."""
    before = registry.digest
    registry.view("alice").legacy_table().clear()
    registry.view("alice").legacy_table()["Clean"].clear()
    step_names.list_all_step_info().clear()
    step_names.get_all_step_names().clear()
    step_names.get_sagemaker_step_type_mapping()["Processing"].clear()
    for held in (STEP_NAMES, STEP_NAMES["Clean"], step_names.list_all_step_info()["Clean"]):
        with pytest.raises(TypeError, match="is read-only: it shows the registry"):
            held.clear()
    view = registry.view("alice")
    for held in (view, view.steps):
        assert not hasattr(held, "clear")
    for mapping in (view["Clean"].data, registry.snapshot.workspaces):
        with pytest.raises(TypeError, match="read-only"):
            mapping.clear()
    assert registry.digest == before
    assert step_names.list_all_step_info() == registry.view(None).legacy_table()
    assert step_names.get_sagemaker_step_type_mapping() == {"Processing": ["Clean"]}


def test_an_imported_step_names_that_goes_stale(root: Path, registry: stepwell.Registry) -> None:
    """The table that was imported at the top of this file shows what was added since."""
    assert list(STEP_NAMES) == ["Clean"]
    (root / "registry.d/steps/later.yaml").write_text(STEP.format(name="Later", about="x"))
    registry.reload()
    assert list(STEP_NAMES) == list(json.loads(json.dumps(STEP_NAMES))) == ["Clean", "Later"]


def test_validation_unavailable_meaning_valid(root: Path, environment: Mapping[str, str]) -> None:
    """Without what validates, nothing is called valid."""
    (root / "registry.d/steps/clean.yaml").write_text("name: Clean\n")
    script = (
        "import sys; sys.modules.update(jsonschema=None, jsonschema_rs=None)\n"
        "from stepwell.frontends.cli import run; sys.exit(run(['check']))"
    )
    env = {**environment, "TMPDIR": str(root)}  # where the log of what failed goes
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert "import of jsonschema halted" in done.stderr


def test_a_validator_whose_list_of_types_rejects_types_of_its_table() -> None:
    """The project's vocabulary contains every type in use; the old list still rejects three of them."""
    registry = stepwell.open(REPOSITORY)
    legacy.use(registry)
    used = step_names.get_all_sagemaker_step_types()
    assert set(used) <= set(registry.project.settings.vocabulary["sagemaker_step_types"])
    assert [found for found in registry.diagnostics if found.id == "not-in-vocabulary"] == []
    refused = {kind for kind in used if not step_names.validate_sagemaker_step_type(kind)}
    assert refused == {"CradleDataLoading", "Lambda", "MimsModelRegistrationProcessing"}


def test_names_of_classes_that_exist_nowhere(registry: stepwell.Registry) -> None:
    """A missing name is an error, and a module lists only names that it has."""
    told = registry.view("alice").explain("Clean", "config_class")
    assert (told.value, told.winner.how, told.winner.span) == ("CleanConfig", "by convention", None)
    for module in (legacy, legacy.step_names, legacy.hyperparameter_registry, legacy.exceptions):
        assert [name for name in module.__all__ if not hasattr(module, name)] == []
    for absent in ("STEP_TYPE_REGISTRY", "get_builder_step_type"):
        assert not hasattr(legacy, absent)
        assert not hasattr(step_names, absent)
