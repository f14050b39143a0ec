"""``stepwell check``: every finding at its place, in every form, and an exit code that can be relied on."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from functools import cache
from os.path import normpath
from pathlib import Path
from subprocess import PIPE
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from tests.conftest import Project, Ran, RunStepwell

ROOT = Path(__file__).resolve().parents[2]
SCORING = "registry.d/steps/scoring.yaml"
CLEANING = "registry.d/steps/cleaning.yaml"
OVERRIDE = "workspaces/alice/override/steps/scoring.yaml"
CLEAN = {
    SCORING: "name: Scoring\nsagemaker_step_type: Processing\ndescription: Score a batch.\n",
    CLEANING: "name: Cleaning\ndescription: Drop rows.\n",
    OVERRIDE: "name: Scoring\npriority: 50\n",
    "workspaces/bob/workspace.yaml": "developer_id: bob\n",
}
BROKEN = {
    **CLEAN,
    CLEANING: "name: Cleaning\nframewrk: sklearn\n",
    "workspaces/alice/local/steps/tuning.yaml": "name: Tuning\ndescription: Tune it.\npriority: 2000\n",
    "workspaces/bob/override/steps/scoring.yaml": "name: Scoring\npriority: 100\n",
}
"""Two errors and a warning: each in another layer."""

CONCISE = (
    "registry.d/steps/cleaning.yaml:1:1: error[missing-field] step requires the field `description`\n"
    "registry.d/steps/cleaning.yaml:2:1: error[unknown-field] step has no field `framewrk`\n"
    "workspaces/alice/local/steps/tuning.yaml:3:11: error[out-of-range] "
    "`priority` must be at most 1000, got 2000\n"
    "workspaces/bob/override/steps/scoring.yaml:1:7: warning[override-changes-nothing] "
    "override of `Scoring` changes nothing\n"
)


def ids(ran: Ran) -> list[str]:
    """The rules of what a check found, with their files, from its concise form."""
    found = [re.match(r"(.+?):\d+:\d+: \w+\[([a-z0-9-]+)\]", line) for line in ran.stdout.splitlines()]
    return [f"{match[2]} {match[1]}" for match in found if match]


@cache
def validator_of(path: str) -> Any:
    contents = json.loads((ROOT / path).read_text(encoding="utf-8"))
    kind = Draft202012Validator if "2020-12" in contents["$schema"] else Draft7Validator
    kind.check_schema(contents)
    return kind(contents)


def faults(path: str, document: str) -> list[str]:
    return [error.message for error in validator_of(path).iter_errors(json.loads(document))]


# --- what is found, and the exit code


def test_nothing_found(project: Project, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("check", cwd=project(CLEAN))
    assert re.fullmatch(
        r"Checked 4 files, 3 steps, 2 workspaces: no findings in (less than 0\.01|\d+\.\d\d) s\.\n",
        ran.stdout,
    )
    assert (ran.exit_code, ran.stderr) == (0, "")


def test_everything_is_reported_at_once_and_ends_with_1(project: Project, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("check", cwd=project(BROKEN))
    assert (ran.exit_code, ran.stderr) == (1, "")
    told = re.sub(r"in (\d+\.\d\d|less than 0\.01) s", "in 0 s", ran.stdout)
    assert told == (
        "error[missing-field]: step requires the field `description`\n"
        "  --> registry.d/steps/cleaning.yaml:1:1\n"
        "   |\n"
        " 1 | name: Cleaning\n"
        "   | ^^^^\n"
        "   |\n"
        "   = help: add a line `description: …`\n"
        "\n"
        "error[unknown-field]: step has no field `framewrk`\n"
        "  --> registry.d/steps/cleaning.yaml:2:1\n"
        "   |\n"
        " 2 | framewrk: sklearn\n"
        "   | ^^^^^^^^ did you mean `framework`?\n"
        "\n"
        "error[out-of-range]: `priority` must be at most 1000, got 2000\n"
        "  --> workspaces/alice/local/steps/tuning.yaml:3:11\n"
        "   |\n"
        " 3 | priority: 2000\n"
        "   |           ^^^^\n"
        "\n"
        "warning[override-changes-nothing]: override of `Scoring` changes nothing\n"
        "  --> workspaces/bob/override/steps/scoring.yaml:1:7\n"
        "   |\n"
        " 1 | name: Scoring\n"
        "   |       ^^^^^^^\n"
        "   |\n"
        "   = help: delete the file, or set the fields that should differ\n"
        "   = overrides registry.d/steps/scoring.yaml:1:7\n"
        "\n"
        "Checked 6 files, 3 steps, 2 workspaces: 3 errors, 1 warning in 0 s.\n"
    )


WARNED = {**CLEAN, "workspaces/bob/override/steps/scoring.yaml": "name: Scoring\npriority: 100\n"}


@pytest.mark.parametrize(
    ("files", "arguments", "exit_code"),
    [
        (CLEAN, (), 0),
        (CLEAN, ("--fail-on", "warning"), 0),
        (WARNED, (), 0),
        (WARNED, ("--fail-on", "error"), 0),
        (WARNED, ("--fail-on", "warning"), 1),
        (WARNED, ("--fail-on", "warning", "--quiet"), 1),
        (BROKEN, (), 1),
        (BROKEN, ("--fail-on", "error"), 1),
        (BROKEN, ("--fail-on", "warning"), 1),
    ],
)
def test_the_exit_code_follows_the_severity(
    project: Project,
    run_stepwell: RunStepwell,
    files: Mapping[str, str],
    arguments: tuple[str, ...],
    exit_code: int,
) -> None:
    ran = run_stepwell("check", *arguments, cwd=project(files))
    assert (ran.exit_code, ran.stderr) == (exit_code, "")


@pytest.mark.parametrize("form", ["concise", "json", "github", "sarif", "junit"])
def test_the_exit_code_is_the_same_in_every_form(
    project: Project, run_stepwell: RunStepwell, form: str
) -> None:
    root = project(WARNED)
    assert run_stepwell("check", "--format", form, cwd=root).exit_code == 0
    assert run_stepwell("check", "--format", form, "--fail-on", "warning", cwd=root).exit_code == 1


def test_a_severity_of_the_project_decides(project: Project, run_stepwell: RunStepwell) -> None:
    info = project({**WARNED, "stepwell.toml": '[rules]\noverride-changes-nothing = "info"\n'})
    ran = run_stepwell("check", "--fail-on", "warning", cwd=info)
    assert ran.exit_code == 0
    assert ran.stdout.startswith("info[override-changes-nothing]: ")


def test_quiet_is_silent_only_where_all_is_well(project: Project, run_stepwell: RunStepwell) -> None:
    clean = run_stepwell("check", "-q", cwd=project(CLEAN))
    assert (clean.exit_code, clean.stdout, clean.stderr) == (0, "", "")
    as_json = run_stepwell("check", "-q", "--format", "json", cwd=project(CLEAN))
    assert json.loads(as_json.stdout)["diagnostics"] == []
    broken = run_stepwell("check", "-q", cwd=project(BROKEN))
    assert broken.exit_code == 1
    assert broken.stdout.count("-->") == 4


# --- whose findings


@pytest.mark.parametrize(
    ("workspace", "expected", "counted"),
    [
        ("alice", ["missing-field", "unknown-field", "out-of-range"], "1 step, 1 workspace"),
        ("bob", ["missing-field", "unknown-field", "override-changes-nothing"], "1 step, 1 workspace"),
    ],
)
def test_a_workspace_is_checked_with_the_core_and_without_others(
    project: Project, run_stepwell: RunStepwell, workspace: str, expected: list[str], counted: str
) -> None:
    root = project(BROKEN)
    ran = run_stepwell("check", "--workspace", workspace, "--format", "concise", cwd=root)
    assert [one.partition(" ")[0] for one in ids(ran)] == expected
    text = run_stepwell("check", "-w", workspace, cwd=root)
    assert f"Checked 6 files, {counted}: " in text.stdout


# --- check PATH...


def concise(run_stepwell: RunStepwell, cwd: Path, *paths: str) -> list[str]:
    ran = run_stepwell("check", "--format", "concise", *paths, cwd=cwd)
    assert ran.stderr == ""
    assert ran.exit_code == int(any("warning" not in line for line in ran.stdout.splitlines()))
    return [line.partition(": ")[0] for line in ran.stdout.splitlines()]


def test_without_a_path_all_is_reported(project: Project, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("check", "--format", "concise", cwd=project(BROKEN))
    assert (ran.exit_code, ran.stdout, ran.stderr) == (1, CONCISE, "")


NOTHING_CHANGED = "workspaces/bob/override/steps/scoring.yaml:1:7"
BY_PATH: list[tuple[tuple[str, ...], list[str]]] = [
    ((CLEANING,), [f"{CLEANING}:1:1", f"{CLEANING}:2:1"]),
    (("registry.d/steps",), [f"{CLEANING}:1:1", f"{CLEANING}:2:1", NOTHING_CHANGED]),
    (("registry.d/",), [f"{CLEANING}:1:1", f"{CLEANING}:2:1", NOTHING_CHANGED]),
    ((SCORING,), [NOTHING_CHANGED]),
    ((OVERRIDE,), []),
    (("workspaces/alice",), ["workspaces/alice/local/steps/tuning.yaml:3:11"]),
    (
        ("workspaces/alice", "workspaces/bob"),
        ["workspaces/alice/local/steps/tuning.yaml:3:11", NOTHING_CHANGED],
    ),
    (("stepwell.toml",), []),
]


@pytest.mark.parametrize(("paths", "found"), BY_PATH)
def test_paths_report_what_is_in_them_and_what_is_elsewhere_because_of_them(
    project: Project, run_stepwell: RunStepwell, paths: tuple[str, ...], found: list[str]
) -> None:
    assert concise(run_stepwell, project(BROKEN), *paths) == found


def test_the_project_itself_and_a_path_from_below_it(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(BROKEN)
    everything = concise(run_stepwell, root)
    assert len(everything) == 4
    assert concise(run_stepwell, root, ".") == everything
    assert concise(run_stepwell, root, str(root)) == everything
    for folder, path in (
        ("registry.d", "."),
        ("registry.d/steps", "cleaning.yaml"),
        ("registry.d", "steps/../steps/cleaning.yaml"),
        ("workspaces", "../registry.d/steps/cleaning.yaml"),
    ):
        from_below = [normpath(f"{folder}/{line}") for line in concise(run_stepwell, root / folder, path)]
        assert from_below == concise(run_stepwell, root, f"{folder}/{path}")
    assert concise(run_stepwell, root, str(root / CLEANING)) == everything[:2]


def test_a_name_that_begins_like_another_is_another(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**BROKEN, "registry.d/steps/clean/ok.yaml": "name: Ok\ndescription: Fine.\n"})
    assert concise(run_stepwell, root, "registry.d/steps/clean") == []


BROKEN_BY_CORE: list[tuple[str, dict[str, str], str]] = [
    (
        "its base says the same now",
        {SCORING: "name: Scoring\ndescription: Score a batch.\npriority: 50\n"},
        f"override-changes-nothing {OVERRIDE}",
    ),
]


@pytest.mark.parametrize(
    ("files", "found"), [pytest.param(files, found, id=name) for name, files, found in BROKEN_BY_CORE]
)
def test_a_core_file_is_reported_with_the_override_that_it_breaks(
    project: Project, run_stepwell: RunStepwell, files: dict[str, str], found: str
) -> None:
    ran = run_stepwell("check", "--format", "concise", SCORING, cwd=project({**CLEAN, **files}))
    assert found in ids(ran)


def test_consequences_are_notes_of_the_finding_that_causes_them(
    project: Project, run_stepwell: RunStepwell
) -> None:
    pipeline = "registry.d/pipelines/nightly.yaml"
    root = project(
        {
            **CLEAN,
            SCORING: "name: Scoring\ndescription: Score a batch.\npriority: high\n",
            pipeline: "name: Nightly\ndescription: Score.\nsteps: [{id: score, step: Scoring}]\n",
        }
    )
    for path in (SCORING, OVERRIDE, pipeline):
        ran = run_stepwell("check", path, cwd=root)
        assert ids(run_stepwell("check", "--format", "concise", path, cwd=root)) == [f"wrong-type {SCORING}"]
        assert f"= used by pipeline `Nightly` {pipeline}:3:27\n" in ran.stdout
        assert f"= overridden in workspace alice {OVERRIDE}:1:7\n" in ran.stdout
    assert "Scoring" not in run_stepwell("list", cwd=root).stdout


def test_a_core_file_is_reported_with_the_local_step_that_hides_it(
    project: Project, run_stepwell: RunStepwell
) -> None:
    local = "workspaces/alice/local/steps/cleaning.yaml"
    root = project({**CLEAN, local: "name: Cleaning\ndescription: Other.\n"})
    ran = run_stepwell("check", "--format", "concise", CLEANING, cwd=root)
    assert ids(ran) == [f"shadows-core {local}"]


def test_a_core_file_is_reported_with_the_step_whose_configuration_class_it_takes(
    project: Project, run_stepwell: RunStepwell
) -> None:
    local = "workspaces/alice/local/steps/tuning.yaml"
    text = "name: Tuning\ndescription: Tune it.\nconfig_class: ScoringConfig\n"
    root = project({SCORING: CLEAN[SCORING], local: text})
    ran = run_stepwell("check", "--format", "concise", SCORING, cwd=root)
    assert ids(ran) == [f"duplicate-config-class {local}"]


def test_the_settings_report_what_is_wrong_in_them(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**BROKEN, "stepwell.toml": '[rules]\nshadow-core = "off"\n'})
    assert concise(run_stepwell, root, "stepwell.toml") == ["stepwell.toml:2:1"]


@pytest.mark.parametrize("form", ["text", "json", "sarif"])
def test_a_path_that_vanished_is_one_line(project: Project, run_stepwell: RunStepwell, form: str) -> None:
    root = project(CLEAN)
    ran = run_stepwell("check", SCORING, "registry.d/gone.yaml", "--format", form, cwd=root)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == "error: no such file or folder: `registry.d/gone.yaml`\n"


@pytest.mark.parametrize("outside", ["..", "../other.yaml", "/", "{parent}"])
def test_a_path_outside_the_project_is_one_line(
    project: Project, run_stepwell: RunStepwell, outside: str
) -> None:
    root = project(CLEAN)
    (root.parent / "other.yaml").write_text("name: Other\n")
    asked = outside.format(parent=root.parent)
    ran = run_stepwell("check", asked, cwd=root)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == f"error: `{asked}` is not in the project {root}\n"


def test_an_empty_path_is_one_line(project: Project, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("check", "", cwd=project(CLEAN))
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == "error: no such file or folder: ``\n"


def test_after_two_dashes_a_path_may_look_like_an_option(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({**CLEAN, "--workspace": ""})
    ran = run_stepwell("check", "--", "--workspace", cwd=root)
    assert (ran.exit_code, ran.stderr) == (0, "")


def test_a_path_and_a_workspace_together_mean_both(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(BROKEN)
    assert concise(run_stepwell, root, "-w", "alice", "workspaces") == [
        "workspaces/alice/local/steps/tuning.yaml:3:11"
    ]
    assert concise(run_stepwell, root, "-w", "alice", "workspaces/bob") == []


@pytest.mark.parametrize(
    "asked", ["registry.d", "registry.d/steps/cleaning.yaml", "real/core", "real/core/steps"]
)
def test_a_linked_core_is_found_by_either_name(
    project: Project, run_stepwell: RunStepwell, asked: str
) -> None:
    root = project({"real/core/steps/cleaning.yaml": BROKEN[CLEANING]})
    (root / "registry.d").symlink_to("real/core")
    assert concise(run_stepwell, root, asked) == [f"{CLEANING}:1:1", f"{CLEANING}:2:1"]


def test_a_project_behind_a_link_is_the_same_project(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(BROKEN)
    link = root.parent / "link"
    link.symlink_to(root)
    assert concise(run_stepwell, root, str(link / CLEANING)) == [f"{CLEANING}:1:1", f"{CLEANING}:2:1"]
    assert concise(run_stepwell, root, str(link)) == concise(run_stepwell, root)
    by_option = run_stepwell("check", "--project", str(link), str(link / CLEANING), cwd=root.parent)
    assert by_option.exit_code == 1


def test_a_broken_link_can_be_an_argument(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(CLEAN)
    (root / "registry.d" / "steps" / "link.yaml").symlink_to("nowhere.yaml")
    (root / "registry.d" / "steps" / "out.yaml").symlink_to("/dev/null")
    assert concise(run_stepwell, root, "registry.d/steps/link.yaml") == ["registry.d/steps/link.yaml:1:1"]
    assert concise(run_stepwell, root, "registry.d/steps/out.yaml") == ["registry.d/steps/out.yaml:1:1"]


# --- every form


@pytest.mark.parametrize("files", [pytest.param(CLEAN, id="clean"), pytest.param(BROKEN, id="broken")])
def test_json_matches_its_schema(
    project: Project, run_stepwell: RunStepwell, files: Mapping[str, str]
) -> None:
    ran = run_stepwell("check", "--format", "json", cwd=project(files))
    assert faults("schemas/diagnostics.schema.json", ran.stdout) == []
    told = json.loads(ran.stdout)
    clean = files is CLEAN
    assert {key: value for key, value in told["summary"].items() if key != "seconds"} == {
        "files": 4 if clean else 6,
        "steps": 3,
        "workspaces": 2,
        "errors": 0 if clean else 3,
        "warnings": 0 if clean else 1,
        "infos": 0,
    }
    assert len(told["diagnostics"]) == (0 if clean else 4)


@pytest.mark.parametrize("files", [pytest.param(CLEAN, id="clean"), pytest.param(BROKEN, id="broken")])
def test_sarif_matches_the_published_schema_and_has_the_pages(
    project: Project, run_stepwell: RunStepwell, files: Mapping[str, str]
) -> None:
    ran = run_stepwell("check", "--format", "sarif", cwd=project(files))
    assert faults("tests/contracts/schemas/sarif-2.1.0.schema.json", ran.stdout) == []
    (run,) = json.loads(ran.stdout)["runs"]
    results = [result["ruleId"] for result in run["results"]]
    expected = ["missing-field", "unknown-field", "out-of-range", "override-changes-nothing"]
    assert results == ([] if files is CLEAN else expected)
    pages = {rule["id"]: rule["help"]["markdown"] for rule in run["tool"]["driver"]["rules"]}
    assert all(pages[rule].strip() for rule in results)


@pytest.mark.parametrize("below", [".", "registry.d/steps"])
@pytest.mark.parametrize("git", ["folder", "file", "none"])
def test_paths_of_each_format(project: Project, run_stepwell: RunStepwell, git: str, below: str) -> None:
    """The repository is the project's parent; ``.git`` is a file in a worktree and a submodule."""
    root = project({CLEANING: "name: Cleaning\nframewrk: sklearn\n"})
    if git == "folder":
        (root.parent / ".git").mkdir()
    elif git == "file":
        (root.parent / ".git").write_text("gitdir: elsewhere\n", encoding="utf-8")
    of_services = CLEANING if git == "none" else f"project/{CLEANING}"
    of_text = CLEANING if below == "." else "cleaning.yaml"
    outputs = {
        form: run_stepwell("check", "--format", form, cwd=root / below).stdout
        for form in ("text", "concise", "json", "github", "sarif", "junit")
    }
    assert f"--> {of_text}:1:1\n" in outputs["text"]
    assert outputs["concise"].startswith(f"{of_text}:1:1: ")
    assert f"::error file={of_services},line=1," in outputs["github"]
    assert f'file="{of_services}" line="1"' in outputs["junit"]
    (run,) = json.loads(outputs["sarif"])["runs"]
    uris = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in run["results"]
    }
    assert uris == {of_services}
    spans = {finding["span"]["path"] for finding in json.loads(outputs["json"])["diagnostics"]}
    assert spans == {CLEANING}


def test_github_annotates_each_place(project: Project, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("check", "--format", "github", cwd=project(BROKEN))
    assert ran.stdout.splitlines()[1] == (
        "::error file=registry.d/steps/cleaning.yaml,line=2,endLine=2,col=1,endColumn=9,title=unknown-field"
        "::step has no field `framewrk`%0Ahelp: did you mean `framework`?"
        "%0Afix: replace `framewrk` by `framework`"
    )


def test_junit_has_a_case_for_each_finding(project: Project, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("check", "--format", "junit", cwd=project(BROKEN))
    suites = ET.fromstring(ran.stdout)  # noqa: S314 - it was just written
    assert suites.tag == "testsuites"
    assert suites.get("failures") == "4"
    assert len(suites.findall("testsuite/testcase/failure")) == 4


def test_junit_of_a_clean_project_has_no_failure(project: Project, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("check", "--format", "junit", cwd=project(CLEAN))
    assert ET.fromstring(ran.stdout).get("failures") == "0"  # noqa: S314 - it was just written


def test_concise_of_a_clean_project_is_nothing(project: Project, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("check", "--format", "concise", cwd=project(CLEAN))
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "")


def test_a_pipe_gets_no_colour(project: Project, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("check", cwd=project(BROKEN), env={"TERM": "xterm-256color"})
    assert "\x1b" not in ran.stdout


def test_a_project_with_nothing_in_it_is_clean(project: Project, run_stepwell: RunStepwell) -> None:
    ran = run_stepwell("check", cwd=project({}))
    assert ran.exit_code == 0
    assert ran.stdout.startswith("Checked 0 files, 0 steps, 0 workspaces: no findings in ")


def test_a_default_workspace_that_does_not_exist_is_an_error_at_the_setting(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project({**CLEAN, "stepwell.toml": '[project]\nworkspace = "alcie"\n'})
    ran = run_stepwell("check", "--format", "concise", cwd=root)
    assert (ran.exit_code, ran.stdout) == (
        1,
        "stepwell.toml:2:13: error[dangling-setting] unknown workspace `alcie`\n",
    )


def test_a_project_without_definitions_has_no_findings(project: Project, run_stepwell: RunStepwell) -> None:
    assert run_stepwell("check", "-q", cwd=project({"stepwell.toml": ""})).exit_code == 0


# --- which findings are shown


@pytest.mark.parametrize(
    ("options", "rules", "exit_code"),
    [
        ("--select missing-field", ["missing-field"], 1),
        ("--select missing-field,unknown-field", ["missing-field", "unknown-field"], 1),
        ("--select missing-field --select out-of-range", ["missing-field", "out-of-range"], 1),
        ("--select override-changes-nothing", ["override-changes-nothing"], 0),
        ("--ignore missing-field --ignore unknown-field,out-of-range", ["override-changes-nothing"], 0),
        ("--select missing-field --ignore missing-field", [], 0),
    ],
)
def test_rules_are_selected(
    project: Project, run_stepwell: RunStepwell, options: str, rules: list[str], exit_code: int
) -> None:
    ran = run_stepwell("check", "--format", "concise", *options.split(), cwd=project(BROKEN))
    assert [one.split()[0] for one in ids(ran)] == rules
    assert ran.exit_code == exit_code


def test_an_unknown_rule_is_a_usage_error(project: Project, run_stepwell: RunStepwell) -> None:
    for option in ("--select", "--ignore"):
        ran = run_stepwell("check", option, "missing-feld", cwd=project(BROKEN))
        assert ran.exit_code == 2
        assert ran.stderr == "error: unknown rule `missing-feld` (did you mean `missing-field`?)\n"


@pytest.mark.parametrize("form", ["text", "concise"])
def test_the_rest_of_the_findings_is_counted(project: Project, run_stepwell: RunStepwell, form: str) -> None:
    root = project(BROKEN)
    note = "3 more findings not shown (use --max-findings 0 to show all)\n"
    ran = run_stepwell("check", "--format", form, "--max-findings", "1", cwd=root)
    assert ran.exit_code == 1
    assert ran.stdout.count("[missing-field]") == 1
    assert "[unknown-field]" not in ran.stdout
    assert note in ran.stdout
    if form == "text":
        assert "3 errors, 1 warning in" in ran.stdout
    for number in ("0", "4"):
        ran = run_stepwell("check", "--format", form, "--max-findings", number, cwd=root)
        assert "not shown" not in ran.stdout
    ran = run_stepwell("check", "--format", "json", "--max-findings", "1", cwd=root)
    assert (ran.exit_code, ran.stderr) == (2, "error: --max-findings cannot be used with --format json\n")


def test_watch_checks_again_after_a_change(project: Project, environment: Mapping[str, str]) -> None:
    root = project({CLEANING: "name: Cleaning\ndescription: Drop rows.\n"})
    line = [sys.executable, "-m", "stepwell", "check", "--watch", "--format", "concise"]
    with subprocess.Popen(line, cwd=root, env=environment, stdout=PIPE, stderr=PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            (root / CLEANING).write_text("name: Cleaning\n", encoding="utf-8")
            assert process.stdout.readline().startswith(f"{CLEANING}:1:1: error[missing-field]")
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0


def test_times_of_a_watch_include_the_load(project: Project, environment: Mapping[str, str]) -> None:
    root = project({CLEANING: "name: Cleaning\ndescription: Drop rows.\n"})
    line = [sys.executable, "-m", "stepwell", "check", "--watch"]
    with subprocess.Popen(line, cwd=root, env=environment, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            summary = process.stdout.readline()
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
    duration = re.search(r"no findings in (\d+\.\d\d) s", summary)
    assert duration is not None
    assert float(duration[1]) > 0.05


def test_the_time_includes_the_start_of_the_process(project: Project, environment: Mapping[str, str]) -> None:
    line = [sys.executable, "-m", "stepwell", "check"]
    root = project(CLEAN)
    began = time.monotonic()
    ran = subprocess.run(line, cwd=root, env=environment, capture_output=True, text=True, check=True)
    waited = time.monotonic() - began
    told = re.search(r"in (\d+\.\d\d) s", ran.stdout)
    assert told is not None
    assert 0.05 < float(told[1]) <= waited + 0.01
