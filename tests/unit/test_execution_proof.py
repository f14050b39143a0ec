"""Many threads and tasks at once: no result is lost, no limit exceeded, and nothing is left behind."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import stepwell
from stepwell.model.provider_protocol import Failure, ProviderError, Request, Response
from stepwell.run.providers import ProviderRegistry
from stepwell.run.steps import Context, Executor, Fault, ProviderChosen, StepResult

pytestmark = pytest.mark.slow

Project = Callable[[Mapping[str, str | bytes]], Path]

WRITERS, RUNNERS, RUNS = 8, 32, 10_000
STEPS = """
import asyncio

async def who(parameters, context):
    return context.workspace, parameters["number"], WHO

async def ask(parameters, context):
    from stepwell.model.provider_protocol import Message, Request
    request = Request((Message("user", str(parameters["number"])),), timeout=0.2)
    return (await context.provider.complete(request)).text
"""
FILES: dict[str, str | bytes] = {
    "src/steps.py": 'WHO = "core"\n' + STEPS,
    "registry.d/steps/who.yaml": "name: Who\ndescription: Tell.\nimplementation: src/steps.py:who\n",
    "registry.d/steps/ask.yaml": (
        "name: Ask\ndescription: Ask.\nimplementation: src/steps.py:ask\nrequires: [chat]\n"
        "retry: {attempts: 4, wait: 0.01, max_wait: 0.02}\n"
    ),
    **{
        f"workspaces/{one}/{path}": content
        for one in ("alice", "bob")
        for path, content in {
            "local/steps/mine.yaml": "name: Mine\ndescription: Tell.\nimplementation: src/steps.py:who\n",
            "src/steps.py": f'WHO = "{one}"\n{STEPS}',
        }.items()
    },
}


def test_no_result_is_lost_while_step_types_come_and_go(project: Project) -> None:
    registry = stepwell.open(project(FILES))
    numbers = iter(range(RUNS))
    drawing = threading.Lock()
    done = threading.Event()
    faults: list[BaseException] = []
    results: list[tuple[int, StepResult]] = []
    registered = Counter[str]()

    def write(writer: int) -> None:
        turn = 0
        while not done.is_set():
            name = f"type_{writer}_{turn % 3}"
            with registry.register(name, _answering(name)):
                found = executor.run(name)
                if found.value != name:
                    raise AssertionError(found)
            registered[name] += 1
            turn += 1

    def run() -> None:
        while True:
            with drawing:
                number = next(numbers, None)
            if number is None:
                return
            step, request = ("Who", {"number": number}) if number % 2 else ("plain", {"number": number})
            results.append((number, executor.run(step, request)))

    def guarded(work: Callable[..., None], *given: int) -> None:
        try:
            work(*given)
        except BaseException as error:  # noqa: BLE001 - reported below, in the test's own thread
            faults.append(error)

    with Executor(registry, telemetry=False) as executor:
        registry.register("plain", lambda parameters, _: parameters["number"])
        writers = [threading.Thread(target=guarded, args=(write, one)) for one in range(WRITERS)]
        runners = [threading.Thread(target=guarded, args=(run,)) for _ in range(RUNNERS)]
        for thread in (*writers, *runners):
            thread.start()
        for thread in runners:
            thread.join()
        done.set()
        for thread in writers:
            thread.join()
    assert faults == []
    assert sorted(number for number, _ in results) == list(range(RUNS))
    assert [(number, one) for number, one in results if not one.ok] == []
    assert all(one.value == ((None, number, "core") if number % 2 else number) for number, one in results)
    assert len({name.rpartition("_")[0] for name in registered}) == WRITERS
    assert {name for name in registry.view(None) if name.startswith("type_")} == set()


def _answering(name: str) -> Callable[..., str]:
    return lambda *_: name


def test_one_workspace_never_runs_the_code_of_another(project: Project) -> None:
    with Executor(stepwell.open(project(FILES)), telemetry=False) as executor:
        calls = [
            ("Mine", {"number": number}, Context(workspace=("alice", "bob")[number % 2]))
            for number in range(200)
        ]
        results = executor.run_many(calls, at_once=50)
    assert [one.value for one in results] == [
        (("alice", "bob")[number % 2], number, ("alice", "bob")[number % 2]) for number in range(200)
    ]


def test_a_thousand_coroutines_at_once_need_no_thread_each(project: Project) -> None:
    registry = stepwell.open(project(FILES))
    waiting, most = 0, 0
    go = asyncio.Event()

    @registry.step_type("waiting")
    async def waits(_: Mapping[str, Any], __: Any) -> int:
        nonlocal waiting, most
        waiting += 1
        most = max(most, threading.active_count())
        if waiting == 1_000:
            go.set()
        await go.wait()
        return 1

    async def all_of_them() -> tuple[StepResult, ...]:
        return await executor.arun_many([("waiting", {})] * 1_000, at_once=1_000)

    before = threading.active_count()
    with Executor(registry, telemetry=False) as executor:
        results = asyncio.run(all_of_them())
    assert sum(one.value for one in results) == 1_000
    assert most <= before + 1


def test_steps_in_threads_are_bounded(project: Project) -> None:
    registry = stepwell.open(project(FILES))
    counting = threading.Lock()
    full = threading.Barrier(5)
    running, most = 0, 0

    @registry.step_type("threaded", metadata={"timeout": 60})
    def threaded(_: Mapping[str, Any], __: Any) -> None:
        nonlocal running, most
        with counting:
            running += 1
            most = max(most, running)
        full.wait(30)
        with counting:
            running -= 1

    with Executor(registry, threads=5, telemetry=False) as executor:
        results = executor.run_many([("threaded", {})] * 50, at_once=50)
    assert all(one.ok for one in results)
    assert most == 5


class Faulty:
    """A provider that fails as real ones do: every tenth request, hangs every twentieth, and has bursts."""

    def __init__(self, name: str, limit: int) -> None:
        self.name = name
        self.limit = limit
        self.request = 0
        self.running = 0
        self.most = 0

    async def complete(self, request: Request) -> Response:
        self.request += 1
        number = self.request
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if number % 100 < 8:
                raise ProviderError(self.name, Failure.RATE_LIMITED, "too many requests", 0.01)
            if number % 20 == 9:
                await asyncio.sleep(3600)
            await asyncio.sleep(0)
            if number % 10 == 4:
                raise ProviderError(self.name, Failure.UNAVAILABLE, "it fell over")
            return Response(f"{self.name}: {request.messages[-1].content}")
        finally:
            self.running -= 1

    def stream(self, request: Request) -> Any:
        raise NotImplementedError

    async def probe(self) -> None:
        pass

    async def close(self) -> None:
        pass


def test_a_thousand_steps_all_end_whatever_their_providers_do(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {name: Faulty(name, limit) for name, limit in (("first", 16), ("second", 8), ("third", 8))}
    module = ModuleType("stepwell_faulty_providers")
    module.make = lambda setup: made[setup.name]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    definitions = {
        f"registry.d/providers/{name}.yaml": (
            f"name: {name}\ndescription: Fails.\nimplementation: stepwell_faulty_providers:make\n"
            f"capabilities: [chat]\npriority: {place}\nlimits: {{concurrency: {one.limit}}}\n"
            "health: {probe: false, failures: 1000}\n"
        )
        for place, (name, one) in enumerate(made.items())
    }
    registry = stepwell.open(project({**FILES, **definitions}))
    assert registry.diagnostics == ()
    chosen: list[ProviderChosen] = []
    with Executor(registry, ProviderRegistry(registry), telemetry=False) as executor:
        executor.subscribe(lambda event: chosen.append(event) if isinstance(event, ProviderChosen) else None)
        results = executor.run_many([("Ask", {"number": number}) for number in range(1_000)], at_once=100)
    assert len(results) == 1_000
    for number, one in enumerate(results):
        if one.ok:
            assert one.value == f"{one.provider}: {number}"
            assert [each.error is None for each in one.attempts][-1]
        else:
            assert one.error is not None
            assert one.error.fault is Fault.PROVIDER
    assert sum(one.ok for one in results) >= 900
    assert [one.most <= one.limit for one in made.values()] == [True] * 3
    assert [one.running for one in made.values()] == [0, 0, 0]
    over = [one for one in chosen if one.excluded]
    assert over
    assert any("first failed (provider first: rate limited: too many requests)" in one.reason for one in over)
    assert any("timeout" in one.reason for one in over)
    assert all(len(set(one.excluded)) == len(one.excluded) for one in over)
