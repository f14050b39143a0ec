"""Every implementation of a provider passes the one check that is published for others."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.model_servers import ModelServer, model_server

from stepwell.frontends.pytest_plugin.provider_contract import check_provider
from stepwell.model.provider_protocol import (
    Chunk,
    Failure,
    Message,
    Provider,
    ProviderError,
    Request,
    Response,
    Setup,
)
from stepwell.run.providers.factory import IMPLEMENTATIONS, implementation_by_name

KEY = "correct horse battery staple 1234567890"
ANSWERING = (
    "import sys\n"
    "asked = sys.stdin.read()\n"
    'print(\'{"title": "Dune", "pages": 412}\' if \'JSON Schema\' in asked else asked[-40:])\n'
)


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with model_server() as running:
        yield running


def over_http(server: ModelServer, path: str = "", **settings: Any) -> Setup:
    return Setup(
        "Remote",
        ("small-1",),
        {"base_url": f"{server.url}{path}", **settings},
        ("api_key",),
        {"api_key": KEY}.get,
    )


def setups(name: str, server: ModelServer, folder: Path) -> Setup:
    """What each implementation is made with here."""
    if name == "command":
        return Setup(
            "Local", settings={"argv": [sys.executable, "-c", ANSWERING]}, environment={"PATH": "/usr/bin"}
        )
    if name == "replay":
        settings = {"file": "tapes/all.jsonl", "mode": "auto", "provider": "Echo"}
        echo = implementation_by_name("echo")(Setup("Echo"))
        return Setup("Tape", settings=settings, folder=str(folder), provider=lambda _: echo)
    if name == "echo":
        return Setup("Echo", settings={"delay": 0.001})
    return over_http(server, {"openai_compatible": "/v1", "gemini": "/v1beta"}.get(name, ""))


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_an_implementation_fulfils_the_contract_of_providers(
    name: str, server: ModelServer, tmp_path: Path
) -> None:
    setup = setups(name, server, tmp_path)
    asyncio.run(check_provider(lambda: implementation_by_name(name)(setup), secrets=[KEY]))


@pytest.mark.parametrize("settings", [{"structured": "output_format"}])
def test_anthropic_keeps_to_it_by_its_own_structured_outputs_too(
    server: ModelServer, settings: dict[str, Any]
) -> None:
    setup = over_http(server, **settings)
    asyncio.run(check_provider(lambda: implementation_by_name("anthropic")(setup), secrets=[KEY]))


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_an_implementation_is_called_from_one_event_loop_after_another(
    name: str, server: ModelServer, tmp_path: Path
) -> None:
    provider: Provider = implementation_by_name(name)(setups(name, server, tmp_path))
    request = Request((Message("user", "Say something."),), timeout=60)

    async def ask() -> str:
        try:
            return (await provider.complete(request)).text
        finally:
            await provider.close()

    assert [asyncio.run(ask()) for _ in range(2)] == [asyncio.run(ask())] * 2


class Broken:
    """A provider with one violation, which each class below defines."""

    name = "Broken"

    async def complete(self, request: Request) -> Response:
        if request.schema is not None:
            raise ProviderError(self.name, Failure.INVALID_REQUEST, "no")
        return Response(request.messages[-1].content)

    async def stream(self, request: Request) -> Any:
        response = await self.complete(request)
        yield Chunk(response.text)
        yield Chunk("", response)

    async def probe(self) -> None: ...

    async def close(self) -> None: ...


class WithoutAnEnd(Broken):
    async def stream(self, request: Request) -> Any:
        yield Chunk((await self.complete(request)).text)


class AnswersWithText(Broken):
    async def complete(self, request: Request) -> Any:
        return request.messages[-1].content


class StreamsAnotherAnswer(Broken):
    async def stream(self, request: Request) -> Any:
        yield Chunk("something else")
        yield Chunk("", await self.complete(request))


class TakesAnySchema(Broken):
    async def complete(self, request: Request) -> Response:
        return Response("{}", {} if request.schema else None)


class ShowsItsSecret(Broken):
    def __repr__(self) -> str:
        return f"<Broken {KEY}>"


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (WithoutAnEnd, "the last chunk must"),
        (AnswersWithText, "must return a Response"),
        (StreamsAnotherAnswer, "the chunks must add up to the response"),
        (TakesAnySchema, "an invalid schema must be rejected"),
        (ShowsItsSecret, "must not contain the secret"),
    ],
)
def test_the_check_reports_what_a_provider_violates(broken: Callable[[], Provider], told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        asyncio.run(check_provider(broken, structured=False, secrets=[KEY]))
