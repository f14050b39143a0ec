"""Detects literal secrets in plain data and redacts them in texts.

A secret is recognized by its position (under ``api_key``, after ``--token``) or by its form (a key of a
well-known service). Files with secrets are rejected.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from stepwell.source.diagnostic import Diagnostic, Span

__all__ = ["SHORTEST", "covered", "covered_span", "literal_secrets", "without_secrets"]

SHORTEST: Final = 4
"""Minimum length of secrets that are redacted in other texts; shorter ones would match everywhere."""

Pointer = tuple[str | int, ...]

_REFERENCE: Final = re.compile(r"(?:env:[A-Za-z_][A-Za-z0-9_]*|file:.+)\Z", re.DOTALL)
_NAMES: Final = (
    r"(?:api[_-]?key|apikey|access[_-]?key|secret[_-]?key|private[_-]?key|token|password|passwd|passphrase"
    r"|secret|authorization|credentials?|bearer)"
)
_KEY: Final = re.compile(rf"(?:.*[_.-])?{_NAMES}\Z", re.IGNORECASE | re.DOTALL)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_FLAG: Final = re.compile(rf"--?(?:[a-z0-9]{{1,64}}[_-]){{0,8}}{_NAMES}\Z", re.IGNORECASE)
_FLAG_WITH_VALUE: Final = re.compile(
    rf"--?(?:[a-z0-9]{{1,64}}[_-]){{0,8}}{_NAMES}=(.+)\Z", re.IGNORECASE | re.DOTALL
)
# Every pattern takes linear time on any text: runs that can fail late are bounded or have one start only.
_FORMS: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"sk-[A-Za-z0-9_-]{16,}"  # OpenAI, Anthropic, and many that follow them
    r"|gsk_[A-Za-z0-9]{20,}|xai-[A-Za-z0-9]{20,}|hf_[A-Za-z0-9]{20,}|r8_[A-Za-z0-9]{20,}"
    r"|AIza[A-Za-z0-9_-]{30,}|ya29\.[A-Za-z0-9_-]{20,}"
    r"|gh[opusr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}"
    r"|xox[abposr]-[A-Za-z0-9-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}"
    r"|(?<![_-])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+"
    r"|Bearer\s+[A-Za-z0-9._~+/-]{12,}=*"
    r")"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"  # a URL with a password
)
_LINE: Final = re.compile(  # `api_key: …`, `"token" = …`, in unparsable text
    rf"(?P<key>[\"']?\b[A-Za-z0-9_.-]{{0,64}}{_NAMES}[\"']?\s*[:=]\s*)(?P<value>[^\s#,}}\]][^#,}}\]]*)",
    re.IGNORECASE,
)
_ARGUMENT: Final = re.compile(  # `--token …`, in such a text
    rf"(?P<key>--?(?:[a-z0-9]{{1,64}}[_-]){{0,8}}{_NAMES}[\"']?[\s,=]+[\"']?)(?P<value>[^\s\"',\]]+)",
    re.IGNORECASE,
)


def literal_secrets(data: Mapping[str, Any]) -> Iterator[tuple[Pointer, bool]]:
    """Find values and keys that look like secrets.

    Yields:
        The pointer, and whether the secret is the value (otherwise the key).
    """
    yield from _in_mapping(data, ())


def without_secrets(text: str, known: Iterable[str] = ()) -> str:
    """Return a text with all secrets replaced by asterisks.

    Args:
        known: secrets to redact besides those recognized by their form.
    """
    redactable = (secret_text for secret_text in known if len(secret_text) >= SHORTEST)
    for secret in sorted(redactable, key=len, reverse=True):
        text = text.replace(secret, "*" * len(secret))
    return _FORMS.sub(lambda match: "*" * len(match[0]), text)


def covered(finding: Diagnostic, data: Mapping[str, Any] | None) -> Diagnostic:
    """Return a redacted copy of a finding about a provider file."""
    known = tuple(_texts(data)) if data is not None else ()

    def clean(text: str) -> str:
        for secret in known:  # a message shows a value's first part only where it is long
            for length in (len(secret), 57, 40):
                if SHORTEST <= length <= len(secret):
                    text = text.replace(secret[:length], "*" * length)
            text = text if len(secret) >= SHORTEST else _quoted(text, secret)
        return without_secrets(text)

    def clean_span(span: Span) -> Span:
        return covered_span(replace(span, text=clean(span.text)))

    return replace(
        finding,
        message=clean(finding.message),
        fix=None,  # its text may contain a secret
        help=None if finding.help is None else clean(finding.help),
        span=None if finding.span is None else clean_span(finding.span),
        related=tuple(
            replace(related_place, message=clean(related_place.message), span=clean_span(related_place.span))
            for related_place in finding.related
        ),
    )


def covered_span(span: Span) -> Span:
    """Return a span with secrets redacted in its source line, as far as the line reveals them."""
    return replace(span, text=_ARGUMENT.sub(_over, _LINE.sub(_over, without_secrets(span.text))))


def _in_mapping(data: Mapping[str, Any], way: Pointer) -> Iterator[tuple[Pointer, bool]]:
    for key, value in data.items():
        here = (*way, key)
        if _FORMS.search(key):
            yield here, False
        if way == () and key == "secrets" and isinstance(value, Mapping):
            for name, secret in value.items():
                yield from _unless_reference(secret, (*here, name))
        elif _is_secret_name(key):
            yield from _unless_reference(value, here)
        else:
            yield from _in_value(value, here)


def _in_value(value: Any, here: Pointer) -> Iterator[tuple[Pointer, bool]]:
    if isinstance(value, Mapping):
        yield from _in_mapping(value, here)
    elif isinstance(value, (tuple, list)):
        after_flag = False
        for place, item in enumerate(value):
            pointer = (*here, place)
            if isinstance(item, str) and (after_flag or _FLAG_WITH_VALUE.match(item)):
                yield pointer, True
            else:
                yield from _in_value(item, pointer)
            after_flag = isinstance(item, str) and bool(_FLAG.match(item))
    elif isinstance(value, str) and _FORMS.search(value):
        yield here, True


def _unless_reference(value: Any, here: Pointer) -> Iterator[tuple[Pointer, bool]]:
    """Yield all values that are not references, where only references are allowed."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _unless_reference(item, (*here, key))
    elif isinstance(value, (tuple, list)):
        for place, item in enumerate(value):
            yield from _unless_reference(item, (*here, place))
    elif isinstance(value, str):
        if value and (not _REFERENCE.match(value) or _FORMS.search(value)):
            yield here, True
    elif value is not None and not isinstance(value, bool):
        yield here, True


def _texts(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the text of every secret in a document."""
    for way, is_value in literal_secrets(data):
        value: Any = data
        for step in way if is_value else ():
            value = value[step]
        if is_value:
            yield str(value)


def _is_secret_name(key: str) -> bool:
    return bool(_KEY.match(_CAMEL.sub("_", key)))


def _over(match: re.Match[str]) -> str:
    value = match["value"].rstrip()
    if _REFERENCE.match(value.strip("\"'")):
        return match[0]
    return match["key"] + "*" * len(value) + match["value"][len(value) :]


def _quoted(text: str, secret: str) -> str:
    """Redact a short secret only as a separate word."""
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])", "*" * len(secret), text)
