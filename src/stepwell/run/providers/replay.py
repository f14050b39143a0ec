"""Provider ``replay``: record the answers of another provider and replay them."""

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
    """Return the hash that identifies a request, ignoring its timeout."""
    text = json.dumps(plain_request(request), sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode("ascii"), digest_size=16).hexdigest()


@final
class Replay:
    """Answers from a JSON Lines file of recorded exchanges.

    Settings: ``file``, inside the project; ``mode``: ``replay`` (the default) reads only the file,
    ``record`` always asks ``provider`` and appends the answer, ``auto`` asks it only for requests missing
    from the file; ``provider``, another provider of the view. Repeated requests replay the recorded answers
    in order, then repeat the last one.
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
            raise ValueError("setting `file` must be a path inside the project")
        self._lock = threading.Lock()
        self._read = (-1, -1)
        self._known: dict[str, list[Mapping[str, Any]]] = {}
        self._turns: dict[str, int] = {}

    async def complete(self, request: Request) -> Response:
        """Answer from the file, or from the recorded provider."""
        digest = request_digest(request)
        if self._mode != "record":
            with self._lock:
                recorded = self._next(digest)
            if recorded is not None:
                return self._replayed(request, recorded)
        if self._mode == "replay":
            text = request.messages[-1].content if request.messages else ""
            shown = without_secrets(text if len(text) <= 60 else f"{text[:57]}...")
            fault = f"no recorded answer in {self._shown} for request ({digest}: {shown!r})"
            raise ProviderError(self.name, Failure.NOT_FOUND, fault)
        answering = self._other().complete(request)
        response = await (
            answering if request.timeout is None else within(self.name, request.timeout, answering)
        )
        await asyncio.to_thread(self._record, digest, request, response)
        return response

    async def stream(self, request: Request) -> AsyncIterator[Chunk]:
        """Stream the answer word by word."""
        async for chunk in streamed(await self.complete(request)):
            yield chunk

    async def probe(self) -> None:
        """Check the file, or probe the recorded provider."""
        if self._mode == "replay":
            with self._lock:
                self._refresh()
        else:
            await self._other().probe()

    async def close(self) -> None:
        """Do nothing: no resources are open."""

    def _other(self) -> Provider:
        if self._setup.provider is None or self._provider is None:
            raise ProviderError(self.name, Failure.NOT_FOUND, "no provider to record from")
        fault = ""
        try:
            return self._setup.provider(self._provider)
        except LookupError as error:
            fault = str(error)
        raise ProviderError(self.name, Failure.NOT_FOUND, fault)

    def _next(self, digest: str) -> Mapping[str, Any] | None:
        self._refresh()
        recorded = self._known.get(digest)
        if not recorded:
            return None
        turn = self._turns.get(digest, 0)
        self._turns[digest] = turn + 1
        return recorded[min(turn, len(recorded) - 1)]

    def _replayed(self, request: Request, recorded: Mapping[str, Any]) -> Response:
        usage = recorded.get("usage")
        return answered(
            self.name,
            request,
            recorded["text"],
            data=recorded.get("data"),
            model=recorded.get("model", ""),
            finish=recorded.get("finish", "end"),
            usage=None if usage is None else Usage(usage["input_tokens"], usage["output_tokens"]),
        )

    def _refresh(self) -> None:
        """Reload the file if it has changed."""
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            if self._mode == "replay":
                fault = f"file {self._shown} not found; record it with `mode: record`"
                raise ProviderError(self.name, Failure.NOT_FOUND, fault) from None
            self._known = {}
            return
        if (status.st_mtime_ns, status.st_size) != self._read:
            try:
                self._known = self._exchanges()
            except OSError as error:
                fault = f"file {self._shown} cannot be read: {(error.strerror or str(error)).lower()}"
                raise ProviderError(self.name, Failure.NOT_FOUND, fault) from None
            self._read = (status.st_mtime_ns, status.st_size)

    def _exchanges(self) -> dict[str, list[Mapping[str, Any]]]:
        known: dict[str, list[Mapping[str, Any]]] = {}
        with open(self._path, encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    digest, response = self._exchange(number, line)
                    known.setdefault(digest, []).append(response)
        return known

    def _exchange(self, number: int, line: str) -> tuple[str, Mapping[str, Any]]:
        fault = "not a recorded exchange"
        try:
            entry = json.loads(line)
            if entry["version"] == _VERSION:
                if isinstance(entry["response"]["text"], str):
                    return str(entry["digest"]), entry["response"]
            else:
                fault = f"version must be {_VERSION}, got {entry['version']}"
        except (ValueError, KeyError, TypeError):
            pass
        raise ProviderError(self.name, Failure.MALFORMED, f"{self._shown}:{number}: {fault}")

    def _record(self, digest: str, request: Request, response: Response) -> None:
        usage = response.usage
        answer: dict[str, Any] = {
            "text": response.text,
            "data": response.data,
            "model": response.model,
            "finish": response.finish,
            "usage": None
            if usage is None
            else {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens},
        }
        exchange = {
            "version": _VERSION,
            "digest": digest,
            "request": plain_request(request),
            "response": {key: value for key, value in answer.items() if value is not None},
        }
        line = without_secrets(json.dumps(exchange, ensure_ascii=False))
        fault = ""
        with self._lock:
            try:
                os.makedirs(os.path.dirname(self._path), exist_ok=True)
                with open(self._path, "a", encoding="utf-8", errors="replace") as file:
                    file.write(f"{line}\n")
            except OSError as error:
                fault = f"cannot write {self._shown}: {error.strerror}"
        if fault:
            raise ProviderError(self.name, Failure.UNAVAILABLE, fault)
