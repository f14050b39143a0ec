"""Views of the registry to the text of the Python files that legacy code imports; nothing is written here.

``generate`` is a pure function: the same views, naming, command and version give the same bytes on
every system. ``writing`` puts a text on disk and tells how far a file has drifted from it.
"""

from __future__ import annotations

from collections.abc import Mapping

from stepwell.write.freeze.tables import LegacyNaming, LegacyView

__all__ = ["LegacyNaming", "LegacyView", "generate"]


def generate(
    output: str,
    core: LegacyView,
    workspaces: Mapping[str, LegacyView] | None,
    naming: LegacyNaming,
    command: str,
    version: str,
) -> dict[str, str]:
    """The frozen files of a registry, as a mapping of their paths to their texts.

    Args:
        output: a path that ends with ``.py`` (that module and its ``.pyi``) or with ``/`` (a package).
        workspaces: ``None`` for the older form, which knows one view; a mapping of workspace id to
            view for the newer form, whose functions take a ``workspace_id``.
        command: the command that makes these files, told in their first lines.

    Raises:
        ValueError: ``output`` ends with neither ``.py`` nor ``/``, or a step of the legacy tables
            lacks a field of theirs.
    """
    if not output.endswith((".py", "/")):
        raise ValueError(f"a frozen output ends with .py (a module) or / (a package): {output}")
    from stepwell.write.freeze.render import package_files, step_names_files  # jinja2 only when it is needed

    if output.endswith("/"):
        files = package_files(core, workspaces, naming, command, version)
        return {output + name: text for name, text in files.items()}
    return step_names_files(output, core, workspaces, naming, command, version)
