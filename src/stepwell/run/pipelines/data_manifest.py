"""``data_manifest.yaml``: files for inputs that no other step provides."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final, final

from stepwell.model import schema, schema_errors
from stepwell.source.diagnostic import Checked, Diagnostic, Severity, Span
from stepwell.source.document import Document
from stepwell.source.read import read
from stepwell.source.remote import is_url, location
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
        data: Mapping[str, Any] = {} if document is None else document.data
        self._steps: Mapping[str, Mapping[str, str]] = data.get("steps", {})
        self._outputs: Mapping[str, Mapping[str, str]] = data.get("outputs", {})

    def source(self, names: Iterable[str], name: str) -> tuple[str, Span] | None:
        """Return the absolute path or URL for an input, and the location of the entry.

        Args:
            names: names of the step, most specific first.
        """
        step = self.entry(names, name)
        if step is None or self._document is None:
            return None
        path = location(self._steps[step][name], self._root)
        return path, self._document.value_span(("steps", step, name))

    @property
    def has_targets(self) -> bool:
        """Return whether the manifest lists targets of outputs."""
        return bool(self._outputs)

    def target(self, names: Iterable[str], name: str) -> tuple[str, Span] | None:
        """Return the absolute path or URL to copy an output to, and the location of the entry."""
        step = next((step for step in names if name in self._outputs.get(step, {})), None)
        if step is None or self._document is None:
            return None
        path = location(self._outputs[step][name], self._root)
        return path, self._document.value_span(("outputs", step, name))

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
                elif not is_url(place := location(path, self._root)) and not os.path.lexists(place):
                    yield Diagnostic(
                        "missing-data",
                        Severity.ERROR,
                        f"`{path}` does not exist",
                        document.value_span(("steps", step, name)),
                        "paths are relative to the folder of this file",
                    )

    def check_outputs(self, known: Mapping[str, Collection[str]]) -> Iterator[Diagnostic]:
        """Report unknown steps and outputs among the targets.

        Args:
            known: outputs of each step by name or alias.
        """
        document = self._document
        if document is None:
            return
        for step, outputs in self._outputs.items():
            pointer = ("outputs", step)
            if step not in known:
                yield Diagnostic(
                    "missing-data",
                    Severity.WARNING,
                    f"unknown step `{step}`",
                    document.key_span(pointer),
                    did_you_mean(closest(step, known)) or None,
                )
                continue
            for name in outputs:
                if name not in known[step]:
                    hint = did_you_mean(closest(name, known[step]))
                    yield Diagnostic(
                        "missing-data",
                        Severity.ERROR,
                        f"`{step}` has no output `{name}`",
                        document.key_span((*pointer, name)),
                        hint or f"available outputs: {', '.join(known[step]) or 'none'}",
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
