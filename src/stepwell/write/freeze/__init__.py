"""Generates the Python files that legacy code imports.

``generate`` is a pure function: the same views, naming, command and version produce the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stepwell.resolve.view import View
    from stepwell.write.freeze.tables import LegacyNaming

__all__ = ["generate"]


def generate(
    output: str,
    core: View,
    workspaces: Mapping[str, View] | None,
    naming: LegacyNaming,
    command: str,
    version: str,
    aliases: Iterable[str] = (),
) -> dict[str, str]:
    """Return the texts of the frozen files by path.

    Args:
       output: a path ending in ``.py`` (module and stub) or ``/`` (package).
       workspaces: ``None`` for the older form with a single view; views by workspace id for the newer form,
           whose functions take a ``workspace_id``.
       command: the command shown in the header.
       aliases: further paths of the same form, whose import returns the module or package.

    Raises:
       ValueError: invalid ``output``, or a step of the legacy tables lacks a required field.
    """
    if not output.endswith((".py", "/")):
        raise ValueError(f"a frozen output ends with .py (a module) or / (a package): {output}")
    from stepwell.write.freeze.render import alias_file, package_files, step_names_files  # imports jinja2

    if output.endswith("/"):
        files = package_files(core, workspaces, naming, command, version)
        texts = {output + name: text for name, text in files.items()}
    else:
        texts = step_names_files(output, core, workspaces, naming, command, version)
    return texts | dict(alias_file(alias, output, command, version) for alias in aliases)
