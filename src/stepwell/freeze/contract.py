"""The public names of the legacy contract: what the ``__all__`` of each module holds."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["HYPERPARAMETER_NAMES", "STEP_FUNCTIONS", "STEP_TABLES", "WORKSPACE_FUNCTIONS", "in_export_order"]

STEP_TABLES = ("STEP_NAMES", "CONFIG_STEP_REGISTRY", "BUILDER_STEP_NAMES", "SPEC_STEP_TYPES")
"""The tables of step names."""

STEP_FUNCTIONS = (
    "get_config_class_name",
    "get_builder_step_name",
    "get_spec_step_type",
    "get_step_description",
    "get_sagemaker_step_type",
    "get_spec_step_type_with_job_type",
    "get_step_name_from_spec_type",
    "get_all_step_names",
    "list_all_step_info",
    "validate_step_name",
    "validate_spec_type",
    "get_steps_by_sagemaker_type",
    "get_all_sagemaker_step_types",
    "get_sagemaker_step_type_mapping",
    "validate_sagemaker_step_type",
    "get_canonical_name_from_file_name",
    "validate_file_name",
)
"""The functions of the older form."""

WORKSPACE_FUNCTIONS = (
    "get_step_names",
    "get_builder_step_names",
    "get_config_step_registry",
    "get_spec_step_types",
    "set_workspace_context",
    "get_workspace_context",
    "clear_workspace_context",
    "workspace_context",
    "list_available_workspaces",
    "get_workspace_step_count",
    "has_workspace_conflicts",
    "get_step_field",
    "get_valid_sagemaker_step_types",
)
"""What the newer form offers besides."""

HYPERPARAMETER_NAMES = (
    "HYPERPARAMETER_REGISTRY",
    "get_all_hyperparameter_classes",
    "get_hyperparameter_class_by_model_type",
    "get_module_path",
    "get_all_hyperparameter_info",
    "validate_hyperparameter_class",
)
"""The table of hyperparameter classes and its functions."""


def in_export_order(names: Iterable[str]) -> list[str]:
    """Constants, then classes, then functions, each sorted: the order that linters want of ``__all__``."""
    return sorted(names, key=lambda name: (not name.isupper(), not name[:1].isupper(), name))
