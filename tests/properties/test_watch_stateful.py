"""Whatever happens to files while a watch runs, it ends where a fresh load begins."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import stepwell
from stepwell.live.registry import Registry
from stepwell.live.store import Event
from stepwell.source.diagnostic import Severity

pytestmark = pytest.mark.slow

NAMES = ("AlphaStep", "BetaStep", "GammaStep", "DeltaStep")
FOLDERS = (
    "registry.d/steps",
    "registry.d/steps/group",
    "registry.d/hyperparameters",
    "workspaces/alice/local/steps",
    "workspaces/alice/override/steps",
    "workspaces/bob/local/steps/deep/er",
    "workspaces/bob/override/steps",
)
MOVABLE = (
    *FOLDERS,
    "registry.d",
    "workspaces",
    "workspaces/alice",
    "workspaces/bob",
    "workspaces/bob/local",
)
BROKEN = ("", "name: [", "name: AlphaStep\nnmae: x\n", "\tname: x\n", "- a\n", b"\xff\xfe")
PATIENCE = 20.0

folders = st.sampled_from(FOLDERS)
names = st.sampled_from(NAMES)
numbers = st.integers(0, 3)
chances = st.integers(0, 2**16)


def stem(name: str) -> str:
    return name.replace("Step", "_step").lower()


def definition(folder: str, name: str, number: int) -> str:
    if "hyperparameters" in folder:
        return f"name: {name}\nmodule_path: steps.a{number}\ndescription: It is one.\n"
    if "override" in folder:
        return f"name: {name}\npriority: {number}\n"
    alias = f"aliases: [Old{number}]\n" if number == 3 else ""
    return f"name: {name}\ndescription: It is number {number}.\nsagemaker_step_type: Training\n{alias}"


def served(registry: Registry) -> Any:
    seen = registry._store.seen
    return seen.snapshot.digest, seen.diagnostics, seen.layout, sorted(seen.checked)


class Editing(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="watched-"))
        self.root = self.folder / "project"
        self.aside = self.folder / "aside"
        self.moved = 0

    @initialize(placed=st.sets(st.tuples(folders, names), min_size=2, max_size=12))
    def begin(self, placed: set[tuple[str, str]]) -> None:
        self.aside.mkdir()
        self.root.mkdir()
        (self.root / "stepwell.toml").write_text("")
        for folder, name in sorted(placed):
            self.put(folder, name, definition(folder, name, 0))
        self.registry = stepwell.open(self.root)
        self.good = self.registry.digest
        self.events: list[Event] = []
        self.registry.subscribe(self.events.append)
        self.watch = self.registry.watch()
        self.watch.start()

    def put(self, folder: str, name: str, content: str | bytes) -> None:
        file = self.root / folder / f"{stem(name)}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())

    def files(self) -> list[Path]:
        return sorted(
            file for base in ("registry.d", "workspaces") for file in (self.root / base).rglob("*.yaml")
        )

    @rule(folder=folders, name=names, number=numbers)
    def edit_in_place(self, folder: str, name: str, number: int) -> None:
        self.put(folder, name, definition(folder, name, number))

    @rule(folder=folders, name=names, number=numbers)
    def write_new_and_rename(self, folder: str, name: str, number: int) -> None:
        self.put(folder, f".{name}", definition(folder, name, number))
        place = self.root / folder
        (place / f"{stem('.' + name)}.yaml").replace(place / f"{stem(name)}.yaml")

    @rule(folder=folders, names=st.sets(names), number=numbers)
    def edit_many(self, folder: str, names: set[str], number: int) -> None:
        for name in sorted(names):
            self.put(folder, name, definition(folder, name, number))

    @precondition(lambda self: self.files())
    @rule(which=chances, content=st.sampled_from(BROKEN))
    def break_it(self, which: int, content: str | bytes) -> None:
        file = self.files()[which % len(self.files())]
        file.write_bytes(content if isinstance(content, bytes) else content.encode())

    @rule()
    def fix_all(self) -> None:
        for file in self.files():
            name = next((one for one in NAMES if stem(one) == file.stem), None)
            folder = file.parent.relative_to(self.root).as_posix()
            if name is None:
                file.unlink()
            else:
                file.write_text(definition(folder, name, 1))

    @precondition(lambda self: self.files())
    @rule(which=chances)
    def delete(self, which: int) -> None:
        self.files()[which % len(self.files())].unlink()

    @precondition(lambda self: self.files())
    @rule(which=chances, folder=folders)
    def move_file(self, which: int, folder: str) -> None:
        file = self.files()[which % len(self.files())]
        (self.root / folder).mkdir(parents=True, exist_ok=True)
        file.replace(self.root / folder / file.name)

    @precondition(lambda self: self.files())
    @rule(which=chances)
    def rename_case_only(self, which: int) -> None:
        file = self.files()[which % len(self.files())]
        file.rename(file.with_name(file.name.swapcase().replace(".YAML", ".yaml")))

    @rule(folder=st.sampled_from(MOVABLE))
    def delete_folder(self, folder: str) -> None:
        shutil.rmtree(self.root / folder, ignore_errors=True)

    @rule(folder=st.sampled_from(MOVABLE))
    def move_folder_out(self, folder: str) -> None:
        if (self.root / folder).is_dir():
            self.moved += 1
            (self.root / folder).rename(self.aside / f"{self.moved}")

    @rule(folder=st.sampled_from(MOVABLE))
    def move_folder_in(self, folder: str) -> None:
        waiting = sorted(self.aside.iterdir())
        if waiting and not (self.root / folder).exists():
            (self.root / folder).parent.mkdir(parents=True, exist_ok=True)
            waiting[0].rename(self.root / folder)

    @rule()
    def replace_the_project(self) -> None:
        shutil.copytree(self.root, self.folder / "next", symlinks=True)
        self.root.rename(self.folder / "previous")
        (self.folder / "next").rename(self.root)
        shutil.rmtree(self.folder / "previous")

    @rule(severity=st.sampled_from(["warning", "error", "off"]))
    def change_the_settings(self, severity: str) -> None:
        (self.root / "stepwell.toml").write_text(f'[rules]\nshadows-core = "{severity}"\n')

    @rule()
    def link(self) -> None:
        link = self.root / "registry.d/steps/linked"
        if link.is_symlink():
            link.unlink()
        elif (self.root / "registry.d/steps").is_dir():
            os.symlink("../../workspaces/bob/local/steps", link)

    @invariant()
    def it_ends_where_a_fresh_load_begins(self) -> None:
        if not hasattr(self, "watch"):
            return
        end = time.monotonic() + PATIENCE
        while served(self.registry) != served(fresh := stepwell.open(self.root)):
            assert time.monotonic() < end, (served(self.registry), served(fresh))
            time.sleep(0.01)
        if not any(found.severity is Severity.ERROR for found in fresh.diagnostics):
            while self.registry.digest != fresh.digest:
                assert time.monotonic() < end
                time.sleep(0.001)
        self.valid_views_follow_their_files(fresh)
        self.every_event_is_kept_to()

    def valid_views_follow_their_files(self, fresh: Registry) -> None:
        """A view without errors in its own layers is served as a load of the files serves it."""
        end = time.monotonic() + PATIENCE
        errors = [found for found in fresh.diagnostics if found.severity is Severity.ERROR]
        if any(found.span is None or not found.span.path.startswith("workspaces/") for found in errors):
            return
        owners = {found.span.path.split("/")[1] for found in errors if found.span is not None}
        valid = [None, *(one for one in fresh.workspaces if one not in owners)]
        for one in valid:
            while one not in (None, *self.registry.workspaces) or (
                self.registry.view(one).digest != fresh.view(one).digest
            ):
                assert time.monotonic() < end, one
                time.sleep(0.001)
        assert not set(valid) & set(self.registry.health().kept)

    def every_event_is_kept_to(self) -> None:
        for event in self.events:
            assert event.old_digest == self.good
            self.good = event.new_digest
            assert event.accepted or event.old_digest == event.new_digest
        self.events.clear()

    def teardown(self) -> None:
        if hasattr(self, "watch"):
            self.watch.stop()
        shutil.rmtree(self.folder)


Editing.TestCase.settings = settings(max_examples=12, stateful_step_count=12)
TestAWatchUnderEdits = Editing.TestCase
