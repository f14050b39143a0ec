"""``data_manifest.yaml``: what feeds the inputs of steps that no other step feeds."""

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
"""How the file is called, in the project's folder."""


@final
class Manifest:
    """Which files feed which inputs.

    Args:
        root: the folder that its paths are relative to.
        document: the file; ``None`` for none.
    """

    def __init__(self, root: str, document: Document | None = None) -> None:
        self._root = root
        self._document = document
        self._steps: Mapping[str, Mapping[str, str]] = {} if document is None else document.data["steps"]

    def source(self, names: Iterable[str], name: str) -> tuple[str, Span] | None:
        """What feeds an input: an absolute path, and where the file says so.

        Args:
            names: what the step may be called, the nearest first.
        """
        for one in names:
            said = self._steps.get(one, {}).get(name)
            if said is not None and self._document is not None:
                return os.path.join(self._root, said), self._document.value_span(("steps", one, name))
        return None

    def check(self, tell_known: Callable[[], Mapping[str, Iterable[str]]]) -> Iterator[Diagnostic]:
        """What it says of steps or inputs that are not there, and paths at which there is nothing.

        Args:
            tell_known: gives every name that a step may be called, with its inputs.
        """
        document = self._document
        if document is None:
            return
        known = tell_known()
        for step, inputs in self._steps.items():
            if step not in known:
                near = closest(step, known)
                yield Diagnostic(
                    "missing-data",
                    Severity.WARNING,
                    f"there is no step `{step}`",
                    document.key_span(("steps", step)),
                    did_you_mean(near) or None,
                )
                continue
            names = tuple(known[step])
            for name, path in inputs.items():
                if name not in names:
                    near = closest(name, names)
                    yield Diagnostic(
                        "missing-data",
                        Severity.ERROR,
                        f"`{step}` has no input `{name}`",
                        document.key_span(("steps", step, name)),
                        did_you_mean(near) or f"its inputs are {', '.join(names)}",
                    )
                elif not os.path.lexists(os.path.join(self._root, path)):
                    yield Diagnostic(
                        "missing-data",
                        Severity.ERROR,
                        f"there is nothing at `{path}`",
                        document.value_span(("steps", step, name)),
                        "the path is relative to the folder of this file",
                    )


def read_manifest(root: str, path: str = MANIFEST, *, must_exist: bool = False) -> Checked[Manifest]:
    """Read a data manifest; one that cannot be read or does not fit feeds nothing.

    Args:
        path: the file, relative to it or absolute.
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
        found = tuple(schema_errors.explain("data-manifest", "data manifest", data, lambda _: document))
        return Checked(empty, found)
    return Checked(Manifest(os.path.dirname(full), document))
