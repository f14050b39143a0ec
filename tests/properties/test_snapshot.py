"""What a project serves depends on what its files say, and on nothing else."""

from __future__ import annotations

import json
import os
import random as random_module
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml as pyyaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

import stepwell
from stepwell.live.registry import Registry
from stepwell.resolve.view import View
from stepwell.source.document import thaw
from stepwell.source.yaml_writer import to_yaml

pytestmark = pytest.mark.slow

NAMES = ("Scoring", "Ranking", "Sorting", "Rating")
TYPES = st.sampled_from(["Processing", "Training"])
TAGS = st.lists(st.sampled_from(["cpu", "gpu", "production"]), unique=True, max_size=3)
FIELDS: Mapping[str, st.SearchStrategy[Any]] = {
    "sagemaker_step_type": TYPES,
    "framework": st.sampled_from(["xgboost", "pytorch", 'it\'s "odd"']),
    "builder_step_name": st.sampled_from(["OneBuilder", "OtherBuilder"]),
    "spec_type": st.sampled_from(["One", "Other"]),
    "priority": st.integers(0, 1000),
    "environment_tags": TAGS,
    "compatibility_tags": TAGS,
    "conflict_resolution_strategy": st.sampled_from(["framework_match", "priority_based"]),
    "deprecated": st.fixed_dictionaries(
        {}, optional={"since": st.just("1"), "note": st.sampled_from(["Old.", "é"])}
    ),
    "x-limits": st.fixed_dictionaries({}, optional={"memory": st.integers(1, 3), "tags": TAGS}),
    "x-own": st.one_of(st.booleans(), st.integers(0, 2), st.sampled_from(["a", "2"]), st.just(0.5)),
}
DESCRIPTIONS = st.sampled_from(["Do it.", 'Do it: "well", it\'s # fine.', "é \N{GRINNING FACE}\nsecond line"])


def definitions(*, whole: bool) -> st.SearchStrategy[dict[str, dict[str, Any]]]:
    """Some steps by name; without ``whole`` only changes to them, some of which remove a field."""
    if whole:
        fields = st.fixed_dictionaries({"description": DESCRIPTIONS}, optional=dict(FIELDS))
    else:
        optional = {name: st.one_of(values, st.none()) for name, values in FIELDS.items()}
        fields = st.fixed_dictionaries({}, optional={"description": DESCRIPTIONS, **optional})
    return st.dictionaries(st.sampled_from(NAMES), fields, max_size=3)


LAYERS = st.fixed_dictionaries({"local": definitions(whole=True), "override": definitions(whole=False)})
CORE = definitions(whole=True)


def files(folder: str, steps: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {
        f"{folder}/steps/{name.lower()}.yaml": to_yaml({"name": name, **fields})
        for name, fields in steps.items()
    }


def project(core: Mapping[str, Any], workspaces: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    found = {"stepwell.toml": "", **files("registry.d", core)}
    for name, layers in workspaces.items():
        found[f"workspaces/{name}/workspace.yaml"] = f"developer_id: {name}\n"
        for layer, steps in layers.items():
            found |= files(f"workspaces/{name}/{layer}", steps)
    return found


def opened(content: Mapping[str, str], order: random_module.Random | None = None) -> Registry:
    """The registry of a project that is written, read and deleted again."""
    paths = list(content)
    if order is not None:
        order.shuffle(paths)
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            file = Path(folder, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content[path].encode())
        return stepwell.open(folder)


@settings(max_examples=60)
@given(CORE, LAYERS, LAYERS, LAYERS)
def test_no_layer_of_a_workspace_shows_in_another_view(core: Any, alice: Any, other: Any, bob: Any) -> None:
    before = opened(project(core, {"alice": alice, "bob": bob}))
    after = opened(project(core, {"alice": other, "bob": bob}))
    without = opened(project(core, {"bob": bob}))
    for registry in (after, without):
        assert registry.view().digest == before.view().digest
        assert registry.view("bob").digest == before.view("bob").digest
        assert dict(registry.view("bob")) == dict(before.view("bob"))
        assert registry.view("bob").diagnostics == before.view("bob").diagnostics
        assert registry.view().diagnostics == before.view().diagnostics


@settings(max_examples=60)
@given(CORE, LAYERS)
def test_a_workspace_sees_override_then_local_then_core(core: Any, alice: Any) -> None:
    view = opened(project(core, {"alice": alice})).view("alice")
    expected: dict[str, Any] = {}
    for name in NAMES:
        base = alice["local"].get(name, core.get(name))
        if base is None:
            continue
        expected[name] = _patched({"name": name, **base}, alice["override"].get(name, {}))
    assert {name: thaw(step.data) for name, step in view.items()} == expected


def _patched(target: Any, patch: Mapping[str, Any]) -> Any:
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _patched(result.get(key), value) if isinstance(value, dict) else value
    return result


@settings(max_examples=60)
@given(CORE, LAYERS)
def test_what_a_workspace_leaves_alone_is_the_core_s_very_definition(core: Any, alice: Any) -> None:
    registry = opened(project(core, {"alice": alice}))
    touched = alice["local"].keys() | alice["override"].keys()
    for name in registry.view():
        if name not in touched:
            assert registry.view("alice")[name] is registry.view()[name]


@settings(max_examples=40)
@given(CORE, LAYERS, st.randoms(use_true_random=False))
def test_the_order_of_files_and_of_the_scan_does_not_show(
    core: Any, alice: Any, order: random_module.Random
) -> None:
    content = project(core, {"alice": alice, "bob": {}})
    plain = opened(content)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("STEPWELL_CACHE_DIR", "")
        patched.setattr(os, "scandir", _shuffling(order))
        shuffled = opened(content, order)
    assert shuffled.digest == plain.digest
    assert shuffled.diagnostics == plain.diagnostics
    assert shuffled.workspaces == plain.workspaces
    assert list(shuffled.view("alice")) == list(plain.view("alice"))


def _shuffling(order: random_module.Random) -> Any:
    scandir = os.scandir

    class Shuffled:
        def __init__(self, path: str) -> None:
            self._scan = scandir(path)

        def __enter__(self) -> Any:
            entries = list(self._scan)
            order.shuffle(entries)
            return iter(entries)

        def __exit__(self, *_: object) -> None:
            self._scan.close()

    return Shuffled


@settings(max_examples=40)
@given(CORE, LAYERS, st.randoms(use_true_random=False))
@example(
    {"Scoring": {"description": "Do it.", "priority": 5, "x-limits": {"memory": 1, "tags": ["cpu"]}}},
    {"local": {}, "override": {}},
    random_module.Random(0),  # noqa: S311 - no secret
)
def test_formatting_does_not_show_in_a_digest(core: Any, alice: Any, order: random_module.Random) -> None:
    content = project(core, {"alice": alice})
    rewritten = {path: _written_otherwise(path, text, order) for path, text in content.items()}
    other = opened(rewritten)
    plain = opened(content)
    assert other.digest == plain.digest
    assert other.view("alice").digest == plain.view("alice").digest
    assert dict(other.view("alice")) == dict(plain.view("alice"))


def _written_otherwise(path: str, text: str, order: random_module.Random) -> str:
    """The same data with its keys in another order and style, as JSON, or with CRLF."""
    if not path.endswith(".yaml"):
        return text
    data = _shuffled(pyyaml.safe_load(text), order)
    way = order.randrange(4)
    if way == 0:
        return json.dumps(data, ensure_ascii=False, indent=order.choice([None, 2]))
    if way == 1:
        return pyyaml.safe_dump(data, sort_keys=False, default_flow_style=True, allow_unicode=True)
    if way == 2:
        return "# comment\r\n" + pyyaml.safe_dump(data, sort_keys=False).replace("\n", "\r\n")
    return pyyaml.safe_dump(data, sort_keys=False, default_style='"') if not _has_others(data) else text


def _shuffled(data: Any, order: random_module.Random) -> Any:
    if not isinstance(data, dict):
        return data
    keys = list(data)
    order.shuffle(keys)
    return {key: _shuffled(data[key], order) for key in keys}


def _has_others(data: Any) -> bool:
    """Whether quoting everything would tag something, as PyYAML does with what is not text."""
    inside = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return not isinstance(data, (dict, list, str)) or any(map(_has_others, inside))


CHANGES: Mapping[str, tuple[Any, Any]] = {
    "name": ("Scoring", "Scoringly"),
    "sagemaker_step_type": ("Processing", "Training"),
    "description": ("Do it.", "Do it"),
    "framework": ("xgboost", "xgboost2"),
    "config_class": ("AConfig", "BConfig"),
    "builder_step_name": ("ABuilder", "BBuilder"),
    "spec_type": ("A", "B"),
    "priority": (5, 6),
    "environment_tags": (["a", "b"], ["b", "a"]),
    "compatibility_tags": (["a", "b"], ["ab"]),
    "conflict_resolution_strategy": ("framework_match", "priority_based"),
    "aliases": (["Old"], ["Older"]),
    "deprecated": ({"since": "1"}, {"note": "1"}),
    "x-own": ({"a": {"b": 1}}, {"a": {"b": 2}}),
    "x-other": ("1", 1),
    "x-kind": (1, True),
    "x-float": (1, 1.5),
    "x-null": ([None], [0]),
}
WHOLE = {"name": "Scoring", "description": "Do it."}


@pytest.mark.parametrize("field", CHANGES)
def test_a_digest_changes_with_every_field(field: str) -> None:
    digests = []
    for value in CHANGES[field]:
        data = {**WHOLE, field: value}
        path = f"registry.d/steps/{data['name'].lower()}.yaml"
        registry = opened({"stepwell.toml": "", path: to_yaml(data), "workspaces/alice/workspace.yaml": ""})
        assert registry.diagnostics == ()
        digests += [registry.digest, registry.view().digest, registry.view("alice").digest]
        digests.append(registry.view()[data["name"]].digest)
    assert len(set(digests)) == 6  # core and alice see the same


@pytest.mark.parametrize("field", ["name", "module_path", "model_type", "description", "x-own"])
def test_a_digest_changes_with_every_field_of_hyperparameters(field: str) -> None:
    whole = {"name": "Odd", "module_path": "a.b", "model_type": "c", "description": "d", "x-own": "e"}
    digests = set()
    for end in ("", "z"):
        data = {**whole, field: whole[field] + end}
        path = f"registry.d/hyperparameters/{data['name'].lower()}.yaml"
        registry = opened({"stepwell.toml": "", path: to_yaml(data)})
        assert registry.diagnostics == ()
        digests |= {registry.digest, registry.view().digest}
    assert len(digests) == 4


WORKSPACE_CHANGES: Mapping[str, Any] = {
    "version": "1",
    "description": "Ours.",
    "dependencies": ["bob"],
    "default_resolution_strategy": "framework_match",
    "preferred_frameworks": ["xgboost"],
    "environment_preferences": ["gpu"],
    "conflict_tolerance": "low",
    "x-own": 1,
}


@pytest.mark.parametrize("field", WORKSPACE_CHANGES)
def test_the_digest_changes_with_every_field_of_a_workspace(field: str) -> None:
    plain = opened({"stepwell.toml": "", "workspaces/alice/workspace.yaml": ""})
    said = opened(
        {"stepwell.toml": "", "workspaces/alice/workspace.yaml": to_yaml({field: WORKSPACE_CHANGES[field]})}
    )
    assert said.diagnostics == ()
    assert said.digest != plain.digest
    assert said.view("alice").digest == plain.view("alice").digest


def test_equal_content_has_an_equal_digest_however_it_came_about() -> None:
    merged = opened(
        project(
            {"Scoring": {"description": "Do it.", "priority": 5}},
            {
                "alice": {"override": {"Scoring": {"priority": 6}}},
                "bob": {"local": {"Scoring": {"description": "Do it.", "priority": 6}}},
            },
        )
    )
    stated = opened(project({"Scoring": {"description": "Do it.", "priority": 6}}, {}))
    assert merged.view("alice").digest == merged.view("bob").digest == stated.view().digest
    assert merged.view().digest != stated.view().digest


def test_a_number_is_the_same_number_however_it_is_written() -> None:
    digests = {
        opened({"stepwell.toml": "", f"registry.d/steps/scoring.{ending}": text}).digest
        for ending, text in (
            ("yaml", "name: Scoring\ndescription: Do it.\npriority: 50\n"),
            ("yaml", "name: Scoring\ndescription: Do it.\npriority: 50.0\n"),
            ("yaml", "name: Scoring\ndescription: Do it.\npriority: 0x32\n"),
            ("toml", 'name = "Scoring"\ndescription = "Do it."\npriority = 5_0\n'),
        )
    }
    assert len(digests) == 1


def test_a_field_that_states_its_default_is_served_as_one_that_does_not() -> None:
    registry = opened(
        project(
            {"Scoring": {"description": "Do it.", "sagemaker_step_type": "Processing"}},
            {
                "alice": {
                    "override": {"Scoring": {"priority": 100, "config_class": "ScoringConfig", "aliases": []}}
                }
            },
        )
    )
    assert registry.view("alice")["Scoring"] == registry.view()["Scoring"]
    assert registry.view("alice").digest == registry.view().digest
    assert [found.id for found in registry.diagnostics] == ["override-changes-nothing"]


@settings(max_examples=60)
@given(CORE, LAYERS, st.permutations(NAMES).flatmap(lambda names: st.integers(0, 4).map(lambda n: names[:n])))
def test_look_up_iteration_and_legacy_table_agree(core: Any, alice: Any, first: list[str]) -> None:
    content = project(core, {"alice": alice})
    content["stepwell.toml"] = f'[[freeze]]\noutput = "a.py"\nfirst = {json.dumps(first)}\n'
    registry = opened(content)
    for view in (registry.view(), registry.view("alice")):
        _agrees(view, first)


def _agrees(view: View, first: list[str]) -> None:
    names = list(view)
    assert names == [name for name in first if name in view] + sorted(set(names) - set(first))
    assert len(view) == len(names) == len(set(names))
    assert names == list(view.keys()) == list(view.steps) == [step.name for step in view.values()]
    for name in names:
        assert name in view
        assert view[name] is view.steps[name]
        assert view.get(name) is view[name]
    legacy = [name for name in names if view[name].sagemaker_step_type is not None]
    assert list(view.legacy_table()) == legacy
    for name, row in view.legacy_table().items():
        assert row == {field: getattr(view[name], field) for field in row}
        assert list(row) == [
            "config_class",
            "builder_step_name",
            "spec_type",
            "sagemaker_step_type",
            "description",
        ]
        assert all(isinstance(value, str) for value in row.values())
    for name in set(NAMES) - set(names):
        assert name not in view
        with pytest.raises(stepwell.UnknownStep):
            view[name]
    for field, ask in (
        ("config_class", view.by_config_class),
        ("builder_step_name", view.by_builder),
        ("spec_type", view.by_spec_type),
    ):
        for value in {getattr(step, field) for step in view.values()} - {None}:
            holders = [step for step in view.values() if getattr(step, field) == value]
            assert ask(value) is holders[0]
    for kind in ("Processing", "Training", "Nothing"):
        assert list(view.by_sagemaker_type(kind)) == [
            step for step in view.values() if step.sagemaker_step_type == kind
        ]


@settings(max_examples=40)
@given(CORE, LAYERS)
def test_an_explanation_s_winner_is_what_is_served(core: Any, alice: Any) -> None:
    view = opened(project(core, {"alice": alice})).view("alice")
    for name, step in view.items():
        for told in view.explain_all(name):
            value: Any = step.data
            for part in told.field.split("."):
                value = value.get(part) if hasattr(value, "get") else None
            served = getattr(step, told.field, None) if value is None and "." not in told.field else value
            assert told.winner.value == served
            assert told.value == served
            for origin in (told.winner, *told.losers):
                assert (origin.span is None) == (
                    origin.how in ("by convention", "schema default", "not stated")
                )
