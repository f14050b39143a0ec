"""Providers: what answers the requests of steps, chosen by what they can do and how they do."""

from __future__ import annotations

from stepwell.providers.registry import ProviderRegistry
from stepwell.providers.selection import Answer, Failover, Selection

__all__ = ["Answer", "Failover", "ProviderRegistry", "Selection"]
