"""Answers of the API are values: picklable, copyable, equal by content, hashable, immutable."""

from __future__ import annotations

import copy
import dataclasses
import json
import multiprocessing
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import stepwell
from stepwell import Event, Registry, Snapshot, StepDefinition, View, Workspace
from stepwell.model import Definition
from stepwell.source.document import FrozenMapping, freeze
from stepwell.source.immutable import record

Project = Callable[[Mapping[str, "str | bytes"]], Path]
FILES = {
    "stepwell.toml": "",
    "registry.d/steps/scoring.yaml": (
        "name: Scoring\nsagemaker_step_type: Processing\ndescription: Score a batch.\n"
        "aliases: [Score]\ndeprecated: {since: '1'}\nx-own: {a: [1, {b: 2}]}\n"
    ),
    "registry.d/steps/toml.toml": 'name = "Toml"\ndescription = "D."\naliases = ["T"]\n',
    "registry.d/providers/echo.yaml": "name: Echo\ndescription: E.\nimplementation: echo\ncost: {input: 1}\n",
    "registry.d/pipelines/only.yaml": "name: Only\ndescription: O.\nsteps: [{id: a, step: Toml}]\n",
    "registry.d/hyperparameters/odd.yaml": "name: Odd\nmodule_path: a.b\ndescription: O.\n",
    "workspaces/alice/workspace.yaml": "preferred_frameworks: [xgboost]\nx-own: {a: [1]}\n",
    "workspaces/alice/override/steps/scoring.yaml": "name: Scoring\nframework: xgboost\naliases: null\n",
    "workspaces/alice/local/steps/toml.yaml": "name: Toml\ndescription: Another.\nx-own: {a: [{b: 1}]}\n",
    "registry.d/pipelines/both.yaml": (
        "name: Both\ndescription: B.\nparameters: {days: 7}\nsteps:\n"
        "- {id: a, step: Toml, config: {days: '${days}', more: [{b: 1}]}}\n"
        "- {id: b, step: 'alice:Scoring', inputs: {data: a.out, days: '${days}'}, depends_on: [a]}\n"
    ),
}


@pytest.fixture
def registry(project: Project) -> Registry:
    return stepwell.open(project(FILES))


def values(registry: Registry) -> list[Definition | Workspace]:
    tables = [*registry.view().tables.values(), *registry.view("alice").tables.values()]
    registration = registry.register({"name": "Registered", "description": "R.", "x-own": {"a": []}})
    found: list[Any] = [*(one for table in tables for one in table.values()), registry.view()["Registered"]]
    registration.remove()
    return [*found, registry.snapshot.workspaces["alice"], Workspace("ben")]


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_definition_is_the_same_after_a_pickle(registry: Registry, protocol: int) -> None:
    for value in values(registry):
        loaded = pickle.loads(pickle.dumps(value, protocol))  # noqa: S301 - what was just written
        assert loaded == value
        assert hash(loaded) == hash(value)
        assert loaded.data == value.data
        assert type(loaded.data) is type(value.data)
        if not isinstance(value, Workspace):
            assert loaded.origin("name") == value.origin("name")


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_is_equal_and_as_immutable(registry: Registry, copied: Callable[[Any], Any]) -> None:
    for value in values(registry):
        other = copied(value)
        assert other == value
        assert {other: 1}[value] == 1
        with pytest.raises(AttributeError, match="is immutable: cannot change 'data'"):
            other.data = {}
        with pytest.raises(TypeError, match="read-only; change a copy"):
            other.data["name"] = "Other"


def answers(registry: Registry) -> dict[str, Any]:
    """One or more of each kind of value that the API answers with, besides definitions."""
    events: list[Event] = []
    subscription = registry.subscribe(events.append)
    registry.register({"name": "Passing", "description": "P."}, lambda *_: 1).remove()
    subscription.cancel()
    path = Path(registry.project.root, "registry.d/steps/broken.yaml")
    path.write_text("name: Broken\n", encoding="utf-8")
    refused = registry.reload()
    path.unlink()
    registry.reload()
    assert refused is not None
    alice = registry.view("alice")
    return {
        "snapshot": registry.snapshot,
        "with what was registered": events[0].new,
        "core": registry.view(None),
        "view": alice,
        "table": alice.steps,
        "tables": alice.tables,
        "events": tuple(events),
        "refusal": refused,
        "diagnostics": refused.diagnostics,
        "changes": events[0].changes,
        "explanations": alice.explain_all("Scoring"),
        "explanation of a default": alice.explain("Scoring.environment_tags"),
        "resolution": registry.resolve("Scoring"),
        "conflicts": registry.conflicts(),
        "health": registry.health(),
        "pipeline": registry.pipeline("Both"),
        "pipeline in code": stepwell.Pipeline("P").add_step("a", "Toml", config={"b": [1]}),
        "workspaces": registry.snapshot.workspaces,
    }


def test_an_answer_is_the_same_after_a_pickle_or_a_copy(registry: Registry) -> None:
    for what, value in answers(registry).items():
        loaded = pickle.loads(pickle.dumps(value))  # noqa: S301 - what was just written
        for other in (loaded, copy.copy(value), copy.deepcopy(value)):
            assert type(other) is type(value), what
            assert other == value, what
            assert hash(other) == hash(value), what


def test_answers_are_equal_where_the_content_is(registry: Registry) -> None:
    first, second = answers(registry), answers(stepwell.open(registry.project.root))
    assert first["pipeline"].levels == (("a",), ("b",))
    for what in first.keys() - {"events", "refusal", "health"}:  # these contain a time
        assert first[what] == second[what], what
        assert hash(first[what]) == hash(second[what]), what
    core, alice = registry.view(None), registry.view("alice")
    assert core != alice
    assert core == dict(core)
    assert core.steps != alice.steps
    assert first["snapshot"] != first["with what was registered"]
    assert first["snapshot"] != first["core"]


def test_1_and_true_are_two_values(project: Project) -> None:
    for name in ("one", "yes"):
        project({f"{name}/stepwell.toml": ""})
    texts = {"one": "1", "yes": "true"}
    one, yes = (
        stepwell.open(
            project({f"{name}/registry.d/steps/a.yaml": f"name: A\ndescription: A.\nx-own: {value}\n"}) / name
        ).view()["A"]
        for name, value in texts.items()
    )
    assert one["x-own"] == yes["x-own"]
    assert one != yes
    assert hash(one) != hash(yes)


def test_a_view_that_came_from_elsewhere_has_definitions_and_no_code(registry: Registry) -> None:
    registry.register("shout", lambda *_: 1)
    view: View = pickle.loads(pickle.dumps(registry.view("alice")))  # noqa: S301 - what was just written
    assert view["shout"] == registry.view("alice")["shout"]
    assert view.explain("Scoring.framework") == registry.view("alice").explain("Scoring", "framework")
    assert (view.digest, view.diagnostics) == (
        registry.view("alice").digest,
        registry.view("alice").diagnostics,
    )
    with pytest.raises(stepwell.ComponentError, match="was loaded without sources"):
        view.load("shout", "implementation")
    assert copy.deepcopy(registry.view("alice")).load("shout", "implementation")({}, None) == 1


def test_what_workspaces_share_is_sent_once(registry: Registry) -> None:
    snapshot: Snapshot = pickle.loads(pickle.dumps(registry.snapshot))  # noqa: S301 - what was just written
    assert snapshot.view("alice").steps.under is snapshot.core.steps
    assert snapshot.view("alice").providers["Echo"] is snapshot.core.providers["Echo"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda answers: setattr(answers["view"], "steps", {}), "View is immutable: cannot change 'steps'"),
        (lambda answers: setattr(answers["snapshot"], "a", 1), "Snapshot is immutable: cannot change 'a'"),
        (lambda answers: delattr(answers["table"], "above"), "LayeredTable is immutable: cannot change"),
        (lambda answers: answers["view"].__setitem__("a", 1), "__setitem__"),
        (lambda answers: answers["tables"].clear(), "this mapping is read-only"),
        (lambda answers: answers["pipeline"].nodes.clear(), "this mapping is read-only"),
        (lambda answers: answers["pipeline"].nodes["a"].config.clear(), "this mapping is read-only"),
        (lambda answers: setattr(answers["pipeline"], "name", "Q"), "Pipeline is immutable: cannot change"),
        (lambda answers: setattr(answers["resolution"], "nmae", "Q"), "Resolution is immutable: cannot"),
        (lambda answers: delattr(answers["diagnostics"][0], "id"), "Diagnostic is immutable: cannot change"),
    ],
)
def test_a_change_of_an_answer_is_an_error(
    registry: Registry, change: Callable[[Any], None], message: str
) -> None:
    with pytest.raises((AttributeError, TypeError), match=message):
        change(answers(registry))


def test_pickling_a_registry_fails_with_advice(registry: Registry) -> None:
    for way in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=r"send `registry\.snapshot`"):
            way(registry)


def test_a_view_is_a_mapping_that_also_answers_to_aliases(registry: Registry) -> None:
    view = registry.view(None)
    assert list(view) == list(view.keys()) == [name for name, _ in view.items()] == ["Scoring", "Toml"]
    assert len(view) == len(view.keys()) == len(view.items()) == len(list(view.values())) == 2
    assert [step.name for step in view.values()] == list(view)
    step = view["Toml"]
    for word in ("Toml", "T", "Tom"):
        assert (word in view) is (word in list(view)) is (word in set(view.keys())) is (word == "Toml")
        assert ((word, step) in view.items()) is (word == "Toml")
        assert view.get(word) is (step if word != "Tom" else None)
    assert view["T"] is step
    assert view.get("Tom", 1) == 1


def framework_of(step: StepDefinition) -> tuple[Any, int | None]:
    span = step.origin("framework").span
    return step["framework"], span and span.line


def same(value: Any) -> Any:
    return value


def test_another_process_can_be_given_a_definition(registry: Registry) -> None:
    step = registry.view("alice")["Scoring"]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(framework_of, (step,)) == ("xgboost", 2)
        for what, value in answers(registry).items():
            assert pool.apply(same, (value,)) == value, what


def test_plain_data_has_every_value_or_what_is_stated(registry: Registry) -> None:
    step = registry.view("alice")["Scoring"]
    stated = step.to_dict(resolved=False)
    assert stated == {
        "name": "Scoring",
        "sagemaker_step_type": "Processing",
        "description": "Score a batch.",
        "framework": "xgboost",
        "deprecated": {"since": "1"},
        "x-own": {"a": [1, {"b": 2}]},
    }
    whole = step.to_dict()
    assert (whole["config_class"], whole["priority"], whole["aliases"]) == ("ScoringConfig", 100, [])
    assert {key: whole[key] for key in stated} == stated
    whole["x-own"]["a"].append("changed")
    assert step.to_dict() != whole
    assert json.loads(json.dumps(whole)) == whole


def test_an_origin_is_a_file_a_convention_the_schema_or_nothing(registry: Registry) -> None:
    step = registry.view("alice")["Scoring"]
    told = {name: step.origin(name).how for name in ("framework", "config_class", "aliases", "requires")}
    assert told == {
        "framework": "stated",
        "config_class": "by convention",
        "aliases": "schema default",
        "requires": "not stated",
    }
    since = step.origin("deprecated", "since")
    assert (since.value, since.span and since.span.path) == ("1", "registry.d/steps/scoring.yaml")


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.__setitem__("a", 2),
        lambda data: data.__delitem__("a"),
        lambda data: data.__ior__({"b": 2}),
        lambda data: data.update(b=2),
        lambda data: data.setdefault("b", 2),
        lambda data: data.pop("a"),
        lambda data: data.popitem(),
        lambda data: data.clear(),
    ],
)
def test_a_frozen_mapping_refuses_every_change(change: Callable[[Any], None]) -> None:
    data = freeze({"a": {"b": [1]}})
    with pytest.raises(TypeError, match="this mapping is read-only"):
        change(data)
    assert data == FrozenMapping(a={"b": (1,)}) == {"a": {"b": (1,)}}
    assert hash(data) == hash(freeze({"a": {"b": [1]}}))
    assert type(data.copy()) is dict


def test_a_record_is_a_frozen_dataclass_with_slots() -> None:
    namespace: dict[str, Any] = {
        "record": record,
        "dataclass": dataclasses.dataclass(frozen=True, slots=True),
    }
    for decorator in ("record", "dataclass"):
        exec(  # noqa: S102 - the same class twice
            f"@{decorator}\nclass Point:\n  '''A point.'''\n  x: int\n  y: tuple = ()\n"
            "  @property\n  def twice(self): return self.x * 2\n",
            namespace,
        )
        namespace[decorator] = namespace["Point"]
    made, plain = namespace["record"], namespace["dataclass"]
    for points in ((made(1), made(1, (2,)), made(x=1)), (plain(1), plain(1, (2,)), plain(x=1))):
        first, other, same = points
        assert (first == same, first == other, first == (1, ()), hash(first) == hash(same)) == (1, 0, 0, 1)
        assert (repr(other), first.twice, first.__slots__) == ("Point(x=1, y=(2,))", 2, ("x", "y"))
        assert dataclasses.replace(first, y=(2,)) == other
        assert dataclasses.asdict(other) == {"x": 1, "y": (2,)}
        assert [field.name for field in dataclasses.fields(first)] == ["x", "y"]
        assert not hasattr(first, "__dict__")
        for change in (lambda one: setattr(one, "x", 2), lambda one: delattr(one, "x")):
            with pytest.raises(AttributeError):
                change(first)
        with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
            type(first)()
    assert plain(1) != made(1)
    assert made.__match_args__ == plain.__match_args__
