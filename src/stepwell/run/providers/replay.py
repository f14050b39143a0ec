"""``replay``: records what another provider answers, and answers the same again."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import threading
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, final

from stepwell.model.provider_protocol import (
    Chunk,
    Failure,
    Provider,
    ProviderError,
    Request,
    Response,
    Setup,
    Usage,
)
from stepwell.run.providers.factory import ProviderSettings
from stepwell.run.providers.structured_output import answered, plain_request, streamed, within
from stepwell.source.redaction import without_secrets

__all__ = ["Replay", "request_digest"]

_VERSION: Final = 1


def request_digest(request: Request) -> str:
    """What a request is recognised by: a hash of all that is asked, without the time that it may take."""
    text = json.dumps(plain_request(request), sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode("ascii"), digest_size=16).hexdigest()


@final
class Replay:
    """Answers from a file of exchanges, one JSON object a line.

    Settings: ``file``, inside the project; ``mode``, ``replay`` (the default) answers only from the
    file, ``record`` asks ``provider`` each time and adds what it answers, ``auto`` asks it only for what the
    file does not have; ``provider``, the name of another provider of the view. The same request asked several
    times is answered with the recorded answers in their order, and then with the last of them.
    """

    def __init__(self, setup: Setup) -> None:
        settings = ProviderSettings(setup.settings, "replay")
        self.name = setup.name
        self._setup = setup
        self._shown = settings.text("file")
        self._mode = settings.one_of("mode", ("replay", "record", "auto"))
        self._provider = settings.text("provider") if self._mode != "replay" else None
        self._path = os.path.join(setup.folder, self._shown)
        root = os.path.realpath(setup.folder)
        if os.path.commonpath([root, os.path.realpath(self._path)]) != root:
            raise ValueError("the setting `file` must be a path inside the project")
        self._lock = threading.Lock()
        self._read = (-1, -1)
        self._known: dict[str, list[Mapping[str, Any]]] = {}
        self._turns: dict[str, int] = {}

    async def complete(self, request: Request) -> Response:
        """Answer from the file, or ask and record."""
        digest = request_digest(request)
        if self._mode != "record":
            with self._lock:
                kept = self._next(digest)
            if kept is not None:
                return self._replayed(request, kept)
        if self._mode == "replay":
            words = request.messages[-1].content if request.messages else ""
            shown = without_secrets(words if len(words) <= 60 else f"{words[:57]}...")
            fault = f"{self._shown} holds no answer to this request ({digest}: {shown!r})"
            raise ProviderError(self.name, Failure.NOT_FOUND, fault)
        asked = self._other().complete(request)
        response = await (asked if request.timeout is None else within(self.name, request.timeout, asked))
        await asyncio.to_thread(self._record, digest, request, response)
        return response

    async def stream(self, request: Request) -> AsyncIterator[Chunk]:
        """The same, word by word."""
        async for chunk in streamed(await self.complete(request)):
            yield chunk

    async def probe(self) -> None:
        """Look whether there is a file, or somebody to ask."""
        if self._mode == "replay":
            with self._lock:
                self._refresh()
        else:
            await self._other().probe()

    async def close(self) -> None:
        """There is nothing to let go of."""

    def _other(self) -> Provider:
        if self._setup.provider is None or self._provider is None:
            raise ProviderError(self.name, Failure.NOT_FOUND, "there is no provider to record from")
        fault = ""
        try:
            return self._setup.provider(self._provider)
        except LookupError as error:
            fault = str(error)
        raise ProviderError(self.name, Failure.NOT_FOUND, fault)

    def _next(self, digest: str) -> Mapping[str, Any] | None:
        self._refresh()
        kept = self._known.get(digest)
        if not kept:
            return None
        turn = self._turns.get(digest, 0)
        self._turns[digest] = turn + 1
        return kept[min(turn, len(kept) - 1)]

    def _replayed(self, request: Request, kept: Mapping[str, Any]) -> Response:
        usage = kept.get("usage")
        return answered(
            self.name,
            request,
            kept["text"],
            data=kept.get("data"),
            model=kept.get("model", ""),
            finish=kept.get("finish", "end"),
            usage=None if usage is None else Usage(usage["input_tokens"], usage["output_tokens"]),
        )

    def _refresh(self) -> None:
        """Read the file again if it is another one than when it was read."""
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            if self._mode == "replay":
                fault = f"there is no file {self._shown}; record one with `mode: record`"
                raise ProviderError(self.name, Failure.NOT_FOUND, fault) from None
            self._known = {}
            return
        if (found.st_mtime_ns, found.st_size) != self._read:
            self._known = self._exchanges()
            self._read = (found.st_mtime_ns, found.st_size)

    def _exchanges(self) -> dict[str, list[Mapping[str, Any]]]:
        known: dict[str, list[Mapping[str, Any]]] = {}
        with open(self._path, encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    digest, response = self._exchange(number, line)
                    known.setdefault(digest, []).append(response)
        return known

    def _exchange(self, number: int, line: str) -> tuple[str, Mapping[str, Any]]:
        fault = "it is no exchange"
        try:
            held = json.loads(line)
            if held["version"] == _VERSION:
                if isinstance(held["response"]["text"], str):
                    return str(held["digest"]), held["response"]
            else:
                fault = f"it is of version {held['version']}, and this reads version {_VERSION}"
        except (ValueError, KeyError, TypeError):
            pass
        raise ProviderError(self.name, Failure.MALFORMED, f"{self._shown}:{number}: {fault}")

    def _record(self, digest: str, request: Request, response: Response) -> None:
        usage = response.usage
        said: dict[str, Any] = {
            "text": response.text,
            "data": response.data,
            "model": response.model,
            "finish": response.finish,
            "usage": None
            if usage is None
            else {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens},
        }
        told = {
            "version": _VERSION,
            "digest": digest,
            "request": plain_request(request),
            "response": {key: value for key, value in said.items() if value is not None},
        }
        line = without_secrets(json.dumps(told, ensure_ascii=False))
        fault = ""
        with self._lock:
            try:
                os.makedirs(os.path.dirname(self._path), exist_ok=True)
                with open(self._path, "a", encoding="utf-8", errors="replace") as file:
                    file.write(f"{line}\n")
            except OSError as error:
                fault = f"{self._shown} cannot be written: {error.strerror}"
        if fault:
            raise ProviderError(self.name, Failure.UNAVAILABLE, fault)
