"""Which files are read, as what, and what is reported of the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from stepwell.model.settings import open_project
from stepwell.resolve.layout import Layout, lay_out

Project = Callable[[Mapping[str, "str | bytes"]], Path]


def layout_of(root: Path) -> Layout:
    return lay_out(open_project(str(root)))


READ = [
    ("registry.d/steps/a.yaml", ("core", None, "steps")),
    ("registry.d/steps/a.yml", ("core", None, "steps")),
    ("registry.d/steps/a.toml", ("core", None, "steps")),
    ("registry.d/steps/deep/er/a.yaml", ("core", None, "steps")),
    ("registry.d/steps/local/a.yaml", ("core", None, "steps")),
    ("registry.d/steps/hyperparameters/a.yaml", ("core", None, "steps")),
    ("registry.d/hyperparameters/a.yaml", ("core", None, "hyperparameters")),
    ("workspaces/alice/local/steps/a.yaml", ("local", "alice", "steps")),
    ("workspaces/alice/local/hyperparameters/a.toml", ("local", "alice", "hyperparameters")),
    ("workspaces/alice/override/steps/b/a.yaml", ("override", "alice", "steps")),
    ("workspaces/0-A_b/override/steps/a.yaml", ("override", "0-A_b", "steps")),
    ("registry.d/steps/a.b.yaml", ("core", None, "steps")),
    ("registry.d/steps/é.yaml", ("core", None, "steps")),
]


@pytest.mark.parametrize(("path", "what"), READ)
def test_a_definition_file_is_read_as(path: str, what: tuple[str, str | None, str], project: Project) -> None:
    layout = layout_of(project({path: ""}))
    found = [*layout.core, *(file for files in layout.workspaces.values() for file in files)]
    assert len(found) == 1
    listed = found[0]
    assert (listed.path, (listed.layer.value, listed.workspace, listed.kind)) == (path, what)
    assert layout.diagnostics == ()


QUIET = [
    "README.md",
    "src/a.yaml",
    "registry.d/README.md",
    "registry.d/steps/README.md",
    "registry.d/steps/.a.yaml",
    "registry.d/.hidden/steps/a.yaml",
    "registry.d/steps/yaml",
    "registry.d/steps/a.yaml.bak",
    "registry.d/steps/a.yaml~",
    "registry.d/steps/a.json",
    "workspaces/README.md",
    "workspaces/.git/local/steps/a.yaml",
    "workspaces/alice/README.md",
    "workspaces/alice/src/steps/a.yaml",
    "workspaces/alice/notes/a.yaml",
]


@pytest.mark.parametrize("path", QUIET)
def test_nothing_is_said_of(path: str, project: Project) -> None:
    layout = layout_of(project({path: ""}))
    assert layout.core == ()
    assert all(files == () for files in layout.workspaces.values())
    assert layout.diagnostics == ()


LIE_IN = "put definitions in `steps/`, `hyperparameters/`, `providers/` or `pipelines/`"
TOLD = [
    ("registry.d/a.yaml", "misplaced-file", LIE_IN),
    ("registry.d/step/a.yaml", "misplaced-file", "did you mean the folder `steps/`?"),
    ("registry.d/Steps/a.yaml", "misplaced-file", "did you mean the folder `steps/`?"),
    ("registry.d/hyperparameter/a.toml", "misplaced-file", "did you mean the folder `hyperparameters/`?"),
    ("registry.d/other/deep/a.yml", "misplaced-file", LIE_IN),
    ("registry.d/steps/a.YAML", "misplaced-file", "use a lowercase extension: `.yaml`"),
    ("registry.d/steps/a.Toml", "misplaced-file", "use a lowercase extension: `.toml`"),
    ("workspaces/a.yaml", "misplaced-file", "workspaces are folders"),
    ("workspaces/alice/steps/a.yaml", "misplaced-file", "move it into `local/` or `override/`"),
    ("workspaces/alice/locals/steps/a.yaml", "misplaced-file", "did you mean the folder `local/`?"),
    ("workspaces/alice/overrides/steps/a.yaml", "misplaced-file", "did you mean the folder `override/`?"),
    ("workspaces/alice/local/a.yaml", "misplaced-file", LIE_IN),
    ("workspaces/alice/override/step/a.yaml", "misplaced-file", "did you mean the folder `steps/`?"),
]


@pytest.mark.parametrize(("path", "rule", "help_text"), TOLD)
def test_a_file_that_is_not_read_is_reported(path: str, rule: str, help_text: str, project: Project) -> None:
    (found,) = layout_of(project({path: ""})).diagnostics
    assert found.span is not None
    assert (found.id, found.span.path, found.help) == (rule, path, help_text)


@pytest.mark.parametrize("name", ["a..b", "a b", "-a", "_a", "é", "a@b", "a.b", "a:b", "a'b", "~"])
def test_a_folder_s_name_that_cannot_be_an_id_is_reported(name: str, project: Project) -> None:
    layout = layout_of(project({f"workspaces/{name}/local/steps/a.yaml": ""}))
    assert dict(layout.workspaces) == {}
    (found,) = layout.diagnostics
    assert (found.id, found.message) == (
        "invalid-workspace-id",
        f"`{name}` is not a valid workspace id, so the folder is skipped",
    )


def test_ids_end_where_the_name_ends(project: Project) -> None:
    root = project({})
    (root / "workspaces" / "alice\n").mkdir(parents=True)
    layout = layout_of(root)
    assert dict(layout.workspaces) == {}
    assert [found.id for found in layout.diagnostics] == ["unreadable-file"]


def test_files_are_sorted_by_path_and_workspaces_by_id(project: Project) -> None:
    names = ["b", "a", "B", "a-b", "a_b", "10", "9", "é", "a/z", "b/y", "b/a/x"]
    files = {f"registry.d/steps/{name}.yaml": "" for name in names}
    layout = layout_of(project({**files, "workspaces/bob/a.txt": "", "workspaces/alice/a.txt": ""}))
    assert [listed.path for listed in layout.core] == sorted(files)
    assert list(layout.workspaces) == ["alice", "bob"]


def test_folders_are_followed_to_a_depth_and_no_deeper(project: Project) -> None:
    deep = "registry.d/steps/" + "d/" * 20 + "a.yaml"
    too_deep = "registry.d/steps/" + "e/" * 60 + "a.yaml"
    layout = layout_of(project({deep: "", too_deep: ""}))
    assert [listed.path for listed in layout.core] == [deep]
    assert [found.message for found in layout.diagnostics] == ["folders are nested more than 32 levels deep"]


@pytest.mark.parametrize("folder", ["registry.d", "registry.d/steps", "workspaces", "workspaces/alice"])
def test_no_folder_on_the_way_may_lead_out_of_the_project(
    folder: str, tmp_path: Path, project: Project
) -> None:
    root = project({})
    outside = tmp_path / "outside"
    for inner in ("steps", "alice/local/steps", "local/steps", "."):
        (outside / inner).mkdir(parents=True, exist_ok=True)
        (outside / inner / "a.yaml").write_text("", encoding="utf-8")
    (root / folder).parent.mkdir(parents=True, exist_ok=True)
    (root / folder).symlink_to(outside)
    layout = layout_of(root)
    assert (layout.core, [file for files in layout.workspaces.values() for file in files]) == ((), [])
    (found,) = layout.diagnostics
    assert found.span is not None
    assert (found.id, found.span.path) == ("outside-project", folder)


def test_a_project_that_is_itself_behind_a_link_is_read(tmp_path: Path, project: Project) -> None:
    root = project({"registry.d/steps/a.yaml": ""})
    (tmp_path / "link").symlink_to(root)
    layout = layout_of(tmp_path / "link")
    assert [listed.path for listed in layout.core] == ["registry.d/steps/a.yaml"]
    assert layout.diagnostics == ()


def test_a_file_that_is_linked_twice_is_listed_by_both_names(project: Project) -> None:
    root = project({"registry.d/steps/a.yaml": ""})
    (root / "registry.d/steps/b.yaml").symlink_to("a.yaml")
    assert [listed.path for listed in layout_of(root).core] == [
        "registry.d/steps/a.yaml",
        "registry.d/steps/b.yaml",
    ]


def test_links_to_each_other_end(project: Project) -> None:
    root = project({"registry.d/steps/one/a.yaml": "", "registry.d/steps/two/b.yaml": ""})
    (root / "registry.d/steps/one/two").symlink_to("../two")
    (root / "registry.d/steps/two/one").symlink_to("../one")
    layout = layout_of(root)
    assert {"registry.d/steps/one/a.yaml", "registry.d/steps/two/b.yaml"} <= {one.path for one in layout.core}
    assert len(layout.core) < 10
