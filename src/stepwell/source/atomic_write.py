"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

__all__ = ["write_atomically"]


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
    try:
        if target.read_bytes() == content:
            return False
    except FileNotFoundError:
        pass
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
