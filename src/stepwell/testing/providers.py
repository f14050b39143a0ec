"""The contract of a provider, under its public import path."""

from stepwell.frontends.pytest_plugin.provider_contract import check_provider

__all__ = ["check_provider"]
