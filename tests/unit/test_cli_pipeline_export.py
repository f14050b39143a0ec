"""``stepwell pipeline export``, and what ``stepwell pipeline new --from`` copies from the catalog."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stepwell.frontends.cli import run

if TYPE_CHECKING:
    from tests.conftest import Project

pytestmark = pytest.mark.slow

STEP = """\
name: Scoring
sagemaker_step_type: Processing
description: Score a batch.
interface:
  entry_point: scoring.py
  inputs:
    rows: {path: /opt/ml/processing/input/rows}
  outputs:
    scores: {path: /opt/ml/processing/output}
"""
PIPELINE = """\
name: Nightly
description: Score, every night.
parameters: {rows: null}
steps:
  - {id: score, step: Scoring, inputs: {rows: "${rows}"}}
"""
UNFED = 'name: Unfed\ndescription: Score.\nsteps:\n  - {id: score, step: "alice:Scoring"}\n'
FILES = {
    "registry.d/steps/scoring.yaml": STEP,
    "registry.d/pipelines/nightly.yaml": PIPELINE,
    "registry.d/pipelines/unfed.yaml": UNFED,
    "workspaces/alice/local/steps/scoring.yaml": STEP.replace("Processing\n", "Tuning\n"),
    "workspaces/alice/local/pipelines/hers.yaml": PIPELINE.replace("Nightly", "Hers"),
}


@pytest.fixture
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with pipelines, which is the working directory."""
    root = project(FILES)
    monkeypatch.chdir(root)
    return root


def ran(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = run(["pipeline", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.usefixtures("here")
def test_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ran(capsys, "export", "Nightly", "--to", "sagemaker")
    assert (code, err) == (0, "")
    assert [step["Name"] for step in json.loads(out)["Steps"]] == ["score"]
    assert ran(capsys, "export", "Nightly", "--to", "sagemaker", "-o", "-") == (0, out, "")


def test_to_a_file_that_is_overwritten_only_by_force(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("export", "Nightly", "--to", "argo", "-o", "out/nightly.yaml")
    assert ran(capsys, *words) == (0, "", "wrote out/nightly.yaml\n")
    written = (here / "out/nightly.yaml").read_text(encoding="utf-8")
    assert ran(capsys, *words) == (0, "", "unchanged: out/nightly.yaml\n")
    (here / "out/nightly.yaml").write_text("mine\n", encoding="utf-8")
    why = "exists with different content; use `--force` to overwrite it"
    assert ran(capsys, *words) == (2, "", f"error: out/nightly.yaml {why}\n")
    assert (here / "out/nightly.yaml").read_text(encoding="utf-8") == "mine\n"
    assert ran(capsys, *words, "--force", "--quiet") == (0, "", "")
    assert (here / "out/nightly.yaml").read_text(encoding="utf-8") == written
    assert ran(capsys, *words[:-1], "out") == (2, "", "error: -o out is a folder; specify a file\n")


def test_what_has_no_form_is_reported_with_its_line_and_nothing_is_written(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = ran(capsys, "export", "Unfed", "--to", "sagemaker", "-o", "unfed.json")
    assert (code, out) == (1, "")
    assert (
        "error[cannot-export]: `score` uses `Scoring` of type `Tuning`, which SageMaker pipelines do "
        "not support" in err
    )
    assert "registry.d/pipelines/unfed.yaml:4:" in err
    assert err.endswith("Unfed was not exported\n")
    assert not (here / "unfed.json").exists()


@pytest.mark.usefixtures("here")
def test_a_pipeline_of_a_workspace(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(capsys, "export", "Hers", "--to", "airflow", "--workspace", "alice")
    assert code == 0
    assert '"STEPWELL_WORKSPACE": "alice",' in out
    code, _, err = ran(capsys, "export", "Hers", "--to", "airflow")
    assert (code, "`Hers`" in err) == (2, True)


@pytest.mark.usefixtures("here")
def test_an_exporter_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(capsys, "export", "Nightly", "--to", "airfow") == (
        2,
        "",
        "error: unknown exporter `airfow` (did you mean `airflow`?)\n",
    )
    assert ran(capsys, "export", "Nightly", "--to", "kubeflow") == (
        2,
        "",
        "error: unknown exporter `kubeflow` (available: sagemaker, airflow, argo)\n",
    )


CONFIGS = """\
from pydantic import Field

class Base:
    role: str = "arn:aws:iam::123456789012:role/base"
    processing_instance_type = "ml.m5.large"
    volume_size: int = Field(default=64, ge=1)

class ScoringConfig(Base):
    processing_instance_type: str = Field("ml.c5.xlarge", description="Where it runs.")
    instance_count: int = 2
    image_uri: str = made_up()
    secret: str = "not a setting"
"""
BUILDER = """\
raise RuntimeError("never run")

class ScoringStepBuilder:
    image_uri = "registry.example.com/scoring:1"
    instance_count = 9
"""


def test_what_builders_and_configuration_classes_declare_counts_where_no_configuration_does(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "stepwell.toml").write_text('[components]\nsource = ["src"]\n', encoding="utf-8")
    (here / "src/configs").mkdir(parents=True)
    (here / "src/configs/scoring.py").write_text(CONFIGS, encoding="utf-8")
    (here / "src/scoring_builder.py").write_text(BUILDER, encoding="utf-8")
    said = "config: {instance_count: 3}, inputs"
    nightly = PIPELINE.replace("inputs", said)
    (here / "registry.d/pipelines/nightly.yaml").write_text(nightly, encoding="utf-8")
    code, out, err = ran(capsys, "export", "Nightly", "--to", "sagemaker")
    assert (code, err) == (0, "")
    definition = json.loads(out)
    job = definition["Steps"][0]["Arguments"]
    assert job["ProcessingResources"]["ClusterConfig"] == {
        "InstanceType": "ml.c5.xlarge",
        "InstanceCount": 3,
        "VolumeSizeInGB": 64,
    }
    assert job["RoleArn"] == "arn:aws:iam::123456789012:role/base"
    assert job["AppSpecification"]["ImageUri"] == "registry.example.com/scoring:1"
    assert [one["Name"] for one in definition["Parameters"]] == ["rows", "code-prefix", "output-prefix"]


def test_a_pipeline_of_the_catalog_is_copied_with_what_the_project_lacks(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = ran(capsys, "new", "Ours", "--from", "PyTorchEndToEnd")
    lines = out.splitlines()
    assert (code, lines[-2:]) == (
        0,
        ["wrote registry.d/pipelines/ours.yaml", "next: stepwell pipeline run Ours"],
    )
    assert "wrote scripts/pytorch_training.py" in lines
    code, out, _ = ran(capsys, "new", "Theirs", "--from", "XGBoostEndToEnd", "--workspace", "alice")
    assert code == 0
    assert "kept: Package (already in the project)" in out
    assert (here / "workspaces/alice/local/pipelines/theirs.yaml").is_file()
    assert ran(capsys, "export", "Theirs", "--to", "argo", "-w", "alice", "-o", "theirs.yaml")[0] == 0


def test_what_cannot_be_copied_is_rejected(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(capsys, "new", "Ours", "--from", "PyTorchEndToEn") == (
        2,
        "",
        "error: unknown pipeline `PyTorchEndToEn` (did you mean `PyTorchEndToEnd`?)\n",
    )
    assert ran(capsys, "new", "Ours", "--from", "Absent")[2] == (
        "error: unknown pipeline `Absent` "
        "(run `stepwell catalog list` or `stepwell pipeline list` for a list)\n"
    )
    assert ran(capsys, "new", "Nightly", "--from", "PyTorchEndToEnd")[2] == (
        "error: pipeline `Nightly` already exists\n"
    )
    assert ran(capsys, "new", "Ours", "--from", "PyTorchEndToEnd", "--step", "Scoring")[2] == (
        "error: --step cannot be used with a pipeline of the catalog\n"
    )
    (here / "stepwell.toml").write_text('[vocabulary]\nframeworks = ["sklearn"]\n', encoding="utf-8")
    code, out, _ = ran(capsys, "new", "Ours", "--from", "PyTorchEndToEnd")
    assert code == 1
    assert "error[not-in-vocabulary]" in out
    assert out.endswith("registry.d/pipelines/ours.yaml was not written\n")
    assert not (here / "scripts").exists()
