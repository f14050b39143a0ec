"""How the modules of the worlds are called in ``sys.modules``: the same on every run of one project."""

from __future__ import annotations

import os
import re
from hashlib import blake2b
from typing import Final, NamedTuple, final

__all__ = ["CORE", "PACKAGE", "ModuleName", "escaped", "plain", "project_key", "unescaped"]

PACKAGE: Final = "stepwell_worlds"
"""The package that all modules of all worlds lie below; no file holds it."""

CORE: Final = "_core"
"""What stands for the core where a workspace's id would stand, which never begins with ``_``."""


@final
class ModuleName(NamedTuple):
    """A module's name taken apart: ``stepwell_worlds.p3f….alice.builders.train``.

    Args:
        world: the id of a workspace, or ``CORE``.
        dotted: the module's name within its world; empty for the world itself.
    """

    key: str
    world: str
    dotted: str

    def __str__(self) -> str:
        below = f".{self.dotted}" if self.dotted else ""
        return f"{PACKAGE}.{self.key}.{self.world}{below}"

    @classmethod
    def read(cls, full: str) -> ModuleName | None:
        """Take a name of ``sys.modules`` apart; ``None`` for what is no module of a world."""
        package, _, rest = full.partition(".")
        key, _, below = rest.partition(".")
        world, _, dotted = below.partition(".")
        return cls(key, world, dotted) if package == PACKAGE and world else None


def project_key(root: str) -> str:
    """What stands for a project in the names of its modules.

    Args:
        root: the project's folder, absolute, links resolved.
    """
    return f"p{blake2b(os.fsencode(os.path.normcase(root)), digest_size=6).hexdigest()}"


def escaped(part: str) -> str:
    """The name of a file or folder as one part of a module's name, which no dot may divide."""
    return part.replace("%", "%25").replace(".", "%2e")


def unescaped(part: str) -> str:
    """The name of a file or folder that a part of a module's name stands for."""
    return part.replace("%2e", ".").replace("%25", "%")


def plain(text: str, root: str) -> str:
    """A text about modules and files in the words of those who wrote them.

    Names of modules are as they are imported, paths are relative to the project, and what would move a
    terminal's cursor is escaped.

    Args:
        text: e.g. the message of an exception.
    """
    name = re.compile(
        rf"{PACKAGE}\.{project_key(root)}\.(?P<world>{CORE}|[A-Za-z0-9][A-Za-z0-9_-]*)(?P<below>\.?)"
    )
    told = name.sub(lambda found: "" if found["below"] else found["world"], text)
    shown = told.replace(root.rstrip(os.sep) + os.sep, "")
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode("ascii")
        for char in shown
    )
