"""JUnit XML for build servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepwell.source.diagnostic import Diagnostic, Severity
from stepwell.source.escape_control import findable, visible
from stepwell.source.excerpt import block

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepwell.frontends.render.report import Report

__all__ = ["render"]

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


def render(report: Report, **_unused: object) -> Iterator[str]:
    """Yield a test suite in ASCII with a test case per finding, or a passing one without findings.

    Viewers group cases by ``classname`` (the file) and merge cases with the same name, so the name contains
    rule, line, column and, if needed, a number. Errors and warnings are failures, infos skipped cases.
    """
    skipped = report.with_severity(Severity.INFO)
    totals = (
        f'tests="{max(1, len(report.diagnostics))}" failures="{len(report.diagnostics) - skipped}"'
        f' errors="0" skipped="{skipped}" time="{report.seconds:.3f}"'
    )
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<testsuites name="stepwell" {totals}>\n<testsuite name="stepwell check" {totals}>\n'
    names: dict[tuple[str, str], int] = {}
    for finding in report.diagnostics:
        yield _case(finding, names)
    if not report.diagnostics:
        yield '<testcase classname="stepwell" name="no findings" time="0"/>\n'
    yield "</testsuite>\n</testsuites>\n"


def _case(finding: Diagnostic, names: dict[tuple[str, str], int]) -> str:
    name, group, place = finding.id, "stepwell", ""
    if finding.span is not None:
        name += f" at {finding.span.line}:{finding.span.column}"
        group = _xml(finding.span.path)
        place = f' file="{group}" line="{finding.span.line}"'
    number = names[group, name] = names.get((group, name), 0) + 1
    if number > 1:
        name += f" ({number})"
    opening = f'<testcase classname="{group}" name="{_xml(name)}"{place} time="0">'
    result = "skipped" if finding.severity is Severity.INFO else "failure"
    outcome = f'{result} type="{finding.severity.value}" message="{_xml(visible(finding.message))}"'
    body = "\n".join(_xml(line) for line in block(finding, color=False).split("\n"))
    return f"{opening}<{outcome}>{body}</{result}></testcase>\n"


def _xml(text: str) -> str:
    """Escape text for XML, limited to characters that XML 1.0 section 2.2 allows."""
    return findable(text).translate(_ENTITIES).encode("ascii", "xmlcharrefreplace").decode("ascii")
