"""A file within the size limit costs what it is worth, whatever it is made of."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import stepwell
from stepwell.check.file import hide
from stepwell.check.rule import Ignore, by_place, ignores_in
from stepwell.model.settings import open_project
from stepwell.resolve.layout import lay_out
from stepwell.source.diagnostic import Diagnostic, Severity, Span, capped
from stepwell.source.document import Document
from stepwell.source.read import read, read_text

Project = Callable[[Mapping[str, "str | bytes"]], Path]
STEP = "name: Scoring\ndescription: Score a batch.\n"


def test_aliases_cannot_multiply_a_long_text() -> None:
    text = f"{STEP}x-a: &a {'a' * 300_000}\nx-b: [{', '.join(['*a'] * 1500)}]\n"
    got = read_text("a.yaml", text.encode())
    assert isinstance(got, Diagnostic)
    assert got.id == "alias-budget"


def test_aliases_of_short_texts_are_within_the_budget() -> None:
    text = f"{STEP}x-a: &a on one line\nx-b: [{', '.join(['*a'] * 1500)}]\n"
    assert isinstance(read_text("a.yaml", text.encode()), Document)


def test_the_findings_of_one_line_share_its_text(project: Project) -> None:
    items = ", ".join(str(number) for number in range(500))
    registry = stepwell.open(project({"registry.d/steps/scoring.yaml": f"{STEP}aliases: [{items}]\n"}))
    texts = [found.span.text for found in registry.diagnostics if found.span is not None]
    assert len(texts) == 500
    assert len({id(text) for text in texts}) == 1


def test_a_file_lists_at_most_a_thousand_findings_and_counts_the_others(project: Project) -> None:
    items = "".join(f"  - {number}\n" for number in range(60_000))
    root = project(
        {
            "registry.d/steps/scoring.yaml": f"{STEP}aliases:\n{items}",
            "registry.d/steps/ranking.yaml": "name: Ranking\ndescripton: x\n",
        }
    )
    found = stepwell.open(root).diagnostics
    about = [finding for finding in found if finding.span and finding.span.path.endswith("scoring.yaml")]
    assert len(about) == 1001
    (rest,) = (finding for finding in about if finding.id == "omitted-findings")
    assert rest.message == "59000 more findings in this file not listed"
    assert rest.severity is Severity.ERROR
    assert [finding.id for finding in found if finding not in about] == ["unknown-field"]


def test_errors_are_listed_before_warnings() -> None:
    def finding(number: int, severity: Severity) -> Diagnostic:
        return Diagnostic("x", severity, str(number), Span("a.yaml", number))

    warnings = tuple(finding(number, Severity.WARNING) for number in range(1, 1500))
    error = finding(2000, Severity.ERROR)
    listed = capped((*warnings, error))
    assert error in listed
    assert listed[-1].message == "500 more findings in this file not listed"
    assert listed[-1].severity is Severity.WARNING


def test_many_comments_and_many_findings_are_matched_once_each() -> None:
    span = Span("a.yaml", 1)
    index = by_place(Ignore("naming-style", line, span) for line in range(25_000))
    findings = (
        Diagnostic("naming-style", Severity.WARNING, "x", Span("a.yaml", line)) for line in range(60_000)
    )
    shown, used = hide(findings, index)
    assert (len(shown), len(used)) == (35_000, 25_000)


def test_ignore_comments_cost_no_more_each_when_there_are_many() -> None:
    assert _seconds(4000) < 24 * _seconds(500)  # eight times as many


def _seconds(comments: int) -> float:
    lines = "".join(f"x-{number}: v # stepwell: ignore[a]\n" for number in range(comments))
    taken = []
    for attempt in range(3):  # another text each time, so that nothing is remembered
        document = read_text("a.yaml", f"{STEP}{lines}x-attempt: {attempt}\n".encode())
        assert isinstance(document, Document)
        began = time.thread_time()
        assert len(ignores_in(document)) == comments
        taken.append(time.thread_time() - began)
    return min(taken)


@pytest.mark.parametrize("instead", ["nothing", "a folder"])
def test_a_file_that_vanishes_after_it_was_listed_is_reported(instead: str, project: Project) -> None:
    root = project({"registry.d/steps/scoring.yaml": STEP, "registry.d/steps/ranking.yaml": STEP})
    opened = open_project(str(root))
    path = "registry.d/steps/scoring.yaml"
    assert path in [listed.path for listed in lay_out(opened).core]
    (root / path).unlink()
    if instead == "a folder":
        (root / path).mkdir()
    got = read(opened.root, path)
    assert isinstance(got, Diagnostic)
    assert got.id == "unreadable-file"
    assert got.message == (
        "the file was deleted during the read, or its link is broken"
        if instead == "nothing"
        else "this is not a regular file"
    )
