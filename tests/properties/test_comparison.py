"""What a comparison reports is the whole difference, and nothing but it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.frontends.render.comparison import COMPARISON_RENDERERS
from stepwell.model import Definition, HyperparameterDefinition, StepDefinition
from stepwell.model.layer import Layer
from stepwell.resolve.view import View
from stepwell.review import Comparison, RegistryState, compare, read_state
from stepwell.review.comparison import DefinitionChange, ViewComparison, What
from stepwell.review.snapshot_file import Packed, pack, unpack
from stepwell.source.tree import EntryKind

pytestmark = pytest.mark.slow

TODAY = date(2026, 11, 1)
NAMES = ("Alpha", "Beta", "Gamma", "Delta")
WORDS = st.sampled_from(["one", "two", "three |`@<"])
LISTS = st.lists(st.sampled_from(["a", "b", "c"]), unique=True, max_size=2)
OPTIONAL: Mapping[str, st.SearchStrategy[Any]] = {
    "sagemaker_step_type": st.sampled_from(["Base", "Training"]),
    "framework": WORDS.filter(str.isalpha),
    "config_class": st.sampled_from(["OneConfig", "AlphaConfig"]),
    "builder_step_name": st.sampled_from(["OneBuilder", "TwoBuilder"]),
    "spec_type": st.sampled_from(["Alpha", "Other"]),
    "priority": st.integers(0, 3) | st.just(100),
    "environment_tags": LISTS,
    "aliases": st.lists(st.sampled_from([*NAMES, "Old", "Older"]), unique=True, max_size=2),
    "deprecated": st.fixed_dictionaries(
        {}, optional={"replaced_by": st.sampled_from(NAMES), "note": st.sampled_from(["one", "two"])}
    ),
    "x-a": WORDS | LISTS | st.dictionaries(st.sampled_from(["k", "l"]), WORDS, max_size=2),
    "x-b": st.booleans(),
}
STEPS = st.fixed_dictionaries({"description": WORDS}, optional=OPTIONAL)
CLASSES = st.fixed_dictionaries(
    {"description": WORDS, "module_path": st.sampled_from(["a.b", "c"])},
    optional={"model_type": st.sampled_from(["tree", "forest"]), "x-a": WORDS},
)
PATCHES = st.fixed_dictionaries(
    {}, optional={key: values | st.none() for key, values in OPTIONAL.items() if key != "sagemaker_step_type"}
)


def texts(folder: str, definitions: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, bytes]]:
    for name, data in definitions.items():
        yield f"{folder}/{name.lower()}.yaml", json.dumps({"name": name, **data}).encode()


@st.composite
def registries(draw: st.DrawFn) -> Mapping[str, bytes]:
    """The files of a registry: a core, and workspaces with local steps and overrides."""
    several = st.sampled_from(NAMES)
    files = dict(texts("registry.d/steps", draw(st.dictionaries(several, STEPS, min_size=1, max_size=4))))
    files |= texts("registry.d/hyperparameters", draw(st.dictionaries(several, CLASSES, max_size=2)))
    for one in draw(st.lists(st.sampled_from(["alice", "bob"]), unique=True)):
        base = f"workspaces/{one}"
        files[f"{base}/workspace.yaml"] = f"developer_id: {one}\nconflict_tolerance: high\n".encode()
        files |= texts(f"{base}/local/steps", draw(st.dictionaries(several, STEPS, max_size=2)))
        files |= texts(f"{base}/override/steps", draw(st.dictionaries(several, PATCHES, max_size=2)))
    first = draw(st.lists(several, unique=True, max_size=4))
    files["stepwell.toml"] = (
        '[rules]\nduplicate-config-class = "off"\nalias-collision = "off"\nfreeze-target = "off"\n'
        f'[[freeze]]\noutput = "step_names.py"\nfirst = {json.dumps(first)}\n'
    ).encode()
    return files


def tree(files: Mapping[str, bytes]) -> Packed:
    folders: dict[str, dict[str, EntryKind]] = {"": {}}
    for path in files:
        here = ""
        for part in path.split("/"):
            below = f"{here}/{part}" if here else part
            folders.setdefault(here, {})[part] = EntryKind.FILE if below == path else EntryKind.FOLDER
            here = below
    return Packed(files, folders)


def state(files: Mapping[str, bytes], like: RegistryState | None = None) -> RegistryState:
    return read_state("a state", "/project", tree(files), TODAY, like=like)


def compared(old: RegistryState, new: RegistryState) -> Comparison:
    return compare(old, new, lambda _: None)


def resolved(definition: Definition) -> dict[str, Any]:
    """Every field of a definition, ``x-`` keys beside the others."""
    said = {name: definition[name] for name in definition.fields() if name != "extensions"}
    return {**said, **definition.extensions}


def served(view: View) -> dict[tuple[str, str], dict[str, Any]]:
    steps = {("step", name): resolved(one) for name, one in view.steps.items()}
    return steps | {("hyperparameter", name): resolved(one) for name, one in view.hyperparameters.items()}


def applied(
    table: Mapping[tuple[str, str], Mapping[str, Any]], changes: tuple[DefinitionChange, ...]
) -> dict[tuple[str, str], dict[str, Any]]:
    """A table after the changes that a comparison reports, by nothing but what they say."""
    result = {key: dict(row) for key, row in table.items()}
    for change in changes:
        key = (change.noun, change.name)
        if change.what is What.ADDED:
            make = StepDefinition if change.noun == "step" else HyperparameterDefinition
            stated = {field.field: field.new for field in change.fields}
            result[key] = resolved(make({"name": change.name, **stated}))
            continue
        row = result.pop((change.noun, change.old_name or change.name))
        if change.what is What.REMOVED:
            continue
        row["name"] = change.name
        for field in change.fields:
            row[field.field] = field.new
            if field.field.startswith("x-") and field.new is None:
                del row[field.field]
        result[key] = row
    return result


def local(view: View) -> set[str]:
    """The steps that a workspace defines completely, whatever the core defines."""
    return {name for name, step in view.steps.above.items() if step.sources[-1].layer is Layer.LOCAL}


def of_workspace(
    view: ViewComparison | None, core: ViewComparison, own: set[tuple[str, str]]
) -> tuple[DefinitionChange, ...]:
    """What changes in a workspace: its own changes, and what it inherits."""
    said = view.changes if view is not None else ()
    spoken = own | {(one.noun, name) for one in said for name in (one.name, one.old_name)}
    spoken |= {(one.noun, one.name) for one in (view.hidden if view is not None else ())}
    inherited = [
        one
        for one in core.changes
        if (one.noun, one.name) not in spoken and (one.noun, one.old_name or one.name) not in spoken
    ]
    return (*said, *inherited)


@given(registries())
def test_a_state_does_not_differ_from_itself(files: Mapping[str, bytes]) -> None:
    one = state(files)
    for other in (one, state(files), state(files, one)):
        found = compared(one, other)
        assert not found
        assert found.effects == ()


@given(registries(), registries())
def test_the_reported_changes_make_the_new_core_of_the_old_one(
    old_files: Mapping[str, bytes], new_files: Mapping[str, bytes]
) -> None:
    old, new = state(old_files), state(new_files)
    core = compared(old, new).views[0]
    before, after = old.loaded.snapshot.core, new.loaded.snapshot.core
    assert applied(served(before), core.changes) == served(after)
    legacy = ("config_class", "builder_step_name", "spec_type", "sagemaker_step_type", "description")
    table = {
        name: {field: row[field] for field in legacy}
        for (noun, name), row in applied(served(before), core.changes).items()
        if noun == "step" and row["sagemaker_step_type"] is not None
    }
    assert table == after.legacy_table()
    moved = core.reordering.moved if core.reordering is not None else ()
    kept = [name for name in after.legacy_table() if name in before.legacy_table() and name not in moved]
    assert kept == [name for name in before.legacy_table() if name in kept]


@given(registries(), registries())
def test_the_reported_changes_make_the_new_view_of_a_workspace(
    old_files: Mapping[str, bytes], new_files: Mapping[str, bytes]
) -> None:
    old, new = state(old_files), state(new_files)
    views = {view.workspace: view for view in compared(old, new).views}
    both = old.loaded.snapshot.workspaces.keys() & new.loaded.snapshot.workspaces.keys()
    for one in both:
        before, after = old.loaded.snapshot.view(one), new.loaded.snapshot.view(one)
        own = {("step", name) for name in local(before) & local(after)}
        changes = of_workspace(views.get(one), views[None], own)
        assert applied(served(before), changes) == served(after), one


def test_the_teams_own_key_is_hidden_only_where_the_view_keeps_it() -> None:
    one = (
        ("workspaces/alice/workspace.yaml", b"developer_id: alice\nconflict_tolerance: high\n"),
        (
            "stepwell.toml",
            b"",
        ),
    )
    before, after = {"Alpha": {"description": "one", "x-b": 1}}, {"Alpha": {"description": "one", "x-b": 2}}
    local = "workspaces/alice/local/steps"
    old = state(dict([*one, *texts("registry.d/steps", before), *texts(local, before)]))
    new = state(dict([*one, *texts("registry.d/steps", after), *texts(local, after)]))
    (core, *others) = compared(old, new).views
    assert [field.field for field in core.changes[0].fields] == ["x-b"]
    assert [view.hidden for view in others] in ([], [()])


def test_a_workspace_inherits_the_classes_of_a_core_without_steps() -> None:
    one = ("workspaces/alice/workspace.yaml", b"developer_id: alice\n"), ("stepwell.toml", b"")
    added = texts("registry.d/hyperparameters", {"Alpha": {"description": "one", "module_path": "a.b"}})
    old, new = state(dict(one)), state(dict([*one, *added]))
    core, *others = compared(old, new).views
    assert [change.name for change in core.changes] == ["Alpha"]
    assert others == []
    assert "Alpha" in new.loaded.snapshot.view("alice").hyperparameters


@given(registries(), registries())
def test_what_is_shared_between_states_changes_no_answer(
    old_files: Mapping[str, bytes], new_files: Mapping[str, bytes]
) -> None:
    new_files = {**new_files, "stepwell.toml": old_files["stepwell.toml"]}
    new = state(new_files)
    alone, shared = compared(state(old_files), new), compared(state(old_files, new), new)
    assert shared == alone
    for render in COMPARISON_RENDERERS.values():
        told = "".join(render(alone, color=False, verbose=True))
        assert told == "".join(render(shared, color=False, verbose=True))
        assert "|`@<" not in told.partition("<!-- stepwell-diff -->")[2]


@given(registries(), registries())
def test_a_packed_state_is_the_state(old_files: Mapping[str, bytes], new_files: Mapping[str, bytes]) -> None:
    old, new = state(old_files), state(new_files)
    text = pack(old)
    unpacked = unpack("a.json", text.encode())
    again = read_state("a state", "/elsewhere", unpacked.tree, TODAY)
    assert again.loaded.snapshot.digest == old.loaded.snapshot.digest == json.loads(text)["digest"]
    assert again.loaded.diagnostics == old.loaded.diagnostics
    assert pack(again) == text
    assert compared(again, new) == compared(old, new)
