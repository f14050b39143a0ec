"""``pytest --stepwell`` as a team runs it: each run is a separate pytest process in a new project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import tomli
from tests.conftest import Ran
from tests.warm_python import run_python

if TYPE_CHECKING:
    from tests.conftest import Project

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
Pytest = Callable[..., Ran]

SCORING = "name: Scoring\nsagemaker_step_type: Processing\ndescription: Score a batch.\n"
EXAMPLES = "examples:\n  - {threshold: 0.5}\n"
CODE = """\
class ScoringConfig:
    def __init__(self, threshold):
        if threshold > 1:
            raise ValueError("a threshold lies between 0 and 1")
        self.threshold = threshold


class ScoringStepBuilder:
    def __init__(self, config):
        self.threshold = config.threshold

    def create_step(self):
        return self.threshold
"""
GOOD: Mapping[str, str] = {"registry.d/steps/scoring.yaml": SCORING + EXAMPLES, "src/scoring.py": CODE}


@pytest.fixture
def run_pytest(environment: Mapping[str, str]) -> Pytest:
    """A function that runs pytest with the plugin and no other."""

    def run(*arguments: str, cwd: Path, fresh: bool = False) -> Ran:
        command = ["-m", "pytest", "-p", "stepwell.frontends.pytest_plugin.plugin", *arguments]
        env = {**environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "200"}
        done = run_python(*command, cwd=cwd, env=env, fresh=fresh)
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


def failure(ran: Ran, headline: str) -> str:
    """What a run shows under a headline of its failures."""
    lines = ran.stdout.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("_") and f" {headline} " in line)
    after = (at for at in range(start + 1, len(lines)) if lines[at].startswith(("___", "===")))
    return "\n".join(line.rstrip() for line in lines[start + 1 : next(after)]).strip("\n")


def outcomes(ran: Ran) -> dict[str, str]:
    """Outcome of each test in the output of ``-v``, by the last two parts of its id."""
    told = (line.split() for line in ran.stdout.splitlines() if line.startswith("stepwell::"))
    return {words[0].removeprefix("stepwell::"): words[1] for words in told if len(words) > 1}


def test_the_package_has_the_plugin_and_an_extra_that_needs_pytest() -> None:
    table = tomli.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert table["entry-points"]["pytest11"] == {"stepwell": "stepwell.frontends.pytest_plugin.plugin"}
    assert [one.partition(">")[0] for one in table["optional-dependencies"]["testing"]] == ["pytest"]


def test_a_run_without_options_imports_only_the_plugin(project: Project, run_pytest: Pytest) -> None:
    probe = (
        "import sys\n\n\ndef pytest_sessionfinish():\n"
        "    print(sorted(one for one in sys.modules if one.split('.')[0] == 'stepwell'))\n"
    )
    root = project({**GOOD, "conftest.py": probe, "test_one.py": "def test_one():\n    pass\n"})
    ran = run_pytest("-q", "-s", cwd=root, fresh=True)
    assert ran.exit_code == 0
    assert (
        "['stepwell', 'stepwell.frontends', 'stepwell.frontends.pytest_plugin', "
        "'stepwell.frontends.pytest_plugin.plugin', 'stepwell.source', 'stepwell.source.errors', "
        "'stepwell.version']"
    ) in ran.stdout


def test_a_team_that_has_no_project_is_left_alone(tmp_path: Path, run_pytest: Pytest) -> None:
    (tmp_path / "test_one.py").write_text("def test_one():\n    pass\n", encoding="utf-8")
    ran = run_pytest("-q", "--strict-markers", "-W", "error", cwd=tmp_path)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert "1 passed" in ran.stdout


def test_each_step_has_a_test_for_each_check(project: Project, run_pytest: Pytest) -> None:
    interface = "interface:\n  outputs:\n    scores: {path: /opt/ml/processing/output}\n"
    root = project({**GOOD, "registry.d/steps/scoring.yaml": SCORING + EXAMPLES + interface})
    ran = run_pytest("--stepwell", "--collect-only", "-q", cwd=root)
    assert ran.exit_code == 0
    assert ran.stdout.splitlines()[:10] == [
        "stepwell::core::Scoring::definition",
        "stepwell::core::Scoring::components",
        "stepwell::core::Scoring::load-builder",
        "stepwell::core::Scoring::load-config",
        "stepwell::core::Scoring::builds",
        "stepwell::core::Scoring::conforms",
        "stepwell::core::Scoring::alignment-1",
        "stepwell::core::Scoring::alignment-2",
        "stepwell::core::Scoring::alignment-3",
        "stepwell::core::Scoring::alignment-4",
    ]
    assert "10 tests collected" in ran.stdout
    passed = run_pytest("--stepwell", "-v", cwd=root)
    assert passed.exit_code == 0
    assert set(outcomes(passed).values()) == {"PASSED"}


def test_the_tests_of_files_run_beside_those_of_steps(project: Project, run_pytest: Pytest) -> None:
    root = project({**GOOD, "test_one.py": "def test_one():\n    pass\n"})
    both = run_pytest("--stepwell", "--collect-only", "-q", cwd=root)
    steps = run_pytest("stepwell", "--collect-only", "-q", cwd=root)
    assert both.stdout.splitlines()[:2] == ["test_one.py::test_one", "stepwell::core::Scoring::definition"]
    assert steps.stdout.splitlines()[0] == "stepwell::core::Scoring::definition"
    assert "test_one" not in steps.stdout


def test_a_folder_called_stepwell_stays_a_folder(project: Project, run_pytest: Pytest) -> None:
    root = project({**GOOD, "stepwell/test_one.py": "def test_one():\n    pass\n"})
    folder = run_pytest("stepwell", "--collect-only", "-q", cwd=root)
    steps = run_pytest("stepwell::", "--collect-only", "-q", cwd=root)
    assert folder.stdout.splitlines()[0] == "stepwell/test_one.py::test_one"
    assert "1 test collected" in folder.stdout
    assert "7 tests collected" in steps.stdout


def test_a_file_without_a_step_fails_with_the_findings_of_check(project: Project, run_pytest: Pytest) -> None:
    root = project({**GOOD, "registry.d/steps/broken.yaml": "name: Broken\ndescripton: B.\n"})
    ran = run_pytest("--stepwell", "-v", cwd=root)
    assert ran.exit_code == 1
    assert outcomes(ran)["core::registry.d/steps/broken.yaml::definition"] == "FAILED"
    assert failure(ran, "core, registry.d/steps/broken.yaml: definition") == (
        "error[unknown-field]: step has no field `descripton`\n"
        "  --> registry.d/steps/broken.yaml:2:1\n"
        "   |\n"
        " 2 | descripton: B.\n"
        "   | ^^^^^^^^^^ did you mean `description`?"
    )
    assert "definition - error[unknown-field]: step has no field `descripton`" in ran.stdout
    assert list(outcomes(ran).values()).count("FAILED") == 1


def test_a_warning_does_not_fail_and_is_shown_when_requested(project: Project, run_pytest: Pytest) -> None:
    root = project(
        {
            **GOOD,
            "workspaces/ann/local/steps/scoring.yaml": SCORING,
            "workspaces/ann/workspace.yaml": "developer_id: ann\n",
        }
    )
    ran = run_pytest("stepwell::ann::Scoring::definition", "-rP", cwd=root)
    assert ran.exit_code == 0
    assert "warning[shadows-core]:" in ran.stdout
    assert "--> workspaces/ann/local/steps/scoring.yaml:1:7" in ran.stdout


def test_a_declared_part_that_is_not_there_fails(project: Project, run_pytest: Pytest) -> None:
    declared = "components: {builder: 'src/scoring.py:ScoringStepBilder'}\n"
    root = project({**GOOD, "registry.d/steps/scoring.yaml": SCORING + declared})
    ran = run_pytest("--stepwell", "-v", cwd=root)
    assert ran.exit_code == 1
    assert failure(ran, "core, Scoring: components").splitlines()[:4] == [
        (
            "error[missing-component]: builder of `Scoring` does not exist: "
            "`src/scoring.py` does not define `ScoringStepBilder`"
        ),
        "  --> registry.d/steps/scoring.yaml:4:23",
        "   |",
        " 4 | components: {builder: 'src/scoring.py:ScoringStepBilder'}",
    ]
    assert "core::Scoring::load-builder" not in outcomes(ran)


def test_two_classes_that_could_be_meant_fail(project: Project, run_pytest: Pytest) -> None:
    root = project({**GOOD, "src/other.py": CODE})
    ran = run_pytest("stepwell::core::Scoring::components", cwd=root)
    assert ran.exit_code == 1
    assert "`ScoringStepBuilder` matches src/other.py:8 and src/scoring.py:8" in ran.stdout


def test_a_class_that_is_nowhere_fails_only_where_the_project_requests_references(
    project: Project, run_pytest: Pytest
) -> None:
    root = project({"registry.d/steps/scoring.yaml": SCORING})
    assert run_pytest("stepwell::core::Scoring::components", cwd=root).exit_code == 0
    (root / "stepwell.toml").write_text('[references]\nsource = ["src"]\n', encoding="utf-8")
    ran = run_pytest("stepwell::core::Scoring::components", cwd=root)
    assert ran.exit_code == 1
    assert (
        "error[missing-class]: the builder of `Scoring` is by convention `ScoringStepBuilder`" in ran.stdout
    )


def test_an_import_that_fails_shows_the_users_traceback_and_where_was_looked(
    project: Project, run_pytest: Pytest
) -> None:
    code = "from helping import NAME\n\n\n" + CODE
    root = project({**GOOD, "src/scoring.py": code, "src/helping.py": "\nimport nmpy\nNAME = 1\n"})
    ran = run_pytest("stepwell::core::Scoring::load-builder", "--tb=short", cwd=root)
    assert ran.exit_code == 1
    assert failure(ran, "core, Scoring: load-builder") == (
        "src/scoring.py:1: in <module>\n"
        "    from helping import NAME\n"
        "src/helping.py:2: in <module>\n"
        "    import nmpy\n"
        "E   ModuleNotFoundError: No module named 'nmpy'\n"
        f"{' stepwell '.center(200, '-')}\n"
        "cannot load `ScoringStepBuilder` of src/scoring.py for the core: "
        "ModuleNotFoundError: No module named 'nmpy'\n"
        "  --> src/helping.py:2\n"
        "  imported at src/scoring.py:1\n"
        "  searched for `nmpy` in src, the environment"
    )


def test_a_module_that_ends_the_process_ends_only_its_tests(project: Project, run_pytest: Pytest) -> None:
    root = project({**GOOD, "src/scoring.py": "raise SystemExit(7)\n" + CODE})
    ran = run_pytest("--stepwell", "-v", cwd=root)
    assert ran.exit_code == 1
    assert outcomes(ran)["core::Scoring::load-builder"] == "FAILED"
    assert outcomes(ran)["core::Scoring::definition"] == "PASSED"
    assert "cannot load `ScoringConfig` of src/scoring.py for the core: SystemExit: 7" in ran.stdout


def test_a_script_with_a_syntax_error_shows_its_line(project: Project, run_pytest: Pytest) -> None:
    root = project({**GOOD, "src/scripts/scoring.py": "def main():\n    return 1 +\n"})
    ran = run_pytest("stepwell::core::Scoring::load-script", cwd=root)
    assert ran.exit_code == 1
    told = failure(ran, "core, Scoring: load-script").splitlines()
    assert told[0].startswith("cannot load `src/scripts/scoring.py` for the core: SyntaxError: ")
    assert told[1] == "  --> src/scripts/scoring.py:2"
    assert told[-1] == "  2 | return 1 +"


def test_what_the_users_class_raises_is_shown_as_the_users(project: Project, run_pytest: Pytest) -> None:
    two = "examples:\n  - threshold: 0.5\n  - threshold: 2.0\n"
    root = project({**GOOD, "registry.d/steps/scoring.yaml": SCORING + two})
    ran = run_pytest("stepwell::core::Scoring::builds", "--tb=short", cwd=root)
    assert ran.exit_code == 1
    assert failure(ran, "core, Scoring: builds") == (
        "src/scoring.py:4: in __init__\n"
        '    raise ValueError("a threshold lies between 0 and 1")\n'
        "E   ValueError: a threshold lies between 0 and 1\n"
        f"{' stepwell '.center(200, '-')}\n"
        "the configuration class `ScoringConfig` of `Scoring` cannot be built from this example: "
        "ValueError: a threshold lies between 0 and 1\n"
        "  --> registry.d/steps/scoring.yaml:6:5\n"
        "  = help: the class is called with threshold"
    )
    assert "builds - ValueError: a threshold lies between 0 and 1" in ran.stdout


def test_an_example_with_a_wrong_argument_has_no_traceback(project: Project, run_pytest: Pytest) -> None:
    wrong = 'examples:\n  - {"treshold\\e[31m": 1}\n'
    root = project({**GOOD, "registry.d/steps/scoring.yaml": SCORING + wrong})
    ran = run_pytest("stepwell::core::Scoring::builds", cwd=root)
    assert ran.exit_code == 1
    told = failure(ran, "core, Scoring: builds").splitlines()
    assert told[0].startswith("the configuration class `ScoringConfig` of `Scoring` cannot be built from")
    assert "unexpected keyword argument 'treshold\\x1b[31m'" in told[0]
    assert told[1:] == [
        "  --> registry.d/steps/scoring.yaml:5:5",
        "  = help: the class is called with treshold\\x1b[31m",
    ]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (
            {"registry.d/steps/scoring.yaml": SCORING, "src/scoring.py": CODE},
            "the step has no examples: add `examples` with configurations to its definition",
        ),
        (
            {"registry.d/steps/scoring.yaml": SCORING + EXAMPLES},
            "the step has no builder: no source file defines `ScoringStepBuilder`",
        ),
        (
            {"registry.d/steps/s.yaml": "name: S\ndescription: S.\nexamples: [{}]\n"},
            "the step has no builder",
        ),
    ],
)
def test_a_step_that_cannot_be_built_is_skipped_with_the_reason(
    project: Project, run_pytest: Pytest, files: dict[str, str | bytes], reason: str
) -> None:
    ran = run_pytest("stepwell", "-k", "builds", "-rs", cwd=project(files))
    (path,) = (one for one in files if one.endswith(".yaml"))
    assert ran.exit_code == 0
    assert f"SKIPPED [1] {path}: {reason}" in ran.stdout.splitlines()


def test_a_builder_lacks_methods_that_the_project_requests(project: Project, run_pytest: Pytest) -> None:
    settings = '[alignment.builder_methods]\nall = ["create_steps"]\nTraining = ["train"]\n'
    abstract = "import abc\n\n\nclass Base(abc.ABC):\n    @abc.abstractmethod\n    def stop(self): ...\n\n\n"
    code = abstract + CODE.replace("class ScoringStepBuilder:", "class ScoringStepBuilder(Base):")
    root = project({**GOOD, "stepwell.toml": settings, "src/scoring.py": code})
    ran = run_pytest("stepwell::core::Scoring::conforms", cwd=root)
    assert ran.exit_code == 1
    assert failure(ran, "core, Scoring: conforms") == (
        "the builder `ScoringStepBuilder` of `Scoring` has no method `create_steps`\n"
        "  --> registry.d/steps/scoring.yaml:1:7\n"
        "  = help: did you mean `create_step`?\n"
        "\n"
        "the builder `ScoringStepBuilder` of `Scoring` does not implement the abstract method `stop`\n"
        "  --> registry.d/steps/scoring.yaml:1:7\n"
        "  = help: implement it"
    )


def test_a_contract_and_a_specification_name_what_the_interface_names(
    project: Project, run_pytest: Pytest
) -> None:
    interface = (
        "interface:\n"
        "  entry_point: scoring.py\n"
        "  inputs:\n"
        "    table: {path: /opt/ml/processing/input}\n"
        "    label: {data_type: String}\n"
        "  env: {required: [REGION]}\n"
    )
    contract = (
        "class SCORING_CONTRACT:\n    entry_point = 'score.py'\n"
        "    expected_input_paths = {'tabel': '/opt/ml/processing/input'}\n    required_env_vars = []\n"
    )
    spec = (
        "class Dependency:\n    logical_name = 'table'\n\n\n"
        "class Spec:\n    dependencies = [Dependency()]\n\n\nSCORING_SPEC = Spec()\n"
    )
    root = project(
        {
            "registry.d/steps/scoring.yaml": SCORING + interface,
            "src/contracts/scoring_contract.py": contract.replace(
                "class SCORING_CONTRACT:", "class _Contract:"
            )
            + "\n\nSCORING_CONTRACT = _Contract()\n",
            "src/specs/scoring_spec.py": spec,
        }
    )
    ran = run_pytest("stepwell::core::Scoring::conforms", cwd=root)
    assert ran.exit_code == 1
    assert failure(ran, "core, Scoring: conforms") == (
        "the contract of `Scoring` has no input `table`\n"
        "  --> registry.d/steps/scoring.yaml:7:5\n"
        "  = help: did you mean `tabel`?\n"
        "\n"
        "the contract of `Scoring` has the input `tabel`, but the interface does not\n"
        "  --> registry.d/steps/scoring.yaml:6:3\n"
        "  = help: did you mean `table`?\n"
        "\n"
        "the contract of `Scoring` starts `score.py`, but the interface `scoring.py`\n"
        "  --> registry.d/steps/scoring.yaml:5:16\n"
        "\n"
        "the interface of `Scoring` requires the variable `REGION`, but the contract does not\n"
        "  --> registry.d/steps/scoring.yaml:9:9\n"
        "\n"
        "the specification of `Scoring` has no input `label`\n"
        "  --> registry.d/steps/scoring.yaml:8:5\n"
        "  = help: add it to the specification"
    )


def test_alignment_fails_level_by_level(project: Project, run_pytest: Pytest) -> None:
    interface = "interface:\n  inputs:\n    table: {compatible_sources: [Nobody]}\n"
    root = project({**GOOD, "registry.d/steps/scoring.yaml": SCORING + interface})
    ran = run_pytest("stepwell", "-k", "alignment", "-v", cwd=root)
    assert ran.exit_code == 1
    assert outcomes(ran) == {
        "core::Scoring::alignment-1": "PASSED",
        "core::Scoring::alignment-2": "PASSED",
        "core::Scoring::alignment-3": "FAILED",
        "core::Scoring::alignment-4": "PASSED",
    }
    assert "--> registry.d/steps/scoring.yaml:6:34" in failure(ran, "core, Scoring: alignment-3")


TEAMS: Mapping[str, str] = {
    **GOOD,
    "workspaces/ann/src/building.py": (
        "from helping import LIMIT\n\n\nclass ScoringStepBuilder:\n    def __init__(self, config):\n"
        "        if config.threshold > LIMIT:\n            raise ValueError(f'more than {LIMIT}')\n"
    ),
    "workspaces/ann/src/helping.py": "LIMIT = 0.7\n",
    "workspaces/ben/src/building.py": (
        "from helping import LIMIT\n\n\nclass ScoringStepBuilder:\n    def __init__(self, config):\n"
        "        if config.threshold > LIMIT:\n            raise ValueError(f'more than {LIMIT}')\n"
    ),
    "workspaces/ben/src/helping.py": "LIMIT = 0.3\n",
    "workspaces/ben/local/steps/own.yaml": "name: Own\ndescription: Of ben alone.\n",
}


def test_every_workspace_has_its_line_and_its_own_code(project: Project, run_pytest: Pytest) -> None:
    ran = run_pytest("stepwell", "--stepwell-workspace", "all", "-k", "builds", "-v", cwd=project(TEAMS))
    assert ran.exit_code == 1
    assert outcomes(ran) == {
        "core::Scoring::builds": "PASSED",
        "ann::Scoring::builds": "PASSED",
        "ben::Own::builds": "SKIPPED",
        "ben::Scoring::builds": "FAILED",
    }
    assert "ben::Scoring::builds - ValueError: more than 0.3" in ran.stdout


def test_a_broken_file_of_the_core_fails_once_and_one_of_a_workspace_with_it(
    project: Project, run_pytest: Pytest
) -> None:
    broken = {
        "registry.d/steps/broken.yaml": "name: Broken\n",
        "workspaces/ann/override/steps/scoring.yaml": "name: Scoring\npriority: x\n",
    }
    root = project({**TEAMS, **broken})
    ran = run_pytest("stepwell", "--stepwell-workspace=all", "-k", "definition", "-v", cwd=root)
    failed = [name for name, how in outcomes(ran).items() if how == "FAILED"]
    assert failed == [
        "core::registry.d/steps/broken.yaml::definition",
        "ann::workspaces/ann/override/steps/scoring.yaml::definition",
    ]


def test_two_processes_have_the_results_of_one(project: Project, run_pytest: Pytest) -> None:
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    root = project(TEAMS)
    arguments = ("stepwell", "--stepwell-workspace", "all", "-rA", "-q", "--tb=no")
    one = run_pytest(*arguments, cwd=root)
    two = run_pytest("-p", "xdist", "-n", "2", *arguments, cwd=root, fresh=True)
    told = [
        sorted(line for line in ran.stdout.splitlines() if line[:6] in ("PASSED", "FAILED"))
        for ran in (one, two)
    ]
    assert one.exit_code == two.exit_code == 1
    assert told[0] == told[1]
    assert len(told[0]) == 23


def test_one_test_is_requested_by_its_id_alone(project: Project, run_pytest: Pytest) -> None:
    root = project({**TEAMS, "pytest.ini": "[pytest]\n", "below/test_one.py": ""})
    there = run_pytest("stepwell::ann::Scoring::load-builder", "-v", cwd=root)
    assert outcomes(there) == {"ann::Scoring::load-builder": "PASSED"}
    from_below = run_pytest("../stepwell::ann::Scoring::load-builder", "-v", cwd=root / "below")
    assert "../stepwell::ann::Scoring::load-builder PASSED" in from_below.stdout
    several = run_pytest("stepwell::ann::Scoring", "stepwell::ben::Own", "-v", cwd=root)
    assert {name.rpartition("::")[0] for name in outcomes(several)} == {"ann::Scoring", "ben::Own"}
    beside = run_pytest("stepwell::ben::Own", "--stepwell-workspace", "ann", "-v", cwd=root)
    assert {name.rpartition("::")[0] for name in outcomes(beside)} == {"ben::Own"}


def test_the_tests_that_failed_last_are_run_again(project: Project, run_pytest: Pytest) -> None:
    root = project(TEAMS)
    assert run_pytest("stepwell", "--stepwell-workspace", "ben", cwd=root).exit_code == 1
    again = run_pytest("stepwell", "--stepwell-workspace", "ben", "--lf", "-v", cwd=root)
    assert outcomes(again) == {"ben::Scoring::builds": "FAILED"}


def test_a_report_for_a_build_server_names_workspace_and_step(project: Project, run_pytest: Pytest) -> None:
    root = project(TEAMS)
    run_pytest("stepwell::ben::Scoring::builds", "--junitxml=report.xml", cwd=root)
    report = (root / "report.xml").read_text(encoding="utf-8")
    assert '<testcase classname="stepwell.ben.Scoring" name="builds"' in report
    assert '<failure message="ValueError: more than 0.3">' in report


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--stepwell", "--stepwell-workspace", "benn"), "unknown workspace: benn (did you mean `ben`?)"),
        (
            ("--stepwell", "--stepwell-workspace", "nobody-like-that"),
            "unknown workspace: nobody-like-that (available: `core`, `ann`, `ben`, `all`)",
        ),
        (("stepwell::benn::Scoring",), "unknown workspace: benn (did you mean `ben`?)"),
        (("stepwell::ann::Scorin",), "not found: stepwell::ann::Scorin (did you mean `Scoring`?)"),
        (
            ("stepwell::ann::Scoring::load-bilder",),
            "not found: stepwell::ann::Scoring::load-bilder (did you mean `load-builder`?)",
        ),
        (
            ("--stepwell", "--stepwell-project", "src"),
            "no Stepwell project: {root}/src contains no stepwell.toml; run `stepwell init` to create one",
        ),
        (("--stepwell", "--stepwell-project", "scr"), "no such folder: {root}/scr"),
    ],
)
def test_a_word_that_names_nothing_is_a_usage_error(
    project: Project, run_pytest: Pytest, arguments: tuple[str, ...], message: str
) -> None:
    root = project(TEAMS)
    ran = run_pytest(*arguments, cwd=root)
    assert ran.exit_code == 4
    assert ran.stderr.strip() == f"ERROR: {message.format(root=root)}"


def test_no_project_is_a_usage_error(tmp_path: Path, run_pytest: Pytest) -> None:
    ran = run_pytest("--stepwell", cwd=tmp_path)
    assert ran.exit_code == 4
    assert ran.stderr.startswith(f"ERROR: no Stepwell project: neither {tmp_path} nor any parent")
    assert ran.stderr.rstrip().endswith("set --stepwell-project DIR")


def test_the_project_may_lie_elsewhere(project: Project, run_pytest: Pytest, tmp_path: Path) -> None:
    project(GOOD)
    ran = run_pytest("stepwell", "--stepwell-project", "project", "-q", cwd=tmp_path)
    assert ran.exit_code == 0
    assert "7 passed" in ran.stdout


def test_the_project_of_the_working_folder_comes_before_that_of_the_root_folder(
    project: Project, run_pytest: Pytest
) -> None:
    inner = {f"inner/{path}": text for path, text in GOOD.items()}
    root = project(
        {**inner, "pytest.ini": "[pytest]\n", "inner/stepwell.toml": "", "inner/src/deep/x.py": ""}
    )
    for folder in ("inner", "inner/src/deep"):
        ran = run_pytest("stepwell", "-q", cwd=root / folder)
        assert (ran.exit_code, "7 passed" in ran.stdout) == (0, True), ran.stdout + ran.stderr
    one = run_pytest("stepwell::core::Scoring::builds", "-q", cwd=root / "inner")
    assert (one.exit_code, "1 passed" in one.stdout) == (0, True)
    above = run_pytest("stepwell", "-q", cwd=root)
    assert (above.exit_code, "no tests ran" in above.stdout) == (5, True)


def test_a_workspace_may_be_called_core(project: Project, run_pytest: Pytest) -> None:
    root = project({**GOOD, "workspaces/core/local/steps/own.yaml": "name: Own\ndescription: O.\n"})
    ran = run_pytest("stepwell", "--stepwell-workspace", "all", "--collect-only", "-q", cwd=root)
    assert "stepwell::workspace core::Own::definition" in ran.stdout.splitlines()
    assert "stepwell::core::Own::definition" not in ran.stdout.splitlines()
    again = run_pytest("stepwell::workspace core::Own::definition", "-q", cwd=root)
    assert "1 passed" in again.stdout


OWN_TESTS = """\
import pytest


def test_registry(stepwell_registry):
    assert stepwell_registry.workspaces == ("ann", "ben")


def test_workspace(stepwell_workspace):
    print("view of", stepwell_workspace.title)


@pytest.mark.stepwell_workspace("ben")
def test_marked(stepwell_workspace):
    assert "Own" in stepwell_workspace


@pytest.mark.stepwell_workspace(None)
def test_marked_as_core(stepwell_workspace):
    assert stepwell_workspace.workspace is None
"""


def test_a_teams_own_tests_get_the_registry_and_a_view(project: Project, run_pytest: Pytest) -> None:
    root = project({**TEAMS, "test_own.py": OWN_TESTS})
    plain = run_pytest("--strict-markers", "-q", "-s", cwd=root)
    assert plain.exit_code == 0
    assert "view of the core" in plain.stdout
    ann = run_pytest("--strict-markers", "-q", "-s", "--stepwell-workspace", "ann", cwd=root)
    assert ann.exit_code == 0
    assert "view of workspace ann" in ann.stdout
    every = run_pytest("--stepwell-workspace", "all", "--collect-only", "-q", cwd=root)
    assert every.stdout.splitlines()[:6] == [
        "test_own.py::test_registry",
        "test_own.py::test_workspace[core]",
        "test_own.py::test_workspace[ann]",
        "test_own.py::test_workspace[ben]",
        "test_own.py::test_marked",
        "test_own.py::test_marked_as_core",
    ]


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ('stepwell_workspace("benn")', "unknown workspace: benn (did you mean `ben`?)"),
        ("stepwell_workspace", 'use the marker as @pytest.mark.stepwell_workspace("alice")'),
        ("stepwell_workspace(7)", 'use the marker as @pytest.mark.stepwell_workspace("alice")'),
    ],
)
def test_a_wrong_marker_is_reported_without_our_traceback(
    project: Project, run_pytest: Pytest, mark: str, message: str
) -> None:
    code = f"import pytest\n\n\n@pytest.mark.{mark}\ndef test_one(stepwell_workspace):\n    pass\n"
    ran = run_pytest(cwd=project({**TEAMS, "test_own.py": code}))
    assert ran.exit_code == 1
    assert failure(ran, "ERROR at setup of test_one") == message


def test_the_view_of_a_fixture_needs_a_project(tmp_path: Path, run_pytest: Pytest) -> None:
    code = "def test_one(stepwell_workspace):\n    pass\n"
    (tmp_path / "test_own.py").write_text(code, encoding="utf-8")
    ran = run_pytest(cwd=tmp_path)
    assert ran.exit_code == 1
    assert failure(ran, "ERROR at setup of test_one").startswith("no Stepwell project: neither ")


@pytest.mark.parametrize(
    ("examples", "finding"),
    [
        ("{threshold: 1}", "error[wrong-type]: `examples` must be a list, got a mapping"),
        ("[1]", "error[wrong-type]: `examples[0]` must be a mapping, got the number 1"),
    ],
)
def test_examples_are_a_list_of_configurations(
    project: Project, run_pytest: Pytest, examples: str, finding: str
) -> None:
    root = project({"registry.d/steps/scoring.yaml": f"{SCORING}examples: {examples}\n"})
    ran = run_pytest("stepwell", cwd=root)
    assert ran.exit_code == 1
    assert failure(ran, "core, registry.d/steps/scoring.yaml: definition").splitlines()[0] == finding


def test_an_override_replaces_the_examples_whole(project: Project, run_pytest: Pytest) -> None:
    override = "name: Scoring\nexamples: [{threshold: 3}]\n"
    root = project({**TEAMS, "workspaces/ann/override/steps/scoring.yaml": override})
    ran = run_pytest("stepwell::ann::Scoring::builds", cwd=root)
    assert ran.exit_code == 1
    assert "--> workspaces/ann/override/steps/scoring.yaml:2:12" in ran.stdout


def test_a_workspace_is_checked_against_its_own_classes_and_those_that_it_inherits(
    project: Project, run_pytest: Pytest
) -> None:
    root = project(
        {
            "stepwell.toml": '[references]\nsource = ["src"]\n',
            "registry.d/steps/scoring.yaml": SCORING,
            "src/empty.py": "",
            "workspaces/ann/src/scoring.py": CODE,
            "workspaces/ann/override/steps/scoring.yaml": "name: Scoring\npriority: 5\n",
            "workspaces/ben/override/steps/scoring.yaml": "name: Scoring\npriority: 6\n",
        }
    )
    ran = run_pytest("stepwell", "--stepwell-workspace", "all", "-k", "components", "-v", cwd=root)
    assert outcomes(ran) == {
        "core::Scoring::components": "FAILED",
        "ann::Scoring::components": "PASSED",
        "ben::Scoring::components": "FAILED",
    }


def test_odd_names_of_files_are_shown_and_can_be_requested(project: Project, run_pytest: Pytest) -> None:
    root = project({**GOOD, "registry.d/steps/a::b\x1b[31m.yaml": "name: A\n"})
    ran = run_pytest("stepwell", "-k", "yaml", "--collect-only", "-q", cwd=root)
    test_id = "stepwell::core::registry.d/steps/a:b\\x1b[31m.yaml::definition"
    assert ran.stdout.splitlines()[0] == test_id
    assert "\x1b" not in ran.stdout
    assert run_pytest(test_id, cwd=root).exit_code == 1


def test_a_configuration_that_is_broken_is_reported_with_the_core(
    project: Project, run_pytest: Pytest
) -> None:
    root = project({**TEAMS, "stepwell.toml": "[paths]\ncores = 'x'\n"})
    ran = run_pytest("stepwell", "--stepwell-workspace=all", "-k", "definition", "-v", cwd=root)
    failed = [name for name, how in outcomes(ran).items() if how == "FAILED"]
    assert failed == ["core::stepwell.toml::definition"]
    assert "--> stepwell.toml:2:1" in ran.stdout


def test_the_users_code_may_skip_a_test(project: Project, run_pytest: Pytest) -> None:
    skipping = CODE.replace('raise ValueError("a threshold lies between 0 and 1")', "pytest.skip('no GPU')")
    examples = "examples: [{threshold: 2}]\n"
    root = project(
        {"registry.d/steps/scoring.yaml": SCORING + examples, "src/scoring.py": f"import pytest\n{skipping}"}
    )
    ran = run_pytest("stepwell::core::Scoring::builds", "-rs", cwd=root)
    assert ran.exit_code == 0
    assert "no GPU" in ran.stdout


def test_a_fixture_that_is_requested_late_cannot_represent_all(project: Project, run_pytest: Pytest) -> None:
    code = "def test_one(request):\n    request.getfixturevalue('stepwell_workspace')\n"
    ran = run_pytest("--stepwell-workspace", "all", cwd=project({**TEAMS, "test_own.py": code}))
    assert ran.exit_code == 1
    assert "`all` is not a single view: request the fixture as a test argument" in ran.stdout


def test_the_settings_may_name_a_workspace_that_is_not_there(project: Project, run_pytest: Pytest) -> None:
    ran = run_pytest("stepwell", cwd=project({**TEAMS, "stepwell.toml": "[project]\nworkspace = 'benn'\n"}))
    assert ran.exit_code == 4
    assert ran.stderr.strip() == (
        "ERROR: unknown workspace: benn (did you mean `ben`?); "
        "set by the environment or the project's settings"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("stepwell", "--stepwell-workspace", "benn"), "unknown workspace: benn (did you mean `ben`?)"),
        (("stepwell::ann::Scorin",), "not found: stepwell::ann::Scorin (did you mean `Scoring`?)"),
    ],
)
def test_a_wrong_word_is_reported_once_by_many_processes(
    project: Project, run_pytest: Pytest, arguments: tuple[str, ...], message: str
) -> None:
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    ran = run_pytest("-p", "xdist", "-n", "2", *arguments, cwd=project(TEAMS))
    assert ran.exit_code == 4
    assert ran.stderr.strip() == f"ERROR: {message}"
