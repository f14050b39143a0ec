"""Writes plain data as YAML that round-trips."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import yaml

__all__ = ["to_yaml"]

_WIDTH: Final = 100
_SURPRISING: Final = frozenset("\x85\u2028\u2029\ufeff")


def to_yaml(data: Any, *, ascii_only: bool = False) -> str:
    """Return a YAML document; unprintable characters are escaped.

    Args:
        data: plain data of ``dict``, ``list`` and scalars.
    """
    if isinstance(data, dict) and data:
        try:
            return "".join(_mapping(data, 0))
        except _NotSimple:
            pass
    text = _dump(data, allow_unicode=not ascii_only)
    return text if text.replace("\n", "").isprintable() else _dump(data, allow_unicode=False)


class _NotSimple(Exception):
    """Data that needs PyYAML."""


_DECIMAL: Final = re.compile(r"-?[0-9]+\.[0-9]+").fullmatch
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}").fullmatch
_SENTENCE: Final = re.compile(r"(?:[A-Za-z_/]|--?[A-Za-z_])(?:[!-\"$-9;-~]| (?=[!-\"$-9;-~]))*").fullmatch
"""ASCII without `: ` and ` #`, and with single spaces only."""
_OTHER_TYPE: Final = re.compile(r"[A-Za-z0-9.+-]{0,20}").fullmatch
_INDICATED: Final = re.compile(r"[!%&*>@|\[{](?:[!-&(-~]| (?=[!-&(-~]))*").fullmatch
"""ASCII that begins with an indicator, without single quotes."""
_BOOLEANS: Final = frozenset(
    form for word in ("yes", "no", "on", "off") for form in (word, word.title(), word.upper())
)
"""Words that YAML 1.1 reads as booleans."""
_NO_TEXT: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off"})


def _mapping(data: dict[Any, Any], indent: int) -> Iterator[str]:
    """Yield the lines of a mapping as PyYAML writes them, which takes far longer to import than to write.

    Raises:
        _NotSimple: PyYAML is needed.
    """
    for key, value in data.items():
        if not isinstance(key, str) or _WORD(key) is None or key.lower() in _NO_TEXT:
            raise _NotSimple
        start = f"{' ' * indent}{key}:"
        if isinstance(value, dict) and value:
            yield f"{start}\n"
            yield from _mapping(value, indent + 2)
        elif isinstance(value, list) and value:
            yield f"{start}\n"
            for item in value:
                yield _scalar(f"{' ' * (indent + 2)}-", item, indent + 4)
        else:
            yield _scalar(start, value, indent + 2)


def _scalar(start: str, value: Any, indent: int) -> str:
    if isinstance(value, str):
        if _SENTENCE(value) is not None and value.lower() not in _NO_TEXT:
            return _folded(start, value, indent)
        if len(start) + len(value) + 3 <= _WIDTH:
            if _OTHER_TYPE(value) is not None and _is_other_type(value):
                return f'{start} "{value}"\n'
            if _INDICATED(value) is not None or value in _BOOLEANS:
                return f"{start} '{value}'\n"
        raise _NotSimple
    if value is None or isinstance(value, bool):
        return f"{start} {'null' if value is None else str(value).lower()}\n"
    if type(value) is int or (type(value) is float and _DECIMAL(repr(value)) is not None):
        return f"{start} {value!r}\n"
    if isinstance(value, (list, dict)) and not value:
        return f"{start} {'{}' if isinstance(value, dict) else '[]'}\n"
    raise _NotSimple


def _is_other_type(text: str) -> bool:
    """Return whether a plain scalar of YAML 1.2 is no text."""
    from stepwell.source import scalars

    return scalars.resolve(text) != text


def _folded(start: str, text: str, indent: int) -> str:
    """Break a text at the first space after the width."""
    if len(start) + 1 + len(text) <= _WIDTH:
        return f"{start} {text}\n"
    first, *words = text.split(" ")
    lines = [f"{start} {first}"]
    for word in words:
        if len(lines[-1]) > _WIDTH:
            lines.append(f"{' ' * indent}{word}")
        else:
            lines[-1] += f" {word}"
    return "\n".join(lines) + "\n"


def _dump(data: Any, *, allow_unicode: bool) -> str:
    import yaml

    text: str = yaml.dump(data, Dumper=_dumper(), sort_keys=False, allow_unicode=allow_unicode, width=_WIDTH)
    return text


@cache
def _dumper() -> type[yaml.SafeDumper]:
    """Return PyYAML's dumper with quotes for strings that YAML 1.2 would read as another type."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - repeated values are written out
            return True

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
            super().increase_indent(flow, indentless=False)

    def text(dumper: Dumper, value: str) -> yaml.ScalarNode:
        style = None
        try:
            plain = not _is_other_type(value)
        except OverflowError:
            plain = False
        if not plain or not _SURPRISING.isdisjoint(value):
            style = '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return Dumper
