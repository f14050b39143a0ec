"""``data_manifest.yaml``: files for inputs that no other step provides."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, final

from stepwell.model import schema, schema_errors
from stepwell.source.diagnostic import Checked, Diagnostic, Severity, Span
from stepwell.source.document import Document
from stepwell.source.read import read
from stepwell.source.spelling import closest, did_you_mean

__all__ = ["MANIFEST", "Manifest", "read_manifest"]

MANIFEST: Final = "data_manifest.yaml"
"""File name, in the project's folder."""


@final
class Manifest:
    """Files for inputs of steps.

    Args:
        root: base of relative paths.
    """

    def __init__(self, root: str, document: Document | None = None) -> None:
        self._root = root
        self._document = document
        self._steps: Mapping[str, Mapping[str, str]] = {} if document is None else document.data["steps"]

    def source(self, names: Iterable[str], name: str) -> tuple[str, Span] | None:
        """Return the absolute path for an input, and the location of the entry.

        Args:
            names: names of the step, most specific first.
        """
        step = self.entry(names, name)
        if step is None or self._document is None:
            return None
        path = os.path.join(self._root, self._steps[step][name])
        return path, self._document.value_span(("steps", step, name))

    def entry(self, names: Iterable[str], name: str) -> str | None:
        """Return the entry for an input, if any: the first of ``names`` that lists it."""
        return next((step for step in names if name in self._steps.get(step, {})), None)

    def check(self, list_known: Callable[[], Mapping[str, Mapping[str, bool]]]) -> Iterator[Diagnostic]:
        """Report unknown steps, unknown and unused inputs, and missing paths.

        Args:
            list_known: returns the inputs of each step by name or alias, and whether they use the manifest.
        """
        document = self._document
        if document is None:
            return
        known = list_known()
        for step, inputs in self._steps.items():
            if step not in known:
                near = closest(step, known)
                yield Diagnostic(
                    "missing-data",
                    Severity.WARNING,
                    f"unknown step `{step}`",
                    document.key_span(("steps", step)),
                    did_you_mean(near) or None,
                )
                continue
            names = known[step]
            for name, path in inputs.items():
                if name not in names:
                    near = closest(name, names)
                    yield Diagnostic(
                        "missing-data",
                        Severity.ERROR,
                        f"`{step}` has no input `{name}`",
                        document.key_span(("steps", step, name)),
                        did_you_mean(near) or f"available inputs: {', '.join(names)}",
                    )
                elif not names[name]:
                    yield Diagnostic(
                        "missing-data",
                        Severity.WARNING,
                        f"no pipeline uses the data for `{step}.{name}`",
                        document.key_span(("steps", step, name)),
                        "every step with this input gets it from another step or a more specific entry",
                    )
                elif not os.path.lexists(os.path.join(self._root, path)):
                    yield Diagnostic(
                        "missing-data",
                        Severity.ERROR,
                        f"`{path}` does not exist",
                        document.value_span(("steps", step, name)),
                        "paths are relative to the folder of this file",
                    )


def read_manifest(root: str, path: str = MANIFEST, *, must_exist: bool = False) -> Checked[Manifest]:
    """Read a data manifest; an invalid file yields an empty manifest.

    Args:
        path: relative to ``root``, or absolute.
    """
    full = os.path.join(root, path)
    empty = Manifest(os.path.dirname(full))
    if not must_exist and not os.path.lexists(full):
        return Checked(empty)
    folder, name = os.path.split(full)
    document = read(folder, name) if os.path.isabs(path) else read(root, path)
    if isinstance(document, Diagnostic):
        return Checked(empty, (document,))
    data: Mapping[str, Any] = document.data
    if not schema.fits("data-manifest", data):
        problems = tuple(schema_errors.explain("data-manifest", "data manifest", data, lambda _: document))
        return Checked(empty, problems)
    return Checked(Manifest(os.path.dirname(full), document))
