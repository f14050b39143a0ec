"""``stepwell workflow run``: answers, records, resuming after a failure or an interrupt, and secrets."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.ai_steps import EXAMPLES, PLUGIN, REPOSITORY, site

from stepwell.frontends import cli
from stepwell.frontends.cli.workflow.run import StepProgress

pytestmark = pytest.mark.slow

SCHEMA = json.loads((REPOSITORY / "schemas" / "output-workflow-run.schema.json").read_text(encoding="utf-8"))
GREETING = "workflow: {name: greeting, steps: [{name: hello, type: claude, prompt: 'Hello, {{ who }}!'}]}\n"


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, Any, str]]:
    """A function that runs a workflow in this process, in a separate folder without a project.

    It returns the exit code, the output as JSON or text, and stderr.
    """
    monkeypatch.setattr("stepwell.resolve.project_cache.any_declared", lambda *_: True)
    monkeypatch.setattr("stepwell.resolve.plugins.find_plugins", lambda: (PLUGIN,))
    monkeypatch.chdir(tmp_path)

    def run_it(text: str, *arguments: str, form: str = "json") -> tuple[int, Any, str]:
        if text:
            (tmp_path / "flow.yaml").write_text(text, encoding="utf-8")
        code = cli.run(["workflow", "run", "flow.yaml", *arguments, "--format", form])
        told = capsys.readouterr()
        return code, json.loads(told.out) if form == "json" and told.out else told.out, told.err

    return run_it


def answers(record: Mapping[str, Any]) -> dict[str, Any]:
    """The answers of a run, by step."""
    folder = Path(record["folder"])
    kept = (
        json.loads((folder / one["result"]).read_text("utf-8")) for one in record["steps"] if "result" in one
    )
    return {one["step"]: one["answer"] for one in kept}


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with what it holds."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("name", ["questions", "orders", "greeting"])
@pytest.mark.parametrize("provider", ["echo", "command:cat"])
def test_the_examples_run_whole_without_a_network(
    tmp_path: Path, run: Callable[..., Any], name: str, provider: str
) -> None:
    shutil.copytree(EXAMPLES, tmp_path, dirs_exist_ok=True)
    text = (EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8")
    if provider != "echo":  # `cat` returns no data that fits a schema
        text = text.replace("type: gemini_instructor", "type: test_echo  #").replace(
            "{{ steps.score.score }}", "3"
        )
        text = text.replace('      prompt: "Score the draft."\n      schema:', "      value:")
    code, record, told = run(text, "--provider", provider)
    assert (code, told) == (0, "")
    assert list(Draft202012Validator(SCHEMA).iter_errors(record)) == []
    assert {one["state"] for one in record["steps"]} <= {"finished", "skipped"}
    on_disk = json.loads(Path(record["folder"], "record.json").read_text(encoding="utf-8"))
    assert {**on_disk, "folder": record["folder"]} == record
    if name == "questions":
        given = answers(record)
        assert given["outline"]["text"] == "Outline a page about hydraulic pumps."
        assert given["history"]["text"].startswith("user: And what comes next?\nassistant: ")
        assert record["outputs"] == ["outputs/draft.md", "outputs/opinions/long.txt"]
        assert [turn["content"] for turn in record["sessions"]["lesson"]][::2] == [
            "Teach me hydraulic pumps.",
            "And what comes next?",
        ]
    if name == "orders":
        assert record["variables"]["tries"] == 3
        assert answers(record)["greet"] == {"success": True, "data": {"greeting": "Hello, ada!"}}
        assert record["outputs"] == ["outputs/letters/1.txt", "outputs/letters/3.txt"]
        assert [one["state"] for one in record["steps"]][-1] == "skipped"


def test_what_is_replayed_is_what_was_recorded(tmp_path: Path, run: Callable[..., Any]) -> None:
    text = GREETING.replace("{{ who }}", "world")
    provider = (
        "name: {0}\ndescription: For tests.\nimplementation: {1}\ncapabilities: [claude]\nsettings: {2}\n"
    )
    folder = tmp_path / "registry.d" / "providers"
    folder.mkdir(parents=True)
    shouting = "{argv: [tr, a-z, A-Z]}"
    (folder / "shout.yaml").write_text(provider.format("Shout", "command", shouting))
    recording = "{file: kept.jsonl, mode: record, provider: Shout}"
    (folder / "recorder.yaml").write_text(provider.format("Recorder", "replay", recording))
    code, recorded, _ = run(text, "--provider", "recorder")
    assert code == 0
    (folder / "shout.yaml").unlink()
    code, replayed, _ = run(text, "--provider", "replay:kept.jsonl")
    assert code == 0
    told = [answers(one)["hello"]["text"] for one in (recorded, replayed)]
    assert told == ["HELLO, WORLD!", "HELLO, WORLD!"]
    code, failed, _ = run(text.replace("world", "you"), "--provider", "replay:kept.jsonl")
    assert code == 1
    assert "no recorded answer in kept.jsonl for request" in failed["fault"]


@pytest.mark.parametrize(
    ("where", "arguments", "answered"),
    [
        ("", (), "dear"),
        ("step", (), "cheap"),
        ("defaults", (), "cheap"),
        ("settings", (), "cheap"),
        ("", ("--strategy", "cheapest"), "cheap"),
        ("step", ("--strategy", "priority"), "dear"),
    ],
)
def test_a_strategy_is_set_in_a_step_a_workflow_the_settings_or_the_command(
    tmp_path: Path, run: Callable[..., Any], where: str, arguments: tuple[str, ...], answered: str
) -> None:
    folder = tmp_path / "registry.d" / "providers"
    folder.mkdir(parents=True)
    for name, priority, cost in (("dear", 1, 9), ("cheap", 2, 1)):
        (folder / f"{name}.yaml").write_text(
            f"name: {name}\ndescription: A provider.\nimplementation: echo\npriority: {priority}\n"
            f"capabilities: [claude, text]\ncost: {{input: {cost}, output: {cost}}}\n"
        )
    if where == "settings":
        (tmp_path / "stepwell.toml").write_text('[execution]\nprovider_strategy = "cheapest"\n')
    of_step = ", provider_strategy: cheapest" if where == "step" else ""
    defaults = "defaults: {provider_strategy: cheapest}, " if where == "defaults" else ""
    text = f"workflow: {{name: f, {defaults}steps: [{{name: a, type: claude, prompt: x{of_step}}}]}}\n"
    code, record, told = run(text, *arguments)
    assert (code, told) == (0, "")
    assert record["steps"][0]["provider"] == answered


@pytest.mark.parametrize("where", ["step", "defaults", "command"])
def test_an_unknown_strategy_is_rejected(run: Callable[..., Any], where: str) -> None:
    of_step = ", provider_strategy: chepest" if where == "step" else ""
    defaults = "defaults: {provider_strategy: chepest}, " if where == "defaults" else ""
    text = f"workflow: {{name: f, {defaults}steps: [{{name: a, type: claude, prompt: x{of_step}}}]}}\n"
    code, _, told = run(text, *(("--strategy", "chepest") if where == "command" else ()))
    assert code == (2 if where == "command" else 1)
    assert "did you mean `cheapest`?" in told


def test_a_replayed_file_is_relative_to_the_working_directory(
    tmp_path: Path, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = tmp_path / "registry.d" / "providers" / "kept.yaml"
    provider.parent.mkdir(parents=True)
    provider.write_text(
        "name: kept\ndescription: Records.\nimplementation: replay\ncapabilities: [claude, text]\n"
        "settings: {file: tapes/kept.jsonl, mode: record, provider: echo}\n"
    )
    (provider.parent / "echo.yaml").write_text(
        "name: echo\ndescription: Echoes.\nimplementation: echo\ncapabilities: [claude, text]\n"
    )
    (tmp_path / "tapes").mkdir()
    assert run(GREETING, "--provider", "kept")[0] == 0
    monkeypatch.chdir(tmp_path / "tapes")
    code = cli.run(["workflow", "run", "../flow.yaml", "--provider", "replay:kept.jsonl", "--format", "json"])
    assert code == 0
    monkeypatch.chdir(tmp_path.parent)
    outside = str(tmp_path.parent / "kept.jsonl")
    assert cli.run(["workflow", "run", f"{tmp_path.name}/flow.yaml", "--provider", f"replay:{outside}"]) == 2


def test_a_run_is_reported_as_text(tmp_path: Path, run: Callable[..., Any]) -> None:
    code, told, _ = run(GREETING, "--provider", "echo", "--set", "who=you", form="text")
    (name,) = os.listdir(tmp_path / ".stepwell" / "runs")
    *lines, last = told.splitlines()
    assert code == 0
    assert lines == ["hello  finished  Hello, you!", "Used 2 input and 2 output tokens."]
    assert last.startswith(f"Run {name} of `greeting` finished in ")
    assert last.endswith(f" s: .stepwell/runs/{name}")


def test_a_run_sums_what_its_requests_used(tmp_path: Path, run: Callable[..., Any]) -> None:
    provider = tmp_path / "registry.d" / "providers" / "paid.yaml"
    provider.parent.mkdir(parents=True)
    provider.write_text(
        "name: paid\ndescription: Costs money.\nimplementation: echo\npriority: 1\n"
        "capabilities: [claude, text]\ncost: {input: 1, output: 2}\nmodels: [{name: m}]\n"
    )
    step = "{name: NAME, type: claude, prompt: 'one two three'}"
    steps = ", ".join(step.replace("NAME", name) for name in ("a", "b"))
    loop = (
        f"{{name: c, type: for_loop, data_source: [1, 2], iterator: n, steps: [{step.replace('NAME', 'd')}]}}"
    )
    text = f"workflow: {{name: f, steps: [{steps}, {loop}]}}\n"
    code, record, told = run(text, "--provider", "paid")
    assert (code, told) == (0, ""), told
    one = record["steps"][0]["usage"]
    assert one["cost"] == (one["input_tokens"] + 2 * one["output_tokens"]) / 1000 > 0
    assert record["steps"][2]["usage"]["input_tokens"] == 2 * one["input_tokens"]
    assert record["usage"] == {key: pytest.approx(4 * value) for key, value in one.items()}


def test_variables_are_set_as_json_or_text(run: Callable[..., Any]) -> None:
    steps = "[{name: x, type: test_echo, value: '{{ a }}'}]"
    text = f"workflow: {{name: f, variables: {{a: 1, b: 2}}, steps: {steps}}}\n"
    code, record, _ = run(text, "--provider", "echo", "--set", "a=[1, 2]", "--set", "b=no json")
    assert (code, record["variables"], answers(record)["x"]) == (0, {"a": [1, 2], "b": "no json"}, [1, 2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--provider", "Gemnii"], "unknown provider `Gemnii` in the core (did you mean `Gemini`?)"),
        (["--provider", "command"], "provider `command` needs a definition, or use `command:PROGRAM`"),
        (["--provider", "command:"], "provider `command:` cannot be used: "),
        (["--set", "novalue"], "--set must be NAME=VALUE, got `novalue`"),
        (["--set", "b=1"], "the workflow has no variable `b` (available: `count`)"),
        (["--set", "coutn=1"], "the workflow has no variable `coutn` (did you mean `count`?)"),
        (["--resume", "last"], "cannot resume run `last`: `f` has no runs"),
        (["--workspace", "nobody"], "unknown workspace: nobody"),
        (["--folder", "nowhere"], "Directory 'nowhere' does not exist"),
    ],
)
def test_a_mistake_on_the_command_line_runs_nothing(
    tmp_path: Path, run: Callable[..., Any], arguments: list[str], message: str
) -> None:
    text = "workflow: {name: f, variables: {count: 1}, steps: [{name: x, type: test_echo}]}\n"
    code, told, error = run(text, *arguments)
    assert (code, told) == (2, "")
    assert message in error
    assert not (tmp_path / ".stepwell").exists()


def test_a_workflow_with_an_error_is_not_run(tmp_path: Path, run: Callable[..., Any]) -> None:
    code, told, error = run(GREETING.replace("prompt", "promt"), "--provider", "echo")
    assert (code, told) == (1, "")
    assert "error[unknown-field]: step `hello` has no field `promt`" in error
    assert not (tmp_path / ".stepwell").exists()


FAILS_ONCE = """\
workflow:
  name: flow
  variables: {tries: 0}
  steps:
    - {name: first, type: set_variable, variables: {tries: "{{ tries + 1 }}"}}
    - {name: talk, type: claude_session, session_config: {session_name: s}, prompt: Hello}
    - {name: second, type: file_ops, operation: validate, files: [ready.txt]}
    - {name: third, type: test_echo, value: "{{ tries }} and {{ steps.talk.text }}"}
"""


def test_a_failed_run_continues_where_it_failed(tmp_path: Path, run: Callable[..., Any]) -> None:
    code, failed, _ = run(FAILS_ONCE, "--provider", "echo")
    assert (code, failed["state"], failed["fault"]) == (
        1,
        "failed",
        "step `second`: `ready.txt` does not exist",
    )
    assert [one["state"] for one in failed["steps"]] == ["finished", "finished", "failed"]
    (tmp_path / "ready.txt").touch()
    code, record, _ = run("", "--provider", "echo", "--resume", "last")
    assert (code, record["state"], record["run"], record["resumed"]) == (0, "finished", failed["run"], 1)
    assert [one.get("reused", False) for one in record["steps"]] == [True, True, False, False]
    assert answers(record)["third"] == "1 and Hello"
    assert record["sessions"] == failed["sessions"]
    assert list(Draft202012Validator(SCHEMA).iter_errors(record)) == []
    assert len(list((tmp_path / ".stepwell" / "runs").iterdir())) == 1


def test_a_changed_step_is_run_again_with_all_after_it(tmp_path: Path, run: Callable[..., Any]) -> None:
    run(FAILS_ONCE, "--provider", "echo")
    (tmp_path / "ready.txt").touch()
    code, record, _ = run(FAILS_ONCE.replace("Hello}", "Bye}"), "--provider", "echo", "--resume", "last")
    assert code == 0
    assert [one.get("reused", False) for one in record["steps"]] == [True, False, False, False]
    assert answers(record)["third"] == "1 and Bye"


def test_a_missing_run_is_reported_with_the_nearest(run: Callable[..., Any]) -> None:
    _, record, _ = run(GREETING.replace("{{ who }}", "x"), "--provider", "echo")
    code, _, error = run("", "--provider", "echo", "--resume", record["run"][:-1] + "_")
    assert code == 2
    assert f"did you mean `{record['run']}`?" in error
    other = "workflow: {name: other, steps: [{name: x, type: test_echo}]}\n"
    code, _, error = run(other, "--provider", "echo", "--resume", record["run"])
    assert (code, "it belongs to workflow `greeting`" in error) == (2, True)
    code, _, error = run("", "--provider", "echo", "--resume", "last")
    assert (code, "`other` has no runs" in error) == (2, True)


def test_the_others_continue_after_a_step_that_may_fail(run: Callable[..., Any]) -> None:
    text = """\
workflow:
  name: flow
  steps:
    - {name: a, type: file_ops, operation: delete, path: gone.txt, continue_on_error: true}
    - {name: b, type: test_echo, value: "{{ steps.a.success }}: {{ steps.a.error }}"}
    - {name: c, type: test_echo, value: {n: x}, output_schema: {properties: {n: {type: integer}}}}
"""
    code, record, _ = run(text, "--provider", "echo")
    assert code == 1
    assert [one["state"] for one in record["steps"]] == ["failed", "finished", "failed"]
    assert answers(record)["b"] == "false: `gone.txt` does not exist"
    assert record["fault"] == (
        "step `c`: the answer does not match `output_schema`: `n` must be a whole number, got text"
    )


def test_a_step_and_a_workflow_end_in_time(run: Callable[..., Any]) -> None:
    slow = "workflow: {name: f, LIMIT steps: [{name: a, type: claude, prompt: x STEP}]}\n"
    one = slow.replace("LIMIT", "").replace(" STEP", ", timeout_seconds: 0.2")
    code, record, _ = run(one, "--provider", "command:sleep 30")
    assert (code, record["fault"]) == (1, "step `a`: timed out after 0.2 s")
    whole = slow.replace("LIMIT", "resource_limits: {max_execution_time_s: 0.2},").replace(" STEP", "")
    code, record, _ = run(whole, "--provider", "command:sleep 30")
    assert (code, record["fault"]) == (1, "the workflow timed out after 0.2 s")


def test_nothing_outside_the_run_is_touched(tmp_path: Path, run: Callable[..., Any]) -> None:
    (tmp_path / "a.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path)
    text = """\
workflow:
  name: flow
  variables: {where: "../../../../a.txt"}
  steps:
    - {name: a, type: test_echo, value: theirs, output_to_file: a.txt}
    - {name: b, type: test_echo, value: theirs, output_to_file: "{{ where }}", continue_on_error: true}
    - {name: c, type: claude, prompt: [{type: file, path: "{{ where }}"}], continue_on_error: true}
"""
    before = files(tmp_path)
    code, record, _ = run(text, "--provider", "echo")
    assert code == 0
    after = {path: content for path, content in files(tmp_path).items() if not path.startswith(".stepwell/")}
    assert after == {**before, "flow.yaml": text.encode()}
    assert Path(record["folder"], "outputs", "a.txt").read_text(encoding="utf-8") == "theirs"
    assert [one.get("fault") for one in record["steps"]] == [
        None,
        "`../../../../a.txt` is outside the folder",
        "cannot compose the prompt: `../../../../a.txt` is outside the folder",
    ]
    assert (tmp_path / ".stepwell" / ".gitignore").read_text() == "*\n"
    assert Path(record["folder"]).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("secret", ["sk-ant-" + "a1B2" * 8, 'hunter"2'])
def test_no_secret_is_in_the_record(
    tmp_path: Path, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("MODEL_KEY", secret)
    folder = tmp_path / "registry.d" / "providers"
    folder.mkdir(parents=True)
    (folder / "leaky.yaml").write_text(
        "name: Leaky\ndescription: Tells its key.\nimplementation: command\ncapabilities: [claude]\n"
        "settings: {argv: [sh, -c, 'echo key $API_KEY; echo $API_KEY >&2']}\n"
        "secrets: {API_KEY: env:MODEL_KEY}\n"
    )
    step = "type: claude_session, session_config: {session_name: s}, output_to_file: a.txt"
    text = GREETING.replace("{{ who }}", "x").replace("type: claude", step)
    code, record, told = run(text, "--provider", "leaky")
    assert (code, record["sessions"]["s"][1]["content"]) == (0, f"key {'*' * len(secret)}")
    assert secret not in json.dumps(record, ensure_ascii=False) + told
    for path, content in files(tmp_path / ".stepwell").items():
        assert secret.encode() not in content, path


def test_a_cached_answer_is_that_of_an_earlier_run(run: Callable[..., Any]) -> None:
    retry = "{max_retries: 0, fallback_action: cached_response}"
    step = f"{{name: a, type: claude_robust, prompt: Hi, retry_config: {retry}}}"
    text = f"workflow: {{name: f, steps: [{step}]}}\n"
    code, record, _ = run(text, "--provider", "command:false")
    assert (code, answers(record)["a"]["degraded"]) == (0, True)
    run(text, "--provider", "echo")
    code, record, _ = run(text, "--provider", "command:false")
    assert (code, answers(record)["a"]["text"], answers(record)["a"]["cached"]) == (0, "Hi", True)


def test_a_conversation_continues_in_a_later_run(run: Callable[..., Any]) -> None:
    config = "{session_name: s, continue_on_restart: true}"
    step = f"{{name: a, type: claude_session, prompt: Hi, session_config: {config}}}"
    text = f"workflow: {{name: f, steps: [{step}]}}\n"
    turns = [answers(run(text, "--provider", "echo")[1])["a"]["turns"] for _ in range(3)]
    assert turns == [1, 2, 3]
    options = "{session_id: s, resume_session: true}"
    text = (
        f"workflow: {{name: f, steps: [{{name: a, type: claude, prompt: Hi, claude_options: {options}}}]}}\n"
    )
    _, record, _ = run(text, "--provider", "echo")
    assert len(record["sessions"]["s"]) == 8


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("--provider ", ["Anthropic", "Gemini", "echo"]),
        ("--provider e", ["echo"]),
        ("--resume ", ["last", "r2", "r1"]),
    ],
)
def test_providers_and_runs_are_offered_to_the_shell(
    tmp_path: Path, run_stepwell: Callable[..., Any], words: str, offered: list[str]
) -> None:
    runs = tmp_path / ".stepwell" / "runs"
    for name in ("r1/record.json", "r2/record.json", "of-a-pipeline/lock", "notes/record.txt"):
        (runs / name).parent.mkdir(parents=True)
        (runs / name).touch()
    (runs / "record.sqlite").touch()
    typed = f"stepwell workflow run flow.yaml {words}"
    asked = {"_STEPWELL_COMPLETE": "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": "5"}
    ran = run_stepwell(cwd=tmp_path, env={**asked, "PYTHONPATH": str(site(tmp_path / "site"))})
    assert ran.stdout.splitlines() == [f"plain,{one}" for one in offered]


WAITS = """\
workflow:
  name: flow
  steps:
    - {name: first, type: test_echo, value: done}
    - {name: second, type: claude, prompt: Hi}
    - {name: third, type: test_echo, value: "{{ steps.second.text }}"}
"""


@pytest.mark.parametrize(
    ("number", "exit_code", "state"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGKILL, -9, "running")]
)
def test_a_run_that_is_stopped_continues(
    tmp_path: Path, environment: Mapping[str, str], number: signal.Signals, exit_code: int, state: str
) -> None:
    (tmp_path / "flow.yaml").write_text(WAITS, encoding="utf-8")
    waiting = tmp_path / "waiting"
    program = f"sh -c 'touch {waiting}; exec sleep 60'"
    command = [sys.executable, "-m", "stepwell", "workflow", "run", "flow.yaml", "--provider"]
    where = {**environment, "PYTHONPATH": str(site(tmp_path / "site"))}
    with subprocess.Popen(
        [*command, f"command:{program}"],
        cwd=tmp_path,
        env=where,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as running:
        ends = time.monotonic() + 60
        while not waiting.exists() and time.monotonic() < ends and running.poll() is None:
            time.sleep(0.02)
        assert waiting.exists(), running.communicate(timeout=10)
        running.send_signal(number)
        told, _ = running.communicate(timeout=60)
    assert running.returncode == exit_code, told.decode()
    (record,) = (tmp_path / ".stepwell" / "runs").glob("*/record.json")
    assert json.loads(record.read_text(encoding="utf-8"))["state"] == state
    done = subprocess.run(
        [*command, "echo", "--resume", "last"],
        cwd=tmp_path,
        env=where,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:3] == [
        "first   finished earlier  done",
        "second  finished          Hi",
        "third   finished          Hi",
    ]


OWN_TYPE = """\
name: Shout
description: Say something loudly, perhaps after other steps.
aliases: [shout]
implementation: src/shouting.py:shout
parameters:
  type: object
  required: [said]
  additionalProperties: false
  properties:
    said: {type: [string, array], x-holds: prompt}
    before: {type: array, x-holds: steps}
    times: {type: integer, x-default: shout_times}
    note: {type: string}
"""
OWN_CODE = """\
from stepwell.run.workflows import Scope, compose, nested, run_steps

async def shout(parameters, context):
    scope = Scope.of(context.values)
    await run_steps(parameters.get("before", ()), scope.inner(""), nested(context))
    said = compose(parameters["said"], scope, context.folder).text
    return {"text": said.upper() * parameters.get("times", 1), "note": parameters.get("note")}
"""


def test_a_type_of_ones_own_has_prompts_steps_and_expressions(
    tmp_path: Path, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepwell.resolve.plugins.find_plugins", tuple)
    for path, text in {
        "stepwell.toml": "",
        "registry.d/steps/shout.yaml": OWN_TYPE,
        "src/shouting.py": OWN_CODE,
        "hello.txt": "hello {NAME}",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    workflow = """\
workflow:
  name: loud
  variables: {name: ada}
  steps:
    - name: outer
      type: Shout
      note: "for {{ name }}"
      before:
        - {name: inner, type: shout, said: "{{ name }}"}
      said: [{type: file, path: hello.txt, variables: {NAME: "{{ name }}"}}]
    - {name: after, type: shout, said: "{{ steps.outer.note }}", times: 2}
"""
    code, record, told = run(workflow)
    assert (code, told) == (0, "")
    assert answers(record)["outer"] == {"text": "HELLO ADA", "note": "for ada"}
    assert answers(record)["after"]["text"] == "FOR ADAFOR ADA"
    code, _, told = run(workflow.replace("type: shout, said:", "type: shout, siad:"))
    assert code == 1
    assert "error[unknown-field]: step `inner` has no field `siad`" in told


def test_progress_is_one_line_for_each_step(capsys: pytest.CaptureFixture[str]) -> None:
    progress = StepProgress(3, shown=True)
    for word, path, more in (
        ("reuse", "a", {}),
        ("start", "b", {}),
        ("start", "b[0].c", {}),
        ("end", "b[0].c", {}),
        ("fail", "b", {"fault": "no\x1bway"}),
        ("skip", "d", {}),
    ):
        progress.show(word, path, more)
    StepProgress(3, shown=False).show("start", "a", {})
    assert capsys.readouterr().err.splitlines() == [
        "[1/3] a reused",
        "[2/3] b running",
        "[2/3] b[0].c running",
        "[2/3] b[0].c finished",
        "[2/3] b failed: no\\x1bway",
        "[3/3] d skipped",
    ]


def test_only_one_process_resumes_a_run(tmp_path: Path, run: Callable[..., Any]) -> None:
    from stepwell.run.run_store import RunStore

    run(FAILS_ONCE, "--provider", "echo")
    (tmp_path / "ready.txt").touch()
    store = RunStore(str(tmp_path))
    [name] = store.ids("workflow")
    assert store.ids("pipeline") == ()
    before = files(Path(store.folder_of(name)))
    with store.locked(name, "workflow"):
        assert run("", "--provider", "echo", "--resume", "last") == (
            2,
            "",
            f"error: run {name} is in progress in another process\n",
        )
        assert files(Path(store.folder_of(name))) == before
    assert run("", "--provider", "echo", "--resume", "last")[0] == 0
    assert run("", "--provider", "echo", "--resume", "last")[0] == 0
