"""What the executor asks of whoever chooses providers: the smallest thing that will do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from stepwell.model.provider import Provider
from stepwell.resolve.view import View

__all__ = ["Choice", "Providers"]


class Choice(Protocol):
    """A provider that was chosen for one attempt."""

    @property
    def provider(self) -> Provider:
        """The provider; it keeps its own limits and notes its own failures."""

    @property
    def reason(self) -> str:
        """Why it, in words."""


class Providers(Protocol):
    """Chooses a provider; ``providers.ProviderRegistry`` is one."""

    def select(
        self, requires: Iterable[str], *, exclude: Mapping[str, str], session: str, view: View | None
    ) -> Choice:
        """The provider for the next attempt.

        Args:
            requires: the capabilities that it must have.
            exclude: the names of those that have failed already, each with why.
            session: a conversation that should stay with one; empty for none.
            view: what the run sees; ``None`` where it sees nothing but a fallback.

        Raises:
            StepwellError: none fits; the message says why.
        """
