"""Run all steps of a workflow with one named provider."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, final

from stepwell.model.provider_protocol import Provider, ProviderError, Setup
from stepwell.resolve.view import View
from stepwell.run.providers import ProviderRegistry, SelectedProvider
from stepwell.run.providers.factory import (
    IMPLEMENTATIONS,
    CannotBeMade,
    Secrets,
    implementation_by_name,
    make,
)
from stepwell.source.errors import NoProvider, StepwellError, UnknownProvider
from stepwell.source.spelling import snake_case, suggest

__all__ = ["Chosen", "SingleProvider", "SingleStrategy", "UnusableProvider", "provider_named", "secrets_of"]

_WITHOUT_SETTINGS: Final = "echo"
_WITH_ONE: Final[Mapping[str, str]] = {"replay": "file", "command": "argv"}


@final
class UnusableProvider(StepwellError):
    """The requested provider cannot be used; the message explains why."""


@final
@dataclass(frozen=True, slots=True)
class Chosen:
    """The selected provider."""

    provider: Provider
    reason: str


@final
@dataclass(frozen=True, slots=True)
class SingleStrategy:
    """Selects a provider for every step by the same strategy."""

    providers: ProviderRegistry
    strategy: str

    def select(
        self, requires: Iterable[str], *, exclude: Mapping[str, str], session: str, view: View | None
    ) -> SelectedProvider:
        """Return the selected provider.

        Raises:
            NoProvider: no provider is available.
        """
        return self.providers.select(
            requires, strategy=self.strategy, exclude=exclude, session=session, view=view
        )


@final
@dataclass(frozen=True, slots=True)
class SingleProvider:
    """Selects the same provider for every step."""

    provider: Provider

    def select(
        self, requires: Iterable[str], *, exclude: Mapping[str, str], session: str, view: View | None
    ) -> Chosen:
        """Return the provider.

        Raises:
            NoProvider: the provider has already failed.
        """
        del requires, session, view
        if self.provider.name in exclude:
            raise NoProvider("this run", f"the requested provider `{self.provider.name}` failed")
        return Chosen(self.provider, "requested by name")


def provider_named(
    text: str,
    providers: ProviderRegistry,
    view: View,
    folders: Sequence[str],
    environment: Mapping[str, str],
) -> Provider:
    """Return a provider by name.

    Args:
        text: provider of the view, in its own spelling or in snake_case; or ``echo``, ``replay:FILE`` or
            ``command:PROGRAM ARGUMENTS``, which need no definition.
        folders: absolute folders of the workflow, which is the working directory of programs, and of the
            project; a file is relative to the working directory and lies inside one of them.

    Raises:
        UnusableProvider: the provider is unknown or cannot be used.
    """
    wanted = next((name for name in view.providers if text in (name, snake_case(name))), None)
    folder = folders[0]
    try:
        if wanted is not None:
            return providers.named(wanted, view=view).provider
        kind, colon, rest = text.partition(":")
        settings: dict[str, Any] = {}
        if colon and kind in _WITH_ONE:
            settings[_WITH_ONE[kind]] = tuple(shlex.split(rest)) if kind == "command" else rest
            if kind == "replay":
                folder, settings["file"] = _inside(rest, folders)
        elif text != _WITHOUT_SETTINGS:
            raise UnusableProvider(_unknown(text, providers, view))
        made = Setup(kind, settings=settings, folder=folder, environment=environment)
        return make(implementation_by_name(kind), made)
    except (CannotBeMade, NoProvider, UnknownProvider, ValueError) as error:
        raise UnusableProvider(f"provider `{text}` cannot be used: {error}") from None


def _inside(path: str, folders: Sequence[str]) -> tuple[str, str]:
    """Return the folder that contains a path, and the path relative to it."""
    whole = os.path.realpath(path)
    for folder in folders:
        root = os.path.realpath(folder)
        if os.path.commonpath([root, whole]) == root:
            return root, os.path.relpath(whole, root)
    raise ValueError(f"`{path}` must be inside the project or the folder of the workflow")


def secrets_of(view: View, environment: Mapping[str, str], root: str) -> tuple[str, ...]:
    """Return all secrets of a view's providers that can be resolved now.

    Args:
        root: absolute.
    """
    values = []
    for definition in view.providers.values():
        references = definition.secrets or {}
        secrets = Secrets(definition.name, references, environment, root)
        for name in references:
            with suppress(ProviderError):
                values.append(secrets.get(name) or "")
    return tuple(filter(None, values))


def _unknown(text: str, providers: ProviderRegistry, view: View) -> str:
    del providers
    if text in _WITH_ONE:
        what = "FILE" if text == "replay" else "PROGRAM"
        return f"provider `{text}` needs a definition, or use `{text}:{what}`"
    names = [*view.providers, _WITHOUT_SETTINGS]
    hint = suggest(text, names) or f"available: {', '.join(f'`{name}`' for name in names)}"
    if text in IMPLEMENTATIONS:
        hint = "define it in `providers/`"
    return f"unknown provider `{text}` in {view.title} ({hint})"
