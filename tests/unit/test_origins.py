"""An origin is the exact text that sets or removes a value, in the right layer."""

from __future__ import annotations

import re

import pytest

from stepwell.model import StepDefinition
from stepwell.model.layer import Applied, Layer, Source, apply_layers, given_by, step_into
from stepwell.resolve.provenance import explain, explain_all, pointer_of
from stepwell.source.diagnostic import Span
from stepwell.source.document import Document, Pointer, freeze
from stepwell.source.read import read_text

PATHS = {
    Layer.CORE: "registry.d/steps/scoring.yaml",
    Layer.LOCAL: "workspaces/ada/local/steps/scoring.yaml",
    Layer.OVERRIDE: "workspaces/ada/override/steps/scoring.yaml",
    Layer.RUNTIME: "registered.yaml",
    Layer.PLUGIN: "plugin.yaml",
}
CORE = """\
name: Scoring
description: Score.
framework: xgboost
deprecated: {since: '1', note: Old.}
aliases: [Score, Rate]
x-limits:
  cpu: 1
  memory: 2
  gpu: {count: 1}
"""
OVERRIDE = """\
name: Scoring
framework: null
deprecated: {note: null}
x-limits:
  memory: 3
  gpu: null
  disk: null
"""


def source(layer: Layer, text: str) -> Source:
    document = read_text(PATHS[layer], text.encode())
    assert isinstance(document, Document)
    return Source(layer, None if layer in (Layer.CORE, Layer.PLUGIN) else "ada", document)


def applied(**texts: str) -> Applied:
    result = apply_layers([source(Layer[name.upper()], text) for name, text in texts.items()])
    assert result is not None
    return result


def text_at(span: Span | None, **texts: str) -> str:
    """The text of a span."""
    if span is None:
        return "-"
    [layer] = [layer for layer, path in PATHS.items() if path == span.path]
    lines = texts[layer.value].splitlines()[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column - 1]
    return re.sub(r"\n\s*", " ", "\n".join([lines[0][span.column - 1 :], *lines[1:]]))


ORIGINS = [
    (("description",), ["core Score. stated"]),
    (("framework",), ["override null removed", "core xgboost stated"]),
    (("deprecated", "note"), ["override null removed", "core Old. stated"]),
    (("deprecated", "since"), ["core '1' stated"]),
    (("aliases",), ["core [Score, Rate] stated"]),
    (("aliases", 1), ["core Rate stated"]),
    (("aliases", 2), []),
    (("aliases", "a"), []),
    (("x-limits", "cpu"), ["core 1 stated"]),
    (("x-limits", "memory"), ["override 3 stated", "core 2 stated"]),
    (("x-limits", "gpu", "count"), ["override null removed", "core 1 stated"]),
    (("x-limits", "gpu"), ["override null removed", "core {count: 1} stated"]),
    (("x-limits", "disk"), ["override null removed"]),
    (("x-limits", "network"), []),
    (("x-limits",), ["override memory: 3 gpu: null disk: null stated"]),
    (("priority",), []),
]


@pytest.mark.parametrize(("pointer", "expected"), ORIGINS)
def test_an_origin_is_the_text_of_the_value(pointer: Pointer, expected: list[str]) -> None:
    texts = {"core": CORE, "override": OVERRIDE}
    origins = applied(**texts).origins(pointer)
    shown = [
        f"{each.layer and each.layer.value} {text_at(each.span, **texts)} {each.how}" for each in origins
    ]
    assert shown == expected
    assert [each.workspace for each in origins] == [
        None if text.startswith("core") else "ada" for text in expected
    ]


def test_the_origin_of_merged_mappings_has_the_merged_value() -> None:
    definition = applied(core=CORE, override=OVERRIDE)
    [origin] = definition.origins(("x-limits",))
    assert origin.value == {"cpu": 1, "memory": 3} == definition.data["x-limits"]


@pytest.mark.parametrize(
    ("core", "override", "values"),
    [
        ("{a: {b: 1}}", "{a: 2}", [2, {"b": 1}]),
        ("{a: 1}", "{a: {b: 2}}", [{"b": 2}, 1]),
        ("{a: [1]}", "{a: [2]}", [(2,), (1,)]),
        ("{a: {b: 1}}", "{a: {c: 2}}", [{"b": 1, "c": 2}]),
        ("{a: {b: 1}}", "{a: {b: null}}", [{}]),
        ("{a: 1}", "{a: null}", [None, 1]),
        ("{a: 1}", "{b: null}", [1]),
        ("2", "{b: 1}", [None]),
        ("{a: 1}", "2", [None, 1]),
    ],
)
def test_replaced_values_follow_the_effective_one(core: str, override: str, values: list[object]) -> None:
    definition = applied(core=f"name: A\nx-own: {core}\n", override=f"name: A\nx-own: {override}\n")
    assert [origin.value for origin in definition.origins(("x-own", "a"))] == values


def test_later_layers_hide_or_patch_earlier_ones() -> None:
    texts = {
        "runtime": "name: A\nx-a: runtime\n",
        "override": "name: A\nx-a: override\n",
        "local": "name: A\nx-b: local\n",
        "core": "name: A\nx-a: core\n",
        "plugin": "name: A\nx-a: plugin\n",
    }
    for without, values in {
        "": ["runtime", "override", "core", "plugin"],
        "runtime": ["override", "core", "plugin"],
        "runtime override": ["core", "plugin"],
        "runtime override core": ["plugin"],
    }.items():
        layers = {name: text for name, text in texts.items() if name not in without.split()}
        assert [origin.value for origin in applied(**layers).origins(("x-a",))] == values
    assert applied(override=texts["override"], core=texts["core"]).data == {"name": "A", "x-a": "override"}
    assert apply_layers([source(Layer.OVERRIDE, texts["override"])]) is None


def test_a_value_belongs_to_the_document_that_sets_it_or_to_its_nearest_parent() -> None:
    sources = applied(core=CORE, override=OVERRIDE).sources
    core, override = PATHS[Layer.CORE], PATHS[Layer.OVERRIDE]
    for pointer, path in {
        ("description",): core,
        ("framework",): override,
        ("x-limits", "cpu"): core,
        ("x-limits", "memory"): override,
        ("x-limits", "network"): override,
        ("deprecated", "since"): core,
        ("priority",): override,
        ("aliases", 1): core,
        ("aliases", 2): core,
    }.items():
        assert given_by(sources, pointer).path == path, pointer


def test_items_of_lists_and_mappings() -> None:
    data = freeze({"a": ["x", "y"], "b": None})
    assert step_into(data, "b") is None
    assert step_into(data["a"], 1) == "y"
    missing = step_into({}, "a")
    assert [step_into(*pair) is missing for pair in ((data["a"], 2), (data["a"], "0"), ("text", 0))] == [
        True
    ] * 3


def definition(**texts: str) -> StepDefinition:
    result = applied(**texts)
    return StepDefinition(result.data, result.sources)


def test_every_leaf_is_explained_with_removed_ones_that_hide_a_value() -> None:
    step = definition(core=CORE, override=OVERRIDE)
    every = {each.field: (each.winner.how, each.value, len(each.losers)) for each in explain_all(step, ())}
    stated = {field: entry for field, entry in every.items() if entry[0] in ("stated", "removed")}
    assert stated == {
        "name": ("stated", "Scoring", 1),
        "description": ("stated", "Score.", 0),
        "framework": ("removed", None, 1),
        "deprecated.since": ("stated", "1", 0),
        "deprecated.note": ("removed", None, 1),
        "aliases": ("stated", ("Score", "Rate"), 1),
        "x-limits.cpu": ("stated", 1, 0),
        "x-limits.memory": ("stated", 3, 1),
        "x-limits.gpu": ("removed", None, 1),
    }
    assert list(every)[:2] == ["name", "description"]


@pytest.mark.parametrize(
    ("field", "pointer"),
    [
        ("framework", ("framework",)),
        ("deprecated.note", ("deprecated", "note")),
        ("deprecated.replaced_by", ("deprecated", "replaced_by")),
        ("x-limits", ("x-limits",)),
        ("x-limits.gpu.count", ("x-limits", "gpu", "count")),
        ("x-limits.disk", ("x-limits", "disk")),
        ("x-dotted.a.b", ("x-dotted", "a.b")),
        ("x-dotted.a.b.c", ("x-dotted", "a.b", "c")),
        ("priority", ("priority",)),
    ],
)
def test_a_dotted_field_is_a_pointer(field: str, pointer: Pointer) -> None:
    step = definition(core=f"{CORE}x-dotted: {{a.b: {{c: 1}}}}\n", override=OVERRIDE)
    assert pointer_of(field, step) == pointer


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("framwork", "a step has no field `framwork` (did you mean `framework`?)"),
        ("x-limits.cpuu", "`x-limits` has no field `cpuu` (did you mean `cpu`?)"),
        ("x-limits.gpu.cuont", "`x-limits.gpu` has no field `cuont` (did you mean `count`?)"),
        ("x-limits.network.speed", "`x-limits` has no field `network.speed`"),
        ("deprecated.notes", "`deprecated` has no field `notes` (did you mean `note`?)"),
        ("deprecated.replaced_bi", "`deprecated` has no field `replaced_bi` (did you mean `replaced_by`?)"),
        ("x-limits.cpu.cores", "`x-limits.cpu` has no fields"),
        ("framework.name", "`framework` has no fields"),
    ],
)
def test_an_unknown_field_is_reported_with_its_owner(field: str, message: str) -> None:
    step = definition(core=CORE, override=OVERRIDE)
    with pytest.raises(LookupError) as raised:
        explain(step, field, ())
    assert raised.value.args == (message,)
