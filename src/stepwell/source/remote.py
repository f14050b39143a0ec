"""Files and folders behind URLs such as ``s3://bucket/rows``, through fsspec (extra ``[remote]``)."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, final
from urllib.parse import unquote, urlsplit, urlunsplit

from stepwell.source.atomic_write import write_atomically, write_new
from stepwell.source.foreign_code import Contained, Translated, text_of
from stepwell.source.tree import walk

__all__ = [
    "Connection",
    "RemoteFault",
    "exists",
    "fetch",
    "is_url",
    "location",
    "publish",
    "shown",
    "unusable",
]

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_ONLY_READ: Final = frozenset({"http", "https"})
_INSTALL: Final = "install it: `python -m pip install 'stepwell[remote]'`"
_PACKAGES: Final = {"gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs"}
"""Packages of schemes that the extra does not contain."""


@final
class RemoteFault(OSError):
    """A file or folder behind a URL cannot be read or written; the message has no full stop."""

    def __init__(self, url: str, reason: str, *, is_missing: bool = False) -> None:
        super().__init__(f"{shown(url)}: {reason}")
        self.reason = reason
        self.is_missing = is_missing


def is_url(text: str) -> bool:
    """Return whether a text is a URL."""
    return _URL.match(text) is not None


def location(text: str, folder: str) -> str:
    """Return a URL, or the absolute path of a text that is a path or a ``file://`` URL.

    Args:
        folder: base of relative paths.
    """
    if text.lower().startswith("file://"):
        with suppress(ValueError):  # reported by `unusable`
            return unquote(urlsplit(text).path)
    return text if is_url(text) else os.path.join(folder, text)


def shown(url: str) -> str:
    """Return a URL without user, password and query, which may be secret."""
    try:
        parts = urlsplit(url)
    except ValueError:  # such as an unclosed bracket
        return f"{url.partition('://')[0]}://…"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def unusable(url: str, *, writes: bool = False) -> tuple[str, str] | None:
    """Return why a URL cannot be used and a hint, without a connection; ``None`` if it can."""
    try:
        scheme = urlsplit(url).scheme
    except ValueError as error:
        return f"`{shown(url)}` is not a valid URL: {error}", "write it as `s3://bucket/path`"
    if writes and scheme in _ONLY_READ:
        return (
            f"`{shown(url)}` cannot be written: `{scheme}` is only read",
            "use `s3://`, `gs://` or `file://`",
        )
    try:
        import fsspec  # type: ignore[import-untyped, unused-ignore]  # also in the check of a user's program
    except ImportError:
        return f"`{shown(url)}` needs the extra `remote`", _INSTALL
    with Contained() as contained:
        fsspec.get_filesystem_class(scheme)
    if isinstance(contained.error, ImportError):
        package = _PACKAGES.get(scheme)
        hint = _INSTALL if package is None else f"install it: `python -m pip install {package}`"
        return f"`{shown(url)}` needs a package: {text_of(contained.error)}", hint
    if contained.error is not None:
        return (
            f"`{shown(url)}` has the unknown scheme `{scheme}`",
            "use `s3://`, `gs://`, `https://` or `file://`",
        )
    return None


def exists(url: str) -> bool:
    """Return whether a file behind a URL, or at a local path, exists.

    Raises:
        RemoteFault: the store does not answer.
    """
    if not is_url(url):
        return os.path.lexists(url)
    with Translated(lambda error: _fault(url, error)):
        system, path = _system(url)
        return bool(system.exists(path))


def fetch(url: str, folder: str) -> str:
    """Copy a file or folder behind a URL, and return its path.

    Args:
        folder: absolute; receives only complete copies.

    Raises:
        RemoteFault: it does not exist, cannot be read, or is incomplete.
        OSError: the copy cannot be written.
    """
    if not is_url(url):
        return _fetched_locally(url, folder)
    name = os.path.basename(unquote(urlsplit(url).path).rstrip("/")) or "data"
    unfinished = os.path.join(folder, f".{name}.part")
    target = os.path.join(folder, name)
    os.makedirs(folder, exist_ok=True)
    _remove(unfinished)
    with Translated(lambda error: _fault(url, error), RemoteFault):
        system, path = _system(url)
        if urlsplit(url).scheme in _ONLY_READ or not system.isdir(path):
            _get(system, path, unfinished, url)
        else:
            base = path.rstrip("/")
            names = [each[len(base) + 1 :] for each in system.find(base) if len(each) > len(base) + 1]
            if not names:
                raise RemoteFault(url, "the folder is empty")
            for each in names:
                if not _is_plain(each):
                    raise RemoteFault(url, f"`{each}` is not a relative path of a file")
                place = os.path.join(unfinished, each)
                os.makedirs(os.path.dirname(place), exist_ok=True)
                _get(system, f"{base}/{each}", place, url)
    _remove(target)
    os.rename(unfinished, target)
    return target


def publish(path: str, url: str, called: str) -> None:
    """Copy a file or folder to a URL or a local path; existing files are replaced.

    A file goes into a target that ends in ``/`` or is a local folder.

    Args:
        path: absolute.
        url: as of ``location``.
        called: name of the file.

    Raises:
        RemoteFault: it cannot be written; the message contains the number of written files.
    """
    names = [name for name, _ in walk(path)]
    written = 0
    targets = {name: f"{url.rstrip('/')}/{name}" if name else url for name in names}
    if "" in targets and (url.endswith("/") or (not is_url(url) and os.path.isdir(url))):
        targets[""] = f"{url.rstrip('/')}/{called}"

    def fault(error: BaseException) -> RemoteFault:
        part = f"{written} of {len(names)} files were written: " if len(names) > 1 else ""
        return RemoteFault(url, f"{part}{_reason(error)}")

    with Translated(fault):
        if is_url(url):
            import fsspec

            system, _ = _system(url)
        else:
            system = None
        for name, target in targets.items():
            source = os.path.join(path, name) if name else path
            if system is None:
                _copy(source, target)
            else:
                system.put_file(source, fsspec.core.strip_protocol(target))
            written += 1


_OK: Final = 200
_REDIRECTS: Final = 300
_NOT_MODIFIED: Final = 304
_FAILURES: Final = 400
_MISSING: Final = frozenset({404, 410})


@final
class Connection:
    """Reads and writes files below one URL.

    Args:
        seconds: limit of the time to read a file.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._system: tuple[int, Any] | None = None

    def read(self, url: str, limit: int) -> bytes:
        """Return the content of a file.

        Args:
            limit: of its size, in bytes.

        Raises:
            RemoteFault: it does not exist, cannot be read in time, redirects, or is larger than the limit.
        """
        content, _ = self.read_if_changed(url, limit, "")
        if content is None:
            raise RemoteFault(url, "not modified, although no version was requested")
        return content

    def read_if_changed(self, url: str, limit: int, known: str) -> tuple[bytes | None, str]:
        """Return the content of a file, or ``None`` if it still has a known ETag, and its ETag.

        Args:
            limit: of its size, in bytes.
            known: empty if unknown; stores without ETags always return the content.

        Raises:
            RemoteFault: as of ``read``.
        """

        def fault(error: BaseException) -> RemoteFault:
            if isinstance(error, TimeoutError):  # also of fsspec and asyncio
                return RemoteFault(url, f"no complete answer within {self._seconds:g} s")
            return _fault(url, error)

        place = location(url, "")
        content: bytes | None
        with Translated(fault, RemoteFault):
            if not is_url(place):
                content, etag = _read_locally(place, limit + 1), ""
            else:
                content, etag = self._read(url, limit, known)
            if content is not None and len(content) > limit:
                raise RemoteFault(url, f"larger than {limit} bytes")
            return content, etag

    def _read(self, url: str, limit: int, known: str) -> tuple[bytes | None, str]:
        import asyncio

        import fsspec
        from fsspec.asyn import AsyncFileSystem, sync  # type: ignore[import-untyped, unused-ignore]

        system = self._connected(url)
        path = fsspec.core.strip_protocol(url)

        async def over_http() -> tuple[bytes | None, str]:
            session = await system.set_session()
            headers = {"Accept-Encoding": "identity", **({"If-None-Match": known} if known else {})}
            async with session.get(system.encode_url(url), headers=headers, allow_redirects=False) as answer:
                if answer.status == _NOT_MODIFIED:
                    return None, known
                if _REDIRECTS <= answer.status < _FAILURES:
                    raise RemoteFault(url, f"redirects (HTTP {answer.status}); redirects are not followed")
                if answer.status in _MISSING:
                    raise FileNotFoundError(url)
                if answer.status != _OK:
                    raise RemoteFault(url, f"HTTP {answer.status}")
                if answer.headers.get("Content-Encoding", "identity") != "identity":
                    raise RemoteFault(url, "is sent compressed, although the request excludes that")
                content = bytearray()
                async for chunk in answer.content.iter_chunked(1 << 16):
                    content += chunk
                    if len(content) > limit:
                        break
                return bytes(content), answer.headers.get("ETag", "")

        async def from_store() -> tuple[bytes | None, str]:
            etag = str((await system._info(path)).get("ETag") or "")  # noqa: SLF001
            if known and etag == known:
                return None, etag
            return await system._cat_file(path, start=0, end=limit + 1), etag  # noqa: SLF001

        if not isinstance(system, AsyncFileSystem):
            return system.cat_file(path, start=0, end=limit + 1), ""
        work = over_http if urlsplit(url).scheme in _ONLY_READ else from_store
        try:
            answer: tuple[bytes | None, str] = sync(system.loop, work, timeout=self._seconds)
        except asyncio.TimeoutError as error:  # no TimeoutError before Python 3.11
            raise TimeoutError from error
        return answer

    def write(self, url: str, content: bytes, progress: Callable[[int, int], None] | None = None) -> None:
        """Replace a file, atomically where the store can.

        Raises:
            RemoteFault: it cannot be written.
        """
        place = location(url, "")
        with Translated(lambda error: _fault(url, error)):
            if not is_url(place):
                from pathlib import Path  # not needed to read

                write_atomically(Path(place), content)
                return
            import tempfile

            import fsspec

            system = self._connected(url)
            callback = fsspec.callbacks.NoOpCallback()
            if progress is not None:
                progress(0, len(content))

                def report(size: int, value: int, **_: object) -> None:
                    progress(min(value, size or len(content)), len(content))

                callback = fsspec.Callback(size=len(content), hooks={"progress": report})
            with tempfile.NamedTemporaryFile(prefix="stepwell-") as file:
                file.write(content)
                file.flush()
                system.put_file(file.name, fsspec.core.strip_protocol(url), callback=callback)

    def create(self, url: str, content: bytes) -> bool:
        """Write a file unless it exists, and return whether it was written.

        S3, Google Cloud Storage and local folders let only one of several callers write it.

        Raises:
            RemoteFault: it cannot be written.
        """
        place = location(url, "")
        with Translated(lambda error: _fault(url, error)):
            try:
                if is_url(place):
                    import fsspec

                    system = self._connected(url)
                    system.pipe_file(fsspec.core.strip_protocol(url), content, mode="create")
                else:
                    _create_locally(place, content)
            except FileExistsError:
                return False
        return True

    def _connected(self, url: str) -> Any:
        """Return the file system, which a forked process does not share with its parent."""
        if self._system is None or self._system[0] != os.getpid():
            self._system = os.getpid(), _system(url)[0]
        return self._system[1]


def _create_locally(path: str, content: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    unfinished = f"{path}.{os.urandom(8).hex()}.tmp"
    write_new(unfinished, content)
    try:
        os.link(unfinished, path)
    finally:
        os.unlink(unfinished)


def _read_locally(path: str, limit: int) -> bytes:
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # a named pipe must not block
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError("is not a regular file")
        return file.read(limit)


def _fetched_locally(path: str, folder: str) -> str:
    target = os.path.join(folder, os.path.basename(path))
    os.makedirs(folder, exist_ok=True)
    with Translated(lambda error: _fault(path, error)):
        import shutil  # not needed to read

        shutil.copyfile(path, target)
    return target


def _system(url: str) -> tuple[Any, str]:
    import fsspec

    system, path = fsspec.core.url_to_fs(url, skip_instance_cache=True, use_listings_cache=False)
    return system, path


def _get(system: Any, path: str, target: str, url: str) -> None:
    size = None if urlsplit(url).scheme in _ONLY_READ else system.info(path).get("size")
    system.get_file(path, target)
    got = os.path.getsize(target)
    if isinstance(size, int) and got != size:
        raise RemoteFault(url, f"incomplete: got {got} of {size} bytes")


def _copy(source: str, target: str) -> None:
    os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
    unfinished = f"{target}.stepwell.part"
    import shutil  # not needed to read

    shutil.copyfile(source, unfinished)
    os.replace(unfinished, target)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        import shutil  # not needed to read

        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _is_plain(name: str) -> bool:
    return not name.startswith("/") and not {"", ".", ".."} & set(name.split("/")) and "\0" not in name


def _fault(url: str, error: BaseException) -> RemoteFault:
    return RemoteFault(url, _reason(error), is_missing=isinstance(error, FileNotFoundError))


def _reason(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, PermissionError):
        return "access denied"
    text = text_of(error).strip().rstrip(".")
    return f"{text} ({type(error).__name__})" if text else type(error).__name__
