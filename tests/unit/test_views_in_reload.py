"""A reload updates every view whose own layers are valid, and keeps the last valid state of the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import stepwell
from stepwell.live.registry import Registry
from stepwell.live.store import Event

Project = Callable[..., Path]

CORE = "registry.d/steps/scoring.yaml"
OTHER = "registry.d/steps/ranking.yaml"
ALICE = "workspaces/alice/override/steps/scoring.yaml"
BOB = "workspaces/bob/local/steps/sorting.yaml"
FILES = {
    CORE: "name: Scoring\ndescription: Score.\npriority: 10\n",
    OTHER: "name: Ranking\ndescription: Rank.\npriority: 10\n",
    ALICE: "name: Scoring\npriority: 20\n",
    BOB: "name: Sorting\ndescription: Sort.\npriority: 10\n",
}
TEN, THIRTY = "priority: 10", "priority: 30"
BROKEN = "name: [\n"


@pytest.fixture
def registry(project: Project) -> Registry:
    return stepwell.open(project(FILES))


def write(registry: Registry, changes: dict[str, str | None]) -> Event | None:
    for path, text in changes.items():
        file = Path(registry.project.root, path)
        if text is None:
            file.unlink()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    return registry.reload()


def priorities(registry: Registry, step: str) -> dict[str | None, float]:
    views = {one: registry.view(one) for one in (None, *registry.workspaces)}
    return {one: view[step].priority for one, view in views.items() if step in view}


def test_a_broken_workspace_stops_neither_the_core_nor_others(registry: Registry) -> None:
    event = write(registry, {ALICE: BROKEN})
    assert event is not None
    assert (event.accepted, event.kept) == (False, ("alice",))
    event = write(registry, {CORE: FILES[CORE].replace(TEN, THIRTY), BOB: FILES[BOB].replace(TEN, THIRTY)})
    assert event is not None
    assert (event.accepted, event.kept) == (True, ("alice",))
    assert priorities(registry, "Scoring") == {None: 30, "alice": 20, "bob": 30}
    assert priorities(registry, "Sorting") == {"bob": 30}
    assert [found.id for found in registry.diagnostics] == ["invalid-yaml"]
    health = registry.health()
    assert (health.current, health.kept) == (False, ("alice",))
    assert "is still served for `alice`" in health.recommendations[0]
    event = write(registry, {ALICE: "name: Scoring\npriority: 21\n"})
    assert event is not None
    assert (event.accepted, event.kept) == (True, ())
    assert priorities(registry, "Scoring") == {None: 30, "alice": 21, "bob": 30}
    assert registry.digest == stepwell.open(registry.project.root).digest


def test_one_reload_applies_what_is_valid_and_keeps_the_rest(registry: Registry) -> None:
    event = write(registry, {ALICE: BROKEN, BOB: BROKEN, CORE: FILES[CORE].replace(TEN, THIRTY)})
    assert event is not None
    assert (event.accepted, event.kept) == (True, ("alice", "bob"))
    assert [*event.changes.core.changed] == [("Scoring", "step")]
    assert not event.changes.workspaces
    event = write(registry, {BOB: FILES[BOB]})  # as before, over the new core
    assert event is not None
    assert (event.accepted, event.kept) == (True, ("alice",))
    assert priorities(registry, "Scoring") == {None: 30, "alice": 20, "bob": 30}


def test_a_broken_core_keeps_its_definitions_also_below_valid_workspaces(registry: Registry) -> None:
    event = write(registry, {CORE: BROKEN, BOB: FILES[BOB].replace(TEN, THIRTY)})
    assert event is not None
    assert (event.accepted, event.kept) == (True, (None,))
    assert priorities(registry, "Scoring") == {None: 10, "alice": 20, "bob": 10}
    assert priorities(registry, "Sorting") == {"bob": 30}
    event = write(
        registry, {OTHER: FILES[OTHER].replace(TEN, THIRTY), ALICE: "name: Scoring\npriority: 21\n"}
    )
    assert event is not None
    assert event.kept == (None,)
    assert priorities(registry, "Ranking") == {None: 10, "alice": 10, "bob": 10}
    assert priorities(registry, "Scoring") == {None: 10, "alice": 21, "bob": 10}
    event = write(registry, {CORE: FILES[CORE]})
    assert event is not None
    assert (event.accepted, event.kept) == (True, ())
    assert registry.digest == stepwell.open(registry.project.root).digest


def test_an_override_of_a_step_that_only_the_broken_core_has_waits_for_it(registry: Registry) -> None:
    added = "name: Rating\ndescription: Rate.\n"
    changes: dict[str, str | None] = {
        CORE: BROKEN,
        "registry.d/steps/rating.yaml": added,
        "workspaces/bob/override/steps/rating.yaml": "name: Rating\npriority: 5\n",
    }
    event = write(registry, changes)
    assert event is not None
    assert (event.accepted, event.kept) == (False, (None, "bob"))
    assert priorities(registry, "Rating") == {}
    event = write(registry, {CORE: FILES[CORE]})
    assert event is not None
    assert event.kept == ()
    assert priorities(registry, "Rating") == {None: 100, "alice": 100, "bob": 5}


def test_a_core_edit_that_breaks_an_override_keeps_only_that_view(registry: Registry) -> None:
    event = write(registry, {CORE: None})
    assert event is not None
    assert (event.accepted, event.kept) == (True, ("alice",))
    assert priorities(registry, "Scoring") == {"alice": 20}
    write(registry, {CORE: FILES[CORE], OTHER: BROKEN})  # now the core is broken, and alice is valid over it
    assert registry.health().kept == (None, "alice")
    assert priorities(registry, "Scoring") == {"alice": 20}
    event = write(registry, {OTHER: FILES[OTHER]})
    assert event is not None
    assert event.kept == ()
    assert registry.digest == stepwell.open(registry.project.root).digest


def test_a_workspace_that_is_new_and_broken_is_served_once_it_is_valid(registry: Registry) -> None:
    own = "workspaces/carol/local/steps/rating.yaml"
    event = write(registry, {own: BROKEN, CORE: FILES[CORE].replace(TEN, THIRTY)})
    assert event is not None
    assert (event.accepted, event.kept) == (True, ("carol",))
    assert registry.workspaces == ("alice", "bob")
    event = write(registry, {own: "name: Rating\ndescription: Rate.\n"})
    assert event is not None
    assert (event.kept, registry.workspaces) == ((), ("alice", "bob", "carol"))


def test_a_workspace_folder_with_an_invalid_name_stops_no_view(registry: Registry) -> None:
    event = write(
        registry, {"workspaces/Not an id/note.yaml": "a: 1\n", BOB: FILES[BOB].replace(TEN, THIRTY)}
    )
    assert event is not None
    assert (event.accepted, event.kept) == (True, ())
    assert priorities(registry, "Sorting") == {"bob": 30}
    assert "invalid-workspace-id" in {found.id for found in registry.diagnostics}


@pytest.mark.parametrize("text", ["[paths\n", '[paths]\ncore = "nowhere"\n', "[vocabulary]\nframework = 1\n"])
def test_broken_settings_keep_every_view_and_the_settings_in_use(project: Project, text: str) -> None:
    registry = stepwell.open(project({"stepwell.toml": '[project]\nworkspace = "alice"\n', **FILES}))
    event = write(registry, {"stepwell.toml": text, BOB: FILES[BOB].replace(TEN, THIRTY)})
    assert event is not None
    assert (event.accepted, event.kept) == (False, (None, "alice", "bob"))
    assert registry.active_workspace == registry.project.settings.workspace == "alice"
    assert registry.health().status.value != "ok"
    assert priorities(registry, "Sorting") == {"bob": 10}
    event = write(registry, {"stepwell.toml": ""})
    assert event is not None
    assert event.kept == ()
    assert priorities(registry, "Sorting") == {"bob": 30}


def test_a_pipeline_that_breaks_in_one_view_keeps_that_view(project: Project) -> None:
    pipeline = "name: Nightly\ndescription: Each night.\nsteps:\n- {id: score, step: Sorting}\n"
    files = {**FILES, "workspaces/bob/local/pipelines/nightly.yaml": pipeline}
    registry = stepwell.open(project(files))
    assert registry.diagnostics == ()
    event = write(registry, {BOB: None, OTHER: FILES[OTHER].replace(TEN, THIRTY)})
    assert event is not None
    assert (event.accepted, event.kept) == (True, ("bob",))
    assert priorities(registry, "Sorting") == {"bob": 10}
    assert priorities(registry, "Ranking") == {None: 30, "alice": 30, "bob": 10}


def test_a_step_that_a_freeze_table_names_may_go_but_the_table_may_not_name_a_missing_step(
    project: Project,
) -> None:
    toml = '[[freeze]]\noutput = "a.py"\nfirst = ["{}"]\n'
    registry = stepwell.open(project({**FILES, "stepwell.toml": toml.format("Ranking")}))
    event = write(registry, {OTHER: "[\n"})
    assert event is not None
    assert (event.kept, [found.id for found in event.diagnostics]) == ((None,), ["invalid-yaml"])
    event = write(registry, {OTHER: None})
    assert event is not None
    assert (event.accepted, event.kept) == (True, ())
    assert [found.id for found in registry.diagnostics] == ["freeze-target"]
    write(registry, {OTHER: FILES[OTHER]})
    event = write(registry, {"stepwell.toml": toml.format("Rangking")})
    assert event is not None
    assert (event.accepted, event.kept) == (False, (None, "alice", "bob"))


SETTINGS = {
    "freeze target": '[[freeze]]\noutput = "a.py"\n',
    "other output": '[[freeze]]\noutput = "b.py"\n',
    "first": '[[freeze]]\noutput = "b.py"\nfirst = ["Scoring"]\n',
    "workspace of a target": '[[freeze]]\noutput = "b.py"\nworkspace = "alice"\n',
    "severity": '[rules]\nshadows-core = "warning"\n',
    "vocabulary": '[vocabulary]\nframeworks = ["xgboost"]\n',
    "naming": '[naming]\njob_type_suffixes = ["training"]\n',
    "default workspace": '[project]\nworkspace = "alice"\n',
    "polling": "[watch]\npoll = 60\n",
    "nothing": "",
}


def test_every_change_of_a_setting_is_an_event(project: Project) -> None:
    registry = stepwell.open(project({"stepwell.toml": "", **FILES}))
    for name, text in SETTINGS.items():
        event = write(registry, {"stepwell.toml": text})
        assert event is not None, name
        assert (event.accepted, event.kept, event.cause) == (True, (), "settings"), (name, event.diagnostics)
        assert write(registry, {"stepwell.toml": f"# a comment\n{text}"}) is None, name


@pytest.mark.parametrize("name", ["stepwell.toml", "pyproject.toml"])
def test_a_hint_at_the_settings_reads_them_again(project: Project, name: str) -> None:
    """Only the file that a watch reports is known to have changed."""
    prefix = "tool.stepwell." if name == "pyproject.toml" else ""
    root = project({**FILES, name: f"[{prefix}paths]\n"})
    if prefix:
        (root / "stepwell.toml").unlink()
    registry = stepwell.open(root)
    Path(root, "moved/steps").mkdir(parents=True)
    Path(root, "moved/steps/scoring.yaml").write_text(FILES[CORE].replace(TEN, THIRTY), encoding="utf-8")
    Path(root, name).write_text(f'[{prefix}paths]\ncore = "moved"\n', encoding="utf-8")
    event = registry._store.reload([name])
    assert event is not None
    assert (event.accepted, event.kept) == (True, ())
    assert priorities(registry, "Scoring") == {None: 30, "alice": 20, "bob": 30}
    assert priorities(registry, "Ranking") == {}
    assert registry._store.reload([name]) is None


def test_hints_at_python_do_not_hide_hints_at_definitions(registry: Registry) -> None:
    Path(registry.project.root, CORE).write_text(FILES[CORE].replace(TEN, THIRTY), encoding="utf-8")
    assert registry._store.reload(["workspaces/alice/src/scripts/a.py"]) is None
    assert priorities(registry, "Scoring") == {None: 10, "alice": 20, "bob": 10}
    event = registry._store.reload(["workspaces/alice/src/scripts/a.py", CORE])
    assert event is not None
    assert [*event.changes.core.changed] == [("Scoring", "step")]
    assert priorities(registry, "Scoring") == {None: 30, "alice": 20, "bob": 30}


def test_missing_settings_are_a_finding_with_help(registry: Registry) -> None:
    event = write(registry, {"stepwell.toml": None})
    assert event is not None
    assert (event.accepted, event.kept) == (False, (None, "alice", "bob"))
    [finding] = registry.diagnostics
    assert (finding.message, finding.help, finding.span and finding.span.path) == (
        "project settings not found",
        "create it; it may be empty",
        "stepwell.toml",
    )
    event = write(registry, {"stepwell.toml": ""})
    assert event is not None
    assert (event.accepted, registry.diagnostics) == (True, ())
