"""Providers: what answers the requests of steps, chosen by what they can do and how they do."""

from __future__ import annotations

from stepwell.run.providers.registry import ProviderRegistry
from stepwell.run.providers.strategies import Answer, Failover, SelectedProvider

__all__ = ["Answer", "Failover", "ProviderRegistry", "SelectedProvider"]
