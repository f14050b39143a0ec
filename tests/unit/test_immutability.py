"""No answer of the registry can change it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import stepwell
from stepwell.live.registry import Registry
from stepwell.model import StepDefinition
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.document import Document, FrozenMapping
from stepwell.source.read import read_text

Project = Callable[[Mapping[str, "str | bytes"]], Path]
FILES = {
    "stepwell.toml": '[vocabulary]\nframeworks = ["a"]\n[[freeze]]\noutput = "a.py"\nfirst = ["Scoring"]\n',
    "registry.d/steps/scoring.yaml": (
        "name: Scoring\nsagemaker_step_type: Processing\ndescription: Score a batch.\n"
        "environment_tags: [gpu]\naliases: [Score]\ndeprecated: {since: '1'}\nx-own: {a: [1, {b: 2}]}\n"
    ),
    "registry.d/steps/flat.yaml": "name: Flat\ndescription: Do it.\nenvironment_tags: [gpu]\n",
    "registry.d/steps/toml.toml": 'name = "Toml"\ndescription = "D."\naliases = ["T"]\nx-own = {a = [1]}\n',
    "registry.d/hyperparameters/odd.yaml": "name: Odd\nmodule_path: a.b\ndescription: O.\nx-own: [1]\n",
    "workspaces/alice/workspace.yaml": "preferred_frameworks: [xgboost]\nx-own: {a: [1]}\n",
    "workspaces/alice/override/steps/scoring.yaml": (
        "name: Scoring\nx-own: {c: [{d: 1}]}\ndeprecated: {note: Old.}\n"
    ),
    "workspaces/alice/local/steps/own.yaml": "name: Own\ndescription: Do it.\nx-own: {a: 1}\n",
    "registry.d/steps/broken.yaml": "name: Broken\n",
}


@pytest.fixture(params=["read", "cached"])
def registry(project: Project, request: pytest.FixtureRequest) -> Registry:
    root = project(FILES)
    first = stepwell.open(root)
    return first if request.param == "read" else stepwell.open(root)


def reachable(value: Any, seen: dict[int, Any]) -> Iterator[Any]:
    """Everything that can be reached through public attributes, items and keys."""
    if id(value) in seen or value is None or isinstance(value, (str, int, float, bytes, enum.Enum)):
        return
    seen[id(value)] = value
    yield value
    inside: list[Any] = []
    if isinstance(value, Mapping):
        inside += [*value, *value.values()]
    elif isinstance(value, (tuple, list, set, frozenset)):
        inside += list(value)
    if type(value).__module__.startswith("stepwell"):
        for name in dir(value):
            if not name.startswith("_") and not callable(getattr(value, name)):
                inside.append(getattr(value, name))
    for one in inside:
        yield from reachable(one, seen)


def test_only_immutable_values_can_be_reached(registry: Registry) -> None:
    found = list(reachable((registry, registry.view(), registry.view("alice")), {}))
    kinds = {type(value) for value in found}
    assert {Document, FrozenMapping, StepDefinition, Diagnostic, MappingProxyType, tuple} <= kinds
    assert not kinds & {dict, list, set, bytearray}


def test_no_attribute_of_anything_can_be_set_or_deleted(registry: Registry) -> None:
    found = [
        value
        for value in reachable((registry, registry.view(), registry.view("alice")), {})
        if type(value).__module__.startswith("stepwell")
    ]
    assert len({type(value) for value in found}) > 8
    for value in found:
        names = {
            name for name in dir(value) if not name.startswith("_") and not callable(getattr(value, name))
        }
        for name in (*names, "new_attribute"):
            before = getattr(value, name, None)
            with pytest.raises((AttributeError, TypeError)):
                setattr(value, name, "changed")
            with pytest.raises((AttributeError, TypeError)):
                delattr(value, name)
            after = getattr(value, name, None)
            assert after is before or after == before


def test_no_item_of_nested_data_can_be_set(registry: Registry) -> None:
    mappings = [
        value
        for value in reachable((registry.view(), registry.view("alice")), {})
        if isinstance(value, Mapping)
    ]
    assert len(mappings) > 10
    for mapping in mappings:
        with pytest.raises((TypeError, AttributeError)):
            mapping["a"] = 1  # type: ignore[index]
        for name in ("clear", "pop", "popitem", "update", "setdefault", "__delitem__", "__ior__"):
            method = getattr(mapping, name, None)
            if method is not None:
                with pytest.raises(TypeError):
                    method({"a": 1})


@pytest.mark.parametrize("way", ["__or__", "copy"])
def test_a_copy_of_a_mapping_is_only_a_copy(way: str, registry: Registry) -> None:
    step = registry.view("alice")["Scoring"]
    data: Any = step.data
    copied = data | {"name": "Other"} if way == "__or__" else data.copy()
    copied["name"] = "Changed"
    assert step.data["name"] == step.name == "Scoring"


def test_the_legacy_table_is_fresh_on_every_call(registry: Registry) -> None:
    view = registry.view("alice")
    table = view.legacy_table()
    assert list(table) == ["Scoring"]
    table["Scoring"]["description"] = "changed"
    table["Scoring"].clear()
    table.clear()
    assert view.legacy_table()["Scoring"]["description"] == "Score a batch."
    assert view.legacy_table() is not view.legacy_table()


def test_answers_do_not_change_when_they_are_requested_again(registry: Registry) -> None:
    view = registry.view("alice")
    first = (view.digest, list(view), dict(view), view.explain_all("Scoring"), registry.digest)
    assert (view.digest, list(view), dict(view), view.explain_all("Scoring"), registry.digest) == first
    assert view["Scoring"] is view["Scoring"]
    assert registry.view("alice") is view


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.yaml", "a: b\nc: [d]\n"),
        ("a.yaml", "a: {b: [c, {d: e}]}\n"),
        ("a.yaml", "a: &a [b]\nc: *a\n"),
        ("a.toml", "a = [{b = [1]}]\n"),
        ("a.toml", "[a]\nb = 1\n[[c]]\nd = 1\n"),
    ],
)
def test_the_data_of_a_document_is_read_only(path: str, text: str) -> None:
    document = read_text(path, text.encode())
    assert isinstance(document, Document)
    for value in reachable(document.data, {}):
        assert isinstance(value, (FrozenMapping, tuple))
    with pytest.raises(AttributeError):
        document.text = "changed"  # type: ignore[misc]


def test_definitions_can_be_distinguished_and_kept_in_sets(registry: Registry) -> None:
    core, alice = registry.view(), registry.view("alice")
    assert core["Scoring"] != alice["Scoring"]
    assert core["Flat"] == alice["Flat"]
    assert core["Flat"] != core["Toml"]
    assert core["Flat"] != "Flat"
