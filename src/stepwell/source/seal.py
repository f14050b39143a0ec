"""Files that only this user's Stepwell can have written: plain data, authenticated with a key of the user.

Nothing of a file is decoded before its keyed BLAKE2b (RFC 7693) matches, so a file from elsewhere is ignored.
"""

from __future__ import annotations

import marshal
import os
import stat
from _blake2 import blake2b  # as in `hashlib`, which imports OpenSSL
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple, final

from stepwell.source.atomic_write import is_private

__all__ = ["CachePlace", "Sealed", "SealedDraft", "digest_of", "open_sealed", "state_folder", "user_key"]

_MAGIC: Final = b"stepwell-cache-2\n"
_KEY_NAME: Final = "cache-key"
_KEY_BYTES: Final = 32
_DIGEST_BYTES: Final = 16
_HEAD: Final = len(_MAGIC) + _KEY_BYTES + 8
_MAX_BYTES: Final = 1 << 31
_SAFELY: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_READ: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _SAFELY
_CREATE: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFELY


@final
class CachePlace(NamedTuple):
    """Folder and key of a project's cache.

    Args:
        verify: whether to compare files by content, not by time.
    """

    folder: str
    key: bytes
    verify: bool = False

    def path_of(self, name: str) -> str:
        """Return the path of a file of the cache."""
        return os.path.join(self.folder, name)


def state_folder(environment: Mapping[str, str]) -> str:
    """Return the user's state folder (XDG Base Directory Specification)."""
    stated = environment.get("XDG_STATE_HOME", "")
    if not os.path.isabs(stated):  # the specification ignores relative paths
        stated = os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(stated, "stepwell")


def digest_of(content: bytes) -> bytes:
    """Return a digest of bytes."""
    return blake2b(content, digest_size=_DIGEST_BYTES).digest()


def user_key(folder: str) -> bytes | None:
    """Return the user's key, created on first use; ``None`` if it cannot be kept from other users."""
    if not os.path.isabs(folder):  # a user without a home folder
        return None
    path = os.path.join(folder, _KEY_NAME)
    key = _read_key(path)
    if key is not None or os.path.lexists(path):
        return key
    with suppress(OSError, ValueError):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if is_private(os.lstat(folder), stat.S_ISDIR):
            with open(os.open(path, _CREATE, 0o600), "wb") as file:
                file.write(os.urandom(_KEY_BYTES))
    return _read_key(path)


def _read_key(path: str) -> bytes | None:
    try:
        with open(os.open(path, _READ), "rb") as file:
            status = os.fstat(file.fileno())
            if not is_private(status, stat.S_ISREG) or (os.name == "posix" and status.st_mode & 0o077):
                return None
            key = file.read(_KEY_BYTES + 1)
    except (OSError, ValueError):
        return None
    return key if len(key) == _KEY_BYTES else None


@final
class Sealed:
    """An authenticated file, whose parts are read on first use.

    Args:
        head: plain data.
        mac: authentication code, which no other content has.
    """

    __slots__ = ("_parts", "_path", "_read", "head", "mac")

    def __init__(self, head: Any, mac: bytes, parts: list[tuple[int, bytes]], start: int, path: str) -> None:
        self.head = head
        self.mac = mac
        self._path = path
        self._parts: list[tuple[int, int, bytes]] = []
        for size, digest in parts:
            self._parts.append((start, size, digest))
            start += size
        self._read: dict[int, bytes] = {}

    def part(self, at: int) -> bytes | None:
        """Return encoded plain data; ``None`` if it is not, or no longer, what was written with the head."""
        if at not in self._read:
            start, size, digest = self._parts[at]
            with suppress(OSError, ValueError), open(os.open(self._path, _READ), "rb") as file:
                file.seek(start)
                content = file.read(size)
                if digest_of(content) == digest:
                    self._read[at] = content
        return self._read.get(at)


def open_sealed(path: str, key: bytes) -> Sealed | None:
    """Return a file that was written with the key; ``None`` without one."""
    try:
        with open(os.open(path, _READ), "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or not _HEAD <= status.st_size <= _MAX_BYTES:
                return None
            start = file.read(_HEAD)
            size = int.from_bytes(start[-8:], "little")
            if not start.startswith(_MAGIC) or size > status.st_size - _HEAD:
                return None
            sealed = file.read(size)
    except (OSError, ValueError):
        return None
    mac = start[len(_MAGIC) : -8]
    if not _equal(_mac(key, sealed), mac):
        return None
    parts, head = marshal.loads(sealed)  # noqa: S302 - authenticated
    return Sealed(head, mac, parts, _HEAD + size, path)


def _mac(key: bytes, content: bytes) -> bytes:
    return blake2b(content, digest_size=_KEY_BYTES, key=key, person=b"stepwell-cache").digest()


def _equal(first: bytes, second: bytes) -> bool:
    """Compare in a time that does not depend on the content."""
    return len(first) == len(second) and not sum(
        left ^ right for left, right in zip(first, second, strict=True)
    )


@final
class SealedDraft:
    """File under construction in a folder of the user, which replaces the previous one at once.

    Args:
        began: time of the file system at its creation, in nanoseconds.
    """

    __slots__ = ("_file", "_path", "_target", "began")

    def __init__(self, folder: str, name: str, handle: int, path: str) -> None:
        self._target = os.path.join(folder, name)
        self._path = path
        self._file = open(handle, "wb")  # noqa: SIM115 - closed by `commit` or `discard`
        self.began = os.fstat(handle).st_mtime_ns

    @classmethod
    def begin(cls, folder: str, name: str) -> SealedDraft | None:
        """Create the file, in a folder that git ignores; ``None`` if that is impossible."""
        path = os.path.join(folder, f"{name}.{os.urandom(8).hex()}.tmp")
        try:
            if not os.path.isdir(folder):
                os.makedirs(folder, mode=0o700)
                with open(os.path.join(folder, ".gitignore"), "w", encoding="ascii") as file:
                    file.write("*\n")
            return cls(folder, name, os.open(path, _CREATE, 0o600), path)
        except (OSError, ValueError):
            return None

    def commit(self, key: bytes, head: tuple[Any, ...], *parts: bytes) -> bool:
        """Write and publish the content, and return whether that worked."""
        try:
            sealed = marshal.dumps(([(len(part), digest_of(part)) for part in parts], head))
            with self._file as file:
                file.write(_MAGIC + _mac(key, sealed) + len(sealed).to_bytes(8, "little"))
                file.writelines((sealed, *parts))
            os.replace(self._path, self._target)
        except (OSError, ValueError):  # full or read-only; or a value that cannot be encoded
            self.discard()
            return False
        return True

    def remove_older(self, most: int) -> None:
        """Remove the oldest files of the folder, except the newest ones."""
        folder, name = os.path.split(self._target)
        kind = f"{name.partition('-')[0]}-"
        with suppress(OSError):
            paths = [os.path.join(folder, other) for other in os.listdir(folder) if other.startswith(kind)]
            for path in sorted(paths, key=os.path.getmtime)[:-most]:
                os.unlink(path)

    def discard(self) -> None:
        """Remove the file."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            os.unlink(self._path)
