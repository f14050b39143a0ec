"""Writes plain data as YAML that round-trips."""

from __future__ import annotations

from typing import Any, Final, final

import yaml

from stepwell.source import scalars

__all__ = ["to_yaml"]


@final
class _Dumper(yaml.SafeDumper):
    """PyYAML's dumper with quotes for strings that YAML 1.2 would read as another type."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - repeated values are written out
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, indentless=False)


_SURPRISING: Final = frozenset("\x85\u2028\u2029\ufeff")


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    style = None
    try:
        plain = scalars.resolve(value) == value
    except OverflowError:
        plain = False
    if not plain or not _SURPRISING.isdisjoint(value):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def to_yaml(data: Any, *, ascii_only: bool = False) -> str:
    """Return a YAML document; unprintable characters are escaped.

    Args:
        data: plain data of ``dict``, ``list`` and scalars.
    """
    text = _dump(data, allow_unicode=not ascii_only)
    return text if text.replace("\n", "").isprintable() else _dump(data, allow_unicode=False)


def _dump(data: Any, *, allow_unicode: bool) -> str:
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=allow_unicode, width=100)
    return text
