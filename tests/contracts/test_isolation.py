"""Worlds hold under threads, across processes and through reloads; and a second look costs one look-up."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from stepwell.code.import_worlds import Worlds
from stepwell.source.errors import ComponentError

pytestmark = pytest.mark.slow

Project = Callable[[Mapping[str, "str | bytes"]], Path]

THREADS = 8
OWNERS = ("alice", "bob")
FILES = {
    "src/base.py": "import counted\ncounted.count()\nclass Base: pass\n",
    "src/counted.py": "import sys\ndef count():\n    sys.counted_for_test.append(1)\n",
    **{
        f"workspaces/{owner}/src/{path}": content
        for owner in OWNERS
        for path, content in {
            "train_builder.py": (
                "import time\ntime.sleep(0.01)\n"
                "from helpers.tools import who, generation\nfrom base import Base\n"
                "class Builder(Base):\n    owner = who\n    number = generation\n"
                "    def __init__(self, depth): self.depth = depth\n"
                "    def __eq__(self, other): return vars(self) == vars(other)\n"
            ),
            "helpers/__init__.py": "",
            "helpers/tools.py": f"import time\ntime.sleep(0.01)\nwho = {owner!r}\ngeneration = 0\n",
        }.items()
    },
}


@pytest.fixture
def runs() -> Any:
    """What a module of the project notes each of its runs in."""
    noted: list[int] = []
    sys.counted_for_test = noted  # type: ignore[attr-defined]
    yield noted
    del sys.counted_for_test  # type: ignore[attr-defined]


@pytest.fixture
def root(project: Project) -> Path:
    return Path(os.path.realpath(project(FILES)))


def builder(root: Path, owner: str) -> str:
    return str(root / f"workspaces/{owner}/src/train_builder.py")


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """What the calls answer, all begun at the same moment in a thread each; none may take two minutes."""
    start = threading.Barrier(len(calls))

    def call(one: Callable[[], Any]) -> Any:
        start.wait(timeout=60)
        return one()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [done.result(timeout=120) for done in [pool.submit(call, one) for one in calls]]


def test_eight_threads_get_one_class_per_workspace_also_after_a_reload(root: Path, runs: list[int]) -> None:
    def load(worlds: Worlds, owner: str) -> Any:
        return worlds.world_of(owner).load(builder(root, owner), "Builder")

    worlds = Worlds(str(root))
    before: dict[str, type] = {}
    for generation in range(4):
        asked = [OWNERS[number % 2] for number in range(THREADS)]
        calls = [partial(load, worlds, one) for one in asked]
        classes = dict(zip(asked, at_once(calls), strict=True))
        found = at_once(calls)
        assert all(one is classes[owner] for owner, one in zip(asked, found, strict=True))
        assert classes["alice"] is not classes["bob"]
        for owner, one in classes.items():
            assert (one.owner, one.number) == (owner, generation)
            assert one is not before.get(owner)
        before = classes
        changed = [f"workspaces/{owner}/src/helpers/tools.py" for owner in OWNERS]
        for path in changed:
            (root / path).write_text(f"who = {path.split('/')[1]!r}\ngeneration = {generation + 1}\n")
        worlds = worlds.renew(changed)
    assert len(runs) == 1


def test_threads_that_import_in_a_cycle_from_both_ends_come_to_an_end(project: Project) -> None:
    ends = {"left": "right", "right": "left"}
    files = {
        f"workspaces/alice/src/{pair}/{one}.py": (
            f"import time\nx = {one!r}\ntime.sleep(0.002)\n"
            f"from . import {other}\nfrom .{other} import x as far\n"
        )
        for pair in range(12)
        for one, other in ends.items()
    }
    root = os.path.realpath(project({path.replace("src/", "src/p"): text for path, text in files.items()}))
    world = Worlds(root).world_of("alice")
    for pair in range(12):
        source = f"{root}/workspaces/alice/src/p{pair}"
        calls = [lambda one=one, at=source: world.load(f"{at}/{one}.py", "far") for one in ends]
        assert at_once(calls) == ["right", "left"]
        assert world.load(f"{source}/left.py", "right") is world.load(f"{source}/right.py")


def test_loading_and_renewing_at_once_never_mixes_two_texts_for_long(project: Project) -> None:
    path = "workspaces/alice/src/value.py"
    user = "from pkg.inner import value\nclass User:\n    got = value\n"
    files = {
        path: "value = 0\n",
        "workspaces/alice/src/pkg/__init__.py": "",
        "workspaces/alice/src/pkg/inner.py": "from value import value\n",
        "workspaces/alice/src/user.py": user,
    }
    root = os.path.realpath(project(files))
    latest = [Worlds(root)]
    stop = threading.Event()
    seen: list[list[int]] = [[] for _ in range(4)]

    def read(noted: list[int]) -> None:
        while not stop.is_set():
            noted.append(latest[0].world_of("alice").load(f"{root}/workspaces/alice/src/user.py", "User").got)

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read, noted) for noted in seen]
        try:
            for number in range(1, 101):
                Path(root, path).write_text(f"value = {number}\n")
                latest[0] = latest[0].renew([path] if number % 2 else None)
                got = latest[0].world_of("alice").load(f"{root}/workspaces/alice/src/user.py", "User").got
                assert got == number
        finally:
            stop.set()
        for reader in readers:
            reader.result(timeout=60)
    for noted in seen:
        assert noted == sorted(noted)


def test_failing_and_good_imports_at_once_leave_one_module_each(project: Project) -> None:
    source = "workspaces/alice/src"
    files = {f"{source}/shared.py": "import time\ntime.sleep(0.001)\nclass Shared: pass\n"}
    for number in range(THREADS):
        failing = "raise RuntimeError\n" if number % 2 else ""
        files[f"{source}/m{number}.py"] = f"from shared import Shared\n{failing}"
    root = os.path.realpath(project(files))
    for turn in range(20):
        worlds = Worlds(root)
        world = worlds.world_of("alice")

        def load(number: int, world: Any = world) -> Any:
            try:
                return world.load(f"{root}/{source}/m{number}.py", "Shared")
            except ComponentError:
                return None

        found = at_once([lambda one=one: load(one) for one in range(THREADS)])
        assert [one is None for one in found] == [bool(number % 2) for number in range(THREADS)]
        assert {*found} == {None, world.load(f"{root}/{source}/shared.py", "Shared")}
        Path(root, source, "shared.py").write_text(f"class Shared: turn = {turn}\n")


WORK = """
import sys
from stepwell.code.import_worlds import Worlds

def open_worlds(root):
    sys.counted_for_test = []
    Worlds(root)

def deeper(one):
    one.depth += 1
    return one
"""


def test_instances_travel_to_spawned_processes_and_back(
    root: Path, runs: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del runs
    (tmp_path / "work_of_a_pool.py").write_text(WORK)
    monkeypatch.syspath_prepend(str(tmp_path))
    work = importlib.import_module("work_of_a_pool")
    worlds = Worlds(str(root))
    sent = [worlds.world_of(owner).load(builder(root, owner), "Builder")(1) for owner in OWNERS]
    context = multiprocessing.get_context("spawn")
    with context.Pool(1, initializer=work.open_worlds, initargs=(str(root),)) as pool:
        back = pool.map_async(work.deeper, sent).get(timeout=120)
    assert [type(one) for one in back] == [type(one) for one in sent]
    assert [one.depth for one in back] == [2, 2]


CHILD = """
import pickle, sys
from stepwell.code.import_worlds import Worlds
sys.counted_for_test = []
before = list(sys.path)
if sys.argv[2] == "open":
    Worlds(sys.argv[1])
for one in pickle.load(sys.stdin.buffer):
    print(one.owner, one.depth, type(one).__module__.rpartition(".")[2])
assert sys.path == before
"""


def test_instances_are_read_in_a_plain_process_that_opened_the_project(root: Path, runs: list[int]) -> None:
    del runs
    worlds = Worlds(str(root))
    sent = pickle.dumps([worlds.world_of(one).load(builder(root, one), "Builder")(3) for one in OWNERS])
    for how, expected in (
        ("open", "alice 3 train_builder\nbob 3 train_builder\n"),
        ("not", "ModuleNotFoundError: No module named 'stepwell_worlds'"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(root), how],
            input=sent,
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert (done.stdout or done.stderr).decode().endswith(expected + ("" if how == "open" else "\n"))


def test_modules_are_called_the_same_in_every_process(root: Path, runs: list[int]) -> None:
    del runs
    program = (
        "import sys; from stepwell.code.import_worlds import Worlds; sys.counted_for_test = []\n"
        "print(Worlds(sys.argv[1]).world_of('bob').load(sys.argv[2], 'Builder').__module__)"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program, str(root), builder(root, "bob")],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            timeout=120,
            check=True,
        ).stdout.decode()
        for seed in ("1", "2")
    }
    here = Worlds(str(root)).world_of("bob").load(builder(root, "bob"), "Builder").__module__
    assert told == {f"{here}\n"}


def test_a_second_load_reads_no_file(root: Path, runs: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    del runs
    world = Worlds(str(root)).world_of("alice")
    first = world.load(builder(root, "alice"), "Builder")
    for name in ("stat", "listdir", "open", "scandir", "lstat"):
        monkeypatch.delattr(os, name)
    assert world.load(builder(root, "alice"), "Builder") is first
