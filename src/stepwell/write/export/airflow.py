"""A pipeline as an Airflow DAG: a Python file with one task a step.

A task runs its step alone with ``stepwell pipeline run --only``, on what the tasks before it gave, so the
workers share the project's folder. What a definition says is written as literals of Python; the one
command is the same for every task, and what differs reaches it by the environment.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from stepwell.model.graph import Pipeline
from stepwell.source.diagnostic import Checked, Diagnostic, Severity
from stepwell.source.document import thaw
from stepwell.write.export.jobs import Job, jobs_of

__all__ = ["export"]

_HEAD: Final = """\
# Written by `stepwell pipeline export`; change the pipeline, and export it again.
#
# Each task runs one step on what the tasks before it gave. The workers need Stepwell and what the steps'
# scripts import, and share the project's folder, which STEPWELL_PROJECT names.

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Param
"""
_TAKEN: Final = frozenset({"BashOperator", "DAG", "Param", "RUN", "dag"})
_LONGEST: Final = 30
_TYPES: Final = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"))
_VARIABLE: Final = "STEPWELL_SET_"


def export(pipeline: Pipeline) -> Checked[str]:
    """The file, for the folder of DAGs of Airflow 3.

    Returns:
        The text, and an error for everything because of which a step could not run; the text is of use only
        without one.
    """
    planned = jobs_of(pipeline)
    found = list(planned.diagnostics)
    if not planned.value:
        why = f"`{pipeline.name}` has no steps, so there is nothing to run"
        found.append(Diagnostic("cannot-export", Severity.ERROR, why))
    names = _variables(job.id for job in planned.value)
    lines = [*_HEAD.splitlines(), "", *_command(pipeline), "", *_dag(pipeline)]
    for job in planned.value:
        lines += _task(pipeline, job, names[job.id])
    edges = [
        f"    {names[needed]} >> {names[job.id]}"
        for job in planned.value
        for needed in job.node.needs
        if needed in names
    ]
    if edges:
        lines += ["", *edges]
    return Checked("\n".join(lines) + "\n", tuple(found))


def _command(pipeline: Pipeline) -> Iterator[str]:
    """What every task runs."""
    words = [
        'stepwell pipeline run "$STEPWELL_PIPELINE" --only "$STEPWELL_STEP"',
        '--workspace "$STEPWELL_WORKSPACE"',
    ]
    words += (f'--set "{name}=${_VARIABLE}{name}"' for name in pipeline.parameters)
    yield "RUN = ("
    for word in words[:-1]:
        yield f"    {_literal(f'{word} ')}"
    yield f"    {_literal(words[-1])}"
    yield ")"


def _dag(pipeline: Pipeline) -> Iterator[str]:
    yield "with DAG("
    yield f"    dag_id={_literal(pipeline.name)},"
    yield f"    description={_literal(pipeline.description)},"
    yield "    schedule=None,"
    yield "    catchup=False,"
    if pipeline.parameters:
        yield "    params={"
        for name, default in pipeline.parameters.items():
            yield f"        {_literal(name)}: Param("
            if default is not None:
                yield f"            {_value(thaw(default), ' ' * 12)},"
            yield f"            type={_literal(_type(default))},"
            yield "        ),"
        yield "    },"
    yield '    tags=["stepwell"],'
    yield "):"


def _task(pipeline: Pipeline, job: Job, name: str) -> Iterator[str]:
    environment = {
        "STEPWELL_PIPELINE": pipeline.name,
        "STEPWELL_STEP": job.id,
        "STEPWELL_WORKSPACE": pipeline.workspace or "",
    }
    for parameter in pipeline.parameters:
        environment[f"{_VARIABLE}{parameter}"] = f"{{{{ params.{parameter} | tojson }}}}"
    yield f"    {name} = BashOperator("
    yield f"        task_id={_literal(job.id)},"
    yield "        bash_command=RUN,"
    yield "        env={"
    for variable, value in environment.items():
        yield f"            {_literal(variable)}: {_literal(value)},"
    yield "        },"
    yield "        append_env=True,"
    yield f"        doc={_literal(job.definition.description)},"
    yield "    )"


def _type(default: Any) -> str:
    """The type of a parameter, as JSON Schema calls it."""
    for kind, word in _TYPES:
        if isinstance(default, kind):
            return word
    if isinstance(default, Mapping):
        return "object"
    return "string" if default is None else "array"


def _value(value: Any, indent: str) -> str:
    """Plain data as a literal of Python, each part of it in a line of its own."""
    if isinstance(value, str):
        return _literal(value)
    inner = f"{indent}    "
    if isinstance(value, dict) and value:
        lines = [f"{inner}{_literal(key)}: {_value(one, inner)},\n" for key, one in value.items()]
        return f"{{\n{''.join(lines)}{indent}}}"
    if isinstance(value, list) and value:
        lines = [f"{inner}{_value(one, inner)},\n" for one in value]
        return f"[\n{''.join(lines)}{indent}]"
    return repr(value).replace("e+", "e")


def _literal(text: str) -> str:
    """A text as a literal of Python, quoted as formatters quote it: double, unless that escapes more."""
    if text.count('"') > text.count("'"):
        return repr(f'{text}"')[:-2] + "'" if "'" in text else repr(text)
    inner = repr(f'{text}"')[1:-2].replace("\\'", "'")
    return '"' + inner.replace('"', '\\"') + '"'


def _variables(ids: Iterable[str]) -> dict[str, str]:
    """A name of Python for each id, no two alike."""
    names: dict[str, str] = {}
    for one in ids:
        name = re.sub(r"\W", "_", one, flags=re.ASCII)[:_LONGEST]
        if keyword.iskeyword(name) or name in _TAKEN:
            name += "_"
        free, number = name, 2
        while free in names.values():
            free, number = f"{name}_{number}", number + 1
        names[one] = free
    return names
