"""Colours of graphs: workspaces, run states and the critical path."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, final

from stepwell.model.graph import Pipeline, workspace_of

__all__ = ["CORE", "LONGEST", "Colour", "colour_of_state", "colours_of", "step_word"]


@final
class Colour(NamedTuple):
    """Matching colours; text on the light one has sufficient contrast (WCAG 2.2, 1.4.3)."""

    light: str
    dark: str


CORE: Final = Colour("#eef1f4", "#5b6b7b")
LONGEST: Final = "#c2410c"
_WORKSPACES: Final = (
    Colour("#dcebfb", "#2563a8"),
    Colour("#dff3e4", "#2f7d4a"),
    Colour("#f3e3f7", "#86429b"),
    Colour("#fbf0d3", "#92700c"),
    Colour("#d9f2f1", "#15767a"),
    Colour("#fbe1e6", "#b02a4c"),
    Colour("#e8e4fa", "#5646b5"),
    Colour("#eceadb", "#6b6634"),
)


def colours_of(pipeline: Pipeline) -> Mapping[str | None, Colour]:
    """Return the colour of every view in a pipeline, the core first, then ids sorted."""
    ids = {workspace_of(pipeline, node) for node in pipeline.nodes.values()}
    found: dict[str | None, Colour] = {None: CORE} if None in ids else {}
    for place, item in enumerate(sorted(item for item in ids if item is not None)):
        found[item] = _WORKSPACES[place % len(_WORKSPACES)]
    return found


_SKIPPED: Final = Colour("#f7ecd2", "#6b4a00")
_STATES: Final[Mapping[str, Colour]] = MappingProxyType(
    {
        "done": Colour("#d8efe1", "#00592d"),
        "cached": Colour("#dcebf5", "#2c5c7c"),
        "failed": Colour("#fbdcdc", "#a40000"),
        "skipped": _SKIPPED,
        "cancelled": _SKIPPED,
    }
)


def colour_of_state(state: str) -> Colour:
    """Return the colour of a run state; that of the core if not finished."""
    return _STATES.get(state, CORE)


def step_word(step: str, job_type: str | None) -> str:
    """Return a step with its job type."""
    return f"{step}:{job_type}" if job_type else step
