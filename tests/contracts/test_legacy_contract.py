"""The frozen modules and the live one fulfil the contract of the registry that they replace.

The obligations themselves are in ``legacy/``; here they run over every implementation. A further
implementation is one more entry of ``IMPLEMENTATIONS`` (and of the ``outcomes`` fixture, if it is no
frozen text).
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from tests.conftest import interpreter

from stepwell.model import HyperparameterDefinition, StepDefinition
from stepwell.resolve.table import LayeredTable
from stepwell.resolve.view import View
from stepwell.source.spelling import Naming
from stepwell.write.freeze import generate
from stepwell.write.freeze.tables import LegacyNaming

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent / "legacy"
REPOSITORY = Path(__file__).parents[2]
NAMING = LegacyNaming(
    ("training", "validation", "testing", "calibration"),
    {
        "xgb": "XGBoost",
        "xgboost": "XGBoost",
        "pytorch": "PyTorch",
        "mims": "",
        "tabular": "Tabular",
        "preprocess": "Preprocessing",
    },
)
CORE_STEPS = """
    Base Base BasePipelineConfig StepBuilderBase
    Processing Processing ProcessingStepConfigBase
    CradleDataLoading CradleDataLoading CradleDataLoadConfig
    TabularPreprocessing Processing
    RiskTableMapping Processing
    CurrencyConversion Processing
    PyTorchTraining Training
    XGBoostTraining Training
    DummyTraining Processing
    XGBoostModelEval Processing
    PyTorchModel CreateModel
    XGBoostModel CreateModel
    ModelCalibration Processing
    Package Processing
    Registration MimsModelRegistrationProcessing
    Payload Processing
    HyperparameterPrep Lambda
    BatchTransform Transform BatchTransformStepConfig
"""
ERIN_FIRST = ["Registration", "Package", "New", "Base"]
HYPERPARAMETERS = {
    "ModelHyperparameters": ("base", None),
    "XGBoostHyperparameters": ("xgboost", "xgboost"),
    "BSMModelHyperparameters": ("bsm", "pytorch"),
}
BUILDERS = [
    "StepBuilderRegistry",
    "get_global_registry",
    "list_global_step_types",
    "register_builder",
    "register_global_builder",
]
HOSTILE = [
    """both "quotes" and 'quotes'""",
    '"',
    "'",
    '"""',
    "'''\\",
    "back\\slash \\N{BULLET} \\u0041 \\",
    "line\nbreak\r\nand\rlone\ttab\0nul",
    '{{ x }} {% raw %} {# # #} ${x} {x!r} %s", "y": __import__("os")',
    "separators \u2028 \u2029 \x85 \x0c",
    "emoji \U0001f600 caf\xe9 \u202e bidi \ufeff",
    "lone \ud800 surrogate",
    "",
    "long " * 40,
]


@dataclass
class TableView:
    steps: list[StepDefinition]
    hyperparameters: dict[str, HyperparameterDefinition] = field(default_factory=dict)

    def but(self, *changed: StepDefinition, after: str | None = None, without: str = "") -> TableView:
        """This view with some steps replaced, or added right after another (at the front by default)."""
        replaced = {step.name: step for step in changed}
        steps = [replaced.pop(step.name, step) for step in self.steps if step.name != without]
        at = 0 if after is None else 1 + [step.name for step in steps].index(after)
        return replace(self, steps=[*steps[:at], *replaced.values(), *steps[at:]])


def step(
    name: str,
    kind: str | None,
    config: str | None = None,
    builder: str | None = None,
    about: str | None = None,
) -> StepDefinition:
    stated = {
        "name": name,
        "sagemaker_step_type": kind,
        "description": f"What {name} does." if about is None else about,
        "config_class": config,
        "builder_step_name": builder,
    }
    return StepDefinition(
        MappingProxyType({key: value for key, value in stated.items() if value is not None})
    )


def core_view() -> TableView:
    steps = [step(*line.split()) for line in CORE_STEPS.strip().splitlines()]
    classes = {
        name: HyperparameterDefinition(
            MappingProxyType(
                {
                    "name": name,
                    "module_path": f"src.pipeline_steps.hyperparameters_{module}",
                    "description": f"About {name}.",
                    **({"model_type": model} if model else {}),
                }
            )
        )
        for name, (module, model) in HYPERPARAMETERS.items()
    }
    return TableView([*steps[:5], step("NotInTheLegacyTable", None), *steps[5:]], hyperparameters=classes)


def workspace_views() -> dict[str, TableView]:
    core = core_view()
    enhanced = step(
        "XGBoostTraining", "Training", "EnhancedXGBoostTrainingConfig", "EnhancedXGBoostTrainingStepBuilder"
    )
    return {
        "alice": core.but(enhanced, step("FinancialDataPreprocessing", "Processing"), after="DummyTraining"),
        "bob": core.but(
            step("ModelEvaluation", "Processing", about="Bob's."),
            step("ModelEvaluationAgain", "Processing"),
            after="BatchTransform",
        ),
        "carol": core.but(
            step("ModelEvaluation", "Processing", about="Carol's."),
            step("Package", "Processing", about="Carol's own."),
        ),
        "dora": core,
        "erin": replace(core.but(step("New", "Tuning"), without="Payload"), steps=core.steps[:2:-1]),
        "finn": core.but(step("Package", None)),
    }


def rows(view: TableView) -> dict[str, dict[str, str | None]]:
    fields = ("config_class", "builder_step_name", "spec_type", "sagemaker_step_type", "description")
    legacy = [each for each in view.steps if each.sagemaker_step_type is not None]
    return {each.name: {name: getattr(each, name) for name in fields} for each in legacy}


def class_row(name: str) -> dict[str, str | None]:
    module, model = HYPERPARAMETERS[name]
    return {
        "class_name": name,
        "module_path": f"src.pipeline_steps.hyperparameters_{module}",
        "model_type": model,
        "description": f"About {name}.",
    }


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("ascii"))


def freeze(
    output: str, workspaces: dict[str, TableView] | None = None, aliases: Sequence[str] = ()
) -> dict[str, str]:
    core, views = layered(core_view(), workspaces)
    return generate(output, core, views, NAMING, "stepwell freeze", "1.2.3", aliases)


def layered(core: TableView, workspaces: dict[str, TableView] | None) -> tuple[View, dict[str, View] | None]:
    """The tables as views; a workspace takes a step away by a definition without a SageMaker type."""
    below = View(None, tables_of(core.steps, core, None))
    if workspaces is None:
        return below, None
    views = {}
    for workspace, table in workspaces.items():
        names = {each.name for each in table.steps}
        gone = [step(each.name, None) for each in core.steps if each.name not in names]
        own = [each for each in table.steps if each not in core.steps]
        views[workspace] = View(workspace, tables_of([*own, *gone], table, below.steps))
    return below, views


def tables_of(
    own: list[StepDefinition], table: TableView, below: LayeredTable[StepDefinition] | None
) -> dict[str, LayeredTable[Any]]:
    first = tuple(each.name for each in table.steps)
    return {
        "steps": LayeredTable({each.name: each for each in own}, below, first),
        "hyperparameters": LayeredTable(table.hyperparameters, None, tuple(table.hyperparameters)),
    }


def bare(*arguments: str) -> str:
    """What a bare interpreter prints: no site-packages, no environment, nothing of ours."""
    command = [sys.executable, "-I", "-S", "-B", "-W", "error", *arguments]
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout


def probe(folder: Path, module: str, contract: str, expected: object) -> dict[str, str]:
    told = folder / "expected.json"
    told.write_text(json.dumps(expected), encoding="utf-8")
    outcome: dict[str, str] = json.loads(
        bare(str(HERE / "probe.py"), str(folder), module, contract, str(told))
    )
    return outcome


def probe_live(folder: Path, module: str, contract: str, expected: object) -> dict[str, str]:
    """As ``probe``, of ``stepwell.legacy`` over the project in a folder."""
    told = folder / "expected.json"
    told.write_text(json.dumps(expected), encoding="utf-8")
    name = f"stepwell.legacy.{module}".rstrip(".")
    unset = {key: value for key, value in os.environ.items() if not key.startswith(("STEPWELL_", "CURSUS_"))}
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", HERE / "probe.py", folder, name, contract, told],
        check=True,
        capture_output=True,
        encoding="utf-8",
        env={**unset, "STEPWELL_PROJECT": str(folder)},
    )
    outcome: dict[str, str] = json.loads(done.stdout)
    return outcome


def live_views() -> dict[str, TableView]:
    """The workspaces as files can state them: none takes a step of the core away, or reorders it."""
    views = workspace_views()
    return {**views, "erin": core_view().but(step("New", "Tuning"), step("Payload", None))}


def in_project_order(workspace: str, table: dict[str, dict[str, str | None]]) -> dict[str, object]:
    """A table as the project orders it: what ``first`` names, then the rest by name."""
    first = ERIN_FIRST if workspace == "erin" else list(FROZEN["core"])
    names = [name for name in first if name in table]
    return {name: table[name] for name in [*names, *sorted(set(table) - set(names))]}


def write_project(root: Path) -> None:
    """The core and its workspaces as a project: what a workspace changes is in its ``local`` layer."""
    targets = [("step_names.py", "", list(FROZEN["core"])), ("erin.py", "erin", ERIN_FIRST)]
    lines = [
        line
        for output, workspace, first in targets
        for line in (
            "[[freeze]]",
            f"output = {json.dumps(output)}",
            f'workspace = "{workspace}"',
            f"first = {json.dumps(first)}",
        )
    ]
    files = {"stepwell.toml": "\n".join(['[rules]\nshadows-core = "off"', *lines])}
    core = core_view()
    naming = Naming()
    for each in core.steps:
        files[f"registry.d/steps/{naming.stem(each.name)}.yaml"] = json.dumps(dict(each.data))
    for name, each in core.hyperparameters.items():
        files[f"registry.d/hyperparameters/{naming.stem(name)}.yaml"] = json.dumps(dict(each.data))
    for workspace, view in live_views().items():
        files[f"workspaces/{workspace}/workspace.yaml"] = f"developer_id: {workspace}\n"
        for each in view.steps:
            if each not in core.steps:
                stem = naming.stem(each.name)
                files[f"workspaces/{workspace}/local/steps/{stem}.yaml"] = json.dumps(dict(each.data))
    write(root, files)


def obligations(contract: str, expected: dict[str, object]) -> list[str]:
    sys.path.insert(0, str(HERE))
    try:
        module = importlib.import_module(contract)
    finally:
        sys.path.remove(str(HERE))
    return [each.__name__ for each in module.obligations(expected)]


FROZEN = {"core": rows(core_view())}
FROZEN_WITH_WORKSPACES = {
    "core": rows(core_view()),
    "workspaces": {name: rows(view) for name, view in workspace_views().items()},
}
LIVE = {
    "core": rows(core_view()),
    "workspaces": {name: in_project_order(name, rows(view)) for name, view in live_views().items()},
}
IMPLEMENTATIONS = {"frozen": FROZEN, "frozen with workspaces": FROZEN_WITH_WORKSPACES, "live": LIVE}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    told = {}
    for implementation, expected in IMPLEMENTATIONS.items():
        folder = tmp_path_factory.mktemp("frozen")
        if implementation == "live":
            write_project(folder)
            told[implementation] = probe_live(folder, "step_names", "step_names_contract", expected)
            continue
        write(folder, freeze("step_names.py", workspace_views() if "workspaces" in expected else None))
        told[implementation] = probe(folder, "step_names", "step_names_contract", expected)
    return told


@pytest.mark.parametrize(
    ("implementation", "obligation"),
    [
        (implementation, obligation)
        for implementation, expected in IMPLEMENTATIONS.items()
        for obligation in obligations("step_names_contract", expected)
    ],
)
def test_step_names(outcomes: dict[str, dict[str, str]], implementation: str, obligation: str) -> None:
    assert outcomes[implementation][obligation] == "held", outcomes[implementation][obligation]


@pytest.mark.parametrize("workspaces", [None, workspace_views()], ids=["frozen", "with workspaces"])
def test_package(tmp_path: Path, workspaces: dict[str, TableView] | None) -> None:
    files = freeze("legacy/registry/", workspaces)
    own = [] if workspaces is None else ["__init__", *workspaces]
    assert sorted(files) == [
        "legacy/registry/__init__.py",
        *(f"legacy/registry/_workspaces/{name}.py" for name in own),
        "legacy/registry/builder_registry.py",
        "legacy/registry/exceptions.py",
        "legacy/registry/hyperparameter_registry.py",
        "legacy/registry/py.typed",
        "legacy/registry/step_names.py",
        "legacy/registry/step_names.pyi",
        "legacy/registry/step_type_test_variants.py",
    ]
    write(tmp_path, files)
    expected = {
        "has_workspaces": workspaces is not None,
        "own": ["builder_registry"],
        "builders": BUILDERS,
        "hyperparameters": {name: class_row(name) for name in HYPERPARAMETERS},
    }
    outcome = probe(tmp_path, "legacy.registry", "package_contract", expected)
    assert outcome == dict.fromkeys(obligations("package_contract", expected), "held")


OLD_CODE_BASE = {
    "cursus/__init__.py": "",
    "cursus/base.py": "class StepBuilderBase: ...\n",
    "cursus/steps/__init__.py": "",
    "cursus/steps/builders/__init__.py": "",
    "cursus/steps/builders/builder_package_step.py": (
        "from ...base import StepBuilderBase\nclass PackageStepBuilder(StepBuilderBase): ...\n"
    ),
    "cursus/steps/builders/builder_broken_step.py": "import nowhere_at_all\n",
    "cursus/steps/builders/builder_decorated_step.py": (
        "from ...base import StepBuilderBase\nfrom ...registry import register_builder\n"
        "@register_builder('Own')\nclass Decorated(StepBuilderBase): ...\n"
    ),
}
FROZEN_BUILDERS = """
import sys; sys.path.insert(0, sys.argv[1])
from cursus.base import StepBuilderBase
from cursus.registry import RegistryError, StepBuilderRegistry, get_global_registry
from cursus.registry import register_global_builder
from cursus.registry.builder_registry import REVERSE_BUILDER_MAPPING
from cursus.steps.builders.builder_package_step import PackageStepBuilder
registry = StepBuilderRegistry()
assert registry.get_builder_for_step_type("MIMSPackaging") is PackageStepBuilder
assert issubclass(registry.get_builder_map()["Own"], StepBuilderBase)
PackageConfig = type("PackageConfig", (), {"job_type": "training"})
assert registry.get_builder_for_config(PackageConfig()) is PackageStepBuilder
assert registry.get_builder_for_config(object(), node_name="Package") is PackageStepBuilder
assert REVERSE_BUILDER_MAPPING["StepBuilderBase"] == "Base"
class Mine: ...
registry.register_builder("Package_training", Mine)
assert registry.get_builder_for_config(PackageConfig()) is Mine
Plain = type("PackageConfig", (), {})
assert registry.get_builder_for_config(Plain(), "Anything_training") is Mine
assert registry.get_builder_for_config(Plain(), "Any_Training") is PackageStepBuilder
registry.unregister_builder("Package_training")
StepBuilderRegistry.register_builder_class("Wide", Mine)
register_global_builder("Here", Mine)
assert get_global_registry() is get_global_registry()
assert {"Wide", "Here"} <= set(get_global_registry().list_supported_step_types())
assert registry.is_step_type_supported("Wide") and not registry.is_step_type_supported("Here")
assert registry.get_config_types_for_step_type("BatchTransform") == ["BatchTransformStepConfig"]
assert registry.get_config_types_for_step_type("Odd") == ["OddConfig", "OddStepConfig"]
assert sorted(StepBuilderRegistry.BUILDER_REGISTRY) == ["Own", "Package", "Wide"]
assert list(StepBuilderRegistry.discover_builders()) == ["Package"]
assert registry.get_registry_stats()["total_builders"] == 3
assert "Base: No builder registered" in registry.validate_registry()["missing"]
try:
    registry.get_builder_for_step_type("PytorchModel")
except RegistryError as error:
    print(error)
"""


@pytest.mark.parametrize("workspaces", [None, workspace_views()], ids=["frozen", "with workspaces"])
def test_the_frozen_builder_registry_finds_the_builders_beside_it(
    tmp_path: Path, workspaces: dict[str, TableView] | None
) -> None:
    write(tmp_path, {**OLD_CODE_BASE, **freeze("cursus/registry/", workspaces)})
    assert bare("-c", FROZEN_BUILDERS, str(tmp_path)).splitlines() == [
        "No step builder found for step type 'PytorchModel' (canonical: 'PyTorchModel')",
        "Unresolvable step types: ['PytorchModel']",
        "Available builders: ['Own', 'Package', 'Wide']",
    ]


BOTH_STYLES = """
import importlib, sys, warnings
sys.path.insert(0, sys.argv[1])
new, old = "cursus.registry", "cursus.steps.registry"
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for style in (old, new) if sys.argv[2] == "old" else (new, old):
        importlib.import_module(f"{style}.step_names")
    import cursus.steps.registry.hyperparameter_registry
    from cursus.steps.registry import get_workspace_context, set_workspace_context
    from cursus.steps.registry.exceptions import RegistryError
print(*(f"{type(each.message).__name__}: {each.message}" for each in caught))
import cursus.registry as package
modules = "builder_registry exceptions hyperparameter_registry step_names step_type_test_variants".split()
for module in ("", *(f".{name}" for name in modules)):
    assert importlib.import_module(new + module) is importlib.import_module(old + module), module
set_workspace_context("alice")
print(package.get_workspace_context(), package.get_config_class_name("XGBoostTraining"))
package.clear_workspace_context()
print(get_workspace_context())
try:
    raise package.RegistryError("caught by the other name")
except RegistryError as error:
    print(error)
"""


@pytest.mark.parametrize("first", ["old", "new"])
def test_both_import_styles_of_the_old_package_are_one_package(tmp_path: Path, first: str) -> None:
    frozen = freeze("cursus/registry/", workspace_views(), ["cursus/steps/registry/"])
    write(tmp_path, {**OLD_CODE_BASE, **frozen})
    assert [path for path in frozen if path.startswith("cursus/steps/")] == [
        "cursus/steps/registry/__init__.py",
    ]
    assert bare("-W", "default", "-c", BOTH_STYLES, str(tmp_path), first).splitlines() == [
        "DeprecationWarning: cursus.steps.registry is deprecated; import cursus.registry",
        "alice EnhancedXGBoostTrainingConfig",
        "None",
        "caught by the other name",
    ]


def test_a_module_may_have_aliases_in_other_folders(tmp_path: Path) -> None:
    write(
        tmp_path,
        freeze("lib/names/step_names.py", None, ["lib/old.py", "lib/other/old.py", "lib/names/deep/er/n.py"]),
    )
    script = (
        "import sys, warnings; sys.path.insert(0, sys.argv[1]); warnings.simplefilter('ignore')\n"
        "import lib.old, lib.other.old, lib.names.deep.er.n, lib.names.step_names as names\n"
        "aliases = ['lib.old', 'lib.other.old', 'lib.names.deep.er.n']\n"
        "print([sys.modules[alias] is names for alias in aliases])\n"
    )
    assert bare("-c", script, str(tmp_path)) == "[True, True, True]\n"


def test_the_step_type_variants_are_those_of_the_old_package(tmp_path: Path) -> None:
    write(tmp_path, freeze("registry/"))
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from registry.step_type_test_variants import *\n"
        "print(get_all_step_types())\n"
        "print(get_step_type_requirements('Lambda').required_methods, get_step_type_variant('Lambda'))\n"
        "register_step_type_variant('Lambda', int)\n"
        "print(get_step_type_variant('Lambda'), validate_step_type('Base'), is_custom_step('A'))\n"
        "print(get_test_pattern_for_builder('builder_model_eval_step_xgboost', 'Processing'))\n"
        "print(get_test_pattern_for_builder('A', 'Training'), get_test_pattern_for_builder('A', 'Base'))\n"
        "print(should_run_advanced_tests('CradleDataLoadingStep', 'Processing'))\n"
        "print(get_reference_examples_for_pattern('Transform', 'standard'))\n"
        "print(detect_framework_from_processor('SparkMLProcessor'))\n"
    )
    assert bare("-c", script, str(tmp_path)).splitlines() == [
        (
            "['Processing', 'Training', 'Transform', 'CreateModel', 'Tuning', 'Lambda', 'Callback', "
            "'Condition', 'Fail', 'EMR', 'AutoML', 'NotebookJob']"
        ),
        "['_create_lambda_function', '_get_lambda_inputs'] None",
        "<class 'int'> False False",
        "custom_package",
        "standard unknown",
        "False",
        "['builder_batch_transform_step']",
        "spark",
    ]


def test_importing_a_frozen_package_imports_nothing_slow(tmp_path: Path) -> None:
    write(tmp_path, freeze("registry/", workspace_views()))
    script = "import sys; sys.path.insert(0, sys.argv[1]); import registry; print(*sys.modules)"
    slow = {"typing", "logging", "re", "importlib.resources", "dataclasses", "pkgutil"}
    assert slow.isdisjoint(bare("-c", script, str(tmp_path)).split())


OLDEST = (3, 8)


def test_frozen_modules_have_the_syntax_of_old_interpreters() -> None:
    views = workspace_views()
    for path, text in {**freeze("registry/", views, ["old/"]), **freeze("step_names.py", views)}.items():
        if path.endswith(".py"):
            ast.parse(text, path, feature_version=OLDEST)


@pytest.mark.parametrize("version", ["3.8", "3.9"])
@pytest.mark.parametrize("views", [None, workspace_views()], ids=["core only", "workspaces"])
def test_old_interpreters_import_frozen_modules(
    tmp_path: Path, version: str, views: dict[str, TableView] | None
) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} on this machine")
    write(tmp_path, {**freeze("registry/", views), **freeze("step_names.py", views)})
    modules = "step_names, registry.builder_registry, registry.step_type_test_variants"
    script = (
        f"import sys; sys.path.insert(0, sys.argv[1]); import {modules}, registry\n"
        "names = registry.get_all_step_names()\n"
        "found = registry.get_canonical_name_from_file_name('xgboost_training')\n"
        "print(names == step_names.get_all_step_names(), found)"
    )
    command = [python, "-E", "-B", "-c", script, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True XGBoostTraining\n", "")


def test_the_environment_selects_the_tables_of_a_package_as_well(tmp_path: Path) -> None:
    write(tmp_path, freeze("registry/", workspace_views()))
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); os.environ['CURSUS_WORKSPACE_ID'] = 'alice'\n"
        "import registry\n"
        "from registry import *\n"
        "from registry.step_names import CONFIG_STEP_REGISTRY as configs\n"
        "print(list(STEP_NAMES) == get_all_step_names() == list(SPEC_STEP_TYPES), len(STEP_NAMES))\n"
        "print(configs['EnhancedXGBoostTrainingConfig'])\n"
        "with workspace_context('bob'):\n"
        "    print('ModelEvaluation' in registry.STEP_NAMES, 'ModelEvaluation' in STEP_NAMES)\n"
        "os.environ['CURSUS_WORKSPACE_ID'] = 'nobody'\n"
        "for read in (get_all_step_names, lambda: registry.STEP_NAMES):\n"
        "    try:\n"
        "        read()\n"
        "    except ValueError as error:\n"
        "        print(str(error)[:25])\n"
    )
    assert bare("-c", script, str(tmp_path)).splitlines() == [
        "True 19",
        "XGBoostTraining",
        "True False",
        "Unknown workspace: nobody",
        "Unknown workspace: nobody",
    ]


def test_live_package(tmp_path: Path) -> None:
    write_project(tmp_path)
    expected = {
        "has_workspaces": True,
        "own": ["builder_registry", "registry", "use"],
        "builders": BUILDERS,
        "hyperparameters": {name: class_row(name) for name in sorted(HYPERPARAMETERS)},
    }
    outcome = probe_live(tmp_path, "", "package_contract", expected)
    assert outcome == dict.fromkeys(obligations("package_contract", expected), "held")


@pytest.mark.parametrize("workspaces", [None, workspace_views()], ids=["frozen", "with workspaces"])
def test_linters_and_type_checkers_pass_the_generated_files(
    tmp_path: Path, workspaces: dict[str, TableView] | None
) -> None:
    write(tmp_path, freeze("registry/", workspaces, ["old/registry/"]))
    write(tmp_path, {"alone.py": freeze("alone.py", workspaces)["alone.py"]})
    for config in (["--isolated"], ["--config", str(REPOSITORY / "pyproject.toml")]):
        for command in (["check"], ["format", "--check"]):
            run_tool("ruff", *command, *config, "--no-cache", str(tmp_path), says="")
    run_tool("mypy", "--strict", "registry", "alone.py", cwd=tmp_path, says="Success: no issues found")
    run_tool("mypy.stubtest", "registry.step_names", cwd=tmp_path, says="Success: no issues found")


@pytest.mark.parametrize("workspaces", [None, workspace_views()], ids=["frozen", "with workspaces"])
def test_the_type_checker_of_an_importer_finds_a_typo(
    tmp_path: Path, workspaces: dict[str, TableView] | None
) -> None:
    write(tmp_path, freeze("step_names.py", workspaces))
    importer = (
        "import step_names as names\n"
        "from step_names import STEP_NAMES, get_config_class_name\n"
        "\n"
        'get_config_class_name("XGBoostTraining")\n'
        'get_config_class_name("XGBoostTrainin")\n'
        "asked = input()\n"
        "if names.validate_step_name(asked):\n"
        "    get_config_class_name(asked)\n"
        "for name in names.get_all_step_names():\n"
        "    get_config_class_name(name)\n"
        "STEP_NAMES[asked]['config_class'].upper()\n"
        'get_config_class_name(names.get_canonical_name_from_file_name("x"))\n'
        'names.get_spec_step_type_with_job_type("Packag", "training")\n'
    )
    write(tmp_path, {"importer.py": importer})
    told = run_tool("mypy", "--strict", "--no-pretty", "importer.py", cwd=tmp_path, fails=True)
    found = [line.partition(" has incompatible")[0] for line in told.splitlines()]
    assert found[:-1] == [
        'importer.py:5: error: Argument 1 to "get_config_class_name"',
        'importer.py:13: error: Argument 1 to "get_spec_step_type_with_job_type"',
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_comes_back_as_it_was(tmp_path: Path, text: str) -> None:
    core = core_view().but(step("Hostile", "Processing", text, text, text))
    workspace = {text or "w": core_view().but(step("Odd" + text, "Processing", about=text))}
    write(
        tmp_path,
        generate(
            "step_names.py", *layered(core, workspace), LegacyNaming((text,), {text: text}), text or "x", text
        ),
    )
    script = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); import step_names as names\n"
        "(workspace,) = names.list_available_workspaces()\n"
        "odd = names.get_all_step_names(workspace)[0]\n"
        "print(json.dumps([names.STEP_NAMES['Hostile'], workspace, odd,"
        " names.get_step_description(odd, workspace)]))"
    )
    row, workspace_id, odd, description = json.loads(bare("-c", script, str(tmp_path)))
    assert [row["config_class"], row["builder_step_name"], row["description"]] == [text] * 3
    assert (workspace_id, odd, description) == (text or "w", "Odd" + text, text)
    run_tool("ruff", "check", "--isolated", "--no-cache", str(tmp_path), says="")
    run_tool("ruff", "format", "--check", "--isolated", "--no-cache", str(tmp_path), says="")


def run_tool(tool: str, *arguments: str, cwd: Path | None = None, says: str = "", fails: bool = False) -> str:
    done = subprocess.run(
        [sys.executable, "-m", tool, *arguments], check=False, capture_output=True, encoding="utf-8", cwd=cwd
    )
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    assert says in done.stdout
    return done.stdout
