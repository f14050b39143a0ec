"""The old registry package on top of the live registry.

The registry of ``STEPWELL_PROJECT`` or the working directory is opened on first use. ``use`` replaces it,
``registry`` returns it.
"""

from __future__ import annotations

from stepwell.frontends.legacy.builder_registry import (
    StepBuilderRegistry,
    get_global_registry,
    list_global_step_types,
    register_builder,
    register_global_builder,
)
from stepwell.frontends.legacy.exceptions import RegistryError
from stepwell.frontends.legacy.hyperparameter_registry import (
    HYPERPARAMETER_REGISTRY,
    get_all_hyperparameter_classes,
    get_all_hyperparameter_info,
    get_hyperparameter_class_by_model_type,
    get_module_path,
    validate_hyperparameter_class,
)
from stepwell.frontends.legacy.project import registry as registry
from stepwell.frontends.legacy.project import use as use
from stepwell.frontends.legacy.step_names import (
    BUILDER_STEP_NAMES,
    CONFIG_STEP_REGISTRY,
    SPEC_STEP_TYPES,
    STEP_NAMES,
    clear_workspace_context,
    get_all_sagemaker_step_types,
    get_all_step_names,
    get_builder_step_name,
    get_builder_step_names,
    get_canonical_name_from_file_name,
    get_config_class_name,
    get_config_step_registry,
    get_sagemaker_step_type,
    get_sagemaker_step_type_mapping,
    get_spec_step_type,
    get_spec_step_type_with_job_type,
    get_spec_step_types,
    get_step_description,
    get_step_field,
    get_step_name_from_spec_type,
    get_step_names,
    get_steps_by_sagemaker_type,
    get_valid_sagemaker_step_types,
    get_workspace_context,
    get_workspace_step_count,
    has_workspace_conflicts,
    list_all_step_info,
    list_available_workspaces,
    set_workspace_context,
    validate_file_name,
    validate_sagemaker_step_type,
    validate_spec_type,
    validate_step_name,
    workspace_context,
)

__all__ = [
    "BUILDER_STEP_NAMES",
    "CONFIG_STEP_REGISTRY",
    "HYPERPARAMETER_REGISTRY",
    "SPEC_STEP_TYPES",
    "STEP_NAMES",
    "RegistryError",
    "StepBuilderRegistry",
    "clear_workspace_context",
    "get_all_hyperparameter_classes",
    "get_all_hyperparameter_info",
    "get_all_sagemaker_step_types",
    "get_all_step_names",
    "get_builder_step_name",
    "get_builder_step_names",
    "get_canonical_name_from_file_name",
    "get_config_class_name",
    "get_config_step_registry",
    "get_global_registry",
    "get_hyperparameter_class_by_model_type",
    "get_module_path",
    "get_registry_info",
    "get_sagemaker_step_type",
    "get_sagemaker_step_type_mapping",
    "get_spec_step_type",
    "get_spec_step_type_with_job_type",
    "get_spec_step_types",
    "get_step_description",
    "get_step_field",
    "get_step_name_from_spec_type",
    "get_step_names",
    "get_steps_by_sagemaker_type",
    "get_valid_sagemaker_step_types",
    "get_workspace_context",
    "get_workspace_step_count",
    "has_workspace_conflicts",
    "list_all_step_info",
    "list_available_workspaces",
    "list_global_step_types",
    "register_builder",
    "register_global_builder",
    "set_workspace_context",
    "switch_to_core",
    "switch_to_workspace",
    "validate_file_name",
    "validate_hyperparameter_class",
    "validate_sagemaker_step_type",
    "validate_spec_type",
    "validate_step_name",
    "workspace_context",
]


def switch_to_workspace(workspace_id: str) -> None:
    """Set the workspace context of this thread or task."""
    set_workspace_context(workspace_id)


def switch_to_core() -> None:
    """Leave the workspace context."""
    clear_workspace_context()


def get_registry_info(workspace_id: str | None = None) -> dict[str, object]:
    """Return the steps and step types of a workspace, or of the one in effect."""
    workspace = workspace_id or get_workspace_context()
    info: dict[str, object] = {
        "workspace_id": workspace,
        "step_count": len(get_step_names(workspace)),
        "available_steps": sorted(get_all_step_names(workspace)),
        "sagemaker_types": get_all_sagemaker_step_types(workspace),
        "has_conflicts": bool(workspace) and has_workspace_conflicts(),
    }
    if workspace:
        info["workspace_step_count"] = get_workspace_step_count(workspace)
        info["available_workspaces"] = list_available_workspaces()
    return info


def __dir__() -> list[str]:
    modules = ["builder_registry", "exceptions", "hyperparameter_registry", "step_names"]
    return sorted([*__all__, *modules, "registry", "use"])
