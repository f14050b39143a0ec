"""Atomic file writes."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

__all__ = ["write_atomically", "write_new"]


def write_atomically(path: Path, content: str | bytes) -> bool:
    """Replace a file atomically; text is encoded as UTF-8 without newline conversion.

    The target of a symbolic link is written. An existing file keeps its permissions. A failed or interrupted
    write leaves no temporary file.

    Returns:
        Whether the content changed; an unchanged file is not written.

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
    """Create a file and flush it to disk."""
    with Path(path).open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
