"""What ``import stepwell`` offers: names, types, errors, and answers to a user's first guesses."""

from __future__ import annotations

import pickle
import pydoc
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import stepwell
from stepwell import Registry, View
from stepwell.run.steps.result import Fault

Project = Callable[[Mapping[str, "str | bytes"]], Path]
ERRORS = [
    stepwell.AmbiguousStep("A", ("the core at a.yaml:1",)),
    stepwell.ComponentError("Builder", None, "a.py", 1, "it is missing"),
    stepwell.ExtensionError("stepwell.engines", "a", (), "is missing"),
    stepwell.NoProvider("the core", "there is none", {"a": "it is slow"}, 1.0),
    stepwell.PipelineError("no"),
    stepwell.ProjectError("no"),
    stepwell.RegistrationError("A", (stepwell.Diagnostic("a", stepwell.Severity.ERROR, "b"),)),
    stepwell.RevisionError("no"),
    stepwell.StepError("A", Fault.ERROR, "no", "a.yaml:1", 1),
    stepwell.StepwellError("no"),
    stepwell.StrategyFailed("a", "package b", "fails"),
    stepwell.UnknownPipeline("A", ("B",)),
    stepwell.UnknownProvider("A", ("B",)),
    stepwell.UnknownStep("A", ("B",), "workspace alice"),
    stepwell.UnknownStrategy("a", ("b",)),
    stepwell.UnknownWorkspace("a", ("b",)),
]


@pytest.fixture
def registry(project: Project) -> Registry:
    return stepwell.open(
        project(
            {
                "stepwell.toml": "",
                "registry.d/steps/a.yaml": "name: A\ndescription: A.\nframework: f\naliases: [Old]\n",
                "registry.d/pipelines/p.yaml": "name: P\ndescription: P.\nsteps: [{id: a, step: A}]\n",
                "workspaces/alice/override/steps/a.yaml": "name: A\npriority: 1\n",
            }
        )
    )


def test_every_public_name_is_there_and_none_is_loaded_before_it_is_used() -> None:
    ask = (
        "import sys, stepwell; print(sorted(name for name in sys.modules if name.startswith('stepwell.')));"
        "print([name for name in stepwell.__all__ if name not in dir(stepwell)]);"
        "print([name for name in stepwell.__all__ if getattr(stepwell, name, None) is None])"
    )
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    loaded = ["stepwell.source", "stepwell.source.errors", "stepwell.version"]
    assert done.stdout == f"{loaded}\n[]\n[]\n"


def test_help_lists_the_public_names_first() -> None:
    shown = pydoc.plain(pydoc.render_doc(stepwell))
    first = shown[: shown.index("PACKAGE CONTENTS")]
    errors = {
        name
        for name, value in vars(stepwell).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert [name for name in stepwell.__all__ if name not in first and name not in errors] == ["__version__"]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_is_named_by_what_a_caller_can_import(error: stepwell.StepwellError) -> None:
    (line,) = traceback.format_exception_only(type(error), error)[0].splitlines()[:1]
    assert line.startswith(f"stepwell.{type(error).__name__}: ")
    assert getattr(stepwell, type(error).__name__) is type(error)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - what was just written
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_every_error_is_among_them() -> None:
    exported = {value for name in stepwell.__all__ if isinstance(value := getattr(stepwell, name), type)}
    assert {type(error) for error in ERRORS} == {one for one in exported if issubclass(one, Exception)}


GUESSES: dict[str, tuple[Callable[[Registry, View], Any], Any]] = {
    "registry[name]": (lambda registry, _: registry["A"].priority, 100),
    "registry[alias]": (lambda registry, _: registry["Old"].name, "A"),
    "name in registry": (lambda registry, _: ("A" in registry, "Z" in registry), (True, False)),
    "for name in registry": (lambda registry, _: list(registry), ["A"]),
    "registry.steps": (lambda registry, _: list(registry.steps), ["A"]),
    "registry.pipelines": (lambda registry, _: list(registry.pipelines), ["P"]),
    "step[field]": (lambda _, view: view["A"]["framework"], "f"),
    "field in step": (lambda _, view: ("framework" in view["A"], "requires" in view["A"]), (True, False)),
    "for field in step": (lambda _, view: list(view["A"])[:2], ["name", "description"]),
    "dict(step)": (lambda _, view: dict(view["A"])["priority"], 1),
    "step.origin(field)": (lambda _, view: view["A"].origin("framework").span.line, 3),
    "explain(name.field)": (lambda _, view: view.explain("A.priority").value, 1),
    "explain(alias.field)": (lambda _, view: view.explain("Old.config_class").winner.how, "not stated"),
    "explain(name, field)": (lambda _, view: view.explain("A", "priority").losers[0].value, 100),
    "register(fields)": (
        lambda registry, _: registry.register(name="B", description="B.", priority=2).definition.priority,
        2,
    ),
    "register(fields, implementation)": (
        lambda registry, _: registry.register(name="b", implementation=print, priority=2).definition.priority,
        2,
    ),
    "register(fields, implementation's name)": (
        lambda registry, _: (
            registry.register(name="b", description="B.", implementation="m:f").definition.implementation
        ),
        "m:f",
    ),
    "register(name, implementation, fields)": (
        lambda registry, _: registry.register("b", print, description="B.").definition.description,
        "B.",
    ),
}


@pytest.mark.parametrize("guess", GUESSES)
def test_a_first_guess_works(guess: str, registry: Registry) -> None:
    ask, expected = GUESSES[guess]
    assert ask(registry, registry.view("alice")) == expected


def test_a_registry_follows_the_workspace_in_effect(registry: Registry) -> None:
    with stepwell.workspace("alice"):
        assert registry["A"].priority == registry.steps["A"].priority == 1


REJECTED: dict[str, tuple[Callable[[Any, Any], Any], type[Exception], str]] = {
    "registry.check()": (
        lambda registry, _: registry.check(),
        AttributeError,
        r"use `registry\.diagnostics`",
    ),
    "registry.get": (
        lambda registry, _: registry.get("A"),
        AttributeError,
        r"use `registry\.view\(\)\.get\(name\)`",
    ),
    "registry.explain": (lambda registry, _: registry.explain("A.b"), AttributeError, r"view\(\)\.explain"),
    "registry.providers": (lambda registry, _: registry.providers, AttributeError, r"view\(\)\.providers"),
    "registry.other": (
        lambda registry, _: registry.other,
        AttributeError,
        "^a Registry has no attribute 'other'$",
    ),
    "registry[unknown]": (lambda registry, _: registry["B"], stepwell.UnknownStep, "Unknown step name: B"),
    "step[unknown]": (lambda _, view: view["A"]["framwork"], KeyError, "did you mean `framework`"),
    "explain(name)": (lambda _, view: view.explain("A"), TypeError, r"explain_all\('A'\)"),
    "explain(unknown.field)": (
        lambda _, view: view.explain("B.priority"),
        stepwell.UnknownStep,
        "step name: B",
    ),
    "register()": (lambda registry, _: registry.register(), stepwell.RegistrationError, "missing"),
    "register(definition, fields)": (
        lambda registry, _: registry.register({"name": "B", "description": "B."}, priority=1),
        TypeError,
        "either a definition or its fields, got both: priority",
    ),
    "register(typo=...)": (
        lambda registry, _: registry.register(name="B", description="B.", workspce="alice"),
        stepwell.RegistrationError,
        "workspce",
    ),
    "subscribe(None)": (
        lambda registry, _: registry.subscribe(None),
        TypeError,
        "must be callable with one Event, got None",
    ),
    "subscribe(call())": (
        lambda registry, _: registry.subscribe([].append(1)),
        TypeError,
        "must be callable with one Event",
    ),
}


@pytest.mark.parametrize("guess", REJECTED)
def test_a_wrong_guess_is_answered_with_the_right_call(guess: str, registry: Registry) -> None:
    ask, error, message = REJECTED[guess]
    with pytest.raises(error, match=message):
        ask(registry, registry.view("alice"))
