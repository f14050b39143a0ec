"""How a step's configuration asks for a parameter of its pipeline."""

from __future__ import annotations

import re
from typing import Any, Final

__all__ = ["parameter_of"]

_ASKED: Final = re.compile(r"\$\{parameters\.([A-Za-z_][A-Za-z0-9_]*)\}")


def parameter_of(value: Any) -> str | None:
    """The parameter that a value asks for, as in ``${parameters.rows}``; ``None`` for any other value.

    Args:
        value: one value of a configuration.
    """
    asked = _ASKED.fullmatch(value) if isinstance(value, str) else None
    return None if asked is None else asked[1]
