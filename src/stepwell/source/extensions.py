"""Installed packages: their versions and entry points (PyPA, "Entry points specification")."""

from __future__ import annotations

import os
import platform
import sys
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

from stepwell.source.errors import ExtensionError, package_names
from stepwell.source.foreign_code import Translated, worded

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = [
    "GROUP_OF_STEPS",
    "GROUP_OF_TYPES",
    "Extension",
    "LoadedExtension",
    "any_declared",
    "declaring_files",
    "extensions",
    "finds_more",
    "installed_version",
    "load_extension",
    "missing_package",
]


GROUP_OF_STEPS: Final = "stepwell.steps"
"""Entry point group of definitions."""

GROUP_OF_TYPES: Final = "stepwell.step_types"
"""Entry point group of implementations, by step name."""


@cache
def installed_version(name: str) -> str:
    """Return the version of an installed package, or of the package with this module; empty if absent."""
    from importlib.metadata import PackageNotFoundError, packages_distributions, version

    plain = name.partition("[")[0].strip()
    if plain == "python":
        return platform.python_version()
    try:
        return version(plain)
    except (PackageNotFoundError, ValueError):
        others = packages_distributions().get(plain.replace("-", "_"), ())
        return version(others[0]) if others else ""


def missing_package(name: str, specifier: str) -> str:
    """Return why a required package is not available; empty if it is."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    wanted = f"`{name} {specifier}`" if specifier else f"`{name}`"
    installed = installed_version(name)
    if not installed:
        return f"required package {wanted} is not installed"
    try:
        fits = SpecifierSet(specifier).contains(installed, prereleases=True)
    except InvalidSpecifier:
        return ""  # reported by invalid-requirement
    return "" if fits else f"required package {wanted} is installed as {installed}"


@final
class Extension(NamedTuple):
    """One entry point of an installed package.

    Args:
        package: name of the distribution; the entry point's value if it has none.
    """

    point: EntryPoint
    package: str

    @property
    def name(self) -> str:
        return self.point.name

    @property
    def value(self) -> str:
        """Object reference, e.g. ``package.module:name``."""
        return self.point.value

    def load(self) -> Any:
        """Import the callable of the entry point.

        Raises:
            ExtensionError: the import fails, or the object is not callable.
        """
        with Translated(lambda error: self.failed(f"cannot be loaded: {worded(error)}")):
            extension = self.point.load()
        if not callable(extension):
            raise self.failed(f"`{self.value}` is not callable")
        return extension

    def failed(self, fault: str) -> ExtensionError:
        """Return an error about this extension."""
        return ExtensionError(self.point.group, self.name, (self,), fault)


def extensions(group: str) -> tuple[Extension, ...]:
    """Return the distinct extensions of a group by package and name."""
    from importlib.metadata import entry_points

    points = {(point.name, point.value): point for point in entry_points(group=group)}
    made = (
        Extension(point, point.dist.name if point.dist is not None else point.value)
        for point in points.values()
    )
    return tuple(sorted(made, key=lambda extension: (extension.package, extension.name)))


@final
class LoadedExtension(NamedTuple):
    """An imported extension.

    Args:
        package: as shown in errors: ``package acme-strategies``.
    """

    call: Any
    package: str


def load_extension(group: str, name: str) -> LoadedExtension | None:
    """Import the extension of a name; ``None`` if no package declares it.

    Raises:
        ExtensionError: several packages declare the name, the import fails, or the object is not callable.
    """
    named = tuple(extension for extension in extensions(group) if extension.name == name)
    if len(named) > 1:
        raise ExtensionError(group, name, named, "is declared more than once, so none is used")
    return LoadedExtension(named[0].load(), package_names(named)) if named else None


def any_declared(*groups: str) -> bool:
    """Return whether an installed package may declare an entry point in some groups.

    Searching the packages' metadata files is faster than importing ``importlib.metadata``. Anything except a
    plain folder of packages counts as declaring an entry point.
    """
    if finds_more():
        return True
    wanted = tuple(f"[{group}]".encode("ascii") for group in groups)
    for path in dict.fromkeys(sys.path):
        try:
            files = declaring_files(path)
        except NotADirectoryError:
            return True
        contents = (_content(file).replace(b" ", b"") for file in files)
        if any(item in content for content in contents for item in wanted):
            return True
    return False


_STANDARD: Final = ("_frozen_importlib", "importlib.", "importlib_metadata")
"""Modules whose finders search the folders of ``sys.path``; the last is a backport."""


def finds_more() -> bool:
    """Return whether packages are found in other places than the folders of ``sys.path``."""
    return any(
        hasattr(finder, "find_distributions")
        and not (getattr(finder, "__module__", "") or "").startswith(_STANDARD)
        for finder in sys.meta_path
    )


def declaring_files(path: str) -> tuple[str, ...]:
    """Return the files that may declare entry points of the packages in a folder, existing or not.

    Args:
        path: an entry of ``sys.path``.

    Raises:
        NotADirectoryError: it is an archive.
    """
    try:
        names = os.listdir(path or os.curdir)
    except NotADirectoryError:
        raise
    except OSError:
        return ()
    packages = sorted(name for name in names if name.endswith((".dist-info", ".egg-info", ".egg")))
    folders = [*packages, *(f"{name}/EGG-INFO" for name in packages if name.endswith(".egg"))]
    return tuple(os.path.abspath(os.path.join(path, folder, "entry_points.txt")) for folder in folders)


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
