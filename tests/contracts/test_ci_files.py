"""The files of docs/ci fit their services' published schemas, and their scripts do what they say.

Every ``run:`` and ``script:`` is run by bash in a checkout like the service's. What the service provides
is made here: the checkout, the variables, the artifacts, and the comments on the other end of its API.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from tests.warm_python import commands

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = REPOSITORY / "docs" / "ci"
WORKFLOW = FILES / "github" / "workflow.yaml"
ACTION = FILES / "github" / "action.yaml"
GITLAB = FILES / "gitlab" / ".gitlab-ci.yml"
PUBLISHED = {
    WORKFLOW: ("--builtin-schema", "vendor.github-workflows"),
    ACTION: ("--builtin-schema", "vendor.github-actions"),
    GITLAB: ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"),
}
MARKER = "<!-- stepwell-diff -->"
BOT = "github-actions[bot]"

GOOD = """\
name: DataCleaning
sagemaker_step_type: Processing
description: Clean the data.
"""
PROJECT = {
    "stepwell.toml": (
        '[vocabulary]\nsagemaker_step_types = ["Processing"]\n\n[[freeze]]\noutput = "step_names.py"\n'
    ),
    "registry.d/steps/data_cleaning.yaml": GOOD,
    "registry.d/steps/scoring.yaml": GOOD.replace("DataCleaning", "Scoring").replace("Clean", "Score"),
}
SAFE: Mapping[str, str | None] = {
    "registry.d/steps/tuning.yaml": GOOD.replace("DataCleaning", "Tuning").replace("Clean", "Tune")
}
BREAKING: Mapping[str, str | None] = {"registry.d/steps/scoring.yaml": None}
WRONG: Mapping[str, str | None] = {
    "registry.d/steps/data_cleaning.yaml": GOOD.replace("Processing", "Procesing")
}
FINDING = "`Procesing` is not an allowed value of `sagemaker_step_type`"


# --- what the services are for the scripts


PYTHON = """\
#!/bin/sh
# Python, except that pip only notes down what it would install.
if [ "$1 $2 $3" = "-m pip install" ]; then printf '%s\\n' "$@" >> "$PIP_LOG"; exit; fi
exec '{python}' "$@"
"""

GH = """\
#!/bin/sh
"exec" "{python}" "$0" "$@"  # for a shell; to Python a text. A `#!` line holds no blank in a path.
# The part of `gh api` that the scripts use, over the comments of one file.
import json, os, re, sys

path = os.environ["COMMENTS"]
comments = json.load(open(path, encoding="utf-8"))
words = sys.argv[1:]
assert words.pop(0) == "api" and os.environ["GH_TOKEN"] == "a token"
options = {{name: words[words.index(name) + 1] for name in ("--method", "--field", "--jq") if name in words}}
(address,) = [word for word in words if word.startswith("repos/")]
if "--jq" in options:
    assert address == "repos/ada/pipelines/issues/7/comments" and "--paginate" in sys.argv
    login, start = re.findall(r'"(.*?)"', options["--jq"])
    for comment in comments:
        if comment["user"]["login"] == login and comment["body"].startswith(start):
            print(comment["id"])
    sys.exit()
name, _, file = options["--field"].partition("=@")
assert name == "body"
body = open(file, encoding="utf-8").read()
if options["--method"] == "POST":
    assert address == "repos/ada/pipelines/issues/7/comments"
    comments.append({{"id": 100 + len(comments), "user": {{"login": "{bot}"}}, "body": body}})
else:
    assert options["--method"] == "PATCH"
    (comment,) = [one for one in comments if address == f"repos/ada/pipelines/issues/comments/{{one['id']}}"]
    comment["body"] = body
json.dump(comments, open(path, "w", encoding="utf-8"))
"""


@dataclass
class Service:
    """A machine of the service: its environment, and a folder with what the other end holds."""

    folder: Path
    environment: Mapping[str, str]
    checkout: Path

    def git(self, *arguments: str, cwd: Path | None = None) -> None:
        subprocess.run(
            ["git", *arguments],
            cwd=cwd or self.checkout,
            env=self.environment,
            capture_output=True,
            check=True,
        )

    @property
    def comments(self) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = json.loads((self.folder / "comments.json").read_text(encoding="utf-8"))
        return told

    @property
    def installed(self) -> list[str]:
        """The last arguments of pip."""
        log = self.folder / "pip.log"
        return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


Serve = Callable[..., Service]


@pytest.fixture
def serve(tmp_path: Path, environment: Mapping[str, str]) -> Serve:
    """A function that makes a checkout of a pull request as the services do: the commit that would merge it.

    Its arguments are the files that the pull request changes (``None`` removes one), the folder of the
    repository with the project, more files of its base, and whether the change was frozen.
    """
    kept = {k: v for k, v in environment.items() if not k.startswith(("GIT_", "GITHUB_", "CI_", "RUNNER_"))}
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in {"python": PYTHON, "gh": GH}.items():
        (tools / name).write_text(text.format(python=sys.executable, bot=BOT), encoding="utf-8")
        (tools / name).chmod(0o755)
    (tmp_path / "comments.json").write_text("[]")

    def write(root: Path, files: Mapping[str, str | None]) -> None:
        for path, text in files.items():
            file = root / path
            if text is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

    def make(
        change: Mapping[str, str | None],
        folder: str = "",
        *,
        base: Mapping[str, str] | None = None,
        frozen: bool = True,
    ) -> Service:
        path = os.pathsep.join([str(tools), commands(), str(Path(sys.executable).parent), kept["PATH"]])
        service = Service(
            tmp_path,
            {
                **kept,
                "PATH": path,
                "HOME": str(tmp_path),
                "PIP_LOG": str(tmp_path / "pip.log"),
                "COMMENTS": str(tmp_path / "comments.json"),
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_CONFIG_GLOBAL": os.devnull,
                **{
                    f"GIT_{who}_{what}": "ada@example.com"
                    for who in ("AUTHOR", "COMMITTER")
                    for what in ("NAME", "EMAIL")
                },
            },
            tmp_path / "check out",
        )
        origin = tmp_path / "origin"
        write(origin / folder, {**PROJECT, **(base or {})})
        freeze = ["stepwell", "freeze", "--quiet", "--project", str(origin / folder)]
        subprocess.run(freeze, env=service.environment, capture_output=True, check=True)
        for command in ("init --quiet --initial-branch main", "add --all", "commit --quiet -m base"):
            service.git(*command.split(), cwd=origin)
        service.git("checkout", "--quiet", "-b", "change", cwd=origin)
        write(origin / folder, change)
        if frozen:
            subprocess.run(freeze, env=service.environment, capture_output=True, check=True)
        service.git("add", "--all", cwd=origin)
        service.git("commit", "--quiet", "--message", "change", cwd=origin)
        service.git("checkout", "--quiet", "main", cwd=origin)
        write(origin, {"README.md": "Somebody else was here.\n"})
        service.git("add", "--all", cwd=origin)
        service.git("commit", "--quiet", "--message", "meanwhile", cwd=origin)
        service.git("clone", "--quiet", str(origin), str(service.checkout), cwd=tmp_path)
        service.git("checkout", "--quiet", "--detach", "origin/main")
        service.git("merge", "--quiet", "--no-edit", "--no-ff", "origin/change")
        return service

    return make


# --- GitHub: expressions, steps and jobs


def value_of(expression: str, context: Mapping[str, Any]) -> Any:
    """Value of an expression of GitHub: names, texts, ``==  !=  !  &&  ||``, and parentheses."""
    words = re.findall(r"'[^']*'|[\w.-]+(?:\(\))?|==|!=|&&|\|\||[()!]", expression)
    assert "".join(words) == "".join(expression.split()), expression

    def primary() -> Any:
        word = words.pop(0)
        if word == "(":
            value = either()
            assert words.pop(0) == ")"
            return value
        if word == "!":
            return not primary()
        if word.startswith("'"):
            return word.strip("'")
        value = context
        for name in word.split("."):
            value = value.get(name, "") if isinstance(value, Mapping) else ""
        return value

    def compared() -> Any:
        value = primary()
        while words and words[0] in ("==", "!="):
            value = (words.pop(0) == "==") == (value == primary())
        return value

    def both() -> Any:
        value = compared()
        while words and words[0] == "&&":
            words.pop(0)
            value = compared() and value
        return value

    def either() -> Any:
        value = both()
        while words and words[0] == "||":
            words.pop(0)
            value = both() or value
        return value

    value = either()
    assert not words, expression
    return value


def filled(text: str, context: Mapping[str, Any]) -> str:
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: str(value_of(found[1], context)), text)


@dataclass
class Job:
    """How the steps of a job or an action ended.

    Args:
        exit_codes: of each script that ran, by the name of its step.
        used: the actions that were reached, with what each was given.
        output: text that all scripts wrote to both streams.
        outputs: what each step put out, by its id.
        summary: the summary of the job.
    """

    exit_codes: dict[str, int] = field(default_factory=dict)
    used: dict[str, dict[str, str]] = field(default_factory=dict)
    told: str = ""
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    summary: str = ""

    @property
    def succeeded(self) -> bool:
        return not any(self.exit_codes.values())


def run_steps(
    steps: list[dict[str, Any]],
    service: Service,
    folder: Path,
    *,
    env: Mapping[str, str],
    inputs: Mapping[str, str] | None = None,
    fork: bool = False,
    event: str = "pull_request",
) -> Job:
    """Run the steps of a job in a folder, as GitHub does."""
    job = Job()
    temporary = service.folder / "temporary"
    temporary.mkdir(exist_ok=True)
    pull_request = {
        "number": "7",
        "head": {"repo": {"full_name": "eve/pipelines" if fork else "ada/pipelines"}},
    }
    state: dict[str, Any] = {}
    context = {
        "steps": state,
        "inputs": inputs or {},
        "runner": {"temp": str(temporary)},
        "github": {
            "token": "a token",
            "event_name": event,
            "event": {"pull_request": pull_request} if event == "pull_request" else {},
            "repository": "ada/pipelines",
        },
    }
    for step in steps:
        status = {"always()": True, "success()": job.succeeded, "cancelled()": False}
        condition = step.get("if", "success()")
        if not any(name in condition for name in status):
            condition = f"success() && ({condition})"
        if not value_of(condition, {**context, **status}):
            continue
        if "uses" in step:
            job.used[step["uses"]] = {k: filled(v, context) for k, v in step.get("with", {}).items()}
            continue
        output, summary = service.folder / "output", service.folder / "summary"
        output.write_text("")
        summary.write_text("")
        github = {
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
            "GITHUB_REPOSITORY": "ada/pipelines",
            "GITHUB_BASE_REF": "main" if event == "pull_request" else "",
            "GITHUB_ACTION_PATH": str(ACTION.parent),
            "RUNNER_TEMP": str(temporary),
        }
        own = {name: filled(value, context) for name, value in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-euo", "pipefail", "-c", step["run"]],
            cwd=folder,
            env={**service.environment, **github, **env, **own},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )
        job.exit_codes[step["name"]] = done.returncode
        job.told += done.stdout.decode()
        job.summary += summary.read_text(encoding="utf-8")
        outputs = dict(line.split("=", 1) for line in output.read_text(encoding="utf-8").splitlines())
        if "id" in step:
            job.outputs[step["id"]] = outputs
            state[step["id"]] = {"outcome": "failure" if done.returncode else "success", "outputs": outputs}
    return job


def loaded(path: Path) -> dict[str, Any]:
    """A file of docs/ci with every value as the text that it is."""
    contents: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506
    return contents


def check_job(service: Service, *, fork: bool = False) -> Job:
    workflow = loaded(WORKFLOW)
    steps = workflow["jobs"]["check"]["steps"]
    return run_steps(steps, service, service.checkout, env=workflow["env"], fork=fork)


def comment_job(service: Service, text: Path) -> Job:
    """The second job, in an empty folder into which the artifact was brought."""
    folder = service.folder / "empty"
    folder.mkdir(exist_ok=True)
    shutil.copy(text, folder)
    steps = loaded(WORKFLOW)["jobs"]["comment"]["steps"]
    return run_steps(steps, service, folder, env={})


def action(
    service: Service, *, fork: bool = False, event: str = "pull_request", **inputs: str
) -> tuple[Job, dict[str, str]]:
    """The action with these inputs: how its steps ended, and its outputs."""
    contents = loaded(ACTION)
    given = {name: said["default"] for name, said in contents["inputs"].items()}
    given |= {name.replace("_", "-"): value for name, value in inputs.items()}
    steps = contents["runs"]["steps"]
    job = run_steps(steps, service, service.checkout, env={}, inputs=given, fork=fork, event=event)
    context = {"steps": {name: {"outputs": values} for name, values in job.outputs.items()}}
    return job, {name: filled(said["value"], context) for name, said in contents["outputs"].items()}


def results(path: Path) -> list[tuple[str, str]]:
    """The rule and the file of each result of a SARIF log that matches the published schema."""
    schema = json.loads(
        (REPOSITORY / "tests/contracts/schemas/sarif-2.1.0.schema.json").read_text(encoding="utf-8")
    )
    log = json.loads(path.read_text(encoding="utf-8"))
    assert [error.message for error in jsonschema_rs.validator_for(schema).iter_errors(log)] == []
    return [
        (result["ruleId"], result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
        for result in log["runs"][0]["results"]
    ]


# --- the files as they are written


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.name)
def test_a_file_matches_the_published_schema_of_its_service(path: Path, tmp_path: Path) -> None:
    def ended(file: Path) -> int:
        command = [sys.executable, "-m", "check_jsonschema", *PUBLISHED[path], str(file)]
        return subprocess.run(command, capture_output=True, timeout=120, check=False).returncode

    assert ended(path) == 0
    wrong = tmp_path / path.name
    text = path.read_text(encoding="utf-8")
    wrong.write_text(re.sub(r"^( +)(run|script):", r"\1\2s:", text, flags=re.MULTILINE), encoding="utf-8")
    assert wrong.read_text(encoding="utf-8") != text
    assert ended(wrong) == 1


def every_step() -> Iterator[dict[str, Any]]:
    for job in loaded(WORKFLOW)["jobs"].values():
        yield from job["steps"]
    yield from loaded(ACTION)["runs"]["steps"]


def test_no_script_holds_an_expression_that_github_would_fill_in() -> None:
    scripts = [step["run"] for step in every_step() if "run" in step]
    assert len(scripts) > 10
    assert [script for script in scripts if "${{" in script] == []


def test_actions_are_those_of_github_itself_by_digest() -> None:
    used = {step["uses"] for step in every_step() if "uses" in step}
    assert used == {
        "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683",
        "actions/setup-python@a26af69be951a213d495a4c3e4e4022e16d87065",
        "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02",
        "actions/download-artifact@d3f86a106a0bac45b974a628896c90dbdf5c8093",
        "github/codeql-action/upload-sarif@e46ed2cbd01164d986452f91f178727624ae40d7",
    }


def test_the_workflow_requests_no_more_than_it_needs() -> None:
    workflow = loaded(WORKFLOW)
    assert workflow["on"] == "pull_request"
    assert workflow["permissions"] == {}
    assert {name: job["permissions"] for name, job in workflow["jobs"].items()} == {
        "check": {"contents": "read", "security-events": "write"},
        "comment": {"pull-requests": "write"},
    }
    assert [step["uses"] for step in workflow["jobs"]["comment"]["steps"] if "uses" in step] == [
        "actions/download-artifact@d3f86a106a0bac45b974a628896c90dbdf5c8093"
    ]
    expressions = re.findall(r"\$\{\{.*?\}\}", WORKFLOW.read_text("utf-8") + ACTION.read_text("utf-8"))
    assert len(expressions) > 10
    assert [expression for expression in expressions if "secrets" in expression] == []


def test_the_second_job_runs_only_where_it_may_write_and_has_what_to_write() -> None:
    def runs(written: str, head: str) -> bool:
        context = {
            "needs": {"check": {"outputs": {"written": written}}},
            "github": {
                "repository": "a/b",
                "event": {"pull_request": {"head": {"repo": {"full_name": head}}}},
            },
            "cancelled()": False,
        }
        return bool(value_of(loaded(WORKFLOW)["jobs"]["comment"]["if"], context))

    assert [runs("true", "a/b"), runs("", "a/b"), runs("true", "eve/b")] == [True, False, False]


# --- the workflow of GitHub


UPLOAD = "github/codeql-action/upload-sarif@e46ed2cbd01164d986452f91f178727624ae40d7"
ARTIFACT = "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02"


def test_a_good_change_passes_and_is_reported(serve: Serve) -> None:
    service = serve(SAFE)
    job = check_job(service)
    assert job.exit_codes == {
        "Install Stepwell": 0,
        "Check the definitions": 0,
        "Write the findings as SARIF": 0,
        "Compare the generated modules": 0,
        "Say what the change means": 0,
    }, job.told
    assert service.installed[-1] == "git+https://example.com/your/copy/of/stepwell@v0.1.0"
    assert results(service.checkout / "stepwell.sarif") == []
    assert job.used[UPLOAD]["sarif_file"] == "stepwell.sarif"
    assert job.used[ARTIFACT]["path"] == "stepwell-diff.md"
    assert job.summary == (service.checkout / "stepwell-diff.md").read_text(encoding="utf-8")
    assert job.summary.startswith(MARKER)
    assert "safe" in job.summary


def test_an_error_fails_the_check_and_still_reaches_code_scanning(serve: Serve) -> None:
    service = serve(WRONG, frozen=False)
    job = check_job(service)
    assert job.exit_codes["Check the definitions"] == 1
    assert job.exit_codes["Write the findings as SARIF"] == 0
    assert job.exit_codes["Compare the generated modules"] == 1
    place = "file=registry.d/steps/data_cleaning.yaml,line=2,endLine=2,col=22,endColumn=31"
    assert f"::error {place},title=not-in-vocabulary::{FINDING}" in job.told
    assert results(service.checkout / "stepwell.sarif") == [
        ("not-in-vocabulary", "registry.d/steps/data_cleaning.yaml")
    ]
    assert UPLOAD in job.used


def test_a_breaking_change_fails_and_is_reported_all_the_same(serve: Serve) -> None:
    service = serve(BREAKING)
    job = check_job(service)
    assert {name for name, code in job.exit_codes.items() if code} == {"Say what the change means"}
    assert job.exit_codes["Say what the change means"] == 1
    assert "breaking" in job.summary
    assert ARTIFACT in job.used
    assert job.outputs["diff"] == {"written": "true"}


def test_generated_modules_that_differ_fail_the_job(serve: Serve) -> None:
    job = check_job(serve(SAFE, frozen=False))
    assert {name: code for name, code in job.exit_codes.items() if code} == {
        "Compare the generated modules": 1
    }


def test_a_fork_gets_the_summary_and_requests_nothing_forbidden(serve: Serve) -> None:
    job = check_job(serve(SAFE), fork=True)
    assert job.succeeded
    assert UPLOAD not in job.used
    assert job.summary.startswith(MARKER)


def test_without_a_project_nothing_is_uploaded(serve: Serve) -> None:
    service = serve(SAFE)
    (service.checkout / "stepwell.toml").unlink()
    service.git("commit", "--quiet", "--all", "--message", "No project")
    job = check_job(service)
    assert job.exit_codes["Check the definitions"] == 2
    assert job.exit_codes["Write the findings as SARIF"] == 1
    assert UPLOAD not in job.used


def test_without_a_base_nothing_is_reported_of_the_change(serve: Serve) -> None:
    service = serve(SAFE)
    service.git("update-ref", "-d", "refs/remotes/origin/main")
    job = check_job(service)
    assert {name: code for name, code in job.exit_codes.items() if code} == {"Say what the change means": 2}
    assert "origin/main" in job.told
    assert (job.outputs["diff"], job.summary, ARTIFACT in job.used) == ({}, "", False)
    job, outputs = action(service)
    assert job.exit_codes["Say what the change means"] == 2
    assert (outputs["verdict"], job.summary, service.comments) == ("", "", [])


def test_there_is_one_comment_and_each_push_writes_it_again(serve: Serve) -> None:
    service = serve(SAFE)
    stranger = {"id": 5, "user": {"login": "eve"}, "body": f"{MARKER}\nall is well"}
    (service.folder / "comments.json").write_text(json.dumps([stranger]))
    text = service.folder / "stepwell-diff.md"
    text.write_text(f"{MARKER}\nfirst: `$(touch here)` @file\n", encoding="utf-8")
    assert comment_job(service, text).succeeded
    assert [one["body"] for one in service.comments] == [stranger["body"], text.read_text(encoding="utf-8")]
    text.write_text(f"{MARKER}\nsecond\n", encoding="utf-8")
    assert comment_job(service, text).succeeded
    assert [one["body"] for one in service.comments] == [stranger["body"], f"{MARKER}\nsecond\n"]


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed, whose language the filter is in")
@pytest.mark.parametrize("path", [WORKFLOW, ACTION], ids=lambda path: path.name)
def test_only_a_comment_of_the_bot_with_the_marker_is_written_again(path: Path) -> None:
    (line,) = [line for line in path.read_text(encoding="utf-8").splitlines() if " ours='" in line]
    comments = [
        {"id": 1, "user": {"login": "eve"}, "body": f"{MARKER}\n"},
        {"id": 2, "user": {"login": BOT}, "body": f"quoted: {MARKER}\n"},
        {"id": 3, "user": {"login": BOT}, "body": f"{MARKER}\nours"},
    ]
    command = ["jq", line.partition("'")[2].rstrip("'")]
    done = subprocess.run(command, input=json.dumps(comments).encode(), capture_output=True, check=True)
    assert done.stdout.split() == [b"3"]


# --- the action


def test_the_action_reports_its_verdict_and_comments_once(serve: Serve) -> None:
    service = serve(SAFE)
    for _ in range(2):
        job, outputs = action(service)
        assert job.succeeded, job.told
        assert outputs == {"verdict": "safe", "findings": "0"}
    assert [one["body"] for one in service.comments] == [job.summary]
    assert results(Path(job.used[UPLOAD]["sarif_file"])) == []
    assert Path(service.installed[-1]).resolve() == REPOSITORY


def test_the_action_fails_on_an_error_and_still_counts_and_uploads(serve: Serve) -> None:
    job, outputs = action(serve(WRONG, frozen=False))
    assert job.exit_codes["Check the definitions"] == 1
    assert job.exit_codes["Compare the generated modules"] == 1
    assert outputs["findings"] == "1"
    assert [rule for rule, _ in results(Path(job.used[UPLOAD]["sarif_file"]))] == ["not-in-vocabulary"]


def test_the_action_fails_on_a_break_after_it_has_reported_it(serve: Serve) -> None:
    service = serve(BREAKING)
    job, outputs = action(service)
    assert {name: code for name, code in job.exit_codes.items() if code} == {"Say what the change means": 1}
    assert outputs == {"verdict": "breaking", "findings": "0"}
    assert [one["body"] for one in service.comments] == [job.summary]


def test_places_are_seen_from_the_repository_when_the_project_is_in_a_folder(serve: Serve) -> None:
    folder = "teams, all/fraud/"
    job, outputs = action(serve(WRONG, folder, frozen=False), project=f"./{folder}")
    assert outputs["findings"] == "1"
    assert "::error file=teams%2C all/fraud/registry.d/steps/data_cleaning.yaml,line=2," in job.told
    uploaded = results(Path(job.used[UPLOAD]["sarif_file"]))
    assert uploaded == [("not-in-vocabulary", "teams%2C%20all/fraud/registry.d/steps/data_cleaning.yaml")]


def test_warnings_fail_the_action_where_they_are_to(serve: Serve) -> None:
    hiding = {"workspaces/alice/local/steps/scoring.yaml": PROJECT["registry.d/steps/scoring.yaml"]}
    service = serve(hiding)
    job, outputs = action(service)
    assert (job.succeeded, outputs["findings"]) == (True, "1")
    job, outputs = action(service, fail_on="warning")
    assert (job.exit_codes["Check the definitions"], outputs["findings"]) == (1, "1")


def test_the_action_can_omit_what_is_older_than_the_change(serve: Serve) -> None:
    hiding = PROJECT["registry.d/steps/scoring.yaml"]
    paths = [f"workspaces/{name}/local/steps/scoring.yaml" for name in ("alice", "bob")]
    service = serve({paths[1]: hiding}, base={paths[0]: hiding})
    job, outputs = action(service, only_new="true", fail_on="warning")
    assert (job.exit_codes["Check the definitions"], outputs["findings"]) == (1, "1"), job.told
    assert paths[0] not in job.told
    assert f"::warning file={paths[1]},line=1," in job.told
    assert [path for _, path in results(Path(job.used[UPLOAD]["sarif_file"]))] == paths
    (service.checkout / paths[1]).unlink()
    job, outputs = action(service, only_new="true", fail_on="warning")
    assert (job.exit_codes["Check the definitions"], outputs["findings"]) == (0, "0")


def test_the_action_omits_what_its_inputs_exclude_and_what_a_fork_may_not(serve: Serve) -> None:
    service = serve(SAFE, frozen=False)
    job, _ = action(service, comment="false", sarif="false", freeze="false")
    assert job.succeeded, job.told
    assert (service.comments, UPLOAD in job.used) == ([], False)
    job, outputs = action(service, fork=True, freeze="false")
    assert job.succeeded, job.told
    assert (service.comments, UPLOAD in job.used) == ([], False)
    assert outputs["verdict"] == "safe"


def test_a_change_of_something_else_gets_no_comment_but_fixes_one_that_is_there(serve: Serve) -> None:
    service = serve({"docs.md": "Words.\n"})
    job, outputs = action(service)
    assert (job.succeeded, outputs["verdict"], service.comments) == (True, "safe", [])
    ours = {"id": 5, "user": {"login": BOT}, "body": f"{MARKER}\nbreaking"}
    (service.folder / "comments.json").write_text(json.dumps([ours]))
    text = service.folder / "stepwell-diff.md"
    text.write_text(job.summary, encoding="utf-8")
    assert comment_job(service, text).succeeded
    assert [one["body"] for one in service.comments] == [job.summary]
    (service.folder / "comments.json").write_text("[]")
    assert comment_job(service, text).succeeded
    assert service.comments == []


def test_outside_of_a_pull_request_the_base_is_the_one_that_is_said(serve: Serve) -> None:
    service = serve(BREAKING)
    job, outputs = action(service, event="push", base="origin/main")
    assert outputs["verdict"] == "breaking"
    assert (service.comments, UPLOAD in job.used) == ([], True)
    _, outputs = action(service, event="push", base="HEAD")
    assert outputs["verdict"] == "safe"


def test_an_input_is_never_a_piece_of_a_script(serve: Serve) -> None:
    service = serve(SAFE)
    hostile = '"; touch hacked; $(touch hacked) `touch hacked`'
    for name in ("project", "base", "version", "fail_on"):
        action(service, **{name: hostile})
    assert not list(service.folder.rglob("hacked"))
    assert service.installed.count(hostile) == 1


def test_a_copy_of_the_action_requires_the_input_that_names_what_to_install(
    serve: Serve, tmp_path: Path
) -> None:
    service = serve(SAFE)
    contents = loaded(ACTION)
    (install,) = [step for step in contents["runs"]["steps"] if step.get("id") == "install"]
    environment = {
        **service.environment,
        "VERSION": "",
        "GITHUB_ACTION_PATH": str(tmp_path / "a" / "b" / "c"),
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", install["run"]], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout.decode() == (
        "::error::this is a copy of the action: say in its input version what pip installs as Stepwell\n"
    )
    assert service.installed == []


# --- GitLab


def gitlab_job(service: Service, name: str, folder: Path, env: Mapping[str, str]) -> tuple[int, str]:
    """A job of the GitLab example in a folder, with what it installs: its exit code and what it wrote."""
    contents = loaded(GITLAB)
    job = contents[name]
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join([*job.get("before_script", ()), *job["script"]])],
        cwd=folder,
        env={**service.environment, **contents["variables"], **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout.decode()


@pytest.mark.parametrize(
    ("change", "frozen", "exit_code"), [(SAFE, True, 0), (SAFE, False, 1), (WRONG, False, 1)]
)
def test_gitlab_gets_its_reports_whatever_is_found(
    serve: Serve, change: Mapping[str, str | None], frozen: bool, exit_code: int
) -> None:
    service = serve(change, frozen=frozen)
    ended, told = gitlab_job(service, "stepwell:check", service.checkout, {})
    assert ended == exit_code, told
    wrong = change is WRONG
    path = "registry.d/steps/data_cleaning.yaml"
    assert (FINDING in told) is wrong
    assert results(service.checkout / "stepwell.sarif") == [("not-in-vocabulary", path)] * wrong
    assert f'failures="{int(wrong)}"' in (service.checkout / "stepwell-junit.xml").read_text(encoding="utf-8")
    quality = json.loads((service.checkout / "stepwell-quality.json").read_text(encoding="utf-8"))
    for found in quality:
        assert re.fullmatch("[0-9a-f]{64}", found.pop("fingerprint"))
    expected = {
        "check_name": "not-in-vocabulary",
        "description": FINDING,
        "severity": "major",
        "location": {"path": path, "lines": {"begin": 2}},
    }
    assert quality == [expected] * wrong


@pytest.mark.parametrize(("change", "exit_code", "verdict"), [(SAFE, 0, "safe"), (BREAKING, 1, "breaking")])
def test_gitlab_gets_the_text_of_the_difference(
    serve: Serve, change: Mapping[str, str | None], exit_code: int, verdict: str
) -> None:
    service = serve(change)
    base = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": "origin/main"}
    assert gitlab_job(service, "stepwell:diff", service.checkout, base) == (exit_code, "")
    text = (service.checkout / "stepwell-diff.md").read_text(encoding="utf-8")
    assert text.startswith(MARKER)
    assert verdict in text


@pytest.fixture
def notes() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The notes of a merge request, two a page, and the address of the API that serves them."""
    kept: list[dict[str, Any]] = []

    class Api(BaseHTTPRequestHandler):
        def answer(self, value: Any, next_page: str = "") -> None:
            self.send_response(200)
            self.send_header("X-Next-Page", next_page)
            self.end_headers()
            self.wfile.write(json.dumps(value).encode())

        def do_GET(self) -> None:
            assert self.headers["PRIVATE-TOKEN"] == "a token"
            if self.path == "/user":
                return self.answer({"id": 3})
            page = int(self.path.rpartition("&page=")[2])
            more = str(page + 1) if len(kept) > 2 * page else ""
            return self.answer(kept[2 * page - 2 : 2 * page], more)

        def do_POST(self) -> None:
            assert self.path == "/projects/9/merge_requests/7/notes"
            kept.append({"id": len(kept), "author": {"id": 3}, "body": self.body()})
            self.answer({})

        def do_PUT(self) -> None:
            kept[int(self.path.removeprefix("/projects/9/merge_requests/7/notes/"))]["body"] = self.body()
            self.answer({})

        def body(self) -> str:
            said: str = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"]
            return said

        def log_message(self, *_: object) -> None:
            """Ignore: the tests read the recorded requests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", kept
    server.shutdown()
    thread.join()
    server.server_close()


def test_gitlab_has_one_note_and_each_push_writes_it_again(
    serve: Serve, notes: tuple[str, list[dict[str, Any]]]
) -> None:
    service = serve({"docs.md": "Words.\n"})
    address, kept = notes
    kept += [{"id": number, "author": {"id": 1}, "body": f"{MARKER}\nnot ours"} for number in range(3)]
    environment = {
        "CI_API_V4_URL": address,
        "CI_PROJECT_ID": "9",
        "CI_MERGE_REQUEST_IID": "7",
        "STEPWELL_TOKEN": "a token",
        "no_proxy": "127.0.0.1",
    }
    folder = service.folder / "empty"
    folder.mkdir()
    base = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": "origin/main"}
    assert gitlab_job(service, "stepwell:diff", service.checkout, base) == (0, "")
    same = (service.checkout / "stepwell-diff.md").read_text(encoding="utf-8")
    (folder / "stepwell-diff.md").write_text(same, encoding="utf-8")
    assert gitlab_job(service, "stepwell:note", folder, environment) == (0, "")
    assert len(kept) == 3
    for text in (f"{MARKER}\nfirst\n", f"{MARKER}\nsecond\n", same):
        (folder / "stepwell-diff.md").write_text(text, encoding="utf-8")
        assert gitlab_job(service, "stepwell:note", folder, environment) == (0, "")
        assert [note["body"] for note in kept] == [f"{MARKER}\nnot ours"] * 3 + [text]
    (folder / "stepwell-diff.md").write_text("", encoding="utf-8")
    assert gitlab_job(service, "stepwell:note", folder, environment) == (
        1,
        "stepwell-diff.md holds no comparison: see the job stepwell:diff\n",
    )
    assert len(kept) == 4
