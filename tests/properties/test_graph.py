"""Laws of graphs: order respects every edge, text is exact, and merge and split are each other's inverse."""

from __future__ import annotations

from typing import Any

import networkx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.model.graph import cycles_in
from stepwell.run.pipelines import Pipeline
from stepwell.source.errors import PipelineError

pytestmark = pytest.mark.slow

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)
SCALARS = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(
    SCALARS,
    lambda one: st.lists(one, max_size=3) | st.dictionaries(TEXTS, one, max_size=3),
    max_leaves=5,
)
CONFIGS = st.dictionaries(NAMES, VALUES, max_size=3)
JOB_TYPES = st.sampled_from([None, "training", "testing", "evening"])
WORKSPACES = st.sampled_from([None, None, "alice", "Bob"])


@st.composite
def pipelines(draw: st.DrawFn, prefix: str = "", acyclic: bool = True) -> Pipeline:
    count = draw(st.integers(0, 8))
    ids = [f"{prefix}n{one}" for one in range(count)]
    parameters = draw(st.dictionaries(NAMES.map(lambda one: prefix + one), SCALARS | st.none(), max_size=2))
    made = Pipeline(draw(NAMES), parameters={})
    for place, one in enumerate(ids):
        before = ids[:place]
        config: dict[str, Any] = draw(CONFIGS)
        if place == 0:  # so that every parameter is used
            config.update({f"uses_{name}": "${" + name + "}" for name in parameters})
        inputs = {}
        if before:
            sources = draw(st.lists(st.sampled_from(before), max_size=2, unique=True))
            inputs = {f"in{at}": f"{source}.out" for at, source in enumerate(sources)}
        needed = draw(st.lists(st.sampled_from(before), max_size=2, unique=True)) if before else []
        made = made.add_step(
            one, draw(NAMES), workspace=draw(WORKSPACES), job_type=draw(JOB_TYPES), config=config,
            inputs=inputs, depends_on=needed,
        )  # fmt: skip
    if not acyclic and ids:
        for source, target in draw(
            st.lists(st.tuples(st.sampled_from(ids), st.sampled_from(ids)), max_size=4)
        ):
            made = made.connect(source, target)
    kept = parameters if ids else {}
    return Pipeline(made.name, draw(NAMES), kept, made.nodes)


def directed(pipeline: Pipeline) -> networkx.DiGraph:
    graph = networkx.DiGraph()
    graph.add_nodes_from(pipeline.nodes)
    graph.add_edges_from((one.source, one.target) for one in pipeline.edges)
    return graph


@given(pipelines())
@settings(max_examples=40)
def test_the_order_respects_every_edge_and_is_always_the_same(pipeline: Pipeline) -> None:
    order = pipeline.order
    assert sorted(order) == sorted(pipeline.nodes)
    assert all(order.index(one.source) < order.index(one.target) for one in pipeline.edges)
    generations = list(networkx.topological_generations(directed(pipeline)))
    assert [set(level) for level in pipeline.levels] == [set(level) for level in generations]
    again = Pipeline.from_yaml(pipeline.to_yaml())
    assert (again.order, again.levels) == (order, pipeline.levels)


@given(pipelines(acyclic=False))
@settings(max_examples=40)
def test_cycles_are_found_where_there_are_any_and_are_cycles(pipeline: Pipeline) -> None:
    graph = directed(pipeline)
    found = cycles_in(pipeline)
    assert bool(found) == (not networkx.is_directed_acyclic_graph(graph))
    for cycle in found:
        assert all(graph.has_edge(*edge) for edge in zip(cycle, (*cycle[1:], cycle[0]), strict=True))
    if found:
        try:
            pipeline.order  # noqa: B018 - accessing it computes it
        except PipelineError:
            return
        raise AssertionError("a cycle has an order")


@given(pipelines())
@settings(max_examples=30)
def test_what_is_written_reads_as_the_same(pipeline: Pipeline) -> None:
    in_yaml, in_json = pipeline.to_yaml(), pipeline.to_json()
    for again in (Pipeline.from_yaml(in_yaml), Pipeline.from_json(in_json)):
        assert again == pipeline
        assert list(again.nodes) == list(pipeline.nodes)
        assert (again.to_yaml(), again.to_json()) == (in_yaml, in_json)


@given(pipelines("a"), pipelines("b"))
@settings(max_examples=20)
def test_what_is_merged_and_split_is_what_it_was(first: Pipeline, second: Pipeline) -> None:
    whole = first.merge(second, "Whole")
    parts = whole.split({"First": first.nodes, "Second": second.nodes})
    for part, one in zip(parts, (first, second), strict=True):
        assert (part.nodes, part.parameters) == (one.nodes, one.parameters)
        assert list(part.nodes) == list(one.nodes)


@given(pipelines())
@settings(max_examples=10)
def test_a_pipeline_merged_with_itself_is_itself(pipeline: Pipeline) -> None:
    assert pipeline.merge(pipeline, pipeline.name, pipeline.description) == pipeline
