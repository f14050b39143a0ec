"""``claude_session``: a conversation across several steps and, if persisted, across runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepwell import RunContext
from stepwell.run.workflows import Scope, Turn
from stepwell_ai_steps.asking import ask, prompt_of
from stepwell_ai_steps.presets import with_preset

__all__ = ["ask_in_session"]


async def ask_in_session(parameters: Mapping[str, Any], context: RunContext) -> Any:
    """Send the prompt with the preceding conversation."""
    config = parameters["session_config"]
    flow = Scope.of(context.values)
    prompt = prompt_of(parameters, context)
    name = str(prompt.session or config.get("session_name") or context.session or flow.step)
    earlier = _earlier(flow, name, config)
    limit = config.get("max_turns")
    sent = earlier if limit is None else earlier[-2 * limit :]
    options = with_preset(parameters.get("preset"), parameters.get("claude_options"))
    answer = await ask(context, prompt, options, turns=sent)
    new_turns: tuple[Turn, ...] = (
        {"role": "user", "content": prompt.text},
        {"role": "assistant", "content": answer["text"]},
    )
    flow.say(name, *new_turns)
    return {**answer, "session": name, "turns": len(flow.turns(name)) // 2}


def _earlier(flow: Scope, name: str, config: Mapping[str, Any]) -> tuple[Turn, ...]:
    """Return the turns so far, in this run or in an earlier one."""
    turns = flow.turns(name)
    if not turns and config.get("persist", True) and config.get("continue_on_restart", False):
        earlier = flow.setting.recall("session", name) or ()
        flow.say(name, *earlier)
        return flow.turns(name)
    return turns
