"""Running a workflow: its steps by the executor, and a record that is right at every moment."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, final

from stepwell.model.schema import expanded
from stepwell.resolve.view import View
from stepwell.run.steps import Context, Executor, StepResult
from stepwell.run.workflows.check import check_document, type_of
from stepwell.run.workflows.interpreter import fault_of, run_step
from stepwell.run.workflows.run_folder import Runs, new_record
from stepwell.run.workflows.state import Scope, Setting, StepFailed
from stepwell.run.workflows.workflow import Workflow, inside
from stepwell.source.diagnostic import Diagnostic, Severity
from stepwell.source.document import thaw
from stepwell.source.read import SUFFIXES, read

__all__ = ["Running", "Told", "WorkflowOptions"]

Told = Callable[[str, str, Mapping[str, Any]], None]
"""Told what happens: ``start``, ``end``, ``skip``, ``fail`` or ``reuse``, the path of the step, and more."""

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def _nobody(_: str, __: str, ___: Mapping[str, Any]) -> None:
    pass


@final
@dataclass(frozen=True, slots=True)
class WorkflowOptions:
    """How a workflow is to be run.

    Args:
        folder: the folder that its paths are relative to, and cannot leave; absolute.
        runs: where the record is kept.
        now: gives the time.
        provider: the name of the provider that is asked, whatever steps require; ``None`` where each chooses.
        resume: the run to go on with; ``None`` for a new one.
        workspace: in whose view; ``None`` for the core.
    """

    folder: str
    shown: str
    runs: Runs
    name: str
    now: Callable[[], datetime]
    variables: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    provider: str | None = None
    resume: str | None = None
    workspace: str | None = None
    tell: Told = _nobody


@final
class Running:
    """One run of a workflow.

    Raises:
        UnknownRun: there is no such run to go on with.
        OSError: the record cannot be written.
    """

    def __init__(self, workflow: Workflow, executor: Executor, view: View, asked: WorkflowOptions) -> None:
        self._workflow = workflow
        self._executor = executor
        self._view = view
        self._asked = asked
        self._earlier: dict[str, Any] | None = None
        if asked.resume is not None:
            self._folder, self._earlier = asked.runs.find(asked.resume, workflow.name)
        else:
            self._folder = asked.runs.begin(asked.name)
        self._last: StepResult | None = None
        self._failed: dict[str, str] = {}
        self._record = self._new_record()
        variables = {**thaw(workflow.variables), **asked.variables}
        self._flow = Scope.begin(self._setting(), variables=variables)

    @property
    def record(self) -> dict[str, Any]:
        """The record, as it is on disk."""
        told: dict[str, Any] = json.loads(
            self._folder.clean(json.dumps(self._record, ensure_ascii=False, default=str))
        )
        return told

    @property
    def folder(self) -> str:
        """The run's folder, absolute."""
        return self._folder.path

    async def run(self) -> None:
        """Run the workflow to its end, or to the first step that fails.

        Raises:
            CancelledError: it is interrupted; the record says so.
            OSError: the record cannot be written.
        """
        record = self._record
        self._write()
        state = "interrupted"
        try:
            limit = self._workflow.limit("max_execution_time_s", None)
            await asyncio.wait_for(self._steps(), limit)
            state = "finished"
        except StepFailed as error:
            state = "failed"
            record["fault"] = str(error)
        except (asyncio.TimeoutError, TimeoutError):
            if limit is None:
                raise
            state = "failed"
            record["fault"] = f"the workflow took longer than {limit:g} s"
        finally:
            record["state"] = state
            record["ended"] = self._asked.now().isoformat(timespec="seconds")
            self._write()

    async def _steps(self) -> None:
        kept = self._kept()
        for place, step in enumerate(self._workflow.steps):
            name, digest = str(step["name"]), _digest(step)
            row: dict[str, Any] = {"name": name, "type": step["type"], "digest": digest, "state": "running"}
            if kept and kept[0]["digest"] == digest and kept[0]["state"] in ("finished", "skipped"):
                self._reuse(kept.pop(0), name)
                continue
            kept = []
            self._record["steps"].append(row)
            self._write()
            await self._step(place, step, row)

    async def _step(self, place: int, step: Mapping[str, Any], row: dict[str, Any]) -> None:
        name, began = row["name"], time.monotonic()
        self._last = None
        try:
            await run_step(thaw(step), self._flow, self._run)
        except StepFailed as error:
            row.update(state="failed", fault=error.fault if error.path == name else str(error))
            raise
        except asyncio.CancelledError:
            row["state"] = "interrupted"
            raise
        else:
            row["state"] = "skipped"
            if name in self._flow:
                answer = self._flow[name]
                variables, sessions = self._flow.variables, self._flow.sessions
                row["state"] = "failed" if name in self._failed else "finished"
                row["result"] = self._folder.keep_result(place, name, answer, variables, sessions)
                if name in self._failed:
                    row["fault"] = self._failed[name]
        finally:
            row["seconds"] = round(time.monotonic() - began, 3)
            self._note(row)
            self._write()

    def _note(self, row: dict[str, Any]) -> None:
        """Note how the step that ran last was run."""
        if self._last is not None:
            row["provider"] = self._last.provider
            row["attempts"] = len(self._last.attempts)

    def _reuse(self, row: dict[str, Any], name: str) -> None:
        if row["state"] == "finished":
            held = self._folder.result(row["result"])
            self._flow.put(name, held["answer"])
            self._flow.restore({**held["variables"], **self._asked.variables}, held["sessions"])
        self._record["steps"].append({**row, "reused": True})
        self._asked.tell("reuse", name, {"type": row["type"]})

    async def _run(self, kind: str, parameters: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
        context = Context(self._asked.workspace, values, folder=self._asked.folder)
        result = await self._executor.arun(kind, parameters, context)
        self._last = result
        if not result.ok:
            raise StepFailed(Scope.of(values).path, fault_of(result.error))
        return result.value

    def _kept(self) -> list[dict[str, Any]]:
        return list(self._earlier["steps"]) if self._earlier is not None else []

    def _new_record(self) -> dict[str, Any]:
        told = {
            "name": self._workflow.name,
            "file": self._asked.shown,
            "digest": hashlib.sha256(self._workflow.document.text.encode()).hexdigest(),
        }
        run = self._folder.path.replace("\\", "/").rpartition("/")[2]
        record = new_record(run, told, self._asked.provider, self._asked.now().isoformat(timespec="seconds"))
        if self._earlier is not None:
            record["started"] = self._earlier["started"]
            record["resumed"] = int(self._earlier.get("resumed", 0)) + 1
            self._folder.outputs.extend(self._earlier.get("outputs", ()))
        return record

    def _write(self) -> None:
        record = self._record
        record["variables"] = dict(self._flow.variables)
        record["sessions"] = {name: list(turns) for name, turns in self._flow.sessions.items()}
        record["outputs"] = sorted(self._folder.outputs)
        self._folder.write(record)

    def _setting(self) -> Setting:
        stated = self._workflow.stated
        now = self._asked.now()
        about = {
            key: thaw(stated[key])
            for key in ("name", "description", "version", "variables", "environment")
            if key in stated
        }
        return Setting(
            facts={
                "workflow": about,
                "environment": about.get("environment", {}),
                "execution_id": self._record["run"],
                "date": now.date().isoformat(),
                "timestamp": now.isoformat(timespec="seconds"),
            },
            defaults=thaw(self._workflow.defaults),
            describe=self._describe,
            tell=self._tell,
            keep=self._keep,
            recall=lambda kind, key: self._asked.runs.recall(self._workflow.name, kind, key),
            load=self._load,
            max_steps=self._workflow.limit("max_total_steps", 10_000),
            max_depth=self._workflow.limit("max_nesting_depth", 5),
        )

    def _describe(self, kind: str) -> Mapping[str, Any] | None:
        definition = type_of(self._view, kind)
        if definition is None or definition.parameters is None:
            return None
        return expanded(definition.parameters)

    def _tell(self, word: str, path: str, more: Mapping[str, Any]) -> None:
        if word == "fail":
            self._failed[path] = str(more["fault"])
        self._asked.tell(word, path, more)

    def _keep(self, path: str, text: str) -> None:
        folder = self._workflow.output_folder
        self._folder.keep(f"{folder}/{path}" if folder else path, text)

    def _load(self, path: str) -> Mapping[str, Any]:
        """A workflow file inside the folder, for a workflow inside this one."""
        inside(self._asked.folder, path)
        if not path.endswith(tuple(SUFFIXES)):
            raise StepFailed("", f"`{path}` is no workflow file: its name must end in {', '.join(SUFFIXES)}")
        document = read(self._asked.folder, path)
        found: tuple[Diagnostic, ...]
        if isinstance(document, Diagnostic):
            found, workflow = (document,), None
        else:
            checked = check_document(document, self._view, self._asked.folder)
            found, workflow = checked.diagnostics, checked.value
        if workflow is None:
            first = next(one for one in found if one.severity is Severity.ERROR)
            where = f"{first.span.path}:{first.span.line}:{first.span.column}: " if first.span else ""
            raise StepFailed("", f"`{path}` cannot be run: {where}{first.message}")
        stated: dict[str, Any] = thaw(workflow.stated)
        return stated


def _digest(step: Mapping[str, Any]) -> str:
    told = json.dumps(thaw(step), sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(told.encode()).hexdigest()
