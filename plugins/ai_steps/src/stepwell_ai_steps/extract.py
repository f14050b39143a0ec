"""``claude_extract``: extract text, JSON, sections, a summary or Markdown from an answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from stepwell import RunContext
from stepwell.run.workflows import shortened
from stepwell_ai_steps.asking import ask, json_in, prompt_of
from stepwell_ai_steps.presets import with_preset

__all__ = ["FORMATS", "POST_PROCESSING", "ask_and_extract"]

_SUMMARY: Final = 500
"""Default length of a summary, in characters."""

_URL: Final = re.compile(r"https?://[^\s<>\"')\]]+")
_ADVICE: Final = re.compile(r"recommend|suggest|should", re.IGNORECASE)


async def ask_and_extract(parameters: Mapping[str, Any], context: RunContext) -> Any:
    """Send the prompt and extract the requested content."""
    config = parameters.get("extraction_config") or {}
    options = with_preset(parameters.get("preset", "analysis"), parameters.get("claude_options"))
    answer = await ask(context, prompt_of(parameters, context), {**options, "output_format": "text"})
    form = config.get("format", "text")
    length = config.get("max_summary_length", _SUMMARY)
    raw = answer["text"]
    result = {**answer, "format": form, **FORMATS[form](raw, length)}
    extracted = {name: POST_PROCESSING[name](raw, length) for name in config.get("post_processing", ())}
    if extracted:
        result["extracted"] = {KEYS[name]: value for name, value in extracted.items()}
    if config.get("include_metadata", False):
        result["metadata"] = {"format": form, "original_length": len(raw), "length": len(result["text"])}
    return result


def _text(raw: str, _: int) -> dict[str, Any]:
    return {"text": "\n\n".join(_plain_blocks(raw))}


def _json(raw: str, _: int) -> dict[str, Any]:
    data = json_in(raw)
    return {"text": raw, "data": data if data is not None else {"content": raw, "sections": sections(raw)}}


def _structured(raw: str, _: int) -> dict[str, Any]:
    data = {"sections": sections(raw), "key_points": key_points(raw), "links": links(raw)}
    return {"text": raw, "data": data}


def _summary(raw: str, length: int) -> dict[str, Any]:
    return {"text": shortened(" ".join(_plain_blocks(raw)), length)}


def _markdown(raw: str, _: int) -> dict[str, Any]:
    return {"text": as_markdown(raw)}


FORMATS: Final[Mapping[str, Callable[[str, int], dict[str, Any]]]] = MappingProxyType(
    {"text": _text, "json": _json, "structured": _structured, "summary": _summary, "markdown": _markdown}
)
"""Extraction functions by format name."""


def code_blocks(raw: str) -> list[dict[str, str]]:
    """Return the code blocks of a text with their languages."""
    return [
        {"language": token.info.strip().partition(" ")[0], "code": token.content}
        for token in _tokens(raw)
        if token.type in ("fence", "code_block")
    ]


def key_points(raw: str) -> list[str]:
    """Return the list items of a text."""
    depth, points = 0, []
    for token in _tokens(raw):
        depth += token.nesting if token.type.startswith("list_item") else 0
        if depth and token.type == "inline":
            points.append(_plain(token))
    return points


def links(raw: str) -> list[str]:
    """Return the distinct URLs of a text."""
    return list(dict.fromkeys(url.rstrip(".,;:") for url in _URL.findall(raw)))


def recommendations(raw: str) -> list[str]:
    """Return the blocks of a text that contain advice."""
    return [block for block in _plain_blocks(raw) if _ADVICE.search(block)]


def sections(raw: str) -> dict[str, str]:
    """Return the text below each heading; the text before the first one has the key ``""``."""
    lines = raw.splitlines()
    tokens = _tokens(raw)
    starts = [("", 0, 0)]
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.level == 0 and token.map is not None:
            first, after = token.map
            starts.append((_plain(tokens[place + 1]), first, after))
    ends = [start for _, start, _ in starts[1:]] + [len(lines)]
    bodies = {
        title: "\n".join(lines[after:end]).strip()
        for (title, _, after), end in zip(starts, ends, strict=True)
    }
    return {title: text for title, text in bodies.items() if title or text}


def as_markdown(raw: str) -> str:
    """Return a text as Markdown with a heading and a final line break."""
    text = raw.strip()
    headed = any(token.type == "heading_open" for token in _tokens(text))
    return f"{text}\n" if headed else f"# Extracted content\n\n{text}\n"


POST_PROCESSING: Final[Mapping[str, Callable[[str, int], Any]]] = MappingProxyType(
    {
        "extract_code_blocks": lambda raw, _: code_blocks(raw),
        "extract_recommendations": lambda raw, _: recommendations(raw),
        "extract_key_points": lambda raw, _: key_points(raw),
        "extract_links": lambda raw, _: links(raw),
        "format_markdown": lambda raw, _: as_markdown(raw),
        "generate_summary": lambda raw, length: shortened(" ".join(_plain_blocks(raw)), length),
    }
)
"""Additional extraction functions."""

KEYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "extract_code_blocks": "code_blocks",
        "extract_recommendations": "recommendations",
        "extract_key_points": "key_points",
        "extract_links": "links",
        "format_markdown": "markdown",
        "generate_summary": "summary",
    }
)
"""Keys of ``extracted`` for each function."""


def _tokens(raw: str) -> list[Token]:
    return MarkdownIt("commonmark").parse(raw)


def _plain_blocks(raw: str) -> Iterator[str]:
    for token in _tokens(raw):
        if token.type == "inline":
            yield _plain(token)
        elif token.type in ("fence", "code_block"):
            yield token.content.rstrip("\n")


def _plain(token: Token) -> str:
    return "".join(
        " " if child.type in ("softbreak", "hardbreak") else child.content for child in token.children or ()
    ).strip()
