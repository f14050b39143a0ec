"""Pipelines in the words of other systems: a function for each, and those that installed packages bring.

An exporter is given a pipeline whose steps are known and whose inputs are connected, and gives one text.
It asks nobody, and needs no credentials.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import Final, Protocol

from stepwell.model.graph import Pipeline
from stepwell.source.diagnostic import Checked
from stepwell.source.extensions import extensions, load_extension

__all__ = ["EXPORTERS", "GROUP", "Exporter", "exporter_names", "find_exporter"]

EXPORTERS: Final = MappingProxyType(
    {
        "sagemaker": "stepwell.write.export.sagemaker",
        "airflow": "stepwell.write.export.airflow",
        "argo": "stepwell.write.export.argo",
    }
)
"""Every exporter of our own, and its module, which has a function ``export``."""

GROUP: Final = "stepwell.exporters"
"""The entry-point group of those that installed packages bring."""


class Exporter(Protocol):
    """What writes a pipeline in the words of another system."""

    def __call__(self, pipeline: Pipeline, /) -> Checked[str]:
        """One text, and what is wrong.

        Returns:
            The text, which is of use only where no finding is an error. The same pipeline gives the same
            text, and nothing that a definition says can be more in it than a text.
        """


def exporter_names() -> tuple[str, ...]:
    """The name of every exporter, our own first."""
    return tuple(dict.fromkeys((*EXPORTERS, *sorted(one.name for one in extensions(GROUP)))))


def find_exporter(name: str) -> Exporter:
    """The exporter of a name; our own go before those of packages.

    Raises:
        KeyError: there is none of this name.
        ExtensionError: the package that brings it cannot be loaded.
    """
    if name in EXPORTERS:
        own: Exporter = import_module(EXPORTERS[name]).export
        return own
    loaded = load_extension(GROUP, name)
    if loaded is None:
        raise KeyError(name)
    theirs: Exporter = loaded.call
    return theirs
