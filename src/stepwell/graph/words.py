"""The two words of a pipeline's file: which step is meant, and what feeds an input."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, final

from stepwell.graph.filling import parameter_named
from stepwell.graph.nodes import OutputOf

__all__ = ["Reading", "fed_by", "read_step", "written_step"]


@final
class Reading(NamedTuple):
    """What a word that names a step says.

    Args:
        name: the step's name, or an alias of it.
        workspace: whose view it is taken from; ``None`` for the pipeline's own.
        job_type: the variant; ``None`` where none is named.
        other: another way to read the word, where both are possible.
    """

    name: str
    workspace: str | None = None
    job_type: str | None = None
    other: tuple[str, str] | None = None


def read_step(word: str, workspaces: Collection[str], job_types: Collection[str]) -> Reading:
    """Read ``Name``, ``Name:job_type``, ``workspace:Name`` or ``workspace:Name:job_type``.

    Of two parts the first is a workspace where the project has one of that id, and otherwise the second is
    a job type. Where the first is a workspace and the second a job type, too, both readings are given.
    Of three parts the first and the last may be empty.

    Args:
        word: what stands in the file; it fits the schema.
        workspaces: the ids of all workspaces.
        job_types: the project's job types.
    """
    first, *rest = word.split(":")
    if not rest:
        return Reading(first)
    if len(rest) == 2:
        return Reading(rest[0], first or None, rest[1] or None)
    second = rest[0]
    if first in workspaces:
        other = (first, second) if second in job_types else None
        return Reading(second, first, None, other)
    if second in job_types or not first or not second:
        return Reading(first or second, None, second if first else None)
    # Neither is known: a job type is a lower-case word, and a step's name most often is not.
    if second[:1].isupper():
        return Reading(second, first)
    return Reading(first, None, second)


def written_step(
    name: str,
    workspace: str | None,
    job_type: str | None,
) -> str:
    """The word that ``read_step`` reads as these, whatever workspaces and job types there are."""
    if workspace is None and job_type is None:
        return name
    return f"{workspace or ''}:{name}:{job_type or ''}"


def fed_by(word: str) -> OutputOf | str:
    """What feeds an input: an output of another node, or the name of a parameter.

    Args:
        word: what stands in the file; it fits the schema.
    """
    parameter = parameter_named(word)
    if parameter is not None:
        return parameter
    node, _, output = word.partition(".")
    return OutputOf(node, output)
