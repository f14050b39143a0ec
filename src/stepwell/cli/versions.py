"""What ``stepwell --version --verbose`` tells."""

from __future__ import annotations

import platform
from importlib.metadata import version

from stepwell.source import yaml

__all__ = ["details"]

_WITHOUT_LIBYAML = "PyYAML's own parser (this PyYAML was built without libyaml, so reading is slower)"
_PACKAGES = ("pyyaml", "jsonschema", "jsonschema-rs", "tomli")


def details() -> str:
    """Lines that say what reads and checks on this machine."""
    libyaml = yaml.libyaml_version()
    reader = f"libyaml {libyaml}" if libyaml else _WITHOUT_LIBYAML
    lines = [f"YAML reader: {reader}", f"Python {platform.python_version()}"]
    lines += [f"{package} {version(package)}" for package in _PACKAGES]
    return "\n".join(lines)
