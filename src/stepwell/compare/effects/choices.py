"""Effects on whoever lets Stepwell choose: another of several definitions of a name wins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from stepwell.compare.comparison import Consumer, Effect, Level
from stepwell.compare.effects.touched import Touched
from stepwell.compare.states import State
from stepwell.resolve.candidates import Candidate, candidates_of
from stepwell.resolve.choose import resolve
from stepwell.resolve.snapshot import Snapshot

__all__ = ["effects_on_choices"]

_OF_WORKSPACE: Final = ("default_resolution_strategy", "preferred_frameworks", "environment_preferences")


def effects_on_choices(old: State, new: State, views: Mapping[str | None, Touched]) -> Iterator[Effect]:
    """The names of which another definition is chosen, though the same ones exist.

    Asked are: nobody in particular, every workspace that has one, and every framework and tag of theirs.

    Args:
        old: the older state.
        new: the newer one.
        views: every view that both have.
    """
    before, after = old.loaded.snapshot, new.loaded.snapshot
    names = {name for touched in views.values() for name in touched.steps}
    for one, workspace in after.workspaces.items():
        was = before.workspaces.get(one)
        if was is not None and any(
            getattr(was, field) != getattr(workspace, field) for field in _OF_WORKSPACE
        ):
            names.update(after.view(one).steps.above)
    for name in sorted(names & (before.owners.keys() | after.owners.keys())):
        found, there = candidates_of(before, name), candidates_of(after, name)
        if len(found) > 1 and _owners(found) == _owners(there):
            yield from _of_name(before, after, name, there)


def _of_name(
    before: Snapshot, after: Snapshot, name: str, candidates: tuple[Candidate, ...]
) -> Iterator[Effect]:
    for words, asked in _contexts(candidates):
        was, now = resolve(before, name, **asked), resolve(after, name, **asked)
        if was.chosen.owner != now.chosen.owner:
            reason = (
                f"{words} `{name}` is that of {now.chosen.owner} where it was that of {was.chosen.owner}: "
                f"{now.reason}"
            )
            yield Effect(
                Consumer.PIPELINES,
                Level.RISKY,
                "resolution-changed",
                name,
                reason,
                asked.get("workspace"),
                was.chosen.span,
                now.chosen.span,
            )
            return


def _contexts(candidates: tuple[Candidate, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "where nothing else is asked for,", {}
    for one in candidates:
        if one.workspace is not None:
            yield f"for workspace {one.workspace},", {"workspace": one.workspace}
    for framework in sorted({one.definition.framework or "" for one in candidates} - {""}):
        yield f"for the framework {framework},", {"framework": framework}
    for tag in sorted({tag for one in candidates for tag in one.definition.environment_tags}):
        yield f"for the environment {tag},", {"environment": (tag,)}


def _owners(candidates: tuple[Candidate, ...]) -> list[str]:
    return [one.owner for one in candidates]
