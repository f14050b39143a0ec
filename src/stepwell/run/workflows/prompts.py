"""Prompts: their parts put together, out of texts, files, answers and conversations."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from stepwell.run.workflows.expressions import BadExpression, as_text, evaluate, names_in, pieces
from stepwell.run.workflows.interpreter import applies, text_of
from stepwell.run.workflows.state import Scope, StepFailed, Turn, seen
from stepwell.run.workflows.workflow import PathEscape, read_inside

__all__ = ["Prompt", "compose", "shortened"]

_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+")


@final
@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt, ready to be asked.

    Args:
        session: the conversation that it goes on with; empty for none.
    """

    text: str
    session: str = ""


def compose(prompt: Any, flow: Scope, folder: str | None) -> Prompt:
    """Put a prompt together.

    Args:
        prompt: a text, or a list of parts (``$defs/prompt_part`` of the workflow's schema).
        folder: where its files are; ``None`` where it has none.

    Raises:
        StepFailed: a part cannot be had.
    """
    if isinstance(prompt, str):
        return Prompt(_spoken(prompt, flow))
    told: list[str] = []
    session = ""
    for part in prompt or ():
        try:
            if not applies(part.get("condition", True), flow.names()):
                continue
            text = _part(part, flow, folder)
        except (BadExpression, PathEscape, OSError) as error:
            raise StepFailed(flow.path, f"a part of its prompt cannot be had: {error}") from None
        if part["type"] == "claude_continue":
            session = str(part.get("session_id", session))
        if "inject_as" in part:
            mark = "{" + part["inject_as"] + "}"
            told = [one.replace(mark, text) for one in told]
        elif text:
            told.append(text)
    return Prompt("\n".join(told), session)


def shortened(text: str, length: int) -> str:
    """The first sentences of a text that fit a length, or its first words where not one does.

    Args:
        length: the most characters.
    """
    text = text.strip()
    if len(text) <= length:
        return text
    kept = ""
    for sentence in _SENTENCE.split(text):
        longer = f"{kept} {sentence}".strip()
        if len(longer) > length:
            break
        kept = longer
    return kept or text[: max(length - 3, 0)].rstrip() + "..."[:length]


def _part(part: Mapping[str, Any], flow: Scope, folder: str | None) -> str:
    kind = part["type"]
    if kind == "static":
        text = _spoken(part["content"], flow)
    elif kind == "file":
        text = _file(part, flow, folder)
    elif kind == "previous_response":
        text = _previous(part, flow)
    elif kind == "session_context":
        text = _conversation(flow.turns(part["session_id"]), part.get("include_last_n"))
    else:
        text = _spoken(part.get("new_prompt", ""), flow)
    length = part.get("max_length")
    if part.get("summary"):
        return shortened(text, length or 500)
    return text if length is None else text[:length]


def _file(part: Mapping[str, Any], flow: Scope, folder: str | None) -> str:
    if folder is None:
        raise PathEscape(part["path"], "cannot be read: this step has no folder")
    text = read_inside(folder, as_text(_spoken(part["path"], flow)))
    for name, value in part.get("variables", {}).items():
        told = _spoken(value, flow) if isinstance(value, str) else as_text(value)
        text = text.replace("{" + name + "}", told)
    return text


def _previous(part: Mapping[str, Any], flow: Scope) -> str:
    name = part["step"]
    if name not in flow:
        raise BadExpression(name, "has no answer: the step was skipped, or did not run yet")
    answer = flow[name]
    way = part.get("extract")
    if way is None:
        return text_of(answer, pretty=True)
    value = evaluate(
        f"answer.{way}" if not way.startswith("[") else f"answer{way}", {"answer": _opened(answer)}
    )
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def _opened(answer: Any) -> Any:
    """An answer with what its text holds, where that is JSON."""
    if isinstance(answer, Mapping) and "data" not in answer:
        text = answer.get("text")
        try:
            held = json.loads(text) if isinstance(text, str) else None
        except ValueError:
            held = None
        if isinstance(held, dict):
            return seen({**answer, "data": held, "content": text})
        return {"content": text, **seen(answer)}
    return seen(answer)


def _conversation(turns: Sequence[Turn], last: int | None) -> str:
    kept = turns if last is None else turns[-last:]
    return "\n".join(f"{turn['role']}: {turn['content']}" for turn in kept)


def _spoken(text: str, flow: Scope) -> str:
    """A text for people, with the values of the expressions that speak of what there is.

    Others stay as they are written: a prompt may speak of templates itself.
    """
    if "{{" not in text:
        return text
    names = flow.names()
    told = []
    for piece in pieces(text):
        if piece.expression and _speaks_of(piece.text, names):
            told.append(as_text(evaluate(piece.text, names)))
        else:
            told.append(piece.written)
    return "".join(told)


def _speaks_of(expression: str, names: Mapping[str, Any]) -> bool:
    try:
        return names_in(expression) <= names.keys()
    except BadExpression:
        return False
