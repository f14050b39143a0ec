"""Old functions and tables of step names on top of the live registry.

Tables are read-only dicts of the current content. Functions take a ``workspace_id``; the default is the
context, the environment or the project's settings. Unknown workspaces and steps raise ``UnknownWorkspace``
and ``UnknownStep``, both subclasses of ``ValueError``.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Final, Protocol

from stepwell.frontends.legacy.project import (
    FIRST,
    SECOND,
    SERVING,
    STORED,
    served,
    table_in_effect,
    tables_in,
    workspace_in_effect,
)
from stepwell.live.workspace_context import ACTIVE, clear_workspace, set_workspace, workspace
from stepwell.source.errors import UnknownStep
from stepwell.source.spelling import canonical_name, closest
from stepwell.source.spelling import similarity as _calculate_name_similarity  # noqa: F401

__all__ = [
    "BUILDER_STEP_NAMES",
    "CONFIG_STEP_REGISTRY",
    "SPEC_STEP_TYPES",
    "STEP_NAMES",
    "clear_workspace_context",
    "get_all_sagemaker_step_types",
    "get_all_step_names",
    "get_builder_step_name",
    "get_builder_step_names",
    "get_canonical_name_from_file_name",
    "get_config_class_name",
    "get_config_step_registry",
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
    "set_workspace_context",
    "validate_file_name",
    "validate_sagemaker_step_type",
    "validate_spec_type",
    "validate_step_name",
    "workspace_context",
]

STEP_NAMES: dict[str, dict[str, str]] = table_in_effect("STEP_NAMES", "step_names")
CONFIG_STEP_REGISTRY: dict[str, str] = table_in_effect("CONFIG_STEP_REGISTRY", "config_steps")
BUILDER_STEP_NAMES: dict[str, str] = table_in_effect("BUILDER_STEP_NAMES", "builders")
SPEC_STEP_TYPES: dict[str, str] = table_in_effect("SPEC_STEP_TYPES", "spec_types")

_VALID_SAGEMAKER_STEP_TYPES: Final = (
    "Processing",
    "Training",
    "Transform",
    "CreateModel",
    "RegisterModel",
    "Base",
    "Utility",
)
"""Fixed, and narrower than the types in the table: importers rely on which types are rejected."""


class _Getter(Protocol):
    def __call__(self, step_name: str, workspace_id: str | None = None) -> str: ...


def _getter(name: str, field: str, says: str) -> _Getter:
    """Return a getter of a field.

    Cached rows need no function call, because old importers use it in inner loops.
    """

    def get(step_name: str, workspace_id: str | None = None) -> str:
        named = workspace_id or ACTIVE.get()
        if named or not (FIRST in STORED or SECOND in STORED):
            held = SERVING.held_by.held
            if held.snapshot is held.store._snapshot:  # noqa: SLF001 - a property would double the time
                try:
                    return held.rows[named][step_name][field]
                except KeyError:
                    pass
        return _row(step_name, workspace_id)[field]

    get.__name__ = get.__qualname__ = name
    get.__doc__ = says
    return get


get_config_class_name = _getter("get_config_class_name", "config_class", "Return the config class of a step.")
get_builder_step_name = _getter(
    "get_builder_step_name", "builder_step_name", "Return the step builder of a step."
)
get_spec_step_type = _getter("get_spec_step_type", "spec_type", "Return the specification type of a step.")
get_step_description = _getter("get_step_description", "description", "Return the description of a step.")
get_sagemaker_step_type = _getter(
    "get_sagemaker_step_type", "sagemaker_step_type", "Return the SageMaker step type of a step."
)


def get_step_field(step_name: str, field_name: str, workspace_id: str | None = None) -> str:
    """Return one field of a step; an unknown step or field is a ``ValueError``."""
    row = _row(step_name, workspace_id)
    if field_name not in row:
        raise ValueError(f"Unknown field name: {field_name}. Available: {list(row)}")
    return row[field_name]


def get_spec_step_type_with_job_type(
    step_name: str, job_type: str | None = None, workspace_id: str | None = None
) -> str:
    """Return the specification type of a step, with ``_Jobtype`` if there is one."""
    spec_type = _row(step_name, workspace_id)["spec_type"]
    return f"{spec_type}_{job_type.capitalize()}" if job_type else spec_type


def get_step_name_from_spec_type(spec_type: str, workspace_id: str | None = None) -> str:
    """Return the step of a specification type, or the type itself if none has it."""
    return tables_in(workspace_id).by_spec_type.get(spec_type.partition("_")[0], spec_type)


def get_all_step_names(workspace_id: str | None = None) -> list[str]:
    """Return the names of all steps, in table order."""
    return list(tables_in(workspace_id).step_names)


def list_all_step_info(workspace_id: str | None = None) -> dict[str, dict[str, str]]:
    """Return a shallow copy of the table; its rows are read-only."""
    return tables_in(workspace_id).step_names.copy()


def validate_step_name(step_name: str, workspace_id: str | None = None) -> bool:
    """Return whether a step has this name."""
    return tables_in(workspace_id).rows.has(step_name)


def validate_spec_type(spec_type: str, workspace_id: str | None = None) -> bool:
    """Return whether the part before the first ``_`` is a known specification type."""
    return spec_type.partition("_")[0] in tables_in(workspace_id).by_spec_type


def get_steps_by_sagemaker_type(sagemaker_type: str, workspace_id: str | None = None) -> list[str]:
    """Return the names of the steps of a SageMaker step type, in table order."""
    return list(tables_in(workspace_id).by_sagemaker_type.get(sagemaker_type, ()))


def get_all_sagemaker_step_types(workspace_id: str | None = None) -> list[str]:
    """Return the SageMaker step types of the table, each once."""
    return list(tables_in(workspace_id).by_sagemaker_type)


def get_sagemaker_step_type_mapping(workspace_id: str | None = None) -> dict[str, list[str]]:
    """Return step names by SageMaker step type, in table order."""
    return {kind: list(names) for kind, names in tables_in(workspace_id).by_sagemaker_type.items()}


def validate_sagemaker_step_type(sagemaker_type: str, workspace_id: str | None = None) -> bool:
    """Return whether a SageMaker step type is one of the fixed valid ones."""
    tables_in(workspace_id)  # an unknown workspace is rejected here too
    return sagemaker_type in _VALID_SAGEMAKER_STEP_TYPES


def get_valid_sagemaker_step_types(workspace_id: str | None = None) -> list[str]:
    """Return the fixed SageMaker step types that validation accepts."""
    tables_in(workspace_id)  # an unknown workspace is rejected here too
    return list(_VALID_SAGEMAKER_STEP_TYPES)


def get_canonical_name_from_file_name(file_name: str, workspace_id: str | None = None) -> str:
    """Return the step for a file name; raise ``ValueError`` if there is none."""
    step_names, naming = tables_in(workspace_id).step_names, served().naming
    return canonical_name(file_name, step_names, naming.job_type_suffixes, naming.abbreviations)


def validate_file_name(file_name: str, workspace_id: str | None = None) -> bool:
    """Return whether a file name means a step."""
    tables_in(workspace_id)  # an unknown workspace is rejected here too
    try:
        get_canonical_name_from_file_name(file_name, workspace_id)
    except ValueError:
        return False
    return True


def get_step_names(workspace_id: str | None = None) -> dict[str, dict[str, str]]:
    """Return a shallow copy of ``STEP_NAMES``; its rows are read-only."""
    return list_all_step_info(workspace_id)


def get_config_step_registry(workspace_id: str | None = None) -> dict[str, str]:
    """Return a copy of ``CONFIG_STEP_REGISTRY``."""
    return tables_in(workspace_id).config_steps.copy()


def get_builder_step_names(workspace_id: str | None = None) -> dict[str, str]:
    """Return a copy of ``BUILDER_STEP_NAMES``."""
    return tables_in(workspace_id).builders.copy()


def get_spec_step_types(workspace_id: str | None = None) -> dict[str, str]:
    """Return a copy of ``SPEC_STEP_TYPES``."""
    return tables_in(workspace_id).spec_types.copy()


def get_workspace_context() -> str | None:
    """Return the workspace in effect: the context's, else the environment's, else the project's."""
    return workspace_in_effect()


def set_workspace_context(workspace_id: str) -> None:
    """Set the workspace context of this thread or task."""
    set_workspace(_known(workspace_id))


def clear_workspace_context() -> None:
    """Leave the context; the environment's workspace is the default again."""
    clear_workspace()


def workspace_context(workspace_id: str) -> AbstractContextManager[str]:
    """Return a context manager that makes a workspace the context, and restores what was before."""
    return workspace(_known(workspace_id))


def list_available_workspaces() -> list[str]:
    """Return the ids of the workspaces."""
    return list(served().workspaces())


def get_workspace_step_count(workspace_id: str | None = None) -> int:
    """Return the number of steps of a workspace, including the core's."""
    return len(tables_in(workspace_id).step_names)


def has_workspace_conflicts() -> bool:
    """Return whether two of the views, the core's included, define a step differently."""
    return served().has_conflicts()


def _row(step_name: str, workspace_id: str | None) -> dict[str, str]:
    tables = tables_in(workspace_id)
    try:
        return tables.rows[step_name]
    except KeyError:
        raise _unknown(step_name, workspace_id) from None


def _unknown(step_name: str, workspace_id: str | None) -> UnknownStep:
    tables = tables_in(workspace_id)
    renamed = tables.alias(step_name)
    near = (renamed,) if renamed else closest(f"{step_name}", tables.step_names, 3)
    return UnknownStep(step_name, near, tables.title)


def _known(workspace_id: str) -> str:
    if workspace_id:
        tables_in(workspace_id)
    return workspace_id


def __dir__() -> list[str]:
    return __all__
