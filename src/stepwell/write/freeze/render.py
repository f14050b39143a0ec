"""Renders frozen files with Jinja2; every printed value becomes a Python literal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from typing import Any, final

from jinja2 import Environment, PackageLoader, StrictUndefined

from stepwell.model.settings import PACKAGE_MODULES, VARIANTS_MODULE
from stepwell.resolve.view import View
from stepwell.write.freeze.literals import (
    ROW_FIELDS,
    WORKSPACES,
    as_comment,
    as_literal,
    assignment,
    file_stem,
    step_name_types,
    workspace_file,
)
from stepwell.write.freeze.tables import LegacyNaming, hyperparameter_rows, own_rows, rows_of

__all__ = [
    "BUILDER_NAMES",
    "HYPERPARAMETER_NAMES",
    "STEP_FUNCTIONS",
    "STEP_TABLES",
    "WORKSPACE_FUNCTIONS",
    "alias_file",
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

BUILDER_NAMES = (
    "StepBuilderRegistry",
    "get_global_registry",
    "list_global_step_types",
    "register_builder",
    "register_global_builder",
)
"""Registry of builders and its functions."""

PACKAGE_FUNCTIONS = ("get_registry_info", "switch_to_core", "switch_to_workspace")
"""Functions of the newer form that only the package has."""


def in_export_order(names: Iterable[str]) -> list[str]:
    """Sort ``__all__`` as linters expect: constants, then classes, which ASCII has before functions."""
    return sorted(names, key=lambda name: (not name.isupper(), name))


@final
class _Code(str):
    """Python code, marked with the ``code`` filter."""

    __slots__ = ()


def _printed(value: object) -> str:
    """Return the Python literal of a printed value.

    Raises:
       TypeError: the value is not text.
    """
    if isinstance(value, _Code):
        return value
    if isinstance(value, str):
        return as_literal(value)
    raise TypeError(f"a template printed a {type(value).__name__}")


def step_names_files(
    path: str,
    core: View,
    workspaces: Mapping[str, View] | None,
    naming: LegacyNaming,
    command: str,
    version: str,
) -> dict[str, str]:
    """Return the module of step names at ``path`` (``.py``) and its stub."""
    return _step_names_files(path, core, workspaces, naming, command, version, in_package=False)


def _step_names_files(
    path: str,
    core: View,
    workspaces: Mapping[str, View] | None,
    naming: LegacyNaming,
    command: str,
    version: str,
    *,
    in_package: bool,
) -> dict[str, str]:
    steps = rows_of(core)
    own = {workspace: own_rows(view) for workspace, view in sorted((workspaces or {}).items())}
    types = {file_stem(workspace): rows.typed for workspace, rows in own.items()}
    firsts = {workspace: _own_first(core, view) for workspace, view in sorted((workspaces or {}).items())}
    values: dict[str, Any] = {
        "command": command,
        "version": version,
        "public": _step_exports(workspaces),
        "steps": steps,
        "first": core.steps.first,
        "naming": naming,
        "workspaces": None
        if workspaces is None
        else {workspace: each.rows for workspace, each in own.items()},
        "overrides": {workspace: each.overrides for workspace, each in own.items()},
        "workspaces_first": {workspace: first for workspace, first in firsts.items() if first is not None},
        "in_package": in_package,
        "row_fields": ROW_FIELDS,
        "types": _Code(step_name_types({"": steps, **types})),
    }
    return {path: _render("step_names.py.j2", values), f"{path}i": _render("step_names.pyi.j2", values)}


def _own_first(core: View, view: View) -> tuple[str, ...] | None:
    return None if view.steps.first == core.steps.first else view.steps.first


def package_files(
    core: View,
    workspaces: Mapping[str, View] | None,
    naming: LegacyNaming,
    command: str,
    version: str,
) -> dict[str, str]:
    """Return the files of a package that replaces the old one, by name."""
    public = _step_exports(workspaces)
    values: dict[str, Any] = {
        "command": command,
        "version": version,
        "public": public,
        "public_builders": in_export_order(BUILDER_NAMES),
        "public_hyperparameters": in_export_order(HYPERPARAMETER_NAMES),
        "exported": in_export_order(
            [
                "RegistryError",
                *BUILDER_NAMES,
                *HYPERPARAMETER_NAMES,
                *public,
                *(PACKAGE_FUNCTIONS if workspaces is not None else ()),
            ]
        ),
        "functions": [name for name in public if name not in STEP_TABLES],
        "tables": in_export_order(STEP_TABLES),
        "has_workspaces": workspaces is not None,
        "hyperparameters": hyperparameter_rows(core),
        "hyperparameters_first": core.hyperparameters.first,
    }
    files = {
        **{f"{name}.py": _render(f"{name}.py.j2", values) for name in ("__init__", *PACKAGE_MODULES)},
        f"{VARIANTS_MODULE}.py": _render("provenance.j2", values) + _copied(VARIANTS_MODULE),
        "py.typed": "",
        **_step_names_files("step_names.py", core, workspaces, naming, command, version, in_package=True),
    }
    if workspaces is not None:
        files[f"{WORKSPACES}__init__.py"] = _render("workspaces_package.py.j2", values)
    for workspace, view in sorted((workspaces or {}).items()):
        rows, overrides = own_rows(view)
        own = {"workspace": workspace, "rows": rows, "overrides": overrides, "first": _own_first(core, view)}
        files[workspace_file(workspace)] = _render("workspace.py.j2", {**values, **own})
    return files


def _copied(module: str) -> str:
    return Path(__file__).parents[2].joinpath("legacy", f"{module}.py").read_text("utf-8")


def alias_file(alias: str, output: str, command: str, version: str) -> tuple[str, str]:
    """Return path and text of a module whose import returns the generated module or package."""
    is_package = output.endswith("/")
    own, target = (path.removesuffix("/").removesuffix(".py").split("/") for path in (alias, output))
    folders = zip(own[:-1], target[:-1], strict=False)
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], folders))
    values: dict[str, Any] = {
        "command": command,
        "version": version,
        "depth": str(len(own) - shared),
        "target": ".".join(target[shared:]),
        "modules": sorted((*PACKAGE_MODULES, VARIANTS_MODULE, "step_names")) if is_package else (),
    }
    return f"{alias}__init__.py" if is_package else alias, _render("alias.py.j2", values)


def _step_exports(workspaces: object) -> list[str]:
    functions = STEP_FUNCTIONS if workspaces is None else STEP_FUNCTIONS + WORKSPACE_FUNCTIONS
    return in_export_order(STEP_TABLES + functions)


def _render(template: str, values: Mapping[str, object]) -> str:
    return _environment().get_template(template).render(values)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(  # noqa: S701 - it writes Python, and finalize escapes for Python
        loader=PackageLoader("stepwell.write.freeze"),
        finalize=_printed,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["code"] = _Code
    environment.filters["comment"] = lambda text: _Code(as_comment(text))
    environment.globals["statement"] = lambda *words: _Code(assignment(*words))
    return environment
