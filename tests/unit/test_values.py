"""Definitions are values: picklable, copyable, equal by content, hashable, and never changed."""

from __future__ import annotations

import copy
import json
import multiprocessing
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import stepwell
from stepwell.live.registry import Registry
from stepwell.model import Definition, StepDefinition, Workspace
from stepwell.source.document import FrozenMapping, freeze

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


def framework_of(step: StepDefinition) -> tuple[Any, int | None]:
    span = step.origin("framework").span
    return step["framework"], span and span.line


def test_another_process_can_be_given_a_definition(registry: Registry) -> None:
    step = registry.view("alice")["Scoring"]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(framework_of, (step,)) == ("xgboost", 2)


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
