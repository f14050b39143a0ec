"""What a caller says of a run besides the step and its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, final

from stepwell.live.registry import InEffect

__all__ = ["Context"]

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def _tell_nobody(_: str, __: Mapping[str, Any]) -> None:
    pass


@final
@dataclass(frozen=True, slots=True)
class Context:
    """The circumstances of a run.

    Args:
        workspace: in whose view the step is looked up: an id, or ``None`` for the core; left out, the
            workspace in effect.
        values: what earlier steps left for this one, by name.
        session: names a conversation that goes on over several steps; empty for none.
        folder: an absolute path below which the step may read and write; ``None`` where it has no files.
        timeout: how long one attempt may take, in seconds; left out, as the definition says.
        tell: called with a name and plain data that belong in the record of the run.
    """

    workspace: str | InEffect | None = InEffect.WORKSPACE
    values: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    session: str = ""
    folder: str | None = None
    timeout: float | None = None
    tell: Callable[[str, Mapping[str, Any]], None] = _tell_nobody
