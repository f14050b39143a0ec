"""Immutable records of definitions, workspaces and settings, without I/O."""

from __future__ import annotations

from stepwell.model.definition import (
    IMPLEMENTATION_SETTINGS,
    WORKSPACE_ID,
    HyperparameterDefinition,
    Model,
    PipelineDefinition,
    ProviderDefinition,
    StepDefinition,
    Workspace,
)
from stepwell.model.fields import Cost, Deprecation, HealthLimits, Limits
from stepwell.model.kinds import KIND_OF_NOUN, KINDS, AuthoredDefinition, Definition, Kind, kind_of
from stepwell.model.record import Record

__all__ = [
    "IMPLEMENTATION_SETTINGS",
    "KINDS",
    "KIND_OF_NOUN",
    "WORKSPACE_ID",
    "AuthoredDefinition",
    "Cost",
    "Definition",
    "Deprecation",
    "HealthLimits",
    "HyperparameterDefinition",
    "Kind",
    "Limits",
    "Model",
    "PipelineDefinition",
    "ProviderDefinition",
    "Record",
    "StepDefinition",
    "Workspace",
    "kind_of",
]
