"""``stepwell check --references``: names in definitions, compared with Python that is not run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import stepwell
from stepwell.code.references import check_references, source_folders
from stepwell.source.python import index_sources

if TYPE_CHECKING:
    from tests.conftest import Project, Ran, RunStepwell

    Check = Callable[..., Ran]

TABLE = '[references]\nbuilder_base = "StepBuilderBase"\n'
STEP = "name: Scoring\nsagemaker_step_type: Processing\ndescription: Score a batch.\n"
CONFIG = "class ScoringConfig: pass\n"
BUILDER = "class StepBuilderBase: pass\nclass ScoringStepBuilder(StepBuilderBase): pass\n"
FILES = {
    "stepwell.toml": TABLE,
    "registry.d/steps/scoring.yaml": STEP,
    "src/configs.py": CONFIG,
    "src/builders.py": BUILDER,
}


@pytest.fixture
def check(run_stepwell: RunStepwell, tmp_path: Path) -> Check:
    """``stepwell check --format concise`` with a separate store."""

    def run(root: Path, *arguments: str, form: str = "concise") -> Ran:
        cache = {"STEPWELL_CACHE_DIR": str(tmp_path / "cache")}
        return run_stepwell("check", "--format", form, *arguments, cwd=root, env=cache)

    return run


def found(root: Path, workspace: str | None = None) -> list[tuple[str, str, str]]:
    """Place, id and message of every finding."""
    registry = stepwell.open(root)
    assert registry.diagnostics == ()
    index = index_sources(registry.project.root, source_folders(registry.project, registry.workspaces))
    return [
        (f"{one.span.path}:{one.span.line}:{one.span.column}", one.id, one.message)
        for one in check_references(registry.project, registry.snapshot, index, workspace)
        if one.span is not None
    ]


def test_existing_classes_cause_no_findings(project: Project, check: Check) -> None:
    root = project(FILES)
    ran = check(root)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "")
    assert found(root) == []


def test_a_missing_class_is_reported_at_its_value_with_a_suggestion(project: Project, check: Check) -> None:
    root = project({**FILES, "registry.d/steps/scoring.yaml": f"{STEP}config_class: ScorngConfig\n"})
    ran = check(root, form="text")
    assert ran.exit_code == 1
    assert ran.stdout.startswith(
        "error[missing-class]: the configuration class `ScorngConfig` is not defined in the sources "
        "that the core sees\n"
        "  --> registry.d/steps/scoring.yaml:4:15\n"
        "   |\n"
        " 4 | config_class: ScorngConfig\n"
        "   |               ^^^^^^^^^^^^ did you mean `ScoringConfig`? it is defined in src/configs.py:1\n"
    )


def test_a_conventional_class_is_reported_at_the_name(project: Project) -> None:
    assert found(project({**FILES, "src/configs.py": "", "src/builders.py": ""})) == [
        (
            "registry.d/steps/scoring.yaml:1:7",
            "missing-class",
            (
                "the builder of `Scoring` is by convention `ScoringStepBuilder`, "
                "which is not defined in the sources that the core sees"
            ),
        ),
        (
            "registry.d/steps/scoring.yaml:1:7",
            "missing-class",
            (
                "the configuration class of `Scoring` is by convention `ScoringConfig`, "
                "which is not defined in the sources that the core sees"
            ),
        ),
    ]


def test_a_step_outside_the_legacy_tables_names_no_class(project: Project) -> None:
    plain = "name: Scoring\ndescription: Score a batch.\n"
    assert found(project({"stepwell.toml": TABLE, "registry.d/steps/scoring.yaml": plain})) == []


def test_where_there_is_no_python_the_folder_is_named(project: Project, check: Check) -> None:
    root = project(
        {"stepwell.toml": '[references]\nsource = ["lib"]\n', "registry.d/steps/scoring.yaml": STEP}
    )
    assert (
        "= help: `lib/` has no Python files: set the source folders in `[references] source`\n"
        in check(root, form="text").stdout
    )


def test_the_table_turns_it_on_and_options_say_otherwise(project: Project, check: Check) -> None:
    without = {"registry.d/steps/scoring.yaml": STEP, "src/configs.py": CONFIG}
    root = project(without)
    assert check(root).exit_code == 0
    ran = check(root, "--references")
    assert (ran.exit_code, ran.stdout.count("\n")) == (1, 1)
    assert "`ScoringStepBuilder`" in ran.stdout
    root = project({**without, "stepwell.toml": "[references]\n"})
    assert check(root).exit_code == 1
    assert check(root, "--no-references").exit_code == 0


def test_severities_paths_and_formats_are_those_of_any_rule(project: Project, check: Check) -> None:
    root = project(
        {
            **FILES,
            "stepwell.toml": f'{TABLE}[rules]\nmissing-class = "warning"\n',
            "registry.d/steps/scoring.yaml": f"{STEP}config_class: Gone\n",
            "registry.d/steps/other.yaml": "name: Other\ndescription: Another.\n",
        }
    )
    assert check(root).exit_code == 0
    assert check(root, "--fail-on", "warning").exit_code == 1
    assert check(root, "--fail-on", "warning", "registry.d/steps/other.yaml").exit_code == 0
    assert check(root, "--fail-on", "warning", "registry.d/steps/scoring.yaml").exit_code == 1
    (one,) = json.loads(check(root, form="json").stdout)["diagnostics"]
    assert one["id"] == "missing-class"
    for form in ("github", "sarif", "junit"):
        assert "missing-class" in check(root, form=form).stdout
    (root / "stepwell.toml").write_text(f'{TABLE}[rules]\nmissing-class = "off"\n')
    assert check(root, "--fail-on", "warning").exit_code == 0


def test_a_related_place_in_python_concerns_a_path_too(project: Project, check: Check) -> None:
    root = project({**FILES, "src/old.py": CONFIG})
    assert "duplicate-class" in check(root, "src/old.py").stdout
    assert check(root, "src/builders.py").stdout == ""


def test_a_comment_hides_a_finding_and_an_unused_one_is_reported_only_with_references(
    project: Project, check: Check
) -> None:
    hiding = f"{STEP}config_class: Gone  # stepwell: ignore[missing-class] comes next week\n"
    root = project({**FILES, "registry.d/steps/scoring.yaml": hiding})
    assert check(root).stdout == ""
    assert check(root, "--no-references").stdout == ""
    (root / "src/gone.py").write_text("class Gone: pass\n")
    assert check(root).stdout == (
        "registry.d/steps/scoring.yaml:4:21: warning[unused-ignore] "
        "`missing-class` has no findings on this line\n"
    )
    assert check(root, "--no-references").stdout == ""


def test_a_class_defined_twice_names_both_places(project: Project, check: Check) -> None:
    ran = check(project({**FILES, "src/old/configs.py": f"\n{CONFIG}"}), form="text")
    assert ran.exit_code == 0
    assert ran.stdout.startswith(
        "warning[duplicate-class]: `ScoringConfig` (by convention the class of `Scoring`) is defined twice "
        "in the sources that the core sees\n"
        "  --> registry.d/steps/scoring.yaml:1:7\n"
    )
    assert "   = defined in src/configs.py:1:7\n   = and in src/old/configs.py:2:7\n" in ran.stdout


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    class ScoringConfig: pass\nexcept E:\n    class ScoringConfig: pass\n",
        f"{CONFIG}class Outer:\n    class ScoringConfig: pass\n",
    ],
)
def test_alternatives_and_inner_classes_are_no_duplicates(project: Project, text: str) -> None:
    assert found(project({**FILES, "src/configs.py": text})) == []


def test_external_names_are_not_looked_for(project: Project) -> None:
    table = '[references]\nexternal = ["Scoring*", "lib.*"]\n'
    hyper = "name: Tree\nmodule_path: lib.trees\ndescription: A tree.\n"
    assert (
        found(
            project(
                {
                    "stepwell.toml": table,
                    "registry.d/steps/scoring.yaml": STEP,
                    "registry.d/hyperparameters/tree.yaml": hyper,
                }
            )
        )
        == []
    )


HYPER = "name: Tree\nmodule_path: {}\ndescription: A tree.\n"


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("models.trees", []),
        ("src.models.trees", []),
        ("models", []),
        (
            "models.tree",
            [
                (
                    "registry.d/hyperparameters/tree.yaml:2:14",
                    "missing-module",
                    "unknown module `models.tree` in the sources that the core sees",
                )
            ],
        ),
        (
            "models.other",
            [
                (
                    "registry.d/hyperparameters/tree.yaml:1:7",
                    "missing-class",
                    "module `models.other` neither defines nor imports `Tree`",
                )
            ],
        ),
    ],
)
def test_a_hyperparameter_class_is_in_its_module(
    project: Project, module: str, expected: list[tuple[str, str, str]]
) -> None:
    root = project(
        {
            "stepwell.toml": TABLE,
            "registry.d/hyperparameters/tree.yaml": HYPER.format(module),
            "src/models/__init__.py": "from .trees import Tree\n",
            "src/models/trees.py": "class Tree: pass\n",
            "src/models/other.py": "class Three: pass\n",
        }
    )
    assert found(root) == expected


def test_the_module_that_was_meant_is_the_one_that_defines_the_class(project: Project, check: Check) -> None:
    root = project(
        {
            "stepwell.toml": TABLE,
            "registry.d/hyperparameters/tree.yaml": HYPER.format("elsewhere.entirely"),
            "src/models/trees.py": "class Tree: pass\n",
        }
    )
    out = check(root, form="text").stdout
    assert "did you mean `models.trees`? it defines `Tree`" in out
    assert "= `Tree` is defined in src/models/trees.py:1:7" in out


@pytest.mark.parametrize(
    ("builder", "help_text"),
    [
        ("class ScoringStepBuilder: pass\n", "derive it from `StepBuilderBase`"),
        ("class A: pass\nclass ScoringStepBuilder(A): pass\n", "`A`, at the end of its chain, has no base"),
        (
            "import lib\nclass ScoringStepBuilder(lib.Builder): pass\n",
            (
                "`ScoringStepBuilder` derives from `lib.Builder`, which is outside the sources: add it to "
                "`[references] external` if it derives from `StepBuilderBase`"
            ),
        ),
        (
            "class ScoringStepBuilder(Gone): pass\n",
            "the base `Gone` of `ScoringStepBuilder` is neither defined nor imported in its file",
        ),
        (
            "class ScoringStepBuilder(make()): pass\n",
            ("a base of `ScoringStepBuilder` is an expression that cannot be resolved without running it"),
        ),
    ],
)
def test_a_builder_without_the_base_is_reported_where_its_chain_is_lost(
    project: Project, check: Check, builder: str, help_text: str
) -> None:
    ran = check(project({**FILES, "src/builders.py": builder}), form="text")
    assert ran.exit_code == 1
    assert ran.stdout.startswith(
        "error[builder-base]: builder `ScoringStepBuilder` (by convention the builder of `Scoring`) does not "
        "derive from `StepBuilderBase`\n  --> registry.d/steps/scoring.yaml:1:7\n"
    )
    assert f"   = help: {help_text}\n" in ran.stdout


def test_a_workspace_sees_the_core_and_its_own_sources(project: Project) -> None:
    tuning = "name: Tuning\nsagemaker_step_type: Tuning\ndescription: Tune it.\n"
    root = project(
        {
            **FILES,
            "workspaces/alice/local/steps/tuning.yaml": tuning,
            "workspaces/alice/src/tuning.py": (
                "from builders import StepBuilderBase\nclass TuningConfig: pass\n"
                "class TuningStepBuilder(StepBuilderBase): pass\n"
            ),
            "workspaces/bob/local/steps/tuning.yaml": tuning,
            "workspaces/bob/src/mine.py": CONFIG,
        }
    )
    told = [
        (
            "workspaces/bob/local/steps/tuning.yaml:1:7",
            "missing-class",
            (
                f"the {noun} of `Tuning` is by convention `{name}`, "
                "which is not defined in the sources that workspace bob sees"
            ),
        )
        for noun, name in (("builder", "TuningStepBuilder"), ("configuration class", "TuningConfig"))
    ]
    assert found(root) == told
    assert found(root, "alice") == []
    assert found(root, "bob") == told


def test_another_workspace_that_has_the_class_is_named(project: Project, check: Check) -> None:
    root = project({**FILES, "src/configs.py": "", "workspaces/bob/src/configs.py": CONFIG})
    (root / "workspaces/bob/workspace.yaml").write_text("description: Mine.\n")
    assert (
        "workspace bob defines it (workspaces/bob/src/configs.py:1), but the core does not see it"
        in check(root, form="text").stdout
    )


def test_inherited_names_are_reported_once_and_changed_ones_at_the_file_of_the_workspace(
    project: Project,
) -> None:
    root = project(
        {
            **FILES,
            "registry.d/steps/scoring.yaml": f"{STEP}config_class: Gone\n",
            "workspaces/alice/override/steps/scoring.yaml": "name: Scoring\npriority: 5\n",
            "workspaces/bob/override/steps/scoring.yaml": "name: Scoring\nconfig_class: BobsConfig\n",
        }
    )
    nowhere = "is not defined in the sources that"
    assert found(root) == [
        (
            "registry.d/steps/scoring.yaml:4:15",
            "missing-class",
            f"the configuration class `Gone` {nowhere} the core sees",
        ),
        (
            "workspaces/bob/override/steps/scoring.yaml:2:15",
            "missing-class",
            f"the configuration class `BobsConfig` {nowhere} workspace bob sees",
        ),
    ]


def test_an_override_that_causes_a_convention_is_reported_at_its_name(project: Project) -> None:
    root = project(
        {
            "stepwell.toml": '[references]\nexternal = ["*StepBuilder"]\n',
            "registry.d/steps/scoring.yaml": "name: Scoring\ndescription: Score a batch.\n",
            "workspaces/alice/override/steps/scoring.yaml": "name: Scoring\nsagemaker_step_type: Base\n",
        }
    )
    assert [place for place, *_ in found(root)] == ["workspaces/alice/override/steps/scoring.yaml:1:7"]


def test_an_inherited_hyperparameter_class_is_reported_once(project: Project) -> None:
    root = project(
        {
            "stepwell.toml": TABLE,
            "registry.d/hyperparameters/tree.yaml": HYPER.format("gone"),
            "workspaces/alice/override/hyperparameters/tree.yaml": "name: Tree\ndescription: Mine.\n",
        }
    )
    assert [(place, one) for place, one, _ in found(root)] == [
        ("registry.d/hyperparameters/tree.yaml:1:7", "missing-class"),
        ("registry.d/hyperparameters/tree.yaml:2:14", "missing-module"),
    ]


def test_a_file_that_cannot_be_parsed_is_reported_where_it_fails(project: Project, check: Check) -> None:
    ran = check(project({**FILES, "src/configs.py": "é = 1\nclass ScoringConfig\n"}))
    assert (ran.exit_code, ran.stderr) == (1, "")
    assert ran.stdout.splitlines()[1:] == [
        "src/configs.py:2:20: warning[unparsable-source] cannot parse this file: expected ':'"
    ]


@pytest.mark.parametrize(
    "content",
    [b"x = 1\0", b"\xff\xfe\0", b"# coding: klingon\n", b"x = " + b"-" * 200_000 + b"1", b"#" * (2**22 + 1)],
    ids=["nul", "utf-16", "encoding", "deep", "large"],
)
def test_hostile_python_is_one_finding(project: Project, check: Check, content: bytes) -> None:
    ran = check(project({**FILES, "src/hostile.py": content}))
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.startswith("src/hostile.py:1:")
    assert ran.stdout.count("\n") == 1


def test_names_from_python_move_no_cursor(project: Project, check: Check) -> None:
    root = project({**FILES, "src/a\x1b[2Jb.py": "class (\n"})
    out = check(root, form="text").stdout + check(root).stdout
    assert "\x1b" not in out
    assert "src/a\\x1b[2Jb.py" in out


def test_no_code_runs(project: Project, check: Check) -> None:
    bomb = "import pathlib\npathlib.Path('ran').write_text('it ran')\n"
    root = project({**FILES, "src/bomb.py": bomb, "src/ast.py": bomb, "conftest.py": bomb})
    assert check(root).exit_code == 0
    assert not (root / "ran").exists()


def test_a_store_that_cannot_be_written_changes_nothing(
    project: Project, run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    root = project(FILES)
    for state in (str(tmp_path / "file"), "relative/to/nothing"):
        environment = {
            "STEPWELL_CACHE_DIR": str(tmp_path / "file"),
            "XDG_STATE_HOME": state,
            "HOME": str(tmp_path / "file"),
        }
        ran = run_stepwell("check", "-q", cwd=root, env=environment)
        assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "")
    assert not (root / "relative").exists()


def test_outlines_are_in_the_cache_of_the_project(project: Project, check: Check, tmp_path: Path) -> None:
    root = project(FILES)
    probe, newest = tmp_path / "probe", (root / "src/builders.py").stat().st_ctime_ns
    probe.write_text("")
    while probe.stat().st_mtime_ns - newest < 50_000_000:  # what changed only just now is not kept
        probe.write_text("")
    first, second = check(root, "-v"), check(root, "-v")
    assert "indexed 2 Python files, 2 of them parsed" in first.stderr
    assert "indexed 2 Python files, 0 of them parsed" in second.stderr
    (stored,) = (tmp_path / "cache").glob("*/sources-*")
    assert stored.stat().st_mode & 0o777 == 0o600
    assert sorted(os.listdir(root)) == ["registry.d", "src", "stepwell.toml"]


def test_a_plain_check_imports_nothing_of_it(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({"registry.d/steps/scoring.yaml": STEP})
    ran = run_stepwell("check", "-q", cwd=root, env={"PYTHONPROFILEIMPORTTIME": "1"})
    imported = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert "stepwell.check.catalog" in imported
    assert not {
        one for one in imported if one.startswith(("stepwell.source.python", "stepwell.code.references"))
    }


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ('source = ["../up"]', "stepwell.toml:2:11: error[outside-project]"),
        ("source = 3", "stepwell.toml:2:10: error[wrong-type]"),
        ('sources = ["src"]', "stepwell.toml:2:1: error[unknown-field]"),
        ('builder_base = "a b"', "stepwell.toml:2:16: error[wrong-form]"),
        ('external = ["a", "a"]', "stepwell.toml:2:18: error[repeated-item]"),
    ],
)
def test_a_broken_table_is_reported_at_its_value(
    project: Project, check: Check, table: str, expected: str
) -> None:
    ran = check(project({"stepwell.toml": f"[references]\n{table}\n"}))
    assert (ran.exit_code, ran.stdout.count("\n")) == (1, 1)
    assert ran.stdout.startswith(expected)


ALIGNED = {
    "stepwell.toml": '[references]\n[components]\nsource = ["src"]\n',
    "registry.d/steps/scoring.yaml": (
        "name: Scoring\nsagemaker_step_type: Processing\nframework: xgboost\ndescription: Score a batch.\n"
        "interface:\n  entry_point: scoring.py\n  arguments:\n    seed: {required: true}\n"
        "  inputs:\n    rows: {path: /opt/ml/processing/input/rows}\n"
    ),
    "src/scripts/scoring.py": "def main():\n    print('scored')\n\nif __name__ == '__main__':\n    main()\n",
}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("framework: xgboost", "framework: 3"),
        ("framework: xgboost", "framwork: xgboost"),
        ("description: Score a batch.", "description: [a]"),
        ("rows: {path: /opt/ml/processing/input/rows}", "rows: {path: 3}"),
        ("name: Scoring\n", "name: Scoring\nconfig_class: 7\n"),
    ],
)
def test_a_definition_with_an_error_is_still_compared_with_its_code(
    project: Project, check: Check, old: str, new: str
) -> None:
    text = ALIGNED["registry.d/steps/scoring.yaml"]
    assert old in text
    root = project({**ALIGNED, "registry.d/steps/scoring.yaml": text.replace(old, new)})
    plain = check(root, "--no-references").stdout.splitlines()
    assert plain
    ran = check(root, "--alignment", form="json")
    ids = [finding["id"] for finding in json.loads(ran.stdout)["diagnostics"]]
    assert {"missing-class", "missing-argument"} <= set(ids), ids
    assert len(ids) >= len(plain) + 2


def test_a_lost_part_of_an_interface_is_reported_once(project: Project, check: Check) -> None:
    text = ALIGNED["registry.d/steps/scoring.yaml"]
    wrong = text.replace("path: /opt/ml/processing/input/rows", "path: 3")
    script = "rows = open('/opt/ml/processing/input/rows/part.csv')\n" + ALIGNED["src/scripts/scoring.py"]
    root = project({**ALIGNED, "src/scripts/scoring.py": script, "registry.d/steps/scoring.yaml": wrong})
    found = json.loads(check(root, "--alignment", form="json").stdout)["diagnostics"]
    assert [finding["id"] for finding in found if "path" in finding["id"] + finding["message"]] == [
        "wrong-type"
    ]
