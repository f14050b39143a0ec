"""Laws of wiring proposals on random graphs of steps with main and secondary inputs."""

from __future__ import annotations

import networkx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.model import StepDefinition
from stepwell.model.graph import Node, OutputOf
from stepwell.model.settings import Settings
from stepwell.resolve.view import View
from stepwell.run.pipelines import Pipeline
from stepwell.run.pipelines.wiring import propose, wired

pytestmark = pytest.mark.slow

NAMES = ("data", "data_secondary", "signature", "model", "metadata")
STEPS = ("Load", "Prepare", "Fit")
PORTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["processing_output", "training_data", "model_artifacts"])},
    optional={
        "required": st.booleans(),
        "compatible_sources": st.lists(st.sampled_from([*STEPS, "ProcessingStep"]), min_size=1, unique=True),
        "semantic_keywords": st.lists(st.sampled_from(["rows", "raw", "model"]), unique=True),
        "aliases": st.lists(st.sampled_from(NAMES), max_size=1),
    },
)


class Steps(dict[str, StepDefinition]):
    """View with the steps of an example."""

    workspace = None
    title = "the core"

    def aliased(self, _: str) -> None:
        return None


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Pipeline, Steps]:
    steps = Steps()
    for name in STEPS:
        interface = {
            part: draw(st.dictionaries(st.sampled_from(NAMES), PORTS, max_size=4))
            for part in ("inputs", "outputs")
        }
        steps[name] = StepDefinition({"name": name, "description": name, "interface": interface})
    nodes: dict[str, Node] = {}
    for number in range(draw(st.integers(1, 7))):
        step = steps[draw(st.sampled_from(STEPS))]
        earlier = st.sampled_from([*nodes] or [""])
        depends_on = tuple(draw(st.lists(earlier, max_size=2, unique=True))) if nodes else ()
        inputs = {
            name: OutputOf(source, output)
            for name in (step.interface or {})["inputs"]
            if nodes and draw(st.integers(0, 3)) == 0
            for source in [draw(earlier)]
            for output in list(((nodes[source].definition or step).interface or {})["outputs"])[:1]
        }
        node_id = f"n{number}"
        nodes[node_id] = Node(
            node_id, step.name, definition=step, inputs=inputs, depends_on=depends_on,
            job_type=draw(st.sampled_from([None, "training", "testing"])),
        )  # fmt: skip
    return Pipeline("Any", nodes=nodes), steps


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_proposals_keep_the_order_and_use_an_output_once_per_step(made: tuple[Pipeline, Steps]) -> None:
    pipeline, steps = made
    view: View = steps  # type: ignore[assignment]
    proposals = propose(pipeline, lambda _: view, Settings())
    result = wired(pipeline, proposals)
    graph = networkx.DiGraph((need, node.id) for node in result.nodes.values() for need in node.needs)
    assert networkx.is_directed_acyclic_graph(graph)
    for proposal in proposals:
        node = pipeline.nodes[proposal.node]
        scores = [candidate.score for candidate in proposal.candidates]
        assert scores == sorted(scores, reverse=True)
        if proposal.chosen is None:
            assert not (proposal.required and len(scores) == 1), "a single match is not ambiguous"
            continue
        source = proposal.chosen.fed
        inputs = result.nodes[proposal.node].inputs
        assert [*inputs.values()].count(source) == 1 or source in node.inputs.values()
        assert source not in node.inputs.values()
        if node.needs:
            assert source.node in networkx.ancestors(graph, proposal.node)
            before = _without(result, proposal.node, proposal.input)
            assert source.node in networkx.ancestors(before, proposal.node), "only ancestors are candidates"
        if not proposal.required:
            assert proposal.chosen.is_related or len(scores) == 1
            assert all(proposal.chosen.score - score >= 0.1 - 1e-9 for score in scores[1:])


def _without(pipeline: Pipeline, node_id: str, name: str) -> networkx.DiGraph:
    """Return the edges of a pipeline without those of the proposed inputs of a node."""
    edges = [
        (need, node.id)
        for node in pipeline.nodes.values()
        for need in (
            node.needs
            if node.id != node_id
            else {source.node for key, source in node.inputs.items() if key != name} | {*node.depends_on}
        )
    ]
    return networkx.DiGraph(edges)
