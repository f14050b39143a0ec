"""Checks plain data from code with the same rules as a definition file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from stepwell.check import catalog
from stepwell.check.file import CheckedFile, check_document
from stepwell.model.layer import Listed
from stepwell.model.settings import Settings
from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.document import Document, FrozenMapping, Pointer, no_places, thaw
from stepwell.source.read import read_text

__all__ = ["check_mapping", "plain_copy", "written_out"]

_MAX_DEPTH: Final = 64
_INTEGERS: Final = range(-(2**63), 2**63)


class _NotPlain(ValueError):
    """Data that a definition file cannot represent."""

    def __init__(self, rule: str, message: str, help_text: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.help = help_text


def check_mapping(data: Any, listed: Listed, settings: Settings, today: date) -> CheckedFile:
    """Check a copy of a step definition from code with the rules for files, except those for file names.

    Args:
        listed: identity of the definition; findings show its path.
    """
    try:
        plain = _fields(data)
    except _NotPlain as error:
        span = Span(listed.path)
        finding = Diagnostic(error.rule, Severity.ERROR, str(error), span, error.help)
        return CheckedFile(listed, None, span, None, (finding,))
    document = Document(listed.path, "", plain, no_places)
    rules = catalog.active("plugin file", settings.severities)
    checked = check_document(listed, document, settings, today, rules)
    if checked.diagnostics:
        return check_document(listed, written_out(document), settings, today, rules)
    return checked


def plain_copy(data: Any) -> Any:
    """Return a read-only copy of plain data.

    Raises:
        ValueError: a value is not plain data; the message names it.
    """
    return _copied(data, ())


def written_out(document: Document) -> Document:
    """Return a document with its YAML text, so that findings have locations."""
    from stepwell.source.yaml_writer import to_yaml

    text = to_yaml(thaw(document.data))
    read = read_text(f"{document.path}.yaml", text.encode())
    if isinstance(read, Diagnostic):  # too large for a file, so findings have no locations
        return document
    return Document(document.path, text, document.data, read.locate)


def _fields(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise _NotPlain(
            "not-a-mapping", f"a step must be a mapping of fields, got {_article(data)}", "pass a mapping"
        )
    fields: Mapping[str, Any] = _copied(data, ())
    return fields


def _copied(value: Any, pointer: Pointer) -> Any:
    """Return a read-only copy of plain data, built from built-in types.

    Raises:
        _NotPlain: YAML and JSON cannot represent a value.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, pointer)
    if isinstance(value, int):
        if value not in _INTEGERS:
            raise _NotPlain(
                "number-out-of-range", f"{_what(pointer)} does not fit in 64 bits", "quote it if it is text"
            )
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _NotPlain("number-out-of-range", f"{_what(pointer)} is not a finite number", "remove it")
        return float(value)
    if len(pointer) >= _MAX_DEPTH:
        raise _NotPlain(
            "too-deeply-nested", f"values are nested more than {_MAX_DEPTH} levels deep", "flatten the data"
        )
    if isinstance(value, Mapping):
        copy: dict[str, Any] = {}
        for key, item in value.items():
            if not isinstance(key, str):
                raise _NotPlain(
                    "non-string-key",
                    f"a key of {_what(pointer)} must be a string, got {_article(key)}",
                    "quote it",
                )
            name = _text(key, pointer)
            copy[name] = _copied(item, (*pointer, name))
        return FrozenMapping(copy)
    if isinstance(value, (list, tuple)):
        return tuple(_copied(item, (*pointer, index)) for index, item in enumerate(value))
    raise _NotPlain(
        "wrong-type",
        f"{_what(pointer)} must be plain data, got {_article(value)}",
        "use only strings, numbers, booleans, lists and mappings",
    )


def _text(value: str, pointer: Pointer) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _NotPlain(
                "wrong-form", f"{_what(pointer)} contains a lone surrogate", "write whole characters"
            ) from None
    return str.__str__(value)


def _what(pointer: Pointer) -> str:
    if not pointer:
        return "the step"
    return (
        "`" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in pointer).lstrip(".") + "`"
    )


def _article(value: Any) -> str:
    noun = type(value).__name__
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"
