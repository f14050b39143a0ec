"""Plain data from code to a checked definition: what code gives is held to what a file is held to."""

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
    """Data that no file could hold."""

    def __init__(self, rule: str, message: str, help_text: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.help = help_text


def check_mapping(data: Any, listed: Listed, settings: Settings, today: date) -> CheckedFile:
    """Check a step that code gives, by what a file is held to, without the name of one.

    The data is copied, so what the caller does with it afterwards changes nothing. A text to point
    into is only made when there is something to point at.

    Args:
        listed: what it stands for; its path is shown where a file's would be.
    """
    try:
        plain = _fields(data)
    except _NotPlain as refused:
        rule, span = refused.rule, Span(listed.path)
        found = Diagnostic(rule, Severity.ERROR, str(refused), span, refused.help)
        return CheckedFile(listed, None, span, None, (found,))
    document = Document(listed.path, "", plain, no_places)
    held = catalog.active("plugin file", settings.severities)
    checked = check_document(listed, document, settings, today, held)
    return (
        check_document(listed, written_out(document), settings, today, held)
        if checked.diagnostics
        else checked
    )


def plain_copy(data: Any) -> Any:
    """A read-only copy of plain data.

    Args:
        data: what code gives.

    Raises:
        ValueError: something in it is no plain data; the message says what and where.
    """
    return _copied(data, ())


def written_out(document: Document) -> Document:
    """The same data with the text of a file that would give it, so that places in it can be shown."""
    from stepwell.source.yaml_writer import to_yaml

    text = to_yaml(thaw(document.data))
    read = read_text(f"{document.path}.yaml", text.encode())
    if isinstance(read, Diagnostic):  # too much for a file: then there is no place to show
        return document
    return Document(document.path, text, document.data, read.locate)


def _fields(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise _NotPlain(
            "not-a-mapping", f"a step is a mapping of fields, and this is {_article(data)}", "name its fields"
        )
    fields: Mapping[str, Any] = _copied(data, ())
    return fields


def _copied(value: Any, pointer: Pointer) -> Any:
    """A read-only copy of plain data, of Python's own types only.

    Raises:
        _NotPlain: for what YAML and JSON could not hold.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, pointer)
    if isinstance(value, int):
        if value not in _INTEGERS:
            raise _NotPlain(
                "number-out-of-range", f"{_what(pointer)} does not fit into 64 bits", "quote it if it is text"
            )
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _NotPlain("number-out-of-range", f"{_what(pointer)} is not a finite number", "leave it out")
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
                    f"a key of {_what(pointer)} is {_article(key)}, and must be text",
                    "quote it",
                )
            word = _text(key, pointer)
            copy[word] = _copied(item, (*pointer, word))
        return FrozenMapping(copy)
    if isinstance(value, (list, tuple)):
        return tuple(_copied(item, (*pointer, place)) for place, item in enumerate(value))
    raise _NotPlain(
        "wrong-type",
        f"{_what(pointer)} must be plain data, and this is {_article(value)}",
        "plain data is text, numbers, booleans, lists and mappings",
    )


def _text(value: str, pointer: Pointer) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _NotPlain(
                "wrong-form", f"{_what(pointer)} holds half of a surrogate pair", "write whole characters"
            ) from None
    return str.__str__(value)


def _what(pointer: Pointer) -> str:
    if not pointer:
        return "the step"
    return (
        "`" + "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in pointer).lstrip(".") + "`"
    )


def _article(value: Any) -> str:
    noun = type(value).__name__
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"
