"""Providers of a view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from stepwell.frontends.render.output.origins import ValueOrigin, value_origin
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
    """What it costs."""

    input: Annotated[
        float | None, doc("The price of 1,000 tokens that are sent; null where none is stated.", 0.003, None)
    ]
    output: Annotated[
        float | None,
        doc("The price of 1,000 tokens that are answered; null where none is stated.", 0.015, None),
    ]


class ProviderModel(OutputPart, frozen=True, kw_only=True):
    """One model."""

    name: Annotated[str, doc("What the provider calls it.", "small-1")]
    cost: Annotated[TokenCost, doc("What it costs.")]


class ProviderLimits(OutputPart, frozen=True, kw_only=True):
    """How much may be asked of it; null for as much as anybody likes."""

    concurrency: Annotated[int | None, doc("Requests that may be under way at once.", 8, None)]
    requests_per_minute: Annotated[int | None, doc("Requests that may be sent within any minute.", 600, None)]


class ProviderHealth(OutputPart, frozen=True, kw_only=True):
    """How a provider does."""

    state: Annotated[
        str,
        one_of("well", "failing", "left alone", "trying again", "unknown"),
        doc(
            "`well`; `failing`: the last answer failed; `left alone` after failures in a row; "
            "`trying again`: the next request decides; `unknown`: nothing was asked yet."
        ),
    ]
    fault: Annotated[str | None, doc("What is wrong; null where it gives a sign of life.")]
    requests: Annotated[int, doc("How many requests were sent.", 0)]
    failures: Annotated[int, doc("How many of them failed.", 0)]
    latency: Annotated[
        float | None, doc("Seconds to an answer, a running mean; null before the first.", 0.8, None)
    ]
    error_share: Annotated[float, doc("The share of late requests that failed, 0 to 1.", 0.0)]
    back_in: Annotated[float, doc("Seconds after which it may be asked again; 0 where it may be now.", 0.0)]


class ProviderField(OutputPart, frozen=True, kw_only=True):
    """One field, or one key inside it, and where it comes from."""

    field: Annotated[str, doc("The field, dotted where it lies inside a mapping.", "limits.concurrency")]
    winner: Annotated[ValueOrigin, doc("What gives it its value.")]
    losers: Annotated[tuple[ValueOrigin, ...], doc("What else speaks of it, topmost first.")]


class ListedProvider(OutputPart, frozen=True, kw_only=True):
    """One provider, as the view serves it."""

    name: Annotated[str, doc("The provider's name.", "HouseModels")]
    description: Annotated[str, doc("What it is for.", "The models that the house serves.")]
    implementation: Annotated[str, doc("What speaks to it.", "openai_compatible")]
    capabilities: Annotated[
        tuple[Annotated[str, doc("One word.")], ...], doc("What it can do.", ["text", "structured"])
    ]
    models: Annotated[tuple[ProviderModel, ...], doc("Its models, the usual one first.")]
    priority: Annotated[int, doc("From 0 to 1000; the lowest is asked first.", 100)]
    cost: Annotated[TokenCost, doc("What it costs.")]
    limits: Annotated[ProviderLimits, doc("How much may be asked of it; null for as much as anybody likes.")]
    settings: Annotated[dict[str, Any], doc("What its implementation is told.", {"timeout": 60})]
    secrets: Annotated[
        dict[str, Annotated[str, doc("One reference.")]],
        doc("Where its secrets are found, by name; never what they are.", {"api_key": "env:MODELS_API_KEY"}),
    ]
    layer: Annotated[str, doc("The layer that defines it.", "core")]
    workspace: Annotated[str | None, doc("The workspace that defines it; null for none.", "alice", None)]
    file: Annotated[
        str,
        doc(
            "The file that gives its name, relative to the project.", "registry.d/providers/house_models.yaml"
        ),
    ]
    line: Annotated[int, doc("The line of the name, from 1.", 1)]
    health: Annotated[ProviderHealth | None, doc("How it does, with `--health` or `--watch`; null without.")]
    fields: Annotated[
        tuple[ProviderField, ...] | None, doc("Where every field comes from, with NAME; null without.")
    ]


class ProvidersOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell providers --format json` prints: the providers of a view. With `--watch` it is one
    line for every change.
    """

    workspace: Annotated[str | None, doc("Whose view; null for the core's.", "alice", None)]
    time: Annotated[
        str | None,
        doc("When it was so, with `--watch`; null without.", "2026-11-27T21:00:00.000+00:00", None),
    ]
    providers: Annotated[tuple[ListedProvider, ...], doc("The providers, in the order of the table.")]


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
    one: ProviderDefinition, health: ProviderHealth | None, explained: Iterable[Explanation] | None
) -> ListedProvider:
    document = given_by(one.sources, ("name",))
    source = next(held for held in one.sources if held.document is document)
    return ListedProvider(
        name=one.name,
        description=one.description,
        implementation=one.implementation,
        capabilities=tuple(one.capabilities),
        models=tuple(ProviderModel(name=model.name, cost=_cost(model.cost)) for model in one.known_models),
        priority=one.priority,
        cost=_cost(one.price),
        limits=ProviderLimits(
            concurrency=one.quota.concurrency, requests_per_minute=one.quota.requests_per_minute
        ),
        settings=thaw(one.settings or {}),
        secrets=dict(one.secrets or {}),
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
