"""How values are written in a pipeline definition: references, texts that are put together, parameters."""

from __future__ import annotations

import re
from typing import Any, Final, final

from stepwell.model.graph import OutputOf, Pipeline
from stepwell.source.diagnostic import Diagnostic
from stepwell.write.export.jobs import Input, Job, Parameter, Text, cannot, written

__all__ = ["Wording", "join"]

_PATH: Final = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*|\['[^'\[\]\n]+'\])*", re.ASCII)
_STEP: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TYPES: Final = {bool: "Boolean", int: "Integer", float: "Float"}


def join(on: str, *values: Any) -> dict[str, Any]:
    """Texts that SageMaker puts together when the pipeline runs."""
    return {"Std:Join": {"On": on, "Values": list(values)}}


@final
class Wording:
    """What the steps of one definition share while it is put together."""

    def __init__(self, pipeline: Pipeline, jobs: tuple[Job, ...], found: list[Diagnostic]) -> None:
        self.found = found
        self._pipeline = pipeline
        self._jobs = {job.id: job for job in jobs}
        self._asked: dict[str, dict[str, Any]] = {}

    def parameters(self) -> list[dict[str, Any]]:
        """The parameters: those of the pipeline, then what the steps have asked for."""
        stated = []
        for name, default in self._pipeline.parameters.items():
            one = {"Name": name, "Type": _TYPES.get(type(default), "String")}
            if default is not None:
                one["DefaultValue"] = default if type(default) in _TYPES else written(default)
            stated.append(one)
        return [*stated, *self._asked.values()]

    def ask(self, name: str, default: Any = None) -> dict[str, str]:
        """A parameter that the steps need, which whoever starts the pipeline gives.

        Args:
            name: with a ``-`` in it.
            default: its value where nobody gives one.
        """
        if name not in self._asked:
            self._asked[name] = {"Name": name, "Type": _TYPES.get(type(default), "String")}
            if default is not None:
                self._asked[name]["DefaultValue"] = default
        return {"Get": f"Parameters.{name}"}

    def text(self, value: Text) -> Any:
        """A value where SageMaker takes nothing but a text."""
        if not isinstance(value, Parameter):
            return value
        reference = {"Get": f"Parameters.{value.name}"}
        is_text = type(self._pipeline.parameters.get(value.name)) not in _TYPES
        return reference if is_text else join("", reference)

    def setting(self, value: Any) -> Any:
        """A setting as it is, or the parameter that gives it."""
        return {"Get": f"Parameters.{value.name}"} if isinstance(value, Parameter) else value

    def name(self, job: Job) -> str:
        """The name of a step."""
        if not _STEP.fullmatch(job.id):
            why = "has an id of more than 64 characters, which no step of SageMaker can have"
            self.found.append(cannot(job.node, why))
        return job.id

    def output(self, job: Job, *below: str) -> dict[str, Any]:
        """Where a step leaves something: below the prefix, in a folder of the execution and of the step."""
        execution = {"Get": "Execution.PipelineExecutionId"}
        return join("/", self.ask("output-prefix"), execution, job.id, *below)

    def fed(self, job: Job, one: Input) -> Any:
        """What feeds an input; ``None`` for an optional one that nothing feeds."""
        if isinstance(one.source, Parameter):
            return {"Get": f"Parameters.{one.source.name}"}
        if one.source is not None:
            return self._reference(job, one.source)
        if one.required:
            self.found.append(cannot(job.node, f"needs the input `{one.name}`, and nothing feeds it"))
        return None

    def _reference(self, job: Job, source: OutputOf) -> Any:
        giver = self._jobs.get(source.node)
        given = giver.outputs.get(source.output) if giver is not None else None
        if giver is None or given is None:
            return {"Get": f"Steps.{source}"}  # told already: the step or its output is not there
        path = given.property_path.removeprefix("properties.")
        if not _PATH.fullmatch(path):
            help_text = "`property_path` of that output in the interface says which property leads to it"
            shown = f"the property path `{path}`, which is none" if path else "no property path"
            self.found.append(cannot(job.node, f"reads `{source}`, which has {shown}", help_text))
        return {"Get": f"Steps.{giver.id}.{path}"}
