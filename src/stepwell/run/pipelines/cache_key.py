"""Cache key of a step: equal keys mean equal outputs of a deterministic step."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Mapping
from typing import Any

from stepwell.run.pipelines.plan import PlannedStep, installed_version

__all__ = ["key_of"]


def key_of(step: PlannedStep, inputs: Mapping[str, str]) -> str:
    """Return the cache key of a step.

    It covers the script with its local imports, settings, inputs, declared outputs, the interpreter and the
    versions of the packages that the interface names.

    Args:
        inputs: digests by input name.
    """
    parts = {
        "code": step.code,
        "function": step.script.function,
        "arguments": step.arguments,
        "environment": dict(step.environment),
        "inputs": [
            [
                feed.port.name,
                feed.port.path,
                feed.port.channels,
                feed.port.content,
                inputs.get(feed.port.name),
            ]
            for feed in step.inputs
        ],
        "outputs": [[port.name, port.path, port.content] for port in step.outputs],
        "python": [sys.implementation.name, platform.python_version(), sys.platform, platform.machine()],
        "packages": {name: installed_version(name) for name in _requirements(step.definition.interface)},
    }
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode("ascii"), digest_size=20).hexdigest()


def _requirements(interface: Mapping[str, Any] | None) -> tuple[str, ...]:
    return tuple(sorted((interface or {}).get("framework_requirements") or ()))
