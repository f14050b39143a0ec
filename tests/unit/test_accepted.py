"""What a team has accepted: entries of ``accepted_breaks.yaml``, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stepwell.model.settings import open_project
from stepwell.review.accepted import accept, day_of
from stepwell.review.comparison import Comparison, Consumer, Effect, Level

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stepwell.source.diagnostic import Diagnostic

    Project = Callable[[Mapping[str, "str | bytes"]], Path]

LEFT = Effect(Consumer.IMPORTERS, Level.BREAKING, "name-left-table", "Scoring", "it is gone")
MOVED = Effect(Consumer.IMPORTERS, Level.RISKY, "table-reordered", "STEP_NAMES", "it moved")
BASE = Effect(Consumer.OVERLAYS, Level.BREAKING, "base-gone", "Scoring", "it is gone", "alice")
JOINED = Effect(Consumer.IMPORTERS, Level.SAFE, "name-joined-table", "Rating", "it is new")
EFFECTS = (LEFT, BASE, MOVED, JOINED)
FILE = "accepted_breaks.yaml"


def unknown(_: str) -> None:
    return None


def run(root: Path, is_past: Callable[[str], bool | None] = unknown) -> tuple[dict[str, str], list[str]]:
    effects, found = accept(open_project(str(root)), EFFECTS, is_past)
    assert [(one.key, one.level) for one in effects] == [(one.key, one.level) for one in EFFECTS]
    accepted = {one.key: one.acceptance.reason for one in effects if one.acceptance is not None}
    return accepted, [shown(one) for one in found]


def shown(found: Diagnostic) -> str:
    assert found.span is not None
    where = "" if found.span.path == FILE else f"{found.span.path}:"
    where += f"{found.span.line}:{found.span.column}"
    return f"{where} {found.severity.value}[{found.id}] {found.message}; {found.help}"


def test_an_entry_accepts_the_effect_that_it_names(project: Project) -> None:
    root = project(
        {
            FILE: "accepted:\n"
            "  - what: name-left-table:Scoring\n"
            "    reason: nobody imports it\n"
            "    until: v2\n"
            "  - {what: 'alice/base-gone:Scoring', reason: alice knows}\n"
        }
    )
    assert run(root) == (
        {"name-left-table:Scoring": "nobody imports it", "alice/base-gone:Scoring": "alice knows"},
        [],
    )


def test_an_accepted_effect_no_longer_decides_the_verdict(project: Project) -> None:
    entries = "".join(f"  - {{what: '{one.key}', reason: known}}\n" for one in (LEFT, BASE))
    effects, _ = accept(open_project(str(project({FILE: "accepted:\n" + entries}))), EFFECTS, unknown)
    assert Comparison("", "", (), EFFECTS).verdict is Level.BREAKING
    assert Comparison("", "", (), effects).verdict is Level.RISKY
    assert effects[0].acceptance is not None
    assert (effects[0].acceptance.span.line, effects[0].acceptance.span.column) == (2, 12)


@pytest.mark.parametrize("content", ["", "# nothing yet\n", "{}\n", "accepted: []\n"])
def test_a_file_that_states_nothing_accepts_nothing(content: str, project: Project) -> None:
    assert run(project({FILE: content})) == ({}, [])


def test_without_a_file_nothing_is_accepted(project: Project) -> None:
    assert run(project({})) == ({}, [])


def test_the_file_may_end_in_yml(project: Project) -> None:
    root = project({"accepted_breaks.yml": "accepted: [{what: 'name-left-table:Scoring', reason: known}]\n"})
    assert run(root) == ({"name-left-table:Scoring": "known"}, [])


def test_of_two_files_one_is_read(project: Project) -> None:
    entry = "accepted: [{what: 'name-left-table:Scoring', reason: known}]\n"
    root = project({FILE: entry, "accepted_breaks.yml": entry})
    assert run(root) == (
        {"name-left-table:Scoring": "known"},
        [
            (
                "accepted_breaks.yml:1:1 warning[stale-acceptance] `accepted_breaks.yml` is ignored "
                "because `accepted_breaks.yaml` exists; put all entries in one file"
            )
        ],
    )


def test_an_entry_that_is_over_accepts_nothing_and_is_reported(project: Project) -> None:
    root = project(
        {
            FILE: "accepted:\n"
            "- {what: 'name-left-table:Scoring', reason: known, until: 2026-01-31}\n"
            "- {what: 'alice/base-gone:Scoring', reason: known, until: v1}\n"
        }
    )
    past = {"2026-01-31": True, "v1": True}
    assert run(root, past.get) == (
        {},
        [
            (
                "2:10 warning[stale-acceptance] acceptance of `name-left-table:Scoring` expired: "
                "2026-01-31 has passed; delete the entry, or set a later expiry date"
            ),
            (
                "3:10 warning[stale-acceptance] acceptance of `alice/base-gone:Scoring` expired: v1 "
                "has passed; delete the entry, or set a later expiry date"
            ),
        ],
    )
    assert run(root, {"2026-01-31": False}.get)[0].keys() == {
        "name-left-table:Scoring",
        "alice/base-gone:Scoring",
    }


def test_an_entry_that_accepts_nothing_is_stale_and_less_so_with_an_end(project: Project) -> None:
    root = project(
        {
            FILE: "accepted:\n"
            "- {what: 'name-left-table:Scorin', reason: known}\n"
            "- {what: 'rule-raised:past-removal', reason: known, until: v9}\n"
            "- {what: 'name-joined-table:Rating', reason: known}\n"
        }
    )
    assert run(root) == (
        {},
        [
            (
                "2:10 warning[stale-acceptance] `name-left-table:Scorin` matches no effect; "
                "did you mean `name-left-table:Scoring`?"
            ),
            (
                "3:10 info[stale-acceptance] `rule-raised:past-removal` matches no effect; "
                "delete the entry once its change is released"
            ),
            (
                "4:10 warning[stale-acceptance] `name-joined-table:Rating` is safe and does not need "
                "to be accepted; delete the entry"
            ),
        ],
    )


def test_of_two_entries_for_one_effect_the_first_holds(project: Project) -> None:
    root = project(
        {
            FILE: "accepted:\n"
            "- {what: 'name-left-table:Scoring', reason: first}\n"
            "- {what: 'name-left-table:Scoring', reason: second}\n"
        }
    )
    assert run(root) == (
        {"name-left-table:Scoring": "first"},
        [
            (
                "3:10 warning[stale-acceptance] `name-left-table:Scoring` is accepted twice; "
                "delete one of the entries"
            )
        ],
    )


@pytest.mark.parametrize("until", ["2027-02-31", "31.01.2027", "1/2/2027", "next week", "a..b", "-x", "v1~2"])
def test_an_end_that_is_neither_a_day_nor_a_revision_does_not_hold(until: str, project: Project) -> None:
    root = project(
        {FILE: f"accepted: [{{what: 'name-left-table:Scoring', reason: known, until: '{until}'}}]\n"}
    )
    assert run(root) == (
        {},
        [
            (
                f"1:19 error[stale-acceptance] `until: {until}` is neither a date nor a revision, so "
                f"`name-left-table:Scoring` is not accepted; use a date as `YYYY-MM-DD`, or a tag, a "
                f"branch or a commit"
            )
        ],
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("accepted:\n- {what: a}\n", "2:4 error[missing-field] `accepted[0]` requires the field `reason`"),
        ("accepted:\n- {what: a, reason: b, untli: c}\n", "2:24 error[unknown-field] "),
        ("accepted: yes please\n", "1:11 error[wrong-type] "),
        ("accepted:\n- {what: a, reason: b, until: 20}\n", "2:31 error[wrong-type] "),
        ("accepted: [\n", "error[invalid-yaml] "),
        (b"accepted: \xff\n", "error[not-utf-8] "),
    ],
)
def test_a_broken_file_accepts_nothing_and_states_why(
    content: str | bytes, expected: str, project: Project
) -> None:
    accepted, found = run(project({FILE: content}))
    assert accepted == {}
    assert len(found) == 1
    assert expected in found[0]


def test_a_link_out_of_the_project_is_not_read(project: Project, tmp_path: Path) -> None:
    root = project({})
    outside = tmp_path / "outside.yaml"
    outside.write_text("accepted: [{what: 'name-left-table:Scoring', reason: known}]\n")
    (root / FILE).symlink_to(outside)
    assert run(root) == (
        {},
        [
            (
                "1:1 error[outside-project] symbolic link leaves the project; it was not read; copy "
                "the file into the project"
            )
        ],
    )


def test_a_folder_of_that_name_is_reported(project: Project) -> None:
    accepted, found = run(project({f"{FILE}/a.txt": ""}))
    assert (accepted, found) == (
        {},
        ["1:1 error[unreadable-file] this is not a regular file; None"],
    )


def test_a_day_is_distinguished_from_a_revision() -> None:
    assert [str(day_of(text)) for text in ("2027-01-31", "2027-1-31", "v1", "2027-02-30")] == [
        "2027-01-31",
        "None",
        "None",
        "None",
    ]
