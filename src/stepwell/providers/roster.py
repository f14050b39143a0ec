"""What was made of the definitions, and how each provider does: both outlive a reload."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, final

from stepwell.model import ProviderDefinition
from stepwell.model.provider import Provider, Setup
from stepwell.providers.guarded import Guarded
from stepwell.providers.making import CannotBeMade, implementation_of, make
from stepwell.providers.references import Secrets
from stepwell.providers.state import ProviderState
from stepwell.source.errors import UnknownProvider
from stepwell.source.spelling import closest

if TYPE_CHECKING:
    from stepwell.live.registry import Registry
    from stepwell.resolve.view import View

__all__ = ["Roster", "definition_of"]

Key = tuple[str | None, str]
"""The workspace that a provider is of, and its name; views that see the same one share its limits."""


@final
class Roster:
    """The providers that were asked for so far; safe in threads.

    Args:
        registry: the registry.
        environment: the environment variables.
        clock: gives the time in seconds.
    """

    def __init__(
        self, registry: Registry, environment: Mapping[str, str], clock: Callable[[], float]
    ) -> None:
        self._registry = registry
        self._environment = environment
        self._clock = clock
        self._lock = threading.RLock()
        self._states: dict[Key, ProviderState] = {}
        self._made: dict[Key, tuple[object, Guarded]] = {}
        self._retired: list[Guarded] = []

    def guarded(self, definition: ProviderDefinition, view: View) -> Guarded:
        """What is asked in a provider's name: the same as before as long as its definition and its code are.

        Args:
            definition: the provider.
            view: where it was found; other providers that it speaks of are looked for there.

        Raises:
            CannotBeMade: its implementation is not there, or refuses its settings.
        """
        key = _key(definition)
        code = self._registry.code if ":" in definition.implementation else None
        made_of = (definition.digest, code)
        with self._lock:
            known = self._made.get(key)
            if known is not None and known[0] == made_of:
                return known[1]
            factory = implementation_of(self._registry, definition)
            root = self._registry.project.root
            secrets = Secrets(definition.name, definition.secrets, self._environment, root)
            setup = Setup(
                definition.name,
                tuple(one.name for one in definition.known_models),
                definition.settings,
                tuple(definition.secrets),
                secrets.get,
                root,
                self._environment,
                lambda name: self._other(name, view),
            )
            guarded = Guarded(make(factory, setup), self.state(definition), secrets)
            if known is not None:
                self._retired.append(known[1])
            self._made[key] = (made_of, guarded)
            return guarded

    def state(self, definition: ProviderDefinition) -> ProviderState:
        """How a provider does."""
        key = _key(definition)
        with self._lock:
            state = self._states.get(key)
            if state is None:
                state = self._states[key] = ProviderState(definition, self._clock)
            else:
                state.keep_to(definition)
            return state

    async def close(self) -> None:
        """Let go of all that was made."""
        with self._lock:
            held = [guarded for _, guarded in self._made.values()] + self._retired
            self._made, self._retired = {}, []
        for guarded in held:
            await guarded.close()

    def _other(self, name: str, view: View) -> Provider:
        fault = ""
        try:
            return self.guarded(definition_of(view, name), view)
        except CannotBeMade as refusal:
            fault = str(refusal)
        raise LookupError(f"`{name}` cannot be used: {fault}")


def definition_of(view: View, name: str) -> ProviderDefinition:
    """A provider of a view.

    Raises:
        UnknownProvider: with suggestions.
    """
    found = view.providers.above.get(name) or view.providers.below.get(name)
    if found is None:
        raise UnknownProvider(name, closest(name, tuple(view.providers), 3), view.title)
    return found


def _key(definition: ProviderDefinition) -> Key:
    owner = next((one.workspace for one in definition.sources if one.workspace is not None), None)
    return owner, definition.name
