"""The exception of the old registry."""

from __future__ import annotations

__all__ = ["RegistryError"]


class RegistryError(Exception):
    """The registry has no builder for a step."""

    def __init__(
        self,
        message: str,
        unresolvable_types: list[str] | None = None,
        available_builders: list[str] | None = None,
    ) -> None:
        super().__init__(message)
        self.unresolvable_types = unresolvable_types or []
        self.available_builders = available_builders or []

    def __str__(self) -> str:
        text = super().__str__()
        if self.unresolvable_types:
            text += f"\nUnresolvable step types: {self.unresolvable_types}"
        if self.available_builders:
            text += f"\nAvailable builders: {self.available_builders}"
        return text


def __dir__() -> list[str]:
    return __all__
