"""The contract of the neighbours of the step names: the package, hyperparameters and exceptions."""
# ruff: noqa: ARG001 - every obligation takes the same arguments

import importlib
import pickle

from step_names_contract import FUNCTIONS, TABLES, WORKSPACE_FUNCTIONS, same, same_items

HYPERPARAMETER_NAMES = [
    "HYPERPARAMETER_REGISTRY",
    "get_all_hyperparameter_classes",
    "get_all_hyperparameter_info",
    "get_hyperparameter_class_by_model_type",
    "get_module_path",
    "validate_hyperparameter_class",
]


PACKAGE_FUNCTIONS = ["get_registry_info", "switch_to_core", "switch_to_workspace"]


def public(module):
    return [name for name in dir(module) if not name.startswith("_")]


def the_package_exports_its_modules(package, expected):
    step_names = importlib.import_module(f"{package.__name__}.step_names")
    hyperparameters = importlib.import_module(f"{package.__name__}.hyperparameter_registry")
    exceptions = importlib.import_module(f"{package.__name__}.exceptions")
    of_steps = TABLES + FUNCTIONS + (WORKSPACE_FUNCTIONS if expected["has_workspaces"] else [])
    builders = expected.get("builders", [])
    own = PACKAGE_FUNCTIONS if expected["has_workspaces"] else []
    names = [*of_steps, *HYPERPARAMETER_NAMES, *builders, *own, "RegistryError"]
    same(sorted(package.__all__), sorted(names))
    modules = ["exceptions", "hyperparameter_registry", "step_names"]
    same(public(package), sorted([*package.__all__, *modules, *expected.get("own", [])]))
    for name in of_steps:
        same(getattr(package, name) is getattr(step_names, name), True)
    for name in HYPERPARAMETER_NAMES:
        same(getattr(package, name) is getattr(hyperparameters, name), True)
    same(package.RegistryError is exceptions.RegistryError, True)
    same(public(hyperparameters), HYPERPARAMETER_NAMES)
    same(sorted(hyperparameters.__all__), HYPERPARAMETER_NAMES)
    same((public(exceptions), exceptions.__all__), (["RegistryError"], ["RegistryError"]))


def the_package_switches_between_workspaces(package, expected):
    if not expected["has_workspaces"]:
        return
    core = package.get_registry_info()
    same((core["workspace_id"], "available_workspaces" in core), (None, False))
    same(core["available_steps"], sorted(package.get_all_step_names()))
    (workspace, *_) = package.list_available_workspaces()
    same(package.switch_to_workspace(workspace), None)
    same(package.get_workspace_context(), workspace)
    info = package.get_registry_info()
    same(info, package.get_registry_info(workspace))
    same(info["step_count"], info["workspace_step_count"])
    same(info["available_workspaces"], package.list_available_workspaces())
    same(info["has_conflicts"], package.has_workspace_conflicts())
    same(package.switch_to_core(), None)
    same(package.get_registry_info(), core)


def hyperparameter_classes_are_found(package, expected):
    rows = expected["hyperparameters"]
    same_items(package.HYPERPARAMETER_REGISTRY, rows)
    same(package.get_all_hyperparameter_classes(), list(rows))
    same_items(package.get_all_hyperparameter_info(), rows)
    package.get_all_hyperparameter_info().clear()
    same_items(package.HYPERPARAMETER_REGISTRY, rows)
    same(package.get_hyperparameter_class_by_model_type("xgboost"), "XGBoostHyperparameters")
    same(package.get_hyperparameter_class_by_model_type("pytorch"), "BSMModelHyperparameters")
    same(package.get_hyperparameter_class_by_model_type(None), "ModelHyperparameters")
    same(package.get_hyperparameter_class_by_model_type("lightgbm"), None)
    same(package.get_module_path("BSMModelHyperparameters"), "src.pipeline_steps.hyperparameters_bsm")
    same(package.get_module_path("Nope"), None)
    same(package.validate_hyperparameter_class("ModelHyperparameters"), True)
    same(package.validate_hyperparameter_class("Nope"), False)


def a_registry_error_reports_what_is_missing(package, expected):
    plain = package.RegistryError("no builder")
    same((str(plain), plain.unresolvable_types, plain.available_builders), ("no builder", [], []))
    full = package.RegistryError("no builder", ["A"], available_builders=["B", "C"])
    text = "no builder\nUnresolvable step types: ['A']\nAvailable builders: ['B', 'C']"
    same(str(full), text)
    same(str(package.RegistryError("no", None, ["B"])), "no\nAvailable builders: ['B']")
    same(str(pickle.loads(pickle.dumps(full))), text)  # noqa: S301 - its own bytes
    same(isinstance(full, Exception), True)


def the_step_types_have_their_test_variants(package, expected):
    variants = importlib.import_module(f"{package.__name__}.step_type_test_variants")
    same(len(variants.get_all_step_types()), 12)
    same(variants.get_step_type_requirements("Transform").step_class, "TransformStep")
    same(variants.get_step_type_requirements("Base"), None)
    same(variants.get_step_type_variant("Transform"), None)
    variants.register_step_type_variant("Transform", dict)
    same(variants.get_step_type_variant("Transform"), dict)


def obligations(expected):
    return [
        the_package_exports_its_modules,
        the_package_switches_between_workspaces,
        hyperparameter_classes_are_found,
        a_registry_error_reports_what_is_missing,
        the_step_types_have_their_test_variants,
    ]
