"""HTTP transport of providers: size limits, validation and redacted errors."""

from __future__ import annotations

import asyncio
import codecs
import json
import re
import ssl
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final, final

import httpx

from stepwell.model.provider_protocol import Failure, ProviderError, Setup
from stepwell.run.providers.factory import ProviderSettings
from stepwell.run.providers.http_errors import failure_of, message_in, retry_delay
from stepwell.source.redaction import without_secrets
from stepwell.version import __version__

__all__ = ["Web"]

_LINE_ENDS: Final = re.compile(r"\r\n|\n|\r")
_CONNECTING: Final = 15.0


@final
class _Key(httpx.Auth):
    """Adds a secret to a header at send time, so that no other object contains it."""

    def __init__(self, setup: Setup, header: str, prefix: str) -> None:
        self._setup = setup
        self._header = header
        self._prefix = prefix

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        secret = self._setup.secret("api_key")
        if secret is not None:
            request.headers[self._header] = self._prefix + secret
        yield request


@final
class Web:
    """HTTP connection to one provider.

    Args:
        base_url: default address; ``None`` requires the setting.
        key: header of the secret ``api_key`` and prefix of its value.
    """

    def __init__(
        self, setup: Setup, settings: ProviderSettings, base_url: str | None, key: tuple[str, str]
    ) -> None:
        self._setup = setup
        self.name = setup.name
        self.base_url = settings.text("base_url", base_url).rstrip("/")
        self.timeout = settings.seconds("timeout", 120)
        self._most = settings.count("max_output", 32 * 1024 * 1024)
        self._headers = settings.mapping("headers")
        if not all(isinstance(value, str) for value in self._headers.values()):
            raise ValueError("setting `headers` must be a mapping of strings")
        self._ca_file = settings.text("ca_file") if "ca_file" in setup.settings else None
        self._auth = _Key(setup, *key)
        url = _checked(self.base_url)
        is_unencrypted = "api_key" in setup.secrets and url.scheme == "http" and not _is_local(url.host)
        if is_unencrypted and setup.settings.get("plain_http") is not True:
            raise ValueError(
                "the secret would be sent unencrypted: use https, or set `plain_http: true` "
                "if the network is trusted"
            )
        self._proxy = settings.text("proxy") if "proxy" in setup.settings else _proxy(url, setup.environment)
        self._scheme = url.scheme
        self._clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = (
            weakref.WeakKeyDictionary()
        )

    async def post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Any:
        """Send JSON and return the JSON of the response.

        Raises:
            ProviderError: the request failed or the response is invalid.
        """
        async with self._answer("POST", path, body, headers) as response:
            return self._json(await self._content(response))

    async def get(self, path: str, headers: Mapping[str, str]) -> int:
        """Request a page and return its status; 404 and 405 count as success.

        Raises:
            ProviderError: the request failed, or the response has content that is not JSON.
        """
        async with self._answer("GET", path, None, headers, fine=(404, 405)) as response:
            content = await self._content(response)
            if content.strip() or response.status_code < 300:
                self._json(content)
            return response.status_code

    async def events(
        self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> AsyncGenerator[tuple[str, str], None]:
        """Send JSON and yield the name and data of each server-sent event.

        Source: HTML Living Standard, section 9.2.6 (interpreting an event stream).

        Raises:
            ProviderError: the request failed or the stream is incomplete.
        """
        async with self._answer("POST", path, body, headers) as response:
            kind = response.headers.get("content-type", "")
            if "text/event-stream" not in kind:
                shown = kind.partition(";")[0] or "no content type"
                raise self._malformed(f"expected an event stream, got {shown}")
            name = ""
            data: list[str] = []
            async for line in self._lines(response):
                if not line:
                    if data:
                        yield name, "\n".join(data)
                    name, data = "", []
                    continue
                field, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if field == "data":
                    data.append(value)
                elif field == "event":
                    name = value

    async def close(self) -> None:
        """Close the connections of every running loop."""
        here = asyncio.get_running_loop()
        clients, self._clients = dict(self._clients), weakref.WeakKeyDictionary()
        for loop, client in clients.items():
            if loop is here:
                await client.aclose()
            elif loop.is_running():
                await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(client.aclose(), loop))

    def clean(self, text: str) -> str:
        """Return the text redacted, on one line and truncated."""
        known: list[str] = []
        for name in self._setup.secrets:
            with suppress(ProviderError):
                known.append(self._setup.secret(name) or "")
        text = " ".join(without_secrets(text, known).split())
        return text if len(text) <= 300 else f"{text[:297]}..."

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        fine: tuple[int, ...] = (),
    ) -> AsyncIterator[httpx.Response]:
        """Yield an unread response with a success status."""
        error: ProviderError | None = None
        client = self._client()
        try:
            request = client.build_request(
                method, f"{self.base_url}{path}", json=body, headers={**headers, **self._headers}
            )
            response = await client.send(request, auth=self._auth, stream=True, follow_redirects=False)
            try:
                if response.status_code >= 300 and response.status_code not in fine:
                    error = await self._error_of(response)
                else:
                    yield response
            finally:
                await response.aclose()
        except httpx.HTTPError as raised:
            error = self._transport_error(raised)
        if error is not None:  # outside the handler: httpx exceptions contain the request headers
            raise error

    async def _error_of(self, response: httpx.Response) -> ProviderError:
        status = response.status_code
        content = b""
        with suppress(ProviderError, httpx.HTTPError):  # the status is sufficient
            content = await self._content(response, 64 * 1024)
        message = self.clean(message_in(content))
        if 300 <= status < 400:
            message = f"redirected to {self.clean(response.headers.get('location', 'nowhere'))}"
        text = f"HTTP {status}" + (f": {message}" if message else "")
        return ProviderError(
            self.name, failure_of(status, content), text, retry_delay(response.headers, content)
        )

    def _transport_error(self, raised: httpx.HTTPError) -> ProviderError:
        message = self.clean(str(raised))
        if isinstance(raised, httpx.TimeoutException):
            return ProviderError(self.name, Failure.TIMEOUT, "connection timed out")
        if isinstance(raised, (httpx.RemoteProtocolError, httpx.ReadError, httpx.DecodingError)):
            return ProviderError(
                self.name, Failure.MALFORMED, f"the answer is incomplete: {message}".rstrip(": ")
            )
        return ProviderError(self.name, Failure.UNAVAILABLE, f"connection failed: {message}".rstrip(": "))

    async def _content(self, response: httpx.Response, most: int | None = None) -> bytes:
        limit = most or self._most
        pieces: list[bytes] = []
        size = 0
        async for piece in response.aiter_bytes():
            size += len(piece)
            if size > limit:
                raise self._malformed(f"the answer exceeds {limit} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    async def _lines(self, response: httpx.Response) -> AsyncIterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        rest = ""
        size = 0
        async for piece in response.aiter_bytes():
            size += len(piece)
            if size > self._most:
                raise self._malformed(f"the answer exceeds {self._most} bytes")
            rest += decoder.decode(piece)
            if rest.endswith("\r"):  # the line feed may be in the next piece
                continue
            *lines, rest = _LINE_ENDS.split(rest)
            for line in lines:
                yield line
        for line in _LINE_ENDS.split(rest):
            yield line

    def _json(self, content: bytes) -> Any:
        try:
            return json.loads(content)
        except ValueError:
            pass
        raise self._malformed("the answer is not JSON" if content.strip() else "the answer is empty")

    def _malformed(self, fault: str) -> ProviderError:
        return ProviderError(self.name, Failure.MALFORMED, fault)

    def _client(self) -> httpx.AsyncClient:
        """Return the client of this event loop, which owns its connections."""
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = self._clients[loop] = httpx.AsyncClient(
                verify=_trusting(self._ca_file) if self._scheme == "https" else _without_tls(),
                timeout=httpx.Timeout(None, connect=_CONNECTING),
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
                proxy=self._proxy,
                trust_env=False,
                headers={"user-agent": f"stepwell/{__version__}"},
            )
        return client


def _checked(address: str) -> httpx.URL:
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, TypeError):
        raise ValueError("setting `base_url` is not a valid URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("setting `base_url` must start with `https://` or `http://` and contain a host")
    if url.userinfo or url.query or url.fragment:
        raise ValueError("setting `base_url` must not contain a user, query or fragment")
    return url


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _proxy(url: httpx.URL, environment: Mapping[str, str]) -> str | None:
    """Return the proxy configured in the environment, with the semantics of curl and Python."""
    named = {name.lower(): value for name, value in environment.items() if name.lower().endswith("_proxy")}
    if not named or _is_local(url.host):
        return None
    exempt = [host.strip().lstrip(".") for host in named.get("no_proxy", "").split(",")]
    if any(host and (host == "*" or url.host == host or url.host.endswith(f".{host}")) for host in exempt):
        return None
    return named.get(f"{url.scheme}_proxy") or named.get("all_proxy") or None


@lru_cache(maxsize=8)
def _trusting(ca_file: str | None) -> ssl.SSLContext:
    """Return a verifying TLS context; cached, because creating one is slow."""
    context = httpx.create_ssl_context(trust_env=False)
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:
            raise ValueError(f"setting `ca_file` cannot be used: {error.strerror or error}") from None
    return context


@lru_cache(maxsize=1)
def _without_tls() -> ssl.SSLContext:
    """Return a TLS context that trusts no certificate, for plain HTTP."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
