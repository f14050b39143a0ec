"""``stepwell fmt``: uniform files that keep their comments and their meaning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stepwell.write.edit.format import formatted

if TYPE_CHECKING:
    from tests.conftest import Project, RunStepwell

UNTIDY = """\
# yaml-language-server: $schema=x

framework:    'xgboost'   # why
# About the name.
name : Trees
description:   >
      Long
      text.


aliases:
   - A  # first
   # before B
   - B
environment_tags:
- gpu
interface: {inputs: {  a: {path: /a ,type: t} } }   \
"""
TIDY = """\
# yaml-language-server: $schema=x

# About the name.
name: Trees
description: >
  Long
  text.
framework: 'xgboost'  # why
interface: {inputs: {a: {path: /a, type: t}}}
environment_tags: [gpu]

aliases:
  - A  # first
  # before B
  - B
"""


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("a.yaml", UNTIDY, TIDY),
        ("a.yaml", "name: A\r\ntags:   x\r\n\r\n\r\n", "name: A\r\ntags: x\r\n"),
        ("a.yaml", "\ufeffname:  A", "\ufeffname: A\n"),
        ("a.yaml", "x-a:\n- - 1\n  - 2\nname:  A\n", "name: A\nx-a:\n  - [1, 2]\n"),
        ("a.yaml", "x-a: |\n\n      a\n        b\n\n\nname: A\n", "name: A\nx-a: |\n\n  a\n    b\n"),
        ("a.yaml", "# only a comment\n", "# only a comment\n"),
        ("a.yaml", "{name:  A}\n", "{name:  A}\n"),
        ("a.yaml", "name: A\nx-a: &a\n    b: 1\nx-c: *a\n", "name: A\nx-a: &a\n  b: 1\nx-c: *a\n"),
        ("a.yaml", "x-a:\n   b: 1\n   # end of a\nname: A", "name: A\nx-a:\n  b: 1\n  # end of a\n"),
        (
            "a.toml",
            '#:schema x\nframework="x"# y\n# N.\nname  = "A"\ntags=["a"]\n[x]\nc={d=1}\n',
            '#:schema x\n# N.\nname = "A"\nframework = "x"  # y\ntags = ["a"]\n\n[x]\nc = { d = 1 }\n',
        ),
        ("a.toml", 'name = """\nA  \n"""\n', 'name = """\nA  \n"""\n'),
        (
            "a.toml",
            "a = [\n  1, # one\n]\n\n\n# of x\n[x]\n[deprecated]\nsince='1'\n",
            "a = [\n  1,  # one\n]\n\n[deprecated]\nsince = '1'\n\n# of x\n[x]\n",
        ),
    ],
)
def test_a_file_is_formatted_once(path: str, before: str, after: str) -> None:
    result = formatted(path, before.encode(), "step")
    assert result.decode() == after
    assert formatted(path, result, "step") == result


@pytest.mark.parametrize(
    ("path", "target", "after"),
    [
        ("registry.d/steps/a.yaml", "../schemas/step.schema.json", "../../schemas/step.schema.json"),
        (
            "registry.d/steps/new/a.yaml",
            "../../schemas/step.schema.json",
            "../../../schemas/step.schema.json",
        ),
        ("registry.d/steps/a.yaml", "../../schemas/pipeline.schema.json", "../../schemas/step.schema.json"),
        ("registry.d/steps/a.yaml", "../../schemas/step.schema.json", "../../schemas/step.schema.json"),
        ("registry.d/steps/a.yaml", "../../own/step.schema.json", "../../own/step.schema.json"),
        ("registry.d/steps/a.yaml", "https://x.dev/step.json", "https://x.dev/step.json"),
        ("registry.d/pipelines/a.yaml", "../none.json", "../none.json"),  # the project has no such schema
    ],
)
def test_a_comment_for_editors_refers_to_the_schema(
    project: Project, run_stepwell: RunStepwell, path: str, target: str, after: str
) -> None:
    text = "# yaml-language-server: $schema={}\nname: A\ndescription: A.\n"
    schemas = ("schemas/step.schema.json", "schemas/pipeline.schema.json", "own/step.schema.json")
    present = schemas[:1] + schemas[2:] if "/pipelines/" in path else schemas
    root = project({path: text.format(target), **dict.fromkeys(present, "{}")})
    run_stepwell("fmt", cwd=root)
    assert (root / path).read_text() == text.format(after)


def test_the_files_of_a_project_are_formatted(project: Project, run_stepwell: RunStepwell) -> None:
    root: Path = project(
        {
            "registry.d/steps/trees.yaml": UNTIDY,
            "registry.d/steps/good.yaml": "name: Good\ndescription: Good.\n",
            "registry.d/steps/broken.yaml": "name: [\n",
            "workspaces/alice/workspace.yaml": "version:   '1.0'\n",
            "registry.d/notes.txt": "name:   x\n",
        }
    )
    ran = run_stepwell("fmt", "--check", cwd=root)
    assert ran.exit_code == 1
    assert ran.stdout == (
        "not formatted: registry.d/steps/trees.yaml\n"
        "not formatted: workspaces/alice/workspace.yaml\n1 file already formatted\n"
    )
    assert ran.stderr.startswith("cannot format registry.d/steps/broken.yaml:2: not valid YAML")
    assert (root / "registry.d/steps/trees.yaml").read_text() == UNTIDY
    ran = run_stepwell("fmt", "registry.d/steps/trees.yaml", cwd=root)
    assert (ran.exit_code, ran.stdout) == (
        0,
        "formatted registry.d/steps/trees.yaml\n0 files already formatted\n",
    )
    assert (root / "registry.d/steps/trees.yaml").read_text() == TIDY
    record = json.loads(run_stepwell("fmt", "--diff", "--json", cwd=root).stdout)
    assert [file["path"] for file in record["files"]] == ["workspaces/alice/workspace.yaml"]
    assert record["written"] is False
    assert run_stepwell("fmt", "registry.d/steps/none.yaml", cwd=root).exit_code == 2


@pytest.mark.parametrize("template", ["minimal", "standard", "advanced"])
def test_new_files_are_formatted(project: Project, run_stepwell: RunStepwell, template: str) -> None:
    root = project({"registry.d/steps/trees.yaml": "name: Trees\ndescription: Train.\n"})
    assert run_stepwell("workspace", "new", "dana", "--template", template, cwd=root).exit_code == 0
    assert run_stepwell("new", "RowFilter", "--code", "--set", "priority=3", cwd=root).exit_code == 0
    assert run_stepwell("new", "Scoring", "--set", "environment_tags=gpu,cpu", cwd=root).exit_code == 0
    assert run_stepwell("override", "Trees", "-w", "dana", "--set", "priority=3", cwd=root).exit_code == 0
    assert run_stepwell("fmt", "--check", cwd=root).stdout.endswith(" files already formatted\n")
    assert run_stepwell("fmt", "--check", cwd=root).exit_code == 0
