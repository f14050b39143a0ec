"""Every mistake is reported in the first run, and nothing else is."""

from __future__ import annotations

import random
import re
import sys
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

import stepwell

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
from planted import KINDS, count, plant, project_of

pytestmark = pytest.mark.slow


def test_every_mistake_is_reported_in_the_first_run(project: Callable[..., Path]) -> None:
    rng = random.Random(20_241)  # noqa: S311 - a fixed seed
    files = [plant(number, rng) for number in range(200)]
    counted = count(files, stepwell.open(project(project_of(files))).diagnostics)
    assert len(KINDS) == 12
    assert counted.planted > 800
    assert counted.share >= 0.995, counted.missed[:5]
    assert counted.secondary_per_file <= 0.1, counted.surplus[:5]


HEADS = {
    "registry.d/steps/scoring.yaml": "name: Scoring\ndescription: Score a batch.\n",
    "registry.d/hyperparameters/forest.yaml": "name: Forest\ndescription: A forest.\nmodule_path: a.b\n",
    "registry.d/pipelines/nightly.yaml": "name: Nightly\ndescription: Score.\nsteps:\n"
    "  - {id: first, step: Taken}\n",
    "workspaces/alice/workspace.yaml": "description: A workspace.\n",
    "workspaces/alice/override/steps/taken.yaml": "name: Taken\nx-note: changed\n",
    "stepwell.toml": "",
}
LINES = {
    "registry.d/steps/scoring.yaml": """\
        descripton: Twice.
        framewrok: xgbost
        sagemaker_step_type: Trainin
        aliases: [Taken, Taken, 3]
        deprecated: {since: "1.0", replaced_by: Nowhere}
        priority: 5000
        timeout: -1
        retry: {on: [timout]}
        capabilities: text
        interface: {inputs: {rows: {type: x, requird: "yes"}}}
        parameters: {type: strin, required: a}
        implementation: a.b
        compatible_with: [1]
        x-number: .nan
        x-tagged: !foo a
        x-keys: {1: a}
        x-twice: {a: 1, a: 2}
        unknown: 1
        <<: {unknown_too: 1}""",
    "registry.d/hyperparameters/forest.yaml": """\
        descripton: Twice.
        model_tpye: 3
        aliases: text
        unknown: 1
        x-number: .inf
        deprecated: {since: 1.0}""",
    "registry.d/pipelines/nightly.yaml": """\
          - {id: a, step: Nope}
          - {id: b, step: Taken, foo: 1}
          - {id: c, step: Taken, depends_on: [nope]}
          - {id: d, step: Taken, inputs: {q: first.out}}
          - {id: e, step: Taken, inputs: {rows: first.nope}}
          - {id: f, step: Taken, inputs: {rows: nope.out}}
          - {id: g, step: Taken, config: {mode: "${nope}"}}
          - {id: 3, step: Taken}
          - {step: Taken}
          - {id: h}
          - {id: first, step: Taken}
          - {id: i, step: Taken, workspace: bob}
          - {id: j, stp: Taken}
          - {id: "a b", step: Taken}
          - 3""",
    "workspaces/alice/workspace.yaml": """\
        devloper_id: bob
        version: 3
        dependencies: x
        preferred_frameworks: [xgbost]
        conflict_tolerance: 3
        unknown: 1""",
    "workspaces/alice/override/steps/taken.yaml": """\
        framework: xgbost
        priority: 5000
        descripton: Twice.
        interface: {inputs: {rows: {type: 3}}}
        parameters: {type: strin}
        retry: {attempts: 0}
        unknown: 1""",
    "stepwell.toml": """\
        nmae = 1
        project.workspace = "bob"
        paths.coer = "x"
        vocabulary.capabilities = 3
        rules.missing-input = "wrn"
        rules.unknown-feld = "off"
        rules.duplicate-key = "off"
        components.source = "x"
        templates.path = "nowhere"
        watch.poll = -1
        naming.step_name = "camle"
        execution.provider_strategy = 3""",
}
"""Path to lines with one or more mistakes each, which follow the head of the file."""


@pytest.mark.parametrize("path", LINES)
def test_no_mistake_hides_another(project: Callable[..., Path], path: str) -> None:
    def reported(lines: Iterable[str]) -> set[tuple[str, str]]:
        files = {
            "stepwell.toml": '[vocabulary]\nframeworks = ["xgboost"]\nsagemaker_step_types = ["Training"]\n',
            "registry.d/steps/taken.yaml": "name: Taken\ndescription: Hold a name.\ninterface:\n"
            "  inputs: {rows: {type: table}}\n  outputs: {out: {type: table}}\n",
            path: HEADS[path] + "".join(f"{line}\n" for line in lines),
        }
        findings = stepwell.open(project(files)).diagnostics
        return {(item.id, re.sub(r"steps\[\d+\]|unnamed_\d+", "steps[]", item.message)) for item in findings}

    indent = "  " if "pipelines" in path else ""
    lines = textwrap.indent(textwrap.dedent(LINES[path]), indent).splitlines()
    alone = {line: reported([line]) for line in lines}
    assert all(alone.values())
    rng = random.Random(31)  # noqa: S311 - a fixed seed
    for _ in range(60):
        chosen = rng.sample(lines, 3)
        assert reported(chosen) == set().union(*(alone[line] for line in chosen)), chosen
