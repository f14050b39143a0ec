"""What an answer with a bad status says: which kind of failure, in which words, and when to ask again."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

from stepwell.model.provider_protocol import Failure

__all__ = ["failure_named", "failure_of", "lasts_until", "said_by"]

_BY_STATUS: Final[Mapping[int, Failure]] = {
    401: Failure.AUTHENTICATION,
    402: Failure.AUTHENTICATION,
    403: Failure.AUTHENTICATION,
    404: Failure.NOT_FOUND,
    408: Failure.TIMEOUT,
    410: Failure.NOT_FOUND,
    429: Failure.RATE_LIMITED,
    504: Failure.TIMEOUT,
}

_BY_NAME: Final[Mapping[str, Failure]] = {
    "authentication_error": Failure.AUTHENTICATION,
    "billing_error": Failure.AUTHENTICATION,
    "permission_error": Failure.AUTHENTICATION,
    "not_found_error": Failure.NOT_FOUND,
    "invalid_request_error": Failure.INVALID_REQUEST,
    "request_too_large": Failure.INVALID_REQUEST,
    "rate_limit_error": Failure.RATE_LIMITED,
    "timeout_error": Failure.TIMEOUT,
    "API_KEY_INVALID": Failure.AUTHENTICATION,
    "PERMISSION_DENIED": Failure.AUTHENTICATION,
    "UNAUTHENTICATED": Failure.AUTHENTICATION,
    "NOT_FOUND": Failure.NOT_FOUND,
    "INVALID_ARGUMENT": Failure.INVALID_REQUEST,
    "RESOURCE_EXHAUSTED": Failure.RATE_LIMITED,
    "DEADLINE_EXCEEDED": Failure.TIMEOUT,
}
"""The names that errors have in the bodies of the services; whatever else there is, is their trouble."""

_LONGEST: Final = 86_400.0
_SECONDS: Final = re.compile(r"(\d+(?:\.\d+)?)\s*s?\Z")


def failure_of(status: int, content: bytes) -> Failure:
    """What kind of thing went wrong."""
    if status == 400 and "API_KEY_INVALID" in set(_reasons(_error_in(content))):
        return Failure.AUTHENTICATION
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    if status < 400:
        return Failure.NOT_FOUND
    return Failure.INVALID_REQUEST if status < 500 else Failure.UNAVAILABLE


def failure_named(error: Any) -> Failure:
    """What kind of thing went wrong, by what an error in the middle of a stream is called."""
    if isinstance(error, Mapping):
        code = error.get("code")
        if isinstance(code, int) and 300 <= code < 600:
            return failure_of(code, b"")
        for key in ("type", "status", "code"):
            named = error.get(key)
            if isinstance(named, str) and named in _BY_NAME:
                return _BY_NAME[named]
    return Failure.UNAVAILABLE


def said_by(content: bytes) -> str:
    """What the body of an answer says went wrong, in its own words."""
    error = _error_in(content)
    if isinstance(error, str):
        return error
    if isinstance(error, Mapping):
        message = error.get("message") or error.get("detail") or error.get("type")
        if isinstance(message, str):
            return message
    return content.decode("utf-8", "replace") if error is None else ""


def lasts_until(headers: Mapping[str, str], content: bytes) -> float | None:
    """Seconds after which to ask again, as an answer says it.

    Source: RFC 9110 section 10.2.3 (a number of seconds, or a date); ``retry-after-ms`` and
    ``google.rpc.RetryInfo`` are what some services say besides.
    """
    found = _milliseconds(headers.get("retry-after-ms"))
    if found is None:
        found = _after(headers.get("retry-after"))
    if found is None:
        found = next((seconds for seconds in map(_after, _delays(_error_in(content))) if seconds), None)
    return None if found is None else min(max(found, 0.0), _LONGEST)


def _milliseconds(text: str | None) -> float | None:
    seconds = _after(text)
    return None if seconds is None else seconds / 1000


def _after(text: Any) -> float | None:
    if not isinstance(text, str):
        return None
    number = _SECONDS.match(text.strip())
    if number is not None:
        return float(number[1])
    try:
        return parsedate_to_datetime(text).timestamp() - time.time()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def _error_in(content: bytes) -> Any:
    try:
        held = json.loads(content)
    except ValueError:
        return None
    if isinstance(held, list) and held:
        held = held[0]
    if not isinstance(held, Mapping):
        return None
    return held.get("error", held)


def _details(error: Any) -> Iterator[Mapping[str, Any]]:
    details = error.get("details") if isinstance(error, Mapping) else None
    if isinstance(details, list):
        yield from (one for one in details if isinstance(one, Mapping))


def _reasons(error: Any) -> Iterator[str]:
    yield from (str(one.get("reason")) for one in _details(error))


def _delays(error: Any) -> Iterator[Any]:
    yield from (one.get("retryDelay") for one in _details(error))
