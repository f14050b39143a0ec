"""Compose prompts from texts, files, answers and conversations."""

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
    """A composed prompt.

    Args:
        session: conversation to continue; empty for none.
    """

    text: str
    session: str = ""


def compose(prompt: Any, flow: Scope, folder: str | None) -> Prompt:
    """Compose a prompt.

    Args:
        prompt: text, or list of parts (``$defs/prompt_part`` of the workflow schema).
        folder: base of file paths; ``None`` forbids files.

    Raises:
        StepFailed: a part is not available.
    """
    if isinstance(prompt, str):
        return Prompt(_spoken(prompt, flow))
    texts: list[str] = []
    session = ""
    for part in prompt or ():
        try:
            if not applies(part.get("condition", True), flow.names()):
                continue
            text = _part(part, flow, folder)
        except (BadExpression, PathEscape, OSError) as error:
            raise StepFailed(flow.path, f"cannot compose the prompt: {error}") from None
        if part["type"] == "claude_continue":
            session = str(part.get("session_id", session))
        if "inject_as" in part:
            mark = "{" + part["inject_as"] + "}"
            texts = [earlier.replace(mark, text) for earlier in texts]
        elif text:
            texts.append(text)
    return Prompt("\n".join(texts), session)


def shortened(text: str, length: int) -> str:
    """Return the first sentences of a text up to a length, or a truncated text.

    Args:
        length: maximum number of characters.
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
        raise PathEscape(part["path"], "cannot be read: the step has no folder")
    text = read_inside(folder, as_text(_spoken(part["path"], flow)))
    for name, value in part.get("variables", {}).items():
        replacement = _spoken(value, flow) if isinstance(value, str) else as_text(value)
        text = text.replace("{" + name + "}", replacement)
    return text


def _previous(part: Mapping[str, Any], flow: Scope) -> str:
    name = part["step"]
    if name not in flow:
        raise BadExpression(name, "has no answer: the step was skipped or has not run yet")
    answer = flow[name]
    path = part.get("extract")
    if path is None:
        return text_of(answer, pretty=True)
    value = evaluate(
        f"answer.{path}" if not path.startswith("[") else f"answer{path}", {"answer": _opened(answer)}
    )
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def _opened(answer: Any) -> Any:
    """Return an answer with the JSON data of its text."""
    if isinstance(answer, Mapping) and "data" not in answer:
        text = answer.get("text")
        try:
            data = json.loads(text) if isinstance(text, str) else None
        except ValueError:
            data = None
        if isinstance(data, dict):
            return seen({**answer, "data": data, "content": text})
        return {"content": text, **seen(answer)}
    return seen(answer)


def _conversation(turns: Sequence[Turn], last: int | None) -> str:
    kept = turns if last is None else turns[-last:]
    return "\n".join(f"{turn['role']}: {turn['content']}" for turn in kept)


def _spoken(text: str, flow: Scope) -> str:
    """Return a text with the expressions over known names evaluated.

    Other expressions are kept, as a prompt may be about templates.
    """
    if "{{" not in text:
        return text
    names = flow.names()
    texts = []
    for piece in pieces(text):
        if piece.expression and _refers_to(piece.text, names):
            texts.append(as_text(evaluate(piece.text, names)))
        else:
            texts.append(piece.written)
    return "".join(texts)


def _refers_to(expression: str, names: Mapping[str, Any]) -> bool:
    try:
        return names_in(expression) <= names.keys()
    except BadExpression:
        return False
