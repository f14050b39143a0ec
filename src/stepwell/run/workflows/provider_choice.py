"""The one provider that a run asks for all of its steps, where somebody names it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, final

from stepwell.model.provider_protocol import Provider, ProviderError, Setup
from stepwell.resolve.view import View
from stepwell.run.providers import ProviderRegistry
from stepwell.run.providers.factory import (
    IMPLEMENTATIONS,
    CannotBeMade,
    Secrets,
    implementation_by_name,
    make,
)
from stepwell.source.errors import NoProvider, StepwellError, UnknownProvider
from stepwell.source.spelling import snake_case, suggest

__all__ = ["Chosen", "One", "UnusableProvider", "provider_named", "secrets_of"]

_WITHOUT_SETTINGS: Final = "echo"
_WITH_ONE: Final[Mapping[str, str]] = {"replay": "file", "command": "argv"}


@final
class UnusableProvider(StepwellError):
    """A provider that a run is to ask cannot be had; the message says why."""


@final
@dataclass(frozen=True, slots=True)
class Chosen:
    """A provider that was chosen."""

    provider: Provider
    reason: str


@final
@dataclass(frozen=True, slots=True)
class One:
    """Gives the same provider for every step, whatever it requires."""

    provider: Provider

    def select(
        self, requires: Iterable[str], *, exclude: Mapping[str, str], session: str, view: View | None
    ) -> Chosen:
        """The provider for the next attempt.

        Raises:
            NoProvider: it has failed already.
        """
        del requires, session, view
        if self.provider.name in exclude:
            raise NoProvider("this run", f"`{self.provider.name}` was asked for by name, and failed")
        return Chosen(self.provider, "it was asked for by name")


def provider_named(
    text: str,
    providers: ProviderRegistry,
    view: View,
    folder: str,
    environment: Mapping[str, str],
) -> Provider:
    """The provider that somebody names.

    Args:
        text: a provider of the view, in its own spelling or in snake_case; or ``echo``, ``replay:FILE`` or
            ``command:PROGRAM ARGUMENTS``, which need no definition.
        folder: where a file is looked for, and where a program runs; absolute.

    Raises:
        UnusableProvider: there is none of this name, or it cannot be used.
    """
    wanted = next((name for name in view.providers if text in (name, snake_case(name))), None)
    try:
        if wanted is not None:
            return providers.named(wanted, view=view).provider
        kind, colon, rest = text.partition(":")
        settings: dict[str, Any] = {}
        if colon and kind in _WITH_ONE:
            settings[_WITH_ONE[kind]] = tuple(shlex.split(rest)) if kind == "command" else rest
        elif text != _WITHOUT_SETTINGS:
            raise UnusableProvider(_unknown(text, providers, view))
        made = Setup(kind, settings=settings, folder=folder, environment=environment)
        return make(implementation_by_name(kind), made)
    except (CannotBeMade, NoProvider, UnknownProvider, ValueError) as error:
        raise UnusableProvider(f"the provider `{text}` cannot be used: {error}") from None


def secrets_of(view: View, environment: Mapping[str, str], root: str) -> tuple[str, ...]:
    """What the secrets of a view's providers are at this moment, as far as they can be had.

    Args:
        root: the project's folder, absolute.
    """
    found = []
    for definition in view.providers.values():
        references = definition.secrets or {}
        held = Secrets(definition.name, references, environment, root)
        for name in references:
            with suppress(ProviderError):
                found.append(held.get(name) or "")
    return tuple(filter(None, found))


def _unknown(text: str, providers: ProviderRegistry, view: View) -> str:

    del providers
    if text in _WITH_ONE:
        what = "FILE" if text == "replay" else "PROGRAM"
        return f"the provider `{text}` needs a definition, or write `{text}:{what}`"
    names = [*view.providers, _WITHOUT_SETTINGS]
    hint = suggest(text, names) or f"there are {', '.join(f'`{one}`' for one in names)}"
    if text in IMPLEMENTATIONS:
        hint = "it needs a definition in `providers/`"
    return f"there is no provider `{text}` in {view.title} ({hint})"
