"""The records that everything above speaks of: frozen, without any input or output."""

from __future__ import annotations

from stepwell.model.authored import AuthoredDefinition
from stepwell.model.fields import Cost, Deprecation, HealthLimits, Limits
from stepwell.model.hyperparameter import HyperparameterDefinition
from stepwell.model.kinds import KIND_OF_NOUN, KINDS, Definition, Kind, kind_of
from stepwell.model.pipeline import PipelineDefinition
from stepwell.model.provider import IMPLEMENTATION_SETTINGS, Model, ProviderDefinition
from stepwell.model.record import Record
from stepwell.model.step import StepDefinition
from stepwell.model.workspace import WORKSPACE_ID, Workspace

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
