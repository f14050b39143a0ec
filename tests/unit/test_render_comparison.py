"""Every format of a comparison on the same synthetic ones, against the files in ``tests/golden/comparison``.

``STEPWELL_UPDATE_GOLDEN=1 pytest tests/unit/test_render_comparison.py`` rewrites these files; the
diff is reviewed.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from stepwell.frontends.render.comparison import COMPARISON_RENDERERS
from stepwell.frontends.render.comparison.markdown import LIMIT, MARKER
from stepwell.frontends.render.comparison.wording import headline
from stepwell.model.layer import Layer, Origin
from stepwell.review.comparison import (
    Acceptance,
    Comparison,
    Consumer,
    DefinitionChange,
    Effect,
    FieldChange,
    HiddenChange,
    Level,
    Reordering,
    ViewComparison,
    What,
)
from stepwell.source.diagnostic import Diagnostic, Severity, Span

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "comparison"
UPDATE = os.environ.get("STEPWELL_UPDATE_GOLDEN") == "1"
SCHEMA = json.loads((ROOT / "schemas" / "output-diff.schema.json").read_text(encoding="utf-8"))

STEP = "registry.d/steps/scoring.yaml"
OVER = "workspaces/alice/override/steps/scoring.yaml"
HOSTILE = 'a|b `c` <img src=x> @all #1 --> \x1b[31m\r\n\u202e\ud800 "\\|'


def stated(value: object, line: int, path: str = STEP, layer: Layer = Layer.CORE) -> Origin:
    workspace = None if layer is Layer.CORE else "alice"
    return Origin(value, layer, workspace, Span(path, line, 12, line, 18), "stated")


def default(value: object, how: str = "schema default") -> Origin:
    return Origin(value, None, None, None, how)


def field(name: str, old: object, new: object) -> FieldChange:
    return FieldChange(name, old, new, stated(old, 4), stated(new, 5))


FRAMEWORK = field("framework", "pandas", "xgboost")
CHANGED = DefinitionChange(
    What.CHANGED,
    "step",
    "Scoring",
    (
        FRAMEWORK,
        FieldChange("priority", 100, 7, default(100), stated(7, 6)),
        FieldChange("spec_type", "Score", None, stated("Score", 7), default(None, "not stated")),
        FieldChange("deprecated", None, {"since": "1.4", "note": HOSTILE}, default(None), stated(None, 8)),
        field("x-odd", HOSTILE, {HOSTILE: [HOSTILE, 1, None, True]}),
        field("description", "a " * 100 + "old", "a " * 100 + "new"),
    ),
    old_place=Span(STEP, 1, 7),
    new_place=Span(STEP, 1, 7),
)
ADDED = DefinitionChange(
    What.ADDED,
    "hyperparameter",
    "Tree",
    (FieldChange("module_path", None, "src.tree", None, stated("src.tree", 2)),),
    new_place=Span("registry.d/hyperparameters/tree.yaml", 1, 7),
)
REMOVED = DefinitionChange(
    What.REMOVED,
    "step",
    "Cleaning",
    (FieldChange("description", HOSTILE, None, stated(HOSTILE, 2), None),),
    old_place=Span("old tables/step|names.py", 12, 5),
)
RENAMED = DefinitionChange(
    What.RENAMED,
    "step",
    "Grading",
    (FieldChange("config_class", "A", "B", default("A", "by convention"), default("B", "by convention")),),
    "Rating",
    "alias",
    Span("registry.d/steps/rating.yaml", 1, 7),
    Span("registry.d/steps/grading.yaml", 1, 7),
)
VIEWS = (
    ViewComparison(None, (REMOVED, RENAMED, CHANGED, ADDED), reordering=Reordering(("Scoring", "Package"))),
    ViewComparison(
        "alice",
        (replace(CHANGED, fields=(FRAMEWORK,)),),
        3,
        (
            HiddenChange("step", "Scoring", "framework", FRAMEWORK, stated("numpy", 2, OVER, Layer.OVERRIDE)),
            HiddenChange(
                "step", "Rating", "", FRAMEWORK, Origin("Rating", Layer.LOCAL, "alice", None, "stated")
            ),
        ),
    ),
    ViewComparison("bob", (), is_new=True),
    ViewComparison("carol", (replace(REMOVED, name="Own"),), is_gone=True),
)
ENTRY = Acceptance(
    "name-left-table:Cleaning", f"Nobody asks: {HOSTILE}", "v2.0", Span("accepted_breaks.yaml", 3, 5)
)
EFFECTS = (
    Effect(
        Consumer.IMPORTERS,
        Level.BREAKING,
        "name-left-table",
        "Cleaning",
        "`Cleaning` was removed, so lookups in the tables fail",
        old_place=Span("registry.d/steps/cleaning.yaml", 1, 7, 1, 15),
        acceptance=ENTRY,
    ),
    Effect(
        Consumer.PIPELINES,
        Level.BREAKING,
        "reference-lost",
        HOSTILE,
        f"`{HOSTILE}` and an open ` refer to nothing",
        new_place=Span("registry.d/steps/100%, a:b.yaml", 2, 3, 4, 1),
    ),
    Effect(
        Consumer.OVERLAYS,
        Level.RISKY,
        "base-changed",
        "Scoring.framework",
        "alice overrides `framework` of `Scoring`, which changed underneath",
        "alice",
        Span(STEP, 4, 12, 4, 18),
        Span(OVER, 2, 12, 2, 17),
    ),
    *(
        Effect(
            Consumer.IMPORTERS, Level.SAFE, "name-joined-table", f"New{number:02}", f"`New{number:02}` is new"
        )
        for number in range(12)
    ),
)
ERRORS = tuple(
    Diagnostic(
        "unknown-field", Severity.ERROR, f"step has no field `{HOSTILE}`", Span(STEP, line, 1), HOSTILE
    )
    for line in range(1, 6)
)
STALE = (
    Diagnostic(
        "stale-acceptance",
        Severity.WARNING,
        "`name-left-table:Other` matches no effect",
        Span("accepted_breaks.yaml", 7, 11, 7, 32),
        "delete the entry once its change is released",
    ),
)
FULL = Comparison("main (3f2a9c1)", f"the folder {HOSTILE}", VIEWS, EFFECTS, ERRORS, ERRORS[:1], STALE)
EMPTY = Comparison("v1 (3f2a9c1)", "the working tree", (ViewComparison(None, ()),), ())


def written(form: str, comparison: Comparison, *, color: bool = False, verbose: bool = False) -> str:
    return "".join(COMPARISON_RENDERERS[form](comparison, color=color, verbose=verbose))


@pytest.mark.parametrize("comparison", [pytest.param(FULL, id="full"), pytest.param(EMPTY, id="empty")])
@pytest.mark.parametrize(
    ("form", "color", "verbose", "suffix"),
    [
        ("text", False, False, "txt"),
        ("text", True, False, "ansi"),
        ("text", False, True, "verbose.txt"),
        ("markdown", False, False, "md"),
        ("json", False, False, "json"),
        ("github", False, False, "github"),
    ],
)
def test_each_form_is_the_stored_one(
    form: str, color: bool, verbose: bool, suffix: str, comparison: Comparison
) -> None:
    path = GOLDEN / f"{'empty' if comparison is EMPTY else 'full'}.{suffix}"
    fresh = written(form, comparison, color=color, verbose=verbose).encode()
    if UPDATE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(fresh)
    assert fresh == path.read_bytes()


def test_the_json_form_matches_its_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    for comparison in (FULL, EMPTY):
        answer = json.loads(written("json", comparison))
        assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(answer)] == []
    for example in SCHEMA["examples"]:
        assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(example)] == []


def test_importing_the_package_imports_no_form() -> None:
    code = (
        "import sys; import stepwell.frontends.render.comparison\n"
        "print([name for name in sys.modules if name.startswith('stepwell.frontends.render.comparison.')])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


@pytest.mark.parametrize(
    ("comparison", "told"),
    [
        (EMPTY, "no differences"),
        (replace(EMPTY, old_diagnostics=ERRORS), "no differences; 5 errors in the files"),
        (replace(EMPTY, effects=EFFECTS[2:3]), "risky: 1 risky"),
        (replace(EMPTY, effects=EFFECTS[:1]), "safe: 1 accepted"),
        (
            replace(EMPTY, views=(ViewComparison(None, (), reordering=Reordering(("A",))),)),
            "safe: order changed in the core",
        ),
        (
            replace(EMPTY, views=(ViewComparison(None, (CHANGED, ADDED)),)),
            "safe: 1 step and 1 hyperparameter class changed in the core",
        ),
        (replace(EMPTY, views=(EMPTY.views[0], *VIEWS[2:])), "safe: 2 workspaces differ"),
        (
            FULL,
            (
                "breaking: 1 breaking, 1 risky, 12 safe, 1 accepted; 3 steps and 1 hyperparameter class "
                "changed in the core, 3 workspaces differ; 6 errors in the files"
            ),
        ),
    ],
)
def test_the_headline_has_the_verdict_and_the_counts(comparison: Comparison, told: str) -> None:
    assert headline(comparison) == told


@pytest.mark.parametrize(
    ("comparison", "closing_line"),
    [
        (EMPTY, "no differences"),
        (replace(EMPTY, old_diagnostics=ERRORS), "no differences · 5 errors in the files"),
        (replace(EMPTY, effects=EFFECTS[2:3]), "no differences · risky for overlays"),
        (
            replace(EMPTY, views=(ViewComparison(None, (CHANGED, ADDED)),)),
            "1 to add, 1 to change, 0 to remove · safe",
        ),
    ],
)
def test_the_closing_line_counts_changes_and_names_the_consumers(
    comparison: Comparison, closing_line: str
) -> None:
    assert written("text", comparison).splitlines()[-1] == closing_line


def test_a_value_inside_a_mapping_is_shown_at_its_depth() -> None:
    leaf = FieldChange("interface.inputs.rows.type", "a", "b", stated("a", 7), stated("b", 9))
    whole = FieldChange("interface", {}, {}, stated({}, 4), stated({}, 4), (leaf,))
    change = replace(CHANGED, fields=(whole,))
    lines = written("text", replace(EMPTY, views=(ViewComparison(None, (change,)),))).splitlines()
    assert f'      interface.inputs.rows.type: "a" → "b"  {STEP}:9' in lines


def test_a_long_value_is_whole_and_breaks_between_words() -> None:
    old = "a model of rows " * 20
    change = replace(CHANGED, fields=(field("description", old, "short"),))
    text = written("text", replace(EMPTY, views=(ViewComparison(None, (change,)),)))
    (start,) = (at for at, line in enumerate(text.splitlines()) if line.startswith("      description:"))
    shown = text.splitlines()[start + 1 :]
    assert " ".join(" ".join(shown[:-3]).split()) == f'- "{old}"'.strip()
    assert shown[-3] == '        + "short"'


@given(st.text(min_size=1, max_size=3), st.text(min_size=1, max_size=3))
def test_short_texts_never_change_the_number_of_lines(one: str, other: str) -> None:
    plain = written("text", with_texts("a", "b"), verbose=True)
    shown = written("text", with_texts(one, other), verbose=True)
    assert len(shown.split("\n")) == len(plain.split("\n"))


texts = st.text(max_size=40) | st.sampled_from(["`", "|", "\\|", "``", "-->", "@a", " ", "", HOSTILE])


def with_texts(one: str, other: str) -> Comparison:
    """A comparison with a user's texts wherever they can be."""
    change = replace(
        CHANGED,
        name=one,
        old_name=other,
        what=What.RENAMED,
        because="alias",
        fields=(field(one, one, other),),
    )
    hidden = HiddenChange(
        "step", one, other, field(one, other, one), stated(one, 1, other or "x", Layer.LOCAL)
    )
    effect = replace(
        EFFECTS[0],
        reason=f"`{one}` {other} `{one}",
        subject=one,
        workspace=other,
        new_place=Span(one, 3),
        acceptance=replace(ENTRY, reason=other, until=one),
    )
    view = ViewComparison(one, (change,), hidden=(hidden,), reordering=Reordering((one, other)))
    error = Diagnostic("x", Severity.ERROR, one, Span(other), other)
    return Comparison(one, other, (view,), (effect,), (error,), (error,), (error,))


@given(texts, texts)
def test_nothing_in_a_text_breaks_out_of_the_markdown(one: str, other: str) -> None:
    told = written("markdown", with_texts(one, other))
    assert told.startswith(f"{MARKER}\n**Registry: ")
    body = told.removeprefix(MARKER)
    for tag in ("<details><summary>", "</summary>", "</details>", "<code>", "</code>"):
        body = body.replace(tag, "")
    assert not re.search(r"[<>@#\\]", body.replace("--&#62;", "").replace("&#", "")), body
    assert all(line.isprintable() for line in told.split("\n"))
    for line in told.splitlines():
        spans = re.sub(r"`[^`|]+`", "", line)
        assert "`" not in spans
        if line.startswith("|"):
            assert line.count("|") == 5
    assert len([line for line in told.splitlines() if line.startswith("|")]) == 3
    assert told.count("<details>") == told.count("</details>") == 1
    assert told.count("<code>") == told.count("</code>")


@given(texts, texts)
def test_nothing_in_a_text_moves_the_cursor_or_ends_a_line(one: str, other: str) -> None:
    assert all(
        line.isprintable() for line in written("text", with_texts(one, other), verbose=True).split("\n")
    )
    assert len(written("github", with_texts(one, other)).splitlines()) == 4


@pytest.mark.parametrize("effects", [0, 10, 2000])
@pytest.mark.parametrize("views", [1, 300])
@pytest.mark.parametrize("changes", [1, 3, 3000])
def test_a_comment_is_never_too_long_and_counts_what_it_omits(effects: int, views: int, changes: int) -> None:
    if views * changes > 6_000:
        changes = 6_000 // views
    view = ViewComparison("w" * 40, (CHANGED,) * changes)
    several = tuple(replace(view, workspace=f"w{number}") for number in range(views))
    comparison = Comparison(
        HOSTILE * 90, HOSTILE, several, EFFECTS[1:2] * effects, ERRORS * 90, (), STALE * 90
    )
    told = written("markdown", comparison)
    assert len(told) <= LIMIT
    assert told.count("<details>") == told.count("</details>")
    whole = told.count("- changed: ") == views * changes and told.count("| **breaking** |") == effects
    assert ("Truncated" in told) is not whole
    if effects:
        assert "| **breaking** | pipelines |" in told


def test_what_is_skipped_is_counted() -> None:
    view = ViewComparison(None, (CHANGED,) * 3000)
    told = written("markdown", replace(FULL, views=(view,), effects=()))
    shown = told.count("- changed: `Scoring`")
    assert 20 < shown < 3000
    assert told.endswith(
        f"Truncated: omitted {3000 - shown} of 3000 changes in the core. Run `stepwell diff` to show all.\n"
    )
