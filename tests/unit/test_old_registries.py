"""The history of an old registry with real git: Python table, YAML table, interface files, Stepwell."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.histories import History

from stepwell.source.spelling import Naming

if TYPE_CHECKING:
    from tests.conftest import RunStepwell

pytestmark = pytest.mark.slow

FIELDS = ("config_class", "builder_step_name", "spec_type", "sagemaker_step_type", "description")
STEPS = {
    "Base": ("BaseConfig", "StepBuilderBase", "Base", "Base", "What every step shares."),
    "Cleaning": ("CleaningConfig", "CleaningStepBuilder", "Cleaning", "Processing", "Drop bad rows."),
    "Scoring": ("ScoreConfig", "ScoringStepBuilder", "Scoring", "Transform", "Score a batch."),
    "XGBoostTraining": (
        "XGBoostTrainingConfig",
        "XGBoostTrainingStepBuilder",
        "XGBoostTraining",
        "Training",
        "Fit.",
    ),
}
ROWS = {name: dict(zip(FIELDS, values, strict=True)) for name, values in STEPS.items()}
MODULE = "src/cursus/registry/step_names.py"
ORIGINAL = "src/cursus/registry/step_definitions.py"
DERIVED = "from .loading import load\n\nSTEP_NAMES = load()\nCONFIG_STEP_REGISTRY = {}\n"
LOADING = "src/cursus/registry/loading.py"
TABLE = "src/cursus/registry/names.yaml"
FOLDER = "src/cursus/step_interfaces"
UNRELATED = {
    "config/settings.json": '{"steps": {"a": {"description": "Not a step."}}}',
    "config/deploy.yaml": "steps:\n  - name: build\n    description: Build it.\n",
    "tests/test_registry.py": "def test_table():\n    STEP_NAMES = {'Fake': {}}\n    assert STEP_NAMES\n",
    "tests/snapshot.json": json.dumps({"Fake": ROWS["Scoring"]}),
    "tests/data/fake.step.yaml": "step_type: Fake\nregistry: {description: F.}\n",
    "src/cursus/other.py": "from .registry.step_names import STEP_NAMES\nprint(STEP_NAMES)\n",
}
INTERFACE = """\
step_type: NAME
node_type: internal
registry:
  sagemaker_step_type: Training
  description: Fit.
  requires: xgboost
contract:
  entry_point: fit.py
  inputs:
    rows: {path: /opt/ml/input/data/rows, channels: [train, val]}
  outputs:
    model: {path: /opt/ml/model}
  arguments:
    depth: {default: 3}
  env_vars: {required: [], optional: {LEVEL: 1e-3}}
spec:
  dependencies:
    rows: {type: processing_output, required: true, compatible_sources: [Other], semantic_keywords: [data]}
  outputs:
    model: {type: model_artifacts, aliases: [weights]}
variants:
  training: {spec: {dependencies: {rows: {semantic_keywords: [train]}}}}
team: {lead: Ann, ids: [1, 2]}
"""
STATES = ("python", "renamed", "yaml", "interfaces", "stepwell")


def interface(name: str) -> str:
    row = ROWS[name]
    registry = {"sagemaker_step_type": row["sagemaker_step_type"], "description": row["description"]}
    if row["config_class"] != f"{name}Config":
        registry["config_class"] = row["config_class"]
    return f"step_type: {name}\nregistry:\n" + "".join(
        f"  {key}: {value}\n" for key, value in registry.items()
    )


def table(rows: Mapping[str, Mapping[str, str]]) -> str:
    inner = "".join(
        f"  {name}:\n" + "".join(f"    {key}: {value}\n" for key, value in row.items())
        for name, row in rows.items()
    )
    return f"steps:\n{inner}"


@pytest.fixture
def history(tmp_path: Path, run_stepwell: RunStepwell) -> History:
    """Five commits with tags, of the same content in every form that the registry has had."""
    made = History(tmp_path / "project", os.environ)
    made.commit("python", {MODULE: f"STEP_NAMES = {ROWS!r}\n", **UNRELATED})
    made.commit("renamed", {MODULE: DERIVED, ORIGINAL: f"STEP_NAMES: dict = {ROWS!r}\n"})
    made.commit("yaml", {ORIGINAL: None, TABLE: table(ROWS)})
    files = {f"{FOLDER}/{Naming().stem(name)}.step.yaml": interface(name) for name in ROWS if name != "Base"}
    loading = f"_EXTRAS = {{'Base': {ROWS['Base']!r}}}\n\n\ndef load():\n    return {{**_EXTRAS}}\n"
    made.commit("interfaces", {TABLE: None, LOADING: loading, **files})
    old = made.root.parent / "old.py"
    old.write_text(f"STEP_NAMES = {{'Base': {ROWS['Base']!r}}}\n")
    ran = run_stepwell("import", FOLDER, str(old), cwd=made.root)
    assert ran.exit_code == 0, ran.stdout
    made.commit("stepwell", {MODULE: None, LOADING: None, **dict.fromkeys(files)})
    for place, name in enumerate(STATES):
        made.git("tag", name, f"HEAD~{len(STATES) - 1 - place}")
    return made


def test_the_same_registry_in_two_forms_has_no_differences(
    history: History, run_stepwell: RunStepwell
) -> None:
    for old, new in itertools.permutations(STATES, 2):
        ran = run_stepwell("diff", old, new, "-q", cwd=history.root)
        assert (old, new, ran.stdout, ran.stderr) == (old, new, "no differences\n", "")


def test_real_interface_files_equal_their_import(tmp_path: Path, run_stepwell: RunStepwell) -> None:
    made = History(tmp_path / "project", os.environ)
    folder = "src/step_interfaces"
    files = {f"{folder}/{name}.step.yaml": INTERFACE.replace("NAME", name) for name in ("One", "Two")}
    made.commit("interfaces", files)
    assert run_stepwell("import", folder, "-q", cwd=made.root).exit_code == 0
    made.commit("stepwell", dict.fromkeys(files))
    assert run_stepwell("diff", "HEAD~1", "HEAD", "-q", cwd=made.root).stdout == "no differences\n"
    assert run_stepwell("diff", "HEAD", "HEAD~1", "-q", cwd=made.root).stdout == "no differences\n"


def test_a_change_between_two_forms_is_reported_with_its_places(
    history: History, run_stepwell: RunStepwell
) -> None:
    definition = history.root / "registry.d/steps/scoring.yaml"
    definition.write_text(definition.read_text().replace("Score a batch.", "Score rows."))
    places = {
        "python": f"{MODULE}:1",
        "renamed": f"{ORIGINAL}:1",
        "yaml": f"{TABLE}:19",
        "interfaces": f"{FOLDER}/scoring.step.yaml:4",
        "stepwell": "registry.d/steps/scoring.yaml:3",
    }
    for state, place in places.items():
        ran = run_stepwell("diff", state, cwd=history.root)
        assert (
            f"description-changed:Scoring; was {place}; now registry.d/steps/scoring.yaml:3\n" in ran.stdout
        )
        assert ran.stdout.endswith("0 to add, 1 to change, 0 to remove · safe\n")


def test_the_table_of_a_state_can_be_named(history: History, run_stepwell: RunStepwell) -> None:
    other = {name: {**row, "description": f"Other {name}."} for name, row in ROWS.items()}
    history.commit(
        "another", {"old/table.py": f"STEP_NAMES = {other!r}\n", "old/table.json": json.dumps(other)}
    )
    for path in ("old/table.py", "old/table.json"):
        ran = run_stepwell("diff", "stepwell", "HEAD", "--head-table", path, "-q", cwd=history.root)
        assert ran.stdout == "safe: 4 safe; 4 steps changed in the core\n"
    for state, *paths in (("python", MODULE), ("yaml", TABLE), ("interfaces", FOLDER, LOADING)):
        options = [word for path in paths for word in ("--base-table", path)]
        ran = run_stepwell("diff", state, "HEAD", *options, cwd=history.root)
        assert ran.stdout.startswith(f"from {', '.join(paths)} in {state} (")
        assert ran.stdout.endswith("no differences\n")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({MODULE: DERIVED}, f"no row of the old table can be read ({MODULE}:3: `STEP_NAMES` is a call"),
        ({MODULE: None}, "has neither a stepwell.toml nor an old table: looked for Python modules"),
        ({MODULE: "STEP_NAMES = {"}, f"no row of the old table can be read ({MODULE}:1: not valid Python"),
        ({MODULE: None, "stepwell.toml": ""}, "has neither definitions in `registry.d` nor an old table"),
        (
            {MODULE: None, "a.yaml": table(ROWS), "b.yaml": table(ROWS)},
            "2 files could be the old table (a.yaml, b.yaml): name the file itself",
        ),
        (
            {MODULE: None, "a.step.yaml": "step_type: 3\n"},
            "no row of the old table can be read (a.step.yaml:1",
        ),
        (
            {MODULE: None, "stepwell.toml": "", "registry.d/steps/a.yaml": "name: A\n"},
            "no definition can be read (registry.d/steps/a.yaml:1",
        ),
    ],
)
def test_a_state_that_cannot_be_read_is_not_judged(
    history: History, run_stepwell: RunStepwell, files: Mapping[str, str | None], message: str
) -> None:
    history.git("checkout", "-q", "python")
    history.commit("unreadable", files)
    for states in (("HEAD", "stepwell"), ("stepwell", "HEAD"), ("HEAD", "HEAD")):
        ran = run_stepwell("diff", *states, cwd=history.root)
        assert (ran.exit_code, ran.stdout) == (2, "")
        assert message in ran.stderr


def test_the_log_of_a_step_crosses_every_form(history: History, run_stepwell: RunStepwell) -> None:
    for name in STEPS:
        ran = run_stepwell("log", name, "--format", "json", cwd=history.root)
        assert ran.exit_code == 0, ran.stderr
        assert [entry["commit"]["subject"] for entry in json.loads(ran.stdout)["entries"]] == ["python"]


def test_the_log_reports_edits_in_every_form(tmp_path: Path, run_stepwell: RunStepwell) -> None:
    made = History(tmp_path / "project", os.environ)

    def rows(text: str) -> dict[str, dict[str, str]]:
        return {**ROWS, "Scoring": {**ROWS["Scoring"], "description": text}}

    made.commit("python", {MODULE: f"STEP_NAMES = {rows('One.')!r}\n", **UNRELATED})
    made.commit("edit python", {MODULE: f"STEP_NAMES = {rows('Two.')!r}\n"})
    made.commit("rename", {MODULE: DERIVED, ORIGINAL: f"STEP_NAMES = {rows('Two.')!r}\n"})
    made.commit("edit renamed", {ORIGINAL: f"STEP_NAMES = {rows('Three.')!r}\n"})
    made.commit("yaml", {ORIGINAL: None, TABLE: table(rows("Three."))})
    made.commit("edit yaml", {TABLE: table(rows("Four."))})
    made.commit("edit another", {TABLE: table({**rows("Four."), "Cleaning": ROWS["Scoring"]})})
    path = f"{FOLDER}/scoring.step.yaml"
    text = interface("Scoring").replace("Score a batch.", "Four.")
    made.commit(
        "interfaces", {TABLE: None, path: text, f"{FOLDER}/cleaning.step.yaml": interface("Cleaning")}
    )
    made.commit("edit interface", {path: text.replace("Four.", "Five.")})
    run_stepwell("import", FOLDER, cwd=made.root)
    made.commit("stepwell", {path: None})
    definition = made.root / "registry.d/steps/scoring.yaml"
    made.commit("edit", {"registry.d/steps/scoring.yaml": definition.read_text().replace("Five.", "Six.")})
    ran = run_stepwell("log", "Scoring", "--format", "json", cwd=made.root)
    assert [
        (entry["commit"]["subject"], [(field["old"], field["new"]) for field in entry["fields"]])
        for entry in json.loads(ran.stdout)["entries"][:-1]
    ] == [
        ("edit", [("Five.", "Six.")]),
        ("edit interface", [("Four.", "Five.")]),
        ("edit yaml", [("Three.", "Four.")]),
        ("edit renamed", [("Two.", "Three.")]),
        ("edit python", [("One.", "Two.")]),
    ]
