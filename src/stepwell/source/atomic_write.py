"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

__all__ = ["write_atomically", "write_new"]


def write_atomically(path: Path, content: str | bytes) -> bool:
    """Write a file so that a reader sees the old or the new one; a text as UTF-8 with the line ends it has.

    A symbolic link stays and its target is written; an existing file keeps its permissions, a new one
    and its folders get those of the umask. Nothing is left behind when writing fails or is interrupted.

    Returns:
        Whether the file changed; a file that already has the content is not touched.

    Raises:
        OSError: the file or its folder cannot be read or written, or the disk is full.
    """
    content = content.encode("utf-8") if isinstance(content, str) else content
    target = Path(os.path.realpath(path))
    try:
        if target.read_bytes() == content:
            return False
    except FileNotFoundError:
        pass
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".stepwell-{secrets.token_hex(8)}.tmp")
    try:
        write_new(unfinished, content)
        if target.exists():
            unfinished.chmod(stat.S_IMODE(target.stat().st_mode))
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)  # gone already unless something failed
    return True


def write_new(path: str | Path, content: bytes) -> None:
    """Write a file that does not exist, to the disk and not only to the system's memory."""
    with Path(path).open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
