"""Provider ``command``: a local program that reads the prompt from stdin and answers on stdout."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Final, final

from stepwell.model.provider_protocol import Chunk, Failure, ProviderError, Request, Response, Setup
from stepwell.run.providers.factory import ProviderSettings
from stepwell.run.providers.structured_output import (
    answered,
    model_of,
    plain_request,
    schema_of_request,
    within,
    within_each,
)
from stepwell.source.document import thaw

__all__ = ["Command"]

_PASSED_ON: Final = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT"}
)
"""Environment variables that every program gets, in addition to ``LC_*``."""

_CHUNK: Final = 64 * 1024
_STDERR_LIMIT: Final = 64 * 1024


@final
class Command:
    """Runs a program for each request, without a shell, in the project's folder.

    Settings: ``argv``, the program and its arguments (``{model}`` is replaced with the model); ``input``,
    ``text`` (the default) or ``json`` for the whole request; ``environment``, names of additional variables
    to pass; ``timeout`` in seconds (120); ``max_output`` in bytes (10 MiB). Each secret is passed as an
    environment variable of its name.
    """

    def __init__(self, setup: Setup) -> None:
        settings = ProviderSettings(setup.settings, "command")
        self.name = setup.name
        self._setup = setup
        self._argv = settings.texts("argv", least=1)
        self._form = settings.one_of("input", ("text", "json"))
        self._environment = settings.texts("environment")
        self._timeout = settings.seconds("timeout", 120)
        self._most = settings.count("max_output", 10 * 1024 * 1024)

    async def complete(self, request: Request) -> Response:
        """Run the program and return its output."""
        return await within(self.name, request.timeout or self._timeout, self._whole(request))

    async def stream(self, request: Request) -> AsyncIterator[Chunk]:
        """Run the program and stream its output."""
        seconds = request.timeout or self._timeout
        async with aclosing(within_each(self.name, seconds, self._chunks(request))) as chunks:
            async for chunk in chunks:
                yield chunk

    async def probe(self) -> None:
        """Check that the program exists; nothing is run."""
        self._program()

    async def close(self) -> None:
        """Do nothing: every program ends with its request."""

    async def _whole(self, request: Request) -> Response:
        response: Response | None = None
        async with aclosing(self._chunks(request)) as chunks:
            async for chunk in chunks:
                response = chunk.response
        if response is None:
            raise ProviderError(self.name, Failure.MALFORMED, "the program's answer is incomplete")
        return response

    async def _chunks(self, request: Request) -> AsyncGenerator[Chunk, None]:
        schema_of_request(self.name, request)
        prompt = self._stdin(request)
        process = await self._started(request)
        writing = asyncio.ensure_future(_feed(process, prompt))
        reading_stderr = asyncio.ensure_future(_tail(process))
        try:
            decoder = codecs.getincrementaldecoder("utf-8")("replace")
            text = ""
            size = 0
            async for piece in _read(process):
                size += len(piece)
                if size > self._most:
                    fault = f"the program's output exceeds {self._most} bytes"
                    raise ProviderError(self.name, Failure.MALFORMED, fault)
                part = decoder.decode(piece)
                text += part
                if part:
                    yield Chunk(part)
            rest = decoder.decode(b"", final=True)
            text += rest
            if rest:
                yield Chunk(rest)
            stderr = await reading_stderr
            await writing
            code = await process.wait()
            if code:
                raise ProviderError(self.name, Failure.UNAVAILABLE, self._ended(code, stderr))
            answer = text[:-1] if text.endswith("\n") else text
            model = model_of(request, self._setup.models) or ""
            yield Chunk("", answered(self.name, request, answer, model=model))
        finally:
            await _end(process)
            for task in (writing, reading_stderr):
                task.cancel()
            await asyncio.gather(writing, reading_stderr, return_exceptions=True)

    async def _started(self, request: Request) -> asyncio.subprocess.Process:
        program = self._program()
        model = model_of(request, self._setup.models) or ""
        environment = self._child_environment()
        try:
            return await asyncio.create_subprocess_exec(
                program,
                *(argument.replace("{model}", model) for argument in self._argv[1:]),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=self._setup.folder or None,
                env=environment,
                start_new_session=True,
                limit=_CHUNK,
            )
        except (OSError, ValueError) as error:
            fault = getattr(error, "strerror", None) or str(error)
        raise ProviderError(self.name, Failure.UNAVAILABLE, f"`{self._argv[0]}` cannot be run: {fault}")

    def _program(self) -> str:
        path = self._setup.environment.get("PATH", os.defpath)
        wanted = self._argv[0]
        if os.path.dirname(wanted):
            wanted = os.path.join(self._setup.folder, wanted)
        program = shutil.which(wanted, path=path)
        if program is None:
            raise ProviderError(self.name, Failure.NOT_FOUND, f"program `{self._argv[0]}` not found")
        return program

    def _child_environment(self) -> dict[str, str]:
        child = {
            name: value
            for name, value in self._setup.environment.items()
            if name in _PASSED_ON or name.startswith("LC_") or name in self._environment
        }
        for name in self._setup.secrets:
            secret = self._setup.secret(name)
            if secret is not None:
                child[name] = secret
        return child

    def _stdin(self, request: Request) -> bytes:
        if self._form == "json":
            return json.dumps(plain_request(request), ensure_ascii=False).encode()
        return "\n\n".join(_prompt(request)).encode("utf-8", "replace")

    def _ended(self, code: int, stderr: str) -> str:
        end = f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
        lines = [line.strip() for line in stderr.splitlines() if line.strip()]
        last = lines[-1][:300] if lines else ""
        return f"`{self._argv[0]}` {end}" + (f": {last}" if last else "")


def _prompt(request: Request) -> Iterator[str]:
    """Yield the conversation as text; several messages are labeled with their role."""
    if len(request.messages) == 1:
        yield request.messages[0].content
    else:
        for message in request.messages:
            yield f"{message.role}:\n{message.content}"
    if request.schema is not None:
        schema = json.dumps(thaw(request.schema), ensure_ascii=False)
        yield f"Answer only with JSON that matches this JSON Schema:\n{schema}"


async def _feed(process: asyncio.subprocess.Process, content: bytes) -> None:
    if process.stdin is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the program may not read its input
        process.stdin.write(content)
        await process.stdin.drain()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.close()
        await process.stdin.wait_closed()


async def _read(process: asyncio.subprocess.Process) -> AsyncIterator[bytes]:
    if process.stdout is not None:
        while piece := await process.stdout.read(_CHUNK):
            yield piece


async def _tail(process: asyncio.subprocess.Process) -> str:
    tail = b""
    if process.stderr is not None:
        while piece := await process.stderr.read(_CHUNK):
            tail = (tail + piece)[-_STDERR_LIMIT:]
    return tail.decode("utf-8", "replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the program and its process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform != "win32":
            os.killpg(process.pid, signal.SIGKILL)
        elif process.returncode is None:
            process.kill()
    await asyncio.shield(process.wait())
