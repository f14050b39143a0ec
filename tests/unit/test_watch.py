"""A watch keeps a registry right, however files come to change."""

from __future__ import annotations

import errno
import gc
import logging
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from watchdog.observers.api import BaseObserver

import stepwell
from stepwell.live.registry import Registry
from stepwell.live.store import Event
from stepwell.live.watch import debounce, observer
from stepwell.live.watch import watch as watching
from stepwell.live.watch.debounce import Debounce
from stepwell.live.watch.folders import Watched
from stepwell.live.watch.observer import eventless

STEPS = "registry.d/steps"
ONE = f"{STEPS}/data_cleaning.yaml"
FILES = {
    ONE: "name: DataCleaning\ndescription: one\n",
    f"{STEPS}/group/model_fitting.yaml": "name: ModelFitting\ndescription: fits\npriority: 10\n",
    "workspaces/alice/local/steps/own_step.yaml": "name: OwnStep\ndescription: own\n",
    "workspaces/alice/override/steps/model_fitting.yaml": "name: ModelFitting\npriority: 20\n",
}
PATIENCE = 20.0


def test_the_files_of_these_tests_are_good(project: Any) -> None:
    assert stepwell.open(project(FILES)).diagnostics == ()


class Followed:
    """A project, its watched registry, and its events."""

    def __init__(self, root: Path, registry: Registry, events: list[Event]) -> None:
        self.root = root
        self.registry = registry
        self.events = events

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def settle(self) -> None:
        """Wait until the registry equals a fresh load."""
        until(lambda: said(self.registry) == said(stepwell.open(self.root)))

    def description(self) -> str | None:
        return self.registry.view()["DataCleaning"].description


def said(registry: Registry) -> Any:
    seen = registry._store.seen
    return registry.digest, seen.snapshot.digest, seen.diagnostics


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


@contextmanager
def followed(root: Path, **how: Any) -> Iterator[Followed]:
    registry = stepwell.open(root)
    events: list[Event] = []
    registry.subscribe(events.append)
    with registry.watch(**how):
        until(lambda: registry.watching.bursts)
        yield Followed(root, registry, events)


@pytest.fixture
def live(project: Any) -> Iterator[Followed]:
    with followed(project(FILES)) as one:
        yield one


def test_an_edit_in_place_is_reported_once_with_what_it_changed(live: Followed) -> None:
    old = live.registry.digest
    live.write(ONE, "name: DataCleaning\ndescription: two\n")
    until(lambda: live.description() == "two")
    until(lambda: live.events)
    [event] = live.events
    assert event.accepted
    assert (event.old_digest, event.new_digest) == (old, live.registry.digest)
    assert dict(event.changes.core.changed) == {("DataCleaning", "step"): ("description",)}
    assert dict(event.changes.workspaces["alice"].changed) == {("DataCleaning", "step"): ("description",)}


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """One burst stays one burst, however long this process is suspended."""
    monkeypatch.setattr(debounce, "PATIENCE", PATIENCE)
    monkeypatch.setattr(debounce, "LONGEST", PATIENCE)


@pytest.mark.usefixtures("patient")
def test_a_file_that_is_still_being_written_is_not_read(live: Followed) -> None:
    with (live.root / ONE).open("w") as file:
        file.flush()
        time.sleep(0.15)
        file.write("name: Data")
        file.flush()
        time.sleep(0.15)
        file.write("Cleaning\ndescription: slow\n")
    until(lambda: live.description() == "slow" and live.events)
    assert [event.accepted for event in live.events] == [True]


@pytest.mark.usefixtures("patient")
def test_a_new_file_that_is_still_empty_is_not_read(live: Followed) -> None:
    with (live.root / STEPS / "new_step.yaml").open("w") as file:
        time.sleep(0.2)
        file.write("name: NewStep\ndescription: new\n")
    until(lambda: "NewStep" in live.registry.view() and live.events)
    assert [event.accepted for event in live.events] == [True]


def test_a_writer_that_never_closes_is_read_all_the_same(live: Followed) -> None:
    with (live.root / ONE).open("w") as file:
        file.write("name: DataCleaning\ndescription: open\n")
        file.flush()
        until(lambda: live.description() == "open")


def test_write_new_and_rename(live: Followed) -> None:
    live.write(f"{STEPS}/.data_cleaning.yaml.new", "name: DataCleaning\ndescription: renamed\n")
    (live.root / STEPS / ".data_cleaning.yaml.new").replace(live.root / ONE)
    until(lambda: live.description() == "renamed" and live.events)
    assert len(live.events) == 1


def test_the_backup_dance_of_vim(live: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debounce, "QUIET", 1.0)  # nothing may keep this process from dancing in time
    file = live.root / ONE
    (live.root / STEPS / "4913").write_text("")
    (live.root / STEPS / "4913").unlink()
    file.rename(f"{file}~")
    file.write_text("name: DataCleaning\ndescription: danced\n")
    Path(f"{file}~").unlink()
    until(lambda: live.description() == "danced" and live.events)
    assert [event.accepted for event in live.events] == [True]
    assert [*live.events[0].changes.core.changed] == [("DataCleaning", "step")]


@pytest.mark.slow
def test_a_checkout_of_500_changed_files_is_one_reload(project: Any, environment: Any) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
            cwd=root,
            env=environment,
            check=True,
            capture_output=True,
        )

    names = [f"made_step{number:03}" for number in range(500)]
    root = project(
        {
            **FILES,
            **{f"{STEPS}/{name}.yaml": f"name: MadeStep{name[-3:]}\ndescription: made\n" for name in names},
        }
    )
    git("init", "-q", "-b", "one")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    git("checkout", "-q", "-b", "two")
    for name in names:
        (root / STEPS / f"{name}.yaml").write_text(
            f"name: MadeStep{name[-3:]}\ndescription: made\npriority: 7\n"
        )
    git("commit", "-q", "-a", "-m", "two")
    git("checkout", "-q", "one")
    with followed(root) as live:
        git("checkout", "-q", "two")
        until(lambda: live.registry.view()["MadeStep499"].priority == 7)
        live.settle()
        assert len(live.events) == 1
        assert len(live.events[0].changes.core.changed) == 500


def test_a_bad_edit_keeps_what_was_good_and_heals_when_it_is_fixed(live: Followed) -> None:
    good = live.registry.digest
    live.write(ONE, "name: DataCleaning\ndescription: one\npriorty: 1\n")
    until(lambda: live.events)
    assert not live.events[0].accepted
    assert live.registry.digest == good == live.events[0].new_digest
    [found] = live.registry.diagnostics
    assert (found.id, found.span.path, found.span.line) == ("unknown-field", ONE, 3)
    live.write(ONE, FILES[ONE])
    until(lambda: len(live.events) == 2)
    assert live.events[1].accepted
    assert live.registry.diagnostics == ()


def test_an_edit_that_only_moves_lines_emits_no_event_and_moves_the_origin(live: Followed) -> None:
    live.write(ONE, "# a comment\nname: DataCleaning\ndescription: one\n")
    until(lambda: live.registry.view().explain("DataCleaning", "description").winner.span.line == 3)
    assert live.events == []


def test_a_folder_moved_out_and_in(live: Followed, tmp_path: Path) -> None:
    (live.root / STEPS / "group").rename(tmp_path / "aside")
    until(lambda: "ModelFitting" not in live.registry._store.seen.snapshot.core and live.events)
    assert live.events[-1].kept == ("alice",)  # she overrides it
    assert live.registry.view("alice")["ModelFitting"].priority == 20
    (tmp_path / "aside").rename(live.root / STEPS / "other")
    live.settle()
    assert live.registry.diagnostics == ()


def test_a_file_moved_out(live: Followed, tmp_path: Path) -> None:
    (live.root / ONE).rename(tmp_path / "aside.yaml")
    until(lambda: "DataCleaning" not in live.registry.view())


def test_a_folder_deleted_and_remade(live: Followed) -> None:
    shutil.rmtree(live.root / "registry.d")
    until(lambda: live.events)
    for path, text in FILES.items():
        live.write(path, text)
    live.settle()
    live.write(ONE, "name: DataCleaning\ndescription: remade\n")
    until(lambda: live.description() == "remade")


def test_a_new_workspace_and_one_that_is_gone(live: Followed) -> None:
    live.write("workspaces/bob/local/steps/his_step.yaml", "name: HisStep\ndescription: his\n")
    until(lambda: "bob" in live.registry.workspaces and "HisStep" in live.registry.view("bob"))
    shutil.rmtree(live.root / "workspaces" / "alice")
    until(lambda: live.registry.workspaces == ("bob",))
    live.settle()


def test_the_watched_root_replaced_by_another(live: Followed, tmp_path: Path) -> None:
    shutil.copytree(live.root, tmp_path / "next")
    (tmp_path / "next" / ONE).write_text("name: DataCleaning\ndescription: next\n")
    live.root.rename(tmp_path / "previous")
    (tmp_path / "next").rename(live.root)
    until(lambda: live.description() == "next")
    live.write(ONE, "name: DataCleaning\ndescription: after\n")
    until(lambda: live.description() == "after")


@pytest.mark.parametrize(
    ("path", "relative", "ways"),
    [
        (r"C:\p", "", {""}),
        (r"C:\p/registry.d\steps\a.yaml", "registry.d/steps/a.yaml", {"registry.d/steps/a.yaml"}),
        ("C:/p/registry.d/a.yaml", "registry.d/a.yaml", {"registry.d/a.yaml"}),
        (r"C:\p/way\registry.d", "way/registry.d", {"way/registry.d"}),
        (r"C:\p/shared\a.yaml", "shared/a.yaml", {"shared/a.yaml", "registry.d/link/a.yaml"}),
        (r"C:\p\shared", "shared", {"shared", "registry.d/link"}),
        (r"C:\p\shared2\a.yaml", "shared2/a.yaml", {"shared2/a.yaml"}),
        (r"C:\p2\registry.d\a.yaml", None, set()),
        ("C:\\", None, set()),
    ],
)
def test_mixed_separators_of_windows_name_the_same_paths(
    path: str, relative: str | None, ways: set[str]
) -> None:
    links = MappingProxyType({"registry.d/link": "C:/p/shared"})
    paths = Watched("C:/p", "registry.d", "workspaces", (), ("registry.d", "workspaces"), ("",), links)
    assert (paths.relative(path, "\\"), paths.ways(path, "\\")) == (relative, ways)


def test_where_every_watch_includes_subfolders_the_folder_of_the_project_is_not_watched(
    project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer, "_ONLY_RECURSIVE", True)
    scheduled: list[str] = []
    schedule = BaseObserver.schedule

    def noted(self: BaseObserver, handler: Any, path: str, **options: Any) -> Any:
        scheduled.append(path)
        return schedule(self, handler, path, **options)

    monkeypatch.setattr(BaseObserver, "schedule", noted)
    with followed(project(FILES)) as live:
        parent = str(live.root.resolve().parent)
        assert parent not in scheduled
        assert str(live.root.resolve()) in scheduled
        shutil.copytree(live.root, tmp_path / "copy")
        shutil.rmtree(live.root)
        os.rename(tmp_path / "copy", live.root)
        live.write(ONE, "name: DataCleaning\ndescription: two\n")
        live.settle()


def test_a_project_that_vanishes_and_comes_back(live: Followed, tmp_path: Path) -> None:
    good = live.registry.digest
    live.root.rename(tmp_path / "away")
    until(lambda: live.registry.diagnostics)
    [found] = live.registry.diagnostics
    assert found.message == "project settings not found"
    assert live.registry.digest == good
    (tmp_path / "away").rename(live.root)
    live.settle()
    assert live.registry.diagnostics == ()
    until(lambda: len(live.events) > 1)
    assert [event.accepted for event in live.events] == [False, True]


def test_while_the_settings_are_gone_an_edit_elsewhere_changes_nothing(live: Followed) -> None:
    (live.root / "stepwell.toml").unlink()
    until(lambda: live.registry.diagnostics)
    live.write(ONE, "name: DataCleaning\ndescription: unseen\n")
    until(lambda: live.registry.watching.bursts >= 3)
    assert live.description() == "one"
    live.write("stepwell.toml", "")
    until(lambda: live.description() == "unseen")


def test_a_case_only_rename(live: Followed) -> None:
    (live.root / ONE).rename(live.root / STEPS / "Data_Cleaning.yaml")
    until(lambda: live.events)
    assert [found.id for found in live.registry.diagnostics] == ["file-name-mismatch"]
    (live.root / STEPS / "Data_Cleaning.yaml").rename(live.root / ONE)
    live.settle()
    assert live.registry.diagnostics == ()


def test_a_file_that_can_no_longer_be_read(live: Followed) -> None:
    (live.root / ONE).unlink()
    (live.root / ONE).symlink_to("nowhere.yaml")
    until(lambda: [found.id for found in live.registry.diagnostics] == ["unreadable-file"])
    assert live.description() == "one"
    (live.root / ONE).unlink()
    live.write(ONE, FILES[ONE])
    live.settle()
    assert live.registry.diagnostics == ()


def test_a_change_of_permissions_is_read(live: Followed) -> None:
    before = live.registry.watching.bursts
    (live.root / ONE).chmod(0o600)
    until(lambda: live.registry.watching.bursts == before + 1)
    assert live.registry.watching.last_burst.paths == 1


def test_a_finding_beside_the_workspaces_comes_and_goes(live: Followed) -> None:
    live.write("workspaces/stray.yaml", "name: Stray\n")
    until(lambda: [found.id for found in live.registry.diagnostics] == ["misplaced-file"])
    (live.root / "workspaces" / "stray.yaml").unlink()
    until(lambda: live.registry.diagnostics == ())


def test_new_paths_in_the_settings_are_followed(live: Followed) -> None:
    live.write("deep/er/steps/data_cleaning.yaml", "name: DataCleaning\ndescription: elsewhere\n")
    live.write("deep/er/steps/model_fitting.yaml", "name: ModelFitting\ndescription: fits\n")
    live.write("stepwell.toml", '[paths]\ncore = "deep/er"\n')
    until(lambda: live.description() == "elsewhere")
    live.write("deep/er/steps/data_cleaning.yaml", "name: DataCleaning\ndescription: followed\n")
    until(lambda: live.description() == "followed")
    shutil.rmtree(live.root / "deep")
    until(lambda: not live.registry._store.seen.snapshot.core)


def test_the_poll_of_the_settings_is_followed(live: Followed) -> None:
    live.write("stepwell.toml", "[watch]\npoll = 0.05\n")
    until(lambda: live.registry.watching.mode == "polling")
    live.write(ONE, "name: DataCleaning\ndescription: polled\n")
    until(lambda: live.description() == "polled")
    live.write("stepwell.toml", "")
    until(lambda: live.registry.watching.mode == "events")


@pytest.mark.parametrize("poll", [None, 0.05])
def test_settings_in_pyproject_are_followed(project: Any, poll: float | None) -> None:
    root = project({"pyproject.toml": "[tool.stepwell]\n", **FILES})
    (root / "stepwell.toml").unlink()
    with followed(root, poll=poll) as live:
        live.write("other/steps/data_cleaning.yaml", "name: DataCleaning\ndescription: elsewhere\n")
        live.write("other/steps/model_fitting.yaml", "name: ModelFitting\ndescription: fits\n")
        live.write("pyproject.toml", '[tool.stepwell.paths]\ncore = "other"\n')
        until(lambda: live.description() == "elsewhere")
        live.settle()
        assert live.registry.diagnostics == ()
        until(lambda: live.events)  # subscribers run in a separate thread
        assert [event.accepted for event in live.events] == [True]


@pytest.mark.parametrize("whole_folder", [False, True])
def test_what_a_link_leads_to_is_followed(project: Any, whole_folder: bool) -> None:
    root = project(
        {**FILES, "shared/linked_step.yaml": "name: LinkedStep\ndescription: linked\npriority: 1\n"}
    )
    if whole_folder:
        (root / STEPS / "more").symlink_to(root / "shared")
    else:
        (root / STEPS / "linked_step.yaml").symlink_to(root / "shared" / "linked_step.yaml")
    with followed(root) as live:
        live.write("shared/linked_step.yaml", "name: LinkedStep\ndescription: linked\npriority: 2\n")
        until(lambda: live.registry.view()["LinkedStep"].priority == 2)


def test_a_link_that_comes_later_is_followed(live: Followed) -> None:
    live.write("shared/linked_step.yaml", "name: LinkedStep\ndescription: linked\npriority: 1\n")
    (live.root / STEPS / "more").symlink_to(live.root / "shared")
    until(lambda: "LinkedStep" in live.registry.view())
    live.write("shared/linked_step.yaml", "name: LinkedStep\ndescription: linked\npriority: 2\n")
    until(lambda: live.registry.view()["LinkedStep"].priority == 2)
    (live.root / STEPS / "more").unlink()
    live.settle()


def test_the_sources_of_a_workspace_start_no_reload(live: Followed) -> None:
    before = live.registry.watching.bursts
    live.write("workspaces/alice/src/settings.yaml", "a: 1\n")
    live.write(f"{STEPS}/notes.txt", "nothing\n")
    live.write(f"{STEPS}/.hidden.yaml", "nothing: here\n")
    time.sleep(0.3)
    assert live.registry.watching.bursts <= before + 1  # the folder `src` itself is new


def test_what_changed_before_the_watch_began_is_seen(project: Any) -> None:
    root = project(FILES)
    registry = stepwell.open(root)
    (root / ONE).write_text("name: DataCleaning\ndescription: early\n")
    with registry.watch():
        until(lambda: registry.view()["DataCleaning"].description == "early")


def test_a_failing_subscriber_stops_no_other(live: Followed, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Event) -> None:
        raise ValueError("not today")

    later: list[Event] = []
    live.registry.subscribe(fail)
    live.registry.subscribe(later.append)
    for text in ("two", "three"):
        live.write(ONE, f"name: DataCleaning\ndescription: {text}\n")
        until(lambda text=text: live.description() == text)
    until(lambda: len(later) == 2)
    assert "ValueError: not today" in caplog.text


@pytest.mark.parametrize("poll", [None, 0.05])
def test_the_core_moves_together_with_its_setting(project: Any, poll: float | None) -> None:
    with followed(project({"stepwell.toml": "", **FILES}), poll=poll) as live:
        (live.root / "registry.d").rename(live.root / "definitions")
        live.write("stepwell.toml", '[paths]\ncore = "definitions"\n')
        live.settle()
        assert live.registry.diagnostics == ()
        live.write(ONE.replace("registry.d", "definitions"), "name: DataCleaning\ndescription: moved\n")
        until(lambda: live.description() == "moved")


@pytest.mark.parametrize("folder", [STEPS, "."])
def test_a_swap_of_a_hidden_link_in_a_chain_is_seen_although_the_old_target_stays(
    project: Any, folder: str
) -> None:
    root = project(FILES)
    (root / ONE).unlink()
    for name in ("first", "second"):
        (root / folder / f"..{name}").mkdir()
        (root / folder / f"..{name}" / "one.yaml").write_text(f"name: DataCleaning\ndescription: {name}\n")
    (root / folder / "..data").symlink_to("..first")
    (root / ONE).symlink_to(os.path.relpath(root / folder / "..data" / "one.yaml", root / STEPS))
    with followed(root) as live:
        assert live.description() == "first"
        for name in ("second", "first", "second"):
            (root / folder / "..next").symlink_to(f"..{name}")
            (root / folder / "..next").rename(root / folder / "..data")
            until(lambda name=name: live.description() == name)


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_no_exception_of_a_subscriber_ends_a_watch(live: Followed, error: type[BaseException]) -> None:
    def fail(_: Event) -> None:
        raise error

    later: list[Event] = []
    live.registry.subscribe(fail)
    live.registry.subscribe(later.append)
    for count, text in enumerate(("two", "three"), 1):
        live.write(ONE, f"name: DataCleaning\ndescription: {text}\n")
        until(lambda count=count: len(later) == count)
    assert live.registry.watching.running
    assert live.registry.health().counters["subscriber_failures"] == 2


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_an_interrupt_in_a_subscriber_is_raised_after_all_were_called(
    project: Any, error: type[BaseException]
) -> None:
    def fail(_: Event) -> None:
        raise error

    registry = stepwell.open(project(FILES))
    later: list[Event] = []
    failing = registry.subscribe(fail)
    registry.subscribe(later.append)
    file = Path(registry.project.root, ONE)
    for count, text in enumerate(("two", "three"), 1):
        file.write_text(f"name: DataCleaning\ndescription: {text}\n")
        with pytest.raises(error):
            registry.reload()
        assert len(later) == count
    failing.cancel()
    file.write_text("name: DataCleaning\ndescription: four\n")
    registry.reload()
    assert len(later) == 3


def test_a_subscriber_that_blocks_delays_neither_reloads_nor_the_end_of_the_watch(project: Any) -> None:
    root = project(FILES)
    registry = stepwell.open(root)
    watch = registry.watch()
    ended: list[bool] = []

    def stop_in_another_thread(_: Event) -> None:
        until(lambda: registry.view()["DataCleaning"].description == "three")  # reloaded in the meantime
        thread = threading.Thread(target=watch.stop)
        thread.start()
        thread.join(PATIENCE)
        ended.append(not thread.is_alive())

    watch.start()
    until(lambda: watch.state.bursts)
    registry.subscribe(stop_in_another_thread)
    (root / ONE).write_text("name: DataCleaning\ndescription: two\n")
    until(lambda: registry.view()["DataCleaning"].description == "two")
    (root / ONE).write_text("name: DataCleaning\ndescription: three\n")
    until(lambda: ended)
    assert ended[0]
    assert not watch.state.running


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_process_forked_during_reloads_reloads_and_registers(project: Any) -> None:
    root = project({**FILES, **{f"{STEPS}/s{n}.yaml": f"name: S{n}\ndescription: s\n" for n in range(100)}})
    registry = stepwell.open(root)
    done = threading.Event()

    def reload() -> None:
        while not done.is_set():
            registry.reload()

    threads = [threading.Thread(target=reload) for _ in range(2)]
    for thread in threads:
        thread.start()
    codes: list[int] = []
    try:
        for number in range(10):
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                code = 1
                with suppress(BaseException):
                    (root / f"{STEPS}/own{number}.yaml").write_text(f"name: Own{number}\ndescription: o\n")
                    registry.reload()
                    registry.register(name="Later", description="Later.", sagemaker_step_type="Processing")
                    code = int(not {"Later", f"Own{number}"} <= registry.view().keys())
                    code += 2 * (not gc.isenabled())
                os._exit(code)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert codes == [0] * 10


def test_a_subscriber_may_stop_the_watch(project: Any) -> None:
    root = project(FILES)
    registry = stepwell.open(root)
    watch = registry.watch()
    registry.subscribe(lambda _: watch.stop())
    watch.start()
    until(lambda: watch.state.bursts)
    (root / ONE).write_text("name: DataCleaning\ndescription: last\n")
    until(lambda: not watch.state.running)
    watch.stop()
    assert registry.view()["DataCleaning"].description == "last"


def test_start_and_stop_twice_and_again(project: Any) -> None:
    root = project(FILES)
    others = threading.enumerate()  # of tests before this one
    registry = stepwell.open(root)
    assert registry.watching is None
    watch = registry.watch()
    watch.stop()
    for text in ("first", "second"):
        watch.start()
        watch.start()
        assert registry.watching.running
        (root / ONE).write_text(f"name: DataCleaning\ndescription: {text}\n")
        until(lambda text=text: registry.view()["DataCleaning"].description == text)
        watch.stop()
        watch.stop()
        assert not registry.watching.running
    (root / ONE).write_text("name: DataCleaning\ndescription: unseen\n")
    time.sleep(0.2)
    assert registry.view()["DataCleaning"].description == "second"
    still = [one for one in threading.enumerate() if one not in others]
    assert [one for one in still if one.name.startswith("stepwell")] == []


def test_readers_do_not_wait_for_a_reload(live: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, go_on = threading.Event(), threading.Event()
    read = stepwell.check.file.parse

    went_on: list[bool] = []

    def slowly(*arguments: Any) -> Any:
        reading.set()
        went_on.append(go_on.wait(PATIENCE))
        return read(*arguments)

    monkeypatch.setattr("stepwell.check.file.parse", slowly)
    live.write(ONE, "name: DataCleaning\ndescription: two\n")
    assert reading.wait(PATIENCE)
    assert [live.description() for _ in range(100)] == ["one"] * 100
    assert went_on == []  # one that waited for the reload would find it over
    go_on.set()
    until(lambda: live.description() == "two")


def test_a_reload_that_fails_is_logged_and_the_next_reads_everything(
    live: Followed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("stepwell.resolve.incremental.reload", lambda *_: 1 / 0)
        live.write(ONE, "name: DataCleaning\ndescription: lost\n")
        until(lambda: "ZeroDivisionError" in caplog.text)
    live.write("workspaces/alice/local/steps/own_step.yaml", "name: OwnStep\ndescription: own\npriority: 3\n")
    until(lambda: live.description() == "lost")
    live.settle()


def test_when_events_were_lost_everything_is_read_again(live: Followed) -> None:
    logging.getLogger("watchdog.observers.inotify_c").warning("Inotify queue overflowed")
    until(lambda: live.registry.watching.bursts == 2)
    assert live.registry.watching.last_burst.paths is None


def test_an_observer_that_died_is_replaced(live: Followed) -> None:
    live.registry._watch._watcher._observer.stop()
    live.write(ONE, "name: DataCleaning\ndescription: survived\n")
    until(lambda: live.description() == "survived")
    live.write(ONE, "name: DataCleaning\ndescription: twice\n")
    until(lambda: live.description() == "twice")


OUT_OF = [
    (errno.ENOSPC, "the system allows no more watches (fs.inotify.max_user_watches)"),
    (errno.EMFILE, "the system allows no more observers (fs.inotify.max_user_instances)"),
    (errno.ENOSYS, "files cannot be watched: function not implemented"),
]


@pytest.mark.parametrize(("number", "words"), OUT_OF)
def test_without_inotify_watches_a_note_is_printed_once_and_files_are_polled(
    project: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int, words: str
) -> None:
    schedule = BaseObserver.schedule

    def out_of_watches(self: Any, handler: Any, path: Any, **how: Any) -> Any:
        if path == observer._UNWATCHED:
            raise OSError(number, os.strerror(number))
        return schedule(self, handler, path, **how)

    monkeypatch.setattr(BaseObserver, "schedule", out_of_watches)
    monkeypatch.setattr(watching, "POLL", 0.05)
    told: list[str] = []
    with followed(project(FILES), notify=told.append) as live:
        assert told == [f"{words}; polling all files every 0.05 s instead"]
        assert live.registry.watching.mode == "polling"
        assert live.registry.watching.reason == words
        live.write(ONE, "name: DataCleaning\ndescription: polled\n")
        until(lambda: live.description() == "polled")
        live.write("stepwell.toml", '[paths]\ncore = "elsewhere"\n')
        until(lambda: not live.registry._store.seen.snapshot.core)
    assert len(told) == 1
    assert caplog.text.count(words) == 1


def test_a_file_system_without_events_is_polled(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "eventless", lambda _: "files on nfs4 can change without an event")
    told: list[str] = []
    with followed(project(FILES), notify=told.append) as live:
        assert told == ["files on nfs4 can change without an event; polling all files every 1 s instead"]
        assert live.registry.watching.poll == 1.0


def test_polling_sees_every_kind_of_change(project: Any, tmp_path: Path) -> None:
    root = project(FILES)
    with followed(root, poll=0.02) as live, ExitStack() as after:
        after.callback(live.settle)
        assert live.registry.watching.mode == "polling"
        seen = os.stat(root / ONE)
        live.write(ONE, "name: DataCleaning\ndescription: two\n")
        os.utime(root / ONE, ns=(seen.st_atime_ns, seen.st_mtime_ns))  # of the same size, too
        until(lambda: live.description() == "two")
        live.write(f"{STEPS}/late/new_step.yaml", "name: NewStep\ndescription: new\n")
        until(lambda: "NewStep" in live.registry.view())
        (root / STEPS / "late").rename(tmp_path / "late")
        until(lambda: "NewStep" not in live.registry.view())
        (tmp_path / "late").rename(root / STEPS / "again")
        until(lambda: "NewStep" in live.registry.view())
        root.rename(tmp_path / "away")
        until(lambda: live.registry.diagnostics)
        (tmp_path / "away").rename(root)


def test_polling_waits_for_files_that_are_still_changing(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "SETTLING", 0.8)
    with followed(project(FILES), poll=0.02) as live:
        with (live.root / ONE).open("w") as file:
            for piece in ("name: Data", "Cleaning\n", "description: sl", "ow\n"):
                time.sleep(0.05)
                file.write(piece)
                file.flush()
        until(lambda: live.description() == "slow" and live.events)
        assert [event.accepted for event in live.events] == [True]


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/local ext4 rw 0 0
me@host: /mnt/my\\040disk fuse.sshfs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("/srv/project", ""),
        ("/home/ann/project", "files on nfs4 can change without an event"),
        ("/home", "files on nfs4 can change without an event"),
        ("/homestead", ""),
        ("/home/local/project", ""),
        ("/mnt/my disk/project", "files on fuse.sshfs can change without an event"),
    ],
)
def test_which_file_systems_have_no_events(tmp_path: Path, folder: str, words: str) -> None:
    (tmp_path / "mounts").write_text(MOUNTS)
    assert eventless(folder, str(tmp_path / "mounts")) == words
    assert eventless(folder, str(tmp_path / "missing")) == ""


class Played:
    """A Debounce whose time passes only while it waits, and what is to happen meanwhile.

    Args:
        planned: seconds from the beginning to what happens then.
        changing: start and end of a change of many files.
        late: by how much every wait exceeds its timeout.
    """

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        planned: dict[float, Callable[[Debounce], None]],
        changing: tuple[float, float] = (0.0, 0.0),
        late: float = 0.0,
    ) -> None:
        self.now = 1_000.0
        self.begin = self.now
        self.asked = 0
        self.planned = sorted((self.now + at, act) for at, act in planned.items())
        self.changing = tuple(self.now + at for at in changing)
        self.late = late
        self.gathered = Debounce(self.is_changing)
        monkeypatch.setattr(debounce.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(self.gathered._condition, "wait", self.wait)

    def is_changing(self, paths: frozenset[str]) -> bool:
        assert paths == self.gathered._paths
        self.asked += 1
        return self.changing[0] <= self.now < self.changing[1]

    def wait(self, seconds: float) -> None:
        end = self.now + seconds + self.late
        if self.planned and self.planned[0][0] <= end:
            self.now, act = self.planned.pop(0)
            act(self.gathered)
        else:
            self.now = end

    def next(self) -> tuple[float, frozenset[str] | None] | None:
        """When a burst is given, and what it names."""
        burst = self.gathered.next(PATIENCE)
        return None if burst is None else (round(self.now - self.begin, 6), burst.paths)


def hint(*paths: str, **how: bool) -> Callable[[Debounce], None]:
    return lambda gathered: gathered.hint(paths, **how)


MANY = [f"made{number}" for number in range(debounce.MANY + 1)]


def test_a_burst_is_over_when_hints_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch, {1.0: hint("a"), 1.02: hint("b")})
    assert played.next() == (1.02 + debounce.QUIET, {"a", "b"})
    assert played.next() is None
    assert played.now - played.begin == pytest.approx(1.02 + debounce.QUIET + PATIENCE)


def test_hints_further_apart_are_two_bursts(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch, {1.0: hint("a"), 1.03: hint("b")})
    assert played.next() == (1.025, {"a"})
    assert played.next() == (1.055, {"b"})


def test_a_burst_of_many_paths_may_pause_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch, {1.0: hint(*MANY), 1.09: hint("last")})
    assert played.next() == (1.19, {*MANY, "last"})


def test_a_burst_waits_for_a_file_that_is_being_written(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch, {1.0: hint("a", unfinished=True), 1.4: hint("a")})
    assert played.next() == (1.425, {"a"})


def test_a_file_that_stays_open_is_not_waited_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch, {1.0: hint("a", unfinished=True), 1.6: hint("a")})
    assert played.next() == (1.5, {"a"})


def test_a_burst_that_does_not_end_is_given_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch, {1.0 + part / 100: hint("a", unfinished=True) for part in range(300)})
    assert played.next() == (3.0, {"a"})


def test_a_burst_in_which_anything_may_have_changed_names_no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch, {1.0: hint("a"), 1.01: Debounce.hint_all})
    assert played.next() == (1.035, None)


def test_a_burst_is_not_over_while_a_checkout_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = {1.0: hint(*MANY), 1.9: hint("late"), 4.0: hint("later")}
    played = Played(monkeypatch, planned, changing=(0.9, 4.25))
    given, paths = played.next()
    assert paths == {*MANY, "late", "later"}
    assert 4.25 <= given <= 4.25 + debounce.QUIET_AFTER_MANY
    assert played.next() is None


def test_the_hints_of_a_checkout_that_just_ended_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = {1.0: hint(*MANY), 4.0: hint("late"), 4.08: hint("last")}
    assert Played(monkeypatch, planned, changing=(0.9, 4.01)).next() == (4.18, {*MANY, "late", "last"})


def test_a_checkout_that_does_not_end_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch, {1.0: hint("a")}, changing=(0.0, 1e9))
    given, paths = played.next()
    assert paths == {"a"}
    assert 1.0 + debounce.LONGEST_CHANGE <= given <= 1.0 + debounce.LONGEST_CHANGE + debounce.QUIET


def test_without_a_checkout_one_look_is_all_that_a_burst_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch, {1.0: hint(*MANY), 1.05: hint("a"), 1.1: hint("b")})
    assert played.next() == (1.2, {*MANY, "a", "b"})
    assert played.asked == 1


def test_hints_may_be_on_their_way_when_the_process_did_not_run_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played = Played(monkeypatch, {1.0: hint("a")}, late=0.0)
    played.planned.append((1_001.09, hint("b")))
    wait = played.wait

    def not_run(seconds: float) -> None:
        if played.now == 1_001.0:
            played.now = 1_001.08  # and with it the thread that was to hint at b
        else:
            wait(seconds)

    monkeypatch.setattr(played.gathered._condition, "wait", not_run)
    assert played.next() == (1.115, {"a", "b"})


def test_a_starved_process_still_yields_its_bursts(monkeypatch: pytest.MonkeyPatch) -> None:
    given, paths = Played(monkeypatch, {1.0: hint("a")}, late=0.3).next()
    assert paths == {"a"}
    assert given < 1.0 + debounce.LONGEST + 0.65


def test_what_was_hinted_at_during_a_reload_is_given_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch, {})
    played.gathered.hint(["a"])
    played.now += 1.0
    assert played.next() == (1.0, {"a"})


def test_closing_ends_the_wait() -> None:
    gathered = Debounce(lambda _: False)
    threading.Timer(0.05, gathered.close).start()
    assert gathered.next(PATIENCE) is None
    assert gathered.closed


def test_closing_ends_the_wait_for_a_checkout() -> None:
    gathered = Debounce(lambda _: True)
    gathered.hint(["a"])
    threading.Timer(0.1, gathered.close).start()
    assert gathered.next(PATIENCE) is None


@pytest.mark.parametrize("how", [{}, {"poll": 0.02}])
def test_half_a_checkout_is_never_read(project: Any, environment: Any, how: dict[str, float]) -> None:
    """What git does, by hand: it holds the lock, and pauses longer than any silence between two files."""
    root = project({**FILES, "sub/stepwell.toml": "", **{f"sub/{path}": FILES[path] for path in FILES}})
    subprocess.run(["git", "init", "-q", "."], cwd=root, env=environment, check=True)
    lock = root / ".git" / "index.lock"
    with followed(root / "sub", **how) as live:
        lock.write_text("")
        live.write(ONE, "name: DataCleaning\nsagemaker_step_type: Unheard\ndescription: half\n")
        time.sleep(4 * debounce.QUIET_AFTER_MANY)
        live.write(ONE, "name: DataCleaning\ndescription: whole\n")
        lock.unlink()
        until(lambda: live.events)
        until(lambda: live.description() == "whole")
        assert [event.accepted for event in live.events] == [True]
        assert live.registry.watching.last_burst.paths == 1


def test_a_checkout_is_read_whole_although_a_hint_is_on_its_way(
    project: Any, environment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hint = Debounce.hint
    late = f"{STEPS}/group/model_fitting.yaml"

    def all_but_one(self: Debounce, paths: Any, **how: Any) -> None:
        if rest := [path for path in paths if not path.startswith(f"{STEPS}/group")]:
            hint(self, rest, **how)

    monkeypatch.setattr(Debounce, "hint", all_but_one)
    root = project(FILES)
    subprocess.run(["git", "init", "-q", "."], cwd=root, env=environment, check=True)
    with followed(root) as live:
        (root / ".git" / "index.lock").write_text("")
        (root / late).unlink()  # as git replaces a file
        live.write(late, "name: ModelFitting\ndescription: late\npriority: 10\n")
        live.write(ONE, "name: DataCleaning\ndescription: two\n")
        (root / ".git" / "index.lock").replace(root / ".git" / "index")
        until(lambda: live.events)
        assert [key.name for key in live.events[0].changes.core.changed] == ["DataCleaning", "ModelFitting"]


def test_a_lock_that_a_crashed_git_left_delays_no_edit(
    project: Any, environment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debounce, "LONGEST_CHANGE", 10 * PATIENCE)
    root = project(FILES)
    subprocess.run(["git", "init", "-q", "."], cwd=root, env=environment, check=True)
    lock = root / ".git" / "index.lock"
    lock.write_text("")
    os.utime(lock, (time.time() - 60,) * 2)
    with followed(root) as live:
        live.write(ONE, "name: DataCleaning\ndescription: two\n")
        until(lambda: live.description() == "two")
        assert lock.exists()
