"""Providers of a project: choice and reasons, limits, and circuits."""

from __future__ import annotations

import asyncio
import copy
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any, TypeVar

import pytest

import stepwell
from stepwell.frontends.pytest_plugin.provider_contract import Faulty
from stepwell.model.provider_protocol import Failure, Message, ProviderError, Request, Response, Setup
from stepwell.run.providers import ProviderRegistry
from stepwell.source.diagnostic import Severity
from stepwell.source.errors import (
    NoProvider,
    StrategyFailed,
    UnknownProvider,
    UnknownStrategy,
    UnknownWorkspace,
)

T = TypeVar("T")
Project = Callable[[Mapping[str, str]], Path]

PATIENCE = 30.0
FAULTY: dict[str, Faulty] = {}
"""The providers of the definitions with the implementation `faulty`, by name."""


@pytest.fixture(autouse=True)
def _faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One more implementation, as an installed package would bring it."""
    point = EntryPoint("faulty", f"{__name__}:_make_faulty", "stepwell.providers")
    strategy = EntryPoint("last_by_name", f"{__name__}:_last_by_name", "stepwell.provider_strategies")
    odd = EntryPoint("odd", f"{__name__}:_odd", "stepwell.provider_strategies")
    every = EntryPoints((point, strategy, odd))
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: every.select(group=group))
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__, sys))
    monkeypatch.setattr(EntryPoint, "load", lambda self: globals()[self.attr])
    yield
    FAULTY.clear()


def _make_faulty(setup: Setup) -> Faulty:
    return FAULTY.setdefault(setup.name, Faulty(setup.name, **setup.settings))


def _last_by_name(candidates: tuple[Any, ...], _: Any) -> tuple[Any, str]:
    return max(candidates, key=lambda one: one.name), "it is the last by name"


def _odd(_: tuple[Any, ...], __: Any) -> tuple[Any, str]:
    return "nobody", "why not"


def provider(name: str, **fields: Any) -> tuple[str, str]:
    """A definition file."""
    held = {"implementation": "faulty", "capabilities": ["text"], **fields}
    stem = "".join(f"_{char.lower()}" if char.isupper() else char for char in name).lstrip("_")
    lines = [f"name: {name}", f"description: The provider {name}."]
    return f"registry.d/providers/{stem}.yaml", "\n".join(
        [*lines, *(f"{key}: {_flow(one)}" for key, one in held.items())]
    ) + "\n"


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def providers_of(root: Path, **more: Any) -> ProviderRegistry:
    registry = stepwell.open(root)
    assert [one.message for one in registry.diagnostics if one.severity is Severity.ERROR] == []
    return ProviderRegistry(registry, **more)


def request(text: str = "Hello", **more: Any) -> Request:
    return Request((Message("user", text),), **more)


def run(work: Awaitable[T]) -> T:
    async def body() -> T:
        return await asyncio.wait_for(work, PATIENCE)

    return asyncio.run(body())


# Choosing


def test_suitable_providers_are_chosen_by_priority_and_the_others_have_a_reason(
    project: Project,
) -> None:
    root = project(
        dict(
            [
                provider("Ada", capabilities=["text"], priority=10),
                provider("Bea", capabilities=["text", "structured"], priority=30),
                provider("Cleo", capabilities=["text", "structured"], priority=20),
                provider("Dora", capabilities=["structured"], priority=1, models=[{"name": "small-1"}]),
            ]
        )
    )
    providers = providers_of(root)
    chosen = providers.select(["text", "structured"])
    assert (chosen.name, chosen.strategy, chosen.reason) == (
        "Cleo",
        "priority",
        "lowest priority, 20",
    )
    assert dict(chosen.passed_over) == {
        "Dora": "lacks `text`",
        "Ada": "lacks `structured`",
        "Bea": "priority selected Cleo",
    }
    assert providers.select(model="large-1").name == "Ada"
    assert providers.select(model="large-1").passed_over["Dora"] == "has no model `large-1`"
    assert providers.select(["text"], exclude=["Ada", "Cleo"]).name == "Bea"
    assert providers.select(["text"], exclude={"Ada": "it failed"}).passed_over["Ada"] == "it failed"


def test_a_missing_capability_is_reported_with_a_suggestion(project: Project) -> None:
    root = project(dict([provider("Ada", capabilities=["text", "structured"])]))
    providers = providers_of(root)
    with pytest.raises(NoProvider) as raised:
        providers.select(["strutcured"])
    assert str(raised.value) == (
        "no provider of the core is available: unknown capability `strutcured` (did you mean `structured`?)"
    )
    with pytest.raises(NoProvider) as raised:
        providers.select(["text"], exclude={"Ada": "it failed: timeout"})
    assert str(raised.value) == (
        "no provider of the core is available: none with `text` is available\n  Ada: it failed: timeout"
    )
    assert str(copy.copy(raised.value)) == str(raised.value)
    with pytest.raises(UnknownProvider) as unknown:
        providers.named("Adda")
    assert str(unknown.value) == "there is no provider `Adda` in the core (did you mean `Ada`?)"
    with pytest.raises(UnknownWorkspace):
        providers.select(workspace="nobody")


def test_a_project_without_providers_reports_where_they_are_defined(project: Project) -> None:
    with pytest.raises(NoProvider, match="none is defined; add one in `providers/`"):
        providers_of(project({})).select(["text"])


def test_strategies(project: Project) -> None:
    root = project(
        dict(
            [
                provider("Ada", cost={"input": 3, "output": 9}),
                provider(
                    "Bea",
                    cost={"input": 1, "output": 2},
                    models=[{"name": "m"}, {"name": "big", "cost": {"input": 90}}],
                ),
                provider("Cleo"),
            ]
        )
    )
    providers = providers_of(root)

    def chosen(strategy: str, **more: Any) -> tuple[str, str]:
        found = providers.select(["text"], strategy=strategy, **more)
        return found.name, found.reason

    assert [chosen("round_robin")[0] for _ in range(6)] == ["Ada", "Bea", "Cleo"] * 2
    assert chosen("cheapest") == ("Bea", "lowest cost, 3 per 1,000 input and output tokens")
    assert chosen("cheapest", model="big", exclude=["Ada"])[0] == "Bea"
    assert chosen("cheapest", exclude=["Ada", "Bea"]) == (
        "Cleo",
        "lowest priority (no provider declares its cost)",
    )
    assert chosen("sticky", session="s") == ("Ada", "first in session s")
    assert chosen("sticky", session="s", exclude=["Ada"]) == (
        "Bea",
        "Ada of session s is unavailable",
    )
    assert chosen("sticky", session="s") == ("Bea", "used before in session s")
    assert chosen("sticky", session="t")[0] == "Ada"
    assert chosen("sticky") == ("Ada", "lowest priority (no session given)")
    assert chosen("last_by_name") == ("Cleo", "it is the last by name")
    with pytest.raises(StrategyFailed, match=r"strategy odd of .* did not return one of the candidates"):
        chosen("odd")
    with pytest.raises(UnknownStrategy, match=r"unknown strategy: chepest \(did you mean `cheapest`\?\)"):
        chosen("chepest")
    with pytest.raises(UnknownStrategy):
        ProviderRegistry(stepwell.open(root), strategy="chepest")


def test_the_quickest_is_chosen_once_all_are_known_and_the_least_faulty(project: Project) -> None:
    root = project(
        dict(
            [
                provider("Ada", settings={"seconds": 1.0}),
                provider("Bea", settings={"seconds": 0.0}),
                provider("Cleo", settings={"errors": 1.0}),
            ]
        )
    )

    async def work() -> None:
        async with providers_of(root) as providers:
            for name in ("Ada", "Bea"):
                await providers.named(name).provider.complete(request())
            with pytest.raises(ProviderError):
                await providers.named("Cleo").provider.complete(request())
            assert providers.select(strategy="least_latency").reason == "latency is not known yet"
            quick = providers.select(strategy="least_latency", exclude=["Cleo"])
            assert quick.name == "Bea"
            assert quick.reason.startswith("lowest recent latency, ")
            assert providers.select(strategy="least_errors").name == "Ada"
            assert providers.figures("Cleo").error_share == pytest.approx(0.3, abs=0.01)
            assert providers.figures("Cleo").state == "failing"

    run(work())


# Failing over


def test_the_next_suitable_provider_answers_and_failures_are_reported(project: Project) -> None:
    root = project(
        dict(
            [
                provider("Ada", priority=1, settings={"errors": 1.0}),
                provider("Bea", priority=2, settings={"burst": 1, "burst_length": 100, "retry_after": 30}),
                provider("Cleo", priority=3),
            ]
        )
    )

    async def work() -> None:
        async with providers_of(root) as providers:
            assert (await providers.complete(request())).selection.name == "Bea"
            answer = await providers.complete(request(), ["text"])
            assert answer.response.text == "Hello"
            assert answer.selection.name == "Cleo"
            assert [(one.provider, one.error.failure) for one in answer.failovers] == [
                ("Ada", Failure.UNAVAILABLE),
                ("Bea", Failure.RATE_LIMITED),
            ]
            assert dict(answer.selection.passed_over) == {
                "Ada": "failed: unavailable: simulated failure",
                "Bea": "failed: rate limited: rate limit exceeded",
            }
            asked_before = FAULTY["Bea"].requests
            again = await providers.complete(request())
            assert again.selection.passed_over["Bea"].startswith("rate limited for another ")
            assert FAULTY["Bea"].requests == asked_before

    run(work())


def test_what_no_other_could_answer_goes_to_no_other(project: Project) -> None:
    root = project(dict([provider("Ada", implementation="echo"), provider("Bea")]))

    async def work() -> None:
        async with providers_of(root) as providers:
            with pytest.raises(ProviderError, match="provider Ada: invalid request") as raised:
                await providers.complete(request(schema={"type": "objekt"}))
            assert raised.value.failure is Failure.INVALID_REQUEST
            assert FAULTY["Bea"].requests == 0

    run(work())


def test_when_all_fail_the_last_error_is_raised(project: Project) -> None:
    root = project(dict([provider(name, settings={"errors": 1.0}) for name in ("Ada", "Bea")]))

    async def work() -> None:
        async with providers_of(root) as providers:
            with pytest.raises(ProviderError, match="provider Bea: unavailable"):
                await providers.complete(request())

    run(work())


# Left alone, and tried again


def test_after_failures_in_a_row_a_provider_is_left_alone_and_then_one_request_tries_it(
    project: Project,
) -> None:
    health = {"failures": 2, "recovery": 2.0}
    root = project(
        dict([provider("Ada", health=health, settings={"errors": 1.0}), provider("Bea", priority=900)])
    )

    async def work() -> None:
        async with providers_of(root) as providers:
            ada = providers.named("Ada").provider
            for _ in range(2):
                with pytest.raises(ProviderError):
                    await ada.complete(request())
            assert providers.figures("Ada").state == "left alone"
            chosen = providers.select()
            assert chosen.name == "Bea"
            assert chosen.passed_over["Ada"].startswith("circuit open for another ")
            assert chosen.passed_over["Ada"].endswith("after failures: unavailable: simulated failure")
            with pytest.raises(ProviderError, match="circuit open") as refused:
                await ada.complete(request())
            assert refused.value.retry_after is not None
            assert FAULTY["Ada"].requests == 2
            with pytest.raises(NoProvider) as nobody:
                providers.select(exclude=["Bea"])
            assert nobody.value.retry_after is not None
            assert 0 < nobody.value.retry_after <= 2.0

            await _until(lambda: providers.figures("Ada").state == "trying again")
            FAULTY["Ada"]._errors, FAULTY["Ada"]._seconds = 0.0, 0.2
            asked = [asyncio.ensure_future(ada.complete(request())) for _ in range(5)]
            told = await asyncio.gather(*asked, return_exceptions=True)
            assert Counter(type(one) for one in told) == {Response: 1, ProviderError: 4}
            assert FAULTY["Ada"].requests == 3
            assert providers.figures("Ada").state == "well"
            assert (await ada.complete(request())).text == "Hello"

    run(work())


def test_a_trial_that_fails_leaves_it_alone_again_and_one_that_is_given_up_does_not_block(
    project: Project,
) -> None:
    root = project(dict([provider("Ada", health={"failures": 1, "recovery": 0.7}, settings={"errors": 1.0})]))

    async def work() -> None:
        async with providers_of(root) as providers:
            ada = providers.named("Ada").provider
            for _ in range(3):
                await _until(lambda: providers.figures("Ada").state in ("unknown", "trying again"))
                with pytest.raises(ProviderError, match="simulated failure"):
                    await ada.complete(request())
                assert providers.figures("Ada").state == "left alone"
            await _until(lambda: providers.figures("Ada").state == "trying again")
            FAULTY["Ada"]._errors, FAULTY["Ada"]._seconds = 0.0, 60
            trial = asyncio.ensure_future(ada.complete(request()))
            await _until(lambda: FAULTY["Ada"].under_way == 1)
            trial.cancel()
            await asyncio.gather(trial, return_exceptions=True)
            FAULTY["Ada"]._seconds = 0
            assert (await ada.complete(request())).text == "Hello"
            assert providers.figures("Ada").state == "well"
            assert providers.figures("Ada").under_way == 0

    run(work())


def test_what_is_wrong_with_a_request_does_not_count_against_a_provider(project: Project) -> None:
    root = project(dict([provider("Ada", implementation="echo", health={"failures": 1})]))

    async def work() -> None:
        async with providers_of(root) as providers:
            for _ in range(3):
                with pytest.raises(ProviderError):
                    await providers.named("Ada").provider.complete(request(schema={"type": "objekt"}))
            assert providers.select().name == "Ada"
            assert providers.figures("Ada").failures == 3

    run(work())


def test_probes_report_healthy_providers_and_restore_recovered_ones(project: Project) -> None:
    root = project(
        dict(
            [
                provider(
                    "Ada",
                    implementation="command",
                    settings={"argv": ["no-such-program"]},
                    health={"failures": 1, "recovery": 0.05},
                ),
                provider("Bea"),
                provider("Odd", implementation="no_such"),
            ]
        )
    )

    async def work() -> None:
        async with providers_of(root) as providers:
            told = await providers.probe()
            assert {name: fault is None for name, fault in told.items()} == {
                "Ada": False,
                "Bea": True,
                "Odd": False,
            }
            assert str(told["Ada"]) == "provider Ada: not found: program `no-such-program` not found"
            assert "unknown implementation `no_such`" in str(told["Odd"])
            assert providers.figures("Ada").last_failure == "not found: program `no-such-program` not found"
            assert providers.figures("Bea").state == "well"
            assert providers.figures("Ada").requests == 0

    run(work())


def test_probes_continue_at_their_interval_until_they_are_cancelled(project: Project) -> None:
    root = project(
        dict([provider("Ada", health={"interval": 0.05}), provider("Bea", health={"probe": False})])
    )

    async def work() -> None:
        async with providers_of(root) as providers:
            probed: list[str] = []
            for name in ("Ada", "Bea"):
                providers.named(name)
                FAULTY[name].probe = _noting(probed, name)  # type: ignore[method-assign]
            watching = asyncio.ensure_future(providers.watch_over())
            await _until(lambda: len(probed) >= 3)
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            assert set(probed) == {"Ada"}

    run(work())


# Limits


def test_concurrent_requests_stay_within_the_limit_over_threads_and_loops(project: Project) -> None:
    root = project(dict([provider("Ada", limits={"concurrency": 3}, settings={"seconds": 0.005})]))
    providers = providers_of(root)
    ada = providers.named("Ada").provider
    answers: list[str] = []

    def ask(thread: int) -> None:
        async def work() -> None:
            asked = (ada.complete(request(f"{thread} {number}")) for number in range(20))
            answers.extend(one.text for one in await asyncio.gather(*asked))

        run(work())

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(PATIENCE)
    assert len(set(answers)) == 80
    assert FAULTY["Ada"].most_under_way <= 3
    assert providers.figures("Ada").under_way == 0
    assert providers.figures("Ada").requests == 80


def test_who_is_full_is_passed_over_while_another_is_free_and_waited_for_otherwise(project: Project) -> None:
    root = project(
        dict(
            [
                provider("Ada", priority=1, limits={"concurrency": 1}, settings={"seconds": 30}),
                provider("Bea"),
            ]
        )
    )

    async def work() -> None:
        async with providers_of(root) as providers:
            busy = asyncio.ensure_future(providers.complete(request()))
            await _until(lambda: "Ada" in FAULTY and FAULTY["Ada"].under_way == 1)
            chosen = providers.select()
            assert chosen.name == "Bea"
            assert chosen.passed_over["Ada"] == "at its concurrency or rate limit"
            waited_for = providers.select(exclude=["Bea"])
            assert waited_for.name == "Ada"
            with pytest.raises(ProviderError, match=r"timeout: no answer within 0.05 s"):
                await waited_for.provider.complete(request(timeout=0.05))
            waiting = asyncio.ensure_future(waited_for.provider.complete(request()))
            await asyncio.sleep(0)
            FAULTY["Ada"]._seconds = 0.0
            busy.cancel()
            assert (await waiting).text == "Hello"
            assert providers.figures("Ada").under_way == 0

    run(work())


def test_requests_within_a_minute_stay_within_the_limit_of_a_provider(project: Project) -> None:
    root = project(dict([provider("Ada", priority=1, limits={"requests_per_minute": 5}), provider("Bea")]))

    async def work() -> None:
        async with providers_of(root) as providers:
            answers = [await providers.complete(request()) for _ in range(12)]
            assert Counter(one.selection.name for one in answers) == {"Ada": 5, "Bea": 7}
            with pytest.raises(ProviderError) as raised:
                await providers.named("Ada").provider.complete(request(timeout=0.05))
            assert raised.value.failure is Failure.TIMEOUT
            assert FAULTY["Ada"].requests == 5
            assert providers.figures("Ada").under_way == 0

    run(work())


def test_a_thousand_requests_all_end_whatever_the_providers_do(project: Project) -> None:
    limits = {"concurrency": 40}
    alone = {"failures": 50, "recovery": 0.01}
    files = [
        provider(
            name,
            priority=place,
            limits=limits,
            health=alone,
            settings={
                "seed": place,
                "errors": 0.1,
                "hangs": 0.05,
                "burst": 50,
                "burst_length": 5,
                "retry_after": 0.001,
            },
        )
        for place, name in enumerate(("Ada", "Bea", "Cleo", "Dora"))
    ]
    root = project(dict(files))

    async def ask(providers: ProviderRegistry, number: int) -> str:
        for _ in range(20):
            with suppress(ProviderError, NoProvider):
                asked = request(str(number), timeout=1)
                return (await providers.complete(asked, strategy="round_robin")).response.text
            await asyncio.sleep(0.005)
        return "nobody answered"

    async def work() -> None:
        async with providers_of(root) as providers:
            told = await asyncio.gather(*(ask(providers, number) for number in range(1000)))
            assert Counter(told) == Counter(map(str, range(1000)))
            for one in FAULTY.values():
                assert one.most_under_way <= 40
                assert one.under_way == 0
                assert providers.figures(one.name).under_way == 0
            assert len(asyncio.all_tasks()) == 2  # this one, and the one that keeps its time

    run(work())


# Live


def test_a_reload_serves_new_definitions_and_keeps_what_is_known_of_a_provider(project: Project) -> None:
    path, text = provider("Ada", health={"failures": 1, "recovery": 3600}, settings={"errors": 1.0})
    root = project({path: text, **dict([provider("Bea", priority=900)])})

    async def work() -> None:
        registry = stepwell.open(root)
        async with ProviderRegistry(registry) as providers:
            before = providers.named("Ada").provider
            with pytest.raises(ProviderError):
                await before.complete(request())
            (root / path).write_text(text.replace("capabilities: [text]", "capabilities: [text, more]"))
            event = registry.reload()
            assert event is not None
            assert event.accepted
            assert providers.named("Ada").provider is not before
            assert providers.select(["text"]).passed_over["Ada"].startswith("circuit open for another ")
            assert providers.figures("Ada").failures == 1
            (root / path).unlink()
            registry.reload()
            with pytest.raises(NoProvider, match="unknown capability `more`"):
                providers.select(["more"])

    run(work())


def test_a_workspace_has_its_own_providers_and_shares_the_limits_of_those_it_inherits(
    project: Project,
) -> None:
    path, text = provider("Ada", limits={"concurrency": 2})
    root = project(
        {
            path: text,
            "workspaces/alice/override/providers/ada.yaml": OWN,
            "workspaces/bob/local/providers/own.yaml": text.replace("Ada", "Own"),
        }
    )
    providers = providers_of(root)
    assert providers.select(workspace="alice").definition.quota.concurrency == 1
    assert providers.select(workspace="alice").definition.priority == 7
    assert providers.select(workspace="bob", exclude=["Ada"]).name == "Own"
    with pytest.raises(UnknownProvider):
        providers.named("Own", workspace="alice")
    core, bob = providers.named("Ada").provider, providers.named("Ada", workspace="bob").provider
    assert core is bob
    assert providers.named("Ada", workspace="alice").provider is not core


OWN = "name: Ada\npriority: 7\nlimits: {concurrency: 1}\n"
MINE = """
from stepwell.model.provider_protocol import Chunk, Response
from helpers import GREETING

class Mine:
    def __init__(self, setup):
        self.name = setup.name
        if "odd" in setup.settings:
            raise ValueError("the setting `odd` is odd")
        self.secret = setup.secret

    async def complete(self, request):
        if request.messages[-1].content == "fail":
            raise RuntimeError("no luck with " + self.secret("key"))
        if request.messages[-1].content == "exit":
            raise SystemExit("no " + self.secret("key"))
        return Response(GREETING + (self.secret("key") or ""))

    async def stream(self, request):
        response = await self.complete(request)
        for letter in response.text:
            yield Chunk(letter)
        yield Chunk("", response)

    async def probe(self):
        raise SystemExit(7)

    async def close(self):
        raise SystemExit(8)

def exits(setup):
    raise SystemExit(9)
"""


def _mine(workspace: str, greeting: str, **more: Any) -> dict[str, str]:
    path, text = provider("Mine", implementation="src/mine.py:Mine", **more)
    base = f"workspaces/{workspace}"
    return {
        path.replace("registry.d", f"{base}/local"): text,
        f"{base}/src/mine.py": MINE,
        f"{base}/src/helpers.py": f"GREETING = {greeting!r}\n",
    }


def test_code_of_a_workspace_is_an_implementation_in_its_own_world(project: Project) -> None:
    root = project({**_mine("alice", "I am Alice's."), **_mine("bob", "I am Bob's.")})

    async def work() -> None:
        registry = stepwell.open(root)
        async with ProviderRegistry(registry) as providers:
            for workspace, text in (("alice", "I am Alice's."), ("bob", "I am Bob's.")):
                answer = await providers.complete(request(), workspace=workspace)
                assert answer.response.text == text
            helpers = root / "workspaces/alice/src/helpers.py"
            helpers.write_text("GREETING = 'I am new.'\n")
            registry.reload()
            answer = await providers.complete(request(), workspace="alice")
            assert answer.response.text == "I am new."

    run(work())


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"implementation": "src/mine.py:Mein"},
            "src/mine.py:1: the file does not define `Mein` (did you mean `Mine`?)",
        ),
        ({"implementation": "src/nine.py:Mine"}, "file `workspaces/alice/src/nine.py` not found"),
        ({"implementation": "nine:Mine"}, "`nine:Mine` cannot be loaded: No module named 'nine'"),
        ({"implementation": "helpers:GREETING"}, "`helpers:GREETING` is neither a class nor a function"),
        ({"implementation": "ecco"}, "unknown implementation `ecco` (did you mean `echo`?)"),
        ({"settings": {"odd": 1}}, "the setting `odd` is odd"),
        ({"implementation": "builtins:int"}, "implementation raised TypeError"),
        ({"implementation": "src/mine.py:exits"}, "implementation raised SystemExit: 9"),
    ],
)
def test_a_provider_that_cannot_be_created_is_skipped_with_a_reason(
    fields: dict[str, Any], told: str, project: Project
) -> None:
    files = _mine("alice", "Hi.")
    path, text = provider("Mine", **{"implementation": "src/mine.py:Mine", **fields})
    root = project(
        {**files, path.replace("registry.d", "workspaces/alice/local"): text, **dict([provider("Bea")])}
    )
    providers = providers_of(root)
    chosen = providers.select(workspace="alice")
    assert chosen.name == "Bea"
    assert told in chosen.passed_over["Mine"]
    with pytest.raises(NoProvider, match="`Mine` cannot be used"):
        providers.named("Mine", workspace="alice")


def test_a_foreign_implementation_may_raise_anything_and_leaks_nothing(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    root = project(_mine("alice", "The key is ", secrets={"key": "env:MINE_KEY"}))
    key = "hush-hush-0123456789"

    async def work() -> None:
        async with providers_of(root, environment={"MINE_KEY": key}) as providers:
            mine = providers.named("Mine", workspace="alice").provider
            with pytest.raises(ProviderError) as raised:
                await mine.complete(request("fail"))
            covered = "*" * len(key)
            assert raised.value.message == f"implementation raised RuntimeError: no luck with {covered}"
            assert raised.value.__cause__ is None
            assert raised.value.__context__ is None
            assert (await mine.complete(request())).text == f"The key is {covered}"
            said = [chunk async for chunk in mine.stream(request())]
            assert "".join(one.text for one in said) == f"The key is {covered}"
            assert said[-1].response is not None
            assert said[-1].response.text == f"The key is {covered}"
            assert key not in repr(mine) + repr(providers) + repr(
                providers.figures("Mine", workspace="alice")
            )

    with caplog.at_level("DEBUG"):
        run(work())
    assert "no luck with" in caplog.text
    assert key not in caplog.text


@pytest.mark.parametrize(
    ("code", "told"),
    [("raise ValueError('no luck')", "ValueError: no luck"), ("raise SystemExit(3)", "SystemExit: 3")],
)
def test_a_module_that_cannot_be_imported_is_skipped_with_a_reason(
    code: str, told: str, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lucks_breaks.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    files = dict([provider("Mine", implementation="lucks_breaks:Mine"), provider("Bea")])
    chosen = providers_of(project(files)).select()
    assert (chosen.name, dict(chosen.passed_over)) == (
        "Bea",
        {"Mine": f"`lucks_breaks:Mine` cannot be loaded: {told}"},
    )


def test_an_implementation_that_exits_has_failed_and_ends_no_event_loop(project: Project) -> None:
    root = project(_mine("alice", "Hi.", secrets={"key": "env:MINE_KEY"}))
    key = "hush-hush-0123456789"

    async def work() -> None:
        async with providers_of(root, environment={"MINE_KEY": key}) as providers:
            mine = providers.named("Mine", workspace="alice").provider
            told = f"provider Mine: unavailable: implementation raised SystemExit: no {'*' * len(key)}"
            with pytest.raises(ProviderError) as raised:
                await mine.complete(request("exit"))
            assert str(raised.value) == told
            with pytest.raises(ProviderError) as raised:
                [chunk async for chunk in mine.stream(request("exit"))]
            assert str(raised.value) == told
            assert raised.value.__context__ is None
            probed = await providers.probe(workspace="alice")
            assert str(probed["Mine"]) == told.replace(f"no {'*' * len(key)}", "7")
            assert (await mine.complete(request())).text.startswith("Hi.")

    run(work())


def _noting(probed: list[str], name: str) -> Callable[[], Awaitable[None]]:
    async def probe() -> None:
        probed.append(name)

    return probe


async def _until(reached: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < ends, "it was never reached"
        await asyncio.sleep(0.005)
