"""The changelog of a release: an empty section for later changes, then the dated section of the version."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

faults = runpy.run_path(str(Path(__file__).resolve().parents[2] / "tools/release_check.py"))[
    "changelog_faults"
]
UNRELEASED = "# Changelog\n\n## [Unreleased]\n\n"


@pytest.mark.parametrize(
    ("changelog", "expected"),
    [
        (f"{UNRELEASED}## [1.2.0] - 2026-12-01\n\n- x\n\n## [1.1.0] - 2026-11-01\n", []),
        ("", ["an empty `## [Unreleased]`", "`## [1.2.0] - YYYY-MM-DD`"]),
        (UNRELEASED, ["`## [1.2.0] - YYYY-MM-DD`"]),
        (f"{UNRELEASED}- x\n\n## [1.2.0] - 2026-12-01\n", ["an empty `## [Unreleased]`"]),
        (f"{UNRELEASED}## [1.1.0] - 2026-12-01\n", ["`## [1.2.0] - YYYY-MM-DD`"]),
        (f"{UNRELEASED}## [1.2.0]\n", ["`## [1.2.0] - YYYY-MM-DD`"]),
        (f"{UNRELEASED}## [1.2.0] - 1 December\n", ["`## [1.2.0] - YYYY-MM-DD`"]),
        (f"{UNRELEASED}## [1.2.0] - 2026-12-02\n", ["later than the last commit"]),
    ],
)
def test_the_changelog_of_a_release(changelog: str, expected: list[str]) -> None:
    found = list(faults(changelog, "1.2.0", "2026-12-01"))
    assert len(found) == len(expected)
    assert all(text in fault for text, fault in zip(expected, found, strict=True)), found
