"""Renders frozen files with Jinja2; every printed value becomes a Python literal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import chain
from typing import Any, final

from jinja2 import Environment, PackageLoader, StrictUndefined

from stepwell.write.freeze.tables import (
    LegacyNaming,
    LegacyView,
    changes_of,
    colliding_names,
    hyperparameter_rows,
    rows_of,
    sources_digest,
)

__all__ = [
    "HYPERPARAMETER_NAMES",
    "STEP_FUNCTIONS",
    "STEP_TABLES",
    "WORKSPACE_FUNCTIONS",
    "as_comment",
    "as_literal",
    "in_export_order",
    "package_files",
    "step_names_files",
]


STEP_TABLES = ("STEP_NAMES", "CONFIG_STEP_REGISTRY", "BUILDER_STEP_NAMES", "SPEC_STEP_TYPES")
"""Tables of step names."""

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
"""Functions of the older form."""

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
"""Additional functions of the newer form."""

HYPERPARAMETER_NAMES = (
    "HYPERPARAMETER_REGISTRY",
    "get_all_hyperparameter_classes",
    "get_hyperparameter_class_by_model_type",
    "get_module_path",
    "get_all_hyperparameter_info",
    "validate_hyperparameter_class",
)
"""Table of hyperparameter classes and its functions."""


def in_export_order(names: Iterable[str]) -> list[str]:
    """Sort ``__all__`` as linters expect: constants, classes, functions."""
    return sorted(names, key=lambda name: (not name.isupper(), not name[:1].isupper(), name))


@final
class _Code(str):
    """Python code, marked with the ``code`` filter."""

    __slots__ = ()


def as_literal(value: object) -> str:
    """Return an ASCII Python literal, quoted like ``ruff format``.

    Args:
       value: a ``str`` or ``None``.

    Raises:
       TypeError: the value has another type.
    """
    if isinstance(value, _Code):
        return value
    if isinstance(value, str):
        escaped = value.encode("unicode_escape").decode("ascii")
        quote = "'" if escaped.count('"') > escaped.count("'") else '"'
        return quote + escaped.replace(quote, "\\" + quote) + quote
    if value is None:
        return "None"
    raise TypeError(f"a template printed a {type(value).__name__}")


def as_comment(text: str) -> str:
    """Escape text for a one-line ASCII comment."""
    return _Code(text.encode("unicode_escape").decode("ascii").strip())


def step_names_files(
    path: str,
    core: LegacyView,
    workspaces: Mapping[str, LegacyView] | None,
    naming: LegacyNaming,
    command: str,
    version: str,
) -> dict[str, str]:
    """Return the module of step names at ``path`` (``.py``) and its stub."""
    steps = rows_of(core)
    values: dict[str, Any] = {
        **_provenance(core, workspaces, command, version),
        "public": _step_exports(workspaces),
        "steps": steps,
        "config_steps": {row["config_class"]: name for name, row in steps.items()},
        "naming": naming,
        "workspaces": None,
        "step_names": list(steps),
    }
    if workspaces is not None:
        tables = {workspace: rows_of(view) for workspace, view in workspaces.items()}
        values["workspaces"] = {workspace: changes_of(steps, table) for workspace, table in tables.items()}
        values["colliding"] = colliding_names(core, workspaces)
        values["step_names"] = list(dict.fromkeys(chain(steps, *tables.values())))
    return {path: _render("step_names.py.j2", values), path + "i": _render("step_names.pyi.j2", values)}


def package_files(
    core: LegacyView,
    workspaces: Mapping[str, LegacyView] | None,
    naming: LegacyNaming,
    command: str,
    version: str,
) -> dict[str, str]:
    """Return the files of a package that replaces the old one, by name."""
    public = _step_exports(workspaces)
    values: dict[str, Any] = {
        **_provenance(core, workspaces, command, version),
        "public": public,
        "public_hyperparameters": in_export_order(HYPERPARAMETER_NAMES),
        "exported": in_export_order(["RegistryError", *HYPERPARAMETER_NAMES, *public]),
        "hyperparameters": hyperparameter_rows(core),
    }
    templates = ("__init__.py", "exceptions.py", "hyperparameter_registry.py")
    return {
        **{name: _render(f"{name}.j2", values) for name in templates},
        "py.typed": "",
        **step_names_files("step_names.py", core, workspaces, naming, command, version),
    }


def _step_exports(workspaces: object) -> list[str]:
    functions = STEP_FUNCTIONS if workspaces is None else STEP_FUNCTIONS + WORKSPACE_FUNCTIONS
    return in_export_order(STEP_TABLES + functions)


def _provenance(
    core: LegacyView, workspaces: Mapping[str, LegacyView] | None, command: str, version: str
) -> dict[str, str]:
    return {"command": command, "version": version, "digest": sources_digest(core, workspaces)}


def _render(template: str, values: Mapping[str, object]) -> str:
    return _environment().get_template(template).render(values)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(  # noqa: S701 - it writes Python, and finalize escapes for Python
        loader=PackageLoader("stepwell.write.freeze"),
        finalize=as_literal,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["code"] = _Code
    environment.filters["comment"] = as_comment
    return environment
