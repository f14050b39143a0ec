"""YAML text of definitions: fields in schema order, with comments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from stepwell.model import schema
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.document import freeze, thaw
from stepwell.source.python import Remark
from stepwell.source.read import read_text
from stepwell.source.yaml_writer import to_yaml

__all__ = ["file_text", "in_schema_order"]

_WIDTH: Final = 100
_NOTHING: Final[Mapping[str, str]] = {}


def in_schema_order(form: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Sort fields in schema order, custom fields last."""
    known = [key for key in schema.fields(form) if key in data]
    return {key: data[key] for key in (*known, *(key for key in data if key not in known))}


def file_text(
    data: Mapping[str, Any],
    remarks: Sequence[Remark] = (),
    verbatim: Mapping[str, str] = _NOTHING,
    schema_path: str = "",
) -> str | Diagnostic:
    """Return the text of a YAML file, or a finding if the fields cannot be represented.

    Args:
       verbatim: YAML text of fields, used if equivalent.
       schema_path: relative path of the schema; empty for none.
    """
    head = f"# yaml-language-server: $schema={schema_path}\n" if schema_path else ""
    for written, told in ((verbatim, remarks), (_NOTHING, remarks), (_NOTHING, ())):
        text = head + "".join(_pieces(data, told, written))
        read = read_text("definition.yaml", text.encode())
        if not isinstance(read, Diagnostic) and read.data == freeze(thaw(data)):
            return text
    return read if isinstance(read, Diagnostic) else text


def _pieces(data: Mapping[str, Any], remarks: Sequence[Remark], verbatim: Mapping[str, str]) -> Iterator[str]:
    yield from (_comment(remark.text) for remark in remarks if remark.field not in data)
    for key, value in data.items():
        yield from (_comment(remark.text) for remark in remarks if remark.field == key)
        yield verbatim.get(key) or to_yaml({key: thaw(value)})


def _comment(text: str) -> str:
    shown = "".join(
        one if one.isprintable() or one == "\t" else one.encode("unicode_escape").decode("ascii")
        for one in text
    )
    return f"# {shown}\n"
