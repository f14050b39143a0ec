"""Exports a pipeline as an Argo Workflow with one container per step and files passed as artifacts.

The fields are those of the published schema of ``argoproj.io/v1alpha1``. Argo expands ``{{`` anywhere in a
template and has no escape for it, so texts that contain it are rejected.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, final

from stepwell.model.graph import OutputOf, Pipeline
from stepwell.source.diagnostic import Checked, Diagnostic, Severity
from stepwell.source.escape_control import visible
from stepwell.source.spelling import snake_case
from stepwell.source.yaml_writer import to_yaml
from stepwell.write.export.jobs import Job, Parameter, Text, cannot, jobs_of, written

__all__ = ["export"]

_CODE: Final = "/opt/ml/code"
_OPENS: Final = "{{"
_WHY: Final = "Argo interprets `{{` as an expression"
_PREFIX: Final = 57  # a name has 63 characters at most (RFC 1123), and Argo adds five to the prefix
_NOT_DASHED: Final = re.compile(r"[^A-Za-z0-9]+")
_ARTIFACT: Final = re.compile(r"[-A-Za-z0-9_]{1,63}")


def export(pipeline: Pipeline) -> Checked[str]:
    """Return a workflow as YAML for ``argo submit`` and findings; the text is valid only without errors."""
    planned = jobs_of(pipeline)
    return _Workflow(pipeline, planned.value, list(planned.diagnostics)).written()


@final
class _Workflow:
    """Workflow under construction."""

    def __init__(self, pipeline: Pipeline, jobs: tuple[Job, ...], findings: list[Diagnostic]) -> None:
        self._pipeline = pipeline
        self._jobs = jobs
        self._found = findings
        self._tasks = dict(
            zip((job.id for job in jobs), _apart(_dashed(job.id) for job in jobs), strict=True)
        )
        self._asked: dict[str, dict[str, str]] = {}
        for name, default in pipeline.parameters.items():
            self._asked[name] = {"name": name}
            if default is not None:
                self._asked[name]["value"] = value = written(default)
                if _OPENS in value:
                    why = f"the parameter `{name}` has the default `{_short(value)}`, and {_WHY}"
                    findings.append(Diagnostic("cannot-export", Severity.ERROR, why))

    def written(self) -> Checked[str]:
        """Return the complete workflow."""
        pipeline = self._pipeline
        tasks = [self._task(job) for job in self._jobs]
        templates = [self._template(job) for job in self._jobs]
        main = _apart((*self._tasks.values(), "pipeline"))[-1]
        prefix = _dashed(snake_case(pipeline.name)).lower()[:_PREFIX].strip("-")
        workflow = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {
                "generateName": f"{prefix}-",
                "annotations": {
                    "workflows.argoproj.io/title": pipeline.name,
                    "workflows.argoproj.io/description": pipeline.description,
                },
            },
            "spec": {
                "entrypoint": main,
                "arguments": {"parameters": list(self._asked.values())},
                "templates": [{"name": main, "dag": {"tasks": tasks}}, *templates],
            },
        }
        return Checked(to_yaml(workflow), tuple(self._found))

    def _task(self, job: Job) -> dict[str, Any]:
        """Return the DAG task of a step with its arguments."""
        name = self._tasks[job.id]
        task: dict[str, Any] = {"name": name, "template": name}
        needs = [self._tasks[need] for need in job.node.needs if need in self._tasks]
        if needs:
            task["dependencies"] = needs
        handed = [
            {
                "name": self._artifact(job, item.name),
                "from": f"{{{{tasks.{self._tasks[source.node]}.outputs.artifacts.{source.output}}}}}",
            }
            for item in job.inputs.values()
            if isinstance(source := item.source, OutputOf) and source.node in self._tasks
        ]
        if handed:
            task["arguments"] = {"artifacts": handed}
        return task

    def _template(self, job: Job) -> dict[str, Any]:
        """Return the template of a step."""
        template: dict[str, Any] = {"name": self._tasks[job.id]}
        description = job.definition.description
        if _OPENS not in description:
            annotations = {"stepwell.dev/step": job.definition.name, "stepwell.dev/description": description}
            template["metadata"] = {"annotations": annotations}
        inputs, outputs = list(self._inputs(job)), list(self._outputs(job))
        if inputs:
            template["inputs"] = {"artifacts": inputs}
        if outputs:
            template["outputs"] = {"artifacts": outputs}
        script = job.entry_point
        if script is None:
            help_text = "a container needs an `entry_point` in the step's interface"
            why = "has no script, which Argo needs"
            self._found.append(cannot(job.node, why, help_text))
            return template
        code = self._ask("code-folder", "Folder of the scripts in the images.", _CODE)
        arguments = [part for flag, value in job.arguments for part in (flag, value)]
        container: dict[str, Any] = {
            "image": self._image(job),
            "command": ["python"],
            "args": [
                f"{code}/{self._text(job, script)}",
                *(self._text(job, argument) for argument in arguments),
            ],
        }
        if job.environment:
            container["env"] = [
                {"name": name, "value": self._text(job, value)} for name, value in job.environment.items()
            ]
        template["container"] = container
        return template

    def _inputs(self, job: Job) -> Iterator[dict[str, Any]]:
        for item in job.inputs.values():
            if item.source is None and not item.required:
                continue
            if item.path is None:
                help_text = "an artifact needs a `path` in the step's interface"
                self._found.append(cannot(job.node, f"reads `{item.name}`, which is not a file", help_text))
                continue
            name = self._artifact(job, item.name)
            artifact: dict[str, Any] = {"name": name, "path": self._text(job, item.path)}
            if isinstance(item.source, Parameter):
                artifact["s3"] = {"key": self._text(job, item.source)}
            elif item.source is None:
                self._found.append(cannot(job.node, f"needs the input `{item.name}`, which is not connected"))
            yield artifact

    def _outputs(self, job: Job) -> Iterator[dict[str, Any]]:
        read = {str(item.source) for other in self._jobs for item in other.inputs.values()}
        for output in job.outputs.values():
            if output.path is not None:
                yield {"name": self._artifact(job, output.name), "path": self._text(job, output.path)}
            elif f"{job.id}.{output.name}" in read:
                help_text = "an artifact needs a `path` in the step's interface"
                self._found.append(
                    cannot(job.node, f"produces `{output.name}`, which is not a file", help_text)
                )

    def _image(self, job: Job) -> str:
        setting = job.setting("image_uri", "image")
        if setting is None:
            return self._ask("step-image", "Default image for steps without one.")
        return self._text(job, setting if isinstance(setting, Parameter) else written(setting))

    def _ask(self, name: str, description: str, value: str | None = None) -> str:
        """Return a workflow parameter; its name contains a ``-``, unlike pipeline parameters."""
        if name not in self._asked:
            self._asked[name] = {"name": name, "description": description}
            if value is not None:
                self._asked[name]["value"] = value
        return f"{{{{workflow.parameters.{name}}}}}"

    def _artifact(self, job: Job, name: str) -> str:
        if not _ARTIFACT.fullmatch(name):
            why = f"has the interface name `{name}`, which is not a valid artifact name"
            self._found.append(cannot(job.node, why, "use letters, digits, `_` and `-`, at most 63"))
        return name

    def _text(self, job: Job, text: Text) -> str:
        """Return text for a template."""
        if isinstance(text, Parameter):
            return f"{{{{workflow.parameters.{text.name}}}}}"
        if _OPENS in text:
            why = f"has the text `{_short(text)}`, and {_WHY}"
            self._found.append(cannot(job.node, why, "remove `{{`; Argo cannot escape it"))
        return text


def _short(text: str) -> str:
    return visible(text if len(text) <= 40 else f"{text[:40]}...")


def _dashed(name: str) -> str:
    """Return a name of letters, digits and ``-`` for tasks and templates."""
    return _NOT_DASHED.sub("-", name).strip("-") or "step"


def _apart(names: Iterable[str]) -> tuple[str, ...]:
    """Make names unique by appending numbers."""
    seen: dict[str, None] = {}
    for name in names:
        number, free = 2, name
        while free in seen:
            number, free = number + 1, f"{name}-{number}"
        seen[free] = None
    return tuple(seen)
