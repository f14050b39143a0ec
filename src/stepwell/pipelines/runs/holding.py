"""Outputs kept by the digest of their content: what was there once is never written again."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from typing import final

from stepwell.pipelines.runs.task import Held

__all__ = ["Unholdable", "digest_of", "hold", "place_of", "walk"]

_PIECE = 1 << 20


@final
class Unholdable(Exception):
    """Files that cannot be kept; the message says which and why."""


def place_of(objects: str, digest: str) -> str:
    """Where something with this digest is kept, or would be.

    Args:
        objects: the folder of everything that is kept.
        digest: of its content.
    """
    return os.path.join(objects, digest[:2], digest[2:])


def walk(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Every file and link of a folder by its path in it, sorted; of a file the file itself, by no path.

    Args:
        path: absolute.
    """
    said = os.lstat(path)
    if not stat.S_ISDIR(said.st_mode):
        yield "", said
        return
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with os.scandir(os.path.join(path, folder)) as entries:
            every = sorted(entries, key=lambda one: one.name)
        below = []
        for one in every:
            relative = f"{folder}/{one.name}" if folder else one.name
            if one.is_dir(follow_symlinks=False):
                below.append(relative)
            else:
                yield relative, one.stat(follow_symlinks=False)
        waiting += reversed(below)


def digest_of(path: str) -> tuple[str, int, int]:
    """The digest of a file or folder, its bytes and its number of files.

    Names, contents and the permission to execute count; times and owners do not, and no empty folders.

    Args:
        path: absolute.

    Raises:
        Unholdable: it holds a link that leads out of it, or what is neither file nor folder.
        OSError: it cannot be read.
    """
    total = hashlib.blake2b(digest_size=20)
    size = files = 0
    top = os.path.realpath(path)
    for name, said in walk(path):
        full = os.path.join(path, name) if name else path
        if stat.S_ISLNK(said.st_mode):
            leads = os.readlink(full)
            if os.path.isabs(leads) or not os.path.realpath(full).startswith(f"{top}/"):
                raise Unholdable(f"`{name}` is a link that leads out of it")
            content = b"link " + os.fsencode(leads)
        elif stat.S_ISREG(said.st_mode):
            kind = b"program " if said.st_mode & stat.S_IXUSR else b"file "
            content = kind + _of_file(full)
            size += said.st_size
        else:
            raise Unholdable(f"`{name or os.path.basename(path)}` is neither a file nor a folder")
        files += 1
        total.update(os.fsencode(name) + b"\0" + content + b"\n")
    return total.hexdigest(), size, files


def hold(objects: str, name: str, path: str, *, move: bool) -> Held:
    """Keep an output.

    Args:
        objects: the folder of everything that is kept.
        name: of the output.
        path: the file or folder that it is.
        move: whether it may be taken away from its place; otherwise it is copied.

    Raises:
        Unholdable: it holds what cannot be kept.
        OSError: it cannot be read or written.
    """
    digest, size, files = digest_of(path)
    place = place_of(objects, digest)
    if not os.path.lexists(place):
        os.makedirs(os.path.dirname(place), exist_ok=True)
        if not move:
            copied = f"{path}.copy"
            _copy(path, copied)
            path = copied
        for one, said in walk(path):
            if stat.S_ISREG(said.st_mode):  # several steps read it: none may change it by mistake
                os.chmod(os.path.join(path, one) if one else path, stat.S_IMODE(said.st_mode) & 0o555)
        try:
            os.rename(path, place)
        except OSError:
            if not os.path.lexists(place):  # otherwise another step gave the same meanwhile
                raise
    return Held(name, digest, size, files)


def _copy(path: str, to: str) -> None:
    if os.path.isdir(path):
        shutil.copytree(path, to, symlinks=True)
    else:
        shutil.copy(path, to)


def _of_file(path: str) -> bytes:
    found = hashlib.blake2b(digest_size=20)
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    return found.digest()
