"""Names of world modules in ``sys.modules``, stable across runs."""

from __future__ import annotations

import os
import re
from hashlib import blake2b
from typing import Final, NamedTuple, final

__all__ = ["CORE", "PACKAGE", "ModuleName", "escaped", "plain", "project_key", "unescaped"]

PACKAGE: Final = "stepwell_worlds"
"""Parent package of all world modules; virtual."""

CORE: Final = "_core"
"""World name of the core; workspace ids never start with ``_``."""


@final
class ModuleName(NamedTuple):
    """Parsed module name: ``stepwell_worlds.p3f….alice.builders.train``.

    Args:
        world: id of a workspace, or ``CORE``.
        dotted: name within the world; empty for the world itself.
    """

    key: str
    world: str
    dotted: str

    def __str__(self) -> str:
        below = f".{self.dotted}" if self.dotted else ""
        return f"{PACKAGE}.{self.key}.{self.world}{below}"

    @classmethod
    def read(cls, full: str) -> ModuleName | None:
        """Parse a name of ``sys.modules``; return ``None`` for other modules."""
        package, _, rest = full.partition(".")
        key, _, below = rest.partition(".")
        world, _, dotted = below.partition(".")
        return cls(key, world, dotted) if package == PACKAGE and world else None


def project_key(root: str) -> str:
    """Return the key of a project in module names.

    Args:
        root: absolute, with links resolved.
    """
    return f"p{blake2b(os.fsencode(os.path.normcase(root)), digest_size=6).hexdigest()}"


def escaped(part: str) -> str:
    """Escape a file or folder name as one part of a module name."""
    return part.replace("%", "%25").replace(".", "%2e")


def unescaped(part: str) -> str:
    """Restore a file or folder name from a part of a module name."""
    return part.replace("%2e", ".").replace("%25", "%")


def plain(text: str, root: str) -> str:
    """Return a text with readable module names, relative paths and escaped control characters.

    Args:
        text: e.g. an exception message.
    """
    name = re.compile(
        rf"{PACKAGE}\.{project_key(root)}\.(?P<world>{CORE}|[A-Za-z0-9][A-Za-z0-9_-]*)(?P<below>\.?)"
    )
    readable = name.sub(lambda match: "" if match["below"] else match["world"], text)
    shown = readable.replace(root.rstrip(os.sep) + os.sep, "")
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode("ascii")
        for char in shown
    )
