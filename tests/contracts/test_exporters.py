"""What every exporter keeps to, ours and those of installed packages."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.model import StepDefinition
from stepwell.run.pipelines import Node, OutputOf, Pipeline
from stepwell.source.diagnostic import Checked, Severity
from stepwell.source.document import Document
from stepwell.source.read import read_text
from stepwell.write import export
from stepwell.write.export import EXPORTERS, exporter_names, find_exporter

pytestmark = pytest.mark.slow

IDS = ("a", "b", "c-d", "c_d", "import")
KINDS = ("Processing", "Training", "Transform", "CreateModel", "RegisterModel", "Lambda", "Tuning", None)
TEXTS = st.text(max_size=12) | st.sampled_from(["{{x}}", "${rows}", "${none}", "'\"\\\n", "$(x)", "a: b"])
VALUES = TEXTS | st.integers() | st.floats() | st.booleans() | st.none() | st.lists(TEXTS, max_size=2)
PORTS = st.fixed_dictionaries(
    {},
    optional={
        "path": st.sampled_from(
            ["/opt/ml/input/data", "/opt/ml/input/data/x", "/opt/ml/processing/x", "/{{x"]
        ),
        "type": st.sampled_from(["model_artifacts", "data"]),
        "required": st.booleans(),
        "channels": st.just(("train", "val")),
        "property_path": st.sampled_from(["properties.ModelName", "properties.A.B['x'].C", "odd path", ""]),
        "aliases": st.just(("other",)),
    },
)
FLAGS = st.sampled_from(["depth", "--eta"])
NAMES = st.sampled_from(["rows", "model_name", "odd/name"])


@st.composite
def definitions(draw: st.DrawFn) -> StepDefinition | None:
    said: dict[str, Any] = {"name": "Work", "description": draw(TEXTS)}
    kind = draw(st.sampled_from(KINDS))
    if kind:
        said["sagemaker_step_type"] = kind
    if draw(st.integers(0, 9)):
        said["interface"] = {
            "inputs": draw(st.dictionaries(NAMES, PORTS, max_size=2)),
            "outputs": draw(st.dictionaries(NAMES, PORTS, max_size=2)),
            "arguments": draw(
                st.dictionaries(st.sampled_from(["depth", "--eta"]), st.just({"required": True}))
            ),
            "env": {"required": draw(st.lists(st.just("LABEL"), max_size=1))},
            **draw(st.fixed_dictionaries({}, optional={"entry_point": st.sampled_from(["x.py", "a/{{.py"])})),
        }
    return draw(st.sampled_from([StepDefinition(MappingProxyType(said))] * 9 + [None]))


@st.composite
def pipelines(draw: st.DrawFn) -> Pipeline:
    sources = st.builds(OutputOf, st.sampled_from([*IDS, "gone"]), st.sampled_from(["rows", "other", "none"]))
    nodes = {
        one: Node(
            one,
            "Work",
            None,
            draw(st.sampled_from([None, "training"])),
            draw(definitions()),
            draw(st.dictionaries(st.sampled_from(["depth", "eta", "label", "image_uri", "role"]), VALUES)),
            draw(st.dictionaries(NAMES, sources, max_size=2)),
            tuple(draw(st.lists(st.sampled_from([*IDS, "gone"]), max_size=1))),
            draw(st.dictionaries(NAMES, st.sampled_from(["rows", "none"]), max_size=1)),
        )
        for one in draw(st.lists(st.sampled_from(IDS), unique=True, max_size=4))
    }
    names = st.sampled_from(["rows", "items", "__init__", "class", "a-b", "x$(touch pwned)", "größe", ""])
    return Pipeline("Any", draw(TEXTS), draw(st.dictionaries(names, VALUES)), nodes)


def reads(system: str, text: str) -> Any:
    """A text as its system reads it."""
    if system == "sagemaker":
        return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    if system == "argo":
        document = read_text("workflow.yaml", text.encode())
        assert isinstance(document, Document), document
        return document.data
    return compile(text, "dag.py", "exec")


@pytest.mark.parametrize("system", EXPORTERS)
@settings(max_examples=40)
@given(made=pipelines())
def test_any_graph_is_exported_or_the_error_has_a_reason(system: str, made: Pipeline) -> None:
    told = find_exporter(system)(made)
    assert {(one.id, one.severity) for one in told.diagnostics} <= {("cannot-export", Severity.ERROR)}
    assert all(
        one.message and one.message.isprintable() for one in told.diagnostics if "\n" not in one.message
    )
    assert find_exporter(system)(made) == told
    if not told.diagnostics:
        assert all(name.isascii() and name.isidentifier() for name in made.parameters)
        assert reads(system, told.value)


@pytest.mark.parametrize("system", EXPORTERS)
def test_a_number_that_json_cannot_carry_is_rejected(system: str) -> None:
    work = StepDefinition({"name": "Work", "description": "Work.", "interface": {"entry_point": "x.py"}})
    node = Node("work", "Work", definition=work, config={"eta": (1, {"x": float("nan")})})
    told = find_exporter(system)(Pipeline("Odd", "", {"rows": float("inf")}, {"work": node}))
    assert [one.message for one in told.diagnostics][:2] == [
        "the default of the parameter `rows` cannot be represented in JSON: inf",
        "`work` has the configuration `eta: [1, {'x': nan}]`, which cannot be represented in JSON",
    ]


def test_a_package_brings_one_and_cannot_take_the_name_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint(name, f"{__name__}:shout", export.GROUP) for name in ("argo", "shout")]

    def entry_points(*, group: str, name: str | None = None) -> list[EntryPoint]:
        return [one for one in points if one.group == group and name in (None, one.name)]

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    monkeypatch.setattr(EntryPoint, "load", lambda _: shout)
    assert exporter_names() == ("sagemaker", "airflow", "argo", "shout")
    assert find_exporter("shout")(Pipeline("Loud")).value == "LOUD"
    assert find_exporter("argo") is not shout
    with pytest.raises(KeyError):
        find_exporter("whisper")


def shout(pipeline: Pipeline) -> Checked[str]:
    return Checked(pipeline.name.upper(), ())
