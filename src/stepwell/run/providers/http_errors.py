"""Interpret error responses: kind of failure, message and retry delay."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

from stepwell.model.provider_protocol import Failure

__all__ = ["failure_named", "failure_of", "message_in", "retry_delay"]

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
"""Error names in response bodies; all others mean that the service is unavailable."""

_LONGEST: Final = 86_400.0
_SECONDS: Final = re.compile(r"(\d+(?:\.\d+)?)\s*s?\Z")


def failure_of(status: int, content: bytes) -> Failure:
    """Return the kind of failure of a response."""
    if status == 400 and "API_KEY_INVALID" in set(_reasons(_error_in(content))):
        return Failure.AUTHENTICATION
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    if status < 400:
        return Failure.NOT_FOUND
    return Failure.INVALID_REQUEST if status < 500 else Failure.UNAVAILABLE


def failure_named(error: Any) -> Failure:
    """Return the kind of failure of an error in the middle of a stream."""
    if isinstance(error, Mapping):
        code = error.get("code")
        if isinstance(code, int) and 300 <= code < 600:
            return failure_of(code, b"")
        for key in ("type", "status", "code"):
            named = error.get(key)
            if isinstance(named, str) and named in _BY_NAME:
                return _BY_NAME[named]
    return Failure.UNAVAILABLE


def message_in(content: bytes) -> str:
    """Return the error message in a response body."""
    error = _error_in(content)
    if isinstance(error, str):
        return error
    if isinstance(error, Mapping):
        message = error.get("message") or error.get("detail") or error.get("type")
        if isinstance(message, str):
            return message
    return content.decode("utf-8", "replace") if error is None else ""


def retry_delay(headers: Mapping[str, str], content: bytes) -> float | None:
    """Return the seconds to wait before the next request, if the response specifies them.

    Source: RFC 9110 section 10.2.3 (seconds or a date); some services send ``retry-after-ms`` or
    ``google.rpc.RetryInfo``.
    """
    delay = _milliseconds(headers.get("retry-after-ms"))
    if delay is None:
        delay = _after(headers.get("retry-after"))
    if delay is None:
        delay = next((seconds for seconds in map(_after, _delays(_error_in(content))) if seconds), None)
    return None if delay is None else min(max(delay, 0.0), _LONGEST)


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
        body = json.loads(content)
    except ValueError:
        return None
    if isinstance(body, list) and body:
        body = body[0]
    if not isinstance(body, Mapping):
        return None
    return body.get("error", body)


def _details(error: Any) -> Iterator[Mapping[str, Any]]:
    details = error.get("details") if isinstance(error, Mapping) else None
    if isinstance(details, list):
        yield from (detail for detail in details if isinstance(detail, Mapping))


def _reasons(error: Any) -> Iterator[str]:
    yield from (str(detail.get("reason")) for detail in _details(error))


def _delays(error: Any) -> Iterator[Any]:
    yield from (detail.get("retryDelay") for detail in _details(error))
