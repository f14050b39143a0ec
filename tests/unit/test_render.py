"""Every renderer on the same synthetic findings, compared with the files in ``tests/golden/render``.

``STEPWELL_UPDATE_GOLDEN=1 pytest tests/unit/test_render.py`` rewrites these files; the diff is reviewed.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from stepwell.frontends.render import RENDERERS
from stepwell.frontends.render.report import Report, RulePage
from stepwell.source.diagnostic import Diagnostic, Related, Severity, Span
from stepwell.source.escape_control import columns

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "render"
UPDATE = os.environ.get("STEPWELL_UPDATE_GOLDEN") == "1"

RULES = {
    "unknown-field": RulePage(
        "unknown-field",
        "A definition has a field that its kind does not know.",
        '# unknown-field\n\nFails: `deprecated: {sinc: "1.4"}`\n',
        Severity.ERROR,
    ),
    "shadows-core": RulePage(
        "shadows-core",
        "A local step hides a core step of the same name.",
        "# shadows-core\n\nSay `off` where it is meant.\n",
        Severity.WARNING,
    ),
    "never-found": RulePage("never-found", "A rule that is off.", "# never-found\n", None),
}

OVERRIDE = "workspaces/alice/override/steps/xgboost_training.yaml"
UNKNOWN_FIELD = Diagnostic(
    "unknown-field",
    Severity.ERROR,
    "step has no field `bulider_step_name`",
    Span(OVERRIDE, 3, 1, 3, 18, "bulider_step_name: FastXGBoostStepBuilder"),
    "did you mean `builder_step_name`?",
    (Related("overrides", Span("registry.d/steps/xgboost_training.yaml")),),
)
FINDINGS = (
    Diagnostic("no-steps", Severity.INFO, "the project has no steps", help="run `stepwell init`"),
    Diagnostic(
        "empty-file", Severity.ERROR, "the file holds no definition", Span("registry.d/steps/empty.yaml")
    ),
    Diagnostic(
        "wrong-type",
        Severity.ERROR,
        "`description` is a mapping, not a text",
        Span("registry.d/steps/多.yaml", 12, 14, 14, 3, "description: {en: |"),
        "write it in quotes",
        (Related("first used", Span("registry.d/steps/100%, a:b.yaml", 4, 2, 4, 9, " details: 1")),),
    ),
    Diagnostic(
        "unknown-field",
        Severity.WARNING,
        'no field `\x1b[31mred\x1b[0m` in {step}\r\nhere, <100%> "sure" & done',
        Span("registry.d/steps/odd.yaml", 7, 9, 7, 20, "名前:\t '\x1b[31mred\x1b[0m': yes"),
    ),
    Diagnostic(
        "unterminated-quote",
        Severity.ERROR,
        "the quote is not closed",
        Span("registry.d/steps/open.yaml", 101, 1, 101, 1),
    ),
    Diagnostic(
        "shadows-core",
        Severity.WARNING,
        "`Package` hides a core step",
        Span("workspaces/carol/local/steps/package.yaml", 1, 1, 1, 5, "name: Package"),
        'say `shadows-core = "off"` where it is meant',
        (
            Related("hides", Span("registry.d/steps/package.yaml", 1, 1, 1, 5, "name: Package")),
            Related("also defined", Span("registry.d/steps/more/package.yaml", 2, 3, 2, 10, "  Package")),
        ),
    ),
    UNKNOWN_FIELD,
)
REPORT = Report(FINDINGS, files=24, steps=18, workspaces=3, seconds=0.0437, tool_version="1.2.3")
CLEAN = Report((), files=1, steps=1, workspaces=1, seconds=0.0004, tool_version="1.2.3")


def written(name: str, report: Report, *, color: bool = False) -> str:
    return "".join(RENDERERS[name](report, color=color, rules=RULES))


def one(found: Diagnostic, name: str = "text", *, color: bool = False) -> str:
    return written(name, REPORT._replace(diagnostics=(found,)), color=color)


def snippet(text: str, column: int, end_column: int, help_text: str | None = None) -> list[str]:
    """The source line and the line of carets of a synthetic finding, without the gutter."""
    span = Span("a.yaml", 5, column, 5, end_column, text)
    lines = one(Diagnostic("x", Severity.ERROR, "m", span, help_text)).split("\n")
    assert lines[2] == "   |"
    assert lines[3].startswith(" 5 |")
    assert lines[4].startswith("   | ")
    return [lines[3][5:], lines[4][5:]]


@pytest.mark.parametrize("report", [pytest.param(REPORT, id="findings"), pytest.param(CLEAN, id="clean")])
@pytest.mark.parametrize(
    ("name", "color", "suffix"),
    [
        ("text", False, "txt"),
        ("text", True, "ansi"),
        ("concise", False, "concise"),
        ("json", False, "json"),
        ("github", False, "github"),
        ("sarif", False, "sarif"),
        ("junit", False, "xml"),
    ],
)
def test_each_form_is_the_stored_one(name: str, color: bool, suffix: str, report: Report) -> None:
    path = GOLDEN / f"{'clean' if report is CLEAN else 'findings'}.{suffix}"
    fresh = written(name, report, color=color).encode()
    if UPDATE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(fresh)
    assert fresh == path.read_bytes()


def test_the_forms_are_those_of_the_command_line() -> None:
    assert list(RENDERERS) == ["text", "concise", "json", "github", "sarif", "junit"]


def test_importing_the_package_imports_no_form_and_the_text_form_only_what_it_needs() -> None:
    code = (
        "import sys; from stepwell.frontends.render import RENDERERS\n"
        "from stepwell.frontends.render.report import Report\n"
        "forms = {'text', 'concise', 'json', 'github', 'sarif', 'junit'}\n"
        "drawn = {name for name in sys.modules if 'stepwell.frontends.render' in name}\n"
        "assert not forms & {name.rpartition('.')[2] for name in drawn}\n"
        "''.join(RENDERERS['text'](Report((), 0, 0, 0, 0.0, '1'), color=True, rules={}))\n"
        "heavy = {'rich', 'yaml', 'jsonschema', 'jinja2', 'watchdog', 'json', 'hashlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("[]\n", "")


# --- text


def test_text_is_the_documented_example() -> None:
    assert one(UNKNOWN_FIELD) == (
        "error[unknown-field]: step has no field `bulider_step_name`\n"
        "  --> workspaces/alice/override/steps/xgboost_training.yaml:3:1\n"
        "   |\n"
        " 3 | bulider_step_name: FastXGBoostStepBuilder\n"
        "   | ^^^^^^^^^^^^^^^^^ did you mean `builder_step_name`?\n"
        "   |\n"
        "   = overrides registry.d/steps/xgboost_training.yaml\n"
        "\n"
        "Checked 24 files, 18 steps, 3 workspaces: 1 error in 0.04 s.\n"
    )


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (CLEAN, "Checked 1 file, 1 step, 1 workspace: no findings in less than 0.01 s.\n"),
        (
            Report((), files=0, steps=0, workspaces=0, seconds=61.5, tool_version="1"),
            "Checked 0 files, 0 steps, 0 workspaces: no findings in 61.50 s.\n",
        ),
    ],
)
def test_text_of_a_clean_check_is_one_sentence(report: Report, expected: str) -> None:
    assert written("text", report) == expected


def test_the_summary_counts_each_severity() -> None:
    assert written("text", REPORT).endswith(
        "\n\nChecked 24 files, 18 steps, 3 workspaces: 4 errors, 2 warnings, 1 info in 0.04 s.\n"
    )


CARETS = [
    ("plain", "name: Xgb", 7, 10, "name: Xgb", "      ^^^"),
    ("an empty span is one caret", "name: Xgb", 7, 7, "name: Xgb", "      ^"),
    ("the end of the line", "name:", 6, 6, "name:", "     ^"),
    ("beyond the end of the line", "name:", 40, 50, "name:", "     ^"),
    ("an end before the start", "name: Xgb", 7, 3, "name: Xgb", "      ^"),
    ("an empty line", "", 1, 1, "", "^"),
    ("wide characters before", "名前: x", 5, 6, "名前: x", "      ^"),
    ("wide characters under", "x: 名前", 4, 6, "x: 名前", "   ^^^^"),
    ("a wide emoji", "🚀: x", 4, 5, "🚀: x", "    ^"),
    ("a combining mark", "e\u0301: x", 5, 6, "e\u0301: x", "   ^"),
    ("a tab", "\tname: x", 2, 6, "    name: x", "    ^^^^"),
    ("an escape sequence", "a\x1b[2Jb: x", 7, 8, r"a\x1b[2Jb: x", "         ^"),
    ("a no-break space is seen", "a\xa0b: x", 2, 3, r"a\xa0b: x", " ^^^^"),
    ("text that runs backwards", "\u202eabc: x", 1, 2, r"\u202eabc: x", "^^^^^^"),
    ("a lone surrogate", "\udce9: x", 1, 2, r"\udce9: x", "^^^^^^"),
    ("a carriage return inside", "a\rb: x", 3, 4, r"a\rb: x", "   ^"),
]


@pytest.mark.parametrize(
    ("text", "column", "end_column", "source", "carets"),
    [pytest.param(*row[1:], id=row[0]) for row in CARETS],
)
def test_carets_are_under_what_is_shown(
    text: str, column: int, end_column: int, source: str, carets: str
) -> None:
    assert snippet(text, column, end_column) == [source, carets]


def test_a_long_line_is_cut_around_the_place() -> None:
    text = "a" * 500 + "HERE" + "b" * 500
    source, carets = snippet(text, 501, 505)
    assert source == "..." + "a" * 30 + "HERE" + "b" * 66 + "..."
    assert carets == " " * 33 + "^^^^"


def test_a_long_line_of_wide_characters_is_cut_by_columns() -> None:
    source, carets = snippet("名" * 90, 1, 91)
    assert source == "名" * 50 + "..."
    assert carets == "^" * 100


def test_the_end_of_a_long_line_is_shown() -> None:
    source, carets = snippet("x" * 100_000, 100_001, 100_001)
    assert source == "..." + "x" * 30
    assert carets == " " * 33 + "^"


def test_a_line_that_just_fits_is_not_cut() -> None:
    assert snippet("x" * 100, 100, 101) == ["x" * 100, " " * 99 + "^"]


def test_several_lines_are_underlined_to_the_end_of_the_first() -> None:
    span = Span("a.yaml", 12, 7, 15, 3, "tags: [a,")
    assert one(Diagnostic("x", Severity.INFO, "m", span)).split("\n")[:5] == [
        "info[x]: m",
        "   --> a.yaml:12:7",
        "    |",
        " 12 | tags: [a,",
        "    |       ^^^",
    ]


def test_a_suggestion_that_does_not_fit_beside_the_carets_is_below() -> None:
    text = "x" * 90
    span = Span("a.yaml", 5, 1, 5, 91, text)
    found = Diagnostic("x", Severity.ERROR, "m", span, "did you mean `y`?")
    assert one(found).split("\n")[3:7] == [
        f" 5 | {text}",
        f"   | {'^' * 90}",
        "   |",
        "   = help: did you mean `y`?",
    ]


def test_a_finding_without_a_file_keeps_its_help() -> None:
    assert one(FINDINGS[0]).split("\n")[:2] == [
        "info[no-steps]: the project has no steps",
        "  = help: run `stepwell init`",
    ]


def test_a_file_without_text_has_no_source_line() -> None:
    assert one(FINDINGS[1]).split("\n")[:3] == [
        "error[empty-file]: the file holds no definition",
        "  --> registry.d/steps/empty.yaml:1:1",
        "",
    ]


def test_colour_adds_nothing_but_colour() -> None:
    colored = written("text", REPORT, color=True)
    assert "\x1b[1;31merror[unknown-field]\x1b[0m" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == written("text", REPORT)


# --- concise


def test_concise_is_one_line_each() -> None:
    assert written("concise", REPORT).split("\n") == [
        "info[no-steps] the project has no steps",
        "registry.d/steps/empty.yaml:1:1: error[empty-file] the file holds no definition",
        "registry.d/steps/多.yaml:12:14: error[wrong-type] `description` is a mapping, not a text",
        (
            r"registry.d/steps/odd.yaml:7:9: warning[unknown-field] no field `\x1b[31mred\x1b[0m` in {step}"
            r'\r\nhere, <100%> "sure" & done'
        ),
        "registry.d/steps/open.yaml:101:1: error[unterminated-quote] the quote is not closed",
        "workspaces/carol/local/steps/package.yaml:1:1: warning[shadows-core] `Package` hides a core step",
        f"{OVERRIDE}:3:1: error[unknown-field] step has no field `bulider_step_name`",
        "",
    ]


# --- json


@cache
def schema_of_diagnostics() -> Draft202012Validator:
    schema = json.loads((ROOT / "schemas" / "diagnostics.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@cache
def schema_of_sarif() -> Draft202012Validator:
    path = ROOT / "tests" / "contracts" / "schemas" / "sarif-2.1.0.schema.json"
    return Draft202012Validator(json.loads(path.read_text(encoding="utf-8")))


def faults(schema: Draft202012Validator, document: str) -> list[str]:
    return [error.message for error in schema.iter_errors(json.loads(document))]


@pytest.mark.parametrize("report", [REPORT, CLEAN], ids=["findings", "clean"])
def test_json_matches_its_schema(report: Report) -> None:
    assert faults(schema_of_diagnostics(), written("json", report)) == []


def test_json_contains_every_part_of_a_finding() -> None:
    assert json.loads(one(UNKNOWN_FIELD, "json")) == {
        "version": 1,
        "tool": {"name": "stepwell", "version": "1.2.3"},
        "summary": {
            "files": 24, "steps": 18, "workspaces": 3,
            "errors": 1, "warnings": 0, "infos": 0, "seconds": 0.0437,
        },
        "diagnostics": [
            {
                "id": "unknown-field",
                "severity": "error",
                "message": "step has no field `bulider_step_name`",
                "span": {"path": OVERRIDE, "line": 3, "column": 1, "end_line": 3, "end_column": 18},
                "help": "did you mean `builder_step_name`?",
                "related": [
                    {
                        "message": "overrides",
                        "span": {
                            "path": "registry.d/steps/xgboost_training.yaml",
                            "line": 1, "column": 1, "end_line": 1, "end_column": 1,
                        },
                    }
                ],
                "fix": None,
            }
        ],
    }  # fmt: skip


def test_the_schema_refuses_what_the_form_never_holds() -> None:
    document = json.loads(written("json", REPORT))
    document["diagnostics"][0]["severity"] = "fatal"
    document["diagnostics"][1]["span"]["line"] = 0
    del document["diagnostics"][2]["help"]
    document["summary"]["note"] = "x"
    document["version"] = 2
    refused = sorted(
        "/".join(map(str, error.absolute_path)) for error in schema_of_diagnostics().iter_errors(document)
    )
    assert refused == ["diagnostics/0/severity", "diagnostics/1/span", "diagnostics/2", "summary", "version"]


@pytest.mark.parametrize("name", ["json", "sarif"])
def test_what_utf_8_cannot_hold_is_written_out(name: str) -> None:
    span = Span("caf\udce9.yaml", 2, 1, 2, 2, "\udce9")
    document = json.loads(one(Diagnostic("x", Severity.ERROR, "m\ud800", span, "h\udfff"), name))
    again = json.dumps(document, ensure_ascii=False).encode()
    assert rb"m\\ud800" in again
    assert rb"h\\udfff" in again


# --- github


def parsed_command(line: str) -> tuple[str, dict[str, str], str]:
    """A workflow command as the runner of GitHub Actions reads it."""
    match = re.fullmatch(r"::(\w+) ([^:]*)::([^\r\n]*)", line)
    assert match is not None, line
    command, properties, data = match.groups()
    unescaped = {}
    for pair in properties.split(","):
        name, _, value = pair.partition("=")
        for code, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
            value = value.replace(code, char)
        unescaped[name] = value
    for code, char in (("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        data = data.replace(code, char)
    return command, unescaped, data


def test_github_reads_back_what_was_found() -> None:
    commands = [parsed_command(line) for line in written("github", REPORT).split("\n")[:-1]]
    assert [command for command, _, _ in commands] == [
        "notice", "error", "error", "warning", "error", "warning", "error",
    ]  # fmt: skip
    assert commands[0] == (
        "notice",
        {"title": "no-steps"},
        "the project has no steps\nhelp: run `stepwell init`",
    )
    assert commands[3][2] == r"no field `\x1b[31mred\x1b[0m` in {step}\r\n" + 'here, <100%> "sure" & done'
    assert commands[6] == (
        "error",
        {
            "file": OVERRIDE,
            "line": "3",
            "endLine": "3",
            "col": "1",
            "endColumn": "18",
            "title": "unknown-field",
        },
        (
            "step has no field `bulider_step_name`\n"
            "help: did you mean `builder_step_name`?\n"
            "overrides registry.d/steps/xgboost_training.yaml:1:1"
        ),
    )


def test_github_gets_no_columns_of_a_stretch_over_several_lines() -> None:
    _, properties, _ = parsed_command(one(FINDINGS[2], "github").rstrip("\n"))
    assert properties == {
        "file": "registry.d/steps/多.yaml",
        "line": "12",
        "endLine": "14",
        "title": "wrong-type",
    }


def test_github_escapes_as_the_toolkit_does() -> None:
    span = Span("a,b:c%2C\xa0d.yaml", 1, 2, 1, 3)
    assert one(Diagnostic("x", Severity.ERROR, "50%, a:b", span), "github") == (
        "::error file=a%2Cb%3Ac%252C\xa0d.yaml,line=1,endLine=1,col=2,endColumn=3,title=x::50%25, a:b\n"
    )


# --- sarif


@pytest.mark.parametrize("report", [REPORT, CLEAN], ids=["findings", "clean"])
def test_sarif_matches_the_published_schema(report: Report) -> None:
    assert faults(schema_of_sarif(), written("sarif", report)) == []


def test_the_published_schema_is_in_force() -> None:
    log = json.loads(written("sarif", REPORT))
    log["runs"][0]["results"][1]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    assert len(list(schema_of_sarif().iter_errors(log))) == 1


def test_sarif_results_name_their_rule_and_place() -> None:
    run = json.loads(written("sarif", REPORT))["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == [found.id for found in FINDINGS]
    assert [result["level"] for result in run["results"]] == [
        "note", "error", "error", "warning", "error", "warning", "error",
    ]  # fmt: skip
    assert "locations" not in run["results"][0]
    assert run["results"][2]["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "registry.d/steps/%E5%A4%9A.yaml", "uriBaseId": "SRCROOT"},
                "region": {"startLine": 12, "startColumn": 14, "endLine": 14, "endColumn": 3},
            }
        }
    ]
    related = run["results"][2]["relatedLocations"][0]
    assert related["physicalLocation"]["artifactLocation"]["uri"] == "registry.d/steps/100%25%2C%20a%3Ab.yaml"
    assert related["message"] == {"text": "first used"}


def test_sarif_rules_carry_their_page() -> None:
    rules = {
        rule["id"]: rule for rule in json.loads(written("sarif", CLEAN))["runs"][0]["tool"]["driver"]["rules"]
    }
    assert list(rules) == ["never-found", "shadows-core", "unknown-field"]
    assert rules["shadows-core"] == {
        "id": "shadows-core",
        "shortDescription": {"text": "A local step hides a core step of the same name."},
        "fullDescription": {"text": "A local step hides a core step of the same name."},
        "help": {
            "text": "# shadows-core\n\nSay `off` where it is meant.\n",
            "markdown": "# shadows-core\n\nSay `off` where it is meant.\n",
        },
        "defaultConfiguration": {"level": "warning"},
    }
    assert rules["never-found"]["defaultConfiguration"] == {"enabled": False}


def test_sarif_messages_hold_no_placeholder() -> None:
    run = json.loads(written("sarif", REPORT))["runs"][0]
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert "in {{step}}" in run["results"][3]["message"]["text"]
    assert (
        rules["unknown-field"]["help"]["markdown"]
        == '# unknown-field\n\nFails: `deprecated: {{sinc: "1.4"}}`\n'
    )


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("a b/ü.yaml", "a%20b/%C3%BC.yaml"),
        ("c:/x.yaml", "c%3A/x.yaml"),
        ("latin\udce9.yaml", "latin%E9.yaml"),
        ("odd\ud800.yaml", "odd%5Cud800.yaml"),
    ],
)
def test_sarif_paths_are_relative_references(path: str, uri: str) -> None:
    log = json.loads(one(Diagnostic("x", Severity.ERROR, "m", Span(path)), "sarif"))
    location = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == uri


def fingerprints(*findings: Diagnostic) -> list[str]:
    log = json.loads(written("sarif", REPORT._replace(diagnostics=findings)))
    return [result["partialFingerprints"]["stepwell/v1"] for result in log["runs"][0]["results"]]


def at_line(line: int, text: str = "priority: 2000") -> Diagnostic:
    return Diagnostic("x", Severity.ERROR, f"as on line {line - 1}", Span("a.yaml", line, 11, line, 15, text))


def test_a_fingerprint_stays_when_lines_move() -> None:
    assert fingerprints(at_line(5)) == fingerprints(at_line(17, "  priority: 2000"))


def test_a_fingerprint_distinguishes_findings() -> None:
    other_file = replace(at_line(5), span=Span("b.yaml", 5, 11, 5, 15, "priority: 2000"))
    found = (at_line(5), at_line(6), at_line(7, "priority: 3000"), other_file, replace(at_line(5), id="y"))
    assert len(set(fingerprints(*found))) == 5
    assert fingerprints(*found)[0] == fingerprints(at_line(5))[0]


# --- junit


def test_junit_has_a_case_for_each_finding() -> None:
    root = ET.fromstring(written("junit", REPORT))  # noqa: S314 - it is our own
    (suite,) = root
    totals = {"tests": "7", "failures": "6", "errors": "0", "skipped": "1", "time": "0.044"}
    assert root.attrib == {"name": "stepwell", **totals}
    assert suite.attrib == {"name": "stepwell check", **totals}
    cases = suite.findall("testcase")
    assert [(case.get("classname"), case.get("name"), case[0].tag) for case in cases] == [
        ("stepwell", "no-steps", "skipped"),
        ("registry.d/steps/empty.yaml", "empty-file at 1:1", "failure"),
        ("registry.d/steps/多.yaml", "wrong-type at 12:14", "failure"),
        ("registry.d/steps/odd.yaml", "unknown-field at 7:9", "failure"),
        ("registry.d/steps/open.yaml", "unterminated-quote at 101:1", "failure"),
        ("workspaces/carol/local/steps/package.yaml", "shadows-core at 1:1", "failure"),
        (OVERRIDE, "unknown-field at 3:1", "failure"),
    ]
    assert cases[6][0].attrib == {"type": "error", "message": "step has no field `bulider_step_name`"}
    assert cases[6][0].text == one(UNKNOWN_FIELD).split("\n\n")[0]
    assert cases[3][0].get("message") == (
        r"no field `\x1b[31mred\x1b[0m` in {step}\r\nhere, <100%> " + '"sure" & done'
    )


def test_junit_of_a_clean_check_is_one_case_that_passes() -> None:
    (suite,) = ET.fromstring(written("junit", CLEAN))  # noqa: S314 - it is our own
    assert (suite.get("tests"), suite.get("failures")) == ("1", "0")
    assert [(case.get("name"), list(case)) for case in suite] == [("no findings", [])]


def test_junit_names_are_all_different() -> None:
    twice = REPORT._replace(diagnostics=(UNKNOWN_FIELD, replace(UNKNOWN_FIELD, message="another")))
    (suite,) = ET.fromstring(written("junit", twice))  # noqa: S314 - it is our own
    assert [case.get("name") for case in suite] == ["unknown-field at 3:1", "unknown-field at 3:1 (2)"]


# --- whatever a file holds

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=150) | st.sampled_from(
    [
        "\x1b]0;title\x07",
        "\x9b31m",
        "a\r\nb",
        "\u2028\u2029\x85\x0b\x0c",
        "::error::x",
        "]]>",
        "\ufffe\uffff",
        "%0A",
    ]
)
SPANS = st.builds(
    Span, ANY_TEXT, *(st.integers(1, 300) for _ in range(4)), ANY_TEXT | ANY_TEXT.map(lambda text: text * 40)
)
ANY_FINDING = st.builds(
    Diagnostic,
    st.just("some-rule"),
    st.sampled_from(Severity),
    ANY_TEXT,
    st.none() | SPANS,
    st.none() | ANY_TEXT | ANY_TEXT.map("did you mean {}".format),
    st.lists(st.builds(Related, ANY_TEXT, SPANS), max_size=2).map(tuple),
)
ANY_REPORT = st.lists(ANY_FINDING, max_size=4).map(lambda found: REPORT._replace(diagnostics=tuple(found)))
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@pytest.mark.slow
@given(report=ANY_REPORT, name=st.sampled_from(sorted(RENDERERS)))
def test_no_form_lets_a_control_character_through(report: Report, name: str) -> None:
    assert CONTROL.findall(written(name, report)) == []


@given(report=ANY_REPORT, name=st.sampled_from(["concise", "github"]))
def test_a_line_is_a_finding(report: Report, name: str) -> None:
    lines = written(name, report).splitlines()
    assert len(lines) == len(report.diagnostics)


@pytest.mark.slow
@given(report=ANY_REPORT)
def test_text_has_as_many_lines_as_it_means_to(report: Report) -> None:
    body = written("text", report).splitlines()
    opening = re.compile(r"(error|warning|info)\[some-rule\]: |  +(--> |\||= )| \d+ \||$|Checked ")
    assert [line for line in body if not opening.match(line)] == []


@pytest.mark.slow
@given(report=ANY_REPORT)
def test_colour_never_changes_the_words(report: Report) -> None:
    colored = written("text", report, color=True)
    assert re.sub(r"\x1b\[(0|1|1;3[1346])m", "", colored) == written("text", report)


@given(report=ANY_REPORT)
def test_github_parses_back(report: Report) -> None:
    commands = [parsed_command(line) for line in written("github", report).split("\n")[:-1]]
    assert [properties["title"] for _, properties, _ in commands] == ["some-rule"] * len(report.diagnostics)


@pytest.mark.slow
@given(report=ANY_REPORT)
def test_xml_and_json_are_well_formed(report: Report) -> None:
    (suite,) = ET.fromstring(written("junit", report))  # noqa: S314 - it is our own
    assert len(suite) == max(1, len(report.diagnostics))
    assert faults(schema_of_diagnostics(), written("json", report)) == []
    assert faults(schema_of_sarif(), written("sarif", report)) == []
    results = json.loads(written("sarif", report))["runs"][0]["results"]
    assert len(results) == len(report.diagnostics)
    for form in ("json", "sarif", "junit"):
        assert written(form, report).isascii()


@given(text=ANY_TEXT.map(lambda text: text * 3), column=st.integers(1, 500), length=st.integers(0, 80))
def test_no_source_line_is_wider_than_it_may_be(text: str, column: int, length: int) -> None:
    source, carets = snippet(text, column, column + length)
    assert columns(source) <= 106
    assert re.fullmatch(r" *\^+", carets)
    assert len(carets) <= 104
