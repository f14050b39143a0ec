"""What a step was called before, where something says that it is the same step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stepwell.model import StepDefinition
from stepwell.source.git import Gone
from stepwell.source.spelling import Naming

__all__ = ["predecessor", "stem_of", "stems_of"]


def predecessor(
    step: StepDefinition, left: Mapping[str, StepDefinition], gone: Iterable[Gone]
) -> tuple[StepDefinition, str] | None:
    """What a step was before, and what says so: an alias, ``replaced_by``, or git's rename of the file.

    Args:
        step: the step under its new name.
        left: the steps that went in the same commit, by name.
        gone: the files that did.
    """
    for alias in step.aliases:
        if alias in left:
            return left[alias], "alias"
    for was in left.values():
        if was.deprecated is not None and was.deprecated.replaced_by == step.name:
            return was, "replaced_by"
    moved = {one.path: one.now for one in gone if one.now is not None}
    own = {source.document.path for source in step.sources}
    for was in left.values():
        if any(moved.get(source.document.path) in own for source in was.sources):
            return was, "file"
    return None


def stem_of(path: str) -> str:
    """The name of a file without its ending."""
    return path.rpartition("/")[2].rpartition(".")[0]


def stems_of(step: StepDefinition, naming: Naming) -> frozenset[str]:
    """What the files of a step are called; rows of an old table lie in none.

    Args:
        step: the step.
        naming: the project's naming rules.
    """
    paths = (source.document.path for source in step.sources)
    return frozenset({naming.stem(step.name), *(stem_of(path) for path in paths if not path.endswith(".py"))})
