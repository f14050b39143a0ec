"""Run a workflow and keep its record up to date."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from types import MappingProxyType
from typing import Any, Final, NamedTuple, final

from stepwell.model import Cost
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

__all__ = ["Listener", "WorkflowOptions", "WorkflowRun"]

Listener = Callable[[str, str, Mapping[str, Any]], None]
"""Called with ``start``, ``end``, ``skip``, ``fail`` or ``reuse``, the path of the step, and details."""

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def _ignore(_: str, __: str, ___: Mapping[str, Any]) -> None:
    pass


@final
@dataclass(frozen=True, slots=True)
class WorkflowOptions:
    """Options of a workflow run.

    Args:
        folder: absolute; paths are relative to it and cannot leave it.
        now: returns the current time.
        provider: provider for all steps (default: each step selects one).
        resume: id of the run to continue.
        workspace: ``None`` for the core.
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
    compat: bool = False
    emit: Listener = _ignore


@final
class Spent(NamedTuple):
    """Tokens and cost of one or several requests.

    Args:
        cost: ``None`` if a price is unknown.
    """

    input_tokens: int
    output_tokens: int
    cost: float | None


def spent_in(value: Any, view: View) -> Iterator[Spent]:
    """Yield what each request behind an answer used, priced by the definition of its provider."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from spent_in(item, view)
    elif isinstance(value, Mapping):
        usage = value.get("usage")
        if isinstance(usage, Mapping) and {"input_tokens", "output_tokens"} <= usage.keys():
            tokens = int(usage["input_tokens"]), int(usage["output_tokens"])
            yield Spent(*tokens, _cost(tokens, value.get("provider"), value.get("model"), view))
        for key, item in value.items():
            if key != "usage":
                yield from spent_in(item, view)


def _cost(tokens: tuple[int, int], provider: object, model: object, view: View) -> float | None:
    definition = view.tables["providers"].get(str(provider))
    if definition is None:
        return None
    price: Cost = next(
        (known.cost for known in definition.known_models if known.name == model), definition.price
    )
    if price.input is None or price.output is None:
        return None
    return (tokens[0] * price.input + tokens[1] * price.output) / 1000


def total(spent: Iterable[Spent]) -> dict[str, Any]:
    """Return the sum as plain data; the cost is unknown if one is."""
    every = list(spent)
    costs = [each.cost for each in every if each.cost is not None]
    return {
        "input_tokens": sum(each.input_tokens for each in every),
        "output_tokens": sum(each.output_tokens for each in every),
        "cost": round(sum(costs), 6) if len(costs) == len(every) else None,
    }


@final
class WorkflowRun:
    """One run of a workflow.

    Raises:
        UnknownRun: the run to resume does not exist.
        RunBusy: another process executes the run to resume.
        OSError: the record cannot be written.
    """

    def __init__(self, workflow: Workflow, executor: Executor, view: View, options: WorkflowOptions) -> None:
        self._workflow = workflow
        self._executor = executor
        self._view = view
        self._options = options
        self._earlier: dict[str, Any] | None = None
        self._lock = ExitStack()
        if options.resume is not None:
            self._folder, _ = options.runs.find(options.resume, workflow.name)
            self._lock.enter_context(options.runs.locked(self._folder))
            name = os.path.basename(self._folder.path)
            _, self._earlier = options.runs.find(name, workflow.name)  # as the last process left it
        else:
            self._folder = options.runs.begin(options.name)
            self._lock.enter_context(options.runs.locked(self._folder))
        self._last: StepResult | None = None
        self._spent: dict[str, list[Spent]] = {}
        self._failed: dict[str, str] = {}
        self._record = self._new_record()
        variables = {**thaw(workflow.variables), **options.variables}
        self._flow = Scope.begin(self._setting(), variables=variables)

    @property
    def record(self) -> dict[str, Any]:
        """Return the record as it is on disk."""
        text = self._folder.clean(json.dumps(self._record, ensure_ascii=False, default=str))
        record: dict[str, Any] = json.loads(text)
        return record

    @property
    def folder(self) -> str:
        """Return the absolute folder of the run."""
        return self._folder.path

    async def run(self) -> None:
        """Run the workflow to its end or to the first failure.

        Raises:
            CancelledError: the run was interrupted; the record is up to date.
            OSError: the record cannot be written.
        """
        record = self._record
        self._write()
        state = "interrupted"
        try:
            limit = self._workflow.limit("max_execution_time_s", self._workflow.stated.get("timeout_seconds"))
            await asyncio.wait_for(self._steps(), limit)
            state = "finished"
        except StepFailed as error:
            state = "failed"
            record["fault"] = str(error)
        except (asyncio.TimeoutError, TimeoutError):
            if limit is None:
                raise
            state = "failed"
            record["fault"] = f"the workflow timed out after {limit:g} s"
        finally:
            with self._lock:
                record["state"] = state
                record["ended"] = self._options.now().isoformat(timespec="seconds")
                self._write()

    async def _steps(self) -> None:
        earlier = self._earlier_steps()
        for index, step in enumerate(self._workflow.steps):
            name, digest = str(step["name"]), _digest(step)
            row: dict[str, Any] = {"name": name, "type": step["type"], "digest": digest, "state": "running"}
            if earlier and earlier[0]["digest"] == digest and earlier[0]["state"] in ("finished", "skipped"):
                self._reuse(earlier.pop(0), name)
                continue
            earlier = []
            self._record["steps"].append(row)
            self._write()
            await self._step(index, step, row)

    async def _step(self, index: int, step: Mapping[str, Any], row: dict[str, Any]) -> None:
        name, began = row["name"], time.monotonic()
        self._last = None
        self._spent = {}
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
                row["result"] = self._folder.keep_result(index, name, answer, variables, sessions)
                if name in self._failed:
                    row["fault"] = self._failed[name]
        finally:
            row["seconds"] = round(time.monotonic() - began, 3)
            self._note(row)
            self._write()

    def _note(self, row: dict[str, Any]) -> None:
        """Record provider and number of attempts of the last step, and what all its requests used."""
        if self._last is not None:
            row["provider"] = self._last.provider
            row["attempts"] = len(self._last.attempts)
        if self._spent:
            row["usage"] = total(chain.from_iterable(self._spent.values()))

    def _reuse(self, row: dict[str, Any], name: str) -> None:
        if row["state"] == "finished":
            stored = self._folder.result(row["result"])
            self._flow.put(name, stored["answer"])
            self._flow.restore({**stored["variables"], **self._options.variables}, stored["sessions"])
        self._record["steps"].append({**row, "reused": True})
        self._options.emit("reuse", name, {"type": row["type"]})

    async def _run(self, kind: str, parameters: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
        context = Context(self._options.workspace, values, folder=self._options.folder)
        result = await self._executor.arun(kind, parameters, context)
        self._last = result
        if not result.ok:
            raise StepFailed(Scope.of(values).path, fault_of(result.error))
        return result.value

    def _earlier_steps(self) -> list[dict[str, Any]]:
        return list(self._earlier["steps"]) if self._earlier is not None else []

    def _new_record(self) -> dict[str, Any]:
        source = {
            "name": self._workflow.name,
            "file": self._options.shown,
            "digest": hashlib.sha256(self._workflow.document.text.encode()).hexdigest(),
        }
        run = self._folder.path.replace("\\", "/").rpartition("/")[2]
        record = new_record(
            run, source, self._options.provider, self._options.now().isoformat(timespec="seconds")
        )
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
        used = [row["usage"] for row in record["steps"] if "usage" in row]
        if used:
            record["usage"] = total(Spent(**usage) for usage in used)
        self._folder.write(record)

    def _setting(self) -> Setting:
        stated = self._workflow.stated
        now = self._options.now()
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
            emit=self._emit,
            keep=self._keep,
            recall=lambda kind, key: self._options.runs.recall(self._workflow.name, kind, key),
            load=self._load,
            max_steps=self._workflow.limit("max_total_steps", 10_000),
            max_depth=self._workflow.limit("max_nesting_depth", 5),
        )

    def _describe(self, kind: str) -> Mapping[str, Any] | None:
        definition = type_of(self._view, kind)
        if definition is None or definition.parameters is None:
            return None
        return expanded(definition.parameters)

    def _emit(self, word: str, path: str, more: Mapping[str, Any]) -> None:
        if word == "fail":
            self._failed[path] = str(more["fault"])
        if word == "end" and not any(inner.startswith((f"{path}.", f"{path}[")) for inner in self._spent):
            spent = list(spent_in(more["answer"], self._view))  # of nested steps, it is already counted
            if spent:
                self._spent[path] = spent
        self._options.emit(word, path, more)

    def _keep(self, path: str, text: str) -> None:
        folder = self._workflow.output_folder
        self._folder.keep(f"{folder}/{path}" if folder else path, text)

    def _load(self, path: str) -> Mapping[str, Any]:
        """Load a workflow file for a nested workflow."""
        inside(self._options.folder, path)
        if not path.endswith(tuple(SUFFIXES)):
            raise StepFailed(
                "", f"`{path}` is not a workflow file: the name must end in {', '.join(SUFFIXES)}"
            )
        document = read(self._options.folder, path)
        diagnostics: tuple[Diagnostic, ...]
        if isinstance(document, Diagnostic):
            diagnostics, workflow = (document,), None
        else:
            checked = check_document(document, self._view, self._options.folder, compat=self._options.compat)
            diagnostics, workflow = checked.diagnostics, checked.value
        if workflow is None:
            first = next(item for item in diagnostics if item.severity is Severity.ERROR)
            where = f"{first.span.path}:{first.span.line}:{first.span.column}: " if first.span else ""
            raise StepFailed("", f"`{path}` cannot be run: {where}{first.message}")
        definition: dict[str, Any] = thaw(workflow.stated)
        return definition


def _digest(step: Mapping[str, Any]) -> str:
    text = json.dumps(thaw(step), sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
