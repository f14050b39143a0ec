"""One class of hyperparameters."""

from __future__ import annotations

from typing import final

from stepwell.model.record import Record, refuse

__all__ = ["HyperparameterDefinition"]


@final
class HyperparameterDefinition(Record):
    """One class of hyperparameters: where it lives and which models it is for."""

    __slots__ = ()
    __setattr__ = refuse
    __delattr__ = refuse
    FIELDS = ("name", "module_path", "model_type", "description", "extensions")

    @property
    def module_path(self) -> str:
        """The module that holds the class."""
        path: str = self.data["module_path"]
        return path

    @property
    def model_type(self) -> str | None:
        """The models that it is for."""
        return self.data.get("model_type")
