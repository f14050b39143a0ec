"""Files and folders behind URLs such as ``s3://bucket/rows``, through fsspec (extra ``[remote]``)."""

from __future__ import annotations

import os
import re
import shutil
from typing import Any, Final, final
from urllib.parse import unquote, urlsplit, urlunsplit

from stepwell.run.pipelines.artifacts import walk
from stepwell.source.foreign_code import Contained, Translated, text_of

__all__ = ["RemoteFault", "exists", "fetch", "is_url", "location", "publish", "unusable"]

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_ONLY_READ: Final = frozenset({"http", "https"})
_INSTALL: Final = "install it: `python -m pip install 'stepwell[remote]'`"
_PACKAGES: Final = {"gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs"}
"""Packages of schemes that the extra does not contain."""


@final
class RemoteFault(OSError):
    """A file or folder behind a URL cannot be read or written; the message has no full stop."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{shown(url)}: {reason}")


def is_url(text: str) -> bool:
    """Return whether a text is a URL."""
    return _URL.match(text) is not None


def location(text: str, folder: str) -> str:
    """Return a URL, or the absolute path of a text that is a path or a ``file://`` URL.

    Args:
        folder: base of relative paths.
    """
    if text.lower().startswith("file://"):
        return unquote(urlsplit(text).path)
    return text if is_url(text) else os.path.join(folder, text)


def shown(url: str) -> str:
    """Return a URL without user, password and query, which may be secret."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def unusable(url: str, *, writes: bool = False) -> tuple[str, str] | None:
    """Return why a URL cannot be used and a hint, without a connection; ``None`` if it can."""
    scheme = urlsplit(url).scheme
    if writes and scheme in _ONLY_READ:
        return (
            f"`{shown(url)}` cannot be written: `{scheme}` is only read",
            "use `s3://`, `gs://` or `file://`",
        )
    try:
        import fsspec
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


def _fetched_locally(path: str, folder: str) -> str:
    target = os.path.join(folder, os.path.basename(path))
    os.makedirs(folder, exist_ok=True)
    with Translated(lambda error: _fault(path, error)):
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
    shutil.copyfile(source, unfinished)
    os.replace(unfinished, target)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _is_plain(name: str) -> bool:
    return not name.startswith("/") and not {"", ".", ".."} & set(name.split("/")) and "\0" not in name


def _fault(url: str, error: BaseException) -> RemoteFault:
    return RemoteFault(url, _reason(error))


def _reason(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, PermissionError):
        return "access denied"
    text = text_of(error).strip().rstrip(".")
    return f"{text} ({type(error).__name__})" if text else type(error).__name__
