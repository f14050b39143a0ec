"""``stepwell compat`` lists steps that run old code or do not fit the interface."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from stepwell.model.schema import contents

Project = Callable[[Mapping[str, str | bytes]], Path]
RunStepwell = Callable[..., Any]

FILES = {
    "stepwell.toml": (
        '[execution.fallbacks]\nclaude_smart = "json:dumps"\n'
        'Summarize = "json:loads"\nold = "nowhere.at:all"\n'
    ),
    "registry.d/steps/summarize.yaml": "name: Summarize\ndescription: Less.\nimplementation: json:loads\n",
    "registry.d/steps/later.yaml": 'name: Later\ndescription: Wait.\nsince: "2.0"\n',
    "workspaces/alice/override/steps/later.yaml": "name: Later\nsince: null\ncompatible_with: '>=2,<3'\n",
    "workspaces/alice/local/steps/old.yaml": "name: old\ndescription: New.\nimplementation: json:dumps\n",
}


def test_what_is_left_to_do_is_reported(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    ran = run_stepwell("compat", cwd=root)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == (
        "Summarize: provided by registry.d/steps/summarize.yaml:1; remove the fallback at stepwell.toml:3\n"
        "\n"
        "claude_smart: uses the fallback json:dumps declared at stepwell.toml:2\n"
        "  to migrate, write registry.d/steps/claude_smart.yaml:\n"
        "    # yaml-language-server: $schema=../../schemas/step.schema.json\n"
        "    name: claude_smart\n"
        "    description: The step type claude_smart.\n"
        "    implementation: json:dumps\n"
        "\n"
        "old: uses the fallback nowhere.at:all declared at stepwell.toml:4\n"
        "  not importable: module `nowhere` is not installed\n"
        "  to migrate, write registry.d/steps/old.yaml:\n"
        "    # yaml-language-server: $schema=../../schemas/step.schema.json\n"
        "    name: old\n"
        "    description: The step type old.\n"
        "    implementation: nowhere.at:all\n"
        "\n"
        "Later: requires step interface 2.0 or later, got 1.0\n"
        "  --> registry.d/steps/later.yaml:1\n"
        "\n"
        "In the core: 2 steps use fallbacks; 1 fallback is unnecessary; 1 step is "
        "incompatible with interface 1.0.\n"
    )
    assert run_stepwell("compat", "--exit-code", cwd=root).exit_code == 1


def test_each_workspace_has_its_own(project: Project, run_stepwell: RunStepwell) -> None:
    root = project(FILES)
    ran = run_stepwell("compat", "-w", "alice", "--format", "json", cwd=root / "registry.d")
    told = json.loads(ran.stdout)
    assert ran.exit_code == 0
    assert list(Draft202012Validator(contents("output-compat")).iter_errors(told)) == []
    assert [(one["step"], one["served_by"], one["fault"]) for one in told["fallbacks"]] == [
        ("Summarize", "registry.d/steps/summarize.yaml:1", None),
        ("claude_smart", None, None),
        ("old", "workspaces/alice/local/steps/old.yaml:1", None),
    ]
    assert told["mismatches"] == [
        {
            "step": "Later",
            "place": "workspaces/alice/override/steps/later.yaml:1",
            "reason": "requires step interface >=2,<3, got 1.0",
        }
    ]


def test_a_migration_is_a_definition_that_makes_the_fallback_needless(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project(FILES)
    told = json.loads(run_stepwell("compat", "--format", "json", cwd=root).stdout)
    for one in told["fallbacks"]:
        if one["migration"]:
            (root / one["migration"]["file"]).write_text(one["migration"]["text"], encoding="utf-8")
    assert run_stepwell("check", cwd=root).exit_code == 0
    after = json.loads(run_stepwell("compat", "--format", "json", cwd=root).stdout)
    assert [one["migration"] for one in after["fallbacks"]] == [None, None, None]


def test_nothing_is_left_to_do(project: Project, run_stepwell: RunStepwell) -> None:
    root = project({})
    ran = run_stepwell("compat", "--exit-code", cwd=root)
    assert (ran.exit_code, ran.stdout) == (
        0,
        "In the core: no fallbacks, and every step is compatible with interface 1.0.\n",
    )
    assert run_stepwell("compat", "-q", cwd=root).stdout == ""


@pytest.mark.parametrize("example", contents("output-compat")["examples"])
def test_the_schema_shows_examples_that_fit(example: Any) -> None:
    assert list(Draft202012Validator(contents("output-compat")).iter_errors(example)) == []
