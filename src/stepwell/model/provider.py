"""One provider: what answers the requests of steps."""

from __future__ import annotations

from typing import final

from stepwell.model.record import Record, refuse

__all__ = ["ProviderDefinition"]


@final
class ProviderDefinition(Record):
    """One provider as a view sees it."""

    __slots__ = ()
    __setattr__ = refuse
    __delattr__ = refuse
    FIELDS = ("name", "description", "extensions")
