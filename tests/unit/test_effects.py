"""Whom a change concerns, how much, and why: every kind of effect, in the words that people read."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stepwell.review import compare, read_state
from stepwell.source.spelling import Naming
from stepwell.source.tree import Folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepwell.review.comparison import Comparison
    from stepwell.source.diagnostic import Span

TODAY = date(2026, 11, 24)
Files = dict[str, str]


def core(name: str, *more: str, kind: str | None = "Training") -> Files:
    return at("registry.d/steps", name, *more, kind=kind)


def local(name: str, *more: str, kind: str | None = "Training") -> Files:
    return at("workspaces/alice/local/steps", name, *more, kind=kind)


def at(folder: str, name: str, *more: str, kind: str | None = "Training") -> Files:
    lines = [
        f"name: {name}",
        "description: Do it.",
        *([f"sagemaker_step_type: {kind}"] if kind else []),
        *more,
    ]
    return {f"{folder}/{Naming().stem(name)}.yaml": "\n".join(lines) + "\n"}


def override(name: str, *more: str) -> Files:
    path = f"workspaces/alice/override/steps/{Naming().stem(name)}.yaml"
    return {path: "\n".join([f"name: {name}", *more]) + "\n"}


def settings(*lines: str) -> Files:
    return {"stepwell.toml": "\n".join(lines) + "\n"}


def schema(said: object) -> Files:
    return {"schemas/step.schema.json": json.dumps(said)}


def hyperparameters(name: str, module: str, *more: str) -> Files:
    lines = [f"name: {name}", "description: Tune it.", f"module_path: {module}", *more]
    return {f"registry.d/hyperparameters/{name.lower()}.yaml": "\n".join(lines) + "\n"}


def looks_up(*names: str) -> Files:
    lines = [f"get_canonical_name_from_file_name({name!r})\n" for name in names]
    return {"tools/find.py": "".join(lines)}


def first(*names: str) -> Files:
    return settings("[[freeze]]", 'output = "a.py"', 'workspace = "all"', f"first = {json.dumps(names)}")


def preferring(framework: str) -> Files:
    lines = ["default_resolution_strategy: framework_match", f"preferred_frameworks: [{framework}]"]
    return {"workspaces/alice/workspace.yaml": "\n".join(lines) + "\n"}


def compared(root: Path, old: Mapping[str, str], new: Mapping[str, str]) -> Comparison:
    states = []
    for title, files in (("old", old), ("new", new)):
        folder = root / title
        for path, text in {"stepwell.toml": "", **files}.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        states.append(read_state(title, str(folder.resolve()), Folder(str(folder.resolve())), TODAY))
    return compare(states[0], states[1], lambda _: None)


def effects(root: Path, old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return [
        f"{effect.level.value} {effect.consumer.value} {effect.key} "
        f"[{place(effect.old_place)} > {place(effect.new_place)}] {effect.reason}"
        for effect in compared(root, old, new).effects
    ]


def place(span: Span | None) -> str:
    return "-" if span is None else f"{span.path.rpartition('/')[2]}:{span.line}"


def noted(files: Files) -> Files:
    """The files with a comment in their first line."""
    return {path: f"# note\n{text}" for path, text in files.items()}


FIVE = override("Scoring", "priority: 5")
ALL_FROZEN = settings("[[freeze]]", 'output = "a.py"', 'workspace = "all"')
LOOKS_UP_RISK = looks_up("risk")
SPELLINGS = looks_up("risK", "Risk", "RISK", "risk", "RisK")
THREE = {**core("Zoning"), **core("Scoring"), **core("Rating"), **local("Zoning", kind=None)}
TWO_FRAMEWORKS = {**core("Scoring", "framework: a"), **local("Scoring", "framework: b")}
CASES: dict[str, tuple[Files, Files, list[str]]] = {
    "a step is gone": (
        {**core("Scoring"), **core("Rating")},
        core("Rating"),
        [
            (
                "breaking importers name-left-table:Scoring [scoring.yaml:1 > -] `Scoring` was "
                "removed, so lookups in the tables fail; its `ScoringConfig` maps to no step"
            ),
        ],
    ),
    "a step is renamed and keeps its alias": (
        core("Scoring"),
        core("Grading", "aliases: [Scoring]"),
        [
            (
                "breaking importers name-left-table:Scoring [scoring.yaml:1 > grading.yaml:1] "
                "`Scoring` was renamed to `Grading`; as an alias, the old name works in views and "
                "`stepwell resolve`, but not in frozen tables or `stepwell.legacy`; its "
                "`ScoringConfig` maps to no step"
            ),
            (
                "safe importers name-joined-table:Grading [- > grading.yaml:1] `Grading` was added to "
                "the table"
            ),
        ],
    ),
    "a step is replaced without an alias": (
        core("Scoring", "deprecated: {replaced_by: Grading}"),
        core("Grading"),
        [
            (
                "breaking importers name-left-table:Scoring [scoring.yaml:1 > grading.yaml:1] "
                "`Grading` replaces `Scoring`, but the old name fails: it is not an alias; "
                "its `ScoringConfig` maps to no step"
            ),
            (
                "safe importers name-joined-table:Grading [- > grading.yaml:1] `Grading` was added to "
                "the table"
            ),
        ],
    ),
    "a step loses its type": (
        core("Scoring"),
        core("Scoring", kind=None),
        [
            (
                "breaking importers name-left-table:Scoring [scoring.yaml:1 > scoring.yaml:1] "
                "`Scoring` no longer has a `sagemaker_step_type`, which the table requires; its "
                "`ScoringConfig` maps to no step"
            ),
        ],
    ),
    "a step becomes an alias of another": (
        {**core("Scoring"), **core("Rating")},
        core("Rating", "aliases: [Scoring]"),
        [
            (
                "breaking importers name-left-table:Scoring [scoring.yaml:1 > -] `Scoring` is now only "
                "an alias of `Rating`, and tables do not contain aliases; its `ScoringConfig` maps to "
                "no step"
            ),
        ],
    ),
    "a step has an error": (
        core("Scoring"),
        core("Scoring", "priority: high"),
        [
            (
                "breaking importers name-left-table:Scoring [scoring.yaml:1 > scoring.yaml:1] "
                "`Scoring` is skipped because of an error in its file, so lookups in the tables fail; "
                "its"
                " `ScoringConfig` maps to no step"
            ),
        ],
    ),
    "a configuration class is another": (
        core("Scoring"),
        core("Scoring", "config_class: Other"),
        [
            (
                "breaking importers config-class-unmapped:ScoringConfig [scoring.yaml:1 > "
                "scoring.yaml:4] `ScoringConfig` no longer maps to a step: `Scoring` now has `Other`"
            ),
        ],
    ),
    "a builder is another": (
        core("Scoring"),
        core("Scoring", "builder_step_name: Other"),
        [
            (
                "risky importers builder-changed:Scoring [scoring.yaml:1 > scoring.yaml:4] the builder "
                "of `Scoring` changed from `ScoringStepBuilder` to `Other`"
            ),
        ],
    ),
    "a specification type is another": (
        core("Scoring"),
        core("Scoring", "spec_type: Other"),
        [
            (
                "breaking importers spec-type-changed:Scoring [scoring.yaml:1 > scoring.yaml:4] the "
                "specification type `Scoring` no longer maps to a step: `Scoring` has `Other`"
            ),
        ],
    ),
    "a type of step is another": (
        core("Scoring"),
        core("Scoring", kind="Processing"),
        [
            (
                "breaking importers sagemaker-type-changed:Scoring [scoring.yaml:3 > scoring.yaml:3] "
                "the SageMaker step type of `Scoring` changed from `Training` to `Processing`"
            ),
        ],
    ),
    "a description is another": (
        core("Scoring", kind="Training"),
        {p: t.replace("Do it", "Do that") for p, t in core("Scoring").items()},
        [
            (
                "safe importers description-changed:Scoring [scoring.yaml:2 > scoring.yaml:2] "
                "description of `Scoring` changed"
            ),
        ],
    ),
    "the table of a workspace has another order than the core's": (
        {**first("Scoring", "Rating", "Zoning"), **THREE},
        {**first("Zoning", "Rating", "Scoring"), **THREE, **local("Zoning", "x-note: new", kind=None)},
        [
            (
                "risky importers table-reordered:STEP_NAMES [- > zoning.yaml:1] `Zoning`, `Rating` "
                "moved in the table, whose order decides ambiguous lookups and listings"
            ),
            (
                "risky importers alice/table-reordered:STEP_NAMES [- > rating.yaml:1] `Rating` "
                "moved in the table, whose order decides ambiguous lookups and listings"
            ),
        ],
    ),
    "a field that nobody depends on": (
        core("Scoring", "priority: 1"),
        core("Scoring", "priority: 2", "x-team: fraud"),
        [],
    ),
    "the table is in another order": (
        {
            **settings("[[freeze]]", 'output = "a.py"', 'first = ["Scoring"]'),
            **core("Rating"),
            **core("Scoring"),
        },
        {
            **settings("[[freeze]]", 'output = "a.py"', 'first = ["Rating"]'),
            **core("Rating"),
            **core("Scoring"),
        },
        [
            (
                "risky importers table-reordered:STEP_NAMES [- > rating.yaml:1] `Rating` moved in the "
                "table, whose order decides ambiguous lookups and listings"
            ),
        ],
    ),
    "a file name that no source has would mean another step": (
        core("RiskScoring"),
        {**core("RiskScoring"), **core("Risk")},
        [
            (
                "risky importers unused-file-names:STEP_NAMES [- > -] `risk` would resolve differently "
                "(`Risk` instead of `RiskScoring`), but no step or source of the project has such a file name"
            ),
            ("safe importers name-joined-table:Risk [- > risk.yaml:1] `Risk` was added to the table"),
        ],
    ),
    "the name of a script means another step": (
        {**core("RiskScoring"), "src/steps/risk.py": ""},
        {**core("RiskScoring"), **core("Risk"), "src/steps/risk.py": ""},
        [
            (
                "breaking importers file-name-resolves-differently:risk [risk_scoring.yaml:1 > "
                "risk.yaml:1] the file name `risk` means `Risk` instead of `RiskScoring`"
            ),
            ("safe importers name-joined-table:Risk [- > risk.yaml:1] `Risk` was added to the table"),
        ],
    ),
    "the name of an entry point means another step": (
        {**core("RiskScoring"), **core("Other", "interface: {entry_point: risk.py}")},
        {**core("RiskScoring"), **core("Other", "interface: {entry_point: risk.py}"), **core("Risk")},
        [
            (
                "breaking importers file-name-resolves-differently:risk [risk_scoring.yaml:1 > "
                "risk.yaml:1] the file name `risk` means `Risk` instead of `RiskScoring`"
            ),
            ("safe importers name-joined-table:Risk [- > risk.yaml:1] `Risk` was added to the table"),
        ],
    ),
    "a file name that a source looks up means another step": (
        {**core("RiskScoring"), "tools/find.py": "get_canonical_name_from_file_name('risk')\n"},
        {**core("RiskScoring"), **core("Risk")},
        [
            (
                "breaking importers file-name-resolves-differently:risk [risk_scoring.yaml:1 > "
                "risk.yaml:1] the file name `risk` means `Risk` instead of `RiskScoring`"
            ),
            ("safe importers name-joined-table:Risk [- > risk.yaml:1] `Risk` was added to the table"),
        ],
    ),
    "several file names that a source looks up mean another step": (
        {**core("RiskScoring"), **SPELLINGS},
        {**core("RiskScoring"), **core("Risk"), **SPELLINGS},
        [
            (
                "breaking importers file-name-resolves-differently:RISK [risk_scoring.yaml:1 > "
                "risk.yaml:1] the file names `RISK`, `RisK`, `Risk` and 2 more mean `Risk` instead of "
                "`RiskScoring`"
            ),
            ("safe importers name-joined-table:Risk [- > risk.yaml:1] `Risk` was added to the table"),
        ],
    ),
    "a file name means the new name of its step": (
        {**core("RiskScoring"), **LOOKS_UP_RISK},
        {**core("RiskGrading", "aliases: [RiskScoring]", "config_class: RiskScoringConfig"), **LOOKS_UP_RISK},
        [
            (
                "breaking importers name-left-table:RiskScoring [risk_scoring.yaml:1 > "
                "risk_grading.yaml:1] `RiskScoring` was renamed to `RiskGrading`; as an alias, the old "
                "name works in views and `stepwell resolve`, but not in frozen tables or "
                "`stepwell.legacy`; its `RiskScoringConfig` maps to `RiskGrading`"
            ),
            (
                "risky importers file-name-resolves-differently:risk [risk_scoring.yaml:1 > "
                "risk_grading.yaml:1] the file name `risk` means `RiskGrading` instead of "
                "`RiskScoring`, its new name"
            ),
            (
                "safe importers name-joined-table:RiskGrading [- > risk_grading.yaml:1] `RiskGrading` "
                "was added to the table"
            ),
        ],
    ),
    "a step of a workspace outside of all tables hides a file name": (
        {**ALL_FROZEN, **core("RiskScoring"), **core("Risk"), **local("Other"), **LOOKS_UP_RISK},
        {
            **ALL_FROZEN,
            **core("RiskScoring"),
            **core("Risk"),
            **local("Other"),
            **local("Risk", kind=None),
            **LOOKS_UP_RISK,
        },
        [
            (
                "breaking importers alice/file-name-resolves-differently:risk [risk.yaml:1 > "
                "risk_scoring.yaml:1] the file name `risk` means `RiskScoring` instead of `Risk`"
            ),
            (
                "breaking importers alice/name-left-table:Risk [risk.yaml:1 > risk.yaml:1] `Risk` no "
                "longer has a `sagemaker_step_type`, which the table requires; its `RiskConfig` maps to "
                "no step"
            ),
            (
                "risky overlays alice/shadow-appeared:Risk [- > risk.yaml:1] alice's own step `Risk` "
                "shadows the core's, at registry.d/steps/risk.yaml:1"
            ),
        ],
    ),
    "an abbreviation is gone": (
        {**settings("[naming]", 'abbreviations = {rsk = "Risk"}'), **core("RiskScoring")},
        {**settings("[naming]", "abbreviations = {}"), **core("RiskScoring")},
        [
            (
                "breaking importers file-name-resolves-differently:rsk_scoring [risk_scoring.yaml:1 > "
                "risk_scoring.yaml:1] the file name `rsk_scoring` means no step instead of `RiskScoring`"
            ),
        ],
    ),
    "a script that comes with its step meant nothing before": (
        core("RiskScoring"),
        {**core("RiskScoring"), **core("Risk"), "src/steps/risk.py": ""},
        [
            (
                "risky importers unused-file-names:STEP_NAMES [- > -] `risk` would resolve differently "
                "(`Risk` instead of `RiskScoring`), but no step or source of the project has such a file name"
            ),
            ("safe importers name-joined-table:Risk [- > risk.yaml:1] `Risk` was added to the table"),
        ],
    ),
    "a file name that a script has was a fuzzy match": (
        {**core("RiskScoring"), **core("RiskTraining"), "src/risk.py": ""},
        {**core("RiskScoring"), **core("RiskTraining"), **core("RiskAssessing")},
        [
            (
                "risky importers file-name-resolves-differently:risk [risk_scoring.yaml:1 > "
                "risk_assessing.yaml:1] the file name `risk` means `RiskAssessing` instead of "
                "`RiskScoring`, which was a fuzzy match"
            ),
            (
                "risky importers unused-file-names:STEP_NAMES [- > -] `mims_risk_assessing_training` would "
                "resolve differently (`RiskAssessing` instead of `RiskTraining`), but no step or source of "
                "the project has such a file name"
            ),
            (
                "safe importers name-joined-table:RiskAssessing [- > risk_assessing.yaml:1] "
                "`RiskAssessing` was added to the table"
            ),
        ],
    ),
    "many file names that no source has": (
        {**core("RiskScoring"), **core("RiskTraining")},
        {**core("RiskScoring"), **core("RiskTraining"), **core("RiskAssessing")},
        [
            (
                "risky importers unused-file-names:STEP_NAMES [- > -] `risk` and 1 other file name would "
                "resolve differently (`RiskAssessing` instead of `RiskScoring`), but no step or source of "
                "the project has such a file name"
            ),
            (
                "safe importers name-joined-table:RiskAssessing [- > risk_assessing.yaml:1] "
                "`RiskAssessing` was added to the table"
            ),
        ],
    ),
    "file names are read otherwise": (
        {**settings("[naming]", 'job_type_suffixes = ["daily"]'), **core("Scoring")},
        core("Scoring"),
        [
            (
                "risky importers unused-file-names:STEP_NAMES [- > -] `scoring_daily` would resolve "
                "differently (no step instead of `Scoring`), but no step or source of the project has such "
                "a file name"
            ),
        ],
    ),
    "a hyperparameter class is gone": (
        hyperparameters("Tuned", "a.b"),
        {},
        [
            (
                "breaking importers hyperparameter-left:Tuned [tuned.yaml:1 > -] the hyperparameter class"
                " `Tuned` was removed, so lookups in the tables fail"
            ),
        ],
    ),
    "a hyperparameter class is elsewhere": (
        hyperparameters("Tuned", "a.b"),
        hyperparameters("Tuned", "a.c"),
        [
            (
                "risky importers hyperparameter-changed:Tuned.module_path [tuned.yaml:3 > "
                "tuned.yaml:3] `module_path` of `Tuned` changed from `a.b` to `a.c`"
            ),
        ],
    ),
    "another hyperparameter class is the first of its model type": (
        {
            **settings("[[freeze]]", 'output = "a/"', 'first = ["Tuned"]'),
            **hyperparameters("Tuned", "a.b"),
            **hyperparameters("Other", "a.b"),
        },
        {
            **settings("[[freeze]]", 'output = "a/"', 'first = ["Other"]'),
            **hyperparameters("Tuned", "a.b"),
            **hyperparameters("Other", "a.b"),
        },
        [
            (
                "risky importers model-type-remapped:None [tuned.yaml:1 > other.yaml:1] the model type "
                "`None` maps to `Other` instead of `Tuned`, which now follows it"
            ),
        ],
    ),
    "a module with no hyperparameters": (
        {**settings("[[freeze]]", 'output = "a.py"'), **hyperparameters("Tuned", "a.b")},
        settings("[[freeze]]", 'output = "a.py"'),
        [
            (
                "risky importers hyperparameter-left:Tuned [tuned.yaml:1 > -] the hyperparameter class "
                "`Tuned` was removed, so lookups in `stepwell.legacy` fail; no frozen module contains "
                "it"
            ),
        ],
    ),
    "a module is frozen no more": (
        settings("[[freeze]]", 'output = "a.py"'),
        settings("[[freeze]]", 'output = "b.py"'),
        [
            (
                "breaking importers frozen-module-gone:a.py [stepwell.toml:2 > -] `a.py` is no longer "
                "frozen, so it is not updated"
            ),
        ],
    ),
    "a module holds every workspace too": (
        {**settings("[[freeze]]", 'output = "a.py"'), **core("Scoring")},
        {**settings("[[freeze]]", 'output = "a.py"', 'workspace = "all"'), **core("Scoring")},
        [
            (
                "safe importers frozen-view-changed:a.py [stepwell.toml:1 > stepwell.toml:3] `a.py` "
                "now contains the view of the core and every workspace instead of the core, which "
                "keeps every row"
            ),
        ],
    ),
    "a module holds the core alone": (
        settings("[[freeze]]", 'output = "a.py"', 'workspace = "all"'),
        settings("[[freeze]]", 'output = "a.py"'),
        [
            (
                "breaking importers frozen-view-changed:a.py [stepwell.toml:3 > stepwell.toml:1] "
                "`a.py` now contains the view of the core instead of the core and every workspace, so "
                "it no longer accepts a workspace"
            ),
        ],
    ),
    "a step of a frozen workspace is gone": (
        {
            **settings("[[freeze]]", 'output = "a.py"', 'workspace = "all"'),
            **core("Scoring"),
            **local("Own"),
            **override("Scoring", "priority: 1"),
        },
        {
            **settings("[[freeze]]", 'output = "a.py"', 'workspace = "all"'),
            **core("Scoring"),
            **override("Scoring", "priority: 1"),
        },
        [
            (
                "breaking importers alice/name-left-table:Own [own.yaml:1 > -] `Own` was removed, so "
                "lookups in the tables fail; its `OwnConfig` maps to no step"
            ),
        ],
    ),
    "only a workspace is frozen": (
        {
            **settings("[[freeze]]", 'output = "a.py"', 'workspace = "alice"'),
            **core("Scoring"),
            **local("Own"),
        },
        {**settings("[[freeze]]", 'output = "a.py"', 'workspace = "alice"'), **local("Own")},
        [
            (
                "breaking importers alice/name-left-table:Scoring [scoring.yaml:1 > -] `Scoring` was "
                "removed, so lookups in the tables fail; its `ScoringConfig` maps to no step"
            ),
            (
                "breaking pipelines step-gone:Scoring [scoring.yaml:1 > -] `Scoring` was removed, so "
                "lookups by that name fail"
            ),
        ],
    ),
    "a base changes below an override": (
        {**core("Scoring", "priority: 1", "framework: a"), **override("Scoring", "priority: 5")},
        {**core("Scoring", "priority: 2", "framework: b"), **override("Scoring", "priority: 5")},
        [
            (
                "risky overlays alice/base-changed:Scoring.priority [scoring.yaml:4 > scoring.yaml:2] "
                "the core changed `priority` of `Scoring` from `1` to `2`, at "
                "registry.d/steps/scoring.yaml:4; alice overrides it and is not affected"
            ),
        ],
    ),
    "the core changes what a workspace has its own of": (
        {**core("Scoring", "priority: 1"), **local("Scoring")},
        {**core("Scoring", "priority: 2"), **local("Scoring")},
        [
            (
                "safe overlays alice/hidden-changed:Scoring [- > scoring.yaml:1] alice has its own "
                "`Scoring` and does not see the core's changes"
            ),
        ],
    ),
    "a base is gone": (
        {**core("Scoring"), **override("Scoring", "priority: 5")},
        override("Scoring", "priority: 5"),
        [
            (
                "breaking importers name-left-table:Scoring [scoring.yaml:1 > -] `Scoring` was "
                "removed, so lookups in the tables fail; its `ScoringConfig` maps to no step"
            ),
            (
                "breaking overlays alice/base-gone:Scoring [scoring.yaml:1 > scoring.yaml:1] alice "
                "overrides `Scoring`, which was removed, so the override has no effect"
            ),
        ],
    ),
    "a base is renamed": (
        {**core("Scoring"), **override("Scoring", "priority: 5")},
        {**core("Grading", "aliases: [Scoring]"), **override("Scoring", "priority: 5")},
        [
            (
                "breaking importers name-left-table:Scoring [scoring.yaml:1 > grading.yaml:1] "
                "`Scoring` was renamed to `Grading`; as an alias, the old name works in views and "
                "`stepwell resolve`, but not in frozen tables or `stepwell.legacy`; its "
                "`ScoringConfig` maps to no step"
            ),
            (
                "breaking overlays alice/base-gone:Scoring [scoring.yaml:1 > scoring.yaml:1] alice "
                "overrides `Scoring`, which was renamed to `Grading`: an override must use the name, "
                "not an alias"
            ),
            (
                "safe importers name-joined-table:Grading [- > grading.yaml:1] `Grading` was added to "
                "the table"
            ),
        ],
    ),
    "a base is gone with its override": (
        {
            **core("Scoring"),
            **core("Rating"),
            **override("Scoring", "priority: 5"),
            **override("Rating", "priority: 5"),
        },
        {**core("Rating"), **override("Rating", "priority: 5")},
        [
            (
                "breaking importers name-left-table:Scoring [scoring.yaml:1 > -] `Scoring` was "
                "removed, so lookups in the tables fail; its `ScoringConfig` maps to no step"
            ),
        ],
    ),
    "the core gets a step that a workspace has": (
        local("Scoring"),
        {**core("Scoring"), **local("Scoring")},
        [
            (
                "risky overlays alice/shadow-appeared:Scoring [- > scoring.yaml:1] alice's own step "
                "`Scoring` shadows the core's, at registry.d/steps/scoring.yaml:1"
            ),
            (
                "safe importers name-joined-table:Scoring [- > scoring.yaml:1] `Scoring` was added to "
                "the table"
            ),
        ],
    ),
    "a workspace gives up its own step": (
        {**core("Scoring"), **local("Scoring", "priority: 5"), **local("Rating")},
        {**core("Scoring"), **local("Rating")},
        [
            (
                "risky overlays alice/shadow-gone:Scoring [scoring.yaml:1 > scoring.yaml:1] alice uses "
                "the core's step `Scoring` instead of its own"
            ),
        ],
    ),
    "the core gives up a step that a workspace has": (
        {**core("Scoring"), **local("Scoring")},
        local("Scoring"),
        [
            (
                "breaking importers name-left-table:Scoring [scoring.yaml:1 > -] `Scoring` was "
                "removed, so lookups in the tables fail; its `ScoringConfig` maps to no step"
            ),
            (
                "safe overlays alice/shadow-gone:Scoring [scoring.yaml:1 > scoring.yaml:1] alice's own "
                "step `Scoring` no longer shadows the core's, which was removed"
            ),
        ],
    ),
    "a workspace is gone": (
        local("Scoring"),
        {},
        [
            (
                "breaking overlays alice/workspace-gone:alice [- > -] workspace alice was removed, so "
                "requests for its view fail"
            ),
        ],
    ),
    "a step outside of all tables is gone": (
        core("Scoring", kind=None),
        {},
        [
            (
                "breaking pipelines step-gone:Scoring [scoring.yaml:1 > -] `Scoring` was removed, so "
                "lookups by that name fail"
            ),
        ],
    ),
    "an alias is gone": (
        core("Scoring", "aliases: [Old]"),
        core("Scoring"),
        [
            (
                "breaking pipelines alias-gone:Old [scoring.yaml:4 > scoring.yaml:1] `Old` is no "
                "longer an alias of `Scoring`, so lookups by it fail"
            ),
        ],
    ),
    "an alias means another": (
        {**core("Scoring", "aliases: [Old]"), **core("Rating")},
        {**core("Scoring"), **core("Rating", "aliases: [Old]")},
        [
            (
                "breaking pipelines alias-means-another:Old [scoring.yaml:4 > rating.yaml:4] `Old` is "
                "now `Rating` instead of an alias of `Scoring`"
            ),
        ],
    ),
    "an alias moves with its step": (
        core("Scoring", "aliases: [Old]", kind=None),
        core("Grading", "aliases: [Old, Scoring]", kind=None),
        [],
    ),
    "one of two aliases is gone": (
        core("Scoring", "aliases: [First, Second]"),
        core("Scoring", "aliases: [First]"),
        [
            (
                "breaking pipelines alias-gone:Second [scoring.yaml:4 > scoring.yaml:4] `Second` is no "
                "longer an alias of `Scoring`, so lookups by it fail"
            ),
        ],
    ),
    "an alias is gone beside one that a local step hides": (
        {**core("Scoring", "aliases: [First]"), **local("First"), **local("Rating", "aliases: [Second]")},
        {**core("Scoring"), **local("First"), **local("Rating")},
        [
            (
                "breaking pipelines alias-gone:First [scoring.yaml:4 > scoring.yaml:1] `First` is no "
                "longer an alias of `Scoring`, so lookups by it fail"
            ),
            (
                "breaking pipelines alice/alias-gone:Second [rating.yaml:4 > rating.yaml:1] `Second` is "
                "no longer an alias of `Rating`, so lookups by it fail"
            ),
        ],
    ),
    "a replacement is gone": (
        {**core("Scoring"), **core("Rating", "deprecated: {replaced_by: Scoring}")},
        core("Rating", "deprecated: {replaced_by: Scoring}"),
        [
            (
                "breaking importers name-left-table:Scoring [scoring.yaml:1 > -] `Scoring` was "
                "removed, so lookups in the tables fail; its `ScoringConfig` maps to no step"
            ),
            (
                "risky pipelines replacement-gone:Rating [scoring.yaml:1 > rating.yaml:4] "
                "`replaced_by` of `Rating` is `Scoring`, which was removed"
            ),
        ],
    ),
    "a place of the table has no step": (
        {**settings("[[freeze]]", 'output = "a.py"', 'first = ["Scoring"]'), **core("Scoring")},
        settings("[[freeze]]", 'output = "a.py"', 'first = ["Scoring"]'),
        [
            (
                "breaking importers name-left-table:Scoring [scoring.yaml:1 > -] `Scoring` was "
                "removed, so lookups in the tables fail; its `ScoringConfig` maps to no step"
            ),
            (
                "risky pipelines first-gone:a.py#Scoring [scoring.yaml:1 > stepwell.toml:3] `first` of "
                "`a.py` lists `Scoring`, which was removed: the rest of the table moves up, and "
                "`freeze-target` reports it"
            ),
        ],
    ),
    "another definition is chosen": (
        {**core("Scoring", "priority: 1"), **local("Scoring", "priority: 2")},
        {**core("Scoring", "priority: 3"), **local("Scoring", "priority: 2")},
        [
            (
                "risky pipelines resolution-changed:Scoring [scoring.yaml:1 > scoring.yaml:1] without "
                "preferences, `Scoring` resolves to the definition of workspace alice instead of the "
                "core: only the definition of workspace alice has the lowest priority, 2"
            ),
            (
                "safe overlays alice/hidden-changed:Scoring [- > scoring.yaml:4] alice has its own "
                "`Scoring` and does not see the core's changes"
            ),
        ],
    ),
    "a workspace prefers another framework": (
        {**TWO_FRAMEWORKS, **preferring("a")},
        {**TWO_FRAMEWORKS, **preferring("b")},
        [
            (
                "risky pipelines alice/resolution-changed:Scoring [scoring.yaml:1 > scoring.yaml:1] for "
                "workspace alice, `Scoring` resolves to the definition of workspace alice instead of the "
                "core: only the definition of workspace alice has the framework b"
            ),
        ],
    ),
    "a word that is used is gone": (
        {**settings("[vocabulary]", 'frameworks = ["a", "b"]'), **core("Scoring", "framework: b")},
        {**settings("[vocabulary]", 'frameworks = ["a", "c"]'), **core("Scoring", "framework: a")},
        [
            (
                "breaking editors vocabulary-word-left:frameworks.b [stepwell.toml:2 > stepwell.toml:2] "
                "`b` is no longer an allowed value of `framework`; `Scoring` "
                "(registry.d/steps/scoring.yaml:4) "
                "breaks it"
            ),
            (
                "safe editors vocabulary-widened:frameworks [stepwell.toml:2 > stepwell.toml:2] "
                "`framework` also accepts `c`"
            ),
        ],
    ),
    "a rule becomes an info": (
        settings("[rules]", 'shadows-core = "warning"'),
        settings("[rules]", 'shadows-core = "info"'),
        [
            (
                "safe editors rule-lowered:shadows-core [stepwell.toml:2 > stepwell.toml:2] "
                "`shadows-core` is now an info instead of a warning"
            ),
        ],
    ),
    "only the model type of a hyperparameter class changes": (
        hyperparameters("Tree", "acme.trees", "model_type: forest"),
        hyperparameters("Tree", "acme.trees", "model_type: boosted"),
        [
            (
                "risky importers hyperparameter-changed:Tree.model_type [tree.yaml:4 > tree.yaml:4] "
                "`model_type` of `Tree` changed from `forest` to `boosted`"
            ),
        ],
    ),
    "the base of an override with a comment is gone": (
        {**core("Scoring", kind=None), **noted(FIVE)},
        noted(FIVE),
        [
            (
                "breaking overlays alice/base-gone:Scoring [scoring.yaml:1 > scoring.yaml:2] alice "
                "overrides `Scoring`, which was removed, so the override has no effect"
            ),
            (
                "breaking pipelines step-gone:Scoring [scoring.yaml:1 > -] `Scoring` was removed, so "
                "lookups by that name fail"
            ),
        ],
    ),
    "a word that nobody uses is gone": (
        settings("[vocabulary]", 'frameworks = ["a", "b"]'),
        settings("[vocabulary]", 'frameworks = ["a"]'),
        [
            (
                "risky editors vocabulary-word-left:frameworks.b [stepwell.toml:2 > stepwell.toml:2] "
                "`b` is no longer an allowed value of `framework`; no violations"
            ),
        ],
    ),
    "a vocabulary is closed": (
        core("Scoring", "framework: b"),
        {**settings("[vocabulary]", 'frameworks = ["a"]'), **core("Scoring")},
        [
            (
                "breaking editors vocabulary-closed:frameworks [- > stepwell.toml:2] `framework` must "
                "be a value of `[vocabulary] frameworks`; `Scoring` (registry.d/steps/scoring.yaml:4) "
                "breaks it"
            ),
        ],
    ),
    "a vocabulary is opened": (
        settings("[vocabulary]", 'frameworks = ["a"]'),
        {},
        [
            (
                "safe editors vocabulary-widened:frameworks [stepwell.toml:2 > -] "
                "`framework` accepts any value"
            ),
        ],
    ),
    "names must be written otherwise": (
        core("Scoring"),
        {**settings("[naming]", 'step_name = "snake_case"'), **core("scoring")},
        [
            (
                "breaking editors naming-narrowed:step_name [- > stepwell.toml:2] step names must be in "
                "snake_case; `Scoring` (registry.d/steps/scoring.yaml:1) breaks it"
            ),
            (
                "breaking importers file-name-resolves-differently:scoring [scoring.yaml:1 > "
                "scoring.yaml:1] the file name `scoring` means `scoring` instead of `Scoring`"
            ),
            (
                "breaking importers name-left-table:Scoring [scoring.yaml:1 > -] `Scoring` was "
                "removed, so lookups in the tables fail; its `ScoringConfig` maps to no step"
            ),
            (
                "safe importers name-joined-table:scoring [- > scoring.yaml:1] `scoring` was added to "
                "the table"
            ),
        ],
    ),
    "names may be written in any way": (
        {},
        settings("[naming]", 'step_name = "any"'),
        [
            "safe editors naming-widened:step_name [- > stepwell.toml:2] step names are not restricted",
        ],
    ),
    "a rule is an error now": (
        {**core("Scoring"), **local("Scoring")},
        {**settings("[rules]", 'shadows-core = "error"'), **core("Scoring"), **local("Rating")},
        [
            (
                "breaking editors rule-raised:shadows-core [- > stepwell.toml:2] `shadows-core` is now "
                "an error instead of a warning, so its findings exclude definitions; it has a finding "
                "at workspaces/alice/local/steps/scoring.yaml:1"
            ),
        ],
    ),
    "a rule is no error any more": (
        {},
        settings("[rules]", 'naming-style = "off"'),
        [
            (
                "safe editors rule-lowered:naming-style [- > stepwell.toml:2] `naming-style` is now "
                "off instead of an error"
            ),
        ],
    ),
    "a schema refuses what is there": (
        {**schema({}), **core("Scoring", "priority: 9")},
        {**schema({"properties": {"priority": {"maximum": 5}}}), **core("Scoring", "priority: 9")},
        [
            (
                "breaking editors schema-stricter:schemas/step.schema.json#/properties/priority/maximum "
                "[scoring.yaml:4 > step.schema.json:1] must be at most 5, but "
                "registry.d/steps/scoring.yaml:4 violates it"
            ),
        ],
    ),
    "a schema refuses what nobody wrote": (
        {**schema({}), **core("Scoring", "priority: 9")},
        {**schema({"properties": {"priority": {"maximum": 10}}}), **core("Scoring", "priority: 9")},
        [
            (
                "risky editors schema-stricter:schemas/step.schema.json#/properties/priority/maximum "
                "[step.schema.json:1 > step.schema.json:1] must be at most 10; no known violations"
            ),
        ],
    ),
    "a schema takes more": (
        schema({"required": ["a"]}),
        schema({}),
        [
            (
                "safe editors schema-wider:schemas/step.schema.json#/required/a [step.schema.json:1 > "
                "step.schema.json:1] no longer requires the field `a`"
            ),
        ],
    ),
    "a schema is gone": (
        schema({}),
        {},
        [
            (
                "risky editors schema-gone:schemas/step.schema.json [step.schema.json:1 > -] "
                "`schemas/step.schema.json` was removed, so editors that use it no longer validate"
            ),
        ],
    ),
    "two steps change their configuration classes": (
        {**core("Scoring"), **core("Rating")},
        {**core("Scoring", "config_class: NewConfig"), **core("Rating", "config_class: OtherConfig")},
        [
            (
                "breaking importers config-class-unmapped:RatingConfig [rating.yaml:1 > rating.yaml:4] "
                "`RatingConfig` no longer maps to a step: `Rating` now has `OtherConfig`"
            ),
            (
                "breaking importers config-class-unmapped:ScoringConfig [scoring.yaml:1 > scoring.yaml:4] "
                "`ScoringConfig` no longer maps to a step: `Scoring` now has `NewConfig`"
            ),
        ],
    ),
    "one of all frozen workspaces is gone": (
        {**ALL_FROZEN, **core("Scoring"), **local("Own")},
        {**ALL_FROZEN, **core("Scoring")},
        [
            (
                "breaking overlays alice/workspace-gone:alice [- > -] workspace alice was removed, so "
                "requests for its view fail, and no frozen module contains it"
            ),
        ],
    ),
    "a workspace that is not frozen is gone": (
        {**settings("[[freeze]]", 'output = "a.py"'), **core("Scoring"), **local("Own")},
        {**settings("[[freeze]]", 'output = "a.py"'), **core("Scoring")},
        [
            (
                "breaking overlays alice/workspace-gone:alice [- > -] workspace alice was removed, so "
                "requests for its view fail"
            ),
        ],
    ),
    "an alias moves to another step": (
        {**core("Scoring", "aliases: [Grading]"), **core("Rating")},
        {**core("Scoring"), **core("Rating", "framework: xgboost", "aliases: [Sorting, Grading]")},
        [
            (
                "breaking pipelines alias-means-another:Grading [scoring.yaml:4 > rating.yaml:5] "
                "`Grading` is now `Rating` instead of an alias of `Scoring`"
            ),
        ],
    ),
    "the base of an override is gone": (
        {**noted(core("Scoring")), **override("Scoring", "priority: 1")},
        override("Scoring", "priority: 1"),
        [
            (
                "breaking importers name-left-table:Scoring [scoring.yaml:2 > -] `Scoring` was removed, "
                "so lookups in the tables fail; its `ScoringConfig` maps to no step"
            ),
            (
                "breaking overlays alice/base-gone:Scoring [scoring.yaml:2 > scoring.yaml:1] alice "
                "overrides `Scoring`, which was removed, so the override has no effect"
            ),
        ],
    ),
    "a hidden step is gone and an overridden value changes": (
        {**core("Alpha"), **local("Alpha"), **core("Scoring", "priority: 1"), **FIVE},
        {**local("Alpha"), **core("Scoring", "priority: 2"), **FIVE},
        [
            (
                "breaking importers name-left-table:Alpha [alpha.yaml:1 > -] `Alpha` was removed, so "
                "lookups in the tables fail; its `AlphaConfig` maps to no step"
            ),
            (
                "risky overlays alice/base-changed:Scoring.priority [scoring.yaml:4 > scoring.yaml:2] the "
                "core changed `priority` of `Scoring` from `1` to `2`, at "
                "registry.d/steps/scoring.yaml:4; alice overrides it and is not affected"
            ),
            (
                "safe overlays alice/shadow-gone:Alpha [alpha.yaml:1 > alpha.yaml:1] alice's own step "
                "`Alpha` no longer shadows the core's, which was removed"
            ),
        ],
    ),
    "an overridden list is emptied": (
        {**core("Scoring", "environment_tags: [a, b]"), **override("Scoring", "environment_tags: [c]")},
        {**core("Scoring", "environment_tags: []"), **override("Scoring", "environment_tags: [c]")},
        [
            (
                "risky overlays alice/base-changed:Scoring.environment_tags [scoring.yaml:4 > "
                "scoring.yaml:2] the core changed `environment_tags` of `Scoring` from `a`, `b` to an "
                "empty list, at registry.d/steps/scoring.yaml:4; alice overrides it and is not affected"
            ),
        ],
    ),
    "both bases of an override are gone": (
        {**core("Scoring"), **noted(local("Scoring")), **override("Scoring", "priority: 1")},
        override("Scoring", "priority: 1"),
        [
            (
                "breaking importers name-left-table:Scoring [scoring.yaml:1 > -] `Scoring` was removed, "
                "so lookups in the tables fail; its `ScoringConfig` maps to no step"
            ),
            (
                "breaking overlays alice/base-gone:Scoring [scoring.yaml:2 > scoring.yaml:1] alice "
                "overrides `Scoring`, which was removed, so the override has no effect"
            ),
            (
                "breaking pipelines alice/step-gone:Scoring [scoring.yaml:1 > -] `Scoring` was removed, "
                "so lookups by that name fail"
            ),
            (
                "safe overlays alice/shadow-gone:Scoring [scoring.yaml:2 > -] alice's own step `Scoring` "
                "no longer shadows the core's, which was removed"
            ),
        ],
    ),
}


@pytest.mark.parametrize("what", CASES)
def test_a_change_has_its_effects(what: str, tmp_path: Path) -> None:
    old, new, expected = CASES[what]
    assert effects(tmp_path, old, new) == expected


@pytest.mark.parametrize("what", CASES)
def test_no_change_means_nothing(what: str, tmp_path: Path) -> None:
    for place, state in enumerate(CASES[what][:2]):
        assert effects(tmp_path / str(place), state, state) == []


def test_what_a_workspace_inherits_is_reported_once(tmp_path: Path) -> None:
    frozen = settings("[[freeze]]", 'output = "a.py"', 'workspace = "all"')
    overlay = local("Own")
    assert effects(tmp_path, {**frozen, **overlay, **core("Scoring")}, {**frozen, **overlay}) == [
        (
            "breaking importers name-left-table:Scoring [scoring.yaml:1 > -] `Scoring` was removed, so "
            "lookups in the tables fail; its `ScoringConfig` maps to no step"
        )
    ]


def test_a_class_that_another_step_takes_leads_to_that_one(tmp_path: Path) -> None:
    rules = settings("[rules]", 'duplicate-config-class = "off"')
    taken = core("Zoning", "config_class: ScoringConfig")
    found = effects(tmp_path, {**rules, **core("Scoring")}, {**rules, **core("Scoring"), **taken})
    assert found[0] == (
        "breaking importers config-class-unmapped:ScoringConfig [scoring.yaml:1 > zoning.yaml:4] "
        "`ScoringConfig` maps to `Zoning` instead of `Scoring`: `Zoning` uses it instead of `Scoring`"
    )


def test_a_changed_mapping_is_reported_by_the_values_that_differ(tmp_path: Path) -> None:
    old = core("Scoring", "interface: {inputs: {rows: {type: csv}}}", "priority: 1")
    new = core(
        "Scoring", "interface: {inputs: {rows: {type: json}}, outputs: {scores: {type: csv}}}", "priority: 2"
    )
    ((change,),) = (view.changes for view in compared(tmp_path, old, new).views)
    assert {
        field.field: [(leaf.field, leaf.old, leaf.new) for leaf in field.leaves] for field in change.fields
    } == {
        "interface": [
            ("interface.inputs.rows.type", "csv", "json"),
            ("interface.outputs.scores.type", None, "csv"),
        ],
        "priority": [],
    }


def test_an_old_python_table_has_importers_and_neither_words_nor_rules(tmp_path: Path) -> None:
    row = {
        "config_class": "ScoringConfig",
        "builder_step_name": "ScoringStepBuilder",
        "spec_type": "Scoring",
        "sagemaker_step_type": "Training",
        "description": "Do it.",
    }
    old = tmp_path / "old"
    old.mkdir()
    (old / "step_names.py").write_text(f"STEP_NAMES = {{'Scoring': {row!r}}}\n")
    new = tmp_path / "new"
    for path, text in {**settings("[vocabulary]", 'frameworks = ["a"]'), **core("Rating")}.items():
        (new / path).parent.mkdir(parents=True, exist_ok=True)
        (new / path).write_text(text)
    states = [read_state(one.name, str(one), Folder(str(one)), TODAY) for one in (old, new)]
    found = compare(states[0], states[1], lambda _: None).effects
    assert [(one.key, place(one.old_place)) for one in found] == [
        ("name-left-table:Scoring", "step_names.py:1"),
        ("name-joined-table:Rating", "-"),
    ]


@pytest.mark.slow
def test_a_schema_too_deep_to_compare_raises_nothing(tmp_path: Path) -> None:
    deep = '{"items": ' * 900 + "{}" + "}" * 900
    deeper = deep.replace("{}", '{"type": "string"}')
    files = ({"schemas/step.schema.json": text} for text in (deep, deeper))
    (found,) = effects(tmp_path, *files)
    assert found.startswith("risky editors schema-stricter:schemas/step.schema.json")


BROKEN = "breaking pipelines pipeline-broken:Nightly#"
PIPELINE = {
    "registry.d/pipelines/nightly.yaml": (
        "name: Nightly\ndescription: Every night.\nsteps:\n  - {id: score, step: Scoring}\n"
        "  - {id: rate, step: Rating, inputs: {data: score.scores}}\n"
    )
}
GIVES = "interface: {outputs: {scores: {type: processing_output}}}"


@pytest.mark.parametrize(
    ("what", "new", "expected"),
    [
        (
            "a step is gone",
            {**core("Rating"), **PIPELINE},
            (
                BROKEN + "unknown-step [nightly.yaml:1 > nightly.yaml:4] the "
                "pipeline `Nightly`: unknown step `Scoring` in the core"
            ),
        ),
        (
            "a configuration is no longer read, which is an info",
            {
                **settings("[rules]", 'unknown-config-key = "info"'),
                **core("Scoring", "interface: {arguments: {lines: {}}}"),
                "registry.d/pipelines/nightly.yaml": (
                    "name: Nightly\ndescription: N.\nsteps: [{id: a, step: Scoring, config: {rows: 3}}]\n"
                ),
            },
            (
                "safe pipelines pipeline-info:Nightly#unknown-config-key [nightly.yaml:1 > nightly.yaml:3] "
                "the pipeline `Nightly`: `Scoring` does not read the configuration `rows`"
            ),
        ),
        (
            "an output has another name",
            {**core("Scoring", GIVES.replace("scores", "points")), **core("Rating"), **PIPELINE},
            (
                BROKEN + "unknown-output [nightly.yaml:1 > nightly.yaml:5] the "
                "pipeline `Nightly`: `score` has no output `scores`: step `Scoring` does not declare "
                "it"
            ),
        ),
        (
            "a step asks for more",
            {
                **core("Scoring", GIVES),
                **core(
                    "Rating",
                    "interface:\n  inputs:\n    data: {}\n    more: {compatible_sources: [Scoring]}",
                ),
                **PIPELINE,
            },
            (
                BROKEN + "missing-input [nightly.yaml:1 > nightly.yaml:5] the "
                "pipeline `Nightly`: required input `more` of `rate` is not connected"
            ),
        ),
        (
            "the pipeline is gone",
            {**core("Scoring", GIVES), **core("Rating")},
            (
                "breaking pipelines pipeline-gone:Nightly [nightly.yaml:1 > -] the pipeline `Nightly` "
                "was removed, so running or extending it fails"
            ),
        ),
    ],
)
def test_a_change_reports_which_pipeline_it_breaks(
    what: str, new: Mapping[str, str], expected: str, tmp_path: Path
) -> None:
    old = {**core("Scoring", GIVES), **core("Rating"), **PIPELINE}
    assert expected in effects(tmp_path, old, new), what
    assert effects(tmp_path / "same", old, old) == []


def test_an_override_that_breaks_a_pipeline_belongs_to_the_pipeline(tmp_path: Path) -> None:
    path = "workspaces/alice/override/pipelines/nightly.yaml"
    text = "name: Nightly\nextends: Nightly\ndescription: Mine.\n"
    old = {**core("Scoring", GIVES), **core("Rating"), **PIPELINE, path: text}
    new = {**old, path: f"{text}steps:\n  - {{id: rate, step: Raiting}}\n"}
    message = "the pipeline `Nightly`: unknown step `Raiting` in workspace alice"
    place = "[nightly.yaml:1 > nightly.yaml:5]"
    assert effects(tmp_path, old, new) == [
        f"breaking pipelines alice/pipeline-broken:Nightly#unknown-step {place} {message}"
    ]


RUN = {
    "registry.d/pipelines/daily.yaml": (
        "name: Daily\ndescription: Run it.\nparameters: {limit: 10, table: rows}\n"
        'steps: [{id: make, step: Making, config: {limit: "${limit}", table: "${table}"}}]\n'
    )
}
MAKING = (
    "interface:\n  inputs: {side: {path: /in, required: false}}\n  env: {optional: {LIMIT: '1', TABLE: ''}}"
)


@pytest.mark.parametrize(
    ("step", "pipeline", "expected"),
    [
        (MAKING, RUN, []),
        (
            MAKING.replace(", required: false", ""),
            RUN,
            ["risky pipelines run-requires:Daily#make.inputs.side"],
        ),
        (
            MAKING,
            {path: text.replace("limit: 10", "limit: null") for path, text in RUN.items()},
            ["risky pipelines run-requires:Daily#limit"],
        ),
        (
            MAKING,
            {
                path: text.replace(", table: rows", "")
                .replace(', table: \\"${table}\\"', "")
                .replace(', table: "${table}"', "")
                for path, text in RUN.items()
            },
            ["breaking pipelines parameter-gone:Daily#table"],
        ),
        (
            MAKING.replace("env: {", "env: {required: [LABEL], "),
            RUN,
            ["breaking pipelines pipeline-broken:Daily#missing-setting"],
        ),
    ],
)
def test_a_change_after_which_a_run_is_rejected_is_not_safe(
    step: str, pipeline: Mapping[str, str], expected: list[str], tmp_path: Path
) -> None:
    told = effects(tmp_path, {**core("Making", MAKING), **RUN}, {**core("Making", step), **pipeline})
    about_runs = [one.partition(" [")[0] for one in told if " pipelines " in one]
    assert about_runs == expected
