"""Each step of this repository's core can be renamed, and answers to its old name do not change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import stepwell
from stepwell.resolve.view import View
from stepwell.write.edit.plan import FileEdits
from stepwell.write.edit.steps import StepEdits
from stepwell.write.freeze import generate
from stepwell.write.freeze.tables import LegacyNaming

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
REGISTRY = stepwell.open(REPOSITORY)
NAMING = REGISTRY.project.settings.naming
TODAY = date(2026, 11, 1)
QUESTIONS = (
    "get_config_class_name",
    "get_builder_step_name",
    "get_spec_step_type",
    "get_step_description",
    "get_sagemaker_step_type",
    "validate_step_name",
)


def module_of(view: View) -> Mapping[str, Any]:
    """The frozen module of a view, imported."""
    legacy = LegacyNaming(NAMING.job_type_suffixes, NAMING.abbreviations)
    text = generate("step_names.py", view, None, legacy, "", "0")["step_names.py"]
    module: dict[str, Any] = {"__name__": "step_names"}
    exec(text, module)  # noqa: S102 - it was just generated
    return MappingProxyType(module)


BEFORE = module_of(REGISTRY.view(None))


@pytest.mark.parametrize("name", sorted(REGISTRY.view(None)))
def test_a_renamed_step_answers_to_its_old_name(name: str) -> None:
    files = FileEdits(REGISTRY.project)
    edits = StepEdits(REGISTRY.project, REGISTRY.snapshot, files)
    edits.rename(name, f"Renamed{name}", in_python=False)
    planned = files.check(REGISTRY.diagnostics, TODAY, tuple)
    assert planned.diagnostics == ()
    view = planned.snapshot.view(None)
    assert view[name] is view[f"Renamed{name}"]
    kept = {key: value for key, value in view[name].effective().items() if key not in ("name", "aliases")}
    before = REGISTRY.view(None)[name].effective()
    assert kept == {key: value for key, value in before.items() if key not in ("name", "aliases")}
    after = module_of(view)
    if name in BEFORE["STEP_NAMES"]:
        assert after["STEP_NAMES"][f"Renamed{name}"] == BEFORE["STEP_NAMES"][name]
