"""A reload with hints about changed paths has the result of a new load, for every kind of edit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import pytest

import stepwell
from stepwell.live.registry import Registry

Project = Callable[..., Path]

PIPELINE = "registry.d/pipelines/nightly.yaml"
STEPS, WORKSPACES = "registry.d/steps", "workspaces"
FILES = {
    f"{STEPS}/scoring.yaml": "name: Scoring\ndescription: Score.\naliases: [Score]\n",
    f"{STEPS}/group/ranking.yaml": "name: Ranking\ndescription: Rank.\n",
    f"{STEPS}/rating.yaml": "name: Rating\ndescription: Rate.\n",
    "registry.d/providers/echo.yaml": "name: Echo\ndescription: E.\nimplementation: echo\n",
    PIPELINE: ("name: Nightly\ndescription: N.\nsteps:\n- {id: a, step: Scoring}\n- {id: b, step: Rating}\n"),
    f"{WORKSPACES}/alice/workspace.yaml": "description: Mine.\n",
    f"{WORKSPACES}/alice/override/steps/scoring.yaml": "name: Scoring\npriority: 20\n",
    f"{WORKSPACES}/bob/local/steps/sorting.yaml": "name: Sorting\ndescription: Sort.\n",
    f"{WORKSPACES}/bob/local/steps/rating.yaml": "name: Rating\ndescription: Mine.\n",
}
BOB = f"{WORKSPACES}/bob"
RATING = "name: Rating\ndescription: R.\n"
SHARED = {"shared/linked_step.yaml": "name: LinkedStep\ndescription: L.\n"}
Edit = Mapping[str, str | None]
EDITS: dict[str, Edit] = {
    "nothing": {f"{STEPS}/scoring.yaml": FILES[f"{STEPS}/scoring.yaml"]},
    "a value": {f"{STEPS}/scoring.yaml": "name: Scoring\ndescription: Two.\naliases: [Score]\n"},
    "a comment": {f"{STEPS}/scoring.yaml": "# note\nname: Scoring\ndescription: Score.\naliases: [Score]\n"},
    "an alias": {f"{STEPS}/scoring.yaml": "name: Scoring\ndescription: Score.\naliases: [Rank]\n"},
    "an alias that collides": {f"{STEPS}/rating.yaml": "name: Rating\ndescription: R.\naliases: [Score]\n"},
    "a broken file": {f"{STEPS}/scoring.yaml": "name: [\n"},
    "a file with another error": {f"{STEPS}/scoring.yaml": "name: Scoring\ndescription: ]\n"},
    "another broken file": {f"{STEPS}/scoring.yaml": "name: Scoring\ndescription: S.\npriorty: 1\n"},
    "an empty file": {f"{STEPS}/rating.yaml": ""},
    "a deprecated step": {f"{STEPS}/rating.yaml": f"{RATING}deprecated: {{replaced_by: Ranking}}\n"},
    "a finding without an effect": {f"{STEPS}/rating.yaml": "name: Rating\ndescription: 7\n"},
    "a new name": {f"{STEPS}/rating.yaml": "name: Grading\ndescription: Rate.\n"},
    "a removed file": {f"{STEPS}/rating.yaml": None},
    "a removed file in a folder": {f"{STEPS}/group/ranking.yaml": None},
    "a removed base": {f"{STEPS}/scoring.yaml": None},
    "a new first file": {f"{STEPS}/adding.yaml": "name: Adding\ndescription: A.\n"},
    "a new last file": {f"{STEPS}/zipping.yaml": "name: Zipping\ndescription: Z.\n"},
    "a new folder": {f"{STEPS}/new/zipping.yaml": "name: Zipping\ndescription: Z.\n"},
    "a moved file": {f"{STEPS}/rating.yaml": None, f"{STEPS}/group/rating.yaml": RATING},
    "a second definition": {f"{STEPS}/group/rating.yaml": RATING},
    "a hidden file": {f"{STEPS}/.zipping.yaml": "name: Zipping\ndescription: Z.\n"},
    "a hidden folder": {f"{STEPS}/.old/zipping.yaml": "name: Zipping\ndescription: Z.\n"},
    "a file of another kind": {f"{STEPS}/notes.txt": "nothing\n"},
    "a misspelt suffix": {f"{STEPS}/zipping.yml": "name: Zipping\ndescription: Z.\n"},
    "a misplaced file": {"registry.d/zipping.yaml": "name: Zipping\ndescription: Z.\n"},
    "an unknown folder": {"registry.d/stpes/zipping.yaml": "name: Zipping\ndescription: Z.\n"},
    "a TOML file": {f"{STEPS}/zipping.toml": 'name = "Zipping"\ndescription = "Z."\n'},
    "names that differ in case": {f"{STEPS}/Rating.yaml": RATING},
    "a link to a file": {f"{STEPS}/linked_step.yaml": "-> shared/linked_step.yaml"},
    "a link to a folder": {f"{STEPS}/more": "-> shared"},
    "a link to nothing": {f"{STEPS}/linked_step.yaml": "-> nowhere.yaml"},
    "a provider": {"registry.d/providers/echo.yaml": "name: Echo\ndescription: F.\nimplementation: echo\n"},
    "a pipeline": {PIPELINE: "name: Nightly\ndescription: M.\nsteps: [{id: a, step: Rating}]"},
    "an override": {f"{WORKSPACES}/alice/override/steps/scoring.yaml": "name: Scoring\npriority: 21\n"},
    "a broken override": {f"{WORKSPACES}/alice/override/steps/scoring.yaml": "name: Scoring\npriority: x\n"},
    "a removed override": {f"{WORKSPACES}/alice/override/steps/scoring.yaml": None},
    "an override without a base": {f"{BOB}/override/steps/zipping.yaml": "name: Zipping\npriority: 1\n"},
    "an override of a local step": {f"{BOB}/override/steps/sorting.yaml": "name: Sorting\npriority: 1\n"},
    "a local step": {f"{WORKSPACES}/bob/local/steps/sorting.yaml": "name: Sorting\ndescription: Two.\n"},
    "a new local step": {f"{WORKSPACES}/alice/local/steps/zipping.yaml": "name: Zipping\ndescription: Z.\n"},
    "settings of a workspace": {f"{WORKSPACES}/alice/workspace.yaml": "description: Hers.\n"},
    "broken settings of a workspace": {f"{WORKSPACES}/alice/workspace.yaml": "descripton: Hers.\n"},
    "no settings of a workspace": {f"{WORKSPACES}/alice/workspace.yaml": None},
    "a new workspace": {f"{WORKSPACES}/carol/local/steps/zipping.yaml": "name: Zipping\ndescription: Z.\n"},
    "a workspace with a new name": {f"{WORKSPACES}/Alice/workspace.yaml": "description: Other.\n"},
    "a workspace that is gone": {f"{BOB}/local/steps/{name}.yaml": None for name in ("sorting", "rating")},
    "a file beside the workspaces": {f"{WORKSPACES}/stray.yaml": "name: Stray\n"},
    "Python of a workspace": {f"{WORKSPACES}/alice/src/scripts/a.py": "a = 1\n"},
    "settings": {"stepwell.toml": '[vocabulary]\nframework = ["xgboost"]\n'},
    "broken settings": {"stepwell.toml": "[paths\n"},
    "other paths": {"stepwell.toml": '[paths]\ncore = "other"\n', "other/steps/rating.yaml": RATING},
}  # fmt: skip


def apply(root: Path, edit: Edit) -> list[str]:
    for path, text in edit.items():
        file = root / path
        if text is None:
            file.unlink(missing_ok=True)
            for folder in file.parents:
                if folder.name == "workspaces" or any(folder.iterdir()):
                    break
                folder.rmdir()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            if text.startswith("-> "):
                file.symlink_to(root / text[3:])
            else:
                file.write_text(text, encoding="utf-8")
    return list(edit)


def state(registry: Registry) -> object:
    seen = registry._store.seen
    views = {
        workspace: {folder: dict(table) for folder, table in seen.snapshot.view(workspace).tables.items()}
        for workspace in (None, *seen.snapshot.workspaces)
    }
    return seen.snapshot.digest, seen.diagnostics, seen.layout, views


@pytest.fixture
def root(project: Project) -> Path:
    return project({**FILES, **SHARED})


@pytest.mark.parametrize("name", EDITS)
def test_a_hint_at_an_edit_is_enough(root: Path, name: str) -> None:
    registry = stepwell.open(root)
    registry._store.reload(apply(root, EDITS[name]))
    assert state(registry) == state(stepwell.open(root))
    restored = {path: {**FILES, "stepwell.toml": ""}.get(path) for path in EDITS[name]}
    for path in restored:
        (root / path).unlink(missing_ok=True)
    registry._store.reload(apply(root, restored))
    assert state(registry) == state(stepwell.open(root))


FIRST = ("a broken file", "a misspelt suffix", "a removed base", "a link to a folder", "a broken override",
         "an override without a base", "a second definition", "an alias that collides",
         "an alias", "a deprecated step")  # fmt: skip


@pytest.mark.parametrize("first", FIRST)
def test_hints_at_two_edits_are_enough(project: Project, first: str, tmp_path: Path) -> None:
    for number, second in enumerate(EDITS):
        files = {"stepwell.toml": "", **FILES, **SHARED}
        project({f"../{number}/{path}": text for path, text in files.items()})
        root = (tmp_path / str(number)).resolve()
        registry = stepwell.open(root)
        registry._store.reload(apply(root, EDITS[first]))
        if not any((root / path).is_symlink() for path in EDITS[second]):
            registry._store.reload(apply(root, EDITS[second]))
        assert state(registry) == state(stepwell.open(root)), second


def test_several_hints_at_once_are_enough(root: Path) -> None:
    registry = stepwell.open(root)
    names = ("a value", "a removed file", "a new first file", "a new last file", "a provider", "an override",
             "a local step", "a new workspace", "Python of a workspace")  # fmt: skip
    registry._store.reload([path for name in names for path in apply(root, EDITS[name])])
    assert state(registry) == state(stepwell.open(root))


def test_a_hint_at_what_did_not_change_changes_nothing(root: Path) -> None:
    registry = stepwell.open(root)
    before = registry._store.seen
    for path in (*FILES, "registry.d", f"{WORKSPACES}/alice", "elsewhere.yaml", f"{STEPS}/no.yaml"):
        assert registry._store.reload([path]) is None, path
        assert registry._store.seen.snapshot.core is before.snapshot.core, path


def test_a_step_whose_replacement_is_removed_is_reported(root: Path) -> None:
    apply(root, EDITS["a deprecated step"])
    registry = stepwell.open(root)
    registry._store.reload(apply(root, EDITS["a removed file in a folder"]))
    assert "unknown-replacement" in {finding.id for finding in registry.diagnostics}
    assert state(registry) == state(stepwell.open(root))


def test_a_folder_with_the_name_of_a_file_is_a_folder(root: Path) -> None:
    registry = stepwell.open(root)
    path = f"{STEPS}/zipping.yaml"
    apply(root, {f"{path}/inside.yaml": "name: Zipping\ndescription: Z.\n"})
    registry._store.reload([path])
    assert state(registry) == state(stepwell.open(root))


def test_an_unchanged_definition_stays_the_same_object(root: Path) -> None:
    registry = stepwell.open(root)
    before = registry.view("alice")
    registry._store.reload(apply(root, EDITS["a provider"]))
    after = registry.view("alice")
    assert after.steps["Scoring"] is before.steps["Scoring"]
    assert after.providers["Echo"].description == "F."
    registry._store.reload(apply(root, EDITS["an override"]))
    assert registry.view("alice").steps["Rating"] is after.steps["Rating"]
    assert registry.view("alice").steps["Scoring"].priority == 21
    assert registry.view(None) is not after
    assert registry.view(None).steps["Scoring"] is before.steps.below["Scoring"]


def test_a_reload_on_another_day_reads_everything(root: Path) -> None:
    """A removal date passes although no file changes."""
    text = "name: Rating\ndescription: R.\ndeprecated: {since: '1', remove_after: '2026-06-30'}\n"
    (root / STEPS / "rating.yaml").write_text(text, encoding="utf-8")
    registry = stepwell.open(root)
    for day, expected in ((date(2026, 6, 1), False), (date(2027, 1, 1), True)):
        registry._store._today = lambda day=day: day
        registry._store.reload([f"{STEPS}/scoring.yaml"])
        assert ("past-removal" in {each.id for each in registry._store.seen.diagnostics}) == expected
