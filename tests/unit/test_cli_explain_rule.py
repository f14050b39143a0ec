"""``stepwell explain-rule``: the page of each id."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stepwell.check.catalog import FIXED_PAGES, RULES

if TYPE_CHECKING:
    from tests.conftest import RunStepwell

IDS = sorted([*RULES, *FIXED_PAGES])


def test_all_ids_are_listed_outside_any_project(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    ran = run_stepwell("explain-rule", cwd=tmp_path)
    assert (ran.exit_code, ran.stderr) == (0, "")
    rows = [
        re.fullmatch(r"([a-z0-9-]+) +(error|warning|info) +(\S.*)", line) for line in ran.stdout.splitlines()
    ]
    assert None not in rows
    assert [row[1] for row in rows if row] == IDS
    assert len({row.start(3) for row in rows if row}) == 1
    assert "shadows-core               warning  " in ran.stdout


def test_a_page_of_a_rule(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    ran = run_stepwell("explain-rule", "shadows-core", cwd=tmp_path)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == f"shadows-core (by default warning)\n\n{RULES['shadows-core'].page}\n"


def test_a_page_of_a_fixed_id(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    ran = run_stepwell("explain-rule", "duplicate-key", cwd=tmp_path)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == f"duplicate-key (always error)\n\n{FIXED_PAGES['duplicate-key']}\n"


@pytest.mark.parametrize(
    ("rule_id", "message"),
    [
        ("shadow-core", "unknown rule `shadow-core` (did you mean `shadows-core`?)"),
        ("Duplicate-Key", "unknown rule `Duplicate-Key` (did you mean `duplicate-key`?)"),
        ("nonsense", "unknown rule `nonsense` (run `stepwell explain-rule` for a list)"),
        ("", "unknown rule `` (run `stepwell explain-rule` for a list)"),
    ],
)
def test_an_unknown_id_is_one_line(
    run_stepwell: RunStepwell, tmp_path: Path, rule_id: str, message: str
) -> None:
    ran = run_stepwell("explain-rule", rule_id, cwd=tmp_path)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (2, "", f"error: {message}\n")
