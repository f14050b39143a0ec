"""The sources of installed packages that bring steps: read as text, as all others are."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple, final

from stepwell.components.files import outline_file
from stepwell.resolve.plugins import Plugin
from stepwell.source.python import SourceIndex, index_sources

__all__ = ["Installed", "installed_sources"]


@final
class Installed(NamedTuple):
    """The sources of one installed package.

    Args:
        package: the distribution's name.
        folder: the folder of its top package relative to the root of its sources; empty for a single module.
        sources: its files.
    """

    package: str
    folder: str
    sources: SourceIndex


def installed_sources(plugins: Iterable[Plugin]) -> tuple[Installed, ...]:
    """The sources of the packages that bring steps, each once.

    Args:
        plugins: as they were found.
    """
    wanted = dict.fromkeys((plugin.package, plugin.module) for plugin in plugins if plugin.module)
    return tuple(one for package, module in wanted for one in _sources(package, module))


def _sources(package: str, module: str) -> Iterator[Installed]:
    from importlib.util import find_spec

    try:
        spec = find_spec(module)  # of a first part only, which imports nothing
    except (ImportError, ValueError):
        return
    if spec is None:
        return
    for place in spec.submodule_search_locations or ():
        if os.path.isdir(place):
            root, top = os.path.split(os.path.realpath(place))
            yield Installed(package, top, index_sources(root, (top,)))
    if not spec.submodule_search_locations and spec.origin is not None and spec.origin.endswith(".py"):
        root, name = os.path.split(os.path.realpath(spec.origin))
        yield Installed(package, "", SourceIndex(root, (), {name: outline_file(root, name, name)}, 1))
