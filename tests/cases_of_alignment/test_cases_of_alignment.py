"""Each folder here is a case of alignment: a project, and beside it every finding, in order, with its places.

``STEPWELL_UPDATE_CASES=1 pytest tests/cases_of_alignment`` rewrites what is expected; the difference is
reviewed.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import stepwell
from stepwell.check.catalog import ALIGNMENT_LEVELS, rules
from stepwell.code.alignment import align, every_finding
from stepwell.source.diagnostic import Span

HERE = Path(__file__).resolve().parent
CASES = sorted(path.name for path in HERE.iterdir() if (path / "project").is_dir())
UPDATE = os.environ.get("STEPWELL_UPDATE_CASES") == "1"
IDS = [rule.id for occasion in ALIGNMENT_LEVELS.values() for rule in rules(occasion)]


def _place(root: Path, span: Span | None) -> dict[str, Any]:
    assert span is not None
    lines = (root / span.path).read_text(encoding="utf-8").split("\n")
    assert span.column <= len(lines[span.line - 1]) + 1
    if span.text:
        assert lines[span.line - 1] == span.text
    return {name: getattr(span, name) for name in ("path", "line", "column", "end_line", "end_column")}


@pytest.mark.parametrize("case", CASES)
def test_case(case: str, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(HERE / case / "project", root)
    registry = stepwell.open(root)
    assert registry.diagnostics == ()
    views = (registry.view(), *map(registry.view, registry.workspaces))
    aligned = align(registry.project, registry.snapshot, registry.code.index(), views)
    told = [
        {
            "id": one.id,
            "severity": one.severity.value,
            "message": one.message,
            **_place(root, one.span),
            "help": one.help,
            "related": [{"message": other.message, **_place(root, other.span)} for other in one.related],
        }
        for one in every_finding(registry.project, aligned, judge_ignores=True)
    ]
    got = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    stored = HERE / case / "expected.json"
    if UPDATE:
        stored.write_text(got, encoding="utf-8")
    assert got == stored.read_text(encoding="utf-8")


@pytest.mark.parametrize("rule_id", IDS)
def test_every_rule_has_a_good_and_a_bad_case(rule_id: str) -> None:
    good, bad = (HERE / f"rule-{rule_id}-{kind}" / "expected.json" for kind in ("passes", "fails"))
    assert json.loads(good.read_text(encoding="utf-8")) == []
    assert [one["id"] for one in json.loads(bad.read_text(encoding="utf-8"))] == [rule_id]
