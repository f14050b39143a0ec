"""What this repository's own registry, workspaces and settings say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from jsonschema import Draft202012Validator

from stepwell.source.document import Document, thaw
from stepwell.source.read import read

REPOSITORY = Path(__file__).resolve().parents[2]
SCHEMAS = {
    name: json.loads((REPOSITORY / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))
    for name in ("step", "hyperparameter", "pipeline", "workspace", "project", "step-override")
}

# In the order of the old table: sagemaker_step_type, config_class, builder_step_name, framework, aliases
CORE_STEPS: dict[str, tuple[str, str, str, str | None, tuple[str, ...]]] = {
    "Base": ("Base", "BasePipelineConfig", "StepBuilderBase", None, ()),
    "Processing": ("Processing", "ProcessingStepConfigBase", "ProcessingStepBuilder", None, ()),
    "CradleDataLoading": (
        "CradleDataLoading",
        "CradleDataLoadConfig",
        "CradleDataLoadingStepBuilder",
        None,
        (),
    ),
    "TabularPreprocessing": (
        "Processing",
        "TabularPreprocessingConfig",
        "TabularPreprocessingStepBuilder",
        None,
        (),
    ),
    "RiskTableMapping": ("Processing", "RiskTableMappingConfig", "RiskTableMappingStepBuilder", None, ()),
    "CurrencyConversion": (
        "Processing",
        "CurrencyConversionConfig",
        "CurrencyConversionStepBuilder",
        None,
        (),
    ),
    "PyTorchTraining": (
        "Training",
        "PyTorchTrainingConfig",
        "PyTorchTrainingStepBuilder",
        "pytorch",
        ("PytorchTraining",),
    ),
    "XGBoostTraining": ("Training", "XGBoostTrainingConfig", "XGBoostTrainingStepBuilder", "xgboost", ()),
    "DummyTraining": ("Processing", "DummyTrainingConfig", "DummyTrainingStepBuilder", None, ()),
    "XGBoostModelEval": (
        "Processing",
        "XGBoostModelEvalConfig",
        "XGBoostModelEvalStepBuilder",
        "xgboost",
        (),
    ),
    "PyTorchModel": (
        "CreateModel",
        "PyTorchModelConfig",
        "PyTorchModelStepBuilder",
        "pytorch",
        ("PytorchModel",),
    ),
    "XGBoostModel": ("CreateModel", "XGBoostModelConfig", "XGBoostModelStepBuilder", "xgboost", ()),
    "ModelCalibration": ("Processing", "ModelCalibrationConfig", "ModelCalibrationStepBuilder", None, ()),
    "Package": ("Processing", "PackageConfig", "PackageStepBuilder", None, ("MIMSPackaging",)),
    "Registration": (
        "MimsModelRegistrationProcessing",
        "RegistrationConfig",
        "RegistrationStepBuilder",
        None,
        ("ModelRegistration",),
    ),
    "Payload": ("Processing", "PayloadConfig", "PayloadStepBuilder", None, ("MIMSPayload",)),
    "HyperparameterPrep": ("Lambda", "HyperparameterPrepConfig", "HyperparameterPrepStepBuilder", None, ()),
    "BatchTransform": ("Transform", "BatchTransformStepConfig", "BatchTransformStepBuilder", None, ()),
}


def accepted(schema: dict[str, Any], data: Any) -> tuple[bool, bool]:
    """What the reference validator and the fast validator say, in this order."""
    return Draft202012Validator(schema).is_valid(data), jsonschema_rs.Draft202012Validator(schema).is_valid(
        data
    )


def committed(folder: str, pattern: str) -> list[Path]:
    return sorted((REPOSITORY / folder).glob(pattern))


def plain(path: Path) -> dict[str, Any]:
    document = read(str(REPOSITORY), path.relative_to(REPOSITORY).as_posix())
    assert isinstance(document, Document), document
    data: dict[str, Any] = thaw(document.data)
    return data


COMMITTED = [
    *((path, "step") for path in committed("registry.d", "steps/**/*.*")),
    *((path, "hyperparameter") for path in committed("registry.d", "hyperparameters/*.*")),
    *((path, "pipeline") for path in committed("registry.d", "pipelines/*.*")),
    *((path, "step") for path in committed("workspaces", "*/local/steps/*.*")),
    *((path, "step-override") for path in committed("workspaces", "*/override/steps/*.*")),
    *((path, "workspace") for path in committed("workspaces", "*/workspace.yaml")),
    (REPOSITORY / "stepwell.toml", "project"),
]


@pytest.mark.parametrize(
    ("path", "name"), COMMITTED, ids=[path.relative_to(REPOSITORY).as_posix() for path, _ in COMMITTED]
)
def test_a_committed_file_fits_and_shows_its_editor_the_way(path: Path, name: str) -> None:
    assert accepted(SCHEMAS[name], plain(path)) == (True, True)
    opening = "#:schema " if path.suffix == ".toml" else "# yaml-language-server: $schema="
    first_line = path.read_text(encoding="utf-8").splitlines()[0]
    assert first_line.startswith(opening)
    assert (
        path.parent / first_line.removeprefix(opening)
    ).resolve() == REPOSITORY / "schemas" / f"{name}.schema.json"


def test_the_core_steps_say_what_the_old_table_said_and_only_where_they_differ() -> None:
    found = {
        data["name"]: data
        for path, kind in COMMITTED
        if "registry.d" in path.parts and kind == "step"
        for data in [plain(path)]
    }
    assert found.keys() == CORE_STEPS.keys()
    for name, (kind, config_class, builder, framework, aliases) in CORE_STEPS.items():
        said = {key: value for key, value in found[name].items() if key not in ("description", "interface")}
        expected: dict[str, Any] = {"name": name, "sagemaker_step_type": kind}
        if config_class != f"{name}Config":
            expected["config_class"] = config_class
        if builder != f"{name}StepBuilder":
            expected["builder_step_name"] = builder
        if framework:
            expected["framework"] = framework
        if aliases:
            expected["aliases"] = list(aliases)
        assert said == expected


def test_each_core_description_is_one_distinct_sentence() -> None:
    said = [plain(path)["description"] for path, _ in COMMITTED if "registry.d" in path.parts]
    assert len(set(said)) == 26
    assert [text for text in said if not re.fullmatch(r"[A-Z][^.\n]+\.", text)] == []


def test_the_core_table_is_frozen_in_the_old_order() -> None:
    targets = plain(REPOSITORY / "stepwell.toml")["freeze"]
    assert [(target["output"], target.get("workspace", "")) for target in targets] == [
        ("generated/step_names.py", ""),
        ("generated/registry/", "all"),
    ]
    assert targets[0]["first"] == list(CORE_STEPS)


def test_the_hyperparameter_classes_are_those_of_the_old_registry() -> None:
    found = [plain(path) for path, kind in COMMITTED if kind == "hyperparameter"]
    assert {data["name"]: (data["module_path"], data.get("model_type")) for data in found} == {
        "ModelHyperparameters": ("src.pipeline_steps.hyperparameters_base", None),
        "XGBoostHyperparameters": ("src.pipeline_steps.hyperparameters_xgboost", "xgboost"),
        "BSMModelHyperparameters": ("src.pipeline_steps.hyperparameters_bsm", "pytorch"),
    }


def test_the_example_workspaces_agree_with_the_tutorial() -> None:
    def said(path: str) -> dict[str, Any]:
        data = plain(REPOSITORY / "workspaces" / path)
        return {key: value for key, value in data.items() if key not in ("description", "interface")}

    assert said("alice/override/steps/xgboost_training.yaml") == {
        "name": "XGBoostTraining",
        "config_class": "EnhancedXGBoostTrainingConfig",
        "builder_step_name": "EnhancedXGBoostTrainingStepBuilder",
        "priority": 75,
        "environment_tags": ["production", "gpu"],
    }
    local = [
        ("alice/local/steps/financial_data_preprocessing.yaml", "FinancialDataPreprocessing", "pandas", 90),
        ("bob/local/steps/model_evaluation.toml", "ModelEvaluation", "pytorch", 85),
        ("carol/local/steps/model_evaluation.yaml", "ModelEvaluation", "tensorflow", 85),
    ]
    for path, name, framework, priority in local:
        expected = {
            "name": name,
            "sagemaker_step_type": "Processing",
            "framework": framework,
            "priority": priority,
        }
        assert said(path) == expected
    assert said("carol/local/steps/package.yaml")["name"] == "Package"
    assert {
        name: said(f"{name}/workspace.yaml").get("conflict_tolerance") for name in ("alice", "bob", "carol")
    } == {
        "alice": None,
        "bob": None,
        "carol": "high",
    }
    assert len(committed("workspaces", "*/*/steps/*.*")) == 5
