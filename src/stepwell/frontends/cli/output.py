"""Progress bar on stderr, and version details."""

from __future__ import annotations

import time
from typing import Any, Final, final

__all__ = [
    "Progress",
    "details",
]


_PATIENCE: Final = 1.0
"""Seconds before progress is shown."""


@final
class Progress:
    """Progress bar that appears after a second and is removed at the end."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def tell(self, done: int, total: int) -> None:
        """Update the bar."""
        if self._bar is None:
            if time.monotonic() - self._began < _PATIENCE:
                return
            from rich.console import Console
            from rich.progress import Progress as Bar

            self._bar = Bar(console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("reading", total=total)
        self._bar.update(self._task, completed=done)


_WITHOUT_LIBYAML = "PyYAML's own parser (this PyYAML was built without libyaml, so reading is slower)"
_PACKAGES = ("pyyaml", "jsonschema", "jsonschema-rs", "tomli")


def details() -> str:
    """Return the versions of Python, the YAML reader and the libraries."""
    import platform
    from importlib.metadata import version

    from stepwell.source import yaml

    libyaml = yaml.libyaml_version()
    reader = f"libyaml {libyaml}" if libyaml else _WITHOUT_LIBYAML
    lines = [f"YAML reader: {reader}", f"Python {platform.python_version()}"]
    lines += [f"{package} {version(package)}" for package in _PACKAGES]
    return "\n".join(lines)
