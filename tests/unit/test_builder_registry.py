"""The old registry of builders over the live one: its names, its errors, its workspaces."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from tests.warm_python import run_python

import stepwell
from stepwell.frontends import legacy
from stepwell.frontends.legacy import builder_registry
from stepwell.frontends.legacy.builder_registry import StepBuilderRegistry
from stepwell.frontends.legacy.mixins import StepNamesMixin, StepRegistryMixin

if TYPE_CHECKING:
    from tests.conftest import Project

FILES: dict[str, str | bytes] = {
    "registry.d/steps/scoring.yaml": (
        "name: Scoring\nsagemaker_step_type: Processing\ndescription: S.\naliases: [OldScoring]\n"
    ),
    "registry.d/steps/package.yaml": "name: Package\nsagemaker_step_type: Processing\ndescription: P.\n",
    "registry.d/steps/lost.yaml": "name: Lost\nsagemaker_step_type: Processing\ndescription: L.\n",
    "registry.d/steps/inner.yaml": "name: Inner\ndescription: In no old table.\n",
    "src/builders.py": "class ScoringStepBuilder:\n    who = 'core'\nclass PackageStepBuilder: pass\n",
    "workspaces/alice/src/builders.py": "class ScoringStepBuilder:\n    who = 'alice'\n",
    "workspaces/alice/override/steps/scoring.yaml": "name: Scoring\nconfig_class: AliceConfig\n",
}


class ScoringConfig:
    """What core configures scoring with."""

    job_type: str | None = None
    workspace_id: str | None = None


class AliceConfig(ScoringConfig):
    """What alice configures scoring with."""

    workspace_id = "alice"


@pytest.fixture(autouse=True)
def root(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project that the old names show; what a test registers globally is forgotten."""
    for variable in ("STEPWELL_WORKSPACE", "CURSUS_WORKSPACE_ID"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(builder_registry, "_GLOBAL", StepBuilderRegistry())
    monkeypatch.setattr(builder_registry, "_CLASS_WIDE", {})
    folder = project(FILES)
    legacy.use(stepwell.open(folder))
    yield folder
    legacy.use(None)


def who(builder: type) -> Any:
    return getattr(builder, "who", None)


def test_a_builder_is_found_by_step_type_by_alias_and_by_the_old_aliases() -> None:
    known = StepBuilderRegistry()
    scoring = known.get_builder_for_step_type("Scoring")
    assert (scoring.__name__, who(scoring)) == ("ScoringStepBuilder", "core")
    assert known.get_builder_for_step_type("OldScoring") is scoring
    assert known.get_builder_for_step_type("MIMSPackaging").__name__ == "PackageStepBuilder"


def test_a_builder_is_found_by_config_and_the_configs_workspace_wins_over_the_context() -> None:
    known = StepBuilderRegistry()
    assert who(known.get_builder_for_config(ScoringConfig())) == "core"
    assert who(known.get_builder_for_config(AliceConfig())) == "alice"
    with stepwell.workspace("alice"):
        assert who(known.get_builder_for_step_type("Scoring")) == "alice"
        config = AliceConfig()
        config.workspace_id = None
        assert who(known.get_builder_for_config(config)) == "alice"
    assert who(known.get_builder_for_step_type("Scoring")) == "core"


def test_a_config_that_no_step_names_is_found_by_the_node_or_by_its_own_name() -> None:
    known = StepBuilderRegistry()
    other = type("SomethingElse", (), {})()
    assert known.get_builder_for_config(other, node_name="Scoring").__name__ == "ScoringStepBuilder"
    assert known.get_builder_for_config(other, node_name="Scoring_training").__name__ == "ScoringStepBuilder"
    packaging = type("MIMSPackagingStepConfig", (), {})()
    assert known.get_builder_for_config(packaging).__name__ == "PackageStepBuilder"


def test_an_unknown_step_type_or_config_is_a_registry_error_that_lists_what_exists() -> None:
    known = StepBuilderRegistry()
    with pytest.raises(legacy.RegistryError) as caught:
        known.get_builder_for_step_type("Nothing")
    assert str(caught.value) == (
        "No step builder found for step type: Nothing\n"
        "Unresolvable step types: ['Nothing']\n"
        "Available builders: ['MIMSPackaging', 'OldScoring', 'Package', 'Scoring']"
    )
    with pytest.raises(legacy.RegistryError, match="No step builder found for config type: object"):
        known.get_builder_for_config(object())
    with pytest.raises(legacy.RegistryError, match="no source file defines `LostStepBuilder`") as lost:
        known.get_builder_for_step_type("Lost")
    assert isinstance(lost.value.__cause__, stepwell.ComponentError)


def test_lists_are_sorted_and_hold_the_aliases() -> None:
    known = StepBuilderRegistry()
    assert known.list_supported_step_types() == ["MIMSPackaging", "OldScoring", "Package", "Scoring"]
    assert [known.is_step_type_supported(one) for one in ("Scoring", "OldScoring", "MIMSPackaging")] == [
        True
    ] * 3
    assert [known.is_step_type_supported(one) for one in ("Lost", "Nothing", "", "Inner")] == [False] * 4
    assert known.get_config_types_for_step_type("OldScoring") == ["ScoringConfig"]
    assert known.get_config_types_for_step_type("Nothing") == []


def test_the_map_is_the_callers_own_and_omits_what_cannot_be_loaded(root: Path) -> None:
    known = StepBuilderRegistry()
    found = known.get_builder_map()
    assert sorted(found) == ["Package", "Scoring"]
    found.clear()
    assert sorted(known.get_builder_map()) == ["Package", "Scoring"]
    (root / "src/builders.py").write_text("class ScoringStepBuilder: pass\n1 / 0\n", encoding="utf-8")
    legacy.registry().reload()
    assert known.get_builder_map() == {}


def test_validation_reports_valid_invalid_and_missing(root: Path) -> None:
    known = StepBuilderRegistry()
    (root / "src/broken.py").write_text(
        "class LostStepBuilder: pass\nimport nowhere_at_all\n", encoding="utf-8"
    )
    (root / "src/builders.py").write_text("class ScoringStepBuilder: pass\n", encoding="utf-8")
    legacy.registry().reload()
    told = known.validate_registry()
    assert (told["valid"], told["missing"]) == (["Scoring"], ["Package"])
    assert [one.partition(":")[0] for one in told["invalid"]] == ["Lost"]
    assert "No module named 'nowhere_at_all'" in told["invalid"][0]


def test_a_registered_class_comes_first_until_it_is_taken_back() -> None:
    known = StepBuilderRegistry()

    class Mine: ...

    known.register_builder("Scoring", Mine)
    known.register_builder("Brand", Mine)
    assert known.get_builder_for_step_type("Scoring") is Mine
    assert known.get_builder_for_step_type("Brand") is Mine
    assert known.get_registry_stats() == {
        "total_builders": 3,
        "default_builders": 1,
        "custom_builders": 2,
        "legacy_aliases": 5,
        "step_registry_names": 3,
    }
    known.unregister_builder("Scoring")
    known.unregister_builder("Scoring")
    assert who(known.get_builder_for_step_type("Scoring")) == "core"
    assert "Brand" not in StepBuilderRegistry().list_supported_step_types()


def test_a_job_type_takes_the_class_that_was_registered_for_it() -> None:
    known = StepBuilderRegistry()

    class ForTraining: ...

    known.register_builder("Scoring_training", ForTraining)
    config = ScoringConfig()
    assert who(known.get_builder_for_config(config)) == "core"
    config.job_type = "training"
    assert known.get_builder_for_config(config) is ForTraining


def test_a_class_registered_for_the_class_is_in_every_registry() -> None:
    before = StepBuilderRegistry()

    class MineStepBuilder: ...

    assert StepBuilderRegistry.register_builder_class("Mine", MineStepBuilder, validation_mode="strict") == []
    for known in (before, StepBuilderRegistry()):
        assert known.get_builder_for_step_type("Mine") is MineStepBuilder
        assert known.get_builder_map()["Mine"] is MineStepBuilder
        assert "Mine" in known.list_supported_step_types()
    assert list(StepBuilderRegistry.discover_builders()) == ["Package", "Scoring"]
    assert sorted(StepBuilderRegistry.BUILDER_REGISTRY) == ["Mine", "Package", "Scoring"]
    with pytest.raises(ValueError, match="must be a class, not 3"):
        StepBuilderRegistry.register_builder_class("Mine", 3)  # type: ignore[arg-type]


def test_the_table_of_builders_is_written_and_patched_like_a_dict() -> None:
    known = StepBuilderRegistry()
    core = known.get_builder_for_step_type("Scoring")
    table = StepBuilderRegistry.BUILDER_REGISTRY
    with mock.patch.dict(table, {"Scoring": object}, clear=True):
        assert known.get_builder_for_step_type("Scoring") is object
        assert known.get_builder_map() == {"Scoring": object}
        assert not known.is_step_type_supported("Package")
        with pytest.raises(legacy.RegistryError):
            known.get_builder_for_step_type("Package")
    assert known.get_builder_for_step_type("Scoring") is core
    assert sorted(known.get_builder_map()) == ["Package", "Scoring"]
    table["Scoring"] = object
    del table["Package"]
    assert known.get_builder_map() == {"Scoring": object}


def test_a_builder_class_names_its_step() -> None:
    assert builder_registry.REVERSE_BUILDER_MAPPING["ScoringStepBuilder"] == "Scoring"
    path = legacy.registry().project.root + "/registry.d/steps/odd.yaml"
    Path(path).write_text(
        "name: Odd\nsagemaker_step_type: Base\ndescription: O.\nbuilder_step_name: OldName\n"
    )
    legacy.registry().reload()

    @legacy.register_builder()
    class OldName: ...

    assert legacy.get_global_registry().get_builder_for_step_type("Odd") is OldName


PACKAGE: dict[str, str | bytes] = {
    "stepwell.toml": "schema_version = 1\n",
    "registry.d/steps/scoring.yaml": (
        "name: Scoring\nsagemaker_step_type: Processing\ndescription: S.\nconfig_class: ScoringConfig\n"
    ),
    "src/team_code/__init__.py": "",
    "src/team_code/base.py": "class StepBuilderBase: ...\nclass ConfigBase: ...\n",
    "src/team_code/steps/builders.py": (
        "from ..base import StepBuilderBase\nfrom .configs import ScoringConfig\n"
        "class ScoringStepBuilder(StepBuilderBase):\n"
        "    def accepts(self, config): return isinstance(config, ScoringConfig)\n"
    ),
    "src/team_code/steps/configs.py": (
        "from team_code.base import ConfigBase\nclass ScoringConfig(ConfigBase): ...\n"
    ),
    "workspaces/alice/src/mine.py": (
        "from helpers import WHO\nfrom team_code.base import StepBuilderBase\n"
        "from team_code.steps.builders import ScoringStepBuilder as Core\n"
        "class ScoringStepBuilder(Core):\n    who = WHO\n"
    ),
    "workspaces/alice/src/helpers.py": "WHO = 'alice'\n",
    "workspaces/bob/src/mine.py": (
        "from helpers import WHO\nfrom team_code.base import StepBuilderBase\n"
        "class ScoringStepBuilder(StepBuilderBase):\n    who = WHO\n"
    ),
    "workspaces/bob/src/helpers.py": "WHO = 'bob'\n",
    # Adds a module to the package of the core.
    "workspaces/carol/src/team_code/steps/own.py": (
        "from .. import base\nfrom . import configs\nfrom .builders import ScoringStepBuilder as Core\n"
        "from team_code import base as same\nfrom team_code.steps import configs as same_configs\n"
        "import team_code.steps.own\n"
        "assert base is same and configs is same_configs\n"
        "class ScoringStepBuilder(Core, base.StepBuilderBase):\n"
        "    who = 'carol'\n    config = configs.ScoringConfig\n"
    ),
}
OLD_CODE = """
import sys
sys.path.insert(0, "src")
{first}
from stepwell.legacy.builder_registry import StepBuilderRegistry
builders = StepBuilderRegistry()
core = builders.get_builder_for_step_type("Scoring")
from team_code.base import StepBuilderBase
from team_code.steps.builders import ScoringStepBuilder
from team_code.steps.configs import ScoringConfig
print(core is ScoringStepBuilder, issubclass(core, StepBuilderBase), core().accepts(ScoringConfig()))
print(builders.get_builder_for_config(ScoringConfig()) is core)
import stepwell
with stepwell.workspace("alice"):
    alice = builders.get_builder_for_step_type("Scoring")
with stepwell.workspace("bob"):
    bob = builders.get_builder_for_step_type("Scoring")
print(alice.who, bob.who, issubclass(alice, core), issubclass(bob, core), issubclass(bob, StepBuilderBase))
print(alice().accepts(ScoringConfig()), "helpers" in sys.modules)
with stepwell.workspace("carol"):
    carol = builders.get_builder_for_step_type("Scoring")
print(carol.who, issubclass(carol, core), carol.config is ScoringConfig, "team_code.steps.own" in sys.modules)
"""


@pytest.mark.parametrize("first", ["", "import team_code.base"], ids=["registry first", "package first"])
def test_builders_of_an_importable_package_are_those_of_the_process(project: Project, first: str) -> None:
    """Old code compares the classes that it imports with those of the registry."""
    folder = project({f"team/{path}": text for path, text in PACKAGE.items()}) / "team"
    done = run_python("-c", OLD_CODE.format(first=first), cwd=folder, env=dict(os.environ), fresh=True)
    assert (done.stderr, done.stdout.splitlines()) == (
        "",
        ["True True True", "True", "alice bob True False True", "True False", "carol True True False"],
    )


SOURCE_FOLDER: dict[str, str | bytes] = {
    "stepwell.toml": "schema_version = 1\n",
    "registry.d/steps/scoring.yaml": PACKAGE["registry.d/steps/scoring.yaml"],
    "src/__init__.py": "",
    "src/tools/__init__.py": "class StepBuilderBase: ...\n",
}


@pytest.mark.parametrize(
    ("imports", "first", "module"),
    [
        ("from tools import StepBuilderBase", "", "scoring_builder"),
        ("from .tools import StepBuilderBase", "import src.tools", "src.scoring_builder"),
    ],
    ids=["siblings by name", "a package that is imported"],
)
def test_a_source_folder_is_a_package_only_for_processes_that_import_it(
    project: Project, imports: str, first: str, module: str
) -> None:
    builder = f"{imports}\nclass ScoringStepBuilder(StepBuilderBase): ...\n"
    files = {**SOURCE_FOLDER, "src/scoring_builder.py": builder}
    folder = project({f"team/{path}": text for path, text in files.items()}) / "team"
    code = (
        f"{first}\nfrom stepwell.legacy.builder_registry import StepBuilderRegistry\n"
        "print(StepBuilderRegistry().get_builder_for_step_type('Scoring').__module__)"
    )
    done = run_python("-c", code, cwd=folder, env=dict(os.environ), fresh=True)
    assert done.stdout.rstrip().endswith(module), done.stderr
    assert done.stdout.startswith("src.") is bool(first)


def test_only_classes_can_be_registered_and_only_under_a_name() -> None:
    known = StepBuilderRegistry()
    with pytest.raises(ValueError, match="Builder of Scoring must be a class, not 3"):
        known.register_builder("Scoring", 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Step type must be a non-empty string, not ''"):
        known.register_builder("", type)


def test_the_decorator_and_the_global_names_share_one_registry() -> None:
    @legacy.register_builder()
    class BrandStepBuilder: ...

    @legacy.register_builder("Other")
    class Whatever: ...

    legacy.register_global_builder("Third", Whatever)
    assert {"Brand", "Other", "Third"} <= set(legacy.list_global_step_types())
    assert legacy.get_global_registry() is legacy.get_global_registry()
    assert legacy.get_global_registry().get_builder_for_step_type("Brand") is BrandStepBuilder


def test_an_unknown_workspace_is_an_error_and_never_the_core() -> None:
    config = ScoringConfig()
    config.workspace_id = "alicia"
    with pytest.raises(stepwell.UnknownWorkspace, match="did you mean `alice`"):
        StepBuilderRegistry().get_builder_for_config(config)


class Builder(StepNamesMixin):
    """A builder base class as teams have it."""

    def __init__(self, config: object) -> None:
        self.config = config


class Config(StepRegistryMixin):
    """A config base class as teams have it."""

    workspace_id: str | None = None


def test_the_mixins_follow_the_workspace_of_the_config_then_the_context() -> None:
    assert Builder(ScoringConfig()).STEP_NAMES["Scoring"] == "ScoringStepBuilder"
    assert "AliceConfig" not in Config.get_step_registry()
    assert Config.get_step_registry()["ScoringConfig"] == "Scoring"
    mine = Config()
    mine.workspace_id = "alice"
    assert mine.get_step_registry()["AliceConfig"] == "Scoring"
    with stepwell.workspace("alice"):
        assert Config.get_step_registry()["AliceConfig"] == "Scoring"
        assert Config().get_step_registry() is Config.get_step_registry()


def test_the_mixins_follow_a_reload_and_refuse_to_be_written(root: Path) -> None:
    names = Builder(AliceConfig()).STEP_NAMES
    assert "Added" not in names
    path = root / "workspaces/alice/local/steps/added.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("name: Added\nsagemaker_step_type: Processing\ndescription: A.\n", encoding="utf-8")
    legacy.registry().reload()
    assert names["Added"] == "AddedStepBuilder"
    assert Builder(AliceConfig()).STEP_NAMES is names
    with pytest.raises(TypeError, match="STEP_NAMES is read-only"):
        names.clear()
