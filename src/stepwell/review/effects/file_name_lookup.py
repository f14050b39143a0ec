"""File names that resolve to another step than before.

The old lookup walks the whole table for every name. Here it walks only names that share enough words with the
file name, found in one text of all names; the results are the same.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from types import MappingProxyType
from typing import Final, final

from stepwell.resolve.view import View
from stepwell.review.comparison import Consumer, Effect, Level
from stepwell.review.effects.change_scope import Touched, place_of
from stepwell.review.effects.importers import row_of
from stepwell.review.old_tables import source_files
from stepwell.review.state import RegistryState
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.spelling import Naming, canonical_name, similarity
from stepwell.source.wording import counted, listed

__all__ = [
    "Guesser",
    "KnownNames",
    "UsedNames",
    "all_known",
    "differing_file_names",
    "effects_on_file_names",
    "probes_of",
]


MOST_ASKED: Final = 500
"""Maximum number of changed names to probe."""

_LOOK_UP: Final = re.compile(
    rb"(?:get_canonical_name_from_file_name|validate_file_name)\(\s*['\"]([a-zA-Z0-9_]+)['\"]"
)
"""Calls of the look-up with a literal file name."""

_WHOLE: Final = 0.9
"""Similarity of a name that contains the whole file name."""


@final
class KnownNames:
    """Names of steps with a lazily built word index."""

    __slots__ = ("_held", "_names", "_near", "_starts", "_text")

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        lowered = [name.lower().replace("_", "") for name in self._names]
        self._text = "\n".join(lowered)
        self._starts = list(accumulate((len(name) + 1 for name in lowered), initial=0))[:-1]
        self._held: dict[str, frozenset[str]] = {}
        self._near: dict[str, Collection[str]] = {}

    def near(self, file_name: str) -> Collection[str]:
        """Return the names with at least four fifths of a file name's words, unordered.

        Args:
           file_name: words joined by ``_``.
        """
        known = self._near.get(file_name)
        if known is None:
            known = self._near[file_name] = self._work_out(file_name.lower().split("_"))
        return known

    def _work_out(self, words: list[str]) -> Collection[str]:
        may_lack = len(words) - -(-len(words) * 4 // 5)
        present = [word for word in words if word]
        if len(present) <= may_lack:
            return self._names
        holding = [self._having(word) for word in present]
        if not may_lack:
            return frozenset.intersection(*sorted(holding, key=len))
        holding.sort(key=len)
        if may_lack == 1:  # all words but one
            others = (holding[:left_out] + holding[left_out + 1 :] for left_out in range(len(holding)))
            return frozenset().union(*(frozenset.intersection(*other) for other in others))
        some = frozenset().union(*holding[: may_lack + 1])
        enough = len(present) - may_lack
        return [name for name in some if sum(name in names for names in holding) >= enough]

    def _having(self, word: str) -> frozenset[str]:
        held = self._held.get(word)
        if held is None:
            held = self._held[word] = frozenset(self._find(word))
        return held

    def _find(self, word: str) -> Iterator[str]:
        if "\n" in word:
            return
        find, starts = self._text.find, self._starts
        at = find(word)
        while at >= 0:
            place = bisect_right(starts, at)
            yield self._names[place - 1]
            at = find(word, starts[place]) if place < len(starts) else -1


@final
class _Table(Collection[str]):
    """Legacy table for the lookup that contains all names but iterates over only some.

    Args:
       walked: names to iterate over, unordered; unknown names are ignored.
    """

    __slots__ = ("_every", "_names")

    def __init__(self, first: tuple[str, ...], every: frozenset[str], walked: Collection[str] = ()) -> None:
        self._every = every
        own = list(every.intersection(walked))
        first = first if len(own) > 1 else ()
        if first:
            ranks = {name: place for place, name in enumerate(first)}
            own.sort(key=lambda name: (ranks.get(name, len(ranks)), name))
        else:
            own.sort()
        self._names = own

    def __contains__(self, name: object) -> bool:
        return name in self._every

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@final
class Guesser:
    """Lookup by file name in a view."""

    __slots__ = ("_every", "_first", "_known", "_naming", "_unwalked")

    def __init__(self, view: View, naming: Naming, known: KnownNames) -> None:
        steps = view.steps
        above, below = steps.above, steps.below
        every = [name for name, step in above.items() if step.data.get("sagemaker_step_type") is not None]
        every += [
            name
            for name, step in below.items()
            if name not in above and step.data.get("sagemaker_step_type") is not None
        ]
        self._every = frozenset(every)
        self._first = steps.first
        self._naming = naming
        self._known = known
        self._unwalked = _Table(self._first, self._every)

    def exactly(self, file_name: str) -> str | None:
        """Return the exact match of a file name, if any."""
        return self._ask(file_name, self._unwalked)

    def meant(self, file_name: str) -> str | None:
        """Return the step for a file name, if any."""
        return self.exactly(file_name) or self.guessed(file_name)

    def guessed(self, file_name: str) -> str | None:
        """Return the fuzzy match of a file name, if any."""
        return self._ask(file_name, self._near(file_name))

    def is_sure(self, file_name: str) -> bool:
        """Return whether the match is exact, or the only one that contains the whole file name."""
        if self.exactly(file_name) is not None:
            return True
        fits = [similarity(file_name, name) for name in self._near(file_name)]
        best = max(fits, default=0.0)
        return best >= _WHOLE and fits.count(best) == 1

    def _near(self, file_name: str) -> _Table:
        return _Table(self._first, self._every, self._known.near(file_name))

    def _ask(self, file_name: str, table: _Table) -> str | None:
        naming = self._naming
        try:
            return canonical_name(file_name, table, naming.job_type_suffixes, naming.abbreviations)
        except ValueError:
            return None


def probes_of(names: Sequence[str], naming: Naming) -> tuple[str, ...]:
    """Return file names that importers may use for some steps, sorted.

    These are the step's own file name, shortened and rotated, with every job type, and its single words.
    """
    probes: set[str] = set()
    for name in names[:MOST_ASKED]:
        whole = {name.lower(), *_shortened(naming.stem(name), naming)}
        whole |= {form.removesuffix("eval") + "evaluation" for form in whole if form.endswith("_eval")}
        whole |= {_turned(form) for form in whole}
        probes |= whole
        probes.update(f"{form}_{suffix}" for form in whole for suffix in naming.job_type_suffixes)
        words = naming.stem(name).split("_")
        probes.update(words)
        probes.update("_".join(words[:length]) for length in range(2, len(words)))
    return tuple(sorted(probes - {""}))


def _shortened(stem: str, naming: Naming) -> Iterator[str]:
    yield stem
    for short, long in naming.abbreviations.items():
        padded = f"_{stem}_"
        spelled = f"_{naming.stem(long)}_" if long else ""
        if spelled and spelled in padded:
            yield padded.replace(spelled, f"_{short}_", 1).strip("_")
        elif not long:
            yield f"{short}_{stem}"


def _turned(file_name: str) -> str:
    """Move the first word of a file name to the end, which the lookup reverts for three words."""
    first, _, rest = file_name.partition("_")
    return f"{rest}_{first}" if "_" in rest else file_name


def all_known(old: RegistryState, new: RegistryState) -> KnownNames:
    """Return the names of all steps of two states."""
    states = [state.loaded.snapshot for state in (old, new)]
    views = [
        view
        for state in states
        for view in (state.core, *(state.view(workspace) for workspace in state.workspaces))
    ]
    return KnownNames(sorted(set().union(*(view.steps.above for view in views))))


@final
class UsedNames:
    """File names that importers of a state use."""

    def __init__(self, state: RegistryState) -> None:
        self._project = state.loaded.project
        self._view = state.loaded.snapshot.core

    @cached_property
    def in_sources(self) -> frozenset[str]:
        """Return the names of scripts and modules, and those that sources pass to the look-up."""
        interfaces = (step.data.get("interface") or {} for step in self._view.steps.values())
        scripts = [str(interface.get("entry_point") or "") for interface in interfaces]
        tree, settings = self._project.tree, self._project.settings
        folders = (*settings.component_folders, settings.workspaces)
        names: set[str] = set()
        for path in source_files(tree):
            if path.endswith(".py"):
                if any(folder in ("", ".") or path.startswith(f"{folder}/") for folder in folders):
                    scripts.append(path)
                content = tree.read(path)
                if not isinstance(content, Diagnostic):
                    names.update(name.decode("ascii") for name in _LOOK_UP.findall(content))
        return frozenset(names | {_stem(script) for script in scripts} - {"", "__init__"})

    def __contains__(self, file_name: str) -> bool:
        return file_name in self.in_sources


def _stem(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".py")


def differing_file_names(
    touched: Touched, old: Naming, new: Naming, known: KnownNames, used: Callable[[], Iterable[str]] = tuple
) -> Mapping[str, tuple[str, str | None]]:
    """Return the file names whose step changed, with the old and the new step.

    Args:
       used: returns further names, if any name may have changed.
    """
    before, after = Guesser(touched.old, old, known), Guesser(touched.new, new, known)
    suspects = frozenset((*touched.steps, *touched.moved))
    differing: dict[str, tuple[str, str | None]] = {}
    asked = _asked(touched, old, new)
    for file_name in sorted({*asked, *used()} if asked else ()):
        was, now = before.exactly(file_name), after.exactly(file_name)
        if was is None and now is None and suspects.isdisjoint(known.near(file_name)):
            continue  # same candidates in the same order
        was = was or before.guessed(file_name)
        if was is not None and (now := now or after.guessed(file_name)) != was:
            differing[file_name] = (was, now)
    return MappingProxyType(differing)


def effects_on_file_names(
    touched: Touched, old: RegistryState, new: RegistryState, known: KnownNames, used: UsedNames
) -> Iterator[Effect]:
    """Yield one effect per pair of old and new step with used names, and one for all other names.

    File names of removed steps are reported with the step.
    """
    before, after = old.loaded.project.settings.naming, new.loaded.project.settings.naming
    pairs: dict[tuple[str, str | None], list[str]] = {}
    others: dict[str, tuple[str, str | None]] = {}
    differing = differing_file_names(touched, before, after, known, lambda: used.in_sources)
    for file_name, (was, now) in differing.items():
        if now is None and row_of(touched.new, was) is None:
            continue
        if file_name in (was.lower(), *_shortened(before.stem(was), before)) or file_name in used:
            pairs.setdefault((was, now), []).append(file_name)
        else:
            others[file_name] = was, now
    guesser = Guesser(touched.old, before, known)
    for (was, now), names in pairs.items():
        names.sort(key=lambda name: (len(name), name))
        yield _effect(touched, guesser, was, now, names)
    if others:
        yield _of_others(touched, others)


def _of_others(touched: Touched, others: Mapping[str, tuple[str, str | None]]) -> Effect:
    """Return the effect on names that no step or source of the project has."""
    example = min(others, key=lambda name: (len(name), name))
    was, now = others[example]
    means = f"`{now}`" if now is not None else "no step"
    many = "" if len(others) == 1 else f" and {counted(len(others) - 1, 'other file name')}"
    reason = (
        f"`{example}`{many} would resolve differently ({means} instead of `{was}`), "
        "but no step or source of the project has such a file name"
    )
    return Effect(
        Consumer.IMPORTERS, Level.RISKY, "unused-file-names", "STEP_NAMES", reason, touched.workspace
    )


def _effect(touched: Touched, guesser: Guesser, was: str, now: str | None, names: list[str]) -> Effect:
    renamed = touched.renamed.get(was)
    verb = "means" if len(names) == 1 else "mean"
    means = f"{verb} `{now}`" if now is not None else f"{verb} no step"
    noun = "file name" if len(names) == 1 else "file names"
    shown = listed(f"`{name}`" for name in names)
    reason = f"the {noun} {shown} {means} instead of `{was}`"
    level = Level.RISKY
    if renamed is not None and renamed.name == now:
        reason += ", its new name"
    elif any(map(guesser.is_sure, names)):
        level = Level.BREAKING
    else:
        reason += ", which was a fuzzy match"
    places = place_of(touched.old.steps.get(was)), place_of(touched.new.steps.get(now or was))
    kind = "file-name-resolves-differently"
    return Effect(Consumer.IMPORTERS, level, kind, names[0], reason, touched.workspace, *places)


def _asked(touched: Touched, old: Naming, new: Naming) -> Collection[str]:
    differ = [
        name
        for name in touched.steps
        if (row_of(touched.old, name) is None) is not (row_of(touched.new, name) is None)
    ]
    names = (*differ, *touched.moved)
    asked = {*probes_of(names, old), *probes_of(names, new)} if names else set()
    if old != new:
        asked.update(_of_other_naming(touched, old, new))
    return asked


def _of_other_naming(touched: Touched, old: Naming, new: Naming) -> Iterator[str]:
    """Return file names with words whose ``[naming]`` changed."""
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
