"""What changes mean: nothing where nothing changed, one break for each name that went, and exact guesses."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.resolve.view import View
from stepwell.review import Comparison, RegistryState, compare, read_state
from stepwell.review.comparison import Level
from stepwell.review.diff import views_that_differ
from stepwell.review.effects.change_scope import touched_views
from stepwell.review.effects.file_name_lookup import Guesser, all_known, differing_file_names, probes_of
from stepwell.review.effects.schema_diff import differences
from stepwell.source.spelling import Naming, canonical_name
from stepwell.source.tree import Folder

pytestmark = pytest.mark.slow

WORDS = ("XGBoost", "PyTorch", "Tabular", "Risk", "Model", "Eval", "Training", "Preprocessing", "V2")
NAMES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map("".join)
FIELDS: Mapping[str, st.SearchStrategy[Any]] = {
    "sagemaker_step_type": st.sampled_from(["Processing", "Training"]),
    "framework": st.sampled_from(["xgboost", "pytorch"]),
    "builder_step_name": st.sampled_from(["OneBuilder", "OtherBuilder"]),
    "spec_type": st.sampled_from(["One", "Other"]),
    "priority": st.integers(0, 3),
    "aliases": st.lists(st.sampled_from(["OldOne", "OldOther"]), unique=True, max_size=2),
}
STEPS = st.dictionaries(NAMES, st.fixed_dictionaries({}, optional=dict(FIELDS)), max_size=6)
FIRST = st.lists(NAMES, unique=True, max_size=3)
STATES = st.fixed_dictionaries({"core": STEPS, "local": STEPS, "override": STEPS, "first": FIRST})
NAMINGS = st.sampled_from(
    [
        "",
        '[naming]\njob_type_suffixes = ["training", "eval"]\nabbreviations = { risk = "", pt = "PyTorch" }\n',
    ]
)
OFF = '[rules]\nalias-collision = "off"\nduplicate-config-class = "off"\nfreeze-target = "off"\n'
TODAY = date(2026, 11, 24)


def read(folder: Path, said: Mapping[str, Any], naming: str = "") -> RegistryState:
    """A state that is written to a folder, with one workspace, core and workspace frozen."""
    first = json.dumps(said["first"])
    frozen = f'[[freeze]]\noutput = "all.py"\nworkspace = "all"\nfirst = {first}\n'
    write(folder / "stepwell.toml", OFF + naming + frozen)
    layers = {"core": "registry.d", "local": "workspaces/one/local", "override": "workspaces/one/override"}
    for layer, path in layers.items():
        for name, fields in said[layer].items():
            data = {"name": name, **({} if layer == "override" else {"description": "Do it."}), **fields}
            write(folder / path / "steps" / f"{Naming().stem(name)}.yaml", json.dumps(data))
    return read_state(folder.name, str(folder), Folder(str(folder)), TODAY)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def compared(old: RegistryState, new: RegistryState) -> Comparison:
    return compare(old, new, lambda _: None)


def table(view: View) -> list[str]:
    return [name for name, step in view.steps.items() if step.sagemaker_step_type is not None]


@given(STATES)
@settings(max_examples=25)
def test_what_did_not_change_has_no_effect(said: Mapping[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        assert compared(read(root / "old", said), read(root / "new", said)).effects == ()


@given(STATES, STATES)
@settings(max_examples=60)
def test_every_name_that_left_a_table_breaks_importers_once(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        old, new = read(root / "old", before), read(root / "new", after)
    effects = compared(old, new).effects
    assert len({effect.key for effect in effects}) == len(effects)
    assert list(effects) == sorted(effects, key=lambda effect: effect.sort_key)
    left = [effect for effect in effects if effect.id == "name-left-table"]
    assert {effect.level for effect in left} <= {Level.BREAKING}
    was, now = old.loaded.snapshot, new.loaded.snapshot
    gone = set(table(was.core)) - set(table(now.core))
    assert sorted(effect.subject for effect in left if effect.workspace is None) == sorted(gone)
    if "one" in was.workspaces and "one" in now.workspaces:
        gone_there = set(table(was.view("one"))) - set(table(now.view("one")))
        told = {effect.subject for effect in left if effect.workspace == "one"}
        assert told <= gone_there <= told | gone


@given(STEPS, STEPS, FIRST, FIRST, NAMINGS, NAMINGS)
@settings(max_examples=60)
def test_file_names_mean_what_the_whole_look_up_returns(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    first_before: Sequence[str],
    first_after: Sequence[str],
    naming_before: str,
    naming_after: str,
) -> None:
    nothing: dict[str, Any] = {"local": {}, "override": {}}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        old = read(root / "old", {"core": before, "first": first_before, **nothing}, naming_before)
        new = read(root / "new", {"core": after, "first": first_after, **nothing}, naming_after)
    known = all_known(old, new)
    settings_of = [state.loaded.project.settings.naming for state in (old, new)]
    names = sorted({*before, *after})
    probes = {
        *probes_of(names, settings_of[0]),
        *probes_of(names, settings_of[1]),
        "_",
        "a__b",
        "eval_eval_risk_v2_model",
    }
    answers: list[dict[str, str | None]] = []
    for state, naming in zip((old, new), settings_of, strict=True):
        view = state.loaded.snapshot.core
        guesser = Guesser(view, naming, known)
        answers.append({})
        for probe in probes:
            try:
                said = canonical_name(probe, table(view), naming.job_type_suffixes, naming.abbreviations)
            except ValueError:
                said = None
            answers[-1][probe] = said
            assert guesser.meant(probe) == said
    views = views_that_differ(old.loaded.snapshot, new.loaded.snapshot)
    touched = touched_views(old, new, views)[None]
    found = differing_file_names(touched, *settings_of, known)
    assert all(pair == (answers[0][name], answers[1][name]) for name, pair in found.items() if name in probes)
    tables = [set(table(state.loaded.snapshot.core)) for state in (old, new)]
    changed = sorted((tables[0] ^ tables[1]) | set(touched.moved))
    for probe in {*probes_of(changed, settings_of[0]), *probes_of(changed, settings_of[1])}:
        pair = answers[0][probe], answers[1][probe]
        assert (probe in found) == (pair[0] is not None and pair[0] != pair[1])


SCHEMAS = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["string", "integer", ["number", "null"], "object"]),
            "enum": st.lists(st.sampled_from(["a", 1, True, None]), max_size=3),
            "minimum": st.integers(0, 3),
            "maxLength": st.integers(0, 3),
            "pattern": st.sampled_from(["^a", "b$"]),
            "required": st.lists(st.sampled_from("ab"), unique=True),
            "uniqueItems": st.booleans(),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
            "additionalProperties": st.one_of(st.booleans(), inner),
            "items": inner,
            "anyOf": st.lists(inner, min_size=1, max_size=3),
            "$defs": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
        },
    ),
    max_leaves=6,
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-1, 4), st.sampled_from(["", "a", "ab", "abcd"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abcd"), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(SCHEMAS)
def test_a_schema_is_as_strict_as_itself(schema: Mapping[str, Any]) -> None:
    assert differences(schema, json.loads(json.dumps(schema))) == ()


@given(SCHEMAS, SCHEMAS, VALUES)
@settings(max_examples=400)
def test_newly_rejected_values_are_reported_as_stricter(
    old: Mapping[str, Any], new: Mapping[str, Any], value: Any
) -> None:
    takes = [jsonschema_rs.Draft202012Validator(one).is_valid(value) for one in (old, new)]
    found = differences(old, new)
    if takes == [True, False]:
        assert any(one.is_stricter for one in found)
    if takes == [False, True]:
        assert found
    for one in found:
        if one.is_stricter and one.refuses is not None:
            refused = any(one.refuses(inside) for _, inside in one.values_in(value))
            assert not (refused and takes[1])
