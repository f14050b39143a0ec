"""The JSON Schema of every output, derived from its record."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from stepwell.frontends.render.output.alignment import AlignOutput
from stepwell.frontends.render.output.components import ComponentsOutput, ExplainOutput
from stepwell.frontends.render.output.findings import CheckOutput, EditOutput
from stepwell.frontends.render.output.history import DiffOutput, LogOutput
from stepwell.frontends.render.output.imports import ImportOutput
from stepwell.frontends.render.output.pipelines import (
    PipelineCheckOutput,
    PipelineListOutput,
    PipelineShowOutput,
    PipelineWireOutput,
)
from stepwell.frontends.render.output.project import DoctorOutput, PublishOutput, WatchLine
from stepwell.frontends.render.output.providers import ProvidersOutput
from stepwell.frontends.render.output.record import OutputRecord
from stepwell.frontends.render.output.runs import (
    PipelineCompareOutput,
    PipelineRunOutput,
    PipelineTestOutput,
    WorkflowRunOutput,
)
from stepwell.frontends.render.output.steps import ConflictsOutput, ListOutput, ResolveOutput
from stepwell.frontends.render.output.usages import CompatOutput, ImpactOutput
from stepwell.frontends.render.output.workspaces import (
    WorkspaceCheckOutput,
    WorkspaceCompareOutput,
    WorkspaceListOutput,
    WorkspaceShowOutput,
)
from stepwell.model.schema import DIALECT, contents, conventions

__all__ = ["OUTPUTS", "output_schemas", "schema_of", "schema_text_of", "shown_step_schema"]

OUTPUTS: Final[Mapping[str, type[OutputRecord]]] = MappingProxyType(
    {
        "align": AlignOutput,
        "check": CheckOutput,
        "compat": CompatOutput,
        "components": ComponentsOutput,
        "conflicts": ConflictsOutput,
        "deprecate": EditOutput,
        "diff": DiffOutput,
        "doctor": DoctorOutput,
        "explain": ExplainOutput,
        "fmt": EditOutput,
        "impact": ImpactOutput,
        "import": ImportOutput,
        "list": ListOutput,
        "log": LogOutput,
        "move": EditOutput,
        "override": EditOutput,
        "pipeline check": PipelineCheckOutput,
        "pipeline compare": PipelineCompareOutput,
        "pipeline list": PipelineListOutput,
        "pipeline run": PipelineRunOutput,
        "pipeline show": PipelineShowOutput,
        "pipeline test": PipelineTestOutput,
        "pipeline wire": PipelineWireOutput,
        "providers": ProvidersOutput,
        "publish": PublishOutput,
        "rebase": EditOutput,
        "remove": EditOutput,
        "rename": EditOutput,
        "resolve": ResolveOutput,
        "set": EditOutput,
        "step run": PipelineRunOutput,
        "step test": PipelineRunOutput,
        "unset": EditOutput,
        "watch": WatchLine,
        "workflow check": CheckOutput,
        "workflow run": WorkflowRunOutput,
        "workspace check": WorkspaceCheckOutput,
        "workspace compare": WorkspaceCompareOutput,
        "workspace list": WorkspaceListOutput,
        "workspace show": WorkspaceShowOutput,
    }
)
"""The record that each command prints with ``--format json``; ``show`` prints the definition itself."""

_SHARED: Final[Mapping[type[OutputRecord] | None, str]] = MappingProxyType(
    {CheckOutput: "diagnostics", EditOutput: "output-edit"}
)
"""Schemas that several commands share."""

_BASE: Final = "https://stepwell.dev/schemas/1"


def schema_name(command: str) -> str:
    """The name of the schema of a command's output."""
    return _SHARED.get(OUTPUTS.get(command)) or f"output-{command.replace(' ', '-')}"


def output_schemas() -> dict[str, dict[str, Any]]:
    """The schema of every output, by its name."""
    schemas = {
        schema_name(command): schema_of(
            record, schema_name(command), _SHARED.get(record, command).removeprefix("output-")
        )
        for command, record in OUTPUTS.items()
    }
    return {**schemas, "output-show": shown_step_schema()}


def schema_text_of(schema: Mapping[str, Any]) -> str:
    """The text of a schema file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def schema_of(record: type[OutputRecord], name: str, title: str) -> dict[str, Any]:
    """The schema of one output."""
    _, definitions = msgspec.json.schema_components([record], ref_template="#/$defs/{name}")
    enums = {key: value["enum"] for key, value in definitions.items() if "enum" in value}
    definitions = {key: _simple(value, enums) for key, value in definitions.items() if key not in enums}
    root = definitions.pop(record.__name__)
    for holder in (root, *definitions.values()):
        for field in holder["properties"].values():
            if not field.keys() & {"examples", "enum", "const", "$ref"}:
                field["examples"] = [_example(field, definitions, short=True)]
    example = _example(root, definitions)
    return {
        "$schema": DIALECT,
        "$id": f"{_BASE}/{name}.schema.json",
        **root,
        "title": f"Stepwell {title}, version {root['properties']['version']['const']}",
        **({"$defs": definitions} if definitions else {}),
        "examples": [example],
    }


def shown_step_schema() -> dict[str, Any]:
    """The schema of a step as ``stepwell show`` prints it: a definition with its defaults filled in."""
    schema = copy.deepcopy(contents("step"))
    fields = schema["properties"]
    filled = [key for key, field in fields.items() if "default" in field]
    defaults = {key: fields[key]["default"] for key in filled}
    del fields["$schema"]
    schema["examples"] = [
        {
            **example,
            **{key: example["name"] + convention.suffix for key, convention in conventions("step").items()},
            **defaults,
        }
        for example in schema["examples"]
    ]
    schema["patternProperties"]["^x-"]["description"] = "A custom field."
    return {
        **_without(schema, ("default", "patternErrorMessage", "convention", "overrideExamples")),
        "$id": f"{_BASE}/output-show.schema.json",
        "title": "Stepwell step, resolved",
        "description": (
            "Output of `stepwell show STEP --format json`: the step in the view, with all fields from "
            "files, conventions and defaults. It is a complete definition that is valid against the "
            "schema `step`."
        ),
        "required": [*schema["required"], *filled],
    }


def _without(schema: dict[str, Any], keywords: tuple[str, ...]) -> dict[str, Any]:
    """A schema without some keywords, in its fields and items too."""
    kept = {key: value for key, value in schema.items() if key not in keywords}
    if "items" in kept:
        kept["items"] = _without(kept["items"], keywords)
    if "properties" in kept:
        kept["properties"] = {name: _without(below, keywords) for name, below in kept["properties"].items()}
    return kept


def _simple(schema: Mapping[str, Any], enums: Mapping[str, Any]) -> dict[str, Any]:
    """What msgspec derives, in the form that people write: enums in place, ``const``, lists of types."""
    schema = {key: value for key, value in schema.items() if key != "default"}
    name = schema.get("$ref", "").rpartition("/")[2]
    if name in enums:
        del schema["$ref"]
        schema["enum"] = enums[name]
    if "properties" in schema:
        fields = schema["properties"]
        written = {
            key for key, field in fields.items() if "default" in field
        }  # always, as nothing is omitted
        schema["required"] = [key for key in fields if key in {*schema["required"], *written}]
        schema["properties"] = {key: _simple(field, enums) for key, field in fields.items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            schema[key] = _simple(schema[key], enums)
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())
    if len(schema.get("enum", ())) == 1:
        schema["const"] = schema.pop("enum")[0]
    if "anyOf" in schema:
        ways = [_simple(way, enums) for way in schema.pop("anyOf")]
        schema.update(_alternatives(ways))
    return schema


def _alternatives(ways: list[dict[str, Any]]) -> dict[str, Any]:
    """Alternatives: where null is the one besides a plain type, as a list of types."""
    first, *others = ways
    if others == [{"type": "null"}] and "enum" in first:
        return {"enum": [*first["enum"], None]}
    if others == [{"type": "null"}] and "type" in first:
        return {**first, "type": [first["type"], "null"]}
    return {"anyOf": ways}


def _example(schema: Mapping[str, Any], definitions: Mapping[str, Any], *, short: bool = False) -> Any:
    """A value that fits a schema, made of the examples of its fields; a short one has no records in it."""
    if "$ref" in schema:
        return _example(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "properties" in schema:
        return {key: _example(schema["properties"][key], definitions) for key in schema["required"]}
    if schema.get("examples", [[]]) not in ([[]], [None]):
        return schema["examples"][0]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return None if short else _example(schema["anyOf"][0], definitions)
    kind = schema.get("type")
    if kind == "array" or kind == ["array", "null"]:
        least = schema.get("minItems", 0 if short else 1)
        return [_example(schema["items"], definitions)] * least
    return {"object": {}, "boolean": True, "string": "", "integer": 1, "number": 1.0}.get(
        kind if isinstance(kind, str) else "null"
    )
