"""``claude`` and ``claude_smart``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepwell import RunContext
from stepwell.run.workflows import Scope
from stepwell_ai_steps.asking import ask, conversation, prompt_of
from stepwell_ai_steps.presets import FOR_MODE, with_preset

__all__ = ["ask_claude", "ask_smart"]


async def ask_claude(parameters: Mapping[str, Any], context: RunContext) -> Any:
    """Send the prompt to Claude, in its conversation if it has one."""
    return await _ask(parameters, context, parameters.get("preset"))


async def ask_smart(parameters: Mapping[str, Any], context: RunContext) -> Any:
    """Send the prompt to Claude with a preset, selected by the workflow's environment by default."""
    flow = Scope.of(context.values)
    preset = parameters.get("preset")
    if preset is None and parameters.get("environment_aware", True):
        workflow = flow.setting.facts.get("workflow", {})
        preset = FOR_MODE.get(workflow.get("environment", {}).get("mode", ""))
    preset = preset or "development"
    return {**await _ask(parameters, context, preset), "preset": preset}


async def _ask(parameters: Mapping[str, Any], context: RunContext, preset: str | None) -> dict[str, Any]:
    options = with_preset(preset, parameters.get("claude_options"))
    prompt = prompt_of(parameters, context)
    session, turns = conversation(prompt, options, context)
    answer = await ask(context, prompt, options, turns=turns)
    if session:
        Scope.of(context.values).say(
            session,
            {"role": "user", "content": prompt.text},
            {"role": "assistant", "content": answer["text"]},
        )
    return answer
