"""pytest plugin with tests for every step (``pytest --stepwell``) and fixtures.

pytest imports ``stepwell.frontends.pytest_plugin.plugin`` in every run, so other modules are imported lazily.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stepwell.frontends.pytest_plugin.step_type_contract import check_step_type

__all__ = ["check_step_type"]


def __getattr__(name: str) -> object:
    if name != "check_step_type":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from stepwell.frontends.pytest_plugin.step_type_contract import check_step_type

    return check_step_type
