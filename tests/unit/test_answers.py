"""What a view answers: by name, alias, class, builder, specification type and SageMaker type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import stepwell
from stepwell.live.registry import Registry

Project = Callable[[Mapping[str, "str | bytes"]], Path]

FILES = {
    "registry.d/steps/scoring.yaml": (
        "name: Scoring\nsagemaker_step_type: Processing\ndescription: Score a batch.\n"
        "aliases: [Score, Inference]\nspec_type: Scores\n"
    ),
    "registry.d/steps/ranking.yaml": (
        "name: Ranking\nsagemaker_step_type: Processing\ndescription: Rank a batch.\n"
        "builder_step_name: RankBuilder\nconfig_class: RankSettings\n"
    ),
    "registry.d/steps/sorting.yaml": "name: Sorting\ndescription: Sort a batch.\n",
    "workspaces/alice/override/steps/scoring.yaml": (
        "name: Scoring\nconfig_class: FastConfig\naliases: [Quick]\nsagemaker_step_type: Training\n"
    ),
    "workspaces/alice/local/steps/score.yaml": "name: Score\ndescription: Score one row.\n",
}


@pytest.fixture
def registry(project: Project) -> Registry:
    registry = stepwell.open(project(FILES))
    assert registry.diagnostics == ()
    return registry


def name_of(step: Any) -> str | None:
    return None if step is None else step.name


@pytest.mark.parametrize(
    ("asked", "core", "alice"),
    [
        ("Scoring", "Scoring", "Scoring"),
        ("Score", "Scoring", "Score"),
        ("Inference", "Scoring", None),
        ("Quick", None, "Scoring"),
        ("scoring", None, None),
        ("ScoringConfig", None, None),
    ],
)
def test_by_name_and_by_alias(asked: str, core: str | None, alice: str | None, registry: Registry) -> None:
    for view, name in ((registry.view(), core), (registry.view("alice"), alice)):
        assert name_of(view.get(asked)) == name
        assert (asked in view) is (name == asked)


def test_an_alias_is_no_name(registry: Registry) -> None:
    assert list(registry.view()) == ["Ranking", "Scoring", "Sorting"]
    assert "Score" not in registry.view().legacy_table()
    assert name_of(registry.view().by_alias("Scoring")) is None


@pytest.mark.parametrize(
    ("ask", "value", "core", "alice"),
    [
        ("by_alias", "Score", "Scoring", None),
        ("by_alias", "Quick", None, "Scoring"),
        ("by_config_class", "ScoringConfig", "Scoring", None),
        ("by_config_class", "FastConfig", None, "Scoring"),
        ("by_config_class", "RankSettings", "Ranking", "Ranking"),
        ("by_config_class", "RankingConfig", None, None),
        ("by_config_class", "SortingConfig", None, None),
        ("by_builder", "ScoringStepBuilder", "Scoring", "Scoring"),
        ("by_builder", "RankBuilder", "Ranking", "Ranking"),
        ("by_builder", "SortingStepBuilder", None, None),
        ("by_spec_type", "Scores", "Scoring", "Scoring"),
        ("by_spec_type", "Ranking", "Ranking", "Ranking"),
        ("by_spec_type", "Scoring", None, None),
        ("by_config_class", "", None, None),
    ],
)
def test_by_a_field(ask: str, value: str, core: str | None, alice: str | None, registry: Registry) -> None:
    assert name_of(getattr(registry.view(), ask)(value)) == core
    assert name_of(getattr(registry.view("alice"), ask)(value)) == alice


def test_by_sagemaker_type(registry: Registry) -> None:
    core, alice = registry.view(), registry.view("alice")
    assert [step.name for step in core.by_sagemaker_type("Processing")] == ["Ranking", "Scoring"]
    assert [step.name for step in alice.by_sagemaker_type("Processing")] == ["Ranking"]
    assert [step.name for step in alice.by_sagemaker_type("Training")] == ["Scoring"]
    assert core.by_sagemaker_type("Training") == ()


def test_the_legacy_table_has_five_fields_of_the_steps_that_are_in_it(registry: Registry) -> None:
    assert registry.view("alice").legacy_table() == {
        "Ranking": {
            "config_class": "RankSettings",
            "builder_step_name": "RankBuilder",
            "spec_type": "Ranking",
            "sagemaker_step_type": "Processing",
            "description": "Rank a batch.",
        },
        "Scoring": {
            "config_class": "FastConfig",
            "builder_step_name": "ScoringStepBuilder",
            "spec_type": "Scores",
            "sagemaker_step_type": "Training",
            "description": "Score a batch.",
        },
    }


def test_what_a_view_shares_with_the_core_is_the_same_object(registry: Registry) -> None:
    core, alice = registry.view(), registry.view("alice")
    assert alice["Ranking"] is core["Ranking"]
    assert alice["Sorting"] is core["Sorting"]
    assert alice["Scoring"] is not core["Scoring"]
    assert alice["Scoring"].sources[1] is core["Scoring"].sources[0]


def test_a_view_states_what_it_is(registry: Registry) -> None:
    assert repr(registry.view()) == "<View of the core: 3 steps>"
    assert repr(registry.view("alice")) == "<View of workspace alice: 4 steps>"
    assert repr(registry).endswith(": 3 core steps, 1 workspaces>")
    assert registry.workspaces == ("alice",)


EXPLAINED = [
    ("config_class", "FastConfig", [("stated", "override"), ("by convention", None)]),
    ("description", "Score a batch.", [("stated", "core")]),
    ("spec_type", "Scores", [("stated", "core"), ("by convention", None)]),
    ("builder_step_name", "ScoringStepBuilder", [("by convention", None)]),
    ("priority", 100, [("schema default", None)]),
    ("aliases", ("Quick",), [("stated", "override"), ("stated", "core"), ("schema default", None)]),
    ("framework", None, [("not stated", None)]),
    ("name", "Scoring", [("stated", "override"), ("stated", "core")]),
]


@pytest.mark.parametrize(("field", "value", "told"), EXPLAINED)
def test_an_explanation_names_the_winner_and_all_that_lost(
    field: str, value: Any, told: list[tuple[str, str | None]], registry: Registry
) -> None:
    explained = registry.view("alice").explain("Scoring", field)
    origins = (explained.winner, *explained.losers)
    assert explained.value == value
    assert [(one.how, one.layer.value if one.layer else None) for one in origins] == told


def test_an_explanation_knows_file_line_and_column(registry: Registry) -> None:
    explained = registry.view("alice").explain("Scoring", "aliases")
    places = [
        (one.workspace, one.span.path, one.span.line, one.span.column) if one.span else None
        for one in (explained.winner, *explained.losers)
    ]
    assert places == [
        ("alice", "workspaces/alice/override/steps/scoring.yaml", 3, 10),
        (None, "registry.d/steps/scoring.yaml", 4, 10),
        None,
    ]


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("prioritiy", "a step has no field `prioritiy` (did you mean `priority`?)"),
        ("zzz", "a step has no field `zzz`"),
        ("", "a step has no field ``"),
        ("x-nothing", "a step has no field `x-nothing`"),
    ],
)
def test_a_field_that_no_step_has_is_not_explained(field: str, message: str, registry: Registry) -> None:
    with pytest.raises(LookupError) as raised:
        registry.view().explain("Scoring", field)
    assert str(raised.value) == message
