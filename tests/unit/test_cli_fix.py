"""``stepwell check --fix``: corrected files, and fixes as data in every format that has them."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stepwell.check.catalog import page_of
from stepwell.check.rule import FIXES

if TYPE_CHECKING:
    from tests.conftest import Project, RunStepwell

STEP = "name: Scoring\ndescription: Score.\n"
PIPELINE = "name: Nightly\ndescription: Run.\nparameters: {rows: 1}\nsteps:\n"
SCORING = "registry.d/steps/scoring.yaml"
NIGHTLY = "registry.d/pipelines/nightly.yaml"
CONFIGURATION = "stepwell.toml"
INTERFACE = "interface: {inputs: {data: {path: /d, type: t}}, outputs: {out: {path: /o, type: t}}}\n"
FREEZE = '[rules]\n{} = "error"  # strict\n\n[[freeze]]\noutput = "a.py"\nfirst = [\n    "{}",\n]\n'

# Files → their content after --fix. A list names the flags besides it.
ROWS: list[tuple[str, dict[str, str], dict[str, str | None]]] = [
    (
        "misspelled field",
        {SCORING: f"{STEP}framwork: 'xgboost'  # note\n"},
        {SCORING: f"{STEP}framework: 'xgboost'  # note\n"},
    ),
    (
        "misspelled field of an interface",
        {SCORING: f"{STEP}interface: {{inputs: {{a: {{path: /a, type: t, requird: true}}}}}}\n"},
        {SCORING: f"{STEP}interface: {{inputs: {{a: {{path: /a, type: t, required: true}}}}}}\n"},
    ),
    (
        "misspelled allowed value",
        {SCORING: f'{STEP}conflict_resolution_strategy: "framework_mach"\n'},
        {SCORING: f'{STEP}conflict_resolution_strategy: "framework_match"\n'},
    ),
    (
        "text that looks like a number",
        {SCORING: f"{STEP}since: 1.10\ndeprecated: {{since: 2}}\n"},
        {SCORING: f'{STEP}since: "1.10"\ndeprecated: {{since: "2"}}\n'},
    ),
    ("number in quotes", {SCORING: f"{STEP}priority: '7'\n"}, {SCORING: f"{STEP}priority: 7\n"}),
    (
        "repeated alias",
        {SCORING: f"{STEP}aliases:\n  - Rate\n  - Score  # once\n  - Score\n"},
        {SCORING: f"{STEP}aliases:\n  - Rate\n  - Score  # once\n"},
    ),
    (
        "alias of its own step",
        {SCORING: f"{STEP}aliases: [Scoring, Rate]\n"},
        {SCORING: f"{STEP}aliases: [Rate]\n"},
    ),
    (
        "file name, after a misspelled field",
        {"registry.d/steps/x.toml": 'name = "Scoring"\ndescription = "Score."\npriorty = 3\n'},
        {
            "registry.d/steps/scoring.toml": 'name = "Scoring"\ndescription = "Score."\npriority = 3\n',
            "registry.d/steps/x.toml": None,
        },
    ),
    (
        "override that changes nothing",
        {SCORING: STEP, "workspaces/alice/override/steps/scoring.yaml": "name: Scoring\npriority: 100\n"},
        {"workspaces/alice/override/steps/scoring.yaml": None},
    ),
    (
        "override of a misspelled step",
        {SCORING: STEP, "workspaces/alice/override/steps/scorin.yaml": "name: Scorin\npriority: 1\n"},
        {
            "workspaces/alice/override/steps/scorin.yaml": None,
            "workspaces/alice/override/steps/scoring.yaml": "name: Scoring\npriority: 1\n",
        },
    ),
    (
        "references of a pipeline",
        {
            SCORING: f"{STEP}{INTERFACE}",
            NIGHTLY: f"{PIPELINE}  - id: first\n    step: Scorng  # why\n    inputs: {{dta: '${{row}}'}}\n"
            "  - id: second\n    step: Scoring\n    inputs: {data: frst.out}\n    depends_on: [fist]\n",
        },
        {
            NIGHTLY: f"{PIPELINE}  - id: first\n    step: Scoring  # why\n    inputs: {{data: '${{rows}}'}}\n"
            "  - id: second\n    step: Scoring\n    inputs: {data: first.out}\n    depends_on: [first]\n",
        },
    ),
    (
        "misspelled rule and step in the configuration",
        {SCORING: STEP, CONFIGURATION: FREEZE.format("unused-ignor", "Scorin")},
        {CONFIGURATION: FREEZE.format("unused-ignore", "Scoring")},
    ),
]
UNSAFE: list[tuple[str, dict[str, str], dict[str, str | None]]] = [
    (
        "unused ignore",
        {
            SCORING: f"{STEP}# stepwell: ignore[past-removal] old\n"
            "framework: x  # stepwell: ignore[naming-style]\n"
        },
        {SCORING: f"{STEP}framework: x\n"},
    ),
    (
        "developer id",
        {SCORING: STEP, "workspaces/alice/workspace.yaml": "developer_id: bob  # me\n"},
        {"workspaces/alice/workspace.yaml": "developer_id: alice  # me\n"},
    ),
    ("text instead of a list", {SCORING: f"{STEP}aliases: Rate\n"}, {SCORING: f"{STEP}aliases: [Rate]\n"}),
]


def contents(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes().decode()
        for path in root.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(("files", "after"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_safe_fix_corrects_the_file(
    project: Project, run_stepwell: RunStepwell, files: dict[str, str], after: dict[str, str | None]
) -> None:
    root = project(files)
    wanted = {path: text for path, text in {**contents(root), **after}.items() if text is not None}
    ran = run_stepwell("check", "--fix", cwd=root)
    assert contents(root) == wanted, ran.stdout
    assert re.match(r"Fixed \d+ findings? in \d files?\.\n", ran.stdout)
    assert run_stepwell("check", "--fix", cwd=root).stdout.startswith(("Checked", "warning", "error"))
    assert contents(root) == wanted


@pytest.mark.parametrize(("files", "after"), [row[1:] for row in UNSAFE], ids=[row[0] for row in UNSAFE])
def test_an_unsafe_fix_needs_its_flag(
    project: Project, run_stepwell: RunStepwell, files: dict[str, str], after: dict[str, str | None]
) -> None:
    root = project(files)
    before = contents(root)
    run_stepwell("check", "--fix", cwd=root)
    assert contents(root) == before
    run_stepwell("check", "--fix", "--unsafe-fixes", cwd=root)
    assert contents(root) == {**before, **after}


def test_two_suggestions_are_no_fix(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(
        {SCORING: f"{STEP}framework: abd\n", CONFIGURATION: '[vocabulary]\nframeworks = ["abc", "abe"]\n'}
    )
    before = contents(root)
    assert run_stepwell("check", "--fix", cwd=root).exit_code == 1
    assert contents(root) == before


def test_a_dry_run_prints_the_diff_and_only_selected_findings_are_fixed(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project(
        {SCORING: f"{STEP}priorty: 3\n", "registry.d/steps/rating.yaml": "name: Rating\ndescripton: Rate.\n"}
    )
    before = contents(root)
    ran = run_stepwell("check", "--fix", "--dry-run", SCORING, cwd=root)
    assert ran.stdout.startswith(f"--- a/{SCORING}\n+++ b/{SCORING}\n@@ -1,3 +1,3 @@\n")
    assert "-priorty: 3\n+priority: 3\n" in ran.stdout
    assert "Rating" not in ran.stdout
    assert contents(root) == before
    run_stepwell("check", "--fix", "--ignore", "unknown-field", cwd=root)
    assert contents(root) == before
    assert run_stepwell("check", "--fix", SCORING, cwd=root).exit_code == 0
    assert contents(root) == {**before, SCORING: f"{STEP}priority: 3\n"}


def test_a_schema_comment_that_refers_to_a_missing_file_is_corrected(
    project: Project, run_stepwell: RunStepwell
) -> None:
    old = "# yaml-language-server: $schema=../gone/step.schema.json\r\n"
    other = "registry.d/steps/other.toml"
    url = "#:schema https://stepwell.dev/schemas/1/step.schema.json\n"
    files = {
        "schemas/step.schema.json": "{}",
        SCORING: "\ufeff" + old + "name: Scoring\r\ndescription: Score.\r\nframwork: a\r\n",
        other: url + 'name = "Other"\ndescription = "Other."\n',
    }
    root = project(files)
    assert run_stepwell("check", "--fix", "--select", "unknown-rule", cwd=root).exit_code == 0
    assert (root / SCORING).read_bytes().decode() == files[SCORING]
    assert run_stepwell("check", "--fix", "--quiet", other, cwd=root).stdout == ""
    ran = run_stepwell("check", "--fix", "--dry-run", cwd=root)
    assert "# yaml-language-server: $schema=../../schemas/step.schema.json" in ran.stdout
    ran = run_stepwell("check", "--fix", cwd=root)
    assert ran.stdout.startswith("Fixed 1 finding and 1 `$schema` comment in 1 file.\n")
    corrected = files[SCORING].replace("../gone/", "../../schemas/").replace("framwork", "framework")
    assert (root / SCORING).read_bytes().decode() == corrected
    assert (root / other).read_text() == files[other]


def test_findings_of_other_checks_are_fixed_with_them(project: Project, run_stepwell: RunStepwell) -> None:
    text = STEP + "interface: {inputs: {a: {path: /a, type: t, compatible_sources: [Ratng]}}}\n"
    root = project({SCORING: text, "registry.d/steps/rating.yaml": "name: Rating\ndescription: Rate.\n"})
    run_stepwell("check", "--fix", cwd=root)
    assert (root / SCORING).read_text() == text
    run_stepwell("check", "--fix", "--alignment", cwd=root)
    assert (root / SCORING).read_text() == text.replace("Ratng", "Rating")


def test_fixes_are_data(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(
        {SCORING: f"{STEP}framwork: xgboost\n", "registry.d/steps/x.yaml": "name: Rate\ndescription: R.\n"}
    )
    record: dict[str, Any] = json.loads(run_stepwell("check", "--json", cwd=root).stdout)
    spelled, moved = (finding["fix"] for finding in record["diagnostics"])
    assert spelled == {
        "message": "replace `framwork` by `framework`",
        "safe": True,
        "edits": [
            {"span": {"path": SCORING, "line": 3, "column": 5, "end_line": 3, "end_column": 5}, "text": "e"}
        ],
        "moved_to": None,
        "deleted": False,
    }
    assert (moved["moved_to"], moved["edits"]) == ("registry.d/steps/rate.yaml", [])
    sarif = json.loads(run_stepwell("check", "--format", "sarif", cwd=root).stdout)
    results = sarif["runs"][0]["results"]
    (change,) = results[0]["fixes"][0]["artifactChanges"]
    assert change["artifactLocation"]["uri"] == SCORING
    assert change["replacements"][0]["insertedContent"] == {"text": "e"}
    assert "fixes" not in results[1]
    assert (
        "%0Afix: replace `framwork` by `framework`"
        in run_stepwell("check", "--format", "github", cwd=root).stdout
    )


@pytest.mark.parametrize("rule_id", sorted(FIXES))
def test_every_page_with_a_fix_describes_it_and_fixing_its_example_leaves_no_new_error(
    project: Project, run_stepwell: RunStepwell, rule_id: str
) -> None:
    page = page_of(rule_id) or ""
    assert page.endswith(f"Fix: {FIXES[rule_id]}")
    failing = re.search(r"^Fails:\n\n((?:(?: {4}.*)?\n)+)", f"{page}\n", re.MULTILINE)
    parts = re.split(
        r"^# (\S+\.(?:ya?ml|toml|py))$", textwrap.dedent(failing[1]) if failing else "", flags=re.MULTILINE
    )
    root = project(dict(zip(parts[1::2], (text.lstrip("\n") for text in parts[2::2]), strict=True)))
    before = json.loads(run_stepwell("check", "--json", cwd=root).stdout)["summary"]["errors"]
    after = json.loads(run_stepwell("check", "--fix", "--unsafe-fixes", "--json", cwd=root).stdout)
    assert after["summary"]["errors"] <= before
