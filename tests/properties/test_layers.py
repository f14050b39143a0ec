"""One function applies the layers: a load, a reload, explain and registration all agree with it."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import stepwell
from stepwell.model import StepDefinition
from stepwell.model.layer import Applied, Layer, Source, apply_layers
from stepwell.resolve.provenance import explain, explain_all
from stepwell.source.document import thaw
from stepwell.source.read import read_text

pytestmark = pytest.mark.slow

TAGS = st.lists(st.sampled_from(["gpu", "cpu", "nightly"]), unique=True, max_size=2)
FIELDS: Mapping[str, st.SearchStrategy[Any]] = {
    "description": st.sampled_from(["Score.", "Score twice.", "Nothing."]),
    "framework": st.sampled_from(["xgboost", "pandas"]),
    "priority": st.integers(0, 1000),
    "environment_tags": TAGS,
    "x-limits": st.dictionaries(st.sampled_from(["cpu", "memory"]), st.integers(1, 9), max_size=2),
}
KEYS = st.sampled_from(["a", "b", "c.d"])
TREE = st.recursive(st.integers(1, 9), lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=6)
TREE_PATCH = st.recursive(
    st.none() | st.integers(1, 9), lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)
WHOLE = st.fixed_dictionaries(
    {"description": FIELDS["description"]},
    optional={name: value for name, value in FIELDS.items() if name != "description"},
)
REMOVED = {
    "framework": st.none(),
    "priority": st.none(),
    "environment_tags": st.none(),
    "x-limits": st.dictionaries(
        st.sampled_from(["cpu", "memory"]), st.none() | st.integers(1, 9), max_size=2
    ),
}
PATCH = st.fixed_dictionaries(
    {}, optional={name: value | REMOVED.get(name, value) for name, value in FIELDS.items()}
)
LAYERS = st.fixed_dictionaries(
    {}, optional={Layer.CORE: WHOLE, Layer.LOCAL: WHOLE, Layer.OVERRIDE: PATCH, Layer.RUNTIME: WHOLE}
)
VALID = LAYERS.filter(
    lambda layers: Layer.OVERRIDE not in layers or {Layer.CORE, Layer.LOCAL} & layers.keys()
)
"""Without an override of nothing, which is an error, so that a reload is rejected."""

PATHS = {
    Layer.CORE: "registry.d/steps/scoring.yaml",
    Layer.LOCAL: "workspaces/ada/local/steps/scoring.yaml",
    Layer.OVERRIDE: "workspaces/ada/override/steps/scoring.yaml",
}


def text_of(fields: Mapping[str, Any]) -> str:
    return yaml.safe_dump({"name": "Scoring", **fields}, sort_keys=False)


def source_of(layer: Layer, fields: Mapping[str, Any]) -> Source:
    document = read_text(PATHS.get(layer, "registered.yaml"), text_of(fields).encode())
    assert not isinstance(document, stepwell.source.diagnostic.Diagnostic)
    return Source(layer, None if layer is Layer.CORE else "ada", document)


def write(root: Path, layers: Mapping[Layer, Mapping[str, Any]]) -> None:
    for layer, path in PATHS.items():
        target = root / path
        if layer in layers:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text_of(layers[layer]), encoding="utf-8")
        else:
            target.unlink(missing_ok=True)


def every_path(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        yield prefix + key, value
        if isinstance(value, Mapping):
            yield from every_path(value, f"{prefix}{key}.")


@given(
    below=st.dictionaries(KEYS, TREE, max_size=3),
    patches=st.lists(st.dictionaries(KEYS, TREE_PATCH, max_size=3), max_size=2),
)
def test_explain_and_show_agree_for_every_path(below: dict[str, Any], patches: list[dict[str, Any]]) -> None:
    sources = [source_of(Layer.CORE, {"description": "Score.", "x-tree": below})]
    sources += [source_of(Layer.OVERRIDE, {"x-tree": patch}) for patch in patches]
    applied = functools.reduce(Applied.patched, sources[1:], Applied(sources[0].document.data, (sources[0],)))
    step = StepDefinition(applied.data, applied.sources)
    for path, value in every_path(thaw(step.data)):
        if path.count("c.d") == path.count("c"):  # `c.d` is a key, or a key `d` in a key `c`
            explanation = explain(step, path, ())
            assert thaw(explanation.value) == value, path
            assert thaw(explanation.winner.value) == value, path
            assert explanation.winner.how != "removed"
            if explanation.losers and isinstance(value, dict):  # a merged mapping loses nothing
                assert not isinstance(explanation.losers[0].value, Mapping)
    leaves = {each.field: each for each in explain_all(step, ())}
    for path, value in every_path(thaw(step.data)):
        if not isinstance(value, dict) or not value:
            assert thaw(leaves[path].value) == value
    for leaf in leaves.values():
        if leaf.winner.how == "removed":
            assert leaf.losers


def agrees(registry: stepwell.live.registry.Registry, layers: Mapping[Layer, Mapping[str, Any]]) -> None:
    wanted = apply_layers(source_of(layer, fields) for layer, fields in layers.items())
    view = registry.view("ada")
    if wanted is None:
        assert "Scoring" not in view
        return
    step = view["Scoring"]
    assert step.data == wanted.data
    assert [one.layer for one in step.sources] == [one.layer for one in wanted.sources]
    for field in (one for one in FIELDS if one in step.data or not one.startswith("x-")):
        said = [(one.layer, one.value) for one in wanted.origins((field,))]
        explanation = view.explain("Scoring", field)
        every = (explanation.winner, *explanation.losers)
        assert [(one.layer, one.value) for one in every if one.layer is not None] == said


@settings(max_examples=40, deadline=None)
@given(first=VALID, second=VALID)
def test_load_reload_and_registration_agree_with_apply_layers(
    first: dict[Layer, dict[str, Any]], second: dict[Layer, dict[str, Any]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "stepwell.toml").write_text('[rules]\noverride-changes-nothing = "off"\n', encoding="utf-8")
        (root / "workspaces/ada").mkdir(parents=True)
        (root / "workspaces/ada/workspace.yaml").write_text("developer_id: ada\n", encoding="utf-8")
        (root / "registry.d").mkdir()
        registry = None
        for layers in (first, second):
            files = {layer: fields for layer, fields in layers.items() if layer is not Layer.RUNTIME}
            write(root, files)
            if registry is None:
                registry = stepwell.open(root)
            else:
                registry.reload()
            agrees(registry, files)
            if Layer.RUNTIME in layers:
                with registry.register(
                    {"name": "Scoring", **layers[Layer.RUNTIME]}, workspace="ada", replace=True
                ):
                    agrees(registry, layers)
                agrees(registry, files)


@given(layers=LAYERS, order=st.randoms())
def test_the_order_in_which_documents_are_given_never_matters(
    layers: dict[Layer, dict[str, Any]], order: Any
) -> None:
    sources = [source_of(layer, fields) for layer, fields in layers.items()]
    shuffled = list(sources)
    order.shuffle(shuffled)
    assert apply_layers(shuffled) == apply_layers(sources)
