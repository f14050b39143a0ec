"""The command as a whole: its version and help, where it looks for a project, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from tests.warm_python import run_python

from stepwell.frontends.cli import COMMANDS, CommandGroup, _stepwell, run
from stepwell.frontends.commands import overview
from stepwell.version import __version__

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from tests.conftest import Project, RunStepwell

SCORING = {
    "stepwell.toml": '[[freeze]]\noutput = "generated/step_names.py"\n',
    "registry.d/steps/scoring.yaml": (
        "name: Scoring\nsagemaker_step_type: Processing\ndescription: Score a batch.\n"
    ),
    "workspaces/alice/override/steps/scoring.yaml": "name: Scoring\npriority: 50\n",
}
TOOK = r"(less than )?0\.\d\d s"
"""How long something took: not the same twice."""

READING = ["check", "list", "show Scoring", "explain Scoring.priority", "freeze --output -"]
"""Every command that reads a project, as it is typed."""

Drive = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def drive(environment: Mapping[str, str]) -> Drive:
    """A function that runs Python code with an argument list, as the command would be run."""

    def run_it(
        code: str, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, fresh: bool = False
    ) -> subprocess.CompletedProcess[str]:
        return run_python("-c", code, *arguments, cwd=cwd, env={**environment, **(env or {})}, fresh=fresh)

    return run_it


# --- version and help


def test_the_version_is_one_line(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    ran = run_stepwell("--version", cwd=tmp_path)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, f"stepwell {__version__}\n", "")


@pytest.mark.parametrize("arguments", [("--version", "--verbose"), ("-v", "--version")])
def test_the_version_reports_more_on_request(
    run_stepwell: RunStepwell, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    ran = run_stepwell(*arguments, cwd=tmp_path)
    assert re.fullmatch(
        rf"stepwell {re.escape(__version__)}\n"
        r"YAML reader: (libyaml [0-9.]+|PyYAML's own parser \(.*\))\n"
        r"Python [0-9.a-z+]+\npyyaml \S+\njsonschema \S+\njsonschema-rs \S+\ntomli \S+\n",
        ran.stdout,
    )
    assert (ran.exit_code, ran.stderr) == (0, "")


def test_the_version_states_when_libyaml_is_missing(drive: Drive, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['yaml._yaml'] = None\n"
        "from stepwell.frontends.cli import run\n"
        "sys.exit(run(['--version', '--verbose']))"
    )
    ran = drive(code, cwd=tmp_path, fresh=True)
    assert ran.stdout.splitlines()[1] == (
        "YAML reader: PyYAML's own parser (this PyYAML was built without libyaml, so reading is slower)"
    )


@pytest.mark.parametrize("line", ["--help", "-h", "help"])
def test_help_lists_the_commands_in_groups(run_stepwell: RunStepwell, tmp_path: Path, line: str) -> None:
    ran = run_stepwell(line, cwd=tmp_path)
    assert (ran.exit_code, ran.stderr) == (0, "")
    titles = re.findall(r"^(\S.*):$", ran.stdout, re.MULTILINE)
    assert titles == [
        "Edit and check",
        "Look",
        "Review",
        "Workspaces",
        "Pipelines",
        "Project",
        "Options",
    ]
    listed = ran.stdout.partition("\nOptions:\n")[0]
    assert re.findall(r"^  (\S+) ", listed, re.MULTILINE) == list(COMMANDS)
    assert ran.stdout.endswith("\nDocumentation: https://stepwell.dev\n")


def test_the_table_of_commands_is_equal_to_the_commands() -> None:
    context = click.Context(_stepwell)
    for group in (_stepwell, *map(partial(_stepwell.get_command, context), COMMANDS)):
        if isinstance(group, CommandGroup):
            summaries = {name: summary for name, (_, summary) in group._commands.items()}
            commands = {name: group.get_command(context, name) for name in summaries}
            assert {name: one and one.get_short_help_str(200) for name, one in commands.items()} == summaries
            assert [words for words in summaries.values() if not words.endswith(".")] == []


def test_the_top_level_help_lists_the_options() -> None:
    formatter = click.HelpFormatter(width=100)
    context = click.Context(_stepwell, **_stepwell.context_settings)
    formatter.write_dl(
        [row for one in _stepwell.get_params(context) if (row := one.get_help_record(context))]
    )
    written = [" ".join(line.split()) for line in formatter.getvalue().splitlines()]
    shown = overview().partition("Options:\n")[2].partition("\n\n")[0]
    assert [" ".join(line.split()) for line in shown.splitlines()] == written


@pytest.mark.parametrize("code", ["help", "completion", "pipeline"])
def test_help_and_completion_import_no_command(drive: Drive, tmp_path: Path, code: str) -> None:
    line = {"help": ["--help"], "completion": [], "pipeline": ["pipeline", "--help"]}[code]
    start = f"import sys; sys.argv = {['stepwell', *line]!r}\nfrom stepwell.__main__ import main\n"
    if code == "completion":
        words = {"_STEPWELL_COMPLETE": "bash_complete", "COMP_WORDS": "stepwell pipeline ", "COMP_CWORD": "2"}
        start = f"import os; os.environ.update({words!r})\n{start}"
    ran = drive(
        f"{start}try:\n    main()\nexcept SystemExit:\n    pass\nsys.stderr.write(' '.join(sys.modules))",
        cwd=tmp_path,
        fresh=True,
    )
    assert ran.stdout
    imported = set(ran.stderr.split())
    assert {name for name in imported if name.startswith("stepwell.live")} == set()
    assert ("click" in imported) == (code != "help")


def test_help_of_a_command_is_its_help(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    for name in ("check", "pipeline", "pipeline run"):
        asked = run_stepwell("help", *name.split(), cwd=tmp_path)
        assert asked == run_stepwell(*name.split(), "--help", cwd=tmp_path)
    ran = run_stepwell("help", "completion", cwd=tmp_path)
    assert 'eval "$(_STEPWELL_COMPLETE=bash_source stepwell)"' in ran.stdout


# --- options of every command


def test_a_folder_to_change_to_comes_before_or_after_the_command(
    project: Project, run_stepwell: RunStepwell, tmp_path: Path
) -> None:
    root = project(SCORING)
    expected = run_stepwell("check", "--format", "concise", "registry.d", cwd=root)
    for line in ("-C project check", "check -C project"):
        assert run_stepwell(*line.split(), "--format", "concise", "registry.d", cwd=tmp_path) == expected
    ran = run_stepwell("list", "-C", "absent", cwd=tmp_path)
    assert (ran.exit_code, ran.stderr) == (
        2,
        "error: cannot change to `absent`: no such file or directory\n",
    )


def test_json_is_a_format(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(SCORING)
    for line in ("list", "show Scoring", "check", "list --format json"):
        ran = run_stepwell(*line.split(), "--json", cwd=root)
        json.loads(ran.stdout)
    ran = run_stepwell("check", "--json", "--format", "github", cwd=root)
    assert (ran.exit_code, ran.stderr) == (2, "error: --json cannot be used with --format github\n")


@pytest.mark.parametrize(
    ("line", "environment", "colored"),
    [
        ("check", {}, False),
        ("check --color always", {}, True),
        ("--color always check", {}, True),
        ("check --color always", {"NO_COLOR": "1"}, True),
        ("check --color never", {"FORCE_COLOR": "1"}, False),
        ("check --color auto", {"FORCE_COLOR": "1"}, True),
        ("check", {"FORCE_COLOR": "1"}, True),
        ("check", {"FORCE_COLOR": "0"}, False),
        ("check", {"CLICOLOR_FORCE": "1"}, True),
        ("check", {"CLICOLOR_FORCE": "0"}, False),
        ("check", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colour_is_chosen_by_option_then_environment(
    project: Project, run_stepwell: RunStepwell, line: str, environment: dict[str, str], colored: bool
) -> None:
    root = project({"registry.d/steps/scoring.yaml": "name: Scoring\nbad: 1\n"})
    ran = run_stepwell(*line.split(), cwd=root, env=environment)
    assert ("\x1b[" in ran.stdout) == colored


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_each_command_has_help_with_examples_of_itself(
    run_stepwell: RunStepwell, tmp_path: Path, name: str, flag: str
) -> None:
    ran = run_stepwell(name, flag, cwd=tmp_path)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.startswith(f"Usage: stepwell {name} ")
    examples = ran.stdout.partition("Examples:\n")[2].splitlines()
    assert len(examples) >= 2
    assert [line for line in examples if not line.startswith(f"    stepwell {name}")] == []


def test_without_a_command_the_help_goes_to_stderr(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    ran = run_stepwell(cwd=tmp_path)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr.startswith("Usage: stepwell [OPTIONS] COMMAND [ARGS]...\n")


# --- mistakes on the command line: one line on stderr, exit code 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("chek", "unknown command `chek` (did you mean `check`?)"),
        ("lint", "unknown command `lint` (did you mean `stepwell check`?)"),
        ("validate", "unknown command `validate` (did you mean `stepwell check`?)"),
        ("ls", "unknown command `ls` (did you mean `stepwell list`?)"),
        ("rules", "unknown command `rules` (did you mean `stepwell explain-rule`?)"),
        ("completion", "unknown command `completion` (did you mean `stepwell help completion`?)"),
        ("run", "unknown command `run` (did you mean `stepwell pipeline run` or `stepwell workflow run`?)"),
        ("graph", "unknown command `graph` (did you mean `stepwell pipeline graph`?)"),
        ("mv", "unknown command `mv` (did you mean `stepwell rename` or `stepwell move`?)"),
        ("version", "unknown command `version` (did you mean `stepwell --version`?)"),
        ("workspaces", "unknown command `workspaces` (did you mean `stepwell workspace list`?)"),
        ("workspace ls", "unknown command `workspace ls` (did you mean `stepwell workspace list`?)"),
        ("workspace create", "unknown command `workspace create` (did you mean `stepwell workspace new`?)"),
        ("pipeline lint", "unknown command `pipeline lint` (did you mean `stepwell pipeline check`?)"),
        ("pipeline fix", "unknown command `pipeline fix` (run `stepwell pipeline --help` for a list)"),
        ("help chek", "unknown command `chek` (did you mean `check`?)"),
        ("help check more", "`stepwell check` has no commands"),
        ("frobnicate", "unknown command `frobnicate` (run `stepwell --help` for a list)"),
        ("--frob", "No such option '--frob'."),
        *[(f"{one} --xyzzy", "No such option '--xyzzy'.") for one in COMMANDS],
        ("show", "Missing argument 'STEP'."),
        ("explain", "Missing argument 'STEP[.FIELD]'."),
        ("list pattern extra", "Got unexpected extra argument (extra)"),
        ("show Scoring extra", "Got unexpected extra argument (extra)"),
        ("explain Scoring extra", "Got unexpected extra argument (extra)"),
        ("freeze extra", "Got unexpected extra argument (extra)"),
        ("schema step extra", "Got unexpected extra argument (extra)"),
        ("explain-rule shadows-core extra", "Got unexpected extra argument (extra)"),
        ("init new extra", "Got unexpected extra argument (extra)"),
        *[(f"{one} --project", "Option '--project' requires an argument.") for one in READING],
        *[(f"{one} --workspace", "Option '--workspace' requires an argument.") for one in READING],
        *[(f"{one} -w", "Option '-w' requires an argument.") for one in READING],
        *[(f"{one} --quiet=yes", "Option '--quiet' does not take a value.") for one in READING],
        *[(f"{one} --verbose=yes", "Option '--verbose' does not take a value.") for one in READING],
        ("check --fail-on", "Option '--fail-on' requires an argument."),
        ("check --fail-on info", "Invalid value for '--fail-on': 'info' is not one of 'error', 'warning'."),
        (
            "check --format xml",
            (
                "Invalid value for '--format': 'xml' is not one of "
                "'text', 'concise', 'json', 'github', 'sarif', 'junit'."
            ),
        ),
        (
            "list --format text",
            "Invalid value for '--format': 'text' is not one of 'table', 'json', 'yaml'.",
        ),
        (
            "show Scoring --format table",
            "Invalid value for '--format': 'table' is not one of 'yaml', 'json'.",
        ),
        (
            "explain Scoring --format yaml",
            "Invalid value for '--format': 'yaml' is not one of 'text', 'json'.",
        ),
        ("freeze --output", "Option '--output' requires an argument."),
        ("freeze --check=yes", "Option '--check' does not take a value."),
        *[
            (f"{one} -w alcie", "unknown workspace: alcie (did you mean `alice`?)")
            for one in ("check", "list", "show Scoring", "explain Scoring", "freeze --output -", "freeze")
        ],
        (
            "explain missing-field",
            "no step `missing-field` in the core (it is a rule; run `stepwell explain-rule missing-field`)",
        ),
        ("list -w zed", "unknown workspace: zed (available: alice)"),
        ("list -w ../alice", "unknown workspace: ../alice (available: alice)"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environment: Mapping[str, str],
    line: str,
    message: str,
) -> None:
    for name in os.environ.keys() - environment.keys():
        monkeypatch.delenv(name)
    monkeypatch.chdir(project(SCORING))
    exit_code = run(line.split())  # in this process: there are many, and each is rejected early
    assert (exit_code, *capsys.readouterr()) == (2, "", f"error: {message}\n")


NAMES = {
    **SCORING,
    "workspaces/bob/workspace.yaml": "",
    "registry.d/pipelines/nightly.yaml": "name: Nightly\ndescription: A.\nsteps: [{id: a, step: Scoring}]\n",
}
ALICE, BOB = (
    "unknown workspace: alcie (did you mean `alice`?)",
    "unknown workspace: bbo (did you mean `bob`?)",
)
STEP = "no step `Scorin` in any view (did you mean `Scoring`?)"
PIPELINE = "no pipeline `Nightl` in any view (did you mean `Nightly`?)"
FIELD = "unknown field `descripton` (did you mean `description`?)"


@pytest.mark.parametrize(
    ("line", "messages"),
    [
        *[(f"{one} Scorin -w alcie", [ALICE, STEP]) for one in ("show", "explain", "resolve", "impact")],
        *[(f"{one} Scorin -w alcie", [ALICE, STEP]) for one in ("components", "step run", "step test")],
        ("align Scorin Scoring -w alcie", [ALICE, STEP]),
        ("new Ranking --like Scorin -w alcie --set descripton=x", [ALICE, STEP, FIELD]),
        ("set Scorin descripton=x -w alcie", [FIELD, ALICE, STEP]),
        ("set --where descripton=x priority=1 -w alcie", [ALICE, FIELD]),
        ("unset Scorin descripton -w alcie", [FIELD, ALICE, STEP]),
        ("override Scorin -w alcie --set descripton=x", [FIELD, ALICE, STEP]),
        ("deprecate Scorin --replaced-by Scorin -w alcie", [ALICE, STEP, STEP]),
        ("remove Scorin -w alcie", [ALICE, STEP]),
        ("move Scorin --from alcie --to bbo", [ALICE, BOB, STEP]),
        (
            "rename Scorin Scoring",
            [STEP.replace("any view", "the core"), "step `Scoring` already exists in the core"],
        ),
        ("workspace compare alcie bbo --steps Scorin", [ALICE, BOB, STEP]),
        ("workspace check alcie bbo", [ALICE, BOB]),
        *[
            (f"pipeline {one} Nightl -w alcie", [ALICE, PIPELINE])
            for one in ("show", "graph", "run", "test", "wire")
        ],
        ("pipeline check Nightl Nightl2 -w alcie", [ALICE, PIPELINE, PIPELINE.replace("l`", "l2`", 1)]),
        ("pipeline export Nightl --to argo -w alcie", [ALICE, PIPELINE]),
        ("pipeline new Daily --from Nightl --step Scorin -w alcie", [ALICE, PIPELINE, STEP]),
        (
            "pipeline new Daily --step Scorin --step alcie:Scoring --step Scoring",
            [
                "no step `Scorin` in the core (did you mean `Scoring`?)",
                "unknown workspace `alcie` (did you mean `alice`?)",
            ],
        ),
        (
            "check --select missing-fiel,shadow-core --ignore freze-target",
            [
                "unknown rule `missing-fiel` (did you mean `missing-field`?)",
                "unknown rule `shadow-core` (did you mean `shadows-core`?)",
                "unknown rule `freze-target` (did you mean `freeze-target`?)",
            ],
        ),
    ],
)
def test_all_unknown_names_are_reported_together(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: str,
    messages: list[str],
) -> None:
    monkeypatch.chdir(project(NAMES))
    exit_code = run(line.split())
    out, err = capsys.readouterr()
    assert (exit_code, out) == (2, "")
    assert err.removesuffix("nothing was written\n").splitlines() == [f"error: {text}" for text in messages]


# --- which project


@pytest.mark.parametrize("line", READING)
def test_a_command_works_from_any_folder_of_a_project(
    project: Project, run_stepwell: RunStepwell, line: str
) -> None:
    root = project(SCORING)
    at_the_top = run_stepwell(*line.split(), cwd=root)
    deep = run_stepwell(*line.split(), cwd=root / "workspaces" / "alice" / "override" / "steps")
    assert at_the_top.exit_code == 0
    assert re.sub(TOOK, "", deep.stdout) == re.sub(TOOK, "", at_the_top.stdout)
    assert deep.stderr == at_the_top.stderr == ""


@pytest.mark.parametrize("line", READING)
def test_a_project_is_named_by_option_or_environment(
    project: Project, run_stepwell: RunStepwell, tmp_path: Path, line: str
) -> None:
    root = project(SCORING)
    by_option = run_stepwell(*line.split(), "--project", str(root), cwd=tmp_path)
    relative = run_stepwell(*line.split(), "--project", "project", cwd=tmp_path)
    by_environment = run_stepwell(*line.split(), cwd=tmp_path, env={"STEPWELL_PROJECT": str(root)})
    option_wins = run_stepwell(
        *line.split(), "--project", str(root), cwd=tmp_path, env={"STEPWELL_PROJECT": "/nowhere"}
    )
    for ran in (by_option, relative, by_environment, option_wins):
        assert (ran.exit_code, ran.stderr) == (0, "")
        assert ran.stdout != ""


@pytest.mark.parametrize("line", READING)
def test_no_project_is_one_line(run_stepwell: RunStepwell, tmp_path: Path, line: str) -> None:
    ran = run_stepwell(*line.split(), cwd=tmp_path)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == (
        f"error: no Stepwell project: neither {tmp_path} nor any parent contains a stepwell.toml "
        "(or a pyproject.toml with a [tool.stepwell] table); run `stepwell init` to create one\n"
    )


def test_a_named_project_must_be_one(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(SCORING)
    missing = run_stepwell("list", "--project", "nowhere", cwd=root)
    assert (missing.exit_code, missing.stderr) == (2, "error: no such folder: nowhere\n")
    file = run_stepwell("list", "--project", "stepwell.toml", cwd=root)
    assert file.exit_code == 2
    assert file.stderr == "error: Invalid value for '--project': Directory 'stepwell.toml' is a file.\n"
    inner = run_stepwell("list", "--project", "registry.d", cwd=root)
    assert inner.exit_code == 2
    assert inner.stderr == (
        "error: no Stepwell project: registry.d contains no stepwell.toml; run `stepwell init` to create one\n"  # noqa: E501
    )


def test_a_working_directory_that_is_gone_is_one_line(drive: Drive, tmp_path: Path) -> None:
    code = (
        "import os, sys; from stepwell.frontends.cli import run\n"
        "os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')\n"
        "sys.exit(run(['list']))"
    )
    ran = drive(code, cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "error: the working directory no longer exists; change to another folder\n"


@pytest.mark.parametrize("line", READING)
def test_a_path_with_spaces_and_letters_beyond_ascii(
    run_stepwell: RunStepwell, tmp_path: Path, line: str
) -> None:
    root = tmp_path / "mes étapes 名前 %s {x}"
    for path, text in SCORING.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    ran = run_stepwell(*line.split(), "--project", str(root), cwd=root)
    assert (ran.exit_code, ran.stderr) == (0, "")


# --- quiet and verbose


@pytest.mark.parametrize("line", READING)
def test_verbose_states_on_stderr_which_project_is_read(
    project: Project, run_stepwell: RunStepwell, line: str
) -> None:
    root = project(SCORING)
    plain = run_stepwell(*line.split(), cwd=root)
    verbose = run_stepwell(*line.split(), "-v", cwd=root)
    told = verbose.stderr.splitlines()
    assert told[0] == f"project: {root}/stepwell.toml"
    assert re.fullmatch(r"files read: 3 in \d+\.\d\d s", told[1])
    assert told[2:] == (["view: the core"] if line.split()[0] in {"list", "show", "explain"} else [])
    assert re.sub(TOOK, "", verbose.stdout) == re.sub(TOOK, "", plain.stdout)
    assert verbose.exit_code == plain.exit_code == 0


@pytest.mark.parametrize("line", [one for one in READING if one != "check"])
def test_quiet_leaves_the_answer_as_it_is(project: Project, run_stepwell: RunStepwell, line: str) -> None:
    root = project(SCORING)
    assert run_stepwell(*line.split(), "-q", cwd=root) == run_stepwell(*line.split(), cwd=root)


# --- whose view


SHOWING = ["list", "show Scoring", "explain Scoring.priority"]


@pytest.mark.parametrize("line", SHOWING)
@pytest.mark.parametrize("variable", ["STEPWELL_WORKSPACE", "CURSUS_WORKSPACE_ID"])
def test_the_environment_names_the_workspace(
    project: Project, run_stepwell: RunStepwell, line: str, variable: str
) -> None:
    root = project(SCORING)
    by_option = run_stepwell(*line.split(), "--workspace", "alice", cwd=root)
    assert run_stepwell(*line.split(), cwd=root, env={variable: "alice"}) == by_option
    assert by_option.stdout != run_stepwell(*line.split(), cwd=root).stdout
    told = run_stepwell(*line.split(), "-v", cwd=root, env={variable: "alice"}).stderr.splitlines()[2]
    assert told == f"view: workspace alice, set by {variable}"


@pytest.mark.parametrize("line", SHOWING)
def test_the_option_wins_over_the_environment_and_that_over_the_settings(
    project: Project, run_stepwell: RunStepwell, line: str
) -> None:
    root = project({**SCORING, "stepwell.toml": '[project]\nworkspace = "alice"\n'})
    alice = run_stepwell(*line.split(), "-w", "alice", cwd=root)
    core = run_stepwell(*line.split(), "-w", "", cwd=root)
    assert core.stdout != alice.stdout
    assert run_stepwell(*line.split(), cwd=root) == alice
    assert run_stepwell(*line.split(), "-w", "", cwd=root, env={"STEPWELL_WORKSPACE": "alice"}) == core
    assert run_stepwell(*line.split(), "-w", "alice", cwd=root, env={"STEPWELL_WORKSPACE": "zed"}) == alice


@pytest.mark.parametrize(
    ("env", "settings", "message"),
    [
        (
            {"CURSUS_WORKSPACE_ID": "alcie"},
            "",
            "unknown workspace: alcie, set by CURSUS_WORKSPACE_ID (did you mean `alice`?)",
        ),
        (
            {},
            '[project]\nworkspace = "zed"\n',
            "unknown workspace: zed, set in stepwell.toml (available: alice)",
        ),
    ],
)
def test_an_unknown_workspace_is_reported_with_its_source(
    project: Project, run_stepwell: RunStepwell, env: Mapping[str, str], settings: str, message: str
) -> None:
    root = project({**SCORING, "stepwell.toml": settings})
    ran = run_stepwell("list", cwd=root, env=env)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (2, "", f"error: {message}\n")


@pytest.mark.parametrize("line", ["check --format concise", "freeze --output -"])
def test_the_environment_does_not_decide_what_is_checked_or_written(
    project: Project, run_stepwell: RunStepwell, line: str
) -> None:
    root = project(SCORING)
    ran = run_stepwell(*line.split(), cwd=root, env={"STEPWELL_WORKSPACE": "zed"})
    assert ran == run_stepwell(*line.split(), cwd=root)


# --- how it ends


def many_steps() -> dict[str, str]:
    files = {}
    for number in range(1500):
        text = f"name: Step{number}\ndescription: {'Score a batch of rows. ' * 4}\n"
        files[f"registry.d/steps/step{number}.yaml"] = text
    return files


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [("list",), ("list", "--format", "json"), ("check", "--format", "json")]
)
def test_a_reader_that_goes_away_ends_it_quietly(
    project: Project, environment: Mapping[str, str], arguments: tuple[str, ...]
) -> None:
    files = many_steps()
    if arguments[0] == "check":
        files = {path: text.replace("name", "nmae") for path, text in files.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "stepwell", *arguments],
        cwd=project(files),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        process.stdout.readline()
        process.stdout.close()
        stderr = process.stderr.read()
        assert (process.wait(timeout=60), stderr) == (141, b"")


def test_an_interrupt_while_reading_is_one_word(project: Project, drive: Drive) -> None:
    code = (
        "import signal, sys; import stepwell.resolve.load; from stepwell.frontends.cli import run\n"
        "stepwell.resolve.load.check_definition = lambda *_: signal.raise_signal(signal.SIGINT)\n"
        "sys.exit(run(['check']))"
    )
    ran = drive(code, cwd=project(SCORING))
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "\ninterrupted\n")


def test_an_interrupt_from_the_keyboard_ends_the_process(
    project: Project, environment: Mapping[str, str]
) -> None:
    root = project(SCORING)
    os.mkfifo(root / "hold")
    code = (
        "import signal, sys; import stepwell.resolve.load; from stepwell.frontends.cli import run\n"
        "stepwell.resolve.load.check_definition = lambda *_: open('hold').read()\n"
        "sys.exit(run(['list']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with (root / "hold").open("w"):  # opens when the process waits at the other end
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout, stderr) == (130, b"", b"\ninterrupted\n")


def test_a_bug_is_reported_with_its_log(drive: Drive, project: Project, tmp_path: Path) -> None:
    code = (
        "import sys; import stepwell.resolve.load; from stepwell.frontends.cli import run\n"
        "stepwell.resolve.load.check_definition = lambda *_: {}['é']\n"
        "sys.exit(run(['list']))"
    )
    logs = tmp_path / "logs"
    logs.mkdir()
    ran = drive(code, cwd=project(SCORING), env={"TMPDIR": str(logs)})
    (log,) = logs.iterdir()
    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr == (
        f"internal error: KeyError: 'é'\nthis is a bug in Stepwell, please report it; the log is in {log}\n"
    )
    text = log.read_text(encoding="utf-8")
    assert text.startswith(f"stepwell {__version__}, Python {sys.version}\n")
    assert "Traceback (most recent call last):\n" in text
    assert text.endswith("KeyError: 'é'\n")


def test_a_bug_where_no_log_can_be_written_shows_the_traceback(drive: Drive, project: Project) -> None:
    code = (
        "import sys, tempfile; import stepwell.resolve.load; from stepwell.frontends.cli import run\n"
        "def full(*_, **__): raise OSError(28, 'No space left on device')\n"
        "tempfile.NamedTemporaryFile = full\n"
        "stepwell.resolve.load.check_definition = lambda *_: {}['x']\n"
        "sys.exit(run(['list']))"
    )
    ran = drive(code, cwd=project(SCORING))
    assert ran.returncode == 3
    assert ran.stderr.startswith(
        "internal error: KeyError: 'x'\n"
        "this is a bug in Stepwell, please report it; "
        "the log could not be written:\nTraceback (most recent call last):\n"
    )


@pytest.mark.parametrize("line", ["list", "list --format json", "show Scoring", "schema step", "check"])
def test_a_full_disk_behind_stdout_is_one_line(
    project: Project, environment: Mapping[str, str], line: str
) -> None:
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "stepwell", *line.split()],
            cwd=project(SCORING),
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (ran.returncode, ran.stderr) == (2, b"error: No space left on device\n")


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_closed_streams_change_no_exit_code(
    project: Project, environment: Mapping[str, str], redirection: str
) -> None:
    ran = subprocess.run(
        ["/bin/sh", "-c", f'"$0" -m stepwell check {redirection}', sys.executable],
        cwd=project({**SCORING, "registry.d/steps/empty.yaml": ""}),
        env=environment,
        capture_output=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (1, b"")


@pytest.mark.slow
def test_a_console_without_unicode_shows_escapes(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(
        {
            "registry.d/steps/scoring.yaml": "name: Scoring\ndescription: Évalue 名前 😀.\n",
            "registry.d/steps/étape.yaml": "nmae: Étape\n",
        }
    )
    for line, code, shown in (
        ("list", 0, "Scoring  -               -          core   \\xc9value \\u540d\\u524d \\U0001f600.\n"),
        ("explain Scoring.description", 0, "wins   \\xc9value \\u540d\\u524d \\U0001f600.  core  "),
        ("check", 1, "  --> registry.d/steps/\\xe9tape.yaml:1:1\n"),
    ):
        ran = run_stepwell(*line.split(), cwd=root, env={"PYTHONIOENCODING": "ascii"})
        assert ran.exit_code == code
        assert ran.stdout.isascii()
        assert shown in ran.stdout


# --- the modules that a run needs


def modules_after(drive: Drive, cwd: Path, code: str) -> set[str]:
    ran = drive(f"import sys\n{code}\nsys.stderr.write(' '.join(sys.modules))", cwd=cwd, fresh=True)
    assert ran.returncode == 0
    return {name.partition(".")[0] for name in ran.stderr.split()}


def test_the_version_imports_none_of_what_reads_and_checks(drive: Drive, tmp_path: Path) -> None:
    code = "sys.argv = ['stepwell', '--version']\nfrom stepwell.__main__ import main\nmain()"
    imported = modules_after(drive, tmp_path, code)
    heavy = {"yaml", "click", "jsonschema", "jsonschema_rs", "tomli", "jinja2", "rich", "watchdog"}
    assert imported & heavy == set()


@pytest.mark.parametrize("line", ["check", "list", "show Scoring", "explain Scoring", "providers"])
def test_a_clean_run_on_plain_files_imports_no_slow_package(
    drive: Drive, project: Project, line: str
) -> None:
    code = f"from stepwell.frontends.cli import run\nassert run({line.split()!r}) == 0"
    imported = modules_after(drive, project(SCORING), code)
    slow = {
        "jsonschema",
        "referencing",
        "jinja2",
        "watchdog",
        "rich",
        "httpx",
        "limits",
        "pybreaker",
        "msgspec",
        "secrets",
        "difflib",
        "shutil",
    }
    assert imported & slow == set()


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("explain", "Scoring"), "steps/scoring.yaml:1"),
        (("resolve", "Scoring"), "steps/scoring.yaml:1"),
        (("conflicts",), "../workspaces/alice/local/steps/scoring.yaml:1"),
        (("components", "Scoring"), "../src/scoring.py:1"),
        (("impact", "Scoring"), "  steps/scoring.yaml:1:7"),
        (("workspace", "show", "alice"), "alice in ../workspaces/alice\n"),
        (("pipeline", "show", "daily"), "daily in the core  pipelines/daily.yaml\n"),
        (("freeze", "--output", "../step_names.py"), "wrote ../step_names.py\n"),
        (("diff", "HEAD"), "  + Rating  steps/rating.yaml:1\n"),
        (("log", "Scoring"), "  added  steps/scoring.yaml:1\n"),
        (("new", "Ranking"), "wrote steps/ranking.yaml\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_printed_paths_are_relative_to_the_working_directory(
    arguments: tuple[str, ...], shown: str, project: Project, run_stepwell: RunStepwell
) -> None:
    step = "name: Scoring\ndescription: Score a batch.\nconfig_class: ScoringConfig\n"
    root = project(
        {
            "registry.d/steps/scoring.yaml": step,
            "registry.d/pipelines/daily.yaml": (
                "name: daily\ndescription: Every day.\nsteps:\n  - id: score\n    step: Scoring\n"
            ),
            "workspaces/alice/local/steps/scoring.yaml": step,
            "src/scoring.py": "class ScoringConfig: ...\n",
        }
    )
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "one")):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(["git", *identity, *words], cwd=root, check=True)
    (root / "registry.d/steps/rating.yaml").write_text("name: Rating\ndescription: Rate.\n", encoding="utf-8")
    ran = run_stepwell(*arguments, cwd=root / "registry.d")
    assert shown in ran.stdout + ran.stderr


SHADOWING = ("json", "click", "datetime", "typing", "re", "enum", "copy", "logging", "__future__", "msgspec")


def run_module(name: str, *arguments: str, cwd: Path, env: Mapping[str, str]) -> tuple[int, str, str]:
    command = [sys.executable, "-m", name, *arguments]
    ran = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout, ran.stderr


@pytest.mark.parametrize("name", SHADOWING)
def test_no_module_of_the_working_directory_is_imported(
    project: Project, environment: Mapping[str, str], name: str
) -> None:
    root = project({f"{name}.py": 'raise SystemExit("shadowed")\n'})
    code, _, err = run_module("stepwell", "check", cwd=root, env=environment)
    assert (code, err) == (0, "")


def test_a_program_may_import_from_its_working_directory(
    project: Project, environment: Mapping[str, str]
) -> None:
    files = {"own/__init__.py": "", "own/__main__.py": "import stepwell, other\n", "other.py": "print(1)\n"}
    assert run_module("own", cwd=project(files), env=environment) == (0, "1\n", "")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_takes_the_options_of_all_commands(name: str) -> None:
    command = _stepwell.get_command(click.Context(_stepwell), name)
    assert command is not None
    assert {"-C", "--color"} <= {text for option in command.params for text in option.opts}
