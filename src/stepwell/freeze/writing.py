"""Putting a generated text on disk whole or not at all, and telling how a file differs from it."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from stepwell.freeze.difference import unified

__all__ = ["drift", "write_atomically"]


def write_atomically(path: Path, text: str) -> bool:
    """Write a text as UTF-8 with the line ends that it has, so that a reader sees the old or the new file.

    A symbolic link stays and its target is written; an existing file keeps its permissions, a new one
    and its folders get those of the umask. Nothing is left behind when writing fails or is interrupted.

    Args:
        path: the file to write.
        text: its whole content.

    Returns:
        Whether the file changed; a file that already holds the text is not touched.

    Raises:
        OSError: the file or its folder cannot be read or written, or the disk is full.
    """
    content = text.encode("utf-8")
    target = Path(os.path.realpath(path))
    if _read(target) == content:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".stepwell-{secrets.token_hex(8)}.tmp")
    try:
        with unfinished.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            unfinished.chmod(stat.S_IMODE(target.stat().st_mode))
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)  # gone already unless something failed
    return True


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
