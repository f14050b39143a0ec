"""Readers meet one Snapshot at a time and no lock, whatever writers do meanwhile.

``STEPWELL_THREADS_SECONDS`` sets the duration (default 5); ``--log-cli-level=INFO`` prints what was seen.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import stepwell
from stepwell.live.registry import Registry

pytestmark = pytest.mark.slow

SECONDS = float(os.environ.get("STEPWELL_THREADS_SECONDS", "5"))
READERS = 8

Project = Callable[[Mapping[str, str | bytes]], Path]


def step(name: str, generation: int) -> str:
    """A file of one generation: all its fields say which."""
    return (
        f"name: {name}\nsagemaker_step_type: Processing\ndescription: generation {generation}\n"
        f"config_class: {name}Config{generation}\npriority: {generation % 1000}\n"
        f"aliases: [{name}{generation}]\n"
    )


def generation_of(definition: Any) -> int:
    """The generation of a step, all whose fields must agree on it."""
    number = int(definition.description.removeprefix("generation "))
    assert definition.config_class == f"{definition.name}Config{number}"
    assert definition.priority == number % 1000
    assert definition.aliases == (f"{definition.name}{number}",)
    return number


@pytest.fixture
def registry(project: Project) -> Registry:
    files = {f"registry.d/steps/{name.lower()}.yaml": step(name, 0) for name in ("Left", "Right")}
    for number in range(300):
        files[f"registry.d/steps/step{number}.yaml"] = f"name: Step{number}\ndescription: x\n"
    files["stepwell.toml"] = '[rules]\nfile-name-mismatch = "off"\n'
    files["workspaces/alice/override/steps/left.yaml"] = "name: Left\nx-owner: alice\n"
    return stepwell.open(project(files))


def write(registry: Registry, stop: threading.Event, served: dict[str, int]) -> None:
    """Write both steps together, register and unregister, break and fix, as quickly as possible."""
    root = Path(registry.project.root)
    paths = [f"registry.d/steps/{name}.yaml" for name in ("left", "right")]
    generation = 0
    while not stop.is_set():
        generation += 1
        for path in paths:
            (root / path).write_text(step(Path(path).stem.capitalize(), generation))
        registry._store.reload(paths)
        served[registry.digest] = generation
        if generation % 3 == 0:
            with registry.register({"name": "Passing", "description": f"generation {generation}"}):
                served[registry.digest] = generation
        if generation % 5 == 0:
            (root / paths[0]).write_text("name: [\n")
            registry._store.reload(paths[:1])
            assert not registry._store.is_current


def read(registry: Registry, stop: threading.Event, told: dict[str, Any]) -> None:
    """Look things up and compare them; note the longest look-up and the newest generation."""
    last, looks, longest, seen = 0, 0, 0.0, set()
    while not stop.is_set():
        began = time.perf_counter()
        snapshot = registry.snapshot
        core, alice = snapshot.view(), snapshot.view("alice")
        left, right, hers = core["Left"], core["Right"], alice["Left"]
        longest = max(longest, time.perf_counter() - began)
        number = generation_of(left)
        assert generation_of(right) == number
        assert generation_of(hers) == number
        assert hers.extensions == {"x-owner": "alice"}
        assert core[f"Left{number}"] is left
        assert alice["Right"] is right
        assert number >= last, "what is served never goes back"
        passing = core.steps.get("Passing")
        assert ("Passing" in core) is (passing is not None)
        assert ("Passing" in alice) is (passing is not None)
        assert passing is None or passing.description == f"generation {number}"
        assert core.by_alias(f"Left{number + 1}") is None, "a Snapshot has nothing of the next generation"
        if looks % 64 == 0:
            seen.add((snapshot.digest, number))
        last, looks = number, looks + 1
    told.update(looks=looks, longest=longest, last=last, seen=seen)


def started(work: Callable[..., None], failures: list[BaseException], *arguments: Any) -> threading.Thread:
    def run() -> None:
        try:
            work(*arguments)
        except BaseException as error:  # noqa: BLE001 - reported by the test
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_every_look_belongs_to_one_snapshot_while_files_are_written_broken_and_fixed(
    registry: Registry,
) -> None:
    stop, failures, served = threading.Event(), [], {registry.digest: 0}
    told: list[dict[str, Any]] = [{} for _ in range(READERS)]
    threads = [started(write, failures, registry, stop, served)]
    threads += [started(read, failures, registry, stop, one) for one in told]
    try:
        began = time.monotonic()
        while time.monotonic() < began + SECONDS and not failures:
            time.sleep(0.05)
        while len(served) <= 12 and time.monotonic() < began + 60 and not failures:
            time.sleep(0.05)  # on a slow machine, until enough versions were served
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=60)
    assert failures == []
    assert not any(thread.is_alive() for thread in threads)
    assert max(one["last"] for one in told) > 5
    for digest, number in set().union(*(one["seen"] for one in told)):
        assert served.get(digest, number) == number
    logging.getLogger("threads").info(
        "%d looks, the longest %.1f ms; %d generations, of which readers saw up to %d",
        sum(one["looks"] for one in told),
        max(one["longest"] for one in told) * 1000,
        max(served.values()),
        max(one["last"] for one in told),
    )


def test_a_reader_waits_for_no_lock_that_a_writer_holds(registry: Registry) -> None:
    """A reload that stops in the middle, with all its locks held, blocks no reader."""
    inside, go_on = threading.Event(), threading.Event()
    store = registry._store

    def validates(*_: object) -> Any:
        inside.set()
        assert go_on.wait(60)
        raise KeyError("nothing is registered")

    failures: list[BaseException] = []
    writer = started(store.add, failures, validates)
    looks = 0
    try:
        assert inside.wait(60)
        assert not store._writing.acquire(blocking=False)
        reader_done = threading.Event()

        def look() -> None:
            nonlocal looks
            for _ in range(1000):
                assert generation_of(registry.view("alice")["Left"]) == 0
                assert registry.view(None).by_alias("Left0") is not None
                assert list(registry.view(None).legacy_table()) == ["Left", "Right"]
                assert registry.view("alice").explain("Left", "priority").value == 0
                looks += 1
            assert registry.digest
            assert registry.diagnostics == ()
            assert registry.health().current
            reader_done.set()

        reader = started(look, failures)
        assert reader_done.wait(30), f"a reader waits for the writer after {looks} looks: {failures}"
        reader.join()
    finally:
        go_on.set()
        writer.join()
    assert [type(one) for one in failures] == [KeyError]
    assert looks == 1000
