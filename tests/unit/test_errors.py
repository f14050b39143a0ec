"""The exceptions of the public API: what they are, what they say, and that they travel."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import stepwell
from stepwell.source.errors import ProjectError, StepwellError, UnknownStep, UnknownWorkspace

Project = Callable[[Mapping[str, "str | bytes"]], Path]
FILES = {
    **{
        f"registry.d/steps/{name.lower()}.yaml": f"name: {name}\ndescription: Do it.\n"
        for name in ("Scoring", "Ranking", "Rankings")
    },
    "workspaces/alice/workspace.yaml": "",
    "workspaces/alicia/workspace.yaml": "",
}


def test_an_unknown_step_has_a_suggestion(project: Project) -> None:
    view = stepwell.open(project(FILES)).view("alice")
    with pytest.raises(UnknownStep) as raised:
        view["Rankin"]
    assert str(raised.value) == "Unknown step name: Rankin (did you mean `Ranking` or `Rankings`?)"
    assert raised.value.suggestions == ("Ranking", "Rankings")
    assert (raised.value.name, raised.value.place) == ("Rankin", "workspace alice")


def test_an_unknown_step_with_nothing_near_has_no_suggestion(project: Project) -> None:
    view = stepwell.open(project(FILES)).view()
    with pytest.raises(UnknownStep) as raised:
        view["Zebra"]
    assert str(raised.value) == "Unknown step name: Zebra"
    assert raised.value.place == "the core"


@pytest.mark.parametrize("kind", [KeyError, ValueError, LookupError, StepwellError, UnknownStep])
def test_an_unknown_step_is_caught_as(kind: type[Exception], project: Project) -> None:
    view = stepwell.open(project(FILES)).view()
    with pytest.raises(kind):
        view["Zebra"]
    with pytest.raises(kind):
        view.explain("Zebra", "name")


@pytest.mark.parametrize("odd", ["", " ", "Scoring\n", "\N{GRINNING FACE}" * 50, "x" * 100_000])
def test_an_odd_name_is_unknown_too(odd: str, project: Project) -> None:
    view = stepwell.open(project(FILES)).view()
    with pytest.raises(UnknownStep):
        view[odd]
    assert odd not in view
    assert view.get(odd) is None


@pytest.mark.parametrize("odd", [None, 1, ("Scoring",), b"Scoring"])
def test_what_is_no_name_is_not_in_a_view(odd: object, project: Project) -> None:
    view = stepwell.open(project(FILES)).view()
    assert odd not in view
    with pytest.raises(KeyError):
        view[odd]  # type: ignore[index]


def test_an_unknown_workspace_has_a_suggestion_and_is_never_the_core(project: Project) -> None:
    registry = stepwell.open(project(FILES))
    for asked in ("alise", "Alice"):
        with pytest.raises(UnknownWorkspace) as raised:
            registry.view(asked)
        assert str(raised.value).startswith(f"unknown workspace: {asked} (did you mean `alice`")
    for asked in ("", "..", "alice/..", "core", "zzz"):
        with pytest.raises(UnknownWorkspace) as raised:
            registry.view(asked)
        assert str(raised.value) == f"unknown workspace: {asked}"
        assert isinstance(raised.value, KeyError)
        assert isinstance(raised.value, ValueError)


@pytest.mark.parametrize(
    "error",
    [
        UnknownStep("A"),
        UnknownStep("A", ("B", "C"), "workspace alice"),
        UnknownWorkspace("a", ("b",)),
        ProjectError("no project"),
    ],
    ids=lambda error: f"{type(error).__name__}-{len(getattr(error, 'suggestions', ()))}",
)
def test_an_error_travels_to_another_process(error: StepwellError) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)


def test_a_missing_project_is_reported_with_the_searched_folder(tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    with pytest.raises(ProjectError) as raised:
        stepwell.open(below)
    assert str(raised.value) == (
        f"no Stepwell project: neither {below} nor any parent contains a stepwell.toml "
        "(or a pyproject.toml with a [tool.stepwell] table); run `stepwell init` to create one"
    )


def test_a_folder_that_does_not_exist_has_no_project(tmp_path: Path) -> None:
    with pytest.raises(ProjectError):
        stepwell.open(tmp_path / "gone")


@pytest.mark.parametrize("inside", ["", "registry.d", "registry.d/steps", "workspaces/alice"])
def test_a_project_is_found_from_any_folder_in_it(inside: str, project: Project) -> None:
    root = project(FILES)
    assert stepwell.open(root / inside).digest == stepwell.open(root).digest
    assert stepwell.open(str(root / inside)).project.root == str(root)


def test_the_nearest_project_is_taken(project: Project) -> None:
    root = project({**FILES, "inner/stepwell.toml": ""})
    assert stepwell.open(root / "inner").project.root == str(root / "inner")
