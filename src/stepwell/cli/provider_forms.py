"""Providers in the written forms of ``stepwell providers``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stepwell.cli.explain import plain_origin
from stepwell.model import Cost, ProviderDefinition
from stepwell.model.layer import given_by
from stepwell.model.schema import defaults, fields
from stepwell.resolve.provenance import Explanation, origins
from stepwell.resolve.view import View
from stepwell.source.document import thaw
from stepwell.source.errors import StepwellError
from stepwell.source.escape_control import columns, visible

if TYPE_CHECKING:
    from stepwell.run.providers.circuit import Figures

__all__ = ["Faults", "explained", "health_lines", "plain", "state_of", "table"]

_HEADINGS = ("NAME", "IMPLEMENTATION", "PRIORITY", "CAPABILITIES", "MODELS", "LIMITS")

Faults = Mapping[str, StepwellError | None]
"""What is wrong with each provider, by name."""


def table(view: View, names: tuple[str, ...]) -> list[str]:
    """The lines of the table of providers."""
    if not names:
        return []
    return _aligned([_HEADINGS, *(_row(view.providers[name]) for name in names)])


def _row(one: ProviderDefinition) -> tuple[str, ...]:
    limits = [
        f"{one.quota.concurrency} at once" if one.quota.concurrency else "",
        f"{one.quota.requests_per_minute} a minute" if one.quota.requests_per_minute else "",
    ]
    return (
        one.name,
        visible(one.implementation),
        str(one.priority),
        " ".join(one.capabilities) or "-",
        visible(" ".join(model.name for model in one.known_models)) or "-",
        ", ".join(filter(None, limits)) or "-",
    )


def health_lines(names: tuple[str, ...], faults: Faults, figures: Mapping[str, Figures]) -> list[str]:
    """The lines that tell how providers do."""
    rows = [(name, figures[name].state, _said(faults.get(name))) for name in names]
    return _aligned([("NAME", "STATE", "WHAT IS WRONG"), *rows])


def _said(fault: StepwellError | None) -> str:
    return "-" if fault is None else visible(" ".join(str(fault).split()))


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(columns(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def explained(view: View, name: str) -> tuple[Explanation, ...]:
    """Where every field of a provider that has a value comes from."""
    definition = view.providers[name]
    hidden = tuple(one.sources for one in view.providers.hidden(name))
    found = []
    for field in (*fields("provider"), *definition.extensions):
        value = definition.data.get(field)
        inner = tuple(value) if isinstance(value, Mapping) else ()
        pointers: list[tuple[str, ...]] = [(field, key) for key in inner] or [(field,)]
        for pointer in pointers:
            told = origins(name, definition.sources, pointer, defaults("provider"), hidden)
            if told[0].how != "not stated":
                found.append(Explanation(name, ".".join(pointer), told[0].value, told[0], told[1:]))
    return tuple(found)


def plain(
    view: View, names: tuple[str, ...], faults: Faults, figures: Mapping[str, Figures], explaining: bool
) -> dict[str, Any]:
    """Providers as data."""
    told = []
    for name in names:
        plain = _plain_provider(view.providers[name])
        plain["health"] = _plain_health(figures[name], faults.get(name)) if name in figures else None
        plain["fields"] = None
        if explaining:
            plain["fields"] = [
                {
                    "field": one.field,
                    "winner": plain_origin(one.winner),
                    "losers": [plain_origin(origin) for origin in one.losers],
                }
                for one in explained(view, name)
            ]
        told.append(plain)
    return {"version": 1, "workspace": view.workspace, "time": None, "providers": told}


def _plain_provider(one: ProviderDefinition) -> dict[str, Any]:
    document = given_by(one.sources, ("name",))
    source = next(held for held in one.sources if held.document is document)
    return {
        "name": one.name,
        "description": one.description,
        "implementation": one.implementation,
        "capabilities": list(one.capabilities),
        "models": [{"name": model.name, "cost": _plain_cost(model.cost)} for model in one.known_models],
        "priority": one.priority,
        "cost": _plain_cost(one.price),
        "limits": {
            "concurrency": one.quota.concurrency,
            "requests_per_minute": one.quota.requests_per_minute,
        },
        "settings": thaw(one.settings),
        "secrets": dict(one.secrets),
        "layer": source.layer.value,
        "workspace": source.workspace,
        "file": document.path,
        "line": document.value_span(("name",)).line,
    }


def _plain_cost(cost: Cost) -> dict[str, float | None]:
    return {"input": cost.input, "output": cost.output}


def _plain_health(figures: Figures, fault: StepwellError | None) -> dict[str, Any]:
    return {
        "state": figures.state,
        "fault": None if fault is None else str(fault),
        "requests": figures.requests,
        "failures": figures.failures,
        "latency": figures.latency,
        "error_share": round(figures.error_share, 4),
        "back_in": round(figures.back_in, 3),
    }


def state_of(figures: Figures, fault: StepwellError | None) -> str:
    """How a provider does, in words."""
    if fault is not None and not figures.last_failure:
        return _said(fault)
    if figures.state in ("failing", "left alone", "trying again"):
        return f"{figures.state}: {visible(figures.last_failure)}"
    return figures.state
