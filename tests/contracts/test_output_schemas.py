"""Machine-readable output matches its published schema: each ``--format json``, and each SARIF log.

``STEPWELL_UPDATE_GOLDEN=1 pytest tests/contracts/test_output_schemas.py`` rewrites the files in
``tests/golden/output``; the diff is reviewed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import jsonschema_rs
import pytest
from jsonschema import Draft202012Validator
from tests.running import CONFIGURATION, SUMS

from stepwell.frontends import cli
from stepwell.frontends.render.output.schemas import OUTPUTS, output_schemas, schema_name, schema_text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    Project = Callable[[Mapping[str, str | bytes]], Path]
    RunStepwell = Callable[..., Any]

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
GOLDEN = REPOSITORY / "tests" / "golden" / "output"
UPDATE = os.environ.get("STEPWELL_UPDATE_GOLDEN") == "1"
CASES = [
    pytest.param(folder / "project", id=folder.name)
    for folder in sorted((REPOSITORY / "tests" / "cases").iterdir())
    if (folder / "project").is_dir() and not (folder / "make.json").exists()
]

STEP = "registry.d/steps/data_cleaning.yaml"
FILES: Mapping[str, str] = {
    "stepwell.toml": '[[freeze]]\noutput = "step_names.py"\n',
    STEP: (
        "name: DataCleaning\nsagemaker_step_type: Processing\ndescription: Clean the data.\n"
        "framework: pandas\naliases: [Cleaning]\nx-team: {name: fraud, since: 2026}\n"
    ),
    "registry.d/hyperparameters/tree_hyperparameters.yaml": (
        "name: TreeHyperparameters\nmodule_path: src.tree\ndescription: Of a tree.\n"
    ),
    "workspaces/alice/override/steps/data_cleaning.yaml": "name: DataCleaning\nframework: null\n",
    "workspaces/bob/local/steps/data_cleaning.yaml": (
        "name: DataCleaning\nsagemaker_step_type: Processing\ndescription: His own.\npriority: 5\n"
    ),
    "registry.d/providers/echo.yaml": (
        "name: Echo\ndescription: Echoes.\nimplementation: echo\nsecrets: {key: env:ECHO_KEY}\n"
    ),
    "registry.d/pipelines/cleaning_twice.yaml": (
        "name: CleaningTwice\ndescription: Clean, and clean again.\nparameters: {rows: null}\n"
        "steps:\n  - {id: first, step: DataCleaning, config: {rows: '${rows}'}}\n"
        "  - {id: second, step: 'bob:DataCleaning', depends_on: [first]}\n"
        "  - {id: third, step: DataCleaning, depends_on: [first]}\n"
    ),
    "src/cleaning.py": 'class DataCleaningConfig:\n    step = "DataCleaning"\n',
    "old/step_names.py": (
        "STEP_NAMES = {\n"
        '    "Scoring": {\n'
        '        "config_class": "ScoringConfig",\n'
        '        "builder_step_name": "ScoringStepBuilder",\n'
        '        "spec_type": "Scoring",\n'
        '        "sagemaker_step_type": "Processing",\n'
        '        "description": "Score a batch.",\n'
        "    },\n"
        "}\n"
    ),
}
FILES = {**FILES, "flow.yaml": "workflow:\n  name: flow\n  steps: [{name: one, type: DataCleaning}]\n"}
BROKEN = "registry.d/steps/broken.yaml"

# Command → the command lines that are tried with `--format json`, and how each ends.
ANSWERS: Mapping[str, Mapping[tuple[str, ...], int]] = {
    "check": {(): 0, ("--workspace", "alice"): 0, (BROKEN,): 0, ("--references",): 1, ("--since", "HEAD"): 0},
    "list": {(): 0, ("--workspace", "bob"): 0},
    "show": {
        ("DataCleaning",): 0,
        ("Cleaning", "--workspace", "alice"): 0,
        ("DataCleaning", "--at", "HEAD"): 0,
    },
    "explain": {("DataCleaning",): 0, ("DataCleaning.framework", "--workspace", "alice"): 0},
    "resolve": {("DataCleaning",): 0, ("DataCleaning", "--workspace", "bob"): 0},
    "conflicts": {(): 0},
    "impact": {("DataCleaning",): 0, ("DataCleaning", "--workspace", "bob"): 0},
    "diff": {("HEAD",): 0, ("old/step_names.py", "HEAD", "--exit-code"): 1},
    "log": {("DataCleaning",): 0, ("DataCleaning", "--workspace", "bob"): 0},
    "doctor": {(): 0},
    "components": {(): 0, ("DataCleaning", "--workspace", "bob"): 0},
    "compat": {(): 0, ("--workspace", "bob", "--exit-code"): 0},
    "providers": {(): 0, ("Echo",): 0, ("--health", "--workspace", "bob"): 0},
    "align": {(): 0, ("DataCleaning", "--level", "2"): 0},
    "workspace list": {(): 0},
    "workspace show": {("alice",): 0},
    "workspace check": {(): 0, ("bob",): 0},
    "workspace compare": {("bob", "alice"): 0},
    "pipeline list": {(): 0, ("--workspace", "bob"): 0},
    "pipeline show": {("CleaningTwice", "--set", "rows=3"): 0},
    "pipeline check": {(): 1, ("CleaningTwice",): 1},  # its step has no interface
    "pipeline run": {("CleaningTwice",): 1, ("Sums", "--made-up"): 0},
    "pipeline test": {("Sums",): 0, ("Sums", "--components-from", "bob"): 0},
    "pipeline compare": {("Sums",): 0},
    "pipeline wire": {("CleaningTwice",): 0},
    "step run": {("Total",): 1, ("Make",): 0},
    "step test": {("Total", "--no-cache"): 0},
    "workflow check": {("flow.yaml",): 0},
    "workflow run": {("flow.yaml",): 1},  # its step has no code
    "set": {("DataCleaning", "priority=3", "--dry-run"): 0, ("DataCleaning", "priority=-3"): 1},
    "unset": {("DataCleaning", "framework", "--dry-run"): 0},
    "override": {("DataCleaning", "-w", "alice", "--set", "priority=3", "--dry-run"): 0},
    "deprecate": {("DataCleaning", "--since", "1.4", "--dry-run"): 0},
    "rename": {("DataCleaning", "Washing", "--dry-run"): 0},
    "move": {("DataCleaning", "--from", "alice", "--to", "core", "--dry-run"): 0},
    "rebase": {("alice", "--dry-run"): 0},
    "remove": {("DataCleaning", "--dry-run"): 1},
    "fmt": {("--check",): 0, ("--diff",): 0},
    "publish": {("published",): 0, ("published", "--dry-run"): 0},
    "import": {("old/step_names.py", "--dry-run"): 0, ("old/step_names.py",): 0},
}
BEFORE = {"pipeline compare": ("pipeline run Sums -q", "pipeline run Sums -q --no-cache")}
"""Commands that create the input of another one."""
VARYING = (
    (r'("(?:seconds|latency|began|ended)": )\d+(?:\.\d+)?(?:e-\d+)?', r"\g<1>0"),
    (r'("seconds": \[)[^]]*\]', r"\g<1>]"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:\+\d\d:\d\d)?", "<time>"),
    (r"\d{8}-\d{6}-[0-9a-f]+", "<run>"),
    (r"sha256:[0-9a-f]{64}", "<digest>"),
    (r'"size": \d+', '"size": 0'),
    (r'("tool": \{"name": "stepwell", "version": )"[^"]*"', r'\g<1>"<version>"'),
)
"""What differs from run to run, and what a golden file has in its place."""
WITHOUT_VERSION = {"show"}  # its answer is the definition itself, as a file could say it
STREAMS = {"watch": "tests/unit/test_cli_watch.py"}
"""Commands that answer until they are stopped, and the tests that hold their lines to their schema."""


def schema(name: str) -> dict[str, Any]:
    contents: dict[str, Any] = json.loads(
        (REPOSITORY / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")
    )
    return contents


def commit(root: Path) -> None:
    """Make a project a git repository with one commit, and change it after that."""
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-C", str(root)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "2027-01-31T09:30:00+00:00")
    for words in ("init --quiet", "add --all", "commit --quiet --message base"):
        subprocess.run([*git, *words.split()], env=environment, capture_output=True, check=True)
    (root / STEP).write_text(FILES[STEP].replace("pandas", "numpy"), encoding="utf-8")


def stable(text: str, root: Path) -> str:
    """An answer without what differs from run to run."""
    text = text.replace(str(root), "<root>")
    for pattern, replacement in VARYING:
        text = re.sub(pattern, replacement, text)
    return text


def offered() -> Iterator[str]:
    """The commands with ``--format json``."""
    for name, (module, _) in cli.COMMANDS.items():
        path, _, attribute = module.partition(":")
        command = getattr(import_module(f"stepwell.frontends.cli.{path}"), attribute or "command")
        if isinstance(command, click.Group):
            below = [command.get_command(click.Context(command), one) for one in command.list_commands(None)]
            every = [(f"{name} {one.name}", one) for one in below]
        else:
            every = [(name, command)]
        for full_name, one in every:
            for parameter in one.params:
                choices = parameter.type.choices if isinstance(parameter.type, click.Choice) else ()
                if "--format" in parameter.opts and "json" in choices:
                    yield full_name


def test_every_command_that_answers_json_is_checked_against_a_schema_here() -> None:
    others = {"catalog list"}  # as `pipeline list` answers, of another registry
    assert sorted({*offered()} - others) == sorted([*ANSWERS, *STREAMS]) == sorted([*OUTPUTS, "show"])


@pytest.mark.parametrize(("name", "derived"), output_schemas().items())
def test_a_published_schema_is_the_one_that_is_derived(name: str, derived: dict[str, Any]) -> None:
    path = REPOSITORY / "schemas" / f"{name}.schema.json"
    assert path.read_text(encoding="utf-8") == schema_text_of(derived)


def test_every_schema_of_an_output_belongs_to_a_command() -> None:
    published = {path.name.partition(".")[0] for path in (REPOSITORY / "schemas").glob("output-*.json")}
    assert published == output_schemas().keys() - {"diagnostics"}


@pytest.mark.parametrize("command", STREAMS)
def test_the_lines_of_a_stream_are_checked_against_its_schema_elsewhere(command: str) -> None:
    assert f"output-{command}.schema.json" in (REPOSITORY / STREAMS[command]).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("command", "arguments", "exit_code"),
    [
        pytest.param(command, arguments, exit_code, id=" ".join((command, *arguments)))
        for command, tried in ANSWERS.items()
        for arguments, exit_code in tried.items()
    ],
)
def test_an_answer_matches_its_schema(
    project: Project, run_stepwell: RunStepwell, command: str, arguments: tuple[str, ...], exit_code: int
) -> None:
    files = dict(FILES)
    if BROKEN in arguments:
        files[BROKEN], exit_code = "name: [\x1b[31m\n", 1
    if command.startswith(("pipeline", "step ")):
        files |= {path: text for path, text in SUMS.items() if path != "stepwell.toml"}
        files["stepwell.toml"] += CONFIGURATION
    root = project(files)
    commit(root)
    for words in BEFORE.get(command, ()):
        assert run_stepwell(*words.split(), cwd=root).exit_code == 0
    ran = run_stepwell(*command.split(), *arguments, "--format", "json", cwd=root)
    assert ran.exit_code == exit_code, ran.stderr
    golden = GOLDEN / f"{re.sub('[^A-Za-z0-9]+', '-', ' '.join((command, *arguments))).strip('-')}.json"
    if UPDATE:
        golden.write_text(stable(ran.stdout, root), encoding="utf-8")
    assert stable(ran.stdout, root) == golden.read_text(encoding="utf-8")
    described = schema(schema_name(command))
    Draft202012Validator.check_schema(described)
    answer = json.loads(ran.stdout)
    assert [error.message for error in Draft202012Validator(described).iter_errors(answer)] == []
    assert answer.get("version") == (None if command in WITHOUT_VERSION else 1)
    assert not Draft202012Validator(described).is_valid({**answer, "version": 2})
    assert not Draft202012Validator(described).is_valid({**answer, "something": "else"})


@pytest.fixture(scope="module")
def sarif() -> Any:
    path = REPOSITORY / "tests" / "contracts" / "schemas" / "sarif-2.1.0.schema.json"
    return jsonschema_rs.validator_for(json.loads(path.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def diagnostics() -> Any:
    return jsonschema_rs.validator_for(schema("diagnostics"))


@pytest.mark.parametrize(
    "golden", sorted((REPOSITORY / "tests" / "golden").rglob("*.sarif")), ids=lambda path: path.stem
)
def test_a_stored_log_matches_the_published_schema(sarif: Any, golden: Path) -> None:
    log = json.loads(golden.read_text(encoding="utf-8"))
    assert [error.message for error in sarif.iter_errors(log)] == []
    del log["runs"][0]["tool"]
    assert not sarif.is_valid(log)


@pytest.mark.parametrize("case", CASES)
def test_the_findings_of_a_case_match_the_schemas(
    sarif: Any, diagnostics: Any, case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = shutil.copytree(case, tmp_path / "project", symlinks=True)
    if not (case.parent / "no-stepwell-toml").exists():
        (root / "stepwell.toml").touch()
    told = {}
    for form, validator in (("sarif", sarif), ("json", diagnostics)):
        assert cli.run(["check", "--project", str(root), "--format", form]) in (0, 1)
        told[form] = json.loads(capsys.readouterr().out)
        assert [error.message for error in validator.iter_errors(told[form])] == []
    results = told["sarif"]["runs"][0]["results"]
    assert [result["ruleId"] for result in results] == [found["id"] for found in told["json"]["diagnostics"]]
