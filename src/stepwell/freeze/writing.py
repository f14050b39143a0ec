"""How a file on disk differs from a freshly generated text."""

from __future__ import annotations

from pathlib import Path

from stepwell.freeze.difference import unified

__all__ = ["drift"]


def drift(path: Path, fresh_text: str, shown_path: str) -> str:
    """How a file on disk differs from a fresh text, as a unified diff; ``""`` if it holds just that.

    Args:
        path: the file; a missing one differs from every text, from an empty one too.
        fresh_text: what it should hold.
        shown_path: its path as the diff names it.

    Raises:
        OSError: the file exists and cannot be read.
    """
    content = _read(path)
    if content == fresh_text.encode("utf-8"):
        return ""
    before, after = "/dev/null" if content is None else f"a/{shown_path}", f"b/{shown_path}"
    stale = "" if content is None else content.decode("utf-8", errors="backslashreplace")
    lines = list(unified(_lines(stale), _lines(fresh_text), before, after))
    if not lines:
        return f"--- {before}\n+++ {after}\n"
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _lines(text: str) -> list[str]:
    # str.splitlines would also split at U+2028, form feeds and lone CR, which are no line ends here
    *whole, last = text.split("\n")
    return [line + "\n" for line in whole] + ([last] if last else [])
