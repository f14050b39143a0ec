"""Providers that answer requests of steps, selected by capability and health."""

from __future__ import annotations

from stepwell.run.providers.registry import ProviderRegistry
from stepwell.run.providers.strategies import Answer, Failover, SelectedProvider

__all__ = ["Answer", "Failover", "ProviderRegistry", "SelectedProvider"]
