"""Old pipelines become definitions: graphs of nodes and edges, and configurations across workspaces."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import stepwell
from stepwell.frontends import cli
from stepwell.source.document import thaw

Project = Callable[[Mapping[str, "str | bytes"]], Path]

STEPS = {
    f"registry.d/steps/{stem}.yaml": f"name: {name}\ndescription: It does something.\n"
    for stem, name in (("loading", "Loading"), ("fitting", "Fitting"), ("scoring", "Scoring"))
}
DAG = """\
{
  "dag": {
    "description": "Load, fit and score.",
    "nodes": ["Loading_training", "Fitting", "Fitting", "Scoring_testing"],
    "edges": [
      ["Loading_training", "Fitting"],
      ["Fitting", "Scoring_testing"],
      ["Fitting", "Nothing"]
    ]
  },
  "metadata": {"name": "complete_e2e", "complexity": "small"}
}
"""
OLD = """\
pipeline_name: Nightly
workspace_root: /data/workspaces
description: Across two people.
steps:
  - step_name: load
    developer_id: alice
    step_type: Loading
    config_data: {limit: 10}
    workspace_root: /data/workspaces
    dependencies: []
  - step_name: fit
    developer_id: bob
    step_type: Fitting
    config_data: {}
    dependencies: [load]
global_config: {region: eu}
"""


def run(root: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = cli.run([*arguments, "--project", str(root)])
    return code, capsys.readouterr().out


def test_a_graph_of_nodes_and_edges_becomes_a_pipeline(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    root = project(STEPS)
    source = root / "complete.dag.json"
    source.write_text(DAG, encoding="utf-8")
    code, out = run(root, capsys, "import", str(source), "--force", "--format", "json")
    told = json.loads(out)
    assert code == 1, "two things could not be carried"
    found = [(one["id"], one["span"]["line"], one["message"]) for one in told["diagnostics"]]
    assert found == [
        ("not-carried", 4, "the step `Fitting` is listed twice, only the first is used; skipped"),
        ("not-carried", 8, "an edge references the unknown step `Nothing`; skipped"),
        ("kept-as-own", 11, "a pipeline has no field `metadata`; it is kept as `x-metadata`"),
    ]
    assert [(one["table"], one["rows"], one["holds"]) for one in told["proof"]] == [
        ("the steps and edges of `complete_e2e`", 5, True)
    ]
    text = (root / "registry.d/pipelines/complete_e2e.yaml").read_text(encoding="utf-8")
    assert text == (
        "name: complete_e2e\ndescription: Load, fit and score.\nsteps:\n"
        "  - id: Loading_training\n    step: Loading:training\n"
        "  - id: Fitting\n    step: Fitting\n    depends_on:\n      - Loading_training\n"
        "  - id: Scoring_testing\n    step: Scoring:testing\n    depends_on:\n      - Fitting\n"
        "x-metadata:\n  complexity: small\n"
    )
    registry = stepwell.open(root)
    assert registry.diagnostics == ()
    assert registry.pipeline("complete_e2e").order == ("Loading_training", "Fitting", "Scoring_testing")


def test_a_configuration_across_workspaces_becomes_a_pipeline(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    workspaces = {f"workspaces/{one}/workspace.yaml": "description: Mine.\n" for one in ("alice", "bob")}
    root = project({**STEPS, **workspaces, "old/nightly.yaml": OLD})
    code, out = run(root, capsys, "import", str(root / "old"), "--format", "json")
    told = json.loads(out)
    assert (code, told["whole"], told["written"]) == (0, True, True)
    found = [(one["id"], one["span"]["line"], one["message"]) for one in told["diagnostics"]]
    kept = "has no field `{0}`; it is kept as `x-{0}`"
    assert found == [
        ("cross-workspace", 1, "the only edge of `Nightly` crosses workspaces"),
        ("kept-as-own", 2, f"a pipeline {kept.format('workspace_root')}"),
        ("kept-as-own", 9, f"a step of a pipeline {kept.format('workspace_root')}"),
        ("kept-as-own", 16, f"a pipeline {kept.format('global_config')}"),
    ]
    pipeline = stepwell.open(root).pipeline("Nightly")
    load, fit = pipeline.nodes.values()
    assert (load.step, load.workspace, thaw(load.config)) == ("Loading", "alice", {"limit": 10})
    assert (fit.workspace, fit.depends_on) == ("bob", ("load",))
    assert thaw(pipeline.extensions) == {
        "x-workspace_root": "/data/workspaces",
        "x-global_config": {"region": "eu"},
    }
