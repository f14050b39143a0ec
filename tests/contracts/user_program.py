"""A program as a user of the package writes it: mypy checks it strictly, against the wheel."""

# ruff: noqa: T201 - a program prints

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import stepwell
from stepwell import Diagnostic, Event, Explanation, Registry, RunContext, StepDefinition, View


def gpu_steps(view: View) -> list[StepDefinition]:
    return [step for step in view.values() if "gpu" in step.environment_tags]


def source_of(explanation: Explanation) -> str:
    origin: stepwell.Origin = explanation.winner
    span: stepwell.Span | None = origin.span
    layer: stepwell.Layer | None = origin.layer
    return f"{layer.value if layer else origin.how} {span.path if span else ''}"


def errors(found: tuple[Diagnostic, ...]) -> list[str]:
    return [one.message for one in found if one.severity is stepwell.Severity.ERROR]


def on_event(event: Event) -> None:
    changes: stepwell.Changes = event.changes
    print(event.accepted, changes.core.added)


def shout(parameters: Mapping[str, Any], context: RunContext) -> str:
    return f"{context.definition.name}: {parameters['text']}".upper()


def main(folder: str) -> int:
    registry: Registry = stepwell.open(folder)
    subscription: stepwell.Subscription = registry.subscribe(on_event)
    view: View = registry.view("alice")
    step: StepDefinition | None = view.get("Scoring")
    other: StepDefinition = registry["Scoring"]
    named: list[str] = [*registry, *registry.steps, *registry.pipelines]
    explanation: Explanation = view.explain("Scoring.priority")
    resolution: stepwell.Resolution = registry.resolve("Scoring")
    chosen: stepwell.Candidate = resolution.chosen
    conflicts: tuple[stepwell.Conflict, ...] = registry.conflicts()
    health: stepwell.Health = registry.health()
    pipeline: stepwell.Pipeline = registry.pipeline("Training")
    hyperparameters: Mapping[str, stepwell.HyperparameterDefinition] = view.hyperparameters
    providers: Mapping[str, stepwell.ProviderDefinition] = view.providers
    pipelines: Mapping[str, stepwell.PipelineDefinition] = view.pipelines
    workspaces: Mapping[str, stepwell.Workspace] = registry.snapshot.workspaces
    with registry.register("shout", shout, description="Shout.") as registration:
        kept: stepwell.Registration = registration
        result: stepwell.StepResult = stepwell.Executor(registry).run(
            "shout", {"text": "hello"}, stepwell.Context(workspace="alice")
        )
    subscription.cancel()
    print(
        gpu_steps(view), step, other.priority + 1, named, source_of(explanation), errors(registry.diagnostics)
    )
    print(chosen.place, conflicts, health.status, pipeline.levels, hyperparameters, providers, pipelines)
    print(workspaces, kept, result.unwrap())
    try:
        return view["Unknown"].priority
    except stepwell.UnknownStep as error:
        return len(error.suggestions)
