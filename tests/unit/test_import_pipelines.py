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


LOADING = """\
name: Loading
description: Load.
interface:
  outputs: {data: {type: data}, other: {type: data}}
"""
FITTING = """\
name: Fitting
description: Fit.
interface:
  inputs:
    data: {type: data, compatible_sources: [Loading]}
    extra: {type: data, required: false, compatible_sources: [Loading]}
  outputs: {model: {type: data}, copy: {type: data}}
"""
SCORING = """\
name: Scoring
description: Score.
interface:
  inputs: {rows: {type: data, compatible_sources: [Fitting]}}
"""


@pytest.mark.parametrize("wire", [False, True])
def test_a_graph_of_edges_is_one_warning_and_can_be_connected(
    project: Project, capsys: pytest.CaptureFixture[str], wire: bool
) -> None:
    steps = {"loading": LOADING, "fitting": FITTING, "scoring": SCORING}
    root = project({f"registry.d/steps/{stem}.yaml": text for stem, text in steps.items()})
    dag = DAG.replace(', "Fitting"]\n    ]', "").replace('"Fitting", "Fitting"', '"Fitting"')
    dag = dag.replace('"Scoring_testing"],\n      ["Fitting", "Nothing"]', '"Scoring_testing"]')
    (root / "complete.dag.json").write_text(dag, encoding="utf-8")
    more = ("--wire",) if wire else ()
    code, out = run(root, capsys, "import", str(root / "complete.dag.json"), *more, "--format", "json")
    assert (code, json.loads(out)["wired"]) == (
        0,
        [{"pipeline": "complete_e2e", "connected": 1, "ambiguous": 2}] if wire else [],
    )
    registry = stepwell.open(root)
    (finding,) = registry.diagnostics
    count = "1 required input of 1 step" if wire else "2 required inputs of 2 steps"
    assert (finding.id, finding.severity.value, finding.message) == (
        "unconnected-inputs",
        "warning",
        f"`complete_e2e` does not connect {count}: `depends_on` states only the order",
    )
    nodes = registry.pipeline("complete_e2e").nodes
    assert nodes["Fitting"].depends_on == ("Loading_training",)
    assert {name: str(source) for name, source in nodes["Fitting"].inputs.items()} == (
        {"data": "Loading_training.data"} if wire else {}
    )
    assert nodes["Scoring_testing"].inputs == {}, "several outputs match equally well"


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


GRAPHS = {
    "calls": (
        "def create_nightly_dag():\n"
        "    dag = PipelineDAG()\n"
        "    dag.add_node('Loading_training')\n"
        "    dag.add_node('Loading_training')\n"
        "    dag.add_edge('Loading_training', 'Fitting')\n"
        "    return dag\n"
    ),
    "lists": (
        "NAMES = ['Loading_training', 'Fitting']\n"
        "dag = PipelineDAG(nodes=NAMES, edges=[('Loading_training', 'Fitting')])\n"
    ),
    "edges": "def dag():\n    return PipelineDAG([], [['Loading_training', 'Fitting']])\n",
    "loops": (
        "dag = api.PipelineDAG()\n"
        "for step in ('Loading_training', 'Fitting'):\n    dag.add_node(step)\n"
        "for old, new in [('Loading_training', 'Fitting')]:\n    dag.add_edge(dst=new, src=old)\n"
    ),
}


@pytest.mark.parametrize("form", GRAPHS)
def test_a_graph_that_a_module_builds_becomes_a_pipeline(
    project: Project, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    root = project({**STEPS, "old/nightly_dag.py": GRAPHS[form] + "raise SystemExit\n"})
    code, out = run(root, capsys, "import", str(root / "old"))
    assert (code, "verified: 3 rows equal, the steps and edges of `nightly`" in out) == (0, True), out
    written = (root / "registry.d/pipelines/nightly.yaml").read_text()
    assert written.endswith(
        "steps:\n  - id: Loading_training\n    step: Loading:training\n"
        "  - id: Fitting\n    step: Fitting\n    depends_on:\n      - Loading_training\n"
    )


def test_the_metadata_of_a_graph_name_it(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    about = "def about():\n    return DAGMetadata(name='each_night', description='Fit it.', node_count=2)\n"
    root = project({**STEPS, "old/nightly_dag.py": GRAPHS["calls"] + about})
    assert run(root, capsys, "import", str(root / "old"))[0] == 0
    written = (root / "registry.d/pipelines/each_night.yaml").read_text()
    assert written.startswith("name: each_night\ndescription: Fit it.\n")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("dag.add_node(name)", "this name of a step is no literal, so it is skipped"),
        ("dag.add_edge('Fitting', f'{name}_x')", "this name of a step is no literal, so it is skipped"),
        ("dag.add_edge('Fitting')", "this call changes the graph in an unknown way, so it is skipped"),
        ("if name:\n    dag.add_node('Loading')", "the graph is changed under a condition, so it is skipped"),
        (
            "N = [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]\n"
            + "".join(f"{'  ' * depth}for i{depth} in N:\n" for depth in range(9))
            + "  " * 9
            + "dag.add_node('Fitting')",
            "loops have more than 10000 rounds, so it is skipped",
        ),
        ("for step in load():\n    dag.add_node(step)", "this is no list of literals, so it is skipped"),
    ],
)
def test_what_a_module_adds_at_run_time_is_reported(
    project: Project, capsys: pytest.CaptureFixture[str], line: str, message: str
) -> None:
    root = project({**STEPS, "nightly.py": f"dag = PipelineDAG(['Fitting'])\n{line}\n"})
    code, out = run(root, capsys, "import", str(root / "nightly.py"), "--format", "json")
    told = json.loads(out)
    assert (code, told["written"]) == (1, False)
    assert [one["message"] for one in told["diagnostics"]] == [message]


def test_a_module_that_builds_graphs_from_data_is_skipped(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "def read(data):\n    return PipelineDAG(nodes=data['nodes'], edges=data['edges'])\n"
    root = project({**STEPS, "old/reading.py": text, "old/nightly_dag.py": GRAPHS["calls"]})
    code, out = run(root, capsys, "import", str(root / "old"))
    assert (code, "reading.py: it has no table" in out) == (0, True), out
