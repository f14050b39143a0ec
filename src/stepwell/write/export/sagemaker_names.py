"""Values of a SageMaker pipeline definition: references, joined texts and parameters."""

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
    """Return texts for SageMaker to join at run time."""
    return {"Std:Join": {"On": on, "Values": list(values)}}


@final
class Wording:
    """State shared by the steps of a definition during export."""

    def __init__(self, pipeline: Pipeline, jobs: tuple[Job, ...], found: list[Diagnostic]) -> None:
        self.found = found
        self._pipeline = pipeline
        self._jobs = {job.id: job for job in jobs}
        self._asked: dict[str, dict[str, Any]] = {}

    def parameters(self) -> list[dict[str, Any]]:
        """Return the parameters of the pipeline, then those added by steps."""
        stated = []
        for name, default in self._pipeline.parameters.items():
            one = {"Name": name, "Type": _TYPES.get(type(default), "String")}
            if default is not None:
                one["DefaultValue"] = default if type(default) in _TYPES else written(default)
            stated.append(one)
        return [*stated, *self._asked.values()]

    def ask(self, name: str, default: Any = None) -> dict[str, str]:
        """Return a parameter to set when the pipeline is started.

        Args:
           name: contains a ``-``.
           default: default value, if any.
        """
        if name not in self._asked:
            self._asked[name] = {"Name": name, "Type": _TYPES.get(type(default), "String")}
            if default is not None:
                self._asked[name]["DefaultValue"] = default
        return {"Get": f"Parameters.{name}"}

    def text(self, value: Text) -> Any:
        """Return a value as text."""
        if not isinstance(value, Parameter):
            return value
        reference = {"Get": f"Parameters.{value.name}"}
        is_text = type(self._pipeline.parameters.get(value.name)) not in _TYPES
        return reference if is_text else join("", reference)

    def setting(self, value: Any) -> Any:
        """Return a setting, or the parameter that sets it."""
        return {"Get": f"Parameters.{value.name}"} if isinstance(value, Parameter) else value

    def name(self, job: Job) -> str:
        """The name of a step."""
        if not _STEP.fullmatch(job.id):
            why = "has an id of more than 64 characters, the limit of SageMaker"
            self.found.append(cannot(job.node, why))
        return job.id

    def output(self, job: Job, *below: str) -> dict[str, Any]:
        """Return the output location: a folder per execution and step below the prefix."""
        execution = {"Get": "Execution.PipelineExecutionId"}
        return join("/", self.ask("output-prefix"), execution, job.id, *below)

    def fed(self, job: Job, one: Input) -> Any:
        """Return the source of an input; ``None`` for an unconnected optional one."""
        if isinstance(one.source, Parameter):
            return {"Get": f"Parameters.{one.source.name}"}
        if one.source is not None:
            return self._reference(job, one.source)
        if one.required:
            self.found.append(cannot(job.node, f"needs the input `{one.name}`, which is not connected"))
        return None

    def _reference(self, job: Job, source: OutputOf) -> Any:
        giver = self._jobs.get(source.node)
        given = giver.outputs.get(source.output) if giver is not None else None
        if giver is None or given is None:
            return {"Get": f"Steps.{source}"}  # already reported: the step or its output does not exist
        path = given.property_path.removeprefix("properties.")
        if not _PATH.fullmatch(path):
            help_text = "set `property_path` of the output in the interface"
            shown = f"the invalid property path `{path}`" if path else "no property path"
            self.found.append(cannot(job.node, f"reads `{source}`, which has {shown}", help_text))
        return {"Get": f"Steps.{giver.id}.{path}"}
