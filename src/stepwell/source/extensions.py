"""What installed packages add to Stepwell by entry points (PyPA, "Entry points specification")."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, final

from stepwell.source.errors import ExtensionError, package_names
from stepwell.source.exception_text import worded
from stepwell.source.foreign_code import Translated

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["Extension", "LoadedExtension", "any_declared", "extensions", "load_extension"]


@final
class Extension(NamedTuple):
    """One entry point of an installed package.

    Args:
        package: the name of the distribution; the entry point's value where it belongs to none.
    """

    point: EntryPoint
    package: str

    @property
    def name(self) -> str:
        """The name of the entry point."""
        return self.point.name

    @property
    def value(self) -> str:
        """What it refers to, e.g. ``package.module:name``."""
        return self.point.value

    def load(self) -> Any:
        """Import the callable that it refers to.

        Raises:
            ExtensionError: the import fails, or what it refers to is not callable.
        """
        with Translated(lambda error: self.failed(f"cannot be loaded: {worded(error)}")):
            found = self.point.load()
        if not callable(found):
            raise self.failed(f"`{self.value}` is not a function")
        return found

    def failed(self, fault: str) -> ExtensionError:
        """The error that reports a fault of this extension."""
        return ExtensionError(self.point.group, self.name, (self,), fault)


def extensions(group: str) -> tuple[Extension, ...]:
    """The extensions of a group, by package and name; one that two paths declare alike counts once."""
    from importlib.metadata import entry_points

    found = {(point.name, point.value): point for point in entry_points(group=group)}
    made = (
        Extension(point, point.dist.name if point.dist is not None else point.value)
        for point in found.values()
    )
    return tuple(sorted(made, key=lambda one: (one.package, one.name)))


@final
class LoadedExtension(NamedTuple):
    """An imported extension.

    Args:
        package: its package, as errors name it: ``package acme-strategies``.
    """

    call: Any
    package: str


def load_extension(group: str, name: str) -> LoadedExtension | None:
    """Import the callable that an installed package adds under a name; ``None`` where no package does.

    Raises:
        ExtensionError: several packages add the name, the import fails, or the result is not callable.
    """
    found = tuple(one for one in extensions(group) if one.name == name)
    if len(found) > 1:
        raise ExtensionError(group, name, found, "both give it, so neither is used")
    return LoadedExtension(found[0].load(), package_names(found)) if found else None


def any_declared(*groups: str) -> bool:
    """Whether any installed package may declare an entry point of some groups.

    ``importlib.metadata`` takes longer to import than a small project to check, and nearly always finds
    nothing; so the packages' files are searched first. Whatever is not a plain folder of packages counts
    as declaring something.
    """
    if any(_finds_more(finder) for finder in sys.meta_path):
        return True
    wanted = tuple(f"[{group}]".encode("ascii") for group in groups)
    declared = (content.replace(b" ", b"") for content in _declarations(sys.path, wanted[0]))
    return any(one in content for content in declared for one in wanted)


def _finds_more(finder: Any) -> bool:
    name = getattr(finder, "__module__", "") or ""
    return hasattr(finder, "find_distributions") and not name.startswith(("_frozen_importlib", "importlib."))


def _declarations(paths: Iterable[str], of_archive: bytes) -> Iterator[bytes]:
    for path in dict.fromkeys(paths):
        try:
            names = os.listdir(path or os.curdir)
        except NotADirectoryError:
            yield of_archive
            continue
        except OSError:
            continue
        for name in names:
            if name.endswith((".dist-info", ".egg-info", ".egg")):
                yield _content(os.path.join(path, name, "entry_points.txt"))
                if name.endswith(".egg"):
                    yield _content(os.path.join(path, name, "EGG-INFO", "entry_points.txt"))


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
