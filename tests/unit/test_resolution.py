"""Which of several definitions a name resolves to, and which names have several."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import stepwell
from stepwell.model import StepDefinition
from stepwell.resolve.choose import AUTOMATIC, Mode, resolve
from stepwell.resolve.conflicts import METADATA, Agreement
from stepwell.resolve.strategies import STRATEGIES, Candidate, ResolutionContext, Selection, Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conftest import Project

    from stepwell.live.registry import Registry
    from stepwell.resolve.choose import Resolution

REPOSITORY = Path(__file__).resolve().parents[2]
BASE = {"name": "Scoring", "description": "Score a batch.", "sagemaker_step_type": "Processing"}


def step(**fields: object) -> str:
    return "".join(f"{key}: {value}\n" for key, value in {**BASE, **fields}.items())


def local(workspace: str, name: str = "scoring", layer: str = "local") -> str:
    return f"workspaces/{workspace}/{layer}/steps/{name}.yaml"


CORE = "registry.d/steps/scoring.yaml"


def opened(project: Project, files: Mapping[str, str]) -> Registry:
    registry = stepwell.open(project({"stepwell.toml": '[rules]\nshadows-core = "off"\n', **files}))
    assert registry.diagnostics == ()
    return registry


def chosen(found: Resolution) -> tuple[str | None, str, bool]:
    return found.chosen.workspace, found.strategy, found.ambiguous


def test_the_only_definition_is_chosen_and_said_to_be(project: Project) -> None:
    registry = opened(project, {CORE: step(), local("bob", "ranking"): step(name="Ranking")})
    found = registry.resolve("Scoring")
    assert (chosen(found), found.reason) == ((None, "only_candidate", False), "only the core defines it")
    found = registry.resolve("Ranking")
    assert (chosen(found), found.reason) == (
        ("bob", "only_candidate", False),
        "only workspace bob defines it",
    )


def test_a_step_that_the_workspace_does_not_see_is_found_elsewhere_and_said_so(project: Project) -> None:
    registry = opened(
        project, {local("bob"): step(), "workspaces/alice/workspace.yaml": "version: '1.0.0'\n"}
    )
    assert "Scoring" not in registry.view("alice")
    found = registry.resolve("Scoring", "alice")
    assert found.reason == "only workspace bob defines it; workspace alice does not see it"


def test_the_workspace_that_asks_wins_with_its_own(project: Project) -> None:
    files = {CORE: step(priority=1), local("alice"): step(priority=900), local("bob"): step(priority=1)}
    found = opened(project, files).resolve("Scoring", "alice", "xgboost", ("gpu",))
    assert chosen(found) == ("alice", "workspace_priority", False)
    assert found.reason == "workspace alice defines it"
    assert [one.workspace for one in found.candidates] == [None, "alice", "bob"]


def test_a_workspace_without_its_own_gets_what_it_sees_and_never_the_other_ones(project: Project) -> None:
    files = {
        CORE: step(),
        local("bob"): step(priority=1, framework="pytorch"),
        local("alice", "ranking"): step(name="Ranking"),
    }
    found = opened(project, files).resolve("Scoring", "alice")
    assert chosen(found) == (None, "workspace_priority", False)
    assert found.reason == "workspace alice does not define it and uses the core's"


@pytest.mark.parametrize(
    ("framework", "workspace", "strategy", "reason"),
    [
        (
            "tensorflow",
            "carol",
            "framework_match",
            "only the definition of workspace carol has the framework tensorflow",
        ),
        ("xgboost", None, "framework_match", "only the definition of the core has the framework xgboost"),
        (
            "pytorch",
            "alice",
            "priority_based",
            "only the definition of workspace alice has the lowest priority, 20",
        ),
        ("numpy", None, "priority_based", "only the definition of the core has the lowest priority, 10"),
    ],
)
def test_a_framework_decides_when_exactly_one_has_it(
    project: Project, framework: str, workspace: str | None, strategy: str, reason: str
) -> None:
    files = {
        CORE: step(framework="xgboost", priority=10),
        local("alice"): step(framework="pytorch", priority=20),
        local("bob"): step(framework="pytorch", priority=30),
        local("carol"): step(framework="tensorflow", priority=40),
    }
    found = opened(project, files).resolve("Scoring", framework=framework)
    assert chosen(found) == (workspace, strategy, False)
    assert found.reason == reason


@pytest.mark.parametrize(
    ("environment", "workspace", "strategy"),
    [
        (("gpu",), "bob", "priority_based"),
        (("cpu",), "bob", "environment_match"),
        (("edge", "gpu"), "bob", "priority_based"),
        ((), "alice", "priority_based"),
        ("gpu", "bob", "priority_based"),
    ],
)
def test_an_environment_fits_by_a_tag_in_common_or_by_no_tags(
    project: Project, environment: Any, workspace: str, strategy: str
) -> None:
    files = {
        local("alice"): step(environment_tags="[production]", priority=10),
        local("bob"): step(priority=10 if environment else 20),
        local("carol"): step(environment_tags="[gpu, edge]", priority=30),
    }
    if environment and strategy == "priority_based":
        files[local("alice")] = step(environment_tags="[production]", priority=11)
    found = opened(project, files).resolve("Scoring", environment=environment)
    assert chosen(found) == (workspace, strategy, False)


def test_no_candidate_in_the_environment_is_said(project: Project) -> None:
    files = {
        local("alice"): step(environment_tags="[production]", priority=10),
        local("bob"): step(environment_tags="[test]", priority=20),
    }
    found = opened(project, files).resolve("Scoring", environment=("gpu", "edge"))
    assert [one.reason for one in found.tried] == [
        "no workspace specified",
        "no framework specified",
        "no candidate matches the environment gpu or edge",
        "only the definition of workspace alice has the lowest priority, 10",
    ]


@pytest.mark.parametrize(
    ("files", "first"),
    [
        ({CORE: step(), local("alice"): step(), local("bob"): step()}, None),
        ({local("bob"): step(), local("Alice"): step(), local("carol"): step(priority=101)}, "Alice"),
        ({CORE: step(priority=101), local("b-2"): step(), local("b-10"): step()}, "b-10"),
    ],
)
def test_a_tie_is_reported_and_broken_by_the_core_first_then_by_workspace(
    project: Project, files: dict[str, str], first: str | None
) -> None:
    found = opened(project, files).resolve("Scoring")
    assert chosen(found) == (first, "priority_based", True)
    assert found.tied[0] == found.chosen
    assert found.reason.endswith("; the core takes precedence, then workspaces by id")


def test_a_tie_is_a_finding_that_names_every_candidate(project: Project) -> None:
    files = {local("alice"): step(), local("bob"): "# two\n" + step(), local("carol"): step(priority=101)}
    registry = opened(project, files)
    found = registry.resolve("Scoring").diagnostic
    assert found is not None
    assert found.span is not None
    assert (found.id, found.severity.value) == ("ambiguous-resolution", "warning")
    assert found.message == "2 definitions match `Scoring`"
    assert (found.span.path, found.span.line, found.span.column) == (local("alice"), 1, 7)
    assert [(one.message, one.span.path, one.span.line) for one in found.related] == [
        ("ties with", local("bob"), 2),
        ("lower precedence:", local("carol"), 1),
    ]
    assert registry.resolve("Scoring", "alice").diagnostic is None


def test_the_strict_mode_names_every_candidate_with_its_file_and_line(project: Project) -> None:
    files = {CORE: step(priority=101), local("alice"): step(), local("bob"): "# two\n" + step()}
    registry = opened(project, files)
    with pytest.raises(stepwell.AmbiguousStep) as caught:
        registry.resolve("Scoring", mode="strict")
    assert str(caught.value) == (
        "ambiguous step: Scoring is defined by the core at registry.d/steps/scoring.yaml:1; "
        "workspace alice at workspaces/alice/local/steps/scoring.yaml:1; "
        "workspace bob at workspaces/bob/local/steps/scoring.yaml:2"
    )
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert (str(copy), copy.name, copy.candidates) == (
        str(caught.value),
        "Scoring",
        caught.value.candidates,
    )
    assert chosen(registry.resolve("Scoring", "bob", mode="strict"))[0] == "bob"


def test_the_interactive_mode_asks_about_a_tie_and_only_then(project: Project) -> None:
    files = {CORE: step(priority=101), local("alice"): step(), local("bob"): step()}
    registry = opened(project, files)
    asked: list[tuple[Candidate, ...]] = []

    def last(tied: tuple[Candidate, ...]) -> Candidate:
        asked.append(tied)
        return tied[-1]

    found = registry.resolve("Scoring", mode="interactive", choose=last)
    assert chosen(found) == ("bob", "interactive", False)
    assert found.reason == "selected the definition of workspace bob"
    assert [one.workspace for one in asked[0]] == ["alice", "bob"]
    assert chosen(registry.resolve("Scoring", "alice", mode="interactive", choose=last))[0] == "alice"
    assert len(asked) == 1


def test_an_answer_that_is_no_candidate_is_rejected(project: Project) -> None:
    registry = opened(project, {local("alice"): step(), local("bob"): step()})
    stranger = Candidate(registry.view("alice")["Scoring"], "carol")
    with pytest.raises(ValueError, match="must return one of the 2 candidates"):
        registry.resolve("Scoring", mode="interactive", choose=lambda _: stranger)
    with pytest.raises(ValueError, match="mode `interactive` requires `choose`"):
        registry.resolve("Scoring", mode="interactive")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"name": "Scorin"}, stepwell.UnknownStep, "Unknown step name: Scorin (did you mean `Scoring`?)"),
        (
            {"name": "Rankin"},
            stepwell.UnknownStep,
            "Unknown step name: Rankin (did you mean `Ranking`?)",
        ),
        (
            {"workspace": "alic"},
            stepwell.UnknownWorkspace,
            "unknown workspace: alic (did you mean `alice`?)",
        ),
        (
            {"strategy": "framework-match"},
            stepwell.UnknownStrategy,
            "unknown strategy: framework-match (did you mean `framework_match`?)",
        ),
        ({"mode": "automatc"}, ValueError, "unknown mode `automatc` (did you mean `automatic`?)"),
        (
            {"mode": "loud"},
            ValueError,
            "unknown mode `loud` (valid modes: automatic, strict, interactive)",
        ),
    ],
)
def test_what_does_not_exist_is_an_error_with_what_was_meant(
    project: Project, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    registry = opened(project, {CORE: step(), local("alice", "ranking"): step(name="Ranking")})
    with pytest.raises(error) as caught:
        registry.resolve(**{"name": "Scoring", **arguments})
    assert str(caught.value) == message


def test_the_default_of_a_workspace_is_used_without_a_requested_strategy(project: Project) -> None:
    files = {
        local("alice"): step(framework="pytorch"),
        local("bob"): step(framework="xgboost"),
        local("carol"): step(framework="xgboost", environment_tags="[gpu]"),
        "workspaces/dave/workspace.yaml": "preferred_frameworks: [numpy, pytorch, xgboost]\n",
        "workspaces/erin/workspace.yaml": (
            "environment_preferences: [edge]\npreferred_frameworks: [xgboost]\n"
        ),
    }
    registry = opened(project, files)
    assert chosen(registry.resolve("Scoring", "dave")) == ("alice", "framework_match", False)
    assert chosen(registry.resolve("Scoring", "dave", "xgboost")) == ("bob", "priority_based", True)
    context = registry.resolve("Scoring", "erin").context
    assert (context.frameworks, context.environment) == (("xgboost",), ("edge",))
    assert registry.resolve("Scoring", "erin", environment=("gpu",)).context.environment == ("gpu",)


@pytest.mark.parametrize(
    ("stated", "fields", "asked", "strategy"),
    [
        ("framework_match", {}, None, "framework_match"),
        ("framework_match", {}, "priority_based", "priority_based"),
        ("", {}, None, "workspace_priority"),
        ("", {"conflict_resolution_strategy": "framework_match"}, None, "framework_match"),
        ("priority_based", {"conflict_resolution_strategy": "framework_match"}, None, "priority_based"),
    ],
)
def test_the_strategy_comes_from_the_call_then_the_workspace_then_the_definitions(
    project: Project, stated: str, fields: dict[str, object], asked: str | None, strategy: str
) -> None:
    said = f"default_resolution_strategy: {stated}\n" if stated else ""
    files = {
        CORE: step(framework="pytorch", priority=1, **fields),
        local("alice"): step(framework="xgboost", **fields),
        "workspaces/alice/workspace.yaml": said + "preferred_frameworks: [pytorch]\n",
    }
    assert opened(project, files).resolve("Scoring", "alice", strategy=asked).strategy == strategy


def test_what_a_workspace_does_not_see_does_not_say_how_it_chooses(project: Project) -> None:
    files = {
        CORE: step(),
        local("bob"): step(priority=1, conflict_resolution_strategy="priority_based"),
        "workspaces/alice/workspace.yaml": "version: '1.0.0'\n",
    }
    registry = opened(project, files)
    assert chosen(registry.resolve("Scoring", "alice")) == (None, "workspace_priority", False)
    assert chosen(registry.resolve("Scoring")) == ("bob", "priority_based", False)


def test_definitions_that_are_not_at_one_on_the_strategy_decide_nothing(project: Project) -> None:
    files = {
        local("alice"): step(framework="pytorch", conflict_resolution_strategy="framework_match"),
        local("bob"): step(conflict_resolution_strategy="priority_based", priority=1),
    }
    found = opened(project, files).resolve("Scoring", framework="pytorch")
    assert [one.strategy for one in found.tried] == ["workspace_priority", "framework_match"]


def test_a_strategy_that_does_not_decide_is_followed_by_the_others_in_order(project: Project) -> None:
    files = {CORE: step(priority=2), local("alice"): step(priority=1)}
    found = opened(project, files).resolve("Scoring", strategy="environment_match")
    assert [one.strategy for one in found.tried] == [
        "environment_match",
        "workspace_priority",
        "framework_match",
        "priority_based",
    ]


def test_an_alias_is_resolved_as_its_view_resolves_it(project: Project) -> None:
    files = {
        CORE: step(aliases="[OldScoring]"),
        local("alice"): step(aliases="[OldScoring]"),
        local("bob", "ranking"): step(name="Ranking", aliases="[BobScoring]"),
        local("carol"): step(),
    }
    registry = opened(project, files)
    found = registry.resolve("OldScoring")
    assert [(one.workspace, one.definition.name) for one in found.candidates] == [
        (None, "Scoring"),
        ("alice", "Scoring"),
    ]
    assert registry.resolve("OldScoring", "alice").definition is registry.view("alice")["OldScoring"]
    assert registry.resolve("BobScoring").definition.name == "Ranking"
    assert "OldScoring" not in registry.view("carol")
    tried = registry.resolve("OldScoring", "carol").tried
    assert tried[0].reason == "workspace carol does not see it"


def test_the_workspace_in_effect_asks_where_none_is_named(project: Project) -> None:
    registry = opened(project, {CORE: step(), local("alice"): step()})
    with stepwell.workspace("alice"):
        assert chosen(registry.resolve("Scoring"))[0] == "alice"
        assert chosen(registry.resolve("Scoring", None)) == (None, "priority_based", True)
    assert chosen(registry.resolve("Scoring")) == (None, "priority_based", True)


def test_a_reload_is_followed(project: Project) -> None:
    registry = opened(project, {CORE: step(), local("alice"): step(priority=10)})
    assert chosen(registry.resolve("Scoring"))[0] == "alice"
    (Path(registry.project.root) / local("alice")).write_text(step(priority=200), encoding="utf-8")
    registry.reload()
    assert chosen(registry.resolve("Scoring"))[0] is None
    (Path(registry.project.root) / local("alice")).unlink()
    registry.reload()
    assert registry.resolve("Scoring").strategy == "only_candidate"


# conflicts


@pytest.mark.parametrize(
    ("fields", "agreement", "differing"),
    [
        ({}, Agreement.IDENTICAL, ()),
        ({"description": "Other."}, Agreement.COMPATIBLE, ("description",)),
        (
            {"priority": 1, "environment_tags": "[gpu]", "compatibility_tags": "[a]", "aliases": "[Old]"},
            Agreement.COMPATIBLE,
            ("priority", "environment_tags", "compatibility_tags", "aliases"),
        ),
        ({"x-team": "fraud"}, Agreement.COMPATIBLE, ("extensions",)),
        ({"deprecated": "{since: '1'}"}, Agreement.COMPATIBLE, ("deprecated",)),
        (
            {"conflict_resolution_strategy": "priority_based"},
            Agreement.COMPATIBLE,
            ("conflict_resolution_strategy",),
        ),
        ({"framework": "pytorch"}, Agreement.CONFLICTING, ("framework",)),
        ({"config_class": "Other"}, Agreement.CONFLICTING, ("config_class",)),
        ({"builder_step_name": "Other"}, Agreement.CONFLICTING, ("builder_step_name",)),
        ({"spec_type": "Other", "priority": 1}, Agreement.CONFLICTING, ("spec_type", "priority")),
        ({"sagemaker_step_type": "Training"}, Agreement.CONFLICTING, ("sagemaker_step_type",)),
        ({"config_class": "ScoringConfig"}, Agreement.IDENTICAL, ()),
    ],
)
def test_definitions_are_classed_by_what_differs(
    project: Project, fields: dict[str, object], agreement: Agreement, differing: tuple[str, ...]
) -> None:
    registry = opened(project, {local("alice"): step(), local("bob"): step(**fields)})
    (found,) = registry.conflicts()
    assert (found.name, found.agreement, found.differing) == ("Scoring", agreement, differing)


def test_every_field_is_metadata_or_not() -> None:
    rest = set(StepDefinition.fields()) - METADATA
    assert set(StepDefinition.fields()) > METADATA
    assert rest == {
        "name",
        "sagemaker_step_type",
        "framework",
        "config_class",
        "builder_step_name",
        "spec_type",
        "components",
        "interface",
        "examples",
        "implementation",
        "parameters",
        "capabilities",
        "requires",
        "timeout",
        "retry",
        "since",
        "compatible_with",
    }


def test_all_definitions_are_listed_the_core_included(project: Project) -> None:
    files = {
        CORE: step(),
        local("bob"): "# two\n" + step(),
        local("alice", layer="override"): "name: Scoring\npriority: 1\n",
        local("carol", "ranking"): step(name="Ranking"),
        "registry.d/steps/sorting.yaml": step(name="Sorting"),
    }
    (found,) = opened(project, files).conflicts()
    assert [(one.workspace, one.layer.value, one.place) for one in found.candidates] == [
        (None, "core", "registry.d/steps/scoring.yaml:1"),
        ("alice", "override", "workspaces/alice/override/steps/scoring.yaml:1"),
        ("bob", "local", "workspaces/bob/local/steps/scoring.yaml:2"),
    ]


CORE_LOW = step(priority=1)


@pytest.mark.parametrize(
    ("files", "recommendation"),
    [
        (
            {CORE: step(), local("a"): step(), local("b"): step()},
            (
                "Remove workspaces/a/local/steps/scoring.yaml:1 and workspaces/b/local/steps/scoring.yaml:1: "
                "identical to the core."
            ),
        ),
        (
            {local("a"): step(), local("b"): step()},
            "Keep one of them, in the core: all are identical.",
        ),
        (
            {CORE: step(), local("a"): step(priority=1, description="Other.")},
            (
                "Replace workspaces/a/local/steps/scoring.yaml:1 with "
                "an override of `description` and `priority`."
            ),
        ),
        (
            {CORE: step(), local("a", layer="override"): "name: Scoring\nx-team: fraud\n"},
            "No action needed: they differ only in `x-`.",
        ),
        (
            {local("a"): step(), local("b"): step(priority=1)},
            "Move one of them to the core, and override `priority`.",
        ),
        (
            {CORE: step(), local("a"): step(framework="pytorch")},
            ("Rename one of them, or lower its `priority`: ambiguous when no workspace is specified."),
        ),
        (
            {CORE: CORE_LOW, local("a"): step(framework="pytorch")},
            "Rename one of them if they are different steps; otherwise specify a workspace.",
        ),
    ],
)
def test_what_to_do_is_a_sentence(project: Project, files: dict[str, str], recommendation: str) -> None:
    (found,) = opened(project, files).conflicts()
    assert found.recommendation == recommendation


def test_definitions_that_no_view_contains_are_listed_as_hidden(project: Project) -> None:
    registry = opened(project, {CORE: step(), local("alice"): step(priority=1)})
    with registry.register({**BASE, "description": "Registered."}, replace=True):
        (found,) = registry.conflicts()
        assert [(one.workspace, one.layer.value) for one in found.candidates] == [(None, "runtime")]
        assert [(one.workspace, one.layer.value) for one in found.hidden] == [
            (None, "core"),
            ("alice", "local"),
        ]
        assert registry.resolve("Scoring").chosen.layer.value == "runtime"
    (found,) = registry.conflicts()
    assert (len(found.candidates), found.hidden) == (2, ())


@pytest.mark.parametrize("fields", [{}, {"priority": 1}, {"framework": "pytorch"}])
def test_the_only_served_one_is_advised_about_as_such(project: Project, fields: dict[str, object]) -> None:
    registry = opened(project, {CORE: step()})
    with registry.register({**BASE, **fields}, replace=True):
        (found,) = registry.conflicts()
        assert (len(found.candidates), len(found.hidden), found.ambiguous) == (1, 1, False)
        assert found.recommendation == (
            "Rename <registered>:1, unless it hides the definition below on purpose."
        )


def test_what_is_registered_for_a_workspace_is_its_candidate(project: Project) -> None:
    files = {CORE: step(), local("bob"): step(), "workspaces/alice/workspace.yaml": "version: '1.0.0'\n"}
    registry = opened(project, files)
    registration = registry.register({**BASE, "description": "Registered."}, workspace="alice", replace=True)
    found = registry.resolve("Scoring", "alice")
    assert found.definition is registration.definition
    assert [(one.workspace, one.layer.value) for one in found.candidates] == [
        (None, "core"),
        ("alice", "runtime"),
        ("bob", "local"),
    ]
    registration.remove()
    assert [one.workspace for one in registry.resolve("Scoring", "alice").candidates] == [None, "bob"]


def test_the_examples_of_this_repository() -> None:
    registry = stepwell.open(REPOSITORY)
    assert [(one.name, one.agreement.value, one.ambiguous) for one in registry.conflicts()] == [
        ("ModelEvaluation", "conflicting", True),
        ("Package", "conflicting", True),
        ("XGBoostTraining", "conflicting", False),
    ]
    assert chosen(registry.resolve("ModelEvaluation", None)) == ("bob", "priority_based", True)
    assert chosen(registry.resolve("ModelEvaluation", "carol")) == ("carol", "workspace_priority", False)


# strategies: the contract that each one keeps


def candidate(workspace: str | None, **fields: object) -> Candidate:
    return Candidate(StepDefinition({**BASE, **fields}), workspace)


SEVERAL = (
    candidate(None, framework="xgboost", priority=50),
    candidate("alice", framework="pytorch", priority=50, environment_tags=("gpu",)),
    candidate("bob", framework="pytorch", priority=10, environment_tags=("cpu", "edge")),
)
CONTEXTS = [
    ResolutionContext(),
    ResolutionContext("alice", SEVERAL[1].definition, ("pytorch",), ("gpu",)),
    ResolutionContext("bob", SEVERAL[2].definition, ("numpy", "xgboost"), ("edge",)),
    ResolutionContext("carol", SEVERAL[0].definition, (), ("unknown",)),
    ResolutionContext("dave", None, ("numpy",), ()),
]


def follow_contract(
    strategy: Strategy, candidates: tuple[Candidate, ...], context: ResolutionContext
) -> None:
    selection = strategy(candidates, context)
    assert isinstance(selection, Selection)
    assert list(selection.candidates) == [one for one in candidates if one in selection.candidates]
    assert len(set(map(id, selection.candidates))) == len(selection.candidates)
    assert selection.reason
    assert selection.reason == selection.reason.strip().rstrip(".")
    assert strategy(candidates, context) == selection


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_keeps_the_contract(name: str, context: ResolutionContext) -> None:
    follow_contract(STRATEGIES[name], SEVERAL, context)
    follow_contract(STRATEGIES[name], SEVERAL[1:], context)


def test_the_last_strategy_always_leaves_a_candidate() -> None:
    assert tuple(STRATEGIES) == AUTOMATIC
    for context in CONTEXTS:
        assert STRATEGIES[AUTOMATIC[-1]](SEVERAL, context).candidates


def test_nothing_that_is_answered_can_be_changed(project: Project) -> None:
    found = opened(project, {CORE: step(), local("alice"): step()}).resolve("Scoring")
    for one, field in ((found, "chosen"), (found.context, "workspace"), (found.chosen, "workspace")):
        with pytest.raises(AttributeError):
            setattr(one, field, None)
    with pytest.raises(TypeError):
        STRATEGIES["mine"] = STRATEGIES["priority_based"]  # type: ignore[index]


PACKAGE = {
    "pyproject.toml": (
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n'
        '[project]\nname = "acme-strategies"\nversion = "1.0"\n\n'
        '[project.entry-points."stepwell.strategies"]\n'
        'shortest_description = "acme_strategies:shortest"\n'
        'broken_import = "acme_strategies.gone:select"\n'
        'no_function = "acme_strategies:NUMBER"\n'
        'raises = "acme_strategies:raises"\n'
        'strangers = "acme_strategies:strangers"\n'
    ),
    "src/acme_strategies/__init__.py": (
        "NUMBER = 1\n"
        "def shortest(candidates, context):\n"
        "    length = min(len(one.definition.description) for one in candidates)\n"
        "    found = tuple(one for one in candidates if len(one.definition.description) == length)\n"
        "    return found, f'the shortest description has {length} characters'\n"
        "def raises(candidates, context):\n"
        "    raise RuntimeError('out of order')\n"
        "def strangers(candidates, context):\n"
        "    return (candidates[0]._replace(workspace='nobody'),), 'why not'\n"
    ),
}
ASK = """
import sys, stepwell
registry = stepwell.open(sys.argv[1])
assert not any(name.startswith("acme") for name in sys.modules), "imported unasked"
registry.resolve("Scoring")
assert not any(name.startswith("acme") for name in sys.modules), "imported unasked"
try:
    found = registry.resolve("Scoring", strategy=sys.argv[2])
except stepwell.StepwellError as error:
    print(type(error).__name__, error)
else:
    print(found.chosen.workspace, found.strategy, found.reason)
"""


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an example package really installed into it."""
    source, target = tmp_path_factory.mktemp("acme"), tmp_path_factory.mktemp("site")
    for path, text in PACKAGE.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(text, encoding="utf-8")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(source), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = source.glob("*.whl")
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)
    return target


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strategy", "told"),
    [
        ("shortest_description", "bob shortest_description the shortest description has 5 characters"),
        (
            "broken_import",
            (
                "StrategyFailed strategy broken_import of package acme-strategies cannot be loaded: "
                "ModuleNotFoundError: No module named 'acme_strategies.gone'"
            ),
        ),
        (
            "no_function",
            (
                "StrategyFailed strategy no_function of package acme-strategies `acme_strategies:NUMBER` "
                "is not callable"
            ),
        ),
        (
            "raises",
            "StrategyFailed strategy raises of package acme-strategies failed: RuntimeError: out of order",
        ),
        (
            "strangers",
            "StrategyFailed strategy strangers of package acme-strategies selected a definition that is not a candidate",  # noqa: E501
        ),
        (
            "shortest_descripton",
            "UnknownStrategy unknown strategy: shortest_descripton (did you mean `shortest_description`?)",
        ),
    ],
)
def test_an_installed_package_adds_strategies(
    project: Project, environment: Mapping[str, str], acme: Path, strategy: str, told: str
) -> None:
    root = project({local("alice"): step(), local("bob"): step(description="Sort.")})
    ran = subprocess.run(
        [sys.executable, "-c", ASK, str(root), strategy],
        env={**environment, "PYTHONPATH": str(acme)},
        capture_output=True,
        check=False,
    )
    assert (ran.stdout.decode().strip(), ran.stderr.decode()) == (told, "")
    assert ran.returncode == 0


def test_every_mode_is_one_of_the_three() -> None:
    assert Mode.__args__ == ("automatic", "strict", "interactive")  # type: ignore[attr-defined]


def test_a_definition_for_another_environment_is_excluded_before_any_strategy(project: Project) -> None:
    files = {
        CORE: step(),
        local("alice"): step(environment_tags="[development]", priority=90),
        local("bob"): step(environment_tags="[production]", priority=80),
    }
    registry = opened(project, files)
    for mode in ("automatic", "strict"):
        found = registry.resolve("Scoring", None, environment=("Development",), mode=mode)
        assert chosen(found) == ("alice", "priority_based", False)
    found = registry.resolve("Scoring", None, environment=("staging",), mode="strict")
    assert chosen(found) == (None, "environment_match", False)


def test_frameworks_and_tags_are_compared_without_case(project: Project) -> None:
    files = {CORE: step(framework="XGBoost"), local("bob"): step(framework="pytorch")}
    registry = opened(project, files)
    assert chosen(registry.resolve("Scoring", None, "xgboost")) == (None, "framework_match", False)


def test_an_override_is_private_to_its_workspace_without_the_option_across(project: Project) -> None:
    files = {CORE: step(priority=50), local("bob", layer="override"): "name: Scoring\npriority: 1\n"}
    registry = opened(project, files)
    assert chosen(registry.resolve("Scoring", None)) == (None, "only_candidate", False)
    assert chosen(resolve(registry.snapshot, "Scoring")) == (None, "only_candidate", False)
    assert chosen(registry.resolve("Scoring", None, across=True)) == ("bob", "priority_based", False)
    assert chosen(registry.resolve("Scoring", "bob")) == ("bob", "workspace_priority", False)
