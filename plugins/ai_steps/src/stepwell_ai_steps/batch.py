"""``claude_batch`` and ``parallel_claude``: several requests, some concurrently."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from stepwell import RunContext, StepwellError
from stepwell.run.workflows import Prompt, Scope, applies, compose, read_inside
from stepwell_ai_steps.asking import ask
from stepwell_ai_steps.presets import with_preset

__all__ = ["ask_batch", "ask_parallel"]


async def ask_batch(parameters: Mapping[str, Any], context: RunContext) -> Any:
    """Send the prompt of every task, after the shared prompt."""
    config = parameters.get("batch_config") or {}
    common = with_preset(parameters.get("preset"), parameters.get("claude_options"))
    limit = config.get("timeout_per_task")
    tasks = await _ask_all(
        parameters["tasks"],
        context,
        common if limit is None else {**common, "timeout_ms": limit},
        parameters.get("prompt", ""),
        config.get("max_parallel", 3),
    )
    text = ""
    if config.get("consolidate_results", True):
        text = "\n\n".join(f"## {task['id']}\n\n{task.get('text') or task['error']}" for task in tasks)
    return _result(tasks, text)


async def ask_parallel(parameters: Mapping[str, Any], context: RunContext) -> Any:
    """Send the prompt of every task with its own options."""
    options = dict(parameters.get("claude_options") or {})
    names = Scope.of(context.values).names()
    wanted = [task for task in parameters["parallel_tasks"] if applies(task.get("condition", True), names)]
    tasks = await _ask_all(wanted, context, options, "", parameters.get("max_parallel", 10))
    return _result(
        tasks, "\n\n".join(f"## {task['id']}\n\n{task.get('text') or task['error']}" for task in tasks)
    )


async def _ask_all(
    tasks: Sequence[Mapping[str, Any]],
    context: RunContext,
    options: Mapping[str, Any],
    shared: Any,
    at_once: int,
) -> list[dict[str, Any]]:
    gate = asyncio.Semaphore(at_once)

    async def run(index: int, task: Mapping[str, Any]) -> dict[str, Any]:
        name = str(task.get("id") or task.get("task_id") or index + 1)
        async with gate:
            try:
                answer = await _ask_one(
                    task, context, {**options, **(task.get("claude_options") or {})}, shared
                )
            except StepwellError as error:
                return {"id": name, "success": False, "error": str(error)}
            return {"id": name, "success": True, **answer}

    running = [asyncio.ensure_future(run(index, task)) for index, task in enumerate(tasks)]
    try:
        return list(await asyncio.gather(*running))
    finally:
        for left in running:
            left.cancel()


async def _ask_one(
    task: Mapping[str, Any], context: RunContext, options: Mapping[str, Any], shared: Any
) -> dict[str, Any]:
    flow = Scope.of(context.values)
    prompts = [compose(prompt, flow, context.folder) for prompt in (shared, task.get("prompt", "")) if prompt]
    texts = [prompt.text for prompt in prompts]
    if "file" in task and context.folder is not None:
        texts.append(read_inside(context.folder, task["file"]))
    answer = await ask(context, Prompt("\n".join(texts)), options)
    if "output_to_file" in task and flow.setting.keep is not None:
        flow.setting.keep(task["output_to_file"], answer["text"])
    return answer


def _result(tasks: list[dict[str, Any]], text: str) -> dict[str, Any]:
    failed = [task["id"] for task in tasks if not task["success"]]
    if tasks and len(failed) == len(tasks):
        raise BatchFailed(f"all tasks failed; first error: {tasks[0]['error']}")
    return {
        "text": text,
        "tasks": {task["id"]: {key: value for key, value in task.items() if key != "id"} for task in tasks},
        "completed": len(tasks) - len(failed),
        "failed": failed,
    }


class BatchFailed(StepwellError):
    """Every task of a batch failed."""
