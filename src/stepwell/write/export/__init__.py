"""Exporters of pipelines to other systems, built-in or from installed packages.

An exporter returns one text, without network access or credentials.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import Final, Protocol

from stepwell.model.graph import Pipeline
from stepwell.source.diagnostic import Checked
from stepwell.source.extensions import extensions, load_extension

__all__ = ["EXPORTERS", "GROUP", "RUN_THE_PROJECT", "Exporter", "exporter_names", "find_exporter"]

EXPORTERS: Final = MappingProxyType(
    {
        "sagemaker": "stepwell.write.export.sagemaker",
        "airflow": "stepwell.write.export.airflow",
        "argo": "stepwell.write.export.argo",
    }
)
"""Modules of built-in exporters, each with a function ``export``."""

RUN_THE_PROJECT: Final = frozenset({"airflow"})
"""Exporters whose tasks run ``stepwell pipeline run`` in the project and so need no paths of scripts."""

GROUP: Final = "stepwell.exporters"
"""Entry-point group of exporters in installed packages."""


class Exporter(Protocol):
    """Exporter of a pipeline to another system."""

    def __call__(self, pipeline: Pipeline, /) -> Checked[str]:
        """Return the exported text and findings.

        The text is valid only without errors. It is reproducible; texts of definitions cannot inject code.
        """


def exporter_names() -> tuple[str, ...]:
    """Return the names of all exporters, built-in ones first."""
    return tuple(dict.fromkeys((*EXPORTERS, *sorted(extension.name for extension in extensions(GROUP)))))


def find_exporter(name: str) -> Exporter:
    """Return an exporter by name; built-in ones take precedence.

    Raises:
       KeyError: unknown name.
       ExtensionError: the package cannot be loaded.
    """
    if name in EXPORTERS:
        own: Exporter = import_module(EXPORTERS[name]).export
        return own
    loaded = load_extension(GROUP, name)
    if loaded is None:
        raise KeyError(name)
    theirs: Exporter = loaded.call
    return theirs
