"""The pack of the old step types as tests use it, and a scripted provider."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from stepwell.live.registry import Registry
from stepwell.model.provider_protocol import Chunk, Failure, ProviderError, Request, Response
from stepwell.model.settings import Project, Settings
from stepwell.model.step_type import RunContext
from stepwell.resolve.plugins import Plugin
from stepwell.source.tree import Folder

REPOSITORY = Path(__file__).resolve().parents[1]
PACK = REPOSITORY / "plugins" / "ai_steps"
DEFINITIONS = PACK / "src" / "stepwell_ai_steps" / "definitions"
EXAMPLES = PACK / "examples"
PLUGIN = Plugin("stepwell-ai-steps", str(DEFINITIONS), module="stepwell_ai_steps")


def registry_of(folder: Path) -> Registry:
    """A registry that has the pack's steps and, besides, what a folder defines."""
    project = Project(os.path.realpath(folder), Settings(), Folder(os.path.realpath(folder)))
    return Registry(project, lambda: date(2026, 7, 1), plugins=lambda: (PLUGIN,))


def site(folder: Path) -> Path:
    """A folder for ``PYTHONPATH`` that has the pack as if it were installed."""
    described = folder / "stepwell_ai_steps-1.0.0.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: stepwell-ai-steps\nVersion: 1.0.0\n")
    (described / "entry_points.txt").write_text(
        "[stepwell.steps]\nai_steps = stepwell_ai_steps.definitions\n"
    )
    (folder / "stepwell_ai_steps").symlink_to(DEFINITIONS.parent)
    return folder


class Scripted:
    """Returns prepared answers in order: a text, data, or a failure to raise."""

    name = "scripted"

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Request] = []

    async def complete(self, request: Request) -> Response:
        """The next answer; the last one again when there are no more."""
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Failure):
            raise ProviderError(self.name, answer, "as the test says")
        if isinstance(answer, str):
            return Response(answer, model="m")
        return Response("", data=answer, model="m")

    async def stream(self, request: Request) -> AsyncIterator[Chunk]:
        """The same in one piece."""
        response = await self.complete(request)
        yield Chunk(response.text)
        yield Chunk("", response)

    async def probe(self) -> None:
        """It is there."""

    async def close(self) -> None:
        """There is nothing to let go of."""


def context(
    step: str,
    provider: Scripted | None = None,
    folder: Path | None = None,
    values: Mapping[str, Any] | None = None,
    **more: Any,
) -> RunContext:
    """What a step of the pack is given."""
    definition = _REGISTRY.view(None)[step]
    place = None if folder is None else str(folder)
    return RunContext(definition, provider=provider, folder=place, values=values or {}, **more)


def texts(requests: Sequence[Request]) -> list[str]:
    """What was said last in each request."""
    return [one.messages[-1].content for one in requests]


_REGISTRY = registry_of(PACK)
