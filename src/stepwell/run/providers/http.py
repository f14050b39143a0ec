"""HTTP as all providers over the network speak it: bounded, checked, and no secret in what it raises."""

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
from stepwell.run.providers.http_errors import failure_of, lasts_until, said_by
from stepwell.source.redaction import without_secrets
from stepwell.version import __version__

__all__ = ["Web"]

_LINE_ENDS: Final = re.compile(r"\r\n|\n|\r")
_CONNECTING: Final = 15.0


@final
class _Key(httpx.Auth):
    """Puts a secret into a header at the last moment, so that nothing else ever holds it."""

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
    """The connection to one provider.

    Args:
        base_url: its address where the settings say none; ``None`` where they must.
        key: the header that its secret ``api_key`` is sent in, and what stands before it there.
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
            raise ValueError("the setting `headers` must be a mapping of texts")
        self._ca_file = settings.text("ca_file") if "ca_file" in setup.settings else None
        self._auth = _Key(setup, *key)
        url = _checked(self.base_url)
        in_the_open = "api_key" in setup.secrets and url.scheme == "http" and not _is_here(url.host)
        if in_the_open and setup.settings.get("plain_http") is not True:
            raise ValueError(
                "it would send its secret unencrypted: use https, or set `plain_http: true` "
                "where the network is trusted"
            )
        self._proxy = settings.text("proxy") if "proxy" in setup.settings else _proxy(url, setup.environment)
        self._scheme = url.scheme
        self._clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = (
            weakref.WeakKeyDictionary()
        )

    async def post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Any:
        """Send JSON, and give the JSON that is answered.

        Raises:
            ProviderError: there is no answer, or none that can be used.
        """
        async with self._answer("POST", path, body, headers) as response:
            return self._json(await self._content(response))

    async def get(self, path: str, headers: Mapping[str, str]) -> int:
        """Ask for a page, of which only the status counts; 404 and 405 are answers as well.

        Raises:
            ProviderError: there is no answer, or one that tells of trouble.
        """
        async with self._answer("GET", path, None, headers, fine=(404, 405)) as response:
            return response.status_code

    async def events(
        self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> AsyncGenerator[tuple[str, str], None]:
        """Send JSON, and give the events that are answered: their names and data.

        Source: HTML Living Standard, section 9.2.6 (interpreting an event stream).

        Raises:
            ProviderError: there is no answer, or it breaks off.
        """
        async with self._answer("POST", path, body, headers) as response:
            kind = response.headers.get("content-type", "")
            if "text/event-stream" not in kind:
                shown = kind.partition(";")[0] or "nothing"
                raise self._malformed(f"the answer is {shown}, and not a stream of events")
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
        """Let go of the connections of every loop that still runs."""
        here = asyncio.get_running_loop()
        held, self._clients = dict(self._clients), weakref.WeakKeyDictionary()
        for loop, client in held.items():
            if loop is here:
                await client.aclose()
            elif loop.is_running():
                await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(client.aclose(), loop))

    def clean(self, text: str) -> str:
        """A text without the provider's secrets, in one line that is not too long."""
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
        """An answer with a good status, not read yet."""
        error: ProviderError | None = None
        client = self._client()
        try:
            request = client.build_request(
                method, f"{self.base_url}{path}", json=body, headers={**headers, **self._headers}
            )
            response = await client.send(request, auth=self._auth, stream=True, follow_redirects=False)
            try:
                if response.status_code >= 300 and response.status_code not in fine:
                    error = await self._refusal(response)
                else:
                    yield response
            finally:
                await response.aclose()
        except httpx.HTTPError as raised:
            error = self._told(raised)
        if error is not None:  # outside the handler: httpx's exceptions hold the request with its headers
            raise error

    async def _refusal(self, response: httpx.Response) -> ProviderError:
        status = response.status_code
        content = b""
        with suppress(ProviderError, httpx.HTTPError):  # the status tells enough
            content = await self._content(response, 64 * 1024)
        said = self.clean(said_by(content))
        if 300 <= status < 400:
            said = f"it has moved to {self.clean(response.headers.get('location', 'nowhere'))}"
        told = f"HTTP {status}" + (f": {said}" if said else "")
        return ProviderError(
            self.name, failure_of(status, content), told, lasts_until(response.headers, content)
        )

    def _told(self, raised: httpx.HTTPError) -> ProviderError:
        said = self.clean(str(raised))
        if isinstance(raised, httpx.TimeoutException):
            return ProviderError(self.name, Failure.TIMEOUT, "it cannot be reached in time")
        if isinstance(raised, (httpx.RemoteProtocolError, httpx.ReadError, httpx.DecodingError)):
            return ProviderError(self.name, Failure.MALFORMED, f"the answer breaks off: {said}".rstrip(": "))
        return ProviderError(self.name, Failure.UNAVAILABLE, f"it cannot be reached: {said}".rstrip(": "))

    async def _content(self, response: httpx.Response, most: int | None = None) -> bytes:
        limit = most or self._most
        pieces: list[bytes] = []
        size = 0
        async for piece in response.aiter_bytes():
            size += len(piece)
            if size > limit:
                raise self._malformed(f"the answer is longer than {limit} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    async def _lines(self, response: httpx.Response) -> AsyncIterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        held = ""
        size = 0
        async for piece in response.aiter_bytes():
            size += len(piece)
            if size > self._most:
                raise self._malformed(f"the answer is longer than {self._most} bytes")
            held += decoder.decode(piece)
            if held.endswith("\r"):  # its line feed may come with the next piece
                continue
            *lines, held = _LINE_ENDS.split(held)
            for line in lines:
                yield line
        for line in _LINE_ENDS.split(held):
            yield line

    def _json(self, content: bytes) -> Any:
        try:
            return json.loads(content)
        except ValueError:
            pass
        raise self._malformed("the answer is no JSON" if content.strip() else "the answer is empty")

    def _malformed(self, fault: str) -> ProviderError:
        return ProviderError(self.name, Failure.MALFORMED, fault)

    def _client(self) -> httpx.AsyncClient:
        """The client of this event loop; connections belong to one."""
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = self._clients[loop] = httpx.AsyncClient(
                verify=_trusting(self._ca_file) if self._scheme == "https" else _nobody(),
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
        raise ValueError("the setting `base_url` is no address") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("the setting `base_url` must begin with `https://` or `http://` and name a host")
    if url.userinfo or url.query or url.fragment:
        raise ValueError("the setting `base_url` must hold no user, query or fragment")
    return url


def _is_here(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _proxy(url: httpx.URL, environment: Mapping[str, str]) -> str | None:
    """The proxy that the environment names for an address, as curl and Python read it."""
    named = {name.lower(): value for name, value in environment.items() if name.lower().endswith("_proxy")}
    if not named or _is_here(url.host):
        return None
    exempt = [one.strip().lstrip(".") for one in named.get("no_proxy", "").split(",")]
    if any(one and (one == "*" or url.host == one or url.host.endswith(f".{one}")) for one in exempt):
        return None
    return named.get(f"{url.scheme}_proxy") or named.get("all_proxy") or None


@lru_cache(maxsize=8)
def _trusting(ca_file: str | None) -> ssl.SSLContext:
    """Certificates are always verified; making this takes longer than many a request, so it is made once."""
    context = httpx.create_ssl_context(trust_env=False)
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:
            raise ValueError(f"the setting `ca_file` cannot be used: {error.strerror or error}") from None
    return context


@lru_cache(maxsize=1)
def _nobody() -> ssl.SSLContext:
    """For addresses without TLS: should one lead to TLS after all, no certificate is trusted."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
