"""Health reports state and advice, and look-ups record nothing for it."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.warm_python import run_python

import stepwell
from stepwell.live.health import HealthStatus, health
from stepwell.live.registry import Registry
from stepwell.model.schema import contents
from stepwell.model.settings import open_project
from stepwell.resolve.plugins import Plugin

Project = Callable[[Mapping[str, str | bytes]], Path]
TODAY = date(2026, 7, 1)
SCORING = "name: Scoring\nsagemaker_step_type: Processing\ndescription: Score.\n"
FILES = {
    "registry.d/steps/scoring.yaml": SCORING,
    "registry.d/hyperparameters/scoring_hyperparameters.yaml": (
        "name: ScoringHyperparameters\nmodule_path: acme.parameters\ndescription: All.\n"
    ),
    "workspaces/alice/local/steps/own.yaml": "name: Own\ndescription: Alice's.\n",
    "workspaces/alice/override/steps/scoring.yaml": "name: Scoring\npriority: 5\n",
    "workspaces/bob/workspace.yaml": "",
}


def layers(registry: Registry) -> list[tuple[str, str | None, int, int, int, int]]:
    return [
        (one.layer.value, one.workspace, one.steps, one.hyperparameters, one.errors, one.warnings)
        for one in registry.health().layers
    ]


def test_a_project_without_findings_is_ok(project: Project) -> None:
    registry = stepwell.open(project(FILES), today=TODAY)
    told = registry.health()
    assert (told.status, told.current, told.digest) == (HealthStatus.OK, True, registry.digest)
    assert (told.workspaces, told.errors, told.warnings) == (2, 0, 0)
    assert (told.last_reload, told.last_refusal, told.watching) == (None, None, None)
    assert set(told.counters.values()) == {0}
    assert layers(registry) == [
        ("core", None, 1, 1, 0, 0),
        ("local", "alice", 1, 0, 0, 0),
        ("override", "alice", 1, 0, 0, 0),
    ]


def test_each_finding_is_counted_in_its_layer_and_what_has_an_error_is_not_counted_as_given(
    project: Project,
) -> None:
    broken = {
        "registry.d/steps/broken.yaml": "name: Broken\n",
        "registry.d/stray.yaml": "name: Stray\n",
        "workspaces/alice/override/steps/gone.yaml": "name: Gone\npriority: 1\n",
        "workspaces/bob/local/steps/scoring.yaml": SCORING,
    }
    root = project({**FILES, **broken})
    acme = Plugin("acme", given=({"name": "Routing", "description": "Route."}, {"name": "No"}))
    registry = Registry(
        open_project(str(root)), lambda: TODAY, plugins=lambda: (acme, Plugin("bolt", fault="it fails"))
    )
    assert layers(registry) == [
        ("plugin", None, 1, 0, 2, 0),
        ("core", None, 1, 1, 1, 1),
        ("local", "alice", 1, 0, 0, 0),
        ("override", "alice", 1, 0, 1, 0),
        ("local", "bob", 1, 0, 0, 1),
    ]
    told = registry.health()
    assert (told.status, told.errors, told.warnings) == (HealthStatus.DEGRADED, 4, 2)
    assert told.recommendations[:2] == (
        "Fix 4 errors: invalid definitions are skipped (run `stepwell check`).",
        "Fix or remove a package: cannot load steps of package bolt: it fails.",
    )


@pytest.mark.parametrize(
    "files",
    [
        {"registry.d/steps/broken.yaml": "name: [\n"},
        {**FILES, "stepwell.toml": "[paths\n"},
        {**FILES, "stepwell.toml": '[naming]\nstep_name = "Any"\n'},
    ],
)
def test_it_is_broken_when_nothing_serves_or_the_settings_cannot_be_used(
    files: dict[str, str], project: Project
) -> None:
    assert stepwell.open(project(files)).health().status is HealthStatus.BROKEN


def test_an_empty_project_is_ok_and_has_advice(project: Project) -> None:
    told = stepwell.open(project({})).health()
    assert told.status is HealthStatus.OK
    assert told.recommendations == ("Add a definition to `registry.d/steps/`: the core has no steps.",)


def test_a_rejected_reload_is_reported_until_the_file_is_fixed(project: Project) -> None:
    registry = stepwell.open(project(FILES), today=TODAY)
    file = Path(registry.project.root) / "registry.d/steps/scoring.yaml"
    good = registry.digest
    file.write_text("name: [\n")
    refused = registry.reload()
    told = registry.health()
    assert (told.status, told.current, told.digest) == (HealthStatus.DEGRADED, False, good)
    assert told.last_refusal is refused
    assert told.recommendations[0].startswith("Fix ")
    assert "the last valid version is still served" in told.recommendations[0]
    file.write_text(SCORING.replace("Score.", "Score all."))
    served = registry.reload()
    told = registry.health()
    assert (told.status, told.current, told.last_reload, told.last_refusal) == (
        HealthStatus.OK,
        True,
        served,
        refused,
    )
    assert (told.counters["reloads"], told.counters["refusals"]) == (1, 1)


def test_registrations_are_a_layer_and_hidden_definitions_are_reported(project: Project) -> None:
    registry = stepwell.open(project(FILES), today=TODAY)
    registry.register({"name": "New", "description": "x"}).remove()
    kept = registry.register({"name": "Scoring", "description": "x"}, workspace="alice", replace=True)
    assert ("runtime", "alice", 1, 0, 0, 0) in layers(registry)
    told = registry.health()
    assert (told.counters["registrations"], told.counters["removals"]) == (2, 1)
    hides = "it hides workspaces/alice/override/steps/scoring.yaml."
    assert f"Check whether the registration of `Scoring` is still needed: {hides}" in told.recommendations
    kept.remove()
    assert not any("Scoring" in one for one in registry.health().recommendations)


def test_a_registration_for_a_workspace_that_is_gone_is_reported(project: Project) -> None:
    registry = stepwell.open(project(FILES), today=TODAY)
    registration = registry.register({"name": "New", "description": "x"}, workspace="bob")
    folder = Path(registry.project.root) / "workspaces/bob"
    (folder / "workspace.yaml").unlink()
    folder.rmdir()
    assert registry.reload() is not None
    (sentence,) = (one for one in registry.health().recommendations if "`bob`" in one)
    assert sentence == ("Remove 1 registration for workspace `bob`, which is gone.")
    folder.mkdir()
    registry.reload()
    assert registry.view("bob")["New"] is registration.definition


def test_a_subscriber_that_fails_is_counted_and_reported(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    registry = stepwell.open(project(FILES), today=TODAY)

    def fails(_: object) -> None:
        raise LookupError("no listener")

    with caplog.at_level(logging.ERROR, "stepwell"):
        registry.subscribe(fails)
        registry.register({"name": "New", "description": "x"})
    assert "LookupError: no listener" in caplog.text
    told = registry.health()
    assert told.counters["subscriber_failures"] == 1
    assert told.recommendations[-1] == (
        "Fix a subscriber that failed 1 time: see the tracebacks in the log of `stepwell.live.store`."
    )


def test_a_look_up_counts_nothing(project: Project) -> None:
    registry = stepwell.open(project(FILES), today=TODAY)
    before = dict(registry._store.counts)
    for _ in range(10):
        assert registry.view("alice")["Scoring"].priority == 5
        assert registry.health().counters
    assert dict(registry._store.counts) == before


def test_a_watch_is_reported(project: Project) -> None:
    registry = stepwell.open(project(FILES), today=TODAY)
    with registry.watch(poll=5.0):
        told = registry.health()
        assert told.watching is not None
        assert (told.watching.running, told.watching.mode, told.watching.poll) == (True, "polling", 5.0)
    stopped = registry.health().watching
    assert stopped is not None
    assert not stopped.running
    assert health(registry._store).watching is None


def test_doctor_reports_it_as_text(project: Project, run_stepwell: Callable[..., Any]) -> None:
    ran = run_stepwell("doctor", cwd=project({**FILES, "registry.d/steps/broken.yaml": "name: Broken\n"}))
    assert ran.stdout.splitlines() == [
        "degraded: 1 error, 0 warnings, 1 conflict, 2 workspaces",
        "",
        "LAYER              STEPS  HYPERPARAMETERS  ERRORS  WARNINGS",
        "core                   1                1       1         0",
        "local of alice         1                0       0         0",
        "override of alice      1                0       0         0",
        "",
        "- Fix 1 error: invalid definitions are skipped (run `stepwell check`).",
    ]
    assert (ran.exit_code, ran.stderr) == (1, "")


@pytest.mark.parametrize(
    ("module", "advice"),
    [("jsonschema_rs", "Install jsonschema-rs: "), ("yaml._yaml", "Install a PyYAML with libyaml: ")],
)
def test_a_missing_compiled_library_is_reported(
    project: Project, environment: Mapping[str, str], module: str, advice: str
) -> None:
    program = (
        f"import sys; sys.modules[{module!r}] = None; sys.argv = ['stepwell', 'doctor']\n"
        "from stepwell.__main__ import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", program]
    ran = subprocess.run(
        command, cwd=project(FILES), env=dict(environment), capture_output=True, text=True, check=False
    )
    assert ran.stderr == ""
    assert [line for line in ran.stdout.splitlines() if line.startswith("- ")][-1].startswith(f"- {advice}")


def test_doctor_reports_it_as_json_that_fits_its_schema(
    project: Project, run_stepwell: Callable[..., Any]
) -> None:
    root = project(FILES)
    ran = run_stepwell("doctor", "--format", "json", cwd=root)
    told = json.loads(ran.stdout)
    Draft202012Validator(contents("output-doctor")).validate(told)
    Draft202012Validator.check_schema(contents("output-doctor"))
    assert (told["status"], told["digest"]) == ("ok", stepwell.open(root).digest)
    assert ran.exit_code == 0
    for example in contents("output-doctor")["examples"]:
        Draft202012Validator(contents("output-doctor")).validate(example)


def test_doctor_is_silent_with_quiet_when_all_is_well(
    project: Project, run_stepwell: Callable[..., Any]
) -> None:
    ran = run_stepwell("doctor", "--quiet", cwd=project(FILES))
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "")


def test_logging_is_silent_without_a_handler(project: Project, environment: Mapping[str, str]) -> None:
    code = """
import logging, sys, stepwell
registry = stepwell.open(".")
def fails(_): raise LookupError("no listener")
registry.subscribe(fails)
registry.register({"name": "Quiet", "description": "x"})
assert sys.stderr.write("then\\n")
logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(name)s %(message)s")
registry.register({"name": "Loud", "description": "x"}, workspace="alice").remove()
open("registry.d/steps/scoring.yaml", "w").write("name: [")
registry.reload()
"""
    done = run_python("-c", code, cwd=project(FILES), env=environment)
    before, _, after = done.stderr.partition("then\n")
    assert (before, done.returncode) == ("", 0)
    assert "DEBUG stepwell.live.store registered <StepDefinition Loud> for alice\n" in after
    assert "DEBUG stepwell.live.store removed <StepDefinition Loud> for alice\n" in after
    assert "DEBUG stepwell.live.store rejected a reload in " in after
    assert "ERROR stepwell.live.store an event subscriber failed" in after
