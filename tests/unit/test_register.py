"""Code registers steps while it runs: checked like a file, above every file, and taken back again."""

from __future__ import annotations

import copy
import enum
import logging
import pickle
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import stepwell
from stepwell.live.registry import Registry
from stepwell.model import StepDefinition
from stepwell.source.diagnostic import Diagnostic, Severity
from stepwell.source.errors import RegistrationError, UnknownWorkspace

Project = Callable[[Mapping[str, str | bytes]], Path]

SCORING = "name: Scoring\nsagemaker_step_type: Processing\ndescription: Score.\naliases: [OldScoring]\n"
OWN = "name: Own\nsagemaker_step_type: Processing\ndescription: Alice's.\naliases: [OldOwn]\n"
FILES = {
    "registry.d/steps/scoring.yaml": SCORING,
    "workspaces/alice/local/steps/own.yaml": OWN,
    "workspaces/alice/override/steps/scoring.yaml": "name: Scoring\npriority: 5\n",
    "workspaces/bob/workspace.yaml": "",
}


@pytest.fixture
def registry(project: Project) -> Registry:
    return stepwell.open(project(FILES))


def step(name: str = "Fancy", **fields: Any) -> dict[str, Any]:
    return {"name": name, "description": "A fancy step.", **fields}


def refusal(registry: Registry, definition: Any, **how: Any) -> RegistrationError:
    before = registry.snapshot
    with pytest.raises(RegistrationError) as refused:
        registry.register(definition, **how)
    assert registry.snapshot is before
    return refused.value


def places(refused: RegistrationError) -> list[tuple[str, int, int]]:
    return [(one.id, one.span.line, one.span.column) for one in refused.diagnostics if one.span]


def test_a_step_for_everybody_is_in_every_view_until_it_is_taken_back(registry: Registry) -> None:
    before = registry.digest
    registration = registry.register(step(sagemaker_step_type="Training", aliases=["Flashy"]))
    for view in (registry.view(None), registry.view("alice"), registry.view("bob")):
        assert view["Fancy"] is registration.definition
        assert view["Flashy"].name == "Fancy"
        assert "Fancy" in view
        assert next(iter(view.legacy_table())) == "Fancy"
        assert view.by_config_class("FancyConfig") is registration.definition
    assert registry.digest != before
    registration.remove()
    assert registry.digest == before
    assert "Fancy" not in registry.view("alice")
    registration.remove()
    assert registry.digest == before


def test_a_step_for_a_workspace_is_seen_by_it_alone(registry: Registry) -> None:
    core, bob = registry.view(None).digest, registry.view("bob").digest
    with registry.register(step(), workspace="alice") as registration:
        assert registration.workspace == "alice"
        assert "Fancy" in registry.view("alice")
        assert (registry.view(None).digest, registry.view("bob").digest) == (core, bob)
    assert "Fancy" not in registry.view("alice")


def test_a_workspace_that_does_not_exist_is_an_error_with_a_suggestion(registry: Registry) -> None:
    with pytest.raises(UnknownWorkspace, match=r"unknown workspace: alise \(did you mean `alice`\?\)"):
        registry.register(step(), workspace="alise")


def test_a_registered_step_lies_above_an_override_and_explain_shows_all_below_it(registry: Registry) -> None:
    registry.register(step("Scoring", priority=3), replace=True)
    registry.register(step("Scoring", priority=2), workspace="alice", replace=True)
    told = registry.view("alice").explain("Scoring", "priority")
    rows = [
        (one.value, one.layer and one.layer.value, one.workspace, one.span and one.span.path)
        for one in (told.winner, *told.losers)
    ]
    assert rows == [
        (2, "runtime", "alice", "<registered>"),
        (3, "runtime", None, "<registered>"),
        (5, "override", "alice", "workspaces/alice/override/steps/scoring.yaml"),
        (100, None, None, None),
    ]
    described = registry.view(None).explain("Scoring", "sagemaker_step_type")
    assert described.winner.how == "not stated"
    assert [(one.value, one.layer and one.layer.value) for one in described.losers] == [
        ("Processing", "core")
    ]


def test_a_later_registration_is_above_and_restores_what_it_hid(registry: Registry) -> None:
    first = registry.register(step(description="First."))
    second = registry.register(step(description="Second."), replace=True)
    assert registry.view(None)["Fancy"].description == "Second."
    told = registry.view(None).explain("Fancy", "description")
    assert [one.value for one in (told.winner, *told.losers)] == ["Second.", "First."]
    second.remove()
    assert registry.view(None)["Fancy"] is first.definition
    assert registry.view("bob")["Fancy"] is first.definition


def test_one_for_a_workspace_lies_above_one_for_everybody_that_came_later(registry: Registry) -> None:
    own = registry.register(step(description="Alice's."), workspace="alice")
    registry.register(step(description="Everybody's."), replace=True)
    assert registry.view("alice")["Fancy"] is own.definition
    assert registry.view("bob")["Fancy"].description == "Everybody's."


def test_it_survives_reloads_and_what_a_reload_brings_lies_below_it(registry: Registry) -> None:
    registration = registry.register(step())
    file = Path(registry.project.root) / "registry.d/steps/fancy.yaml"
    file.write_text("name: Fancy\ndescription: From a file.\n")
    assert registry.reload() is not None
    assert registry.view("alice")["Fancy"] is registration.definition
    losers = registry.view("alice").explain("Fancy", "description").losers
    assert [one.value for one in losers] == ["From a file."]
    registration.remove()
    assert registry.view("alice")["Fancy"].description == "From a file."


def test_it_survives_a_rejected_reload(registry: Registry) -> None:
    registration = registry.register(step())
    (Path(registry.project.root) / "registry.d/steps/broken.yaml").write_text("name: [\n")
    event = registry.reload()
    assert event is not None
    assert not event.accepted
    assert registry.view(None)["Fancy"] is registration.definition
    registration.remove()
    assert "Fancy" not in registry.view(None)


def test_a_definition_can_be_registered_as_well_as_a_mapping(registry: Registry) -> None:
    scoring = registry.view("alice")["Scoring"]
    registration = registry.register(scoring, workspace="bob", replace=True)
    assert registry.view("bob")["Scoring"] == scoring
    assert registration.definition.sources[0].layer.value == "runtime"


def test_what_the_caller_does_with_its_mapping_afterwards_changes_nothing(registry: Registry) -> None:
    inner: dict[str, Any] = {"team": ["fraud"]}
    given = step(aliases=["Flashy"], **{"x-owner": inner})
    registration = registry.register(given)
    kept, digest = copy.deepcopy(given), registry.digest
    given["description"] = "Changed."
    given["aliases"].append("Gaudy")
    inner["team"].append("risk")
    served = registry.view(None)["Fancy"]
    assert served is registration.definition
    assert served.description == kept["description"]
    assert served.aliases == ("Flashy",)
    assert served.extensions == {"x-owner": MappingProxyType({"team": ("fraud",)})}
    assert registry.digest == digest
    with pytest.raises(TypeError):
        served.data["name"] = "Other"  # type: ignore[index]


def test_a_step_that_does_not_fit_the_schema_is_rejected_as_a_file_would_be(
    registry: Registry, project: Project
) -> None:
    refused = refusal(registry, {"name": "Fancy", "descripton": "x", "priority": 2000})
    assert str(refused) == (
        "cannot register step `Fancy`:\n"
        "  error[unknown-field]: step has no field `descripton` (did you mean `description`?)\n"
        "  error[out-of-range]: `priority` must be at most 1000, got 2000"
    )
    by_id = {one.id: one for one in refused.diagnostics}
    assert by_id["unknown-field"].span is not None
    assert by_id["unknown-field"].span.path == "<registered>"
    assert by_id["unknown-field"].span.text == "descripton: x"
    assert (by_id["out-of-range"].span.line, by_id["out-of-range"].span.column) == (3, 11)  # type: ignore[union-attr]

    file = "name: Fancy\ndescripton: x\npriority: 2000\n"
    told = stepwell.open(project({"registry.d/steps/fancy.yaml": file})).diagnostics
    assert {(one.id, one.message, one.help) for one in told} == {
        (one.id, one.message, one.help) for one in refused.diagnostics
    }


@pytest.mark.parametrize(
    ("definition", "found"),
    [
        (step("fancy_step"), [("naming-style", 1, 7)]),
        (step(aliases=["New", "Scoring"]), [("alias-collision", 5, 5)]),
        (step(aliases=["OldScoring"]), [("alias-collision", 4, 5)]),
        (step("OldScoring"), [("alias-collision", 1, 7)]),
        (step(config_class="ScoringConfig"), [("duplicate-config-class", 3, 15)]),
        (step("Scoring"), [("duplicate-definition", 1, 7)]),
        (step(aliases=["OldOwn"]), [("alias-collision", 4, 5)]),
        (step(config_class="OwnConfig"), [("duplicate-config-class", 3, 15)]),
        (step("Own"), [("duplicate-definition", 1, 7)]),
        (step(deprecated={"remove_after": "2001-01-01"}), [("past-removal", 4, 17)]),
    ],
)
def test_a_step_that_breaks_a_rule_is_rejected(
    definition: dict[str, Any], found: list[tuple[str, int, int]], project: Project
) -> None:
    registry = stepwell.open(project({**FILES, "stepwell.toml": '[rules]\npast-removal = "error"\n'}))
    assert places(refusal(registry, definition)) == found


def test_values_are_checked_against_the_vocabulary(project: Project) -> None:
    registry = stepwell.open(project({"stepwell.toml": '[vocabulary]\nframeworks = ["xgboost"]\n'}))
    refused = refusal(registry, step(framework="xgbost"))
    assert str(refused) == (
        "cannot register step `Fancy`:\n"
        "  error[not-in-vocabulary]: `xgbost` is not an allowed value of `framework` "
        "(did you mean `xgboost`?)"
    )


def test_the_message_names_the_view_that_has_the_name_and_where(registry: Registry) -> None:
    refused = refusal(registry, step("Own"))
    (found,) = refused.diagnostics
    assert found.message == "step `Own` already exists in workspace alice"
    assert [(one.message, one.span.path, one.span.line) for one in found.related] == [
        ("defined in", "workspaces/alice/local/steps/own.yaml", 1)
    ]
    registry.register(step("Own"), workspace="bob")
    assert "Own" not in registry.view(None)


def test_registered_steps_collide_with_each_other_where_one_view_shows_both(registry: Registry) -> None:
    registry.register(step("A", aliases=["Old"], sagemaker_step_type="Training"), workspace="alice")
    registry.register(step("B", aliases=["Old"], sagemaker_step_type="Training"), workspace="bob")
    for other in (step("C", aliases=["Old"]), step("Old"), step("C", config_class="AConfig")):
        assert len(refusal(registry, other).diagnostics) >= 1
        assert len(refusal(registry, other, workspace="alice").diagnostics) == 1
    assert {one.id for one in refusal(registry, step("A")).diagnostics} == {"duplicate-definition"}
    registry.register(step("C", config_class="AConfig"), workspace="bob")


def test_a_replacement_may_keep_the_aliases_and_the_class_of_what_it_hides(registry: Registry) -> None:
    registry.register(step("Scoring", aliases=["OldScoring"], sagemaker_step_type="Processing"), replace=True)
    assert registry.view("alice")["OldScoring"].description == "A fancy step."


def test_warnings_are_reported_and_reject_nothing(project: Project) -> None:
    registry = stepwell.open(project({"stepwell.toml": '[rules]\nnaming-style = "warning"\n'}))
    registration = registry.register(step("fancy"))
    assert [(one.id, one.severity) for one in registration.diagnostics] == [
        ("naming-style", Severity.WARNING)
    ]
    assert "fancy" in registry.view(None)


class Colour(str, enum.Enum):
    RED = "red"


def cyclic() -> dict[str, Any]:
    data = step()
    data["x-self"] = data
    return data


@pytest.mark.parametrize(
    ("definition", "rule", "message"),
    [
        (3, "not-a-mapping", "a step must be a mapping of fields, got an int"),
        ([], "not-a-mapping", "a step must be a mapping of fields, got a list"),
        (step(**{"x-a": {1: 2}}), "non-string-key", "a key of `x-a` must be a string, got an int"),
        (step(**{"x-a": [{"b": {1}}]}), "wrong-type", "`x-a[0].b` must be plain data, got a set"),
        (step(**{"x-a": float("nan")}), "number-out-of-range", "`x-a` is not a finite number"),
        (step(**{"x-a": 2**63}), "number-out-of-range", "`x-a` does not fit in 64 bits"),
        (step(**{"x-a": "\ud800"}), "wrong-form", "`x-a` contains a lone surrogate"),
        (cyclic(), "too-deeply-nested", "values are nested more than 64 levels deep"),
        (step(description=None), "wrong-type", "`description` must be text, got nothing"),
    ],
)
def test_what_no_file_could_hold_is_rejected(
    definition: Any, rule: str, message: str, registry: Registry
) -> None:
    assert [(one.id, one.message) for one in refusal(registry, definition).diagnostics] == [(rule, message)]


def test_values_of_types_that_are_nearly_plain_become_plain(registry: Registry) -> None:
    registration = registry.register(MappingProxyType(step(**{"x-colour": Colour.RED, "x-many": (1, True)})))
    colour = registration.definition.extensions["x-colour"]
    assert (type(colour), colour) == (str, "red")
    assert registration.definition.extensions["x-many"] == (1, True)


def test_a_validator_is_given_the_step_and_consents_with_nothing(registry: Registry) -> None:
    seen: list[StepDefinition] = []
    registry.register(step(priority=7), validator=seen.append)
    assert [one.priority for one in seen] == [7]
    registry.register(step("Other"), validator=lambda _: [])
    assert "Other" in registry.view(None)


@pytest.mark.parametrize(
    ("said", "messages"),
    [
        (["no owner", "no cost"], ["no cost", "no owner"]),
        ("no owner", ["no owner"]),
        ([Diagnostic("own-rule", Severity.INFO, "no owner")], ["no owner"]),
        (True, ["validator raised TypeError: 'bool' object is not iterable"]),
        (False, ["validator raised TypeError: 'bool' object is not iterable"]),
    ],
)
def test_every_error_of_a_validator_rejects(said: Any, messages: list[str], registry: Registry) -> None:
    refused = refusal(registry, step(), validator=lambda _: said)
    assert [(one.id, one.severity) for one in refused.diagnostics] == [
        ("refused-by-validator", Severity.ERROR) for _ in messages
    ]
    assert [one.message for one in refused.diagnostics] == messages


def test_a_validator_that_raises_refuses_and_its_traceback_is_in_the_log(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: StepDefinition) -> None:
        raise LookupError("no catalog")

    with caplog.at_level(logging.WARNING, "stepwell"):
        refused = refusal(registry, step(aliases=["Scoring"]), validator=broken)
    assert [(one.id, one.message) for one in refused.diagnostics] == [
        ("refused-by-validator", "validator raised LookupError: no catalog"),
        ("alias-collision", "the alias `Scoring` of `Fancy` is also the name of a step"),
    ]
    assert "in broken" in caplog.text
    assert "LookupError: no catalog" in caplog.text


def test_a_validator_may_look_into_the_registry_and_register_itself(registry: Registry) -> None:
    def looks(one: StepDefinition) -> None:
        assert "Scoring" in registry.view(None)
        registry.register(step(f"{one.name}Helper"))

    registry.register(step(), validator=looks)
    assert {"Fancy", "FancyHelper"} <= set(registry.view(None))


def test_an_error_can_be_pickled(registry: Registry) -> None:
    refused = refusal(registry, {"name": "Fancy"})
    again = pickle.loads(pickle.dumps(refused))  # noqa: S301 - made one line above
    assert (str(again), again.name, again.diagnostics) == (str(refused), refused.name, refused.diagnostics)


def test_of_many_threads_that_register_one_name_one_succeeds(registry: Registry) -> None:
    start, outcomes = threading.Barrier(8), []

    def race() -> None:
        start.wait()
        try:
            outcomes.append(registry.register(step()))
        except RegistrationError:
            outcomes.append(None)

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one is not None for one in outcomes) == 1


def test_no_registration_is_lost_when_many_threads_add_and_remove(registry: Registry) -> None:
    before = registry.digest

    def work(number: int) -> None:
        for turn in range(20):
            registration = registry.register(step(f"T{number}N{turn}"), workspace=(None, "alice")[number % 2])
            if turn % 4:
                registration.remove()
            else:
                kept.append(registration)

    kept: list[Any] = []
    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept) == 30
    assert all(registry.view("alice")[one.definition.name] is one.definition for one in kept)
    assert len(registry.view(None)) == 1 + 15
    for one in kept:
        one.remove()
    assert registry.digest == before


def test_subscribers_are_notified(registry: Registry) -> None:
    events: list[Any] = []
    registry.subscribe(events.append)
    registry.register(step(), workspace="alice").remove()
    assert [(one.cause, one.accepted, one.changes.workspaces["alice"].added) for one in events] == [
        ("register", True, (("Fancy", "step"),)),
        ("remove", True, ()),
    ]
    assert not events[0].changes.core
    assert events[1].changes.workspaces["alice"].removed == (("Fancy", "step"),)
