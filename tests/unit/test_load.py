"""What a load leaves as it found it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

import stepwell

Project = Callable[[Mapping[str, "str | bytes"]], Path]
FILES = {
    "stepwell.toml": "",
    "registry.d/steps/scoring.yaml": "name: Scoring\ndescription: Score a batch.\n",
}


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    was_on = gc.isenabled()
    yield
    gc.unfreeze()
    (gc.enable if was_on else gc.disable)()


@pytest.mark.parametrize("on", [True, False])
def test_the_collector_is_on_after_a_load_if_it_was_before(project: Project, on: bool) -> None:
    root = project(FILES)
    (gc.enable if on else gc.disable)()
    stepwell.open(root)
    assert gc.isenabled() == on


def test_a_load_freezes_nothing_and_what_it_made_is_no_longer_young(project: Project) -> None:
    root = project(FILES)
    gc.disable()
    registry = stepwell.open(root)
    assert gc.get_freeze_count() == 0
    assert any(one is registry.view().steps for one in gc.get_objects(2))


def test_what_the_program_has_frozen_stays_frozen(project: Project) -> None:
    root = project(FILES)
    mine: list[object] = []
    gc.freeze()
    stepwell.open(root)
    assert not any(one is mine for one in gc.get_objects())  # what is frozen is in no generation


STEPS = {
    f"registry.d/steps/{name.lower()}.yaml": f"name: {name}\ndescription: Do it.\n"
    for name in ("Alpha", "Beta")
}
FROZEN = '[[freeze]]\noutput = "names.py"\n'


@pytest.mark.parametrize(
    "settings",
    [
        f'{FROZEN}first = ["Beta"]\n',
        FROZEN.replace("names.py", "other.py"),
        f'{FROZEN}\n[[freeze]]\noutput = "other.py"\n',
        f'[rules]\nfile-name-mismatch = "error"\n\n{FROZEN}',
        f'[vocabulary]\nframeworks = ["pytorch"]\n\n{FROZEN}',
    ],
    ids=["order", "renamed output", "new output", "severity", "vocabulary"],
)
def test_every_changed_setting_is_an_event(project: Project, settings: str) -> None:
    root = project({**STEPS, "stepwell.toml": FROZEN})
    registry = stepwell.open(root)
    heard: list[stepwell.Event] = []
    registry.subscribe(heard.append)
    assert registry.reload() is None
    (root / "stepwell.toml").write_text(settings)
    event = registry.reload()
    assert event is not None
    assert heard == [event]
    assert (event.accepted, event.cause, bool(event.changes)) == (True, "settings", False)
    expected = ["Beta", "Alpha"] if "first" in settings else ["Alpha", "Beta"]
    assert list(registry.view()) == expected
    assert registry.reload() is None
    (root / "stepwell.toml").write_text(f"# Only a comment.\n{settings}")
    assert registry.reload() is None


def test_an_override_comes_back_with_its_base_when_that_is_fixed(project: Project) -> None:
    base, text = "registry.d/steps/left.yaml", "name: Left\ndescription: Left.\n"
    root = project({base: text, "workspaces/alice/override/steps/left.yaml": "name: Left\nx-owner: alice\n"})
    registry = stepwell.open(root)
    for broken in ("name: [\n", "name: Left\ndescription: [\n", "name: Left\n", ""):
        (root / base).write_text(broken)
        registry.reload()
        (root / base).write_text(text)
        registry.reload()
        assert registry.view("alice")["Left"].extensions == {"x-owner": "alice"}, broken
