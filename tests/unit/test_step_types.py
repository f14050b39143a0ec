"""Step types: registration in code or by a package, errors, and their contract."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import stepwell
from stepwell.code.references import check_references, source_folders
from stepwell.frontends.pytest_plugin import check_step_type
from stepwell.live.registry import Registry
from stepwell.model.settings import open_project
from stepwell.model.step_type import INTERFACE, StepType, Validating, faults_of
from stepwell.resolve.plugins import find_plugins
from stepwell.run.steps import Executor
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.errors import ComponentError, RegistrationError
from stepwell.source.python import index_sources

Project = Callable[[Mapping[str, str | bytes]], Path]


class Shout:
    """Say it loudly.

    More of it.
    """

    def execute(self, parameters: Mapping[str, Any], _: Any) -> str:
        return str(parameters["text"]).upper()

    def validate(self, parameters: Mapping[str, Any]) -> list[str]:
        return [] if parameters["text"] else ["there is nothing to say"]

    def describe(self) -> str:
        return "Says it loudly."


def whisper(parameters: Mapping[str, Any], _: Any) -> str:
    """Say it quietly."""
    return str(parameters["text"]).lower()


async def think(_: Mapping[str, Any], __: Any) -> None:
    await asyncio.sleep(0)


class NeedsMore:
    def __init__(self, model: str) -> None: ...

    def execute(self, parameters: Any, context: Any) -> None: ...


class TooFew:
    def execute(self, parameters: Any) -> None: ...


class Static:
    @staticmethod
    def execute(parameters: Any, context: Any) -> None: ...


class Idle: ...


def pieces(_: Any, __: Any) -> Iterator[int]:
    yield 1


async def async_pieces(_: Any, __: Any) -> AsyncIterator[int]:
    yield 1


@pytest.fixture
def registry(project: Project) -> Registry:
    return stepwell.open(project({"workspaces/alice/workspace.yaml": ""}))


def refusal(registry: Registry, *given: Any, **how: Any) -> list[str]:
    with pytest.raises(RegistrationError) as refused:
        registry.register(*given, **how)
    return [f"{one.id}: {one.message}" for one in refused.value.diagnostics]


def test_a_step_is_registered_by_its_name_and_what_runs_it(registry: Registry) -> None:
    seen: list[str] = []
    registration = registry.register(
        "shout",
        Shout,
        validator=lambda step: seen.append(step.name),
        metadata={"required_fields": ["text"], "optional_fields": ["loud"], "capabilities": ["voice"]},
    )
    definition = registration.definition
    assert (definition.name, definition.description, definition.capabilities, seen) == (
        "shout",
        "Say it loudly.",
        ("voice",),
        ["shout"],
    )
    assert definition.parameters == {"required_fields": ("text",), "optional_fields": ("loud",)}
    assert registry.view(None).load("shout", "implementation") is Shout
    assert registry.view("alice").load("shout", "implementation") is Shout
    with Executor(registry, telemetry=False) as executor:
        assert executor.run("shout", {"text": "hello"}).value == "HELLO"
        assert "has no field `txt` (did you mean `text`?)" in str(
            executor.run("shout", {"txt": "hello"}).error
        )
        assert "invalid parameters: there is nothing to say" in str(executor.run("shout", {"text": ""}).error)
        registration.remove()
        assert "Unknown step name: shout" in str(executor.run("shout", {"text": "hello"}).error)
    assert not registry.view(None).implementations


def test_a_decorator_registers_and_returns_what_it_decorates(registry: Registry) -> None:
    @registry.step_type("twice", workspace="alice", metadata={"parameters": {"type": "object"}})
    async def twice(parameters: Mapping[str, Any], _: Any) -> int:
        return int(parameters["number"]) * 2

    assert asyncio.run(twice({"number": 2}, None)) == 4
    assert registry.view("alice")["twice"].description == "The step type twice."
    assert "twice" not in registry.view(None)


def test_a_whole_definition_may_come_with_what_runs_it(registry: Registry) -> None:
    registry.register({"name": "Whisper", "description": "Quiet.", "aliases": ["hush"]}, whisper)
    with Executor(registry, telemetry=False) as executor:
        assert executor.run("hush", {"text": "HELLO"}).value == "hello"
        registry.register({"name": "Whisper", "description": "Louder."}, Shout, replace=True)
        assert executor.run("Whisper", {"text": "hello"}).value == "HELLO"
        registry.register({"name": "Whisper", "description": "Nothing runs it."}, replace=True)
        assert "the definition has no `implementation`" in str(executor.run("Whisper").error)


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        (None, ["no implementation given"]),
        (5, ["an int is neither callable nor has a method `execute`"]),
        (Idle, ["the class Idle has no method `execute`"]),
        (
            NeedsMore,
            [
                "the class NeedsMore cannot be instantiated without arguments: missing a required argument: 'model'"  # noqa: E501
            ],
        ),
        (TooFew, ["`execute` cannot be called with (parameters, context): too many positional arguments"]),
        (TooFew(), ["`execute` cannot be called with (parameters, context): too many positional arguments"]),
        (pieces, ["`pieces` is a generator, not a function that returns a result"]),
        (async_pieces, ["`async_pieces` is a generator, not a function that returns a result"]),
    ],
)
def test_what_does_not_fit_is_rejected_with_every_reason(
    registry: Registry, given: Any, faults: list[str]
) -> None:
    before = registry.snapshot
    assert refusal(registry, "odd", given) == [f"unfit-implementation: {one}" for one in faults]
    assert registry.snapshot is before


def test_other_faults_are_reported_beside(registry: Registry) -> None:
    found = refusal(registry, "bad name", Idle, metadata={"priority": 2000, "timeout": 0})
    assert [one.partition(":")[0] for one in found] == [
        "unfit-implementation",
        "wrong-form",
        "out-of-range",
        "out-of-range",
    ]
    both = {"required_fields": ["a"], "parameters": {"type": "object"}}
    assert refusal(registry, "both", whisper, metadata=both) == [
        "invalid-parameters-schema: `required_fields` and `type` cannot both describe the parameters"
    ]
    registry.register("taken", whisper)
    assert refusal(registry, "taken", whisper) == [
        "duplicate-definition: step `taken` already exists in the core"
    ]


def test_metadata_speaks_of_the_step_that_is_named(registry: Registry) -> None:
    assert refusal(registry, "shout", Shout, metadata={"name": "sigh"}) == [
        "wrong-form: `metadata` has the name `sigh`, but the step is registered as `shout`"
    ]
    assert refusal(registry, "shout", Shout, metadata=["text"]) == [
        "not-a-mapping: `metadata` must be a mapping of fields, got list"
    ]
    assert "shout" not in registry.view(None)
    assert "sigh" not in registry.view(None)
    registry.register("shout", Shout, metadata={"name": "shout"})
    assert "shout" in registry.view(None)


@pytest.mark.parametrize(
    "fitting", [whisper, think, Shout, Shout(), Static, functools.partial(whisper), lambda *_: None, max]
)
def test_what_fits(fitting: Any) -> None:
    assert faults_of(fitting) == ()


def test_the_protocols_are_what_implementations_have() -> None:
    assert isinstance(Shout(), StepType)
    assert isinstance(Shout(), Validating)
    assert not isinstance(Idle(), StepType)
    assert INTERFACE == "1.0"


def test_step_types_of_a_package_are_not_imported_until_they_run(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    points = "[stepwell.step_types]\nacme_shout = acme_types.voices:Shout\nacme_odd = acme_types\n"
    for path, content in {
        "acme_types-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme-types\nVersion: 1\n",
        "acme_types-1.dist-info/entry_points.txt": points,
        "acme_types/__init__.py": "",
        "acme_types/voices.py": (
            "IMPORTED = True\n"
            "class Shout:\n"
            "    def execute(self, parameters, context):\n"
            "        return parameters['text'].upper()\n"
        ),
    }.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(content)
    monkeypatch.syspath_prepend(str(site))
    import sys

    registry = stepwell.open(project({}))
    assert [one.message for one in registry.diagnostics] == [
        "cannot load steps of package acme-types: `acme_types` is not an implementation of a step"
    ]
    step = registry.view(None)["acme_shout"]
    assert (step.implementation, step.description) == (
        "acme_types.voices:Shout",
        "The step type acme_shout of the package acme-types.",
    )
    place = registry.view(None).implementation("acme_shout").place
    assert place is not None
    assert place.shown == "<acme_types>/acme_types/voices.py:2"
    assert "acme_types.voices" not in sys.modules
    with Executor(registry, telemetry=False) as executor:
        assert executor.run("acme_shout", {"text": "hello"}).value == "HELLO"
    for name in [name for name in sys.modules if name.startswith("acme_types")]:
        monkeypatch.delitem(sys.modules, name)
    assert len([one for one in find_plugins() if one.package == "acme-types"]) == 2


def found_in(root: Path) -> list[tuple[str, str]]:
    registry = stepwell.open(root)
    index = index_sources(registry.project.root, source_folders(registry.project, registry.workspaces))
    found: list[Diagnostic] = [
        *registry.diagnostics,
        *check_references(registry.project, registry.snapshot, index),
    ]
    return [
        (f"{one.span.path}:{one.span.line}:{one.span.column}", f"{one.message} ({one.help})")
        for one in found
        if one.span and one.id == "missing-implementation"
    ]


def test_checking_finds_what_runs_a_step_without_running_it(project: Project) -> None:
    def step(name: str, where: str) -> str:
        return f"name: {name}\ndescription: A step.\nimplementation: {where}\n"

    root = project(
        {
            "stepwell.toml": '[references]\nsource = ["src"]\n',
            "src/steps.py": "raise SystemExit('imported')\ndef good(parameters, context): ...\n",
            "registry.d/steps/good.yaml": step("Good", "src/steps.py:good"),
            "registry.d/steps/module.yaml": step("Module", "steps:good"),
            "registry.d/steps/installed.yaml": step("Installed", "json.decoder:JSONDecoder"),
            "registry.d/steps/built_in.yaml": step("BuiltIn", "sys:exit"),
            "registry.d/steps/goad.yaml": step("Goad", "src/steps.py:goad"),
            "registry.d/steps/lost.yaml": step("Lost", "jsn.decoder:JSONDecoder"),
            "registry.d/steps/near.yaml": step("Near", "json.decoder:JSONDecodr"),
            "registry.d/steps/part.yaml": step("Part", "json.nowhere:All"),
            "workspaces/alice/override/steps/good.yaml": "name: Good\nimplementation: src/own.py:good\n",
            "workspaces/alice/local/steps/own.yaml": step("Own", "src/alice.py:own"),
            "workspaces/alice/src/alice.py": "def own(parameters, context): ...\n",
        }
    )
    assert found_in(root) == [
        (
            "registry.d/steps/goad.yaml:3:17",
            "implementation of `Goad` does not exist: `src/steps.py` does not define `goad` (did you mean `good`?)",  # noqa: E501
        ),
        (
            "registry.d/steps/lost.yaml:3:17",
            (
                "implementation of `Lost` does not exist: module `jsn` is not installed (install its "
                "package, or use a file of the project: `path/to/file.py:Name`)"
            ),
        ),
        (
            "registry.d/steps/near.yaml:3:17",
            (
                "implementation of `Near` does not exist: `<json>/json/decoder.py` does not define `JSONDecodr` (did "  # noqa: E501
                "you mean `JSONDecoder`?)"
            ),
        ),
        (
            "registry.d/steps/part.yaml:3:17",
            "implementation of `Part` does not exist: `json` has no module `json.nowhere` (check the modules of the package)",  # noqa: E501
        ),
        (
            "workspaces/alice/override/steps/good.yaml:2:17",
            (
                "implementation of `Good` does not exist: file `workspaces/alice/src/own.py` not found "
                "(paths are relative to `workspaces/alice/`)"
            ),
        ),
    ]


@pytest.mark.parametrize(
    ("parameters", "place", "message"),
    [
        (
            "{type: objct}",
            "4:20",
            "not a valid JSON Schema: `objct` is not an allowed value of `type`",
        ),
        ("{required_fields: [a], type: object}", "4:14", "`required_fields` and `type` cannot both describe"),
        (
            "{required_fields: [a], optional_fields: [b, a]}",
            "4:36",
            "the parameter `a` is both required and optional",
        ),
        (
            "{$ref: 'https://example.com/x.json'}",
            "4:20",
            "not a valid JSON Schema: `https://example.com/x.json` is an external reference",
        ),
        (
            "{properties: {a: {$ref: other.json}}}",
            "4:37",
            "not a valid JSON Schema: `other.json` is an external reference",
        ),
        (
            "{$ref: '#/$defs/gone'}",
            "4:20",
            "not a valid JSON Schema: `#/$defs/gone` does not exist in the schema",
        ),
        (
            "{$schema: 'http://json-schema.org/draft-07/schema#'}",
            "4:23",
            "the dialect must be https://json-schema.org",
        ),
        ("{properties: {a: {pattern: '('}}}", "4:40", "not a valid JSON Schema"),
    ],
)
def test_parameters_are_a_complete_schema(
    project: Project, parameters: str, place: str, message: str
) -> None:
    head = "name: Odd\ndescription: A step.\nframework: any\n"
    root = project({"registry.d/steps/odd.yaml": f"{head}parameters: {parameters}\n"})
    (found,) = stepwell.open(root).diagnostics
    assert found.span is not None
    assert (found.id, f"{found.span.line}:{found.span.column}") == ("invalid-parameters-schema", place)
    assert message in found.message


def test_an_override_is_checked_against_what_it_makes_of_the_parameters(project: Project) -> None:
    root = project(
        {
            "registry.d/steps/odd.yaml": (
                "name: Odd\ndescription: A step.\nparameters:\n  type: object\n  required: [a]\n"
            ),
            "workspaces/alice/override/steps/odd.yaml": "name: Odd\nparameters:\n  required_fields: [a]\n",
            "workspaces/bob/override/steps/odd.yaml": "name: Odd\nparameters: {$defs: {a: {type: tex}}}\n",
        }
    )
    registry = stepwell.open(root)
    assert [(one.span.path, one.span.line, one.span.column) for one in registry.diagnostics if one.span] == [
        ("workspaces/alice/override/steps/odd.yaml", 3, 3),
        ("workspaces/bob/override/steps/odd.yaml", 2, 32),
    ]
    explained = registry.view("alice").explain("Odd", "parameters.required")
    assert (explained.value, explained.winner.layer.value if explained.winner.layer else "") == (
        ("a",),
        "core",
    )


def test_capabilities_are_words_of_the_vocabulary(project: Project) -> None:
    root = project(
        {
            "stepwell.toml": '[vocabulary]\ncapabilities = ["chat", "voice"]\n',
            "registry.d/steps/odd.yaml": (
                "name: Odd\ndescription: A step.\ncapabilities: [voice, chatt]\nrequires: [voices]\n"
            ),
        }
    )
    assert [(one.message, one.help) for one in stepwell.open(root).diagnostics] == [
        ("`chatt` is not an allowed value of `capabilities`", "did you mean `chat`?"),
        ("`voices` is not an allowed value of `requires`", "did you mean `voice`?"),
    ]


def test_a_step_that_is_run_by_name_may_be_called_as_workflows_call_it(project: Project) -> None:
    root = project(
        {
            "registry.d/steps/one_step.yaml": "name: one_step\ndescription: A.\nimplementation: json:dumps\n",
            "registry.d/steps/two_step.yaml": "name: two_step\ndescription: A step.\n",
        }
    )
    registry = stepwell.open(root)
    assert [one.message for one in registry.diagnostics] == ["`two_step` is not in PascalCase"]
    assert list(registry.view(None)) == ["one_step"]


def test_a_view_without_sources_cannot_load(project: Project) -> None:
    from datetime import date

    from stepwell.resolve.load import load

    root = project(
        {"registry.d/steps/odd.yaml": "name: Odd\ndescription: A step.\nimplementation: json:dumps\n"}
    )
    view = load(open_project(str(root)), date(2026, 1, 1)).snapshot.core
    with pytest.raises(ComponentError, match="was loaded without sources"):
        view.load("Odd", "implementation")


@pytest.mark.parametrize(
    ("fitting", "parameters"), [(Shout, {"text": "a"}), (whisper, {"text": "A"}), (think, {})]
)
def test_what_keeps_the_contract_passes(fitting: Any, parameters: dict[str, Any]) -> None:
    check_step_type(fitting, parameters)


def changes(parameters: dict[str, Any], _: Any) -> None:
    parameters["text"] = "changed"


class Speaker:
    def execute(self, parameters: Any, context: Any) -> None: ...

    def validate(self, parameters: Any) -> Any:
        return parameters["said"]

    def describe(self) -> Any:
        return parameters_of_describe.pop()


parameters_of_describe: list[Any] = []


async def continues(parameters: Any, _: Any) -> None:
    try:
        await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        await asyncio.sleep(parameters["for"])


@pytest.mark.parametrize(
    ("broken", "parameters", "faults"),
    [
        (Idle, {}, ["the class Idle has no method `execute`"]),
        (changes, {}, ["it modifies its parameters"]),
        (whisper, {}, ["it fails with valid parameters: KeyError: 'text'"]),
        (Speaker, {"said": "no", "describe": "x"}, ["`validate` must return a list of texts, got 'no'"]),
        (Speaker, {"said": ["no"], "describe": "x"}, ["`validate` rejects the parameters: no"]),
        (
            Speaker,
            {"said": [], "describe": "x\ny"},
            ["`describe` must return one line of text, got 'x\\ny'"],
        ),
        (
            Speaker,
            {"describe": ""},
            ["`validate` fails: KeyError: 'said'", "`describe` must return one line of text, got ''"],
        ),
    ],
)
def test_what_breaks_the_contract_is_reported(
    broken: Any, parameters: dict[str, Any], faults: list[str]
) -> None:
    parameters_of_describe[:] = [parameters.get("describe")]
    with pytest.raises(AssertionError) as told:
        check_step_type(broken, {key: value for key, value in parameters.items() if key != "describe"})
    assert str(told.value).splitlines() == ["not a valid step type:", *(f"  {one}" for one in faults)]


def test_a_coroutine_that_continues_when_it_is_cancelled_breaks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepwell.frontends.pytest_plugin.step_type_contract._PATIENCE", 0.5)
    with pytest.raises(AssertionError, match="it ignores cancellation"):
        check_step_type(continues, {"for": 60})
    check_step_type(continues, {"for": 0.01})
