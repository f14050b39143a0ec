"""How a value is shown in a notebook: who shows it is named here, and loaded when a notebook asks."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from typing import Any, Final

__all__ = ["in_notebook"]

_RENDERER: Final = "stepwell.frontends.render.notebook"
"""By its name: what is shown must not need what shows it, and nothing of it is loaded elsewhere."""


def in_notebook(
    value: object, include: Collection[str] | None = None, exclude: Collection[str] | None = None
) -> dict[str, Any]:
    """What ``_repr_mimebundle_`` gives (IPython, "Integrating your objects with IPython").

    Args:
        include: the media types that are asked for; all of them when left out.
    """
    bundle: dict[str, Any] = import_module(_RENDERER).bundle(value)
    return {
        kind: shown
        for kind, shown in bundle.items()
        if (include is None or kind in include) and (exclude is None or kind not in exclude)
    }
