"""``stepwell align`` and ``check --alignment``: interfaces compared with code that is not run."""

from __future__ import annotations

import json
import runpy
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

import stepwell
from stepwell.code.alignment import align, every_finding

if TYPE_CHECKING:
    from tests.conftest import Project, RunStepwell

REPOSITORY = Path(__file__).resolve().parents[2]
STEP = "registry.d/steps/scoring.yaml"
SCRIPT = "src/scripts/scoring.py"
HEAD = "name: Scoring\nsagemaker_step_type: Processing\ndescription: Score a batch.\n"
INTERFACE = f"{HEAD}interface:\n  entry_point: scoring.py\n"


def found(root: Path) -> list[tuple[str, int, str, tuple[str, ...]]]:
    """Id, line of the definition, message and the related places of every finding."""
    registry = stepwell.open(root)
    assert registry.diagnostics == ()
    views = (registry.view(), *map(registry.view, registry.workspaces))
    aligned = align(registry.project, registry.snapshot, registry.code.index(), views)
    return [
        (
            one.id,
            one.span.line if one.span else 0,
            one.message,
            tuple(f"{other.span.path}:{other.span.line}:{other.span.column}" for other in one.related),
        )
        for one in every_finding(registry.project, aligned, judge_ignores=True)
    ]


def ids(root: Path) -> list[str]:
    return [one[0] for one in found(root)]


def script(body: str, before: str = "import os\n") -> str:
    return f"{before}\n\ndef main() -> None:\n    {body}\n"


@pytest.mark.slow
def test_a_finding_has_both_lines(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({STEP: INTERFACE, SCRIPT: script('print(os.environ["LABEL"])')})
    ran = run_stepwell("align", cwd=root)
    assert ran.exit_code == 1
    assert ran.stdout.startswith(
        "error[undeclared-environment]: script of `Scoring` reads the environment variable `LABEL`, but "
        "the interface does not declare it\n"
        "  --> registry.d/steps/scoring.yaml:4:1\n"
    )
    assert "src/scripts/scoring.py:5:22" in ran.stdout
    again = run_stepwell("check", "--alignment", "--format", "concise", cwd=root)
    assert again.exit_code == 1
    assert again.stdout.startswith("registry.d/steps/scoring.yaml:4:1: error[undeclared-environment] ")
    assert run_stepwell("check", cwd=root).exit_code == 0


@pytest.mark.parametrize(
    ("before", "body"),
    [
        ("import os\n", 'os.environ["LABEL"]'),
        ("import os as system\n", 'system.environ.get("LABEL")'),
        ("from os import environ\n", 'environ["LABEL"]'),
        ("from os import environ as variables\n", '"LABEL" in variables'),
        ("from os import getenv\n", 'getenv("LABEL", "")'),
        ("import os\nVARIABLES = os.environ\n", 'VARIABLES["LABEL"]'),
        ('import os\nNAME = "LAB" + "EL"\n', "os.environ[NAME]"),
    ],
)
def test_every_way_to_read_a_variable_is_seen(project: Project, before: str, body: str) -> None:
    assert ids(project({STEP: INTERFACE, SCRIPT: script(body, before)})) == ["undeclared-environment"]


def test_a_variable_of_a_mapping_that_main_is_given_is_seen(project: Project) -> None:
    text = 'def main(environ_vars: dict[str, str]) -> None:\n    print(environ_vars.get("LABEL", ""))\n'
    assert ids(project({STEP: INTERFACE, SCRIPT: text})) == ["undeclared-environment"]


def test_the_entry_point_states_which_script_is_selected(project: Project) -> None:
    other = f"{INTERFACE.replace('scoring.py', 'batch/other.py')}"
    root = project(
        {STEP: other, SCRIPT: script('os.environ["A"]'), "src/scripts/batch/other.py": script("1")}
    )
    assert ids(root) == []
    (root / STEP).write_text(f"{other}components: {{script: src/scripts/scoring.py}}\n", encoding="utf-8")
    assert [one[:3] for one in found(root)] == [
        (
            "missing-entry-point",
            5,
            (
                "entry point `batch/other.py` of `Scoring` does not exist: `components.script` declares "
                "src/scripts/scoring.py"
            ),
        )
    ]


@pytest.mark.parametrize(
    "name",
    ["SM_MODEL", "AWS_REGION", "PATH", "PIP_INDEX_URL", "USE_SECURE_PYPI", "https_proxy", "LOG_LEVEL"],
)
def test_common_variables_need_no_declaration(project: Project, name: str) -> None:
    root = project({STEP: INTERFACE, SCRIPT: script(f'os.environ["{name}"]')})
    assert ids(root) == []
    (root / "stepwell.toml").write_text('[alignment]\ncommon_environment = ["TEAM_*"]\n', encoding="utf-8")
    assert ids(root) == ["undeclared-environment"]
    (root / "stepwell.toml").write_text(f'[alignment]\ncommon_environment = ["{name[:3]}*"]\n')
    assert ids(root) == []


OPTIONAL = f"{INTERFACE}  env: {{optional: {{LABEL: ''}}}}\n"


@pytest.mark.parametrize(
    "body",
    [
        'if "LABEL" in os.environ: print(os.environ["LABEL"])',
        'print(os.environ["LABEL"] if os.environ.get("LABEL") else "")',
        '"LABEL" in os.environ and print(os.environ["LABEL"])',
        'if "LABEL" not in os.environ: return\n    print(os.environ["LABEL"])',
        'try: os.environ["LABEL"]\n    except KeyError: pass',
        'try: os.environ["LABEL"]\n    except Exception: print("none")',
        'os.environ.setdefault("LABEL", "x")\n    os.environ["LABEL"]',
        'os.environ.get("LABEL", "x")\n    os.environ["LABEL"]',
        'os.environ.pop("LABEL", None)',
    ],
)
def test_a_guarded_read_and_a_read_with_a_default_are_optional(project: Project, body: str) -> None:
    assert ids(project({STEP: OPTIONAL, SCRIPT: script(body)})) == []


@pytest.mark.parametrize(
    "body",
    [
        'if "LABEL" not in os.environ: raise ValueError\n    print(os.environ["LABEL"])',
        'if "OTHER" in "": print(os.environ["LABEL"])',
        'try: os.environ["LABEL"]\n    except KeyError: raise ValueError("LABEL")',
        'try: os.environ["LABEL"]\n    except ImportError: pass',
        'try: os.environ["LABEL"]\n    except Exception: sys.exit(1)',
        'os.environ.pop("LABEL")',
    ],
)
def test_a_read_that_stops_the_script_is_required(project: Project, body: str) -> None:
    assert ids(project({STEP: OPTIONAL, SCRIPT: script(body)})) == ["optional-environment"]


@pytest.mark.parametrize(
    "text",
    [
        "def main():\n    env = {}\n    print(env['LABEL'])\n",
        "def take(env):\n    env = {}\n    print(env['LABEL'])\n\n\ndef main(): take(1)\n",
        "def main(env):\n    print(env['LABEL'])\n\n\nif __name__ == '__main__':\n    main({'LABEL': 1})\n",
        "def main(env):\n    print(env['LABEL'])\n\n\nenv = {'LABEL': 1}\nmain(env)\n",
        "import os\n\n\ndef main():\n    os.environ['LABEL'] = '1'\n    print(os.environ['LABEL'])\n",
    ],
    ids=["local", "rebound parameter", "argument", "name", "set before"],
)
def test_a_mapping_that_the_script_fills_is_not_the_environment(project: Project, text: str) -> None:
    assert ids(project({STEP: INTERFACE, SCRIPT: text})) == []


@pytest.mark.parametrize(
    "body",
    [
        'print(os.environ["SM_CHANNEL_TEST"])',
        'logger.info("%s", os.environ["SM_MODEL_DIR"])',
        'read(os.environ.get("SM_CHANNEL_TEST"))',
        'read(os.environ.get("SM_MODEL_DIR", "/opt/ml/model"))',
        'if "SM_CHANNEL_TEST" in os.environ: read(os.environ["SM_CHANNEL_TEST"])',
    ],
)
def test_a_channel_that_is_printed_or_has_a_default_needs_no_input(project: Project, body: str) -> None:
    assert ids(project({STEP: INTERFACE, SCRIPT: script(body)})) == []
    needed = script('read(os.environ["SM_CHANNEL_TEST"])')
    assert ids(project({STEP: INTERFACE, SCRIPT: needed})) == ["undeclared-path"]


@pytest.mark.parametrize(
    ("body", "starts"),
    [
        ("def run(): ...\n\n\nrun()\n", True),
        ("import sys\n\n\ndef run(): ...\n\n\nsys.exit(run())\n", True),
        ("import fire\n\n\ndef run(): ...\n\n\nfire.Fire(run)\n", True),
        ("from package.cli import run\n\nrun()\n", True),
        ("import pandas\n\npandas.read_csv('x').to_csv('y')\n", True),
        ("try:\n    from fast import run\nexcept ImportError:\n    from slow import run\nrun()\n", True),
        ("def model_fn(folder): ...\n", True),
        ("def lambda_handler(event, context): ...\n", True),
        ("def run(): ...\n", False),
        ("import logging\n\n\ndef run(): ...\n\n\nlogging.basicConfig()\n", False),
        ("from warnings import filterwarnings\n\n\ndef run(): ...\n\n\nfilterwarnings('x')\n", False),
    ],
)
def test_a_call_when_the_module_runs_is_an_entry_point(project: Project, body: str, starts: bool) -> None:
    assert ids(project({STEP: INTERFACE, SCRIPT: body})) == ([] if starts else ["no-main"])


PATHS = f"{INTERFACE}  inputs:\n    DATA: {{path: /opt/ml/processing/input/data, required: false}}\n"


@pytest.mark.parametrize(
    "body",
    [
        'open("/opt/ml/processing/input/data/part_" + str(1))',
        'open("/opt/ml/processing/input/%s" % NAME)',
        'open("/opt/ml/processing/input/{}".format(NAME))',
        'open("/opt/ml/processing/%s/data" % "input")',
        'open("/opt/ml/processing/input/data/{:03d}.csv".format(1))',
        'read("/opt/ml/processing/input")',
        'BASE = "/opt/ml/processing"\n    read(BASE)',
        'path = "/opt/ml/processing"\n    path += "/input/data"\n    open(path)',
        "os.execv(sys.executable, [sys.executable, 'other.py'])",
        "subprocess.run([sys.executable, 'other.py'])",
        "subprocess.check_call(command)",
    ],
)
def test_a_path_that_is_put_together_or_used_by_another_program_is_used(project: Project, body: str) -> None:
    head = "import os, subprocess, sys\nfrom settings import NAME, command\n"
    assert ids(project({STEP: PATHS, SCRIPT: script(body, head)})) == []


@pytest.mark.parametrize(
    "body",
    [
        'open("/opt/ml/processing/input/other" + "/rows")',
        "subprocess.check_call([sys.executable, '-m', 'pip', 'install', 'pandas'])",
        "subprocess.run(['nvidia-smi'])",
    ],
)
def test_a_path_that_nothing_uses_is_unused(project: Project, body: str) -> None:
    head = "import subprocess, sys\n"
    assert "unused-path" in ids(project({STEP: PATHS, SCRIPT: script(body, head)}))


def test_the_same_problem_of_several_steps_is_one_finding(
    project: Project, run_stepwell: RunStepwell
) -> None:
    names = ("Scoring", "Rating", "Ranking")
    files = {
        f"registry.d/steps/{name.lower()}.yaml": INTERFACE.replace("Scoring", name).replace(
            "scoring", name.lower()
        )
        for name in names
    }
    files |= {f"src/scripts/{name.lower()}.py": script('os.environ["LABEL"]') for name in names}
    root = project(files)
    (message,) = found(root)
    assert message == (
        "undeclared-environment",
        4,
        (
            "script of `Ranking` reads the environment variable `LABEL`, but the interface does not declare "
            "it (and in 2 other steps)"
        ),
        (
            "src/scripts/ranking.py:5:16",
            "registry.d/steps/rating.yaml:4:1",
            "src/scripts/rating.py:5:16",
            "registry.d/steps/scoring.yaml:4:1",
            "src/scripts/scoring.py:5:16",
        ),
    )
    told = json.loads(run_stepwell("align", "--format", "json", cwd=root).stdout)
    assert told["summary"] == {"steps": 3, "aligned": 0, "errors": 1, "warnings": 0}
    assert [len(step["diagnostics"]) for step in told["steps"]] == [1, 1, 1]


def test_steps_without_an_interface_are_not_aligned(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({STEP: HEAD, "registry.d/steps/rating.yaml": HEAD.replace("Scoring", "Rating")})
    assert run_stepwell("align", cwd=root).stdout == "Nothing to align: 2 steps have no interface.\n"
    told = json.loads(run_stepwell("align", "--format", "json", cwd=root).stdout)
    assert told["workspaces"][0]["success_rate"] is None
    assert "<td>nothing to align</td>" in run_stepwell("align", "--format", "html", cwd=root).stdout
    (root / STEP).write_text(f"{HEAD}interface: {{node_type: singular}}\n", encoding="utf-8")
    assert run_stepwell("align", cwd=root).stdout.startswith("Checked ")


def test_a_variable_that_is_set_is_not_read(project: Project) -> None:
    assert ids(project({STEP: INTERFACE, SCRIPT: script('os.environ["LABEL"] = "1"')})) == []


def test_where_names_are_put_together_no_variable_is_called_unused(project: Project) -> None:
    step = f"{INTERFACE}  env: {{required: [LABEL]}}\n"
    assert ids(project({STEP: step, SCRIPT: script('os.environ["LA" + input()]')})) == []


@pytest.mark.parametrize(
    ("before", "body"),
    [
        ("import os\n", 'print(os.path.join("/opt/ml/processing/input", "rows"))'),
        ("from os.path import join\n", 'print(join("/opt/ml/processing/input", "rows"))'),
        ("from pathlib import Path\n", 'print(Path("/opt/ml/processing") / "input" / "rows")'),
        ('ROOT = "/opt/ml/processing/input"\n', 'print(f"{ROOT}/rows")'),
    ],
)
def test_every_way_to_name_a_path_is_seen(project: Project, before: str, body: str) -> None:
    told = found(project({STEP: INTERFACE, SCRIPT: script(body, before)}))
    assert {one[0] for one in told} == {"undeclared-path"}
    assert any("`/opt/ml/processing/input/rows`" in one[2] for one in told)


def test_writing_into_an_input_is_reported(project: Project) -> None:
    step = f"{INTERFACE}  inputs:\n    DATA: {{path: /opt/ml/processing/input}}\n"
    told = found(project({STEP: step, SCRIPT: script('open("/opt/ml/processing/input/rows", "w")')}))
    assert [(one[0], one[1]) for one in told] == [("undeclared-path", 4)]
    assert (
        "writes `/opt/ml/processing/input/rows`, but the interface does not declare it as an output"
        in told[0][2]
    )


def test_flags_with_dashes_and_underscores_are_one(project: Project) -> None:
    step = f"{INTERFACE}  job_arguments:\n  - {{flag: --job_type, source: job_type}}\n"
    text = script('argparse.ArgumentParser().add_argument("-j", "--job-type")', "import argparse\n")
    assert ids(project({STEP: step, SCRIPT: text})) == []
    assert ids(project({STEP: step, SCRIPT: script("pass")})) == ["missing-argument"]


@pytest.mark.parametrize(
    ("before", "body"),
    [
        ("import sys\n", "print(sys.argv[1])"),
        ("from sys import argv as words\n", "print(words)"),
        ("from common import make_parser\n", "asked = make_parser().parse_args()"),
        ("from common import parser\n", "asked = parser.parse_args()"),
        (
            "import argparse\nfrom common import more\n",
            "argparse.ArgumentParser(parents=[more]).parse_args()",
        ),
        (
            "import argparse\nfrom common import add\nparser = argparse.ArgumentParser()\n",
            "add(parser)\n    parser.parse_args()",
        ),
        ("import typer\n", "typer.run(print)"),
    ],
    ids=[
        "sys.argv",
        "argv",
        "parser made elsewhere",
        "parser from elsewhere",
        "parents",
        "handed on",
        "typer",
    ],
)
def test_where_arguments_are_taken_by_other_code_none_is_called_missing(
    project: Project, before: str, body: str
) -> None:
    step = f"{INTERFACE}  arguments: {{job_type: {{required: true}}}}\n"
    assert ids(project({STEP: step, SCRIPT: script(body, before)})) == []


@pytest.mark.parametrize(
    ("before", "body"),
    [
        ("import argparse\n", "argparse.ArgumentParser().parse_args()"),
        (
            "import argparse, sys\n",
            "p = argparse.ArgumentParser()\n    p.add_argument('--x_y')\n    p.parse_args(sys.argv[1:])",
        ),
        (
            "import argparse\ndef add(parser):\n    parser.add_argument('--x_y')\n",
            "p = argparse.ArgumentParser()\n    add(p)\n    p.parse_args()",
        ),
    ],
    ids=["none", "sys.argv parsed here", "handed to a function here"],
)
def test_where_all_arguments_are_seen_one_is_called_missing(project: Project, before: str, body: str) -> None:
    step = f"{INTERFACE}  arguments: {{job_type: {{}}, x_y: {{}}}}\n"
    assert "missing-argument" in ids(project({STEP: step, SCRIPT: script(body, before)}))


@pytest.mark.parametrize(
    ("before", "body"),
    [
        ("import os\n", "print(dict(os.environ))"),
        ("import os\n", "print({**os.environ})"),
        ("import os\n", "print([name for name in os.environ])"),
        ("from os import environ\n", "print(environ.copy())"),
        ("import os\nALL = os.environ\n", "print(ALL)"),
        ("from pydantic_settings import BaseSettings\n", "print(BaseSettings())"),
    ],
)
def test_where_the_whole_environment_is_read_no_variable_is_called_unused(
    project: Project, before: str, body: str
) -> None:
    step = f"{INTERFACE}  env: {{required: [LABEL]}}\n"
    assert ids(project({STEP: step, SCRIPT: script(body, before)})) == []


@pytest.mark.parametrize(
    ("before", "body"),
    [
        ("import os\n", 'os.environ["X"] = "1"'),
        ("import os\n", 'os.environ.update({"X": "1"})'),
        ("import os\nALL = os.environ\n", 'ALL["X"] = "1"'),
        ("import os\ndef run(env):\n    env['PATH']\n", "run(os.environ)"),
    ],
)
def test_where_all_variables_are_seen_one_is_called_unused(project: Project, before: str, body: str) -> None:
    step = f"{INTERFACE}  env: {{required: [LABEL]}}\n"
    assert ids(project({STEP: step, SCRIPT: script(body, before)})) == ["unused-environment"]


def test_click_options_are_arguments(project: Project) -> None:
    text = 'import click\n\n\n@click.option("--rows")\ndef main(rows: str) -> None:\n    print(rows)\n'
    assert ids(project({STEP: INTERFACE, SCRIPT: text})) == ["undeclared-argument"]


@pytest.mark.parametrize("text", ["def main(:\n", "x = " + "(" * 300 + ")" * 300 + "\n", "\0"])
def test_a_script_that_cannot_be_parsed_is_reported_at_the_entry_point(project: Project, text: str) -> None:
    told = found(project({STEP: INTERFACE, SCRIPT: text}))
    assert [(one[0], one[1]) for one in told] == [("missing-entry-point", 5)]


def test_hostile_texts_in_a_script_are_survived(project: Project) -> None:
    deep = " + ".join(['"a"'] * 500)
    text = f"\ufeffA = A\r\nB = A + B\r\n\r\ndef main():\r\n    open({deep})\r\n    print(B)\r\n"
    assert ids(project({STEP: INTERFACE, SCRIPT: text})) == []


def test_a_job_type_an_alias_and_a_generic_word_are_sources(project: Project) -> None:
    names = "[Loading-Training, Loading_testing, OldLoading, AnyLoad]"
    files = {
        "stepwell.toml": '[alignment]\ngeneric_sources = ["AnyLoad"]\n'
        '[naming]\njob_type_suffixes = ["training", "testing"]\n',
        STEP: f"{HEAD}interface:\n  inputs:\n    DATA: {{compatible_sources: {names}}}\n",
        "registry.d/steps/loading.yaml": "name: Loading\ndescription: Load.\naliases: [OldLoading]\n",
    }
    assert ids(project(files)) == []


def test_a_required_input_without_any_known_source_is_an_error(project: Project) -> None:
    step = f"{HEAD}interface:\n  inputs:\n    DATA: {{compatible_sources: [Scorng]}}\n"
    told = found(project({STEP: step}))
    assert [one[0] for one in told] == ["no-compatible-source", "unknown-source"]
    assert [one[1] for one in told] == [6, 6]


def test_attributes_of_bases_in_other_files_and_of_pydantic_count(project: Project) -> None:
    files = {
        STEP: HEAD,
        "src/bases.py": "from pydantic import BaseModel\n\n\nclass Shared(BaseModel):\n    region: str = ''\n",  # noqa: E501
        "src/scoring.py": "from bases import Shared\n\n\nclass ScoringConfig(Shared):\n    rows: int = 1\n\n\n"  # noqa: E501
        "class ScoringStepBuilder:\n    def make(self):\n        return self.config.region, "
        "self.config.rows, self.config.model_dump(), self.config.colums\n",
    }
    told = found(project(files))
    assert [(one[0], one[1]) for one in told] == [("missing-config-attribute", 1)]
    assert told[0][3] == ("src/scoring.py:10:80", "src/scoring.py:4:7")


def test_a_base_out_of_sight_makes_nothing_missing(project: Project) -> None:
    text = (
        "from elsewhere import Base\n\n\nclass ScoringConfig(Base):\n    pass\n\n\n"
        "class ScoringStepBuilder(Base):\n    def make(self):\n        return self.config.anything\n"
    )
    toml = "[alignment.builder_methods]\nall = ['create_step']\n"
    assert ids(project({"stepwell.toml": toml, STEP: HEAD, "src/scoring.py": text})) == []


CODE = """\
{before}

{decorator}
class ScoringConfig{base}:
    known: int = 1
    {held}


class Above:
    def __init__(self, config):
        self.config = config

    def above(self):
        return self.config.known


class ScoringStepBuilder(Above):
    {reads}
"""


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ({"reads": "def go(self): return self.config.lost"}, ["lost"]),
        ({"reads": "def go(self, config): return config.lost"}, ["lost"]),
        ({"reads": "def go(self):\n        short = self.config\n        return short.lost"}, ["lost"]),
        ({"reads": "def go(self):\n        it = self.config\n        it = {}\n        return it.keys"}, []),
        ({"reads": "def go(self): return hasattr(self.config, 'lost') and self.config.lost"}, []),
        ({"reads": "def go(self): return getattr(self.config, 'lost', 1)"}, []),
        (
            {"reads": "def go(self):\n        try: self.config.lost\n        except AttributeError: pass"},
            [],
        ),
        (
            {"reads": "def go(self):\n        try: self.config.lost\n        except KeyError: pass"},
            ["lost"],
        ),
        ({"reads": "def go(self): return self.config.__dict__, self.config.__class__"}, []),
        ({"held": "def __init__(self, **given): self.__dict__.update(given)"}, []),
        (
            {
                "before": "from pydantic import BaseModel",
                "base": "(BaseModel)",
                "held": "class Config:\n        extra = 'allow'",
            },
            ["lost"],
        ),
        ({"held": "def __init__(self, given): setattr(self, given, 1)"}, []),
        ({"decorator": "@made_elsewhere", "before": "from there import made_elsewhere"}, []),
        ({"decorator": "@dataclass(frozen=True)", "before": "from dataclasses import dataclass"}, ["lost"]),
        ({"held": "__slots__ = ('lost', 'b')"}, []),
        ({"held": "__slots__ = ('a', 'b')"}, ["lost"]),
        (
            {
                "before": "from typing import NamedTuple",
                "base": "(NamedTuple)",
                "reads": "def go(self): return self.config._asdict(), self.config.lost",
            },
            ["lost"],
        ),
        (
            {
                "before": "from pydantic import BaseModel",
                "base": "(BaseModel)",
                "reads": "def go(self): return self.config.model_post_init, self.config.lost",
            },
            ["lost"],
        ),
    ],
)
def test_only_an_attribute_that_is_read_and_never_there_is_missing(
    project: Project, said: dict[str, str], read: list[str]
) -> None:
    plain = {"before": "", "decorator": "", "base": "", "held": "", "reads": "def go(self): self.config.lost"}
    root = project({STEP: HEAD, "src/scoring.py": CODE.format(**{**plain, **said})})
    told = found(root)
    assert [one[0] for one in told] == ["missing-config-attribute"] * len(read)
    assert all(f"reads `{name}` from" in one[2] for name, one in zip(read, told, strict=True))


def test_what_an_inherited_method_reads_counts_unless_it_is_overridden(project: Project) -> None:
    above = "class Above:\n    def above(self):\n        return self.config.of_above\n"
    builder = "from above import Above\n\nclass ScoringConfig: ...\n\nclass ScoringStepBuilder(Above):\n"
    root = project({STEP: HEAD, "src/above.py": above, "src/scoring.py": f"{builder}    ...\n"})
    assert [(one[0], one[3]) for one in found(root)] == [
        ("missing-config-attribute", ("src/above.py:3:16", "src/scoring.py:3:7"))
    ]
    (root / "src/scoring.py").write_text(f"{builder}    def above(self): ...\n", encoding="utf-8")
    assert ids(root) == []


def test_a_builder_without_the_declared_base_is_reported_once_by_both_checks(
    project: Project, run_stepwell: RunStepwell
) -> None:
    code = "class Base: ...\nclass ScoringConfig: ...\nclass ScoringStepBuilder: ...\n"
    asked = '[references]\nbuilder_base = "Base"\n'
    root = project({"stepwell.toml": asked, STEP: HEAD, "src/scoring.py": code})
    said = "builder `ScoringStepBuilder` (by convention the builder of `Scoring`) does not derive from `Base`"
    assert [one[:3] for one in found(root)] == [("builder-base", 1, said)]
    both = run_stepwell("check", "--references", "--alignment", "--format", "concise", cwd=root)
    assert both.stdout == f"registry.d/steps/scoring.yaml:1:7: error[builder-base] {said}\n"
    (root / STEP).write_text(
        f"{HEAD}components:\n  # stepwell: ignore[builder-base] it is a double\n"
        "  builder: src/scoring.py:ScoringStepBuilder\n",
        encoding="utf-8",
    )
    for options in (("--references",), ("--alignment",), ("--references", "--alignment")):
        assert run_stepwell("check", *options, "--format", "concise", cwd=root).stdout == ""
    external = f'{asked}external = ["*StepBuilder"]\n'
    (root / "stepwell.toml").write_text(external, encoding="utf-8")
    (root / STEP).write_text(HEAD, encoding="utf-8")
    assert ids(root) == []


def test_methods_are_requested_by_type(project: Project) -> None:
    toml = "[alignment.builder_methods]\nall = ['create_step']\nProcessing = ['make_processor']\nTraining = ['fit']\n"  # noqa: E501
    text = "class ScoringConfig:\n    pass\n\n\nclass ScoringStepBuilder:\n    def create_step(self): ...\n"
    told = found(project({"stepwell.toml": toml, STEP: HEAD, "src/scoring.py": text}))
    assert [one[2] for one in told] == [
        "builder `ScoringStepBuilder` of `Scoring` has no method `make_processor`"
    ]


def test_a_comment_hides_a_finding_and_one_that_hides_nothing_is_reported(project: Project) -> None:
    hidden = INTERFACE.replace("interface:", "interface:  # stepwell: ignore[undeclared-environment] by hand")
    root = project({STEP: hidden, SCRIPT: script('os.environ["LABEL"]')})
    assert ids(root) == []
    (root / SCRIPT).write_text(script("pass"))
    assert ids(root) == ["unused-ignore"]


def test_an_override_patches_one_input_and_removes_another(project: Project) -> None:
    root = project(
        {
            STEP: f"{HEAD}interface:\n  inputs:\n    A: {{path: /opt/ml/a}}\n    B: {{path: /opt/ml/b}}\n",
            "workspaces/alice/override/steps/scoring.yaml": "name: Scoring\ninterface:\n  inputs:\n"
            "    A: {required: false}\n    B: null\n",
        }
    )
    registry = stepwell.open(root)
    assert registry.diagnostics == ()
    interface = registry.view("alice")["Scoring"].interface
    assert interface is not None
    assert dict(interface["inputs"]) == {"A": {"path": "/opt/ml/a", "required": False}}
    assert registry.view()["Scoring"].digest != registry.view("alice")["Scoring"].digest


def test_json_fits_its_schema_and_counts_views_and_levels(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project({STEP: INTERFACE, SCRIPT: script('os.environ["LABEL"]')})
    told = json.loads(run_stepwell("align", "--format", "json", cwd=root).stdout)
    schema = json.loads((REPOSITORY / "schemas/output-align.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(told)
    for example in schema["examples"]:
        Draft202012Validator(schema).validate(example)
    assert told["summary"] == {"steps": 1, "aligned": 0, "errors": 1, "warnings": 0}
    assert [one["level"] for one in told["steps"][0]["levels"]] == [1, 2, 3, 4]
    fewer = json.loads(run_stepwell("align", "--level", "2,3", "--format", "json", cwd=root).stdout)
    assert fewer["summary"] == {"steps": 1, "aligned": 1, "errors": 0, "warnings": 0}


def test_the_page_shows_hostile_texts_as_texts(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({STEP: INTERFACE, SCRIPT: script('os.environ["<script>alert(1)</script>"]')})
    ran = run_stepwell("align", "--format", "html", "-o", "out/report.html", cwd=root)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (1, "", "wrote out/report.html\n")
    page = (root / "out/report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<code>&lt;script&gt;alert(1)&lt;/script&gt;</code>" in page


class Page(HTMLParser):
    """Links and content of a page, and the tags that are not closed."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: set[str] = set()
        self.ids: list[str] = []
        self.cells: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.links |= {str(said["href"])} if "href" in said else set()
        self.ids += [str(said["id"])] if "id" in said else []
        self.cells += [[]] if tag == "tr" else []
        if tag in ("th", "td"):
            self.cells[-1].append("")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "th" in self.open or "td" in self.open:
            self.cells[-1][-1] += data


def test_the_page_has_the_status_of_each_step_as_text(project: Project, run_stepwell: RunStepwell) -> None:
    code = "class ScoringConfig: ...\nclass ScoringStepBuilder:\n    def go(self): self.config.lost\n"
    files = {
        STEP: HEAD,
        "src/scoring.py": code,
        "registry.d/steps/plain.yaml": "name: Plain\ndescription: Nothing.\n",
        "workspaces/alice/local/steps/mine.yaml": "name: Mine\ndescription: Mine.\ninterface:\n"
        "  node_type: internal\n  inputs: {A: {}, B: {compatible_sources: [No, Nor]}}\n",
    }
    root = project(files)
    text = run_stepwell("align", "--format", "html", cwd=root).stdout
    page = Page(text)
    assert page.open == []
    assert page.cells[1:3] == [["core", "2", "1 (50 %)"], ["alice", "1", "0 (0 %)"]]
    assert page.cells[4:] == [
        ["Plain", "core", "nothing to compare it with", "none", "none", "none", "none", "none"],
        ["Scoring", "core", "not aligned", "none", "none", "none", "1 error", "none"],
        ["Mine", "alice", "not aligned", "none", "1 warning", "1 error, 2 warnings", "none", "none"],
    ]
    assert sorted(page.links) == sorted(f"#{one}" for one in page.ids) == ["#-Scoring", "#alice-Mine"]
    assert "<p>1 of 3 steps is aligned: 2 errors, 3 warnings.</p>" in text
    fewer = Page(run_stepwell("align", "--level", "2", "--format", "html", cwd=root).stdout)
    assert fewer.cells[3] == ["Step", "View", "Result", "Level 2", "Script"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--level", "5"), "error: unknown level `5` (must be one of 1, 2, 3, 4)\n"),
        (("Scorng",), "error: no step `Scorng` in the core (did you mean `Scoring`?)\n"),
    ],
)
def test_a_wrong_word_ends_with_two(
    project: Project, run_stepwell: RunStepwell, arguments: tuple[str, ...], told: str
) -> None:
    ran = run_stepwell("align", *arguments, cwd=project({STEP: HEAD}))
    assert (ran.exit_code, ran.stdout, ran.stderr) == (2, "", told)


@pytest.mark.slow
def test_the_interfaces_of_this_repository_agree_with_its_scripts() -> None:
    registry = stepwell.open(REPOSITORY)
    views = (registry.view(), *map(registry.view, registry.workspaces))
    aligned = align(registry.project, registry.snapshot, registry.code.index(), views)
    assert every_finding(registry.project, aligned, judge_ignores=True) == ()
    of_core = {f"step_code/scripts/{one.name}" for one in (REPOSITORY / "step_code/scripts").glob("*.py")}
    assert len(of_core) == 9
    assert {one.script for one in aligned if one.script} == {
        *of_core,
        "workspaces/alice/src/scripts/financial_data_preprocessing.py",
        "workspaces/alice/src/scripts/tabular_preprocessing.py",
        "workspaces/bob/src/scripts/model_evaluation.py",
        "workspaces/carol/src/scripts/package.py",
    }


def test_the_example_scripts_run(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.csv").write_text("x,label\n" + "".join(f"{number},1\n" for number in range(10)))
    of_alice = runpy.run_path(str(REPOSITORY / "workspaces/alice/src/scripts/tabular_preprocessing.py"))
    written = of_alice["main"]({"DATA": str(data)}, {"processed_data": str(tmp_path / "out")}, {}, "training")
    assert sum(written.values()) == 10
    assert (tmp_path / "out/train/data.csv").read_text().startswith("x,label\n0,1\n")
    (data / "a.csv").write_text("score,label\n0.9,1\n0.2,1\n")
    of_bob = runpy.run_path(str(REPOSITORY / "workspaces/bob/src/scripts/model_evaluation.py"))
    metrics = of_bob["main"]({"predictions": str(data)}, {"metrics": str(tmp_path / "m")}, {})
    assert metrics == {"rows": 2.0, "accuracy": 0.5}
    of_carol = runpy.run_path(str(REPOSITORY / "workspaces/carol/src/scripts/package.py"))
    packed = of_carol["main"]({"model_input": str(data)}, {"packaged_model": str(tmp_path / "p")})
    assert packed == ["a.csv"]
    assert (tmp_path / "p/model.tar.gz").stat().st_size > 0
