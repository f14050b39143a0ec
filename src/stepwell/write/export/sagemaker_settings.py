"""What every form of a step asks for: what feeds it, what it runs on, and who it runs as."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from stepwell.write.export.jobs import Input, Job
from stepwell.write.export.sagemaker_names import Wording

__all__ = ["INSTANCE", "environment", "fed", "image", "instance", "role", "setting"]

INSTANCE: Final = "ml.m5.xlarge"
"""What a step runs on where nobody says it."""


def fed(job: Job, wording: Wording) -> Iterator[tuple[Input, Any]]:
    """The inputs that something feeds, each with it."""
    for one in job.inputs.values():
        uri = wording.fed(job, one)
        if uri is not None:
            yield one, uri


def environment(job: Job, wording: Wording) -> dict[str, Any]:
    """The environment of the container."""
    return {name: wording.text(value) for name, value in job.environment.items()}


def setting(job: Job, wording: Wording, default: Any, *names: str) -> Any:
    """A setting: as it is said, or else the default."""
    value = job.setting(*names)
    return default if value is None else wording.setting(value)


def instance(job: Job, wording: Wording, kind: str) -> Any:
    """The kind of machine.

    Args:
        job: the step.
        wording: what it shares with the others.
        kind: what the setting's name may begin with, e.g. ``processing``.
    """
    value = job.setting("instance_type", f"{kind}_instance_type")
    return wording.ask("instance-type", INSTANCE) if value is None else wording.setting(value)


def image(job: Job, wording: Wording) -> Any:
    """The image of the container."""
    value = job.setting("image_uri")
    return wording.ask("image-uri") if value is None else wording.setting(value)


def role(job: Job, wording: Wording) -> Any:
    """Who the job runs as."""
    value = job.setting("role")
    return wording.ask("role-arn") if value is None else wording.setting(value)
