"""OpenTelemetry spans and metrics of runs and attempts.

Needs only the API (extra ``otel``) and is a no-op without a configured SDK. Attributes are named
``stepwell.…``; ``error.type`` follows the semantic conventions (attribute registry).
"""

from __future__ import annotations

from typing import Any, NamedTuple, final

from opentelemetry import context as contexts
from opentelemetry import metrics, trace

from stepwell.run.steps.events import AttemptEnded, AttemptStarted, Event, ProviderChosen, RunStarted
from stepwell.run.steps.result import StepError
from stepwell.version import __version__

__all__ = ["Telemetry"]

_SCOPE = "stepwell"


class _Open(NamedTuple):
    """An open span and the token that detaches it."""

    span: trace.Span
    token: Any


@final
class Telemetry:
    """A subscriber that reports to OpenTelemetry.

    A span is current while its step runs, so spans of the step's code are nested in it.

    Args:
        tracers: default: the global provider.
        meters: default: the global provider.
    """

    def __init__(
        self, tracers: trace.TracerProvider | None = None, meters: metrics.MeterProvider | None = None
    ) -> None:
        self._tracer = trace.get_tracer(_SCOPE, __version__, tracers)
        meter = metrics.get_meter(_SCOPE, __version__, meters)
        self._runs = meter.create_histogram("stepwell.run.duration", "s", "How long runs of steps take.")
        self._attempts = meter.create_counter("stepwell.attempts", "{attempt}", "Attempts at steps.")
        self._open: dict[tuple[str, int], _Open] = {}
        self._given = tracers is not None or meters is not None

    def __call__(self, event: Event) -> None:
        """Report one event."""
        if isinstance(event, RunStarted):
            if self._given or _is_configured():
                attributes: dict[str, Any] = {"stepwell.step": event.step, "stepwell.run": event.run}
                self._begin(
                    ("run", event.run), f"step {event.step}", attributes | _workspace(event.workspace)
                )
            return
        run = self._open.get(("run", event.run))
        if run is None:
            return  # telemetry was not configured at the start
        if isinstance(event, AttemptStarted):
            attributes = {"stepwell.step": event.step, "stepwell.attempt": event.number}
            attributes |= _provider(event.provider)
            self._begin(("attempt", event.run), f"attempt {event.number} at {event.step}", attributes)
        elif isinstance(event, ProviderChosen):
            chosen = {"stepwell.provider": event.provider, "stepwell.reason": event.reason}
            run.span.add_event("provider chosen", chosen)
        elif isinstance(event, AttemptEnded):
            attempt = event.attempt
            self._end(("attempt", event.run), attempt.error)
            attributes = {
                "stepwell.step": event.step,
                **_outcome(attempt.error),
                **_provider(attempt.provider),
            }
            self._attempts.add(1, attributes)
        else:
            self._end(("run", event.run), event.result.error)
            attributes = {"stepwell.step": event.step, **_outcome(event.result.error)}
            self._runs.record(event.result.duration, attributes)

    def _begin(self, key: tuple[str, int], name: str, attributes: dict[str, Any]) -> None:
        span = self._tracer.start_span(name, attributes=attributes)
        self._open[key] = _Open(span, contexts.attach(trace.set_span_in_context(span)))

    def _end(self, key: tuple[str, int], error: StepError | None) -> None:
        opened = self._open.pop(key, None)
        if opened is None:
            return
        if error is not None:
            opened.span.set_attribute("error.type", error.fault.value)
            opened.span.set_status(trace.StatusCode.ERROR, error.message)
        opened.span.end()
        contexts.detach(opened.token)


def _is_configured() -> bool:
    """Return whether the program has configured OpenTelemetry."""
    return not (
        isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
        and type(metrics.get_meter_provider()).__name__ == "_ProxyMeterProvider"
    )


def _workspace(workspace: str | None) -> dict[str, str]:
    return {} if workspace is None else {"stepwell.workspace": workspace}


def _provider(name: str | None) -> dict[str, str]:
    return {} if name is None else {"stepwell.provider": name}


def _outcome(error: StepError | None) -> dict[str, str]:
    return {} if error is None else {"error.type": error.fault.value}
