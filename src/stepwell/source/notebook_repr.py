"""Notebook representation of values; the renderer is imported on demand."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from typing import Any, Final

__all__ = ["InNotebook"]

_RENDERER: Final = "stepwell.frontends.render.notebook"
"""Referenced by name, because values must not depend on their renderer."""


class InNotebook:
    """Value with a rich notebook representation."""

    __slots__ = ()

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        """Return the representations by media type (IPython, "Integrating your objects with IPython").

        Args:
            include: the requested media types; all by default.
        """
        bundle: dict[str, Any] = import_module(_RENDERER).bundle(self)
        return {
            kind: shown
            for kind, shown in bundle.items()
            if (include is None or kind in include) and (exclude is None or kind not in exclude)
        }

    def _repr_html_(self) -> str:
        return str(self._repr_mimebundle_()["text/html"])
