"""The fields of a step that code registers by its name and by what runs it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from functools import reduce
from typing import Any

from stepwell.schema import SHORT_FORM

__all__ = ["fields_of_type", "name_of"]


def fields_of_type(name: str, implementation: Any, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the file that would say the same.

    Args:
        name: what the step is called.
        implementation: what runs it; the first line of its docstring is the description where none is given.
        metadata: further fields; the short form of parameters may stand among them.
    """
    given = dict(metadata)
    short = {key: given.pop(key) for key in SHORT_FORM if key in given}
    if short:
        stated = given.get("parameters", {})
        given["parameters"] = {**stated, **short} if isinstance(stated, Mapping) else stated
    said = (
        (inspect.getdoc(implementation) or "").partition("\n")[0].strip() if _has_own(implementation) else ""
    )
    return {"name": name, "description": said[:1000] or f"The step type {name}.", **given}


def name_of(implementation: Any) -> str | None:
    """How a definition could name what runs a step; ``None`` where nobody else can import it."""
    module, path = getattr(implementation, "__module__", None), getattr(implementation, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(path, str) or module == "__main__":
        return None
    try:
        found = reduce(getattr, path.split("."), sys.modules[module])
    except (AttributeError, KeyError):
        return None
    plain = all(part.isidentifier() and part.isascii() for part in (*module.split("."), *path.split(".")))
    return f"{module}:{path}" if found is implementation and plain else None


def _has_own(implementation: Any) -> bool:
    """Whether a docstring is about this one, and not about its type."""
    return inspect.isclass(implementation) or inspect.isroutine(implementation)
