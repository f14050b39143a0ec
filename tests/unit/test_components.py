"""Where the parts of steps are: declared or found, one place or a finding, and no Python is run."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

import stepwell
from stepwell.code.references import check_references
from stepwell.model.component import Component
from stepwell.model.schema import contents
from stepwell.source.python.outliner import outline_of

if TYPE_CHECKING:
    from tests.conftest import Project, RunStepwell

STEP = "name: Scoring\nsagemaker_step_type: Processing\ndescription: Score a batch.\n"
FILES: dict[str, str | bytes] = {
    "registry.d/steps/scoring.yaml": STEP,
    "src/builders/scoring.py": "import nowhere\n\nclass ScoringStepBuilder:\n    pass\n",
    "src/configs.py": "class ScoringConfig: pass\n",
    "src/contracts/scoring_contract.py": "VERSION = 1\nSCORING_CONTRACT = {}\n",
    "src/specs/scoring_spec.py": "def make(): pass\n\nSCORING_SPEC = make()\n",
    "src/scripts/scoring.py": "raise SystemExit('run')\n",
    "src/parameters.py": "class ScoringHyperparameters: pass\n",
    "workspaces/alice/local/steps/ranking.yaml": "name: Ranking\ndescription: Rank.\n",
}


def reported(component: Component) -> tuple[str, str | None, str | None]:
    """State, place and name of a component."""
    place = component.place
    return component.state.value, place and place.shown, place and place.name


def parts(root: Path, workspace: str | None = None, step: str = "Scoring") -> dict[str, Any]:
    view = stepwell.open(root).view(workspace)
    return {kind: reported(one) for kind, one in view.components(step).items()}


def found(root: Path) -> list[tuple[str, str, str]]:
    """Place, id and message of every finding about components."""
    registry = stepwell.open(root)
    assert registry.diagnostics == ()
    diagnostics = check_references(registry.project, registry.snapshot, registry.code.index())
    return [
        (f"{one.span.path}:{one.span.line}:{one.span.column}", one.id, one.message)
        for one in diagnostics
        if one.span is not None and one.id.endswith("-component")
    ]


def test_what_a_step_does_not_declare_is_found_by_its_names_without_running_it(project: Project) -> None:
    assert parts(project(FILES)) == {
        "builder": ("found", "src/builders/scoring.py:3", "ScoringStepBuilder"),
        "config": ("found", "src/configs.py:1", "ScoringConfig"),
        "contract": ("found", "src/contracts/scoring_contract.py:2", "SCORING_CONTRACT"),
        "spec": ("found", "src/specs/scoring_spec.py:3", "SCORING_SPEC"),
        "script": ("found", "src/scripts/scoring.py:1", None),
        "hyperparameters": ("found", "src/parameters.py:1", "ScoringHyperparameters"),
    }


def test_a_step_without_names_and_files_has_none(project: Project) -> None:
    none = ("none", None, None)
    assert set(parts(project(FILES), "alice", "Ranking").values()) == {none}


def test_a_workspace_comes_before_the_core_and_reports_what_it_shadows(project: Project) -> None:
    root = project({**FILES, "workspaces/alice/src/deep/own.py": "\nclass ScoringStepBuilder: pass\n"})
    alice = stepwell.open(root).view("alice").components("Scoring")["builder"]
    assert reported(alice) == ("found", "workspaces/alice/src/deep/own.py:2", "ScoringStepBuilder")
    assert alice.place is not None
    assert (alice.place.layer.value, alice.place.workspace) == ("local", "alice")
    assert [one.shown for one in alice.shadows] == ["src/builders/scoring.py:3"]
    core = stepwell.open(root).view(None).components("Scoring")["builder"]
    assert reported(core) == ("found", "src/builders/scoring.py:3", "ScoringStepBuilder")
    assert core.shadows == ()


def test_one_workspace_never_sees_the_sources_of_another(project: Project) -> None:
    root = project(
        {
            **FILES,
            "src/builders/scoring.py": "",
            "workspaces/bob/src/own.py": "class ScoringStepBuilder: pass\n",
        }
    )
    assert parts(root, "alice")["builder"] == ("missing", None, None)
    assert parts(root)["builder"] == ("missing", None, None)
    assert parts(root, "bob")["builder"][0] == "found"


def test_the_core_never_sees_a_workspace_even_where_its_folder_lies_around_it(project: Project) -> None:
    root = project(
        {
            **FILES,
            "stepwell.toml": '[components]\nsource = ["workspaces", "src"]\n',
            "workspaces/bob/src/own.py": "class ScoringStepBuilder: pass\n",
        }
    )
    assert parts(root)["builder"] == ("found", "src/builders/scoring.py:3", "ScoringStepBuilder")


def test_a_declaration_is_relative_to_the_project_or_to_the_workspace(project: Project) -> None:
    root = project(
        {
            **FILES,
            "registry.d/steps/scoring.yaml": f"{STEP}components: {{builder: tools/b.py:Outer.Inner}}\n",
            "tools/b.py": "class Outer:\n    class Inner: pass\n",
            "workspaces/alice/override/steps/scoring.yaml": (
                "name: Scoring\ncomponents: {config: src/c.py:Mine, script: bin/run.py:start}\n"
            ),
            "workspaces/alice/src/c.py": "if True:\n    Mine = object()\n",
            "workspaces/alice/bin/run.py": "async def start(): pass\n",
        }
    )
    assert parts(root)["builder"] == ("declared", "tools/b.py:2", "Outer.Inner")
    alice = stepwell.open(root).view("alice").components("Scoring")
    assert reported(alice["builder"]) == ("declared", "tools/b.py:2", "Outer.Inner")
    assert [one.shown for one in alice["builder"].shadows] == ["src/builders/scoring.py:3"]
    assert reported(alice["config"]) == ("declared", "workspaces/alice/src/c.py:2", "Mine")
    assert reported(alice["script"]) == ("declared", "workspaces/alice/bin/run.py:1", "start")


def test_an_override_that_removes_a_declaration_leaves_the_part_to_its_name(project: Project) -> None:
    root = project(
        {
            **FILES,
            "registry.d/steps/scoring.yaml": f"{STEP}components: {{builder: tools/b.py:B}}\n",
            "tools/b.py": "class B: pass\n",
            "workspaces/alice/override/steps/scoring.yaml": "name: Scoring\ncomponents: {builder: null}\n",
        }
    )
    assert parts(root)["builder"] == ("declared", "tools/b.py:1", "B")
    assert parts(root, "alice")["builder"] == ("found", "src/builders/scoring.py:3", "ScoringStepBuilder")


def test_two_scripts_are_a_finding_that_names_both_and_neither_is_taken(project: Project) -> None:
    root = project({**FILES, "src/more/scripts/scoring.py": "", "stepwell.toml": "[references]\n"})
    script = stepwell.open(root).view(None).components("Scoring")["script"]
    assert script.place is None
    assert [one.shown for one in script.candidates] == [
        "src/more/scripts/scoring.py:1",
        "src/scripts/scoring.py:1",
    ]
    assert found(root) == [
        (
            "registry.d/steps/scoring.yaml:1:7",
            "ambiguous-component",
            (
                "script of `Scoring` in the core is ambiguous: `scripts/scoring.py` matches "
                "src/more/scripts/scoring.py:1 and src/scripts/scoring.py:1"
            ),
        )
    ]


def test_two_classes_of_a_workspace_are_reported_for_a_step_that_it_inherits(project: Project) -> None:
    root = project(
        {
            **FILES,
            "workspaces/alice/src/a.py": "class ScoringStepBuilder: pass\n",
            "workspaces/alice/src/b.py": "class ScoringStepBuilder: pass\n",
        }
    )
    assert [(place, rule) for place, rule, _ in found(root)] == [
        ("registry.d/steps/scoring.yaml:1:7", "ambiguous-component")
    ]


def test_a_link_to_a_file_does_not_make_two_of_it(project: Project) -> None:
    root = project(FILES)
    (root / "src/more/scripts").mkdir(parents=True)
    (root / "src/more/scripts/scoring.py").symlink_to(root / "src/scripts/scoring.py")
    assert parts(root)["script"][0] == "found"


@pytest.mark.parametrize(
    ("declared", "message", "help_text"),
    [
        ("src/bilders.py:B", "file `src/bilders.py` not found", "did you mean `src/builders.py`?"),
        ("none/at/all.py:B", "file `none/at/all.py` not found", "paths are relative to the project"),
        ("src/builders.py:Bilder", "`src/builders.py` does not define `Bilder`", "did you mean `Builder`?"),
        (
            "src/broken.py:B",
            "cannot parse `src/broken.py`: invalid syntax, line 2",
            "fix the file",
        ),
        (
            "src/out.py:B",
            "link `src/out.py` is broken or leads outside the project",
            "copy the file here instead of linking to it",
        ),
        (
            "workspaces/alice/src/own.py:B",
            "`workspaces/alice/src/own.py` belongs to workspace alice",
            "declare a file of this workspace or of the core",
        ),
        (
            "src/borrowed.py:B",
            "`workspaces/alice/src/own.py` belongs to workspace alice",
            "declare a file of this workspace or of the core",
        ),
    ],
)
def test_a_declaration_that_leads_nowhere_is_reported_at_its_value(
    project: Project, tmp_path: Path, declared: str, message: str, help_text: str
) -> None:
    root = project(
        {
            "registry.d/steps/scoring.yaml": (
                f"name: Scoring\ndescription: S.\ncomponents:\n  builder: {declared}\n"
            ),
            "src/builders.py": "class Builder: pass\n",
            "src/broken.py": "x = 1\nclass :\n",
            "workspaces/alice/src/own.py": "class B: pass\n",
        }
    )
    (tmp_path / "elsewhere.py").write_text("class B: pass\n", encoding="utf-8")
    (root / "src/out.py").symlink_to(tmp_path / "elsewhere.py")
    (root / "src/borrowed.py").symlink_to(root / "workspaces/alice/src/own.py")
    component = stepwell.open(root).view(None).components("Scoring")["builder"]
    assert (component.state.value, component.fault, component.help) == ("missing", message, help_text)
    place = "registry.d/steps/scoring.yaml:4:12"
    assert (place, "missing-component", f"builder of `Scoring` does not exist: {message}") in found(root)


@pytest.mark.parametrize(
    "declared", ["../x.py:B", "/etc/x.py:B", "a/../b.py:B", "x.py", "x.txt:B", "a\\\\x.py:B"]
)
def test_a_declaration_that_is_no_plain_path_of_the_project_is_rejected(
    project: Project, declared: str
) -> None:
    root = project(
        {"registry.d/steps/s.yaml": f'name: S\ndescription: S.\ncomponents: {{builder: "{declared}"}}\n'}
    )
    (one,) = stepwell.open(root).diagnostics
    assert one.span is not None
    assert (one.id, one.span.line, one.span.column) == ("wrong-form", 3, 23)
    assert "path/to/file.py:Name" in one.message


def test_a_contract_needs_one_name_and_its_own_comes_first(project: Project) -> None:
    path = "src/contracts/scoring_contract.py"
    two = project({**FILES, path: "A_CONTRACT = 1\nB_CONTRACT = 2\n"})
    assert parts(two)["contract"] == ("ambiguous", None, None)
    own = project({**FILES, path: "A_CONTRACT = 1\nSCORING_CONTRACT = 2\n"})
    assert parts(own)["contract"] == ("found", f"{path}:2", "SCORING_CONTRACT")
    none = project({**FILES, path: "x = 1\n"})
    component = stepwell.open(none).view(None).components("Scoring")["contract"]
    assert component.fault == f"{path} does not bind a name ending in `_CONTRACT`"


def test_a_file_that_cannot_be_parsed_hides_no_other(project: Project) -> None:
    root = project({**FILES, "src/a.py": "class :\n", "src/b.py": b"\x00", "src/c.py": b"\xff = 1"})
    assert parts(root)["builder"] == ("found", "src/builders/scoring.py:3", "ScoringStepBuilder")


def test_what_is_missing_may_be_in_a_file_that_cannot_be_read(project: Project) -> None:
    root = project({"registry.d/steps/scoring.yaml": STEP, "src/a.py": "class :\n"})
    to_do = "define it, or declare its location: `components: {builder: path/to/file.py:Name}`; "
    assert stepwell.open(root).view(None).components("Scoring")["builder"].help == (
        f"{to_do}src/a.py cannot be read and may define it"
    )
    (root / "src/b.py").write_text("def")
    with pytest.raises(
        stepwell.ComponentError, match=r"src/a\.py and 1 more cannot be read and may define it"
    ):
        stepwell.open(root).view(None).load("Scoring", "builder")


def test_an_unknown_step_is_reported_with_what_was_intended(project: Project) -> None:
    with pytest.raises(stepwell.UnknownStep, match="did you mean `Scoring`"):
        stepwell.open(project(FILES)).view(None).components("Scorng")


def test_the_answer_cannot_be_changed_and_is_kept(project: Project) -> None:
    view = stepwell.open(project(FILES)).view(None)
    answer = view.components("Scoring")
    with pytest.raises(TypeError):
        answer["builder"] = answer["config"]  # type: ignore[index]
    assert view.components("Scoring") is answer


def test_components_are_part_of_a_step_and_of_its_digest(project: Project) -> None:
    without = stepwell.open(project(FILES)).view(None)["Scoring"]
    declared = f"{STEP}components: {{script: src/scripts/scoring.py}}\n"
    step = stepwell.open(project({**FILES, "registry.d/steps/scoring.yaml": declared})).view(None)["Scoring"]
    assert without.components is None
    assert dict(step.components or {}) == {"script": "src/scripts/scoring.py"}
    assert step != without
    assert step.digest != without.digest


def test_only_what_changed_is_parsed_again(project: Project) -> None:
    root = project(FILES)
    registry = stepwell.open(root)
    registry.view(None).components("Scoring")
    assert registry.code.index().parsed == 6
    before = registry.view(None)
    assert registry.reload() is None
    assert registry.view(None).code is before.code
    (root / "src/configs.py").write_text("\n\nclass ScoringConfig: pass\n", encoding="utf-8")
    event = registry.reload()
    assert event is not None
    assert (event.accepted, event.cause, event.changes.core.added) == (True, "code", ())
    assert registry.code.index().parsed == 1
    assert reported(registry.view(None).components("Scoring")["config"])[1] == "src/configs.py:3"
    assert reported(before.components("Scoring")["config"])[1] == "src/configs.py:1"


def test_a_new_workspace_brings_its_sources(project: Project) -> None:
    root = project(FILES)
    registry = stepwell.open(root)
    registry.view(None).components("Scoring")
    own = root / "workspaces/bob/src/own.py"
    own.parent.mkdir(parents=True)
    own.write_text("class ScoringStepBuilder: pass\n", encoding="utf-8")
    registry.reload()
    assert reported(registry.view("bob").components("Scoring")["builder"])[1] == "workspaces/bob/src/own.py:1"


def test_a_file_that_is_declared_outside_the_sources_is_read_again_too(project: Project) -> None:
    root = project(
        {
            "registry.d/steps/s.yaml": "name: S\ndescription: S.\ncomponents: {builder: tools/b.py:B}\n",
            "tools/b.py": "class B: pass\n",
        }
    )
    registry = stepwell.open(root)
    assert reported(registry.view(None).components("S")["builder"])[1] == "tools/b.py:1"
    (root / "tools/b.py").write_text("\nclass B: pass\n", encoding="utf-8")
    registry.reload()
    assert reported(registry.view(None).components("S")["builder"])[1] == "tools/b.py:2"


def test_checking_without_sources_reads_none(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "stepwell.source.python.outliner.outline_of", lambda _: pytest.fail("a file was parsed")
    )
    registry = stepwell.open(project(FILES))
    registry.reload()
    assert outline_of is not None
    assert registry.diagnostics == ()


def test_the_command_reports_every_part_of_a_step(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**FILES, "src/specs/scoring_spec.py": "x = 1\n", "src/parameters.py": ""})
    ran = run_stepwell("components", "Scoring", cwd=root)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == [
        "Scoring in the core",
        "  builder          found    src/builders/scoring.py:3            ScoringStepBuilder (core)",
        "  config           found    src/configs.py:1                     ScoringConfig (core)",
        "  contract         found    src/contracts/scoring_contract.py:2  SCORING_CONTRACT (core)",
        "  spec             missing  src/specs/scoring_spec.py does not bind a name ending in `_SPEC`",
        "                            fix the file",
        "  script           found    src/scripts/scoring.py:1             (core)",
        "  hyperparameters  none     not declared, and `ScoringHyperparameters` does not exist",
        "",
        "1 step: 4 found, 1 missing.",
    ]


def test_the_command_reports_what_is_missing_and_fails(project: Project, run_stepwell: RunStepwell) -> None:
    good = run_stepwell("components", "--missing", cwd=project(FILES))
    assert (good.exit_code, good.stdout) == (0, "1 step: 0 missing.\n")
    bad = run_stepwell("components", "--missing", cwd=project({**FILES, "src/configs.py": ""}))
    assert bad.exit_code == 1
    assert "  config  missing  no source file defines `ScoringConfig`\n" in bad.stdout


def test_the_output_matches_its_schema(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**FILES, "src/more/scripts/scoring.py": ""})
    for arguments in (("Scoring",), ("--kind", "builder"), ("-w", "alice"), ("--missing",)):
        ran = run_stepwell("components", *arguments, "--format", "json", cwd=root)
        Draft202012Validator(contents("output-components")).validate(json.loads(ran.stdout))
    Draft202012Validator.check_schema(contents("output-components"))
    answer = json.loads(run_stepwell("components", "--kind", "builder", "--format", "json", cwd=root).stdout)
    assert [one["place"]["file"] for one in answer["components"]] == ["src/builders/scoring.py"]
    explained = json.loads(run_stepwell("explain", "Scoring", "--format", "json", cwd=root).stdout)
    Draft202012Validator(contents("output-explain")).validate(explained)
    assert [one["state"] for one in explained["components"]] == [*["found"] * 4, "ambiguous", "found"]


def test_the_command_names_the_step_that_was_meant(project: Project, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("components", "Scorng", cwd=project(FILES))
    assert ran.exit_code == 2
    assert ran.stderr == "error: no step `Scorng` in the core (did you mean `Scoring`?)\n"


def test_explain_reports_the_parts_after_the_fields(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({"registry.d/steps/s.yaml": f"{STEP}", "src/c.py": "class ScoringConfig: pass\n"})
    (root / "registry.d/steps/s.yaml").rename(root / "registry.d/steps/scoring.yaml")
    whole = run_stepwell("explain", "Scoring", cwd=root).stdout.splitlines()
    assert whole[-2:] == [
        "Scoring: components in the core",
        "  config  found  src/c.py:1  ScoringConfig (core)",
    ]
    assert "components" not in run_stepwell("explain", "Scoring.priority", cwd=root).stdout


def test_doctor_counts_components_that_cannot_be_loaded(project: Project, run_stepwell: RunStepwell) -> None:
    declared = f"{STEP}components: {{builder: src/gone.py:B}}\n"
    ran = run_stepwell("doctor", cwd=project({**FILES, "registry.d/steps/scoring.yaml": declared}))
    assert ran.exit_code == 1
    assert ran.stdout.startswith("degraded: 0 errors, ")
    assert ran.stdout.endswith(
        "- Fix 1 component that cannot be loaded, such as the builder of `Scoring` (run `stepwell "
        "components --missing`).\n"
    )

    root = project(FILES)
    (root / "src/builders/scoring.py").unlink()
    ran = run_stepwell("doctor", cwd=root)
    assert ran.exit_code == 0
    assert ran.stdout.endswith(
        "- Add or declare 1 component that no source file defines, such as the builder of `Scoring` (run "
        "`stepwell components --missing`).\n"
    )
    shutil.rmtree(root / "src")
    assert "component" not in run_stepwell("doctor", cwd=root).stdout


def test_the_script_is_the_entry_point_of_the_interface(project: Project) -> None:
    step = f"{STEP}interface: {{entry_point: batch.py}}\n"
    root = project({**FILES, "registry.d/steps/scoring.yaml": step})
    assert parts(root)["script"] == ("found", "src/scripts/scoring.py:1", None)
    (root / "src/scripts/batch.py").write_text("", encoding="utf-8")
    (root / "src/batch.py").write_text("", encoding="utf-8")
    assert parts(root)["script"] == ("found", "src/scripts/batch.py:1", None)
    (root / "workspaces/alice/src/scripts").mkdir(parents=True)
    (root / "workspaces/alice/src/scripts/batch.py").write_text("", encoding="utf-8")
    assert parts(root, "alice")["script"] == ("found", "workspaces/alice/src/scripts/batch.py:1", None)


def test_the_entry_point_is_searched_in_the_order_of_the_source_folders(project: Project) -> None:
    step = f"{STEP}interface: {{entry_point: batch.py}}\n"
    toml = '[components]\nsource = ["lib", "src"]\n'
    files = {"stepwell.toml": toml, "registry.d/steps/scoring.yaml": step}
    root = project({**files, "src/scripts/batch.py": "", "lib/batch.py": ""})
    assert parts(root)["script"] == ("found", "lib/batch.py:1", None)
    (root / "lib/below").mkdir()
    (root / "lib/below/batch.py").write_text("", encoding="utf-8")
    assert parts(root)["script"] == ("ambiguous", None, None)


def test_a_file_with_a_similar_name_is_suggested(project: Project, run_stepwell: RunStepwell) -> None:
    files = {
        "registry.d/steps/tabular_preprocessing.yaml": "name: TabularPreprocessing\ndescription: Split.\n",
        "src/contracts/tabular_preprocess_contract.py": "TABULAR_PREPROCESS_CONTRACT = {}\n",
    }
    shown = run_stepwell("components", "TabularPreprocessing", cwd=project(files)).stdout
    assert (
        "  contract         none  not declared, and `contracts/tabular_preprocessing_contract.py` does not "
        "exist\n"
        "                         did you mean `components: {contract: src/contracts/tabular_preprocess_"
        "contract.py}`?\n"
    ) in shown


def test_a_class_that_matches_an_external_pattern_is_not_missing(project: Project) -> None:
    root = project({"registry.d/steps/scoring.yaml": STEP})
    assert parts(root)["builder"] == ("missing", None, None)
    (root / "stepwell.toml").write_text('[references]\nexternal = ["*StepBuilder"]\n', encoding="utf-8")
    assert parts(root)["builder"] == ("none", None, None)
    assert parts(root)["config"] == ("missing", None, None)


def test_names_that_move_the_cursor_are_shown_as_escapes(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**FILES, "src/\x1b[2J/scripts/scoring.py": ""})
    ran = run_stepwell("components", "Scoring", "--kind", "script", cwd=root)
    assert "\x1b" not in ran.stdout
    assert "\\x1b[2J/scripts/scoring.py:1" in ran.stdout


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_declared_pipe_does_not_hang(project: Project) -> None:
    root = project(
        {"registry.d/steps/s.yaml": "name: S\ndescription: S.\ncomponents: {builder: src/pipe.py:B}\n"}
    )
    (root / "src").mkdir()
    os.mkfifo(root / "src/pipe.py")
    component = stepwell.open(root).view(None).components("S")["builder"]
    assert component.fault == "cannot parse `src/pipe.py`: not a regular file, line 1"
