"""The pipelines of the catalog: each is copied into an empty project, runs there whole, and truly learns."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import stepwell
from stepwell.run.pipelines.artifacts import place_of
from stepwell.write.export import EXPORTERS, find_exporter
from stepwell.write.scaffold import NotWritten, copy_pipeline, open_catalog

if TYPE_CHECKING:
    from tests.conftest import Project, RunStepwell

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
NAMES = ["BatchInference", "PyTorchEndToEnd", "SharedFraudModel", "XGBoostCalibration", "XGBoostEndToEnd"]


@cache
def catalog() -> stepwell.Registry:
    return open_catalog(lambda: date(2026, 1, 1))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that had nothing but its configuration, with every pipeline of the catalog."""
    root = tmp_path_factory.mktemp("shop")
    (root / "stepwell.toml").write_text("", encoding="utf-8")
    for name in NAMES:
        copied = copy_pipeline(catalog(), stepwell.open(root), None, name, f"Our{name}")
        for path, text in copied.files.items():
            place = root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            assert not place.exists()
            place.write_text(text, encoding="utf-8")
    return root


Ran = Mapping[str, Mapping[str, Path]]


@pytest.fixture
def run(shop: Path, run_stepwell: RunStepwell) -> Callable[[str], Ran]:
    """A function that runs a pipeline of the shop and returns the path of each output of each step."""

    def run_it(name: str) -> Ran:
        ran = run_stepwell("pipeline", "run", f"Our{name}", "--format", "json", cwd=shop)
        assert ran.exit_code == 0, ran.stdout + ran.stderr
        steps = json.loads(ran.stdout)["steps"]
        assert {one["state"] for one in steps} <= {"done", "cached"}
        objects = str(shop / ".stepwell" / "objects")
        return {
            one["id"]: {out["name"]: Path(place_of(objects, out["digest"])) for out in one["outputs"]}
            for one in steps
        }

    return run_it


def said(folder: Path, name: str = "metrics.json") -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
    return data


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table))


def beats_a_guess(predictions: Path) -> bool:
    """Whether fraud has clearly higher scores than the rest, on average."""
    every = rows(predictions)
    fraud = [float(row["score"]) for row in every if row["label"] == "1"]
    others = [float(row["score"]) for row in every if row["label"] == "0"]
    return sum(fraud) / len(fraud) > sum(others) / len(others) + 0.15


def test_the_catalog_has_these_and_they_are_sound() -> None:
    found = catalog()
    assert list(found.view(None).pipelines) == NAMES
    assert found.diagnostics == ()
    assert {node.workspace for node in found.pipeline("SharedFraudModel").nodes.values()} == {
        None,
        "alice",
        "bob",
    }


def test_what_is_copied_is_sound_in_an_empty_project(shop: Path) -> None:
    assert stepwell.open(shop).diagnostics == ()
    assert list(stepwell.open(shop).view(None).pipelines) == [f"Our{name}" for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_has_no_findings_in_a_new_project(
    tmp_path: Path, run_stepwell: RunStepwell, name: str
) -> None:
    run_stepwell("init", cwd=tmp_path)
    run_stepwell("pipeline", "new", f"Our{name}", "--from", name, cwd=tmp_path)
    for command in (["check", "--fail-on", "warning"], ["align"], ["pipeline", "check", f"Our{name}"]):
        ran = run_stepwell(*command, cwd=tmp_path)
        absent = ran.stdout.count("warning[missing-package]: required package `torch` is not installed")
        expected = int(bool(absent and name == "PyTorchEndToEnd" and find_spec("torch") is None))
        assert (ran.exit_code, ran.stdout.count("warning[")) == (0, expected), ran.stdout
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "stepwell"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout


def test_boosted_trees_end_to_end(run: Callable[[str], Ran]) -> None:
    gave = run("XGBoostEndToEnd")
    assert said(gave["evaluate"]["metrics_output"])["rows"] == 400
    assert beats_a_guess(gave["evaluate"]["eval_output"] / "predictions.csv")
    with tarfile.open(gave["package"]["packaged_model"] / "model.tar.gz") as packed:
        assert sorted(packed.getnames()) == ["features.json", "model.json"]


def test_a_network_end_to_end(run: Callable[[str], Ran]) -> None:
    gave = run("PyTorchEndToEnd")
    network = said(gave["train"]["model_output"], "network.json")
    assert network["fitted_with"] in ("torch", "scikit-learn")
    assert [len(layer["bias"]) for layer in network["layers"]] == [8, 1]
    assert beats_a_guess(gave["train"]["evaluation_output"] / "predictions.csv")


def test_calibration(run: Callable[[str], Ran]) -> None:
    gave = run("XGBoostCalibration")
    metrics = said(gave["calibrate"]["metrics_output"])
    assert metrics["brier_after"] < metrics["brier_before"] < 0.25  # 0.25 is a guess of one half
    assert said(gave["calibrate"]["calibration_output"], "curve.json")["slope"] > 0


def test_batch_inference(run: Callable[[str], Ran]) -> None:
    gave = run("BatchInference")
    (table,) = gave["score"]["transform_output"].rglob("*.out")
    scores = [float(line) for line in table.read_text(encoding="utf-8").splitlines()]
    assert len(scores) == 400
    assert min(scores) >= 0
    assert max(scores) <= 1
    assert max(scores) - min(scores) > 0.5


def test_a_pipeline_across_two_workspaces(run: Callable[[str], Ran]) -> None:
    gave = run("SharedFraudModel")
    features = said(gave["train"]["model_output"], "features.json")["features"]
    assert features == ["amount", "hour", "distance", "is_new", "amount_by_distance"]
    assert said(gave["evaluate"]["metrics"])["rows"] == 60
    assert beats_a_guess(gave["train"]["evaluation_output"] / "predictions.csv")


@pytest.mark.parametrize("system", EXPORTERS)
def test_each_can_be_exported(system: str) -> None:
    found = catalog()
    for name in NAMES:
        first = find_exporter(system)(found.pipeline(name))
        assert first.diagnostics == ()
        assert find_exporter(system)(found.pipeline(name)) == first


def test_a_step_that_the_project_has_is_kept(project: Project) -> None:
    own = (REPOSITORY / "registry.d/steps/training/xgboost_training.yaml").read_text(encoding="utf-8")
    root = project({"registry.d/steps/xgboost_training.yaml": own, "scripts/package.py": "print()\n"})
    with pytest.raises(NotWritten, match=r"^scripts/package\.py already exists with different content"):
        copy_pipeline(catalog(), stepwell.open(root), None, "XGBoostEndToEnd", "Train")
    copied = copy_pipeline(catalog(), stepwell.open(root), None, "XGBoostCalibration", "Train")
    assert copied.kept == ("XGBoostTraining",)
    assert copied.pipeline == "registry.d/pipelines/train.yaml"
    assert [path for path in copied.files if "training" in path] == []
    assert copied.files["registry.d/pipelines/train.yaml"].startswith("name: Train\n")


def test_a_pipeline_goes_to_a_workspace_and_steps_to_the_core(project: Project) -> None:
    root = project(
        {
            "stepwell.toml": '[paths]\ncore = "steps-of-all"\nworkspaces = "people"\n',
            "people/dana/workspace.yaml": "developer_id: dana\n",
            "schemas/pipeline.schema.json": "{}",
            "schemas/step.schema.json": "{}",
        }
    )
    copied = copy_pipeline(catalog(), stepwell.open(root), "dana", "SharedFraudModel", "Fraud")
    head = copied.files["people/dana/local/pipelines/fraud.yaml"].splitlines()[0]
    assert head == "# yaml-language-server: $schema=../../../../schemas/pipeline.schema.json"
    assert "people/alice/src/scripts/financial_data_preprocessing.py" in copied.files
    toml = copied.files["people/bob/local/steps/model_evaluation.toml"]
    assert toml.startswith('#:schema ../../../../schemas/step.schema.json\nname = "ModelEvaluation"\n')
    assert "people/alice/workspace.yaml" in copied.files
    training = copied.files["steps-of-all/steps/training/xgboost_training.yaml"]
    assert training.endswith("components:\n  script: scripts/xgboost_training.py\n")


def test_what_is_not_there_or_taken_is_rejected(project: Project) -> None:
    root = project({"registry.d/pipelines/mine.yaml": "name: Mine\ndescription: Do it.\n"})
    registry = stepwell.open(root)
    with pytest.raises(NotWritten) as told:
        copy_pipeline(catalog(), registry, None, "XGBoostEndToEn", "Train")
    assert str(told.value) == (
        "the catalog has no pipeline `XGBoostEndToEn` (did you mean `XGBoostEndToEnd`?)"
    )
    with pytest.raises(NotWritten, match=r"^pipeline `Mine` already exists$"):
        copy_pipeline(catalog(), registry, None, "XGBoostEndToEnd", "Mine")


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("SharedFraudModel", "load"),
        ("XGBoostEndToEnd", "prepare"),
        ("XGBoostEndToEnd", "train"),
        ("PyTorchEndToEnd", "calibrate"),
        ("SharedFraudModel", "evaluate"),
        ("BatchInference", "model"),
        ("XGBoostEndToEnd", "package"),
    ],
)
def test_a_script_is_tried_alone_on_synthetic_data(
    shop: Path, run_stepwell: RunStepwell, name: str, step: str
) -> None:
    tried = run_stepwell(
        "pipeline", "test", f"Our{name}", "--step", step, "--no-cache", "--format", "json", cwd=shop
    )
    told = json.loads(tried.stdout)["steps"]
    assert [(one["id"], one["state"], one["fault"]) for one in told] == [(step, "done", None)]
    assert tried.exit_code == 0
