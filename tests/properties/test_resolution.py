"""Resolution over generated registries: it agrees with views, breaks ties consistently and hides nothing."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stepwell.model import StepDefinition, Workspace
from stepwell.model.layer import Layer, Source
from stepwell.resolve.choose import AUTOMATIC, resolve
from stepwell.resolve.conflicts import Agreement, conflicts
from stepwell.resolve.snapshot import Snapshot
from stepwell.resolve.table import LayeredTable
from stepwell.resolve.view import View
from stepwell.source.document import Document
from stepwell.source.errors import AmbiguousStep
from stepwell.source.read import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.slow

NAMES = ("Ranking", "Scoring", "Sorting")
ALIASES = ("OldRanking", "OldScoring")
WORKSPACES = ("alice", "bob", "carol")
FRAMEWORKS = ("pytorch", "xgboost")
TAGS = ("cpu", "gpu")

fields = st.fixed_dictionaries(
    {},
    optional={
        "framework": st.sampled_from(FRAMEWORKS),
        "priority": st.sampled_from((10, 100)),
        "environment_tags": st.lists(st.sampled_from(TAGS), unique=True),
        "aliases": st.lists(st.sampled_from(ALIASES), unique=True),
        "conflict_resolution_strategy": st.sampled_from(AUTOMATIC),
    },
)
tables = st.dictionaries(st.sampled_from(NAMES), fields)
contents = st.fixed_dictionaries(dict.fromkeys(("", *WORKSPACES), tables))
contexts = st.fixed_dictionaries(
    {
        "workspace": st.sampled_from((None, *WORKSPACES)),
        "framework": st.sampled_from((None, *FRAMEWORKS)),
        "environment": st.lists(st.sampled_from(TAGS), unique=True).map(tuple),
        "strategy": st.sampled_from((None, *AUTOMATIC)),
    }
)


def definition(name: str, said: Mapping[str, object], workspace: str | None) -> StepDefinition:
    lines = [f"name: {name}", "description: Made up.", *(f"{key}: {value}" for key, value in said.items())]
    path = f"workspaces/{workspace}/local/steps/{name}.yaml" if workspace else f"registry.d/steps/{name}.yaml"
    document = read_text(path, ("\n".join(lines) + "\n").encode())
    assert isinstance(document, Document), document
    layer = Layer.LOCAL if workspace else Layer.CORE
    return StepDefinition(document.data, (Source(layer, workspace, document),))


def snapshot_of(content: Mapping[str, Mapping[str, Mapping[str, object]]]) -> Snapshot:
    def table(workspace: str) -> Mapping[str, StepDefinition]:
        return MappingProxyType(
            {
                name: definition(name, said, workspace or None)
                for name, said in content.get(workspace, {}).items()
            }
        )

    core = View(None, {"steps": LayeredTable(table(""), None, ())})
    ids = [one for one in WORKSPACES if one in content]
    views = {one: View(one, {"steps": LayeredTable(table(one), core.steps, ())}) for one in ids}
    return Snapshot(core, {one: Workspace(one) for one in ids}, views)


def requested(snapshot: Snapshot) -> list[str]:
    views = [snapshot.core, *(snapshot.view(one) for one in snapshot.workspaces)]
    return [word for word in (*NAMES, *ALIASES) if any(word in view for view in views)]


@given(contents, contexts)
def test_the_candidates_are_what_the_views_answer_once_each(content, context) -> None:
    snapshot = snapshot_of(content)
    for word in requested(snapshot):
        answers = {
            id(view[word]) for view in map(snapshot.view, (None, *WORKSPACES)) if view.get(word) is not None
        }
        found = resolve(snapshot, word, **context)
        assert {id(one.definition) for one in found.candidates} == answers
        assert len(found.candidates) == len(answers)
        assert found.chosen in found.candidates


@given(contents, st.sampled_from(WORKSPACES))
def test_a_workspace_that_sees_the_name_gets_what_its_view_serves(content, workspace) -> None:
    snapshot = snapshot_of(content)
    for word in requested(snapshot):
        view = snapshot.view(workspace)
        if view.get(word) is not None:
            found = resolve(snapshot, word, workspace=workspace, strategy="workspace_priority")
            assert found.definition is view[word]
            assert not found.ambiguous


@given(contents, contexts)
def test_the_strict_mode_refuses_exactly_what_the_automatic_one_calls_ambiguous(content, context) -> None:
    snapshot = snapshot_of(content)
    for word in requested(snapshot):
        found = resolve(snapshot, word, **context)
        if found.ambiguous:
            assert found.tied[0] is found.chosen
            assert len({one.definition.priority for one in found.tied}) == 1
            with pytest.raises(AmbiguousStep) as caught:
                resolve(snapshot, word, mode="strict", **context)
            assert all(one.place in str(caught.value) for one in found.candidates)
        else:
            assert resolve(snapshot, word, mode="strict", **context) == found


@given(contents, contexts)
def test_an_answer_does_not_depend_on_when_or_in_what_order_it_is_requested(content, context) -> None:
    forward, backward = snapshot_of(content), snapshot_of(dict(reversed(content.items())))
    words = requested(forward)
    first = {word: resolve(forward, word, **context) for word in words}
    again = {word: resolve(backward, word, **context) for word in reversed(words)}
    assert first == again
    assert [one.name for one in conflicts(forward)] == [one.name for one in conflicts(backward)]


TWO_CORE_STEPS_OF_ONE_ALIAS = {
    "": {
        "Ranking": {},
        "Scoring": {"aliases": ["OldScoring"]},
        "Sorting": {"framework": "pytorch", "aliases": ["OldScoring"]},
    },
    "alice": {"Scoring": {}},
    "bob": {},
    "carol": {"Scoring": {}},
}
NOTHING_ASKED = {"workspace": None, "framework": None, "environment": (), "strategy": None}


@given(contents, contexts, st.sampled_from(WORKSPACES))
@example(TWO_CORE_STEPS_OF_ONE_ALIAS, NOTHING_ASKED, "alice")
def test_a_workspace_changes_no_answer_for_another_that_sees_the_name(content, context, stranger) -> None:
    snapshot = snapshot_of(content)
    without = snapshot_of({one: table for one, table in content.items() if one != stranger})
    for workspace in without.workspaces:
        for word in requested(without):
            if word in without.view(workspace):
                own_choice = "conflict_resolution_strategy" in without.view(workspace)[word].data
                strategy = "workspace_priority" if own_choice else None
                asked = {**context, "workspace": workspace, "strategy": strategy}
                with_stranger = resolve(snapshot, word, **asked).chosen
                assert with_stranger == resolve(without, word, **asked).chosen


@given(contents)
def test_conflicts_are_the_names_with_several_definitions_all_of_them(content) -> None:
    snapshot = snapshot_of(content)
    owners = {name: [one for one in ("", *WORKSPACES) if name in content[one]] for name in NAMES}
    found = {one.name: one for one in conflicts(snapshot)}
    assert list(found) == [name for name in NAMES if len(owners[name]) > 1]
    for name, conflict in found.items():
        assert [one.workspace or "" for one in conflict.candidates] == owners[name]
        same = len({one.definition.digest for one in conflict.candidates}) == 1
        assert (conflict.agreement is Agreement.IDENTICAL) is same
        said = {field for one in owners[name] for field in content[one][name]}
        assert set(conflict.differing) <= said
        assert conflict.ambiguous is resolve(snapshot, name).ambiguous
        assert conflict.recommendation.endswith(".")
