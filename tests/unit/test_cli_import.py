"""``stepwell import``: old registries in, proved, and nothing half done."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from tests.warm_python import run_python

from stepwell.write.transaction import STAGING

if TYPE_CHECKING:
    from tests.conftest import RunStepwell

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((REPOSITORY / "schemas" / "output-import.schema.json").read_text(encoding="utf-8"))

OLD = '''\
"""The old table."""

STEP_NAMES = {
    # Special case
    "Base": {
        "config_class": "BasePipelineConfig",  # not BaseConfig
        "builder_step_name": "StepBuilderBase",
        "spec_type": "Base",
        "sagemaker_step_type": "Base",
        "description": "Hold what every step shares.",
    },
    "XGBoostTraining": {
        "config_class": "XGBoostTrainingConfig",
        "builder_step_name": "XGBoostTrainingStepBuilder",
        "spec_type": "XGBoostTraining",
        "sagemaker_step_type": "Training",
        "description": "Train a model: tabular data.",
    },
    "Alpha": {
        "config_class": "AlphaConfig",
        "builder_step_name": "AlphaStepBuilder",
        "spec_type": "Alpha",
        "sagemaker_step_type": "Processing",
        "description": "Come last.",
    },
}

CONFIG_STEP_REGISTRY = {info["config_class"]: name for name, info in STEP_NAMES.items()}
'''
BASE = """\
# Special case
name: Base
sagemaker_step_type: Base
description: Hold what every step shares.
# not BaseConfig
config_class: BasePipelineConfig
builder_step_name: StepBuilderBase
"""
XGBOOST = """\
name: XGBoostTraining
sagemaker_step_type: Training
description: 'Train a model: tabular data.'
"""
CONFIG = """\
schema_version = 1

[[freeze]]
output = "generated/step_names.py"
first = ["Base", "XGBoostTraining", "Alpha"]
"""
PATHS = [
    "registry.d/steps/alpha.yaml",
    "registry.d/steps/base.yaml",
    "registry.d/steps/xgboost_training.yaml",
    "stepwell.toml",
]


def row(name: str, **fields: str | None) -> dict[str, str | None]:
    return {
        "config_class": f"{name}Config",
        "builder_step_name": f"{name}StepBuilder",
        "spec_type": name,
        "sagemaker_step_type": "Processing",
        "description": "Do it.",
        **fields,
    }


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def files_in(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def answer(ran: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(ran.stdout)
    assert list(Draft202012Validator(SCHEMA).iter_errors(told)) == []
    return told


def places(told: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    return [(one["id"], one["span"]["line"], one["span"]["column"]) for one in told["diagnostics"]]


def test_the_schema_and_its_examples_are_good() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    for example in SCHEMA["examples"]:
        Draft202012Validator(SCHEMA).validate(example)


def test_a_table_becomes_a_project(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    write(tmp_path, {"old.py": OLD})
    ran = run_stepwell("import", "old.py", "--into", "new", cwd=tmp_path)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == (
        "read old.py: STEP_NAMES with 3 rows\nverified: 3 rows equal, in the same order\nwrote 4 files\n"
    )
    written = files_in(tmp_path / "new")
    assert sorted(written) == PATHS
    assert written["registry.d/steps/base.yaml"] == BASE
    assert written["registry.d/steps/xgboost_training.yaml"] == XGBOOST
    assert written["stepwell.toml"] == CONFIG
    assert run_stepwell("check", cwd=tmp_path / "new").exit_code == 0


def test_what_is_frozen_afterwards_is_the_old_table(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    write(tmp_path, {"old.py": OLD})
    run_stepwell("import", "old.py", cwd=tmp_path)
    run_stepwell("freeze", cwd=tmp_path)
    tables = []
    for module in (tmp_path / "old.py", tmp_path / "generated/step_names.py"):
        names: dict[str, Any] = {}
        exec(module.read_text(encoding="utf-8"), names)  # noqa: S102 - the test's own text
        tables.append(list(names["STEP_NAMES"].items()))
    assert tables[0] == tables[1]


def test_a_dry_run_shows_the_plan_and_writes_nothing(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    write(tmp_path, {"old.py": OLD})
    ran = run_stepwell("import", "old.py", "--dry-run", "-v", "--into", "new", cwd=tmp_path)
    assert ran.exit_code == 0
    assert "new        registry.d/steps/base.yaml\n    # Special case\n    name: Base\n" in ran.stdout
    assert ran.stdout.endswith("verified: 3 rows equal, in the same order\nnothing was written\n")
    assert list(files_in(tmp_path)) == ["old.py"]
    assert not (tmp_path / "new").exists()


def test_a_second_import_changes_nothing(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    write(tmp_path, {"old.py": OLD})
    run_stepwell("import", "old.py", cwd=tmp_path)
    before = files_in(tmp_path)
    ran = run_stepwell("import", "old.py", cwd=tmp_path)
    assert (ran.exit_code, ran.stdout.splitlines()[-1]) == (0, "wrote 0 files, 3 unchanged")
    assert files_in(tmp_path) == before


def test_nothing_is_overwritten_without_force(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    mine = {
        "stepwell.toml": "",
        "registry.d/steps/deep/base.yaml": "name: Base\ndescription: Mine.\nframework: pandas\n",
    }
    write(tmp_path, {"old.py": OLD, **mine})
    before = files_in(tmp_path)
    ran = run_stepwell("import", "old.py", cwd=tmp_path)
    assert ran.exit_code == 1
    assert "would overwrite registry.d/steps/deep/base.yaml\n" in ran.stdout
    assert ran.stdout.endswith("nothing was written; use --force to overwrite these files\n")
    assert files_in(tmp_path) == before
    ran = run_stepwell("import", "old.py", "--force", cwd=tmp_path)
    assert ran.exit_code == 0
    written = files_in(tmp_path)
    assert "framework: pandas\n" in written["registry.d/steps/deep/base.yaml"]
    assert "description: Hold what every step shares.\n" in written["registry.d/steps/deep/base.yaml"]
    assert "registry.d/steps/base.yaml" not in written


def test_a_step_with_equal_values_keeps_its_file_and_its_other_fields(
    run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    mine = BASE.replace("# Special case", "# mine") + "framework: pandas\naliases: [Root]\n"
    write(tmp_path, {"old.py": OLD, "stepwell.toml": "", "registry.d/steps/deep/base.yaml": mine})
    ran = run_stepwell("import", "old.py", cwd=tmp_path)
    assert (ran.exit_code, ran.stdout.splitlines()[-1]) == (0, "wrote 3 files, 1 unchanged")
    assert files_in(tmp_path)["registry.d/steps/deep/base.yaml"] == mine


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", CONFIG),
        (
            '# mine\n[paths]  # here\ncore = "registry.d"\n',
            '# mine\n[paths]  # here\ncore = "registry.d"\n\n' + CONFIG.partition("\n\n")[2],
        ),
        (
            '[[freeze]]  # one\noutput = "a.py"  # two\n\n# three\n[rules]\n',
            (
                '[[freeze]]  # one\noutput = "a.py"  # two\nfirst = ["Base", "XGBoostTraining", "Alpha"]\n\n'
                "# three\n[rules]\n"
            ),
        ),
        (
            '[[freeze]]\noutput = "a.py"\nfirst = []  # none\n',
            '[[freeze]]\noutput = "a.py"\nfirst = ["Base", "XGBoostTraining", "Alpha"]  # none\n',
        ),
        (
            '[[freeze]]\noutput = "b.py"\nworkspace = "all"\n',
            '[[freeze]]\noutput = "b.py"\nfirst = ["Base", "XGBoostTraining", "Alpha"]\nworkspace = "all"\n',
        ),
    ],
)
def test_the_order_is_written_and_the_rest_of_the_configuration_stays(
    run_stepwell: RunStepwell, tmp_path: Path, before: str, after: str
) -> None:
    write(tmp_path, {"old.py": OLD, "stepwell.toml": before})
    ran = run_stepwell("import", "old.py", cwd=tmp_path)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert files_in(tmp_path)["stepwell.toml"] == after


def test_a_table_in_pyproject_gains_the_order(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    write(tmp_path, {"old.py": OLD, "pyproject.toml": "# mine\n[tool.stepwell]\nschema_version = 1\n"})
    assert run_stepwell("import", "old.py", cwd=tmp_path).exit_code == 0
    assert files_in(tmp_path)["pyproject.toml"] == (
        "# mine\n[tool.stepwell]\nschema_version = 1\n\n[[tool.stepwell.freeze]]\n"
        'output = "generated/step_names.py"\nfirst = ["Base", "XGBoostTraining", "Alpha"]\n'
    )


def test_a_configuration_that_cannot_be_edited_states_what_to_write(
    run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    config = 'freeze = [{output = "a.py"}]\n'
    write(tmp_path, {"old.py": OLD, "stepwell.toml": config})
    told = answer(run_stepwell("import", "old.py", "--format", "json", cwd=tmp_path))
    assert files_in(tmp_path)["stepwell.toml"] == config
    (found,) = told["diagnostics"]
    assert found["id"] == "order-not-written"
    assert found["help"] == ('add `first = ["Base", "XGBoostTraining", "Alpha"]` to its `[[freeze]]` table')
    assert (told["whole"], told["proof"][0]["in_order"]) == (False, False)


def test_another_order_is_only_replaced_by_force(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    config = '[[freeze]]\noutput = "a.py"\nfirst = ["Alpha", "Mine"]\n'
    mine = "name: Mine\nsagemaker_step_type: Processing\ndescription: Mine.\n"
    write(tmp_path, {"old.py": OLD, "stepwell.toml": config, "registry.d/steps/mine.yaml": mine})
    ran = run_stepwell("import", "old.py", cwd=tmp_path)
    assert (ran.exit_code, "would overwrite stepwell.toml\n" in ran.stdout) == (1, True)
    ran = run_stepwell("import", "old.py", "--force", cwd=tmp_path)
    assert ran.exit_code == 0
    assert "verified: 3 rows equal, in the same order (the project has 1 row more)\n" in ran.stdout
    assert files_in(tmp_path)["stepwell.toml"] == (
        '[[freeze]]\noutput = "a.py"\nfirst = ["Base", "XGBoostTraining", "Alpha", "Mine"]\n'
    )


def test_an_import_that_fails_verification_is_written_only_when_forced(
    run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    broken = OLD.replace('"spec_type": "XGBoostTraining"', '"spec_type": make("x")').replace(
        '"description": "Come last.",', ""
    )
    write(tmp_path, {"old.py": broken})
    ran = run_stepwell("import", "old.py", cwd=tmp_path)
    assert ran.exit_code == 1
    assert ran.stdout.endswith("could not be verified; use --force to write it anyway\n")
    assert sorted(files_in(tmp_path)) == ["old.py"]
    ran = run_stepwell("import", "old.py", "--force", "--format", "json", cwd=tmp_path)
    told = answer(ran)
    assert ran.exit_code == 1
    assert places(told) == [
        ("not-proved", 12, 5),
        ("not-literal", 15, 22),
        ("missing-field", 19, 5),
        ("not-proved", 19, 5),
    ]
    assert next(one["message"] for one in told["diagnostics"]) == (
        "`spec_type` of `XGBoostTraining` is 'XGBoostTraining' in the new table, but not in the source"
    )
    assert (told["written"], told["whole"], told["proof"][0]["equal"]) == (True, False, 1)
    assert sorted(files_in(tmp_path)) == ["old.py", *PATHS[1:]]


def test_a_finding_of_the_check_is_reported_where_in_the_source_it_comes_from(
    run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    config = '[vocabulary]\nsagemaker_step_types = ["Base", "Training"]\n'
    write(tmp_path, {"old.py": OLD, "stepwell.toml": config})
    told = answer(run_stepwell("import", "old.py", "--format", "json", cwd=tmp_path))
    assert places(told) == [("not-proved", 19, 5), ("not-in-vocabulary", 23, 32)]
    assert {one["span"]["path"] for one in told["diagnostics"]} == {"old.py"}


def test_a_workspace_registry_becomes_a_workspace(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    own = {
        "LOCAL_STEPS": {"Mine": row("Mine", framework="pandas")},
        "STEP_OVERRIDES": {
            "Alpha": row("Alpha", config_class="FastConfig", description="Come last."),
            "Base": {
                **row("Base", spec_type="Base", sagemaker_step_type="Base"),
                "builder_step_name": "StepBuilderBase",
                "config_class": "BaseConfig",
                "description": "Hold what every step shares.",
            },
            "XGBoostTraining": row(
                "XGBoostTraining", sagemaker_step_type="Training", description="Train a model: tabular data."
            ),
            "New": row("New"),
        },
        "WORKSPACE_METADATA": {"developer_id": "alice", "version": "1.0", "maintainer": "Alice"},
    }
    text = "".join(f"{name} = {table!r}\n" for name, table in own.items())
    write(tmp_path, {"old.py": OLD, "alice.py": text})
    ran = run_stepwell("import", "old.py", "alice.py", cwd=tmp_path)
    assert ran.exit_code == 0, ran.stdout
    assert "verified: 3 rows equal, in the same order\n" in ran.stdout
    assert "verified: 5 rows equal, the changes of workspace alice\n" in ran.stdout
    written = {path: text for path, text in files_in(tmp_path).items() if path.startswith("workspaces/")}
    assert written == {
        "workspaces/alice/workspace.yaml": 'developer_id: alice\nversion: "1.0"\nx-maintainer: Alice\n',
        "workspaces/alice/local/steps/mine.yaml": (
            "name: Mine\nsagemaker_step_type: Processing\ndescription: Do it.\nframework: pandas\n"
        ),
        "workspaces/alice/local/steps/new.yaml": (
            "name: New\nsagemaker_step_type: Processing\ndescription: Do it.\n"
        ),
        "workspaces/alice/override/steps/alpha.yaml": "name: Alpha\nconfig_class: FastConfig\n",
        "workspaces/alice/override/steps/base.yaml": "name: Base\nconfig_class: BaseConfig\n",
    }
    assert "the override of `XGBoostTraining` changes nothing" in ran.stdout
    assert "`New` overrides a step that does not exist; it becomes a local step" in ran.stdout


def test_a_field_that_an_old_override_dropped_is_removed_by_null(
    run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    core = (
        "name: Alpha\nsagemaker_step_type: Processing\ndescription: Do it.\nframework: pandas\npriority: 5\n"
    )
    table = {"Alpha": row("Alpha", framework="numpy"), "Beta": row("Beta")}
    beta = core.replace("Alpha", "Beta")
    text = f"STEP_OVERRIDES = {table!r}\n"
    files = {"stepwell.toml": "", "registry.d/steps/alpha.yaml": core, "registry.d/steps/beta.yaml": beta}
    write(tmp_path, {**files, "over.py": text})
    ran = run_stepwell("import", "over.py", "--workspace", "bob", cwd=tmp_path)
    assert (ran.exit_code, ran.stdout.splitlines()[-2]) == (
        0,
        "verified: 2 rows equal, the changes of workspace bob",
    )
    overrides = tmp_path / "workspaces/bob/override/steps"
    assert (overrides / "alpha.yaml").read_text() == "name: Alpha\nframework: numpy\npriority: null\n"
    assert (overrides / "beta.yaml").read_text() == "name: Beta\nframework: null\npriority: null\n"


def test_a_missing_workspace_option_is_an_error(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    write(tmp_path, {"over.py": "LOCAL_STEPS = {}\n"})
    ran = run_stepwell("import", "over.py", cwd=tmp_path)
    assert (ran.exit_code, ran.stderr) == (
        2,
        "error: over.py does not specify its workspace; use --workspace ID\n",
    )
    write(tmp_path, {"over.py": 'WORKSPACE_METADATA = {"developer_id": "../x"}\n'})
    ran = run_stepwell("import", "over.py", cwd=tmp_path)
    assert (ran.exit_code, "(`../x` is not a valid id)" in ran.stderr) == (2, True)


def test_a_workspace_cannot_be_called_like_all_of_them(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    write(tmp_path, {"over.py": "LOCAL_STEPS = {}\n"})
    ran = run_stepwell("import", "over.py", "--workspace", "all", cwd=tmp_path)
    assert (ran.exit_code, "(`all` is not a valid id)" in ran.stderr) == (2, True)


def test_words_of_a_workspace_that_do_not_fit_are_reported_and_not_written(
    run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    table = {"Mine": row("Mine")}
    text = f"LOCAL_STEPS = {table!r}\nWORKSPACE_METADATA = {{'developer_id': 'alice', 'version': 1.0}}\n"
    write(tmp_path, {"alice.py": text})
    ran = run_stepwell("import", "alice.py", "--format", "json", cwd=tmp_path)
    told = answer(ran)
    assert (ran.exit_code, places(told)) == (1, [("wrong-type", 2, 59)])
    assert [file["path"] for file in told["files"]] == [
        "workspaces/alice/local/steps/mine.yaml",
        "stepwell.toml",
    ]


def test_a_second_table_is_appended_to_the_order_that_is_there(
    run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    more = f"STEP_NAMES = { ({'Zeta': row('Zeta'), 'Eta': row('Eta')})!r}\n"
    write(tmp_path, {"old.py": OLD, "more.py": more})
    run_stepwell("import", "old.py", cwd=tmp_path)
    ran = run_stepwell("import", "more.py", cwd=tmp_path)
    assert (ran.exit_code, ran.stdout.splitlines()[1]) == (
        0,
        "verified: 2 rows equal, in the same order (the project has 3 rows more)",
    )
    assert (
        'first = ["Base", "XGBoostTraining", "Alpha", "Zeta", "Eta"]\n' in files_in(tmp_path)["stepwell.toml"]
    )


def test_a_table_of_hyperparameters(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    table = {
        "Net": {"class_name": "Net", "module_path": "a.b", "model_type": "pytorch", "description": "N."},
        "Any": {"class_name": "Any", "module_path": "a.c", "model_type": None, "description": "A."},
    }
    write(tmp_path, {"old.py": f"HYPERPARAMETER_REGISTRY = {table!r}\n"})
    ran = run_stepwell("import", "old.py", cwd=tmp_path)
    assert (ran.exit_code, ran.stdout.splitlines()[1]) == (
        0,
        "verified: 2 rows equal, the table of hyperparameters",
    )
    folder = tmp_path / "registry.d/hyperparameters"
    assert (
        folder / "net.yaml"
    ).read_text() == "name: Net\nmodule_path: a.b\nmodel_type: pytorch\ndescription: N.\n"
    assert (folder / "any.yaml").read_text() == "name: Any\nmodule_path: a.c\ndescription: A.\n"


def test_the_order_of_hyperparameter_classes_decides_and_is_kept(
    run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    def of_trees(name: str) -> dict[str, str]:
        return {"class_name": name, "module_path": "a.b", "model_type": "tree", "description": f"{name}."}

    classes = {"Newer": of_trees("Newer"), "Forest": of_trees("Forest")}
    write(
        tmp_path,
        {"old.py": f"STEP_NAMES = { ({'Base': row('Base')})!r}\nHYPERPARAMETER_REGISTRY = {classes!r}\n"},
    )
    ran = run_stepwell("import", "old.py", cwd=tmp_path)
    assert (ran.exit_code, ran.stderr) == (0, "")
    text = files_in(tmp_path)["stepwell.toml"]
    assert 'first = ["Base", "Newer", "Forest"]\n' in text
    (tmp_path / "stepwell.toml").write_text(text.replace("generated/step_names.py", "old_registry/"))
    assert run_stepwell("check", cwd=tmp_path).exit_code == 0
    assert run_stepwell("freeze", cwd=tmp_path).exit_code == 0
    code = (
        "from {} import get_all_hyperparameter_classes, get_hyperparameter_class_by_model_type\n"
        "print(get_hyperparameter_class_by_model_type('tree'), get_all_hyperparameter_classes())"
    )
    for module in ("old_registry", "stepwell.legacy"):
        done = run_python("-c", code.format(module), cwd=tmp_path, env=dict(os.environ))
        assert done.stdout == "Newer ['Newer', 'Forest']\n", done.stderr
    assert run_stepwell("import", "old.py", cwd=tmp_path).exit_code == 0
    settings = (tmp_path / "stepwell.toml").read_text(encoding="utf-8")  # beside bytecode of the imports
    assert settings == text.replace("generated/step_names.py", "old_registry/")


INTERFACE = """\
# about it
step_type: Alpha
node_type: internal
registry:
  sagemaker_step_type: Processing
  requires: sdk  # hard
  config_class: AlphaStepConfig  # odd, and
                                 # explained
  description: "Do: it"
contract:
  inputs: {}  # none
  text: |
    a
      b
"""


def test_an_interface_is_carried_whole_with_its_comments(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    write(tmp_path, {"in/alpha.step.yaml": INTERFACE, "in/README.md": "", "in/.hidden.step.yaml": "["})
    ran = run_stepwell("import", "in", "--into", "new", cwd=tmp_path)
    assert (ran.exit_code, ran.stdout) == (
        0,
        (
            "read in/alpha.step.yaml: an interface\n"
            "skipped in/README.md: not an importable file\n"
            "verified: 1 row equal\nverified: 1 row equal, the interfaces\n"
            "wrote 2 files\n"
        ),
    )
    assert (
        files_in(tmp_path / "new")["registry.d/steps/alpha.yaml"]
        == """\
# about it
name: Alpha
sagemaker_step_type: Processing
description: 'Do: it'
# odd, and
# explained
config_class: AlphaStepConfig
# none
interface:
  node_type: internal
  inputs: {}
  x-text: "a\\n  b\\n"
x-interface:
  registry:
    requires: sdk  # hard
"""
    )


@pytest.mark.parametrize(
    "files",
    [
        {"src/notes.txt": "x"},
        {"src/old.py": "STEP_NAMES = {"},
        {"src/old.py": "STEP_NAMES = load()\n"},
        {"src/old.py": OLD, "src/odd.py": "HYPERPARAMETER_REGISTRY = {'A': 3}\n"},
        {"src/old.json": json.dumps({"Alpha": row("Alpha"), "Beta": {**row("Beta"), "description": " "}})},
        {"src/a.step.yaml": "step_type: 3\n"},
        {"src/old.py": OLD.replace('"Alpha": {', '"Alpha": 3, "Gamma": {')},
    ],
)
def test_a_failed_import_leaves_nothing(
    run_stepwell: RunStepwell, tmp_path: Path, files: Mapping[str, str]
) -> None:
    write(tmp_path, files)
    before = sorted(tmp_path.rglob("*"))
    ran = run_stepwell("import", "src", "--into", "new/folder", cwd=tmp_path)
    assert (ran.exit_code, "\nnothing was written: " in f"\n{ran.stdout}") == (1, True)
    assert sorted(tmp_path.rglob("*")) == before
    forced = run_stepwell("import", "src", "--into", "new/folder", "--force", cwd=tmp_path)
    assert forced.exit_code == 1
    written = {path.name for path in tmp_path.rglob("*")} - {path.name for path in before}
    assert "stepwell.toml" not in written or any(name.endswith(".yaml") for name in written)


def test_an_interface_and_the_table_are_put_together(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    text = INTERFACE.replace("AlphaStepConfig", "OtherConfig")
    write(tmp_path, {"old.py": OLD, "alpha.step.yaml": text})
    sources = ("old.py", "alpha.step.yaml")
    assert run_stepwell("import", *sources, cwd=tmp_path).stdout.endswith(
        "nothing was written: there are errors; use --force to write the rest\n"
    )
    told = answer(run_stepwell("import", *sources, "--force", "--format", "json", cwd=tmp_path))
    differing = [(one["message"], one["span"]["line"]) for one in told["diagnostics"]]
    assert differing == [
        ("`config_class` of `Alpha` differs between two sources, the first is used", 7),
        ("`description` of `Alpha` differs between two sources, the first is used", 9),
    ]
    written = files_in(tmp_path)["registry.d/steps/alpha.yaml"]
    assert written.startswith(
        "name: Alpha\nsagemaker_step_type: Processing\ndescription: Come last.\n# none\ninterface:\n"
    )


@pytest.mark.parametrize(
    "document",
    [
        {"Beta": row("Beta"), "Alpha": row("Alpha")},
        {"steps": {"Beta": row("Beta"), "Alpha": row("Alpha")}},
        [{"name": "Beta", **row("Beta")}, {"name": "Alpha", **row("Alpha")}],
        {"version": 1, "steps": [{"name": "Beta", **row("Beta")}, {"name": "Alpha", **row("Alpha")}]},
    ],
)
def test_a_table_in_json(run_stepwell: RunStepwell, tmp_path: Path, document: Any) -> None:
    write(tmp_path, {"old.json": json.dumps(document)})
    ran = run_stepwell("import", "old.json", cwd=tmp_path)
    assert (ran.exit_code, ran.stdout) == (
        0,
        "read old.json: 2 rows\nverified: 2 rows equal, in the same order\nwrote 3 files\n",
    )
    assert 'first = ["Beta", "Alpha"]' in files_in(tmp_path)["stepwell.toml"]


@pytest.mark.parametrize(
    ("text", "rule", "place"),
    [
        ('{"A": {"description": "a",}}', "invalid-json", (1, 27)),
        ('{"A": {"description": "a"},\n "A": {}}', "invalid-json", (2, 2)),
        ('{"A": {"description": NaN}}', "invalid-json", (1, 1)),
        ('{"A": {"description": "\\ud800"}}', "invalid-json", (1, 1)),
        ("[" * 100_000, "too-deeply-nested", (1, 1)),
        ('{"A": {"description": 5, "sagemaker_step_type": "Base"}}', "wrong-type", (1, 23)),
    ],
)
def test_json_that_cannot_be_used_is_reported_with_its_place(
    run_stepwell: RunStepwell, tmp_path: Path, text: str, rule: str, place: tuple[int, int]
) -> None:
    write(tmp_path, {"old.json": text})
    ran = run_stepwell("import", "old.json", "--dry-run", "--format", "json", cwd=tmp_path)
    assert ran.exit_code == 1
    assert (rule, *place) in places(answer(ran))


def test_names_that_are_paths_never_leave_the_project(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    write(tmp_path, {"old.json": json.dumps({"../../evil": row("X"), "..": row("Y"), "A": row("A")})})
    ran = run_stepwell("import", "old.json", "--into", "a/b/new", "--force", cwd=tmp_path)
    assert ran.exit_code == 1
    assert sorted(files_in(tmp_path)) == [
        "a/b/new/registry.d/steps/a.yaml",
        "a/b/new/stepwell.toml",
        "old.json",
    ]


def test_two_names_of_one_stem_get_a_file_each(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    write(tmp_path, {"old.json": json.dumps({"HTTPGet": row("HTTPGet"), "HttpGet": row("HttpGet")})})
    ran = run_stepwell("import", "old.json", cwd=tmp_path)
    assert (ran.exit_code, ran.stdout.splitlines()[1]) == (0, "verified: 2 rows equal, in the same order")


def test_a_link_out_of_the_project_is_not_followed(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write(tmp_path, {"old.py": OLD, "outside/keep": "", "new/stepwell.toml": '[paths]\ncore = "core"\n'})
    (tmp_path / "new/core").symlink_to(outside)
    ran = run_stepwell("import", "old.py", "--into", "new", "--force", cwd=tmp_path)
    assert ran.exit_code == 2
    assert "leaves the project through a symbolic link; nothing was written" in ran.stderr
    assert list(files_in(outside)) == ["keep"]


def test_terminal_escapes_of_a_source_are_shown_and_not_obeyed(
    run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    write(tmp_path, {"old.py": OLD.replace('"Alpha": {', '"Al\x1b[31mpha": {')})
    ran = run_stepwell("import", "old.py", "--dry-run", cwd=tmp_path)
    assert ran.exit_code == 1
    assert "\x1b" not in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.py",), "error: no such file or folder: `nowhere.py`\n"),
        (
            ("old.py", "--into", "old.py"),
            "error: Invalid value for '--into': Directory 'old.py' is a file.\n",
        ),
        ((), "error: Missing argument 'SOURCE...'.\n"),
    ],
)
def test_a_wrong_use(
    run_stepwell: RunStepwell, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    write(tmp_path, {"old.py": OLD})
    ran = run_stepwell("import", *arguments, cwd=tmp_path)
    assert (ran.exit_code, ran.stderr) == (2, message)


def test_a_file_without_a_table_is_reported(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    write(tmp_path, {"old.py": "import os\n"})
    ran = run_stepwell("import", "old.py", "--dry-run", "--format", "json", cwd=tmp_path)
    assert (ran.exit_code, places(answer(ran))) == (1, [("nothing-to-import", 1, 1)])


KILLED = """
import os, signal, sys
from stepwell.write import transaction as writing

left, by = int(sys.argv[1]), sys.argv[2]
sys.argv[:3] = ["stepwell"]
def counted(function):
    def call(*arguments, **named):
        global left
        if left == 0:
            left -= 1
            if by == "ENOSPC" and named.get("ignore_errors"):
                return None
            if by == "ENOSPC":
                raise OSError(28, "No space left on device")
            os.kill(os.getpid(), getattr(signal, by))
        left -= 1
        return function(*arguments, **named)
    return call
for name in ("mkdir", "replace", "fsync", "makedirs", "unlink"):
    setattr(writing.os, name, counted(getattr(os, name)))
writing.shutil.rmtree = counted(writing.shutil.rmtree)
from stepwell.__main__ import main
sys.exit(main())
"""


def stopped(folder: Path, environment: Mapping[str, str], after: int, by: str) -> int:
    """Run an import that gets a signal at one of its calls of the system; how it ends."""
    arguments = ["-c", KILLED, str(after), by, "import", "old.py", "--force", "--into", "new"]
    return run_python(*arguments, cwd=folder, env=environment).returncode


def test_an_import_that_is_killed_at_any_point_is_finished_or_cleared_away_by_the_next(
    run_stepwell: RunStepwell, environment: Mapping[str, str], tmp_path: Path
) -> None:
    mine = {"new/stepwell.toml": "", "new/registry.d/steps/base.yaml": "name: Base\ndescription: Mine.\n"}
    ends = set()
    for after in range(40):
        folder = write(tmp_path / str(after), {"old.py": OLD, **mine})
        before = files_in(folder / "new")
        if stopped(folder, environment, after, "SIGKILL") == 0:
            break
        halfway = files_in(folder / "new")
        shown = {path: text for path, text in halfway.items() if not path.startswith(STAGING)}
        if f"{STAGING}/journal.json" not in halfway and "stepwell.toml" in before:
            assert shown == before or sorted(shown) == PATHS
        ran = run_stepwell("import", "old.py", "--force", "--into", "new", cwd=folder)
        assert ran.exit_code == 0, ran.stdout
        ends.add(ran.stdout.splitlines()[0].partition(":")[0])
        written = files_in(folder / "new")
        assert sorted(written) == PATHS
        assert written["stepwell.toml"] == CONFIG
        assert written["registry.d/steps/base.yaml"] == BASE
    else:
        pytest.fail("the import never came to its end")
    assert after > 10
    assert ends == {
        "read old.py",
        "reverted an interrupted import",
        "completed an interrupted import",
    }


def test_an_import_that_is_interrupted_leaves_the_project_as_it_was(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    mine = {"new/stepwell.toml": "", "new/registry.d/steps/base.yaml": "name: Base\ndescription: Mine.\n"}
    interrupted = 0
    for after in range(40):
        folder = write(tmp_path / str(after), {"old.py": OLD, **mine})
        before = files_in(folder / "new")
        ended = stopped(folder, environment, after, "SIGINT")
        if ended == 0:
            break
        assert ended == 130
        interrupted += 1
        now = files_in(folder / "new")
        assert now == before or sorted(path for path in now if not path.startswith(STAGING)) == PATHS
    assert interrupted > 10


def test_what_a_user_changed_after_a_killed_import_is_not_overwritten(
    run_stepwell: RunStepwell, environment: Mapping[str, str], tmp_path: Path
) -> None:
    write(tmp_path, {"old.py": OLD, "new/stepwell.toml": ""})
    for after in range(40):
        stopped(tmp_path, environment, after, "SIGKILL")
        if (tmp_path / "new" / STAGING / "journal.json").exists():
            break
        run_stepwell("import", "README", "--into", "new", cwd=tmp_path)
        shutil.rmtree(tmp_path / "new" / STAGING, ignore_errors=True)
    (tmp_path / "new/stepwell.toml").write_text("# mine\n")
    ran = run_stepwell("import", "old.py", "--into", "new", "--dry-run", cwd=tmp_path)
    assert ran.stdout.startswith("an earlier import was interrupted; the next import without --dry-run")
    run_stepwell("import", "old.py", "--into", "new", cwd=tmp_path)
    assert (tmp_path / "new/stepwell.toml").read_text().startswith("# mine\n")
    assert not (tmp_path / "new" / STAGING).exists()


def test_two_imports_at_once_do_not_meet(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl", reason="this system has no such locks")
    write(tmp_path, {"old.py": OLD, f"new/{STAGING}/lock": ""})
    with (tmp_path / "new" / STAGING / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ran = run_stepwell("import", "old.py", "--into", "new", cwd=tmp_path)
    assert (ran.exit_code, ran.stderr) == (
        2,
        "error: another import is writing to this project; try again when it has finished\n",
    )


def test_an_import_that_cannot_write_leaves_the_project_as_it_was(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    mine = {"new/stepwell.toml": "", "new/registry.d/steps/base.yaml": "name: Base\ndescription: Mine.\n"}
    refused = 0
    for after in range(18):
        folder = write(tmp_path / str(after), {"old.py": OLD, **mine})
        before = files_in(folder / "new")
        ended = stopped(folder, environment, after, "ENOSPC")
        now = files_in(folder / "new")
        if ended == 0:
            assert sorted(path for path in now if not path.startswith(STAGING)) == PATHS
        else:
            assert (ended, now) == (2, before)
            refused += 1
    assert refused > 8


def test_yaml_tables_are_imported_like_json_tables(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    rows = {"Train": row("Train"), "Score": row("Score")}
    for name, table in {
        "mapping": rows,
        "wrapped": {"step_names": rows},
        "list": [{"name": key, **fields} for key, fields in rows.items()],
    }.items():
        write(tmp_path, {f"{name}.yaml": yaml.safe_dump(table, sort_keys=False)})
        write(tmp_path, {f"{name}.json": json.dumps(table)})
        for suffix in ("yaml", "json"):
            ran = run_stepwell("import", f"{name}.{suffix}", "--into", f"{name}-{suffix}", cwd=tmp_path)
            assert ran.exit_code == 0, ran.stdout
        written = [files_in(tmp_path / f"{name}-{suffix}") for suffix in ("yaml", "json")]
        assert written[0] == written[1]


@pytest.mark.parametrize("name", ["compose.yaml", "package.json"])
def test_a_file_that_is_no_table_is_not_read_as_one(
    run_stepwell: RunStepwell, tmp_path: Path, name: str
) -> None:
    unrelated = {"services": {"web": {"image": "x", "description": "y"}}, "scripts": {"a": "b"}}
    write(tmp_path, {name: json.dumps(unrelated)})
    ran = run_stepwell("import", name, "--into", "new", cwd=tmp_path)
    assert (ran.exit_code, "nothing-to-import" in ran.stdout) == (1, True)
    assert not (tmp_path / "new").exists()


CONTRACT = """\
FIT_CONTRACT = TrainingScriptContract(
    entry_point="fit.py",
    expected_input_paths={"rows": "/opt/ml/input/data"},
    expected_output_paths={"model": "/opt/ml/model"},
    expected_arguments={"depth": 3},
    required_env_vars=["LABEL"],
    optional_env_vars={"LEVEL": "3"},
    description="Fit a model:\\n    with rows.",
)
"""
SPECIFICATION = """\
def _contract():
    from .fit_contract import FIT_CONTRACT
    return FIT_CONTRACT

WORDS = ["data"]
FIT_SPEC = StepSpecification(
    step_type=get_spec_step_type("Fit"),
    node_type=NodeType.INTERNAL,
    script_contract=_contract(),
    dependencies=[
        DependencySpec(
            logical_name="rows", dependency_type=DependencyType.TRAINING_DATA, semantic_keywords=WORDS
        ),
    ],
    outputs={"model": OutputSpec(logical_name="model", output_type=DependencyType.MODEL_ARTIFACTS)},
)
FIT_LATER_SPEC = StepSpecification(
    step_type=get_spec_step_type_with_job_type("Fit", "later"),
    dependencies=[DependencySpec(logical_name="rows", required=False)],
)
raise SystemExit
"""
INTERFACE_OF_FIT = {
    "node_type": "internal",
    "entry_point": "fit.py",
    "inputs": {
        "rows": {"path": "/opt/ml/input/data", "type": "training_data", "semantic_keywords": ["data"]}
    },
    "outputs": {"model": {"path": "/opt/ml/model", "type": "model_artifacts"}},
    "arguments": {"depth": {"default": "3"}},
    "env": {"required": ["LABEL"], "optional": {"LEVEL": "3"}},
    "description": "Fit a model:\nwith rows.",
    "variants": {"later": {"spec": {"dependencies": {"rows": {"required": False}}}}},
}


def test_contracts_and_specifications_in_python_become_interfaces(
    run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    write(tmp_path, {"old/fit_contract.py": CONTRACT, "old/fit_spec.py": SPECIFICATION})
    ran = run_stepwell("import", "old", cwd=tmp_path)
    assert (ran.exit_code, ran.stdout) == (
        0,
        (
            "read old/fit_contract.py: FIT_CONTRACT\nread old/fit_spec.py: FIT_SPEC, FIT_LATER_SPEC\n"
            "verified: 1 row equal, the interfaces\nwrote 2 files\n"
        ),
    )
    shown = json.loads(run_stepwell("show", "Fit", "--format", "json", cwd=tmp_path).stdout)
    assert (shown["interface"], shown["description"]) == (INTERFACE_OF_FIT, "Fit a model")
    again = run_stepwell("import", "old", cwd=tmp_path)
    assert (again.exit_code, again.stdout.endswith("wrote 0 files, 1 unchanged\n")) == (0, True), again.stdout


def test_a_specification_adds_to_the_row_of_its_step(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    table = f"STEP_NAMES = {{'Fit': {row('Fit')!r}}}\n"
    write(
        tmp_path, {"old/fit_contract.py": CONTRACT, "old/fit_spec.py": SPECIFICATION, "old/table.py": table}
    )
    ran = run_stepwell("import", "old", cwd=tmp_path)
    assert ran.exit_code == 0, ran.stdout
    shown = json.loads(run_stepwell("show", "Fit", "--format", "json", cwd=tmp_path).stdout)
    assert (shown["interface"], shown["description"]) == (INTERFACE_OF_FIT, row("Fit")["description"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("=WORDS", "=load()", "`FIT_SPEC` has a value that is not a literal, so it is skipped"),
        ('get_spec_step_type("Fit")', "None", "the specification names no step, so it is skipped"),
        ("NodeType.INTERNAL", "3", "the specification of `Fit` does not fit an interface, so it is skipped"),
        (
            'logical_name="rows", dep',
            "**other, dep",
            "`FIT_SPEC` has a value that is not a literal, so it is skipped",
        ),
        (
            "WORDS = [",
            "WORDS = 3, [",
            "the specification of `Fit` does not fit an interface, so it is skipped",
        ),
    ],
)
def test_a_specification_that_cannot_be_read_is_reported(
    run_stepwell: RunStepwell, tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = SPECIFICATION.partition("FIT_LATER")[0].replace(old, new)
    write(tmp_path, {"old/fit_contract.py": CONTRACT, "old/fit_spec.py": text})
    ran = run_stepwell("import", "old", "--format", "json", cwd=tmp_path)
    told = answer(ran)
    assert (ran.exit_code, told["written"]) == (1, False)
    assert [one["message"] for one in told["diagnostics"]] == [message]
