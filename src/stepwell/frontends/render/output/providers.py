"""Providers of a view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from stepwell.frontends.render.output.components import ValueOrigin, value_origin
from stepwell.frontends.render.output.record import OutputPart, OutputRecord, doc, one_of
from stepwell.model.layer import given_by
from stepwell.source.document import thaw

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stepwell.model import Cost, ProviderDefinition
    from stepwell.resolve.provenance import Explanation
    from stepwell.resolve.view import View
    from stepwell.run.providers.circuit import Figures
    from stepwell.source.errors import StepwellError


class TokenCost(OutputPart, frozen=True, kw_only=True):
    """Token prices."""

    input: Annotated[float | None, doc("Price of 1,000 input tokens; null if unknown.", 0.003, None)]
    output: Annotated[
        float | None,
        doc("Price of 1,000 output tokens; null if unknown.", 0.015, None),
    ]


class ProviderModel(OutputPart, frozen=True, kw_only=True):
    """Model."""

    name: Annotated[str, doc("Model name of the provider.", "small-1")]
    cost: Annotated[TokenCost, doc("Token prices.")]


class ProviderLimits(OutputPart, frozen=True, kw_only=True):
    """Rate limits; null for unlimited."""

    concurrency: Annotated[int | None, doc("Maximum number of concurrent requests.", 8, None)]
    requests_per_minute: Annotated[int | None, doc("Maximum number of requests per minute.", 600, None)]


class ProviderHealth(OutputPart, frozen=True, kw_only=True):
    """Status and health of a provider."""

    state: Annotated[
        str,
        one_of("well", "failing", "left alone", "trying again", "unknown"),
        doc(
            "`well`; `failing`: the last request failed; `left alone`: circuit open after repeated "
            "failures; `trying again`: the next request decides; `unknown`: no requests yet."
        ),
    ]
    fault: Annotated[str | None, doc("Error; null if the health check passed.")]
    requests: Annotated[int, doc("Number of requests.", 0)]
    failures: Annotated[int, doc("Number of failed requests.", 0)]
    latency: Annotated[
        float | None, doc("Mean latency in seconds (running mean); null before the first answer.", 0.8, None)
    ]
    error_share: Annotated[float, doc("Share of recent requests that failed, 0 to 1.", 0.0)]
    back_in: Annotated[float, doc("Seconds until the next request is allowed; 0 if allowed now.", 0.0)]


class ProviderField(OutputPart, frozen=True, kw_only=True):
    """Field, or a key inside it, and its origin."""

    field: Annotated[str, doc("Field; dotted for nested keys.", "limits.concurrency")]
    winner: Annotated[ValueOrigin, doc("Origin of the value.")]
    losers: Annotated[tuple[ValueOrigin, ...], doc("Overridden origins, topmost first.")]


class ListedProvider(OutputPart, frozen=True, kw_only=True):
    """Provider in a view."""

    name: Annotated[str, doc("Provider's name.", "HouseModels")]
    description: Annotated[str, doc("Description.", "The models that the house serves.")]
    implementation: Annotated[str, doc("Implementation.", "openai_compatible")]
    capabilities: Annotated[
        tuple[Annotated[str, doc("Word.")], ...], doc("Capabilities.", ["text", "structured"])
    ]
    models: Annotated[tuple[ProviderModel, ...], doc("Models, the default first.")]
    priority: Annotated[int, doc("Priority from 0 to 1000; the lowest number is tried first.", 100)]
    cost: Annotated[TokenCost, doc("Token prices.")]
    limits: Annotated[ProviderLimits, doc("Rate limits; null for unlimited.")]
    settings: Annotated[dict[str, Any], doc("Settings of the implementation.", {"timeout": 60})]
    secrets: Annotated[
        dict[str, Annotated[str, doc("Reference.")]],
        doc("Sources of its secrets by name, never their values.", {"api_key": "env:MODELS_API_KEY"}),
    ]
    layer: Annotated[str, doc("Layer that defines it.", "core")]
    workspace: Annotated[str | None, doc("Workspace that defines it; null for none.", "alice", None)]
    file: Annotated[
        str,
        doc("Defining file, relative to the project.", "registry.d/providers/house_models.yaml"),
    ]
    line: Annotated[int, doc("Line of the name, from 1.", 1)]
    health: Annotated[ProviderHealth | None, doc("Health, with `--health` or `--watch`; otherwise null.")]
    fields: Annotated[
        tuple[ProviderField, ...] | None, doc("Origin of every field, with NAME; otherwise null.")
    ]


class ProvidersOutput(OutputRecord, frozen=True, kw_only=True):
    """Output of `stepwell providers --format json`: the providers of a view. With `--watch` it is one
    line for every change.
    """

    workspace: Annotated[str | None, doc("Workspace of the view; null for the core.", "alice", None)]
    time: Annotated[
        str | None,
        doc("Timestamp, with `--watch`; otherwise null.", "2026-11-27T21:00:00.000+00:00", None),
    ]
    providers: Annotated[tuple[ListedProvider, ...], doc("Providers, in the order of the table.")]


def providers_output(
    view: View,
    names: Iterable[str],
    faults: Mapping[str, StepwellError | None],
    figures: Mapping[str, Figures],
    *,
    explained: Mapping[str, Iterable[Explanation]] | None = None,
    time: str | None = None,
) -> ProvidersOutput:
    """Providers of a view.

    Args:
        explained: where the fields of each come from.
        time: when it was so, as RFC 3339.
    """
    return ProvidersOutput(
        workspace=view.workspace,
        time=time,
        providers=tuple(
            _provider(
                view.providers[name],
                _health(figures[name], faults.get(name)) if name in figures else None,
                None if explained is None else explained[name],
            )
            for name in names
        ),
    )


def _provider(
    definition: ProviderDefinition, health: ProviderHealth | None, explained: Iterable[Explanation] | None
) -> ListedProvider:
    document = given_by(definition.sources, ("name",))
    source = next(held for held in definition.sources if held.document is document)
    return ListedProvider(
        name=definition.name,
        description=definition.description,
        implementation=definition.implementation,
        capabilities=tuple(definition.capabilities),
        models=tuple(
            ProviderModel(name=model.name, cost=_cost(model.cost)) for model in definition.known_models
        ),
        priority=definition.priority,
        cost=_cost(definition.price),
        limits=ProviderLimits(
            concurrency=definition.quota.concurrency, requests_per_minute=definition.quota.requests_per_minute
        ),
        settings=thaw(definition.settings or {}),
        secrets=dict(definition.secrets or {}),
        layer=source.layer.value,
        workspace=source.workspace,
        file=document.path,
        line=document.value_span(("name",)).line,
        health=health,
        fields=None
        if explained is None
        else tuple(
            ProviderField(
                field=each.field,
                winner=value_origin(each.winner),
                losers=tuple(map(value_origin, each.losers)),
            )
            for each in explained
        ),
    )


def _cost(cost: Cost) -> TokenCost:
    return TokenCost(input=cost.input, output=cost.output)


def _health(figures: Figures, fault: StepwellError | None) -> ProviderHealth:
    return ProviderHealth(
        state=figures.state,
        fault=None if fault is None else str(fault),
        requests=figures.requests,
        failures=figures.failures,
        latency=figures.latency,
        error_share=round(figures.error_share, 4),
        back_in=round(figures.back_in, 3),
    )
