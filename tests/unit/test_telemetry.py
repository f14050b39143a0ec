"""OpenTelemetry receives runs and attempts if an SDK is installed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import stepwell
from stepwell.live.registry import Registry
from stepwell.run.steps import Context, Executor
from stepwell.run.steps.telemetry import Telemetry

Project = Callable[[Mapping[str, str | bytes]], Path]


@pytest.fixture
def registry(project: Project) -> Registry:
    opened = stepwell.open(project({"workspaces/alice/workspace.yaml": ""}))

    async def outer(_: Mapping[str, Any], context: Any) -> Any:
        return (await context.run("inner", {}, {})).ok

    def flaky(_: Mapping[str, Any], context: Any) -> str:
        if context.attempt == 1:
            raise OSError("no route")
        return trace.get_current_span().name  # type: ignore[attr-defined,no-any-return]

    opened.register("outer", outer)
    opened.register("inner", lambda *_: 1)
    opened.register("flaky", flaky, metadata={"retry": {"attempts": 2, "wait": 0}})
    opened.register("fails", lambda *_: 1 / 0)
    return opened


class Received:
    """Spans and metrics that an SDK received."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        return {one.name: one for one in self.exporter.get_finished_spans()}

    def metric(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        data = self.reader.get_metrics_data()
        assert data is not None
        every = [
            one for each in data.resource_metrics for scope in each.scope_metrics for one in scope.metrics
        ]
        (found,) = (one for one in every if one.name == name)
        return [
            (dict(point.attributes or {}), getattr(point, "count", None) or point.value)  # type: ignore[union-attr]
            for point in found.data.data_points
        ]


@pytest.fixture
def reported() -> Iterator[Received]:
    made = Received()
    yield made
    made.tracers.shutdown()
    made.meters.shutdown()


@pytest.fixture
def executor(registry: Registry, reported: Received) -> Iterator[Executor]:
    with Executor(registry, telemetry=False) as made:
        made.subscribe(Telemetry(reported.tracers, reported.meters))
        yield made


def test_a_run_and_its_attempts_are_spans(executor: Executor, reported: Received) -> None:
    result = executor.run("flaky", {}, Context(workspace="alice"))
    assert result.value == "attempt 2 at flaky"
    spans = reported.spans
    assert list(spans) == ["attempt 1 at flaky", "attempt 2 at flaky", "step flaky"]
    run, first, second = spans["step flaky"], spans["attempt 1 at flaky"], spans["attempt 2 at flaky"]
    assert run.attributes == {"stepwell.step": "flaky", "stepwell.run": 1, "stepwell.workspace": "alice"}
    assert first.attributes == {"stepwell.step": "flaky", "stepwell.attempt": 1, "error.type": "error"}
    assert (first.status.status_code, first.status.description) == (
        trace.StatusCode.ERROR,
        "OSError: no route",
    )
    assert second.status.is_unset
    assert run.status.is_unset
    assert first.parent == second.parent == run.context
    assert run.parent is None


def test_a_nested_run_lies_inside_the_attempt_that_requests_it(
    executor: Executor, reported: Received
) -> None:
    assert asyncio.run(executor.arun("outer")).value is True
    spans = reported.spans
    assert spans["step inner"].parent == spans["attempt 1 at outer"].context
    assert len({one.context.trace_id for one in spans.values() if one.context}) == 1


def test_what_the_caller_is_in_is_the_parent(executor: Executor, reported: Received) -> None:
    with reported.tracers.get_tracer("test").start_as_current_span("request"):
        executor.run("inner")
        executor.run("outer")
    spans = reported.spans
    assert spans["step outer"].parent == spans["request"].context
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_runs_and_attempts_are_counted(executor: Executor, reported: Received) -> None:
    executor.run("flaky")
    executor.run("fails")
    executor.run("fails")
    executor.run("nothing")
    assert reported.metric("stepwell.attempts") == [
        ({"stepwell.step": "flaky", "error.type": "error"}, 1),
        ({"stepwell.step": "flaky"}, 1),
        ({"stepwell.step": "fails", "error.type": "error"}, 2),
    ]
    assert reported.metric("stepwell.run.duration") == [
        ({"stepwell.step": "flaky"}, 1),
        ({"stepwell.step": "fails", "error.type": "error"}, 2),
        ({"stepwell.step": "nothing", "error.type": "unknown step"}, 1),
    ]


def test_without_an_sdk_nothing_is_reported(registry: Registry) -> None:
    with Executor(registry) as executor:
        executor.run("inner")
        (telemetry,) = executor._events.subscribers
    assert isinstance(telemetry, Telemetry)
    assert telemetry._open == {}
