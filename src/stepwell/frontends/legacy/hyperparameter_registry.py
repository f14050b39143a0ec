"""The old names of the hyperparameter classes, over the live registry."""

from __future__ import annotations

from stepwell.frontends.legacy.project import table_in_effect
from stepwell.frontends.legacy.tables import ClassRow

__all__ = [
    "HYPERPARAMETER_REGISTRY",
    "get_all_hyperparameter_classes",
    "get_all_hyperparameter_info",
    "get_hyperparameter_class_by_model_type",
    "get_module_path",
    "validate_hyperparameter_class",
]

HYPERPARAMETER_REGISTRY: dict[str, ClassRow] = table_in_effect("HYPERPARAMETER_REGISTRY", "hyperparameters")


def get_all_hyperparameter_classes() -> list[str]:
    """Return the names of all hyperparameter classes."""
    return list(HYPERPARAMETER_REGISTRY)


def get_hyperparameter_class_by_model_type(model_type: str | None) -> str | None:
    """Return the first class for a model type, or ``None``."""
    for class_name, row in HYPERPARAMETER_REGISTRY.items():
        if row["model_type"] == model_type:
            return class_name
    return None


def get_module_path(class_name: str) -> str | None:
    """Return the module of a hyperparameter class, or ``None``."""
    row = HYPERPARAMETER_REGISTRY.get(class_name)
    return None if row is None else row["module_path"]


def get_all_hyperparameter_info() -> dict[str, dict[str, str | None]]:
    """Return a shallow copy of the table; its rows are read-only."""
    return HYPERPARAMETER_REGISTRY.copy()


def validate_hyperparameter_class(class_name: str) -> bool:
    """Return whether a hyperparameter class has this name."""
    return class_name in HYPERPARAMETER_REGISTRY


def __dir__() -> list[str]:
    return __all__
