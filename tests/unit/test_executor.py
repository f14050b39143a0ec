"""Runs of steps: look-up, validation of parameters, timeouts, retries and events."""

from __future__ import annotations

import asyncio
import logging
import pickle
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.warm_python import run_python

import stepwell
from stepwell.live.registry import Registry
from stepwell.run.steps import (
    AttemptEnded,
    AttemptStarted,
    Context,
    Event,
    Executor,
    Fault,
    RunEnded,
    RunStarted,
    StepError,
    StepResult,
)
from stepwell.source.diagnostic import Severity

Project = Callable[[Mapping[str, str | bytes]], Path]

STEPS = """
import asyncio, threading, time

made = []
left = []

def total(parameters, context):
    return sum(parameters["numbers"])

async def gather(parameters, context):
    first = await context.run("Total", {"numbers": [1, 2]}, {})
    second = await context.run("Totl", {}, {})
    return first.value, second.error.fault.value

class Counting:
    def __init__(self):
        made.append(self)
    def validate(self, parameters):
        return [] if parameters.get("by", 1) else ["`by` must not be 0"]
    def execute(self, parameters, context):
        return len(made)

async def sleepy(parameters, context):
    try:
        await asyncio.sleep(60)
    finally:
        left.append("sleepy")

def busy(parameters, context):
    while not context.stopped():
        time.sleep(0.002)
    left.append("busy")

async def awaited():
    return "awaited"

def gives_an_awaitable(parameters, context):
    return awaited()

def where(parameters, context):
    return threading.current_thread().name, context.workspace, context.definition.priority

def fails(parameters, context):
    raise parameters["how"] if "how" in parameters else LookupError("no rows")

def exits(parameters, context):
    raise SystemExit(3)

async def interrupts(parameters, context):
    raise KeyboardInterrupt

def interrupts_here(parameters, context):
    raise KeyboardInterrupt

async def cancels_itself(parameters, context):
    raise asyncio.CancelledError

async def deep(parameters, context):
    inner = await context.run("Deep", {}, {})
    return inner.value if inner.ok else (context.depth, str(inner.error))

def generator(parameters, context):
    yield 1
"""


def step(name: str, implementation: str | None = None, **fields: str) -> str:
    said = {"name": name, "description": "A step.", **fields}
    if implementation is not None:
        said["implementation"] = f"src/steps.py:{implementation}"
    return "".join(f"{key}: {value}\n" for key, value in said.items())


FILES: dict[str, str | bytes] = {
    "src/steps.py": STEPS,
    "registry.d/steps/total.yaml": step("Total", "total", aliases="[Sum]")
    + textwrap.dedent(
        """\
        parameters:
          type: object
          required: [numbers]
          properties:
            numbers: {type: array, items: {type: number}}
          additionalProperties: false
        """
    ),
    "registry.d/steps/gather.yaml": step("Gather", "gather"),
    "registry.d/steps/counting.yaml": step("Counting", "Counting"),
    "registry.d/steps/sleepy.yaml": step("Sleepy", "sleepy"),
    "registry.d/steps/busy.yaml": step("Busy", "busy", timeout="0.05"),
    "registry.d/steps/late.yaml": step("Late", "sleepy", timeout="0.05", retry="{attempts: 2, wait: 0}"),
    "registry.d/steps/awaiting.yaml": step("Awaiting", "gives_an_awaitable"),
    "registry.d/steps/where.yaml": step("Where", "where"),
    "registry.d/steps/fails.yaml": step("Fails", "fails"),
    "registry.d/steps/exits.yaml": step("Exits", "exits"),
    "registry.d/steps/interrupts.yaml": step("Interrupts", "interrupts"),
    "registry.d/steps/interrupts_here.yaml": step("InterruptsHere", "interrupts_here"),
    "registry.d/steps/cancels.yaml": "",
    "registry.d/steps/deep.yaml": step("Deep", "deep"),
    "registry.d/steps/generator.yaml": step("Generator", "generator"),
    "registry.d/steps/gone.yaml": step("Gone", "gon"),
    "registry.d/steps/bare.yaml": step("Bare"),
    "registry.d/steps/later.yaml": step("Later", "total", since='"9.0"'),
    "workspaces/alice/override/steps/where.yaml": "name: Where\npriority: 3\n",
    "workspaces/alice/local/steps/own.yaml": "name: Own\ndescription: Hers\nimplementation: src/own.py:own\n",
    "workspaces/alice/src/own.py": "def own(parameters, context):\n    return 'alice'\n",
    "workspaces/bob/local/steps/own.yaml": "name: Own\ndescription: His.\nimplementation: own:own\n",
    "workspaces/bob/src/own.py": "def own(parameters, context):\n    return 'bob'\n",
}
FILES.pop("registry.d/steps/cancels.yaml")
FILES["registry.d/steps/cancels_itself.yaml"] = step("CancelsItself", "cancels_itself", timeout="5")


@pytest.fixture
def registry(project: Project) -> Registry:
    opened = stepwell.open(project(FILES))
    assert [found for found in opened.diagnostics if found.severity is Severity.ERROR] == []
    return opened


@pytest.fixture
def executor(registry: Registry) -> Iterator[Executor]:
    with Executor(registry, telemetry=False) as made:
        yield made


def shown(result: StepResult) -> str:
    assert not result.ok
    assert result.value is None
    assert result.error is not None
    return str(result.error)


def module(registry: Registry) -> Any:
    """The file that the steps are in, as the core's import world has it."""
    return sys.modules[registry.view(None).load("Total", "implementation").__module__]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_result_has_its_value_and_its_attempts(registry: Registry, executor: Executor) -> None:
    result = executor.run("Total", {"numbers": [1, 2, 3.5]})
    assert (result.ok, result.value, result.error, result.provider) == (True, 6.5, None, None)
    assert result.definition is registry.view(None)["Total"]
    assert [(one.number, one.provider, one.error) for one in result.attempts] == [(1, None, None)]
    assert result.duration >= result.attempts[0].seconds > 0
    assert result.unwrap() == 6.5
    assert executor.run("Sum", {"numbers": [4]}).value == 4
    with pytest.raises(AttributeError):
        result.ok = False  # type: ignore[misc]


def test_an_unknown_step_is_a_result_with_the_nearest_name(executor: Executor) -> None:
    result = executor.run("Totl")
    assert shown(result) == "step Totl: unknown step: Unknown step name: Totl (did you mean `Total`?)"
    assert result.error is not None
    assert (result.error.fault, result.attempts, result.definition) == (Fault.UNKNOWN_STEP, (), None)
    assert isinstance(result.error.cause, stepwell.UnknownStep)
    with pytest.raises(StepError, match="Unknown step name: Totl"):
        result.unwrap()
    nowhere = executor.run("Total", {}, Context(workspace="alicia"))
    assert shown(nowhere) == "step Total: unknown step: unknown workspace: alicia (did you mean `alice`?)"


def test_parameters_are_checked_against_the_schema_and_explained(executor: Executor) -> None:
    result = executor.run("Total", {"numbrs": [1]})
    assert shown(result) == (
        "step Total: invalid parameters: the step `Total` has no field `numbrs` (did you mean `numbers`?)\n"
        "  --> registry.d/steps/total.yaml:1"
    )
    assert result.error is not None
    assert [
        (one.id, one.span.path, one.span.line, one.span.column)
        for one in result.error.diagnostics
        if one.span
    ] == [("unknown-field", "<parameters>", 1, 1)]
    wrong = executor.run("Total", {"numbers": [1, "two"]})
    assert "`numbers[1]` must be a number, got text" in shown(wrong)
    assert "`numbers[1]` must be plain data, got an object" in shown(
        executor.run("Total", {"numbers": [1, object()]})
    )
    assert executor.run("Total", {"numbers": (1, 2)}).value == 3
    assert executor.check("Total", {"numbers": [1]}) is None
    assert str(executor.check("Total", {})) == shown(executor.run("Total"))


def test_errors_of_validate_reject_parameters_too(executor: Executor) -> None:
    assert shown(executor.run("Counting", {"by": 0})) == (
        "step Counting: invalid parameters: `by` must not be 0\n  --> registry.d/steps/counting.yaml:1"
    )
    assert "`validate` raised AttributeError" in shown(executor.run("Counting", [1]))  # type: ignore[arg-type]


def test_a_class_is_made_once_until_what_it_is_made_of_changes(
    registry: Registry, executor: Executor
) -> None:
    assert [executor.run("Counting").value for _ in range(3)] == [1, 1, 1]
    registry.register({"name": "Another", "description": "Changes the Snapshot."})
    assert executor.run("Counting").value == 1
    file = Path(registry.project.root) / "registry.d/steps/counting.yaml"
    file.write_text(step("Counting", "Counting", priority="5"))
    registry.reload()
    assert executor.run("Counting").value == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Bare", "no implementation: the definition has no `implementation`"),
        ("Generator", "no implementation: `generator` is a generator, not a function that returns a result"),
        ("Later", "incompatible: requires step interface 9.0 or later, got 1.0"),
        ("Exits", "error at attempt 1: SystemExit: 3"),
        ("Fails", "error at attempt 1: LookupError: no rows"),
        ("Interrupts", "error at attempt 1: KeyboardInterrupt"),
        ("CancelsItself", "cancelled at attempt 1: the step cancelled itself"),
    ],
)
def test_whatever_a_step_does_is_a_result(executor: Executor, name: str, message: str) -> None:
    stem = "cancels_itself" if name == "CancelsItself" else name.lower()
    assert shown(executor.run(name)) == f"step {name}: {message}\n  --> registry.d/steps/{stem}.yaml:1"
    assert executor.run("Total", {"numbers": [1]}).value == 1


class Silent(Exception):
    def __str__(self) -> str:
        raise LookupError("no words")


class CannotBeMade:
    def __init__(self) -> None:
        raise Silent

    def execute(self, parameters: Any, context: Any) -> None: ...


class Validates:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def validate(self, _: Any) -> list[str]:
        raise self.error

    async def execute(self, parameters: Any, context: Any) -> None: ...


def silent(*_: Any) -> None:
    raise Silent


@pytest.mark.parametrize(
    ("implementation", "message"),
    [
        (silent, "error at attempt 1: Silent: no message"),
        (CannotBeMade, "no implementation: cannot be instantiated: Silent: no message"),
        (Validates(Silent()), "invalid parameters: `validate` raised Silent: no message"),
        (Validates(SystemExit(2)), "invalid parameters: `validate` raised SystemExit: 2"),
    ],
)
def test_code_that_cannot_say_what_is_wrong_takes_nothing_down(
    registry: Registry, executor: Executor, implementation: Any, message: str
) -> None:
    registry.register("odd", implementation)
    assert shown(executor.run("odd")) == f"step odd: {message}\n  --> <registered>:1"
    first, second = executor.run_many([("odd", {}), ("Total", {"numbers": [1]})])
    assert (shown(first), second.value) == (f"step odd: {message}\n  --> <registered>:1", 1)


def test_parameters_of_a_wrong_type_are_rejected_in_plain_text(executor: Executor) -> None:
    rejected = "step Total: invalid parameters: the step `Total` must be a mapping, got a list"
    told = f"{rejected} (write a mapping, e.g. `{{numbers: [0.5]}}`)"
    place = "\n  --> registry.d/steps/total.yaml:1"
    assert shown(executor.run("Total", [1])) == told + place  # type: ignore[arg-type]
    endless: dict[str, Any] = {}
    endless["numbers"] = [endless]
    assert shown(executor.run("Total", endless)) == (
        f"step Total: invalid parameters: values are nested more than 64 levels deep{place}"
    )


@pytest.mark.parametrize("error", [Silent(), SystemExit(2), KeyError("x")])
def test_what_chooses_providers_may_fail_in_any_way(registry: Registry, error: BaseException) -> None:
    class Fails:
        def select(self, *_: Any, **__: Any) -> Any:
            raise error

    registry.register("asks", lambda *_: 1, metadata={"requires": ["text"]})
    with Executor(registry, Fails(), telemetry=False) as executor:
        asked, plain = executor.run_many([("asks", {}), ("Total", {"numbers": [1]})])
    assert asked.error is not None
    assert (asked.error.fault, asked.error.cause, plain.value) == (Fault.ERROR, error, 1)


def test_what_is_not_there_is_reported_with_its_place(executor: Executor) -> None:
    told = shown(executor.run("Gone"))
    assert told.startswith("step Gone: no implementation: cannot load `Gone.implementation`")
    assert "`src/steps.py` does not define `gon`" in told
    assert told.endswith("\n  --> registry.d/steps/gone.yaml:1")


def test_a_cause_keeps_its_traceback_and_an_error_can_be_pickled(executor: Executor) -> None:
    error = executor.run("Fails").error
    assert error is not None
    assert isinstance(error.cause, LookupError)
    assert error.cause.__traceback__ is not None
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (str(again), again.fault, again.attempt, again.place) == (
        str(error),
        Fault.ERROR,
        1,
        "registry.d/steps/fails.yaml:1",
    )


def test_an_interrupt_on_the_main_thread_goes_up(executor: Executor) -> None:
    told: list[Event] = []
    executor.subscribe(told.append)
    with pytest.raises(KeyboardInterrupt):
        executor.run("InterruptsHere")
    assert isinstance(told[-1], RunEnded)
    assert told[-1].result.error is not None
    assert told[-1].result.error.fault is Fault.CANCELLED
    results: list[StepResult] = []
    thread = threading.Thread(target=lambda: results.append(executor.run("InterruptsHere")))
    thread.start()
    thread.join()
    assert "KeyboardInterrupt" in shown(results[0])


def test_a_timeout_ends_a_coroutine_and_is_tried_again(registry: Registry, executor: Executor) -> None:
    result = executor.run("Late")
    assert (
        shown(result)
        == "step Late: timeout at attempt 2: no result after 0.05 s\n  --> registry.d/steps/late.yaml:1"
    )
    assert [(one.number, one.error.fault) for one in result.attempts if one.error] == [
        (1, Fault.TIMEOUT),
        (2, Fault.TIMEOUT),
    ]
    assert module(registry).left == ["sleepy", "sleepy"]


def test_a_timeout_leaves_a_thread_behind_and_reports_it(registry: Registry, executor: Executor) -> None:
    assert "timeout at attempt 1: no result after 0.05 s" in shown(executor.run("Busy"))
    until(lambda: module(registry).left == ["busy"])


def test_a_caller_may_say_the_time(executor: Executor) -> None:
    assert "no result after 0.02 s" in shown(executor.run("Sleepy", {}, Context(timeout=0.02)))


def test_a_thread_that_hangs_does_not_hold_up_the_exit(
    project: Project, environment: Mapping[str, str]
) -> None:
    root = project(
        {
            "hangs.py": "import threading\ndef hangs(parameters, context):\n    threading.Event().wait()\n",
            "registry.d/steps/hangs.yaml": step("Hangs", timeout="0.1") + "implementation: hangs.py:hangs\n",
        }
    )
    script = (
        "import stepwell\nfrom stepwell.run.steps import Executor\n"
        "print(Executor(stepwell.open()).run('Hangs').error.fault.value)\n"
    )
    ran = run_python("-c", script, cwd=root, env=environment)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "timeout\n", "")


def test_a_plain_step_runs_in_the_thread_of_the_caller_and_others_do_not(executor: Executor) -> None:
    here = threading.current_thread().name
    assert executor.run("Where").value == (here, None, 100)
    assert executor.run("Where", {}, Context(timeout=5)).value[0] == "stepwell step"
    assert asyncio.run(executor.arun("Where")).value[0] == "stepwell step"
    assert executor.run("Awaiting").value == "awaited"
    assert asyncio.run(executor.arun("Awaiting")).value == "awaited"


def test_a_step_is_looked_up_in_the_workspace_of_the_context(executor: Executor) -> None:
    assert executor.run("Where", {}, Context(workspace="alice")).value[1:] == ("alice", 3)
    with stepwell.workspace("alice"):
        assert executor.run("Where").value[1:] == ("alice", 3)
        assert executor.run("Own").value == "alice"
        assert executor.run("Where", {}, Context(workspace=None)).value[1:] == (None, 100)
    assert executor.run("Own", {}, Context(workspace="bob")).value == "bob"
    assert "Unknown step name: Own" in shown(executor.run("Own"))


def test_a_step_runs_others_in_its_own_snapshot(registry: Registry, executor: Executor) -> None:
    assert executor.run("Gather").value == (3, "unknown step")
    assert asyncio.run(executor.arun("Gather")).value == (3, "unknown step")

    @registry.step_type("changing")
    async def changing(_: Mapping[str, Any], context: Any) -> Any:
        registry.register("newcomer", lambda *_: "new")
        return (await context.run("newcomer", {}, {})).ok

    assert executor.run("changing").value is False
    assert executor.run("newcomer").value == "new"


def test_nesting_has_an_end(executor: Executor) -> None:
    assert executor.run("Deep").value == (
        16,
        "step Deep: too deep: steps are nested more than 16 levels deep\n  --> registry.d/steps/deep.yaml:1",
    )


def test_many_run_at_once_and_answer_in_order(executor: Executor) -> None:
    calls = [("Total", {"numbers": [number]}) for number in range(100)]
    assert [one.value for one in executor.run_many(calls)] == list(range(100))
    assert [one.value for one in asyncio.run(executor.arun_many(iter(calls), at_once=3))] == list(range(100))
    mixed = executor.run_many([("Own", {}, Context(workspace="bob")), ("Totl", {})])
    assert [one.ok for one in mixed] == [True, False]
    with pytest.raises(ValueError, match="at_once must be at least 1, got 0"):
        executor.run_many(calls, at_once=0)


def test_no_more_run_at_once_than_are_allowed(registry: Registry, executor: Executor) -> None:
    running, most = 0, 0

    @registry.step_type("counted")
    async def counted(_: Mapping[str, Any], __: Any) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _turn in range(3):
            await asyncio.sleep(0)
        running -= 1

    assert all(one.ok for one in executor.run_many([("counted", {})] * 50, at_once=7))
    assert most == 7


def test_events_report_every_run_and_attempt(executor: Executor) -> None:
    told: list[Event] = []
    executor.subscribe(told.append)
    executor.run("Late")
    executor.unsubscribe(told.append)
    assert [type(one) for one in told] == [RunStarted, *[AttemptStarted, AttemptEnded] * 2, RunEnded]
    assert len({one.run for one in told}) == 1
    assert told[0] == RunStarted(told[0].run, "Late", None)
    last = told[-1]
    assert isinstance(last, RunEnded)
    assert [one.attempt for one in told if isinstance(one, AttemptEnded)] == list(last.result.attempts)
    told.clear()
    executor.subscribe(told.append)
    executor.run("Gather")
    started = [one for one in told if isinstance(one, RunStarted)]
    assert [(one.step, one.parent) for one in started] == [
        ("Gather", None),
        ("Total", started[0].run),
        ("Totl", started[0].run),
    ]


def test_a_subscriber_that_fails_stops_nothing(executor: Executor, caplog: pytest.LogCaptureFixture) -> None:
    def fails(_: Event) -> None:
        raise RuntimeError("full disk")

    told: list[Event] = []
    executor.subscribe(fails)
    executor.subscribe(told.append)
    with caplog.at_level(logging.ERROR, "stepwell.run.steps"):
        assert executor.run("Total", {"numbers": [1]}).ok
    assert len(told) == 4
    assert "an event subscriber failed" in caplog.text
    assert "full disk" in caplog.text


def test_a_subscriber_that_exits_stops_nothing(executor: Executor) -> None:
    def exits(_: Event) -> None:
        raise SystemExit(1)

    executor.subscribe(exits)
    calls = [("Total", {"numbers": [1]})] * 3
    assert [one.value for one in executor.run_many(calls)] == [1, 1, 1]


def test_runs_are_in_the_log(executor: Executor, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "stepwell.run.steps"):
        executor.run("Total", {"numbers": [1]})
        executor.run("Fails")
    first, second = (one.getMessage() for one in caplog.records if one.name == "stepwell.run.steps")
    assert first.startswith("run 1 of Total succeeded in 0.")
    assert second.startswith("run 2 of Fails failed: step Fails: error at attempt 1: LookupError: no rows")


def test_a_cancelled_task_leaves_nothing_running(registry: Registry, executor: Executor) -> None:
    told: list[Event] = []
    executor.subscribe(told.append)

    async def cancelled() -> set[str]:
        task = asyncio.ensure_future(executor.arun_many([("Sleepy", {})] * 20, at_once=10))
        while sum(isinstance(one, AttemptStarted) for one in told) < 10:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return {one.get_name() for one in asyncio.all_tasks() if one is not asyncio.current_task()}

    assert asyncio.run(cancelled()) == set()
    assert module(registry).left == ["sleepy"] * 10
    ended = [one.result.error for one in told if isinstance(one, RunEnded)]
    assert [error.fault for error in ended if error] == [Fault.CANCELLED] * 10


def test_closing_ends_all_runs_and_every_waiting_caller_has_a_result(registry: Registry) -> None:
    executor = Executor(registry, telemetry=False)
    results: list[StepResult] = []
    waiting = threading.Thread(target=lambda: results.append(executor.run("Sleepy")))
    started: list[Event] = []
    executor.subscribe(started.append)
    waiting.start()
    until(lambda: any(isinstance(one, AttemptStarted) for one in started))
    executor.close()
    waiting.join(20)
    assert not waiting.is_alive()
    assert shown(results[0]) == "step Sleepy: cancelled: the executor was closed"
    executor.close()
    assert module(registry).left == ["sleepy"]
    assert executor.run("Gather").ok  # it restarts when it is needed
    executor.close()


def test_closing_while_others_begin_leaves_no_one_waiting(registry: Registry) -> None:
    results: list[StepResult] = []

    def run() -> None:
        results.extend(executor.run("Gather") for _ in range(30))

    executor = Executor(registry, telemetry=False)
    running = [threading.Thread(target=run) for _ in range(8)]
    for thread in running:
        thread.start()
    while any(thread.is_alive() for thread in running):
        executor.close()
    assert len(results) == 240
    assert {one.error.fault if one.error else None for one in results} <= {None, Fault.CANCELLED}


def test_a_coroutine_may_not_wait_for_its_own_loop(registry: Registry, executor: Executor) -> None:
    @registry.step_type("waits_for_itself")
    async def waits(_: Mapping[str, Any], __: Any) -> Any:
        return executor.run("Gather")

    assert "RuntimeError: deadlock: in a coroutine, await `arun`" in shown(executor.run("waits_for_itself"))


def test_a_fallback_serves_what_the_registry_does_not_have(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    def old(parameters: Mapping[str, Any], _: Any) -> str:
        return parameters["prompt"].upper()

    with Executor(registry, fallbacks={"claude": old, "Total": old}, telemetry=False) as executor:
        results = [executor.run("claude", {"prompt": "hello"}) for _ in range(3)]
        registry.register({"name": "Another", "description": "Changes the Snapshot."})
        results.append(executor.run("claude", {"prompt": "hello"}))
        assert [one.value for one in results] == ["HELLO"] * 4
        assert executor.run("Total", {"numbers": [1]}).value == 1
    assert [one.getMessage() for one in caplog.records] == [
        "no step claude in the registry: using its fallback (see `stepwell compat`)"
    ]


def test_a_project_declares_fallbacks(project: Project) -> None:
    root = project(
        {
            **FILES,
            "stepwell.toml": '[execution.fallbacks]\nold = "posixpath:join"\nlost = "nowhere.at:all"\n',
        }
    )
    with Executor(stepwell.open(root), telemetry=False) as executor:
        assert (
            executor.run(
                "old",
                "a",
            ).ok
            is False
        )  # type: ignore[arg-type]
        told = shown(executor.run("lost"))
    assert told == (
        "step lost: no implementation: fallback `nowhere.at:all` cannot be loaded: "
        "ModuleNotFoundError: No module named 'nowhere'"
    )


@pytest.mark.parametrize(
    ("on", "raised", "attempts"),
    [
        ("", ValueError("x"), 3),
        ("on: [timeout]", ValueError("x"), 1),
        ("on: [error]", ValueError("x"), 3),
        ("on: [OSError]", ConnectionError("x"), 3),
        ("on: [OSError]", ValueError("x"), 1),
        ("on: [Exception]", SystemExit(1), 1),
    ],
)
def test_only_what_is_said_is_tried_again(
    project: Project, on: str, raised: BaseException, attempts: int
) -> None:
    retry = f"{{attempts: 3, wait: 0{', ' if on else ''}{on}}}"
    root = project(
        {"src/steps.py": STEPS, "registry.d/steps/fails.yaml": step("Fails", "fails", retry=retry)}
    )
    with Executor(stepwell.open(root), telemetry=False) as executor:
        assert len(executor.run("Fails", {"how": raised}).attempts) == attempts


def test_a_new_try_may_succeed(registry: Registry, executor: Executor) -> None:
    tries: list[int] = []

    def flaky(_: Mapping[str, Any], context: Any) -> int:
        tries.append(context.attempt)
        if context.attempt < 3:
            raise TimeoutError("not yet")
        return context.attempt

    registry.register("flaky", flaky, metadata={"retry": {"attempts": 5, "wait": 0}})
    result = executor.run("flaky")
    assert (result.value, tries, [one.error is None for one in result.attempts]) == (
        3,
        [1, 2, 3],
        [False, False, True],
    )


def test_a_reload_while_a_run_continues_changes_nothing_for_it(
    registry: Registry, executor: Executor
) -> None:
    go = threading.Event()

    @registry.step_type("holding")
    async def holding(_: Mapping[str, Any], context: Any) -> Any:
        await asyncio.get_running_loop().run_in_executor(None, go.wait)
        return (await context.run("Where", {}, {})).value[2]

    results: list[StepResult] = []
    thread = threading.Thread(target=lambda: results.append(executor.run("holding")))
    started: list[Event] = []
    executor.subscribe(started.append)
    thread.start()
    until(lambda: any(isinstance(one, AttemptStarted) for one in started))
    (Path(registry.project.root) / "registry.d/steps/where.yaml").write_text(
        step("Where", "where", priority="7")
    )
    registry.reload()
    assert executor.run("Where").value[2] == 7
    go.set()
    thread.join(20)
    assert results[0].value == 100


def test_importing_the_executor_needs_no_extra(environment: Mapping[str, str], tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "sys.modules['opentelemetry'] = None\n"
        "import stepwell.run.steps\n"
        "late = {'tenacity', 'packaging', 'jsonschema', 'jsonschema_rs', 'yaml', 'httpx'}\n"
        "loaded = late & set(sys.modules)\n"
        "print(sorted(loaded))\n"
        "import pathlib; pathlib.Path('stepwell.toml').touch()\n"
        "import stepwell\n"
        "executor = stepwell.run.steps.Executor(stepwell.open())\n"
        "print(executor.run('X').error.fault.value)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "[]\nunknown step\n", "")


def test_a_step_that_needs_a_provider_fails_without_one(registry: Registry, executor: Executor) -> None:
    registry.register("asking", lambda *_: 1, metadata={"requires": ["chat"]})
    assert shown(executor.run("asking")).startswith(
        "step asking: provider: requires a provider with chat, but the executor has no providers"
    )
