"""SARIF 2.1.0 (OASIS standard) for code scanning services and editors, with rules and help."""

from __future__ import annotations

import json
import re
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from stepwell.source.diagnostic import Diagnostic, Fix, Severity, Span
from stepwell.source.escape_control import well_formed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stepwell.frontends.render.report import Report, RulePage

__all__ = ["render"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "SRCROOT"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_BRACES = str.maketrans({"{": "{{", "}": "}}"})


def render(report: Report, *, rules: Mapping[str, RulePage], **_unused: object) -> Iterator[str]:
    """Yield a SARIF log in ASCII with one run, one rule or result per line."""
    ids = sorted({*rules, *(finding.id for finding in report.diagnostics)})
    index = {rule_id: place for place, rule_id in enumerate(ids)}
    version = json.dumps(report.tool_version)
    yield f'{{"$schema": "{_SCHEMA}", "version": "2.1.0", "runs": [{{\n'
    yield f'"tool": {{"driver": {{"name": "Stepwell", "version": {version}, "rules": ['
    yield from _items(_rule(rule_id, rules.get(rule_id)) for rule_id in ids)
    yield ']}},\n"columnKind": "unicodeCodePoints",\n"originalUriBaseIds": '
    yield json.dumps({_ROOT: {"description": {"text": "Top of the git repository, or the project folder."}}})
    yield ',\n"results": ['
    seen: Counter[str] = Counter()
    yield from _items(_result(finding, index[finding.id], seen) for finding in report.diagnostics)
    yield "]}]}\n"


def _items(values: Iterator[dict[str, Any]]) -> Iterator[str]:
    separator = "\n"
    for value in values:
        yield separator + json.dumps(value)
        separator = ",\n"


def _rule(rule_id: str, page: RulePage | None) -> dict[str, Any]:
    if page is None:
        return {"id": rule_id}
    severity = page.default_severity
    return {
        "id": rule_id,
        "shortDescription": _message(page.summary),
        "fullDescription": _message(page.summary),
        "help": {**_message(page.markdown), "markdown": _message(page.markdown)["text"]},
        "defaultConfiguration": {"enabled": False} if severity is None else {"level": _LEVELS[severity]},
    }


def _result(finding: Diagnostic, rule_index: int, seen: Counter[str]) -> dict[str, Any]:
    text = finding.message if not finding.help else f"{finding.message}\nhelp: {finding.help}"
    result: dict[str, Any] = {
        "ruleId": finding.id,
        "ruleIndex": rule_index,
        "level": _LEVELS[finding.severity],
        "message": _message(text),
    }
    if finding.span is not None:
        result["locations"] = [_location(finding.span)]
    if finding.related:
        result["relatedLocations"] = [
            {"id": number, **_location(other.span), "message": _message(other.message)}
            for number, other in enumerate(finding.related, start=1)
        ]
    if finding.fix is not None and finding.fix.edits:
        result["fixes"] = [_fix(finding.fix)]
    content = _content(finding)
    result["partialFingerprints"] = {
        "stepwell/v1": sha256(f"{content}\0{seen[content]}".encode()).hexdigest(),
    }
    seen[content] += 1
    return result


def _fix(fix: Fix) -> dict[str, Any]:
    path = fix.edits[0].span.path
    return {
        "description": _message(fix.message),
        "artifactChanges": [
            {
                "artifactLocation": {"uri": _uri(path), "uriBaseId": _ROOT},
                "replacements": [
                    {"deletedRegion": _region(edit.span), "insertedContent": {"text": well_formed(edit.text)}}
                    for edit in fix.edits
                ],
            }
        ],
    }


def _content(finding: Diagnostic) -> str:
    """Return the identity of a finding, independent of lines above it (section 3.27.17).

    Numbers in the message are ignored because they may be line numbers; identical findings are numbered.
    """
    path, text = ("", "") if finding.span is None else (finding.span.path, finding.span.text.strip())
    return well_formed("\0".join((finding.id, path, text, re.sub(r"\d+", "0", finding.message))))


def _location(span: Span) -> dict[str, Any]:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(span.path), "uriBaseId": _ROOT},
            "region": _region(span),
        }
    }


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _uri(path: str) -> str:
    """Return a relative reference (RFC 3986 section 4.2); bytes that are not UTF-8 are preserved."""
    try:
        return quote(path.encode("utf-8", "surrogateescape"), safe="/")
    except UnicodeEncodeError:
        return quote(well_formed(path), safe="/")


def _message(text: str) -> dict[str, str]:
    """Return a message object; braces are doubled, since single ones are placeholders (section 3.11.5)."""
    return {"text": well_formed(text).translate(_BRACES)}
