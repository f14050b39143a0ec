"""Which file systems tell nothing of what others change on them."""

from __future__ import annotations

import os
import re
from typing import Final

__all__ = ["eventless"]

_MOUNTS: Final = "/proc/self/mounts"

_EVENTLESS: Final = frozenset(
    {"9p", "afs", "ceph", "cifs", "drvfs", "lustre", "ncpfs", "nfs", "nfs4"}
    | {"prl_fs", "smb3", "smbfs", "vboxsf", "virtiofs"}
)
"""Types whose files change on another machine, of which inotify hears nothing (inotify(7), "Limitations")."""


def eventless(folder: str, mounts: str = _MOUNTS) -> str:
    """Why no events are to be expected in a folder, in words; empty where they are.

    Args:
        folder: an absolute path.
        mounts: the system's table of mounts (fstab(5)); where there is none, events are expected.
    """
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as table:
            lines = [line.split(" ") for line in table]
    except OSError:
        return ""
    place, kind = "", ""
    for fields in lines:
        point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[1])
        if len(point) >= len(place) and f"{folder}/".startswith(point.rstrip(os.sep) + os.sep):
            place, kind = point, fields[2]
    if kind in _EVENTLESS or kind.startswith("fuse."):
        return f"files on {kind} can change without an event"
    return ""
