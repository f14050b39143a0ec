"""Which folders hold Python sources: the core's, and each workspace's own."""

from __future__ import annotations

from collections.abc import Iterable

from stepwell.model.settings import Project, References

__all__ = ["own_folder", "source_folders"]


def own_folder(project: Project, workspace: str) -> str:
    """The folder of a workspace's own sources, relative to the project."""
    return f"{project.settings.workspaces}/{workspace}/src"


def source_folders(project: Project, workspaces: Iterable[str]) -> tuple[str, ...]:
    """The folders to index: those of the configuration, and the ``src/`` of each workspace.

    Args:
        project: the project.
        workspaces: the ids of its workspaces.
    """
    settings = project.settings
    of_references = (settings.references or References()).source
    own = (own_folder(project, one) for one in workspaces)
    return tuple(dict.fromkeys((*settings.component_folders, *of_references, *own)))
