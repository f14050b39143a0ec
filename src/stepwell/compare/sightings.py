"""One step in many states of a project, each looked at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import MappingProxyType
from typing import final

from stepwell.compare.sighting import Narrowed, Sighting, Sought, look
from stepwell.model.settings import Project
from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.git import Repository, open_part

__all__ = ["Sightings"]


@final
class Sightings:
    """What the states of a project say of a step; states with the same files are read once.

    Args:
        repository: opened for the project's folder.
        project: the project as it is now.
        today: the date to hold deprecations against.
    """

    def __init__(self, repository: Repository, project: Project, today: date) -> None:
        self._repository = repository
        self._project = project
        self._today = today
        self._seen: dict[tuple[Sought, str | None], Sighting] = {}
        self._by_content: dict[object, Sighting] = {}

    def at(self, commit: str, sought: Sought) -> Sighting:
        """What a commit says of a step.

        Args:
            commit: its full id.
            sought: which files may say something.
        """
        found = self._seen.get((sought, commit))
        if found is None:
            part = open_part(self._repository, commit, sought.paths, sought.globs)
            links = [link for core, _ in sought.places if (link := part.link_on(core)) is not None]
            if links:
                told = Diagnostic(
                    "unreadable-file", Severity.ERROR, "this is a link, which is not followed", Span(links[0])
                )
                return Sighting(MappingProxyType({}), (told,), None, True)
            core = {core for core, _ in sought.places if part.follow(core).kind is not None}
            if not core and not sought.tables:
                wide = replace(sought, tables=True)
                part = open_part(self._repository, commit, wide.paths, wide.globs)
            key = part.ids(), sought.workspace
            found = self._by_content.get(key)
            if found is None:
                found = look(self._project.root, part, sought.workspace, self._today)
                self._by_content[key] = found
            self._seen[sought, commit] = found
        return found

    def in_working_tree(self, sought: Sought) -> Sighting:
        """What the project's folder says of a step.

        Args:
            sought: which files may say something.
        """
        found = self._seen.get((sought, None))
        if found is None:
            tree = Narrowed(self._project.tree, sought)
            found = look(self._project.root, tree, sought.workspace, self._today)
            self._seen[sought, None] = found
        return found
