"""Effects on importers who look steps up by a file's name: names that mean another step than before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from stepwell.compare.comparison import Consumer, Effect, Level
from stepwell.compare.effects.guesses import Guesser, KnownNames, probes_of
from stepwell.compare.effects.importers import row_of
from stepwell.compare.effects.touched import Touched, place_of
from stepwell.compare.states import State
from stepwell.source.spelling import Naming

__all__ = ["all_known", "differing_file_names", "effects_on_file_names"]


def all_known(old: State, new: State) -> KnownNames:
    """The names of every step of two states, for the look-ups of all their views."""
    states = [state.loaded.snapshot for state in (old, new)]
    views = [view for one in states for view in (one.core, *(one.view(each) for each in one.workspaces))]
    return KnownNames(sorted(set().union(*(view.steps.above for view in views))))


def differing_file_names(
    touched: Touched, old: Naming, new: Naming, known: KnownNames
) -> Mapping[str, tuple[str, str | None]]:
    """The file names that meant a step and mean another one, or none: each with both.

    Args:
        touched: the view.
        old: how the older state reads file names.
        new: how the newer one does.
        known: the names of all steps.
    """
    before, after = Guesser(touched.old, old, known), Guesser(touched.new, new, known)
    suspects = frozenset((*touched.steps, *touched.moved))
    found: dict[str, tuple[str, str | None]] = {}
    for file_name in _asked(touched, old, new):
        was, now = before.exactly(file_name), after.exactly(file_name)
        if was is None and now is None and suspects.isdisjoint(known.near(file_name)):
            continue  # what fits it is the same in both, and stands in the same order
        was = was or before.guessed(file_name)
        if was is not None and (now := now or after.guessed(file_name)) != was:
            found[file_name] = (was, now)
    return MappingProxyType(found)


def effects_on_file_names(touched: Touched, old: State, new: State, known: KnownNames) -> Iterator[Effect]:
    """What the look-up by file name means to its callers, one effect for each pair of steps.

    A file name that means nothing because its step went is told with that step.

    Args:
        touched: the view.
        old: the older state.
        new: the newer one.
        known: the names of all steps.
    """
    before, after = old.loaded.project.settings.naming, new.loaded.project.settings.naming
    pairs: dict[tuple[str, str | None], list[str]] = {}
    for file_name, pair in differing_file_names(touched, before, after, known).items():
        if pair[1] is not None or row_of(touched.new, pair[0]) is not None:
            pairs.setdefault(pair, []).append(file_name)
    if not pairs:
        return
    guesser = Guesser(touched.old, before, known)
    for (was, now), names in pairs.items():
        names.sort(key=lambda name: (len(name), name))
        yield _effect(touched, guesser, was, now, names)


def _effect(touched: Touched, guesser: Guesser, was: str, now: str | None, names: list[str]) -> Effect:
    renamed = touched.renamed.get(was)
    verb = "means" if len(names) == 1 else "mean"
    means = f"{verb} `{now}`" if now is not None else f"{verb} no step"
    reason = f"{_listed(names)} {means} where the look-up found `{was}`"
    level = Level.RISKY
    if renamed is not None and renamed.name == now:
        reason += ", which is called so now"
    elif any(map(guesser.is_sure, names)):
        level = Level.BREAKING
    else:
        reason += ", which was a guess: others fitted as well, or not all words did"
    places = place_of(touched.old.steps.get(was)), place_of(touched.new.steps.get(now or was))
    kind = "file-name-resolves-differently"
    return Effect(Consumer.IMPORTERS, level, kind, names[0], reason, touched.workspace, *places)


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:3])
    if len(names) > 3:
        shown += f" and {len(names) - 3} more"
    return ("the file name " if len(names) == 1 else "the file names ") + shown


def _asked(touched: Touched, old: Naming, new: Naming) -> Iterable[str]:
    differ = [
        name
        for name in touched.steps
        if (row_of(touched.old, name) is None) is not (row_of(touched.new, name) is None)
    ]
    names = (*differ, *touched.moved)
    asked = {*probes_of(names, old), *probes_of(names, new)} if names else set()
    if old != new:
        asked.update(_of_other_naming(touched, old, new))
    return sorted(asked)


def _of_other_naming(touched: Touched, old: Naming, new: Naming) -> Iterator[str]:
    """File names with the words that the project began or ceased to read in its own way."""
    words = old.abbreviations.items() ^ new.abbreviations.items()
    suffixes = set(old.job_type_suffixes) ^ set(new.job_type_suffixes)
    for name in touched.old.steps:
        stem = old.stem(name)
        yield from (f"{stem}_{suffix}" for suffix in suffixes)
        for short, long in words:
            spelled = old.stem(long) if long else ""
            if not spelled:
                yield f"{short}_{stem}"
            elif f"_{spelled}_" in f"_{stem}_":
                yield f"_{stem}_".replace(f"_{spelled}_", f"_{short}_", 1).strip("_")
