"""Definitions to graphs: what a word means, what extends what, and in which order nodes can run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import stepwell
from stepwell.model.graph.node import StepReference, read_step, written_step
from stepwell.model.graph.pipeline import clashes
from stepwell.run.pipelines import Edge, OutputOf, Pipeline
from stepwell.source.document import thaw
from stepwell.source.errors import PipelineError, UnknownPipeline

Project = Callable[[Mapping[str, "str | bytes"]], Path]

LOAD = """\
name: Loading
description: Load rows.
interface:
  outputs:
    rows: {type: processing_output, aliases: [data]}
"""
TRAIN = """\
name: Fitting
description: Fit a model.
interface:
  inputs:
    input_path: {type: training_data, compatible_sources: [Loading]}
  outputs:
    model: {type: model_artifacts}
"""
BASE = """\
name: Nightly
description: Load, and fit.
parameters: {eta: 0.1, rows: null}
steps:
  - id: load
    step: Loading:training
    config: {limit: 10, uri: "${rows}", where: {day: 1, hour: 2}}
  - id: fit
    step: Fitting
    config: {eta: "${eta}"}
    inputs: {input_path: load.data}
"""
FILES = {
    "registry.d/steps/loading.yaml": LOAD,
    "registry.d/steps/fitting.yaml": TRAIN,
    "registry.d/pipelines/nightly.yaml": BASE,
}


@pytest.mark.parametrize(
    ("word", "read"),
    [
        ("Loading", StepReference("Loading")),
        ("Loading:training", StepReference("Loading", None, "training")),
        ("alice:Loading", StepReference("Loading", "alice")),
        ("alice:Loading:training", StepReference("Loading", "alice", "training")),
        (":Loading:training", StepReference("Loading", None, "training")),
        ("alice:Loading:", StepReference("Loading", "alice")),
        ("bob:Loading", StepReference("Loading", "bob")),
        ("Loading:evening", StepReference("Loading", None, "evening")),
        ("alice:training", StepReference("training", "alice", None, ("alice", "training"))),
    ],
)
def test_a_word_that_names_a_step_is_read_in_one_way(word: str, read: StepReference) -> None:
    assert read_step(word, {"alice"}, ("training", "testing")) == read
    again = written_step(read.name, read.workspace, read.job_type)
    assert read_step(again, {"alice"}, ("training",))[:3] == read[:3]


def test_a_pipeline_of_a_view_is_a_graph(project: Project) -> None:
    registry = stepwell.open(project(FILES))
    assert registry.diagnostics == ()
    pipeline = registry.pipeline("Nightly")
    assert pipeline == Pipeline.from_view(registry.view(), "Nightly")
    assert (pipeline.name, pipeline.description) == ("Nightly", "Load, and fit.")
    assert thaw(pipeline.parameters) == {"eta": 0.1, "rows": None}
    load, fit = pipeline.nodes.values()
    assert (load.step, load.job_type, load.definition) == ("Loading", "training", registry.view()["Loading"])
    assert thaw(fit.inputs) == {"input_path": OutputOf("load", "rows")}, "an alias stands for the output"
    assert list(pipeline.edges) == [Edge("load", "fit", "rows", "input_path")]
    assert (pipeline.order, pipeline.levels) == (("load", "fit"), (("load",), ("fit",)))
    assert (fit.place.path, fit.place.line, fit.place.column) == ("registry.d/pipelines/nightly.yaml", 9, 11)
    assert thaw(pipeline.config_of("fit")) == {"eta": 0.1}
    assert thaw(pipeline.config_of("fit", {"eta": 0.3})) == {"eta": 0.3}


def test_a_pipeline_that_is_not_there_is_not_found(project: Project) -> None:
    registry = stepwell.open(project(FILES))
    with pytest.raises(UnknownPipeline) as raised:
        registry.pipeline("Nihgtly")
    assert str(raised.value) == "there is no pipeline `Nihgtly` in the core (did you mean `Nightly`?)"


def test_an_extending_pipeline_changes_steps_by_id_and_adds_the_others(project: Project) -> None:
    weekly = """\
name: Weekly
description: The same, and a second model.
extends: Nightly
parameters: {eta: 0.2}
steps:
  - id: load
    config: {limit: null, where: {day: 7}}
  - id: again
    step: Fitting
    depends_on: [fit]
    inputs: {input_path: load.rows}
"""
    registry = stepwell.open(project({**FILES, "registry.d/pipelines/weekly.yaml": weekly}))
    assert registry.diagnostics == ()
    pipeline = registry.pipeline("Weekly")
    assert thaw(pipeline.parameters) == {"eta": 0.2, "rows": None}
    assert list(pipeline.nodes) == ["load", "fit", "again"]
    load = pipeline.nodes["load"]
    assert (load.step, load.job_type) == ("Loading", "training")
    assert thaw(load.config) == {"uri": "${rows}", "where": {"day": 7, "hour": 2}}
    weekly_path, nightly_path = "registry.d/pipelines/weekly.yaml", "registry.d/pipelines/nightly.yaml"
    asked = [("config", "where", "day"), ("config", "where", "hour"), ("step",), ()]
    places = [load.where(*one) for one in asked]
    assert [(one.path, one.line) for one in places if one is not None] == [
        (weekly_path, 7),
        (nightly_path, 7),
        (nightly_path, 6),
        (weekly_path, 6),
    ]


def test_an_override_that_extends_itself_changes_the_steps_below(project: Project) -> None:
    override = """\
name: Nightly
extends: Nightly
without: [fit]
parameters: {rows: s3://mine}
steps:
  - {id: load, config: {limit: 5}}
"""
    path = "workspaces/alice/override/pipelines/nightly.yaml"
    registry = stepwell.open(project({**FILES, path: override}))
    assert registry.diagnostics == ()
    mine = registry.pipeline("Nightly", workspace="alice")
    assert (mine.workspace, list(mine.nodes)) == ("alice", ["load"])
    assert thaw(mine.parameters) == {"eta": 0.1, "rows": "s3://mine"}
    assert thaw(mine.nodes["load"].config) == {"limit": 5, "uri": "${rows}", "where": {"day": 1, "hour": 2}}
    assert list(registry.pipeline("Nightly", workspace=None).nodes) == ["load", "fit"]


def test_an_override_replaces_the_list_of_steps_where_it_does_not_extend(project: Project) -> None:
    override = "name: Nightly\nsteps:\n  - {id: only, step: Loading}\n"
    path = "workspaces/alice/override/pipelines/nightly.yaml"
    registry = stepwell.open(project({**FILES, path: override}))
    assert list(registry.pipeline("Nightly", workspace="alice").nodes) == ["only"]


def test_a_local_pipeline_that_extends_itself_extends_the_one_that_it_hides(project: Project) -> None:
    local = BASE.partition("steps:")[0] + "extends: Nightly\nsteps:\n  - {id: load, config: {limit: 1}}\n"
    path = "workspaces/alice/local/pipelines/nightly.yaml"
    registry = stepwell.open(project({**FILES, path: local}))
    mine = registry.pipeline("Nightly", workspace="alice")
    assert list(mine.nodes) == ["load", "fit"]
    assert mine.nodes["load"].config["limit"] == 1


def test_a_cycle_has_no_order(project: Project) -> None:
    ring = """\
name: Ring
description: Round and round.
steps:
  - {id: a, step: Loading, depends_on: [c]}
  - {id: b, step: Loading, depends_on: [a]}
  - {id: c, step: Loading, depends_on: [b]}
"""
    pipeline = stepwell.open(project({**FILES, "registry.d/pipelines/ring.yaml": ring})).pipeline("Ring")
    with pytest.raises(PipelineError) as raised:
        pipeline.order  # noqa: B018 - accessing it computes it
    assert str(raised.value).startswith("steps of `Ring` depend on each other in a cycle: `")


def test_pipelines_are_made_in_code(project: Project) -> None:
    registry = stepwell.open(project(FILES))
    pipeline = (
        Pipeline("Made", "By hand.", parameters={"eta": 0.1})
        .add_step("load", "Loading", job_type="training")
        .add_step("fit", registry.view()["Fitting"], config={"eta": "${eta}"})
        .connect("load.rows", "fit.input_path")
    )
    assert pipeline.to_yaml() == (
        "name: Made\ndescription: By hand.\nparameters:\n  eta: 0.1\nsteps:\n"
        "  - id: load\n    step: Loading:training\n"
        "  - id: fit\n    step: Fitting\n    config:\n      eta: ${eta}\n"
        "    inputs:\n      input_path: load.rows\n"
    )
    again = Pipeline.from_yaml(pipeline.to_yaml(), registry.view())
    assert again.nodes["load"].definition == registry.view()["Loading"]
    apart = pipeline.disconnect("load", "fit")
    assert list(apart.edges) == []
    assert list(apart.connect("load", "fit").edges) == [Edge("load", "fit")]
    assert list(apart.remove_step("load").nodes) == ["fit"]
    assert list(pipeline.edges) == [Edge("load", "fit", "rows", "input_path")], "nothing changed in it"
    assert pipeline.clone("Copy").nodes is pipeline.nodes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda one: one.add_step("a", "X"), "`P` already has a step `a`; remove it first"),
        (lambda one: one.add_step("c", "X", depends_on=["d"]), "`P` has no step `d`"),
        (lambda one: one.remove_step("a"), "`a` is needed by `b`; disconnect or remove these first"),
        (lambda one: one.remove_step("bb"), "`P` has no step `bb`"),
        (
            lambda one: one.connect("a.x", "b"),
            "cannot connect `a.x` to `b`: write both an output and an input, or neither",
        ),
        (lambda one: one.disconnect("b", "a"), "`a` is not connected to `b`"),
        (
            lambda one: one.merge(Pipeline("Q").add_step("a", "Y"), "PQ"),
            "cannot merge `P` and `Q`: both define step `a` with different `step`",
        ),
        (lambda one: one.split({"A": ["a"]}), "step `b` is in none of the parts"),
        (lambda one: one.split({"A": ["a"], "B": ["b"]}), "`b` of `B` needs `a`, which is in another part"),
        (lambda _: Pipeline.from_json("{"), "invalid JSON: "),
        (
            lambda _: Pipeline.from_yaml("name: A\nsteps:\n  - {id: a, stpe: B}\n"),
            "invalid pipeline: line 3: `steps[0]` has no field `stpe`",
        ),
    ],
)
def test_errors_of_a_pipeline_have_a_reason(change: Callable[[Pipeline], object], message: str) -> None:
    pipeline = Pipeline("P").add_step("a", "X").add_step("b", "X", depends_on=["a"])
    with pytest.raises(PipelineError) as raised:
        change(pipeline)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: A\ndescription: 7\nsteps: []\n", "line 2: `description` must be text, got the number 7"),
        ("name: A\nsteps:\n- {id: a}\n- {id: a, step: B}\n", "duplicate step id `a`"),
        ("name: A\nextends: B\nsteps: []\n", "unknown pipeline `B` in `extends`"),
        ("name: [\n", "line 2: not valid YAML"),
    ],
)
def test_the_text_of_a_pipeline_is_checked(text: str, message: str) -> None:
    with pytest.raises(PipelineError) as raised:
        Pipeline.from_yaml(text)
    assert str(raised.value).removeprefix("invalid pipeline: ").startswith(message)


def test_a_pipeline_of_every_field_is_the_same_after_a_round_trip() -> None:
    text = (
        "name: A\ndescription: B.\nparameters:\n  x: 1\n  y: null\nsteps:\n"
        "  - id: a\n    step: S\n    config:\n      k: ${x}\n    x-own: 1\n"
        "  - id: b\n    step: w:T:training\n    inputs:\n      i: a.o\n      j: ${y}\n    depends_on: [a]\n"
        "x-more:\n  z: 1\n"
    )
    pipeline = Pipeline.from_yaml(text)
    assert pipeline.nodes["a"].extensions == {"x-own": 1}
    assert pipeline.extensions == {"x-more": {"z": 1}}
    assert (pipeline.nodes["b"].workspace, pipeline.nodes["b"].job_type) == ("w", "training")
    assert pipeline.nodes["b"].given == {"j": "y"}
    assert pipeline.to_yaml().replace("\n      - a\n", " [a]\n") == text
    assert Pipeline.from_json(pipeline.to_json()).to_yaml() == pipeline.to_yaml()
    assert Pipeline.from_yaml("name: A\nsteps: []\n").to_yaml() == "name: A\nsteps: []\n"


def test_a_clash_lists_every_field_that_differs() -> None:
    first = Pipeline("P", parameters={"x": 1, "y": 1}).add_step("a", "X", config={"k": 1})
    second = Pipeline("Q", parameters={"x": True, "y": 1}).add_step("a", "Y", config={"k": 2}, workspace="w")
    assert [str(clash) for clash in clashes(first, second)] == [
        "both define parameter `x`",
        "both define step `a` with different `step`, `workspace`, `config`",
    ]


def test_an_unknown_id_in_without_is_reported_where_it_is_written(project: Project) -> None:
    local = "# note\nname: Nightly\ndescription: M.\nextends: Nightly\nwithout:\n- fit\n- nothing\n"
    registry = stepwell.open(
        project(
            {
                **FILES,
                "workspaces/alice/local/pipelines/nightly.yaml": local,
                "workspaces/alice/override/pipelines/nightly.yaml": "name: Nightly\ndescription: O.\n",
            }
        )
    )
    [finding] = [each for each in registry.diagnostics if "nothing" in each.message]
    assert finding.span is not None
    assert (finding.span.path, finding.span.line, finding.span.column) == (
        "workspaces/alice/local/pipelines/nightly.yaml",
        7,
        3,
    )


def test_a_pipeline_is_split_into_parts_with_their_parameters() -> None:
    pipeline = (
        Pipeline("P", "D.", parameters={"x": 1, "y": 2, "z": 3}, extensions={"x-own": 1})
        .add_step("a", "X", config={"deep": [{"k": "${x}"}]})
        .add_step("b", "X", inputs={"i": "${y}"})
        .add_step("c", "X", depends_on=["b"])
    )
    first, second = pipeline.split({"A": ["a"], "B": ["c", "b"]})
    assert (first.name, dict(first.parameters), [*first.nodes]) == ("A", {"x": 1}, ["a"])
    assert (second.name, dict(second.parameters), [*second.nodes]) == ("B", {"y": 2}, ["b", "c"])
    assert (first.description, dict(first.extensions)) == ("D.", {"x-own": 1})
    assert first.merge(second, "AB").description == "A and B."
    assert first.merge(second, "AB", "Both.").parameters == {"x": 1, "y": 2}
    for parts, message in (
        ({"A": ["a", "b", "c", "d"]}, "`P` has no step `d`"),
        ({"A": ["a", "b"]}, "step `c` is in none of the parts"),
        ({"A": ["a", "b"], "C": ["c"]}, "`c` of `C` needs `b`, which is in another part"),
    ):
        with pytest.raises(PipelineError) as raised:
            pipeline.split(parts)
        assert str(raised.value) == message


def test_text_that_json_or_yaml_cannot_hold_is_an_error() -> None:
    assert '"é"' in Pipeline("P", "é").to_json()
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        Pipeline("P", parameters={"x": float("nan")}).to_json()
    with pytest.raises(PipelineError, match="invalid pipeline: line 1: "):
        Pipeline.from_yaml("name: \ud800\nsteps: []\n")


def test_clashes_are_sorted_in_the_message_of_a_merge() -> None:
    first = Pipeline("P", parameters={"x": 1}).add_step("b", "X").add_step("a", "X")
    second = Pipeline("Q", parameters={"x": 2}).add_step("b", "Y").add_step("a", "Y")
    with pytest.raises(PipelineError) as raised:
        first.merge(second, "PQ")
    assert str(raised.value) == (
        "cannot merge `P` and `Q`: both define parameter `x`; both define step `a` with different `step`; "
        "both define step `b` with different `step`"
    )
