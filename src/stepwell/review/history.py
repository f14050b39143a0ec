"""History of a step: the commits that changed it in a view, across renames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, final

from stepwell.model import StepDefinition
from stepwell.model.legacy_rows import SUFFIXES as INTERFACES
from stepwell.model.settings import CONFIG_NAME, Project
from stepwell.review.comparison import DefinitionChange, FieldChange, What
from stepwell.review.diff import field_changes, place_of_name, predecessor, stated_fields, stem_of, stems_of
from stepwell.review.history_lookup import Sighting, Sightings, Sought
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.errors import RevisionError
from stepwell.source.git import (
    Commit,
    Repository,
    gone_between,
    gone_from,
    is_ancestor,
    is_cut_off,
    oldest_touching,
    open_part,
    parents_of,
    touching,
)
from stepwell.source.tree import Tree

__all__ = ["Trace", "Traced", "trace"]

Progress = Callable[[int, int], None]
"""Progress callback with the number of processed commits and the total."""

_MANY: Final = 300
"""Maximum number of removed files per commit to search for renames."""

_NOT_COMMITTED: Final = ""
"""Represents the working tree among commit ids."""


@final
@dataclass(frozen=True, slots=True)
class Traced:
    """Entry of a step's history.

    Args:
       commit: ``None`` for uncommitted edits.
       change: ``None`` if the step only became unreadable.
    """

    commit: Commit | None
    change: DefinitionChange | None
    unread: tuple[Diagnostic, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class Trace:
    """History of a step.

    Args:
       has_more: whether the limit may have cut off older entries.
    """

    names: tuple[str, ...]
    entries: tuple[Traced, ...]
    is_known: bool
    is_served: bool
    has_more: bool = False
    cut_off: str | None = None


def trace(
    repository: Repository,
    project: Project,
    name: str,
    workspace: str | None,
    start: str | None,
    today: date,
    *,
    working: Tree | None = None,
    stems: tuple[str, ...] = (),
    limit: int | None = None,
    progress: Progress | None = None,
) -> Trace:
    """Return the commits that changed a step in a view.

    Only commits that touch files named after the step are read. Effects of other files, such as alias
    collisions, and of plugins are not detected.

    Args:
       start: full id of the commit to start from; ``None`` without commits.
       working: the project folder, to include uncommitted edits.
       limit: maximum number of entries.

    Raises:
       RevisionError: the core is in a submodule, or the step is reached through a symbolic link.
    """
    settings = project.settings
    sought = Sought(
        frozenset({settings.naming.stem(name), *stems}),
        workspace,
        frozenset({(settings.core, settings.workspaces)}),
        frozenset({_configuration(project)}),
    )
    walk = _HistoryWalk(repository, project, today, working, start, sought, name, limit)
    return walk.run(progress)


@final
class _HistoryWalk:
    """Walk through the history; restarts with a wider search when it discovers older names or folders."""

    def __init__(
        self,
        repository: Repository,
        project: Project,
        today: date,
        working: Tree | None,
        start: str | None,
        sought: Sought,
        name: str,
        limit: int | None,
    ) -> None:
        self.repository = repository
        self.project = project
        self.working = working
        self.start = start
        self.sought = sought
        self.limit = limit
        self.chain = [name]
        self.begins: dict[str, tuple[str, str]] = {}
        self.is_known = False
        self.cut_off: str | None = None
        self.sightings = Sightings(repository, project, today)

    def run(self, progress: Progress | None) -> Trace:
        """Return the history up to the limit."""
        self._refuse_what_is_not_followed()
        while True:
            before = self.sought, tuple(self.chain)
            entries, has_more = self._pass(progress)
            if before == (self.sought, tuple(self.chain)):
                return Trace(
                    tuple(self.chain), entries, self.is_known, self.is_served(), has_more, self.cut_off
                )

    def _refuse_what_is_not_followed(self) -> None:
        core = self.project.settings.core
        if self.start is not None:
            part = open_part(self.repository, self.start, self.sought.paths, ())
            within = part.submodule_on(core)
            if within is not None:
                raise RevisionError(
                    f"`{within}` is a submodule, whose history is not followed; run `git -C {within} log`"
                )
        if self.working is None:
            return
        step = self.pick(self.sightings.in_working_tree(self.sought), _NOT_COMMITTED)
        for source in step.sources if step is not None else ():
            path = source.document.path
            there = self.working.follow(path).path
            if there is not None and there != path and not path.endswith(".py"):
                raise RevisionError(
                    f"{path} is reached through a symbolic link, which is not followed; "
                    f"run `git log -- {there}`"
                )

    def is_served(self) -> bool:
        """Return whether the newest state has the step."""
        if self.working is not None:
            return self.chain[0] in self.sightings.in_working_tree(self.sought).steps
        return self.start is not None and self.chain[0] in self.at(self.start).steps

    def _pass(self, progress: Progress | None) -> tuple[tuple[Traced, ...], bool]:
        before = self.sought, len(self.chain)
        entries: list[Traced] = []
        if self.working is not None:
            parents = () if self.start is None else (self.start,)
            seen = self.sightings.in_working_tree(self.sought)
            self._learn(seen)
            self._add(entries, None, seen, parents)
        length = len(entries)
        for commit in self._commits(progress):
            if self.limit is not None and len(entries) - length >= self.limit:
                return tuple(entries), True
            self._add(entries, commit, self.at(commit.id), commit.parents)
            if before != (self.sought, len(self.chain)):
                break
        return tuple(entries), False

    def _commits(self, progress: Progress | None) -> Iterator[Commit]:
        """Yield the commits to read, newest first, then those older than the definitions."""
        if self.start is None:
            return
        if not self.sought.tables and not self.at(self.start).has_core:
            self.sought = replace(self.sought, tables=True)
            return
        listed = touching(self.repository, self.start, self.sought.globs)
        for done, commit in enumerate(listed):
            if progress is not None and done % 16 == 0:
                progress(done, len(listed))
            yield commit
        if self.sought.tables:
            return
        began = oldest_touching(self.repository, self.start, self.sought.cores)
        if began is None or not parents_of(self.repository, began):
            return
        seen = {commit.id for commit in listed}
        older = replace(self.sought, tables=True)
        yield from (
            commit
            for commit in touching(self.repository, began, (*older.globs, *older.cores))
            if commit.id not in seen
        )

    def _add(
        self, entries: list[Traced], commit: Commit | None, now: Sighting, parents: tuple[str, ...]
    ) -> None:
        """Add the entry of a commit if it changed the step."""
        here = _NOT_COMMITTED if commit is None else commit.id
        step = self.pick(now, here)
        if commit is not None and is_cut_off(self.repository, commit):
            self.cut_off = commit.id
            return
        if step is None and now.unread:
            entries.append(Traced(commit, None, now.unread))
            return
        befores = [self._readable(parent) for parent in parents]
        was = [item for _, _, item in befores]
        if step is not None and not any(was):
            for parent, _, _ in befores:
                self._rename(step, here, parent)
        known = {finding for _, seen, _ in befores for finding in seen.unread}
        unread = tuple(finding for finding in now.unread if finding not in known)
        change = self._change(was, step)
        if change is not None or unread:
            entries.append(Traced(commit, change, unread))

    def _change(
        self, was: list[StepDefinition | None], now: StepDefinition | None
    ) -> DefinitionChange | None:
        """Return the change relative to every parent."""
        there = [item for item in was if item is not None]
        if now is None:
            if not there or len(there) < len(was):
                return None
            old = there[0]
            return DefinitionChange(
                What.REMOVED, "step", old.name, stated_fields(old, None), old_place=place_of_name(old)
            )
        if not there:
            return DefinitionChange(
                What.ADDED, "step", now.name, stated_fields(None, now), new_place=place_of_name(now)
            )
        each = [{field.field: field for field in field_changes(old, now)} for old in there]
        fields: tuple[FieldChange, ...] = tuple(
            field for name, field in each[0].items() if all(name in others for others in each[1:])
        )
        old = there[0]
        is_renamed = all(item.name != now.name for item in there)
        if not fields and not is_renamed:
            return None
        places = place_of_name(old), place_of_name(now)
        if not is_renamed:
            return DefinitionChange(
                What.CHANGED, "step", now.name, fields, old_place=places[0], new_place=places[1]
            )
        _, because = self.begins.get(now.name, ("", "alias"))
        return DefinitionChange(What.RENAMED, "step", now.name, fields, old.name, because, *places)

    def at(self, commit: str) -> Sighting:
        while True:
            seen = self.sightings.at(commit, self.sought)
            if not self._learn(seen):
                return seen

    def pick(self, seen: Sighting, commit: str) -> StepDefinition | None:
        """Return the step in a state, under the newest name that it may have had."""
        names = [name for name in self.chain if name in seen.steps]
        for name in names:
            begin = self.begins.get(name)
            if len(names) == 1 or begin is None or not self._came_before(commit, begin[0]):
                self.is_known = True
                return seen.steps[name]
        return None

    def _readable(self, commit: str) -> tuple[str, Sighting, StepDefinition | None]:
        """Return the nearest earlier state in which the step is readable."""
        sighting = self.at(commit)
        seen, step = sighting, self.pick(sighting, commit)
        while step is None and seen.unread:
            older = touching(self.repository, commit, self.sought.globs)
            if not older or not older[0].parents:
                break
            commit = older[0].parents[0]
            seen = self.at(commit)
            step = self.pick(seen, commit)
        return commit, sighting, step

    def _came_before(self, commit: str, begin: str) -> bool:
        if _NOT_COMMITTED in (commit, begin):
            return begin == _NOT_COMMITTED != commit
        return is_ancestor(self.repository, commit, begin)

    def _learn(self, seen: Sighting) -> bool:
        """Extend the search to the folders of an older configuration and to the tables of an old registry."""
        tables = {path for path in seen.files if not path.endswith(INTERFACES)}
        wider = replace(self.sought, files=self.sought.files | tables)
        if seen.project is not None:
            settings = seen.project.settings
            wider = replace(
                wider,
                places=wider.places | {(settings.core, settings.workspaces)},
                configurations=wider.configurations | {_configuration(seen.project)},
            )
        learned = wider != self.sought
        self.sought = wider
        return learned

    def _rename(self, step: StepDefinition, commit: str, parent: str) -> None:
        """Follow a step to its name in a parent, if there is evidence of a rename."""
        in_working_tree = commit == _NOT_COMMITTED
        gone = (
            gone_from(self.repository, parent)
            if in_working_tree
            else gone_between(self.repository, parent, commit)
        )
        own = {source.document.path for source in step.sources}
        relevant = [item for item in gone if self.sought.holds_definitions(item.path)]
        relevant = sorted(relevant, key=lambda sighting: sighting.now not in own)[:_MANY]
        naming = self.project.settings.naming
        stems = frozenset(
            {*(naming.stem(alias) for alias in step.aliases), *(stem_of(item.path) for item in relevant)}
        )
        sought = replace(self.sought, stems=stems)
        old = self.sightings.at(parent, sought).steps
        new = (
            self.sightings.in_working_tree(sought) if in_working_tree else self.sightings.at(commit, sought)
        ).steps
        left = {name: old[name] for name in old if name not in new and name not in self.chain}
        earlier = predecessor(step, left, relevant)
        if earlier is not None:
            was, because = earlier
            self.begins[step.name] = commit, because
            self.chain.insert(self.chain.index(step.name) + 1, was.name)
            self.sought = replace(self.sought, stems=self.sought.stems | stems_of(was, naming))


def _configuration(project: Project) -> str:
    return "pyproject.toml" if project.prefix else CONFIG_NAME
