"""Workflow files are validated with the schemas of their step types, each finding at its line and column."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.ai_steps import EXAMPLES, PLUGIN, registry_of

from stepwell.frontends import cli
from stepwell.run.workflows.check import check_workflow
from stepwell.source.diagnostic import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Project = Callable[[Mapping[str, "str | bytes"]], Path]

VIEW = registry_of(EXAMPLES).view(None)


def found(folder: Path, text: str) -> tuple[Diagnostic, ...]:
    (folder / "flow.yaml").write_text(textwrap.dedent(text), encoding="utf-8")
    return check_workflow(str(folder), "flow.yaml", VIEW, str(folder)).diagnostics


def reported(folder: Path, steps: str) -> list[str]:
    """What is found in a workflow of some steps, each in one line; its first step is on line 4."""
    head = "workflow:\n  variables: {topic: pumps}\n  steps:\n"
    text = f"{head}{textwrap.indent(steps, '    ')}\n  name: flow\n"
    return [
        f"{one.span.line}:{one.span.column} {one.severity.value}[{one.id}] {one.message} ({one.help})"
        for one in found(folder, text)
        if one.span is not None
    ]


@pytest.mark.parametrize(
    ("steps", "findings"),
    [
        pytest.param(
            "- {name: a, type: claude, prompt: Hi}",
            [],
            id="nothing is wrong",
        ),
        pytest.param(
            "- {name: a, type: Claude, prompt: Hi, x-note: mine, role: brain, timeout_seconds: 3}",
            [],
            id="what every step may say, and what is one's own",
        ),
        pytest.param(
            "- name: a\n  type: claud\n  prompt: Hi",
            [
                (
                    "5:13 error[unknown-step-type] unknown step type `claud` in the core "
                    "(did you mean `claude`?)"
                ),
            ],
            id="a type that is missing",
        ),
        pytest.param(
            "- name: a\n  type: claude\n  promt: Hi",
            [
                "6:7 error[unknown-field] step `a` has no field `promt` (did you mean `prompt`?)",
            ],
            id="a parameter that is missing",
        ),
        pytest.param(
            "- name: a\n  type: claude\n  prompt: Hi\n  condtion: x",
            [
                "7:7 error[unknown-field] step `a` has no field `condtion` (did you mean `condition`?)",
            ],
            id="a word for any step, mistyped",
        ),
        pytest.param(
            '- name: a\n  type: claude\n  prompt: Hi\n  claude_options:\n    max_turns: "3"\n'
            "    vebose: true",
            [
                (
                    "8:20 error[wrong-type] `claude_options.max_turns` must be a whole number, got "
                    "text (write it without quotes: 3)"
                ),
                ("9:9 error[unknown-field] `claude_options` has no field `vebose` (did you mean `verbose`?)"),
            ],
            id="parameters inside parameters",
        ),
        pytest.param(
            "- name: a\n  type: claude_batch\n  tasks:\n    - {id: x, prompt: Hi}\n    - {id: y, promt: Hi}",
            [
                "8:19 error[unknown-field] `tasks[1]` has no field `promt` (did you mean `prompt`?)",
            ],
            id="parameters inside a list",
        ),
        pytest.param(
            "- name: a\n  type: claude_smart\n  preset: produktion\n  prompt: Hi",
            [
                (
                    "6:15 error[not-in-vocabulary] `produktion` is not an allowed value of `preset` (did you "
                    "mean `production`?)"
                ),
            ],
            id="a word of a closed list",
        ),
        pytest.param(
            "- name: a\n  type: claude\n  prompt:\n    - type: sttic\n      content: Hi\n"
            "    - type: file\n    - {type: static, contnt: Hi}",
            [
                "7:17 error[not-in-vocabulary] `sttic` is not an allowed value of `type` (did you mean `static`?)",  # noqa: E501
                ("9:11 error[missing-field] prompt part requires the field `path` (add a line `path: …`)"),
                ("10:26 error[unknown-field] prompt part has no field `contnt` (did you mean `content`?)"),
            ],
            id="parts of a prompt",
        ),
        pytest.param(
            "- {name: first, type: claude, prompt: Hi}\n- name: second\n  type: claude\n  prompt:\n"
            "    - {type: previous_response, step: frist}\n"
            "    - {type: previous_response, step: third}\n"
            "    - {type: static, content: 'And {{ steps.nowhere.text }}'}\n"
            "- {name: third, type: claude, prompt: Hi}",
            [
                "8:43 error[unknown-reference] unknown earlier step `frist` (did you mean `first`?)",
                "9:43 error[unknown-reference] step `third` runs after this step (move it before this step)",
                ("10:40 error[unknown-reference] unknown earlier step `nowhere` (earlier steps: `first`)"),
            ],
            id="answers of other steps",
        ),
        pytest.param(
            "- {name: a, type: claude, prompt: 'Hi {{ topik }} {{ a b }}', condition: 'x =='}",
            [
                (
                    "4:43 warning[unknown-reference] `topik` is neither an earlier step nor a "
                    "variable of the workflow (did you mean `topic`?)"
                ),
                (
                    "4:55 warning[bad-expression] `a b` is invalid: unexpected `b` (the prompt keeps "
                    "it unchanged)"
                ),
                (
                    "4:79 error[bad-expression] `x ==` is invalid: unexpected 'end of "
                    "template' (write an expression like `steps.first.text`, `length(items) > 2` "
                    "or `a == 'b' and not c`)"
                ),
            ],
            id="expressions",
        ),
        pytest.param(
            "- {name: a, type: test_echo, condition: {adn: [topic], not: topic, or: [topic, '2 2']}}",
            [
                "4:46 error[unknown-field] unknown operator `adn` in a condition (did you mean `and`?)",
                (
                    "4:85 error[bad-expression] `2 2` is invalid: unexpected `2` (write an expression "
                    "like `steps.first.text`, `length(items) > 2` or `a == 'b' and not c`)"
                ),
            ],
            id="conditions made of conditions",
        ),
        pytest.param(
            "- {name: a, type: test_echo}\n- {name: a, type: test_echo}",
            [
                (
                    "5:14 error[duplicate-step] duplicate step `a` in the workflow (use a unique name "
                    "for each step)"
                ),
            ],
            id="two steps of one name",
        ),
        pytest.param(
            "- name: a\n  type: claude\n  output_to_file: ../a.txt\n  prompt:\n"
            "    - {type: file, path: /etc/passwd}\n    - {type: file, path: gone.md}\n"
            "    - {type: file, path: '{{ topic }}.md'}",
            [
                (
                    "6:23 error[unusable-path] `../a.txt` is outside the folder (use a path inside the "
                    "workflow's folder or the one given with `--folder`)"
                ),
                (
                    "8:30 error[unusable-path] `/etc/passwd` must be relative to the folder (use a "
                    "path inside the workflow's folder or the one given with `--folder`)"
                ),
                (
                    "9:30 error[unusable-path] `gone.md` does not exist (use a path inside the "
                    "workflow's folder or the one given with `--folder`)"
                ),
            ],
            id="paths",
        ),
        pytest.param(
            "- name: a\n  type: test_echo\n  output_to_file: ./\n  condition: 2 ** 3 == x",
            [
                "6:23 error[unusable-path] `./` is a folder (add the name of a file)",
                (
                    "7:18 error[bad-expression] `2 ** 3 == x` uses `**`, which is not allowed (write an "
                    "expression like `steps.first.text`, `length(items) > 2` or `a == 'b' and not c`)"
                ),
            ],
            id="a folder as the file of an answer, and a power",
        ),
        pytest.param(
            "- name: a\n  type: file_ops\n  operation: copy\n  source: [ok.txt, ../no.txt]\n"
            "  destination: /tmp/",
            [
                (
                    "7:24 error[unusable-path] `../no.txt` is outside the folder (use a path inside "
                    "the workflow's folder or the one given with `--folder`)"
                ),
                (
                    "8:20 error[unusable-path] `/tmp/` must be relative to the folder (use a path "
                    "inside the workflow's folder or the one given with `--folder`)"
                ),
            ],
            id="paths of file operations",
        ),
        pytest.param(
            "- name: a\n  type: test_echo\n  output_schema: {type: objekt}",
            [
                (
                    "6:29 error[invalid-output-schema] `output_schema` is not a valid schema: `objekt` is "
                    "not an allowed value of `type` (did you mean `object`?)"
                ),
            ],
            id="an output schema that is none",
        ),
        pytest.param(
            "- name: a\n  type: test_ehco\n  condition: a adn b\n"
            "- name: b\n  condition: c adn d\n  output_schema: {type: objekt, required: c}",
            [
                (
                    "5:13 error[unknown-step-type] unknown step type `test_ehco` in the core "
                    "(did you mean `test_echo`?)"
                ),
                (
                    "6:18 error[bad-expression] `a adn b` is invalid: unexpected `adn` (write an expression "
                    "like `steps.first.text`, `length(items) > 2` or `a == 'b' and not c`)"
                ),
                (
                    "7:7 error[missing-field] `workflow.steps[1]` requires the field `type` "
                    "(add a line `type: …`)"
                ),
                (
                    "8:18 error[bad-expression] `c adn d` is invalid: unexpected `adn` (write an expression "
                    "like `steps.first.text`, `length(items) > 2` or `a == 'b' and not c`)"
                ),
                (
                    "9:29 error[invalid-output-schema] `output_schema` is not a valid schema: `objekt` is "
                    "not an allowed value of `type` (did you mean `object`?)"
                ),
                (
                    "9:47 error[invalid-output-schema] `output_schema` is not a valid schema: `required` "
                    "must be a list, got text (write a list: [c])"
                ),
            ],
            id="steps of an unknown type and without one",
        ),
        pytest.param(
            "- name: loop\n  type: while_loop\n  condition: not steps.test.ok\n"
            "  max_iterations: 9999\n  steps:\n"
            "    - {name: mend, type: claude, prompt: [{type: previous_response, step: test}]}\n"
            "    - {name: test, type: gemin, prompt: Hi}\n    - {type: claude, prompt: Hi}\n"
            "- {name: after, type: claude, prompt: '{{ steps.mend.text }}'}",
            [
                ("7:23 error[out-of-range] `max_iterations` must be at most 1000, got 9999 (None)"),
                (
                    "10:30 error[unknown-step-type] unknown step type `gemin` in the core "
                    "(did you mean `gemini`?)"
                ),
                "11:12 error[missing-field] step requires the field `name` (add a line `name: …`)",
            ],
            id="steps inside a loop see each other, and later ones see them",
        ),
        pytest.param(
            "- {name: set, type: set_variable, variables: {count: '{{ nowhere }}'}}\n"
            "- {name: use, type: test_echo, value: '{{ count }} {{ variables.anything }} {{ loop.x }}'}",
            [
                (
                    "4:59 warning[unknown-reference] `nowhere` is neither an earlier step nor "
                    "a variable of the workflow (set it in `variables` or with `--set`)"
                ),
            ],
            id="variables that a step sets",
        ),
        pytest.param(
            "- {name: rows, type: test_echo}\n- name: sum\n  type: data_transform\n"
            "  input_source: previous_response:rwos.items\n  operations:\n"
            "    - {operation: filter, condition: status == 'x' and}\n    - {operation: somr}",
            [
                "7:21 error[unknown-reference] unknown earlier step `rwos` (did you mean `rows`?)",
                (
                    "9:42 error[bad-expression] `status == 'x' and` is invalid: unexpected "
                    "'end of template' (write an expression like `steps.first.text`, "
                    "`length(items) > 2` or `a == 'b' and not c`)"
                ),
                (
                    "10:23 error[not-in-vocabulary] `somr` is not an allowed value of `operations[1].operation` "  # noqa: E501
                    "(did you mean `sort`?)"
                ),
            ],
            id="data",
        ),
        pytest.param(
            "- name: in\n  type: pipeline\n  pipeline:\n    name: inner\n    steps:\n"
            "      - {name: x, type: claude, promt: Hi}",
            [
                "9:37 error[unknown-field] step `x` has no field `promt` (did you mean `prompt`?)",
            ],
            id="a workflow inside a step",
        ),
        pytest.param(
            "- {name: a, type: claude, promt: Hi, prompt: Hi}  # stepwell: ignore[unknown-step-type] no\n"
            "- {name: b, type: nothing}  # stepwell: ignore[unknown-step-type] comes later",
            [
                "4:31 error[unknown-field] step `a` has no field `promt` (did you mean `prompt`?)",
                (
                    "5:23 error[unknown-step-type] unknown step type `nothing` in the core "
                    "(run `stepwell list` to show the steps of the registry)"
                ),
            ],
            id="an error is not hidden by a comment",
        ),
    ],
)
def test_a_finding_is_at_its_cause(tmp_path: Path, steps: str, findings: list[str]) -> None:
    (tmp_path / "ok.txt").touch()
    assert reported(tmp_path, steps) == findings


def test_a_whole_file_is_read_and_reported_as_any_other(tmp_path: Path) -> None:
    assert [one.id for one in found(tmp_path, "workflow:\n  name: a\n  name: b\n")] == ["duplicate-key"]
    without = "workflow: {name: a, steps: []}\nworkflw: 1\n"
    assert [(one.id, one.message) for one in found(tmp_path, without)] == [
        ("wrong-form", "`workflow.steps` must have at least 1 item, got 0"),
        ("unknown-field", "workflow has no field `workflw`"),
    ]
    assert [one.message for one in found(tmp_path, "steps: []\n")] == [
        "workflow requires the field `workflow`",
        "workflow has no field `steps`",
    ]
    defaults = "workflow: {name: a, defaults: {claude_preset: chatt}, steps: [{name: x, type: test_echo}]}\n"
    assert [(one.message, one.help) for one in found(tmp_path, defaults)] == [
        ("`chatt` is not an allowed value of `workflow.defaults.claude_preset`", "did you mean `chat`?")
    ]


def test_a_default_is_checked_against_the_type_that_it_reaches(tmp_path: Path) -> None:
    text = """\
        workflow:
          name: a
          defaults: {claude_options: {max_turns: none}}
          steps:
            - {name: x, type: claude, prompt: Hi}
            - {name: y, type: test_echo}
        """
    (one,) = found(tmp_path, text)
    assert one.message == "`claude_options.max_turns` must be a whole number, got text"
    assert one.span is not None
    assert (one.span.line, one.span.column) == (5, 7)


def test_a_file_part_that_is_a_link_out_of_the_folder_is_reported(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("s3cret", encoding="utf-8")
    folder = tmp_path / "flows"
    folder.mkdir()
    (folder / "link.txt").symlink_to(secret)
    assert reported(folder, "- {name: a, type: claude, prompt: [{type: file, path: link.txt}]}") == [
        (
            "4:59 error[unusable-path] `link.txt` is outside the folder (through a link) (use a path "
            "inside the workflow's folder or the one given with `--folder`)"
        )
    ]


@pytest.fixture
def with_pack(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pack is there, as if it were installed."""
    monkeypatch.setattr("stepwell.resolve.plugins.find_plugins", lambda: (PLUGIN,))
    monkeypatch.setenv("STEPWELL_CACHE_DIR", "")  # a load from the cache knows that nothing is installed


@pytest.mark.usefixtures("with_pack")
def test_the_examples_of_the_pack_are_right(capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(path) for path in sorted(EXAMPLES.glob("*.yaml"))]
    assert len(files) == 3
    assert cli.run(["workflow", "check", *files]) == 0
    assert capsys.readouterr().out.startswith("Checked 3 workflows: no findings in ")


@pytest.mark.usefixtures("with_pack")
@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("concise", "flow.yaml:3:35: error[unknown-field] step `a` has no field `promt`"),
        ("github", "::error file=flow.yaml,line=3,endLine=3,col=35,endColumn=40,title=unknown-field::"),
        ("text", "  --> flow.yaml:3:35"),
    ],
)
def test_every_format_has_the_position(
    project: Project,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    line: str,
) -> None:
    text = "workflow:\n  name: f\n  steps: [{name: a, type: claude, promt: Hi, prompt: Hi}]\n"
    root = project({"flow.yaml": text})
    file = str(root / "flow.yaml")
    monkeypatch.chdir(root)
    assert cli.run(["workflow", "check", file, "--project", str(root), "--format", form]) == 1
    reported = capsys.readouterr().out.splitlines()
    assert any(one.startswith(line) for one in reported), reported


@pytest.mark.usefixtures("with_pack")
def test_a_warning_fails_on_request(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    root = project({"f.yaml": "workflow: {name: f, steps: [{name: a, type: claude, prompt: '{{ b }}'}]}\n"})
    asked = ["workflow", "check", str(root / "f.yaml"), "--project", str(root), "--format", "json"]
    assert cli.run(asked) == 0
    summary: dict[str, Any] = json.loads(capsys.readouterr().out)["summary"]
    assert (summary["files"], summary["steps"], summary["warnings"]) == (1, 1, 1)
    assert cli.run([*asked, "--fail-on", "warning"]) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone.yaml", "no such file: `gone.yaml`"),
        ("notes.txt", "`notes.txt` is not a workflow file: its name must end in .yaml, .yml or .toml"),
    ],
)
def test_what_is_no_file_is_a_mistake_of_the_command_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    message: str,
) -> None:
    (tmp_path / "notes.txt").touch()
    monkeypatch.chdir(tmp_path)
    assert cli.run(["workflow", "check", name]) == 2
    assert message in capsys.readouterr().err


def test_without_the_pack_its_types_say_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a project, the workflow's folder is used."""
    monkeypatch.setattr("stepwell.resolve.plugins.find_plugins", tuple)
    (tmp_path / "f.yaml").write_text("workflow: {name: f, steps: [{name: a, type: claude, prompt: Hi}]}\n")
    monkeypatch.chdir(tmp_path)
    assert cli.run(["workflow", "check", "f.yaml"]) == 1
    assert "install the package that provides it: `python -m pip install stepwell-ai-steps`" in (
        capsys.readouterr().out
    )


LEGACY = """\
workflow:
  name: legacy
  metadata: {author: me}
  timeout_seconds: 30
  options: {a: 1}
  hooks: {PreToolUse: [{matcher: Bash}]}
  agents: {reviewer: {prompt: Review}}
  steps:
    - {name: data, type: set_variable, variable: rows, value: [], streaming: {enabled: true}}
    - {name: copy, type: file_ops, operation: stream_copy, source: a, destination: b}
    - name: each
      type: for_loop
      iterator: item
      data_source: previous_response:data:rows
      batch_size: 25
      steps:
        - {name: inner, type: claude_extract, prompt: Hi, schema: {a: string}}
    - {name: sort, type: data_transform, input_source: data.rows, lazy: {enabled: true}, operations: []}
    - name: ask
      type: claude_robust
      prompt: "{{ workflow.input.topic }} {{ global_vars.topic }} {{ state.n + 1 }}"
      retry_config: {retry_conditions: [when it is too short]}
    - {name: short, type: gemini, prompt: Hi, token_budget: {max_input_tokens: 9}}
"""


def test_fields_of_old_files_are_accepted_and_unused_ones_are_listed_on_request(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(LEGACY, encoding="utf-8")

    def lines(*, compat: bool) -> tuple[bool, list[str]]:
        checked = check_workflow(str(tmp_path), "flow.yaml", VIEW, str(tmp_path), compat=compat)
        told = [
            f"{one.span.line} {one.severity.value}[{one.id}] {one.message}"
            for one in checked.diagnostics
            if one.span is not None
        ]
        return checked.value is not None, told

    assert lines(compat=False) == (
        False,
        [
            "7 error[unknown-field] `workflow` has no field `agents`",
            "17 error[unknown-field] step `inner` has no field `schema`",
        ],
    )
    ignored = {5: "options", 6: "hooks", 7: "agents", 9: "streaming", 15: "batch_size", 17: "schema"}
    ignored |= {18: "lazy", 23: "max_input_tokens"}
    assert lines(compat=True) == (
        True,
        [f"{line} warning[ignored-field] the field `{name}` is ignored" for line, name in ignored.items()],
    )


@pytest.mark.usefixtures("with_pack")
def test_paths_may_be_relative_to_the_repository(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flow = (
        "workflow:\n  name: a\n  steps:\n    - {name: n, type: pipeline, pipeline_file: flows/child.yaml}\n"
        "    - {name: p, type: claude, prompt: [{type: file, path: docs/a.md}]}\n"
    )
    child = "workflow: {name: c, steps: [{name: e, type: test_echo, value: 1}]}\n"
    root = project({"flows/main.yaml": flow, "flows/child.yaml": child, "docs/a.md": "Hi", ".git/x": ""})
    monkeypatch.chdir(root)
    assert cli.run(["workflow", "check", "flows/main.yaml"]) == 0
    (root / "docs/a.md").unlink()
    capsys.readouterr()
    assert cli.run(["workflow", "check", "flows/main.yaml", "--format", "concise"]) == 1
    assert capsys.readouterr().out == (
        "flows/main.yaml:4:48: error[unusable-path] `flows/child.yaml` does not exist\n"
        "flows/main.yaml:5:59: error[unusable-path] `docs/a.md` does not exist\n"
    )


@pytest.mark.usefixtures("with_pack")
def test_files_outside_a_project_are_named_by_their_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in "ab":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "w.yaml").write_text("workflow: {name: w, steps: [{name: a, type: b}]}\n")
    assert cli.run(["workflow", "check", "a/w.yaml", "b/w.yaml", "--format", "concise"]) == 1
    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()] == [
        "a/w.yaml",
        "b/w.yaml",
    ]
    assert cli.run(["workflow", "check", "a/w.yaml", "b/w.yaml", "--format", "json"]) == 1
    told = json.loads(capsys.readouterr().out)["diagnostics"]
    assert [one["span"]["path"] for one in told] == ["a/w.yaml", "b/w.yaml"]
