"""Reads a file or text as a Document, or returns the finding that explains the failure."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from stepwell.source.document import Document, FrozenMapping, TextMap, Unreadable, freeze_mapping, span_of

if TYPE_CHECKING:
    from stepwell.source.diagnostic import Diagnostic

__all__ = [
    "MAX_BYTES",
    "SUFFIXES",
    "document_of",
    "parse",
    "read",
    "read_bytes",
    "read_text",
    "read_with_status",
    "too_large",
]

MAX_BYTES: Final = 1024 * 1024
SUFFIXES: Final = {".yaml": "yaml", ".yml": "yaml", ".toml": "toml"}
"""File extensions of definitions and their formats."""

_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
_NONCHARACTERS: Final = "\ufffe\uffff"
"""With ``_FORBIDDEN``, everything that is not ``c-printable`` (YAML 1.2.2 section 5.1)."""

_OPEN_FLAGS: Final = (
    os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)


def read(root: str, path: str) -> Document | Diagnostic:
    """Read one file of a project.

    Args:
        path: relative to ``root``, with ``/``.
    """
    content = read_bytes(root, path)
    return read_text(path, content) if isinstance(content, bytes) else content


def read_bytes(root: str, path: str) -> bytes | Diagnostic:
    """Return the bytes of a regular file of at most ``MAX_BYTES``, or a finding."""
    content = read_with_status(root, path)
    return content[0] if isinstance(content, tuple) else content


def read_with_status(root: str, path: str) -> tuple[bytes, os.stat_result] | Diagnostic:
    """Return the bytes of a file, and its status before they were read; or a finding."""
    try:
        # Not blocking: a named pipe that took the file's place after it was listed must not hang us.
        handle = os.open(f"{root}/{path}", _OPEN_FLAGS)
    except OSError as error:
        return _cannot_read(path, error)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return _rejected(path, "unreadable-file", "this is not a regular file", None)
        if status.st_size > MAX_BYTES:
            return too_large(path)
        content = os.read(handle, status.st_size + 1)
        if len(content) != status.st_size:  # the file changed, or the read was short
            while more := os.read(handle, 65536):
                content += more
                if len(content) > MAX_BYTES:
                    return too_large(path)
    except OSError as error:
        return _cannot_read(path, error)
    finally:
        os.close(handle)
    return content, status


def read_text(path: str, content: bytes) -> Document | Diagnostic:
    """Return the content of one file as a document, or the first reason why it is none.

    Args:
        path: relative to the project, with ``/``; its suffix selects the format.
    """
    document, faults = parse(path, content)
    return faults[0] if document is None or faults else document


def parse(path: str, content: bytes) -> tuple[Document | None, tuple[Diagnostic, ...]]:
    """Return the content of one file as far as its structure can be followed, and every fault in it.

    A document with faults serves to check the rest of the file, never to define anything.

    Args:
        path: relative to the project, with ``/``; its suffix selects the format.
    """
    if len(content) > MAX_BYTES:
        return None, (too_large(path),)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        return None, (_not_utf8(path, content, error),)
    form = SUFFIXES[path[path.rfind(".") :]]
    plain = _flat(text) if form == "yaml" else None
    if plain is not None:
        return Document(path, text, FrozenMapping(plain), _locate_yaml, True), ()
    text = text.removeprefix("\ufeff")
    try:
        data, faults = _load(form, text)
    except Unreadable as fault:
        return None, (_diagnostic(path, text, _merge_conflict(text) or fault),)
    document = Document(path, text, freeze_mapping(data), _LOCATE[form])
    return document, tuple(_diagnostic(path, text, fault) for fault in faults)


def document_of(path: str, content: bytes, flat: bool, data: Mapping[str, Any]) -> Document:
    """Return the document of a file that was read before without faults.

    Args:
        flat: whether it was read by the reader of flat files.
        data: its plain data.
    """
    if flat:
        return Document(path, content.decode("utf-8"), FrozenMapping(data), _locate_yaml, True)
    text = content.decode("utf-8").removeprefix("\ufeff")
    return Document(path, text, freeze_mapping(data), _LOCATE[SUFFIXES[path[path.rfind(".") :]]])


def _diagnostic(path: str, text: str, fault: Unreadable) -> Diagnostic:
    from stepwell.source.diagnostic import Diagnostic, Related, Severity

    related = tuple(Related(message, span_of(path, text, place)) for message, place in fault.related)
    span = span_of(path, text, fault.stretch)
    return Diagnostic(fault.id, Severity.ERROR, fault.message, span, fault.help, related)


_CONFLICT: Final = re.compile(r"^(?:(?:<{7}|\|{7}|>{7})(?: .*)?|={7})$", re.MULTILINE)


def _merge_conflict(text: str) -> Unreadable | None:
    """Return the fault of a text that contains markers of an unresolved merge, in YAML or TOML."""
    marker = _CONFLICT.search(text)
    if marker is None:
        return None
    return Unreadable(
        "merge-conflict",
        "unresolved merge conflict",
        marker.span(),
        "merge both sides, and remove the lines of `<<<<<<<`, `|||||||`, `=======` and `>>>>>>>`",
    )


def _load(form: str, text: str) -> tuple[dict[str, Any], list[Unreadable]]:
    match = _FORBIDDEN.search(text)
    at = match.start() if match else max(map(text.find, _NONCHARACTERS))
    if at >= 0:
        stretch = (at, at + 1)
        if text[at] == "\0":
            raise Unreadable("binary-file", "the file is binary: it contains a NUL character", stretch)
        message = f"the control character U+{ord(text[at]):04X} is not allowed"
        raise Unreadable("control-character", message, stretch, "remove it, or escape it in double quotes")
    if form == "toml":
        from stepwell.source import toml

        data, faults = toml.load(text)
        if not data:
            raise Unreadable(
                "empty-file",
                "the file is empty",
                (0, 0),
                "add the fields of a definition, or delete the file",
            )
        return data, faults
    from stepwell.source import yaml

    return yaml.load(text)


def _flat(text: str) -> dict[str, Any] | None:
    from stepwell.source import yaml_flat  # not needed for documents from a cache

    return yaml_flat.load(text)


@lru_cache(maxsize=64)
def _locate_yaml(text: str) -> TextMap:
    from stepwell.source import yaml_flat

    places = yaml_flat.locate(text)
    if places is not None:
        return places
    from stepwell.source import yaml

    return yaml.locate(text)


@lru_cache(maxsize=64)
def _locate_toml(text: str) -> TextMap:
    from stepwell.source import toml

    return toml.locate(text)


_LOCATE: Final = {"yaml": _locate_yaml, "toml": _locate_toml}


def _cannot_read(path: str, error: OSError) -> Diagnostic:
    if error.errno == errno.ENOENT:
        return _rejected(
            path, "unreadable-file", "the file was deleted during the read, or its link is broken", None
        )
    reason = os.strerror(error.errno).lower() if error.errno else str(error)
    return _rejected(
        path, "unreadable-file", f"cannot read the file: {reason}", "check its permissions and links"
    )


def too_large(path: str) -> Diagnostic:
    """Return the finding about a file that exceeds the size limit."""
    return _rejected(
        path,
        "too-large",
        f"the file is larger than {MAX_BYTES // 1024} KiB",
        "move data to another file",
    )


def _not_utf8(path: str, content: bytes, error: UnicodeDecodeError) -> Diagnostic:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _rejected(path, "not-utf-8", "the file is encoded as UTF-16", "save it as UTF-8")
    if b"\0" in content:
        return _rejected(path, "binary-file", "the file is binary", "write definitions as UTF-8 text")
    before = content[: error.start].decode("utf-8")
    text = before + content[error.start :].decode("utf-8", "replace")
    byte = content[error.start]
    shown = bytes([byte]).decode("latin-1")
    meant = f" (in Latin-1 this byte is `{shown}`)" if shown.isprintable() else ""
    from stepwell.source.diagnostic import Diagnostic, Severity

    return Diagnostic(
        "not-utf-8",
        Severity.ERROR,
        f"byte 0x{byte:02X} is not UTF-8",
        span_of(path, text, (len(before), len(before) + 1)),
        f"save the file as UTF-8{meant}",
    )


def _rejected(path: str, rule: str, message: str, help_text: str | None) -> Diagnostic:
    from stepwell.source.diagnostic import Diagnostic, Severity, Span

    return Diagnostic(rule, Severity.ERROR, message, Span(path), help_text)
