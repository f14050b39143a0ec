"""Registries at a URL: publish a bundle, and read it on other machines.

A folder at a URL contains ``latest.json``, which names the current bundle by its digest, and the bundles. The
pointer is replaced last, so a reader sees the complete old or the complete new registry. No path or URL in it
is followed: a reader derives the location of a bundle from its digest.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple, final
from urllib.parse import quote

from stepwell.resolve import LoadResult
from stepwell.resolve.project_cache import cache_options
from stepwell.source.atomic_write import read_private, write_private
from stepwell.source.errors import ProjectError
from stepwell.source.remote import Connection, RemoteFault, is_url, location, shown, unusable
from stepwell.source.seal import state_folder
from stepwell.write.bundle import MAX_BUNDLE_BYTES, Bundle, Lock, digest_of, is_digest, read_lock

if TYPE_CHECKING:
    from stepwell.live.registry import Registry
    from stepwell.source.diagnostic import Diagnostic

__all__ = [
    "LOCK_NAME",
    "POINTER",
    "Pointer",
    "RemoteRegistry",
    "current_bundle",
    "lock_at",
    "open_remote",
    "publish",
]

POINTER: Final = "latest.json"
"""File with the digest of the current bundle."""

LOCK_NAME: Final = "stepwell.lock"

PATIENCE: Final = 60.0
"""Default limit of the time to read a file, in seconds."""

_POINTER_BYTES: Final = 4096
_SIGNATURE_BYTES: Final = 64
_MAX_KEY_BYTES: Final = 1 << 16
_LOCK_VARIABLE: Final = "STEPWELL_LOCK"
_KEY_VARIABLE: Final = "STEPWELL_PUBLIC_KEY"


@final
class Pointer(NamedTuple):
    """Content of ``latest.json``."""

    digest: str
    size: int

    @property
    def text(self) -> str:
        """The text of the file."""
        return json.dumps({"version": 1, "bundle": self.digest, "size": self.size}, indent=2) + "\n"


def _pointer(url: str, content: bytes) -> Pointer:
    """Read a pointer.

    Raises:
        ProjectError: it is not a pointer.
    """
    try:
        data = json.loads(content)
        pointer = Pointer(data["bundle"], data["size"])
        is_valid = data["version"] == 1 and is_digest(pointer.digest) and type(pointer.size) is int
        if is_valid and 0 < pointer.size <= MAX_BUNDLE_BYTES:
            return pointer
    except (ValueError, LookupError, TypeError, RecursionError):  # not JSON, or other JSON
        pass
    start = content[:40].decode("utf-8", "replace")
    raise ProjectError(
        f"{shown(url)} is not the pointer of a published registry: it begins with {start!a}; "
        "to publish there, delete it first"
    )


def _file(url: str, name: str) -> str:
    base, query, parameters = url.partition("?")
    return f"{base.rstrip('/')}/{name}{query}{parameters}"


def _bundle_file(url: str, digest: str, ending: str = "") -> str:
    return _file(url, f"bundles/{digest.replace(':', '-')}{ending}")


def require_usable(url: str, *, writes: bool = False) -> None:
    """Raise an error if a URL cannot be used, without a connection.

    Raises:
        ProjectError: with a hint.
    """
    if not is_url(url):
        raise ProjectError(f"`{url}` is not a URL: use `s3://`, `gs://`, `https://` or `file://`")
    if shown(url).rstrip("/").endswith((":", "…")):
        raise ProjectError(f"`{shown(url)}` is not the URL of a folder")
    fault = None if location(url, "") != url else unusable(url, writes=writes)
    if fault is not None:
        raise ProjectError(f"{fault[0]}; {fault[1]}")


def current_bundle(url: str, connection: Connection) -> Pointer | None:
    """Return the pointer at a URL; ``None`` without one.

    Raises:
        ProjectError: it cannot be read.
    """
    pointer = _file(url, POINTER)
    try:
        return _pointer(pointer, connection.read(pointer, _POINTER_BYTES))
    except RemoteFault as error:
        if error.is_missing:
            return None
        raise ProjectError(f"cannot read {error}") from None


def publish(
    url: str, content: bytes, signature: bytes | None, progress: Callable[[int, int], None] | None = None
) -> bool:
    """Write a bundle, its signature and then the pointer, and return whether the pointer changed.

    Raises:
        ProjectError: the store fails; readers still see the previous registry.
    """
    pointer = Pointer(digest_of(content), len(content))
    connection = Connection(PATIENCE)
    before = current_bundle(url, connection)
    bundle = _bundle_file(url, pointer.digest)
    try:
        if not _is_stored(connection, bundle, content):
            connection.write(bundle, content, progress)
        if signature is not None:
            connection.write(_bundle_file(url, pointer.digest, ".sig"), signature)
        if before != pointer:
            connection.write(_file(url, POINTER), pointer.text.encode("ascii"))
    except RemoteFault as error:
        raise ProjectError(f"cannot write {error}; readers still see the previous registry") from None
    return before != pointer


def _is_stored(connection: Connection, url: str, content: bytes) -> bool:
    try:
        return connection.read(url, len(content)) == content
    except RemoteFault:
        return False


@final
class RemoteRegistry:
    """Reader of a published registry.

    Args:
        folder: keeps the last valid bundle, readable by the user only; empty to keep none.
        lock: accept only this bundle.
        public_key: require a signature by its private key.
        seconds: limit of the time to read a file.
    """

    def __init__(
        self, url: str, folder: str, lock: Lock | None, public_key: bytes | None, seconds: float
    ) -> None:
        require_usable(url)
        self.url = shown(url)
        self._url = url
        self._folder = folder
        self._lock = lock
        self._public_key = public_key
        self._connection = Connection(seconds)
        self._etag = ""
        self._version = ""
        self._last: Bundle | None = None
        self._loaded: tuple[Bundle, LoadResult] | None = None
        self.fault: Diagnostic | None = None

    def version(self) -> str:
        """Return a text that changes with the registry or its availability, without reading the bundle."""
        if self._lock is not None:
            return self._lock.bundle
        try:
            pointer = _file(self._url, POINTER)
            content, etag = self._connection.read_if_changed(pointer, _POINTER_BYTES, self._etag)
        except RemoteFault as error:
            self._etag = ""
            return str(error)
        if content is not None:
            self._etag, self._version = etag, digest_of(content)
        return self._version

    def load(self, today: date) -> LoadResult:
        """Read the current version.

        Raises:
            ProjectError: it cannot be read or is not valid; ``fault`` is the finding.
        """
        from stepwell.source.diagnostic import Diagnostic, Severity

        try:
            bundle = self._read()
            if self._loaded is None or self._loaded[0] is not bundle or self._loaded[1].today != today:
                self._loaded = bundle, bundle.load(self.url, today)
        except ProjectError as error:
            self.fault = Diagnostic("unreadable-registry", Severity.ERROR, str(error), None, _FAULT_HELP)
            raise
        self.fault = None
        return self._loaded[1]

    def last_valid(self, today: date) -> LoadResult | None:
        """Return the last valid version that is kept on this machine; ``None`` without one."""
        kept = self._kept()
        if kept is None or (self._lock is not None and self._lock.bundle != digest_of(kept)):
            return None
        try:
            return self._opened(kept, digest_of(kept), self._kept(".sig")).load(self.url, today)
        except ProjectError:
            return None

    def bundle(self) -> Bundle:
        """Return the current bundle.

        Raises:
            ProjectError: it cannot be read or is not valid.
        """
        return self._read()

    def _read(self) -> Bundle:
        digest, size = self._wanted()
        if self._last is not None and self._last.digest == digest:
            return self._last
        kept = self._kept()
        if kept is not None and digest_of(kept) == digest:
            try:
                return self._opened(kept, digest, self._kept(".sig"))
            except ProjectError:  # kept without the signature that is required now
                pass
        place = _bundle_file(self._url, digest)
        content = self._fetched(place, size)
        if size < MAX_BUNDLE_BYTES and len(content) < size:
            raise ProjectError(f"{shown(place)} is incomplete: got {len(content)} of {size} bytes")
        if digest_of(content) != digest:
            raise ProjectError(f"{shown(place)} is damaged: its digest is {digest_of(content)}")
        signature = None
        if self._public_key is not None:
            signature = self._fetched(_bundle_file(self._url, digest, ".sig"), _SIGNATURE_BYTES)
        bundle = self._opened(content, digest, signature)
        self._keep(content, signature)
        return bundle

    def _opened(self, content: bytes, digest: str, signature: bytes | None) -> Bundle:
        if self._public_key is not None and not is_signed(content, signature or b"", self._public_key):
            raise ProjectError(f"{self.url} has no valid signature of bundle {digest}")
        self._last = bundle = Bundle(self.url, content, digest)
        return bundle

    def _wanted(self) -> tuple[str, int]:
        """Return the digest of the bundle to read, and the limit of its size."""
        if self._lock is not None:
            return self._lock.bundle, MAX_BUNDLE_BYTES
        pointer = _file(self._url, POINTER)
        return _pointer(pointer, self._fetched(pointer, _POINTER_BYTES))

    def _fetched(self, url: str, limit: int) -> bytes:
        try:
            return self._connection.read(url, limit)
        except RemoteFault as error:
            raise ProjectError(f"cannot read {error}") from None

    def _kept(self, ending: str = "") -> bytes | None:
        if not self._folder:
            return None
        return read_private(self._folder, f"{self._name}{ending}", MAX_BUNDLE_BYTES)

    def _keep(self, content: bytes, signature: bytes | None) -> None:
        if self._folder:
            if signature is not None:
                write_private(self._folder, f"{self._name}.sig", signature)
            write_private(self._folder, self._name, content)

    @property
    def _name(self) -> str:
        return f"bundle-{digest_of(self._url.encode('utf-8', 'surrogateescape'))[7:39]}"


_FAULT_HELP: Final = "the last valid version stays available; publish the registry again, or fix the store"


def is_signed(content: bytes, signature: bytes, public_key: bytes) -> bool:
    """Return whether an Ed25519 signature of a bundle is valid.

    Args:
        public_key: PEM text, as of ``openssl pkey -pubout``.

    Raises:
        ProjectError: the key is invalid, or the extra ``signature`` is not installed.
    """
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError:
        raise ProjectError(_NO_CRYPTOGRAPHY) from None
    try:
        key = load_pem_public_key(public_key)
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ProjectError("the public key is not an Ed25519 key in PEM format")
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True


def signature_of(content: bytes, private_key: bytes) -> bytes:
    """Return the Ed25519 signature of a bundle.

    Args:
        private_key: unencrypted PEM text, as of ``openssl genpkey -algorithm ed25519``.

    Raises:
        ProjectError: the key is invalid, or the extra ``signature`` is not installed.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        raise ProjectError(_NO_CRYPTOGRAPHY) from None
    try:
        key = load_pem_private_key(private_key, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ProjectError("the private key is not an unencrypted Ed25519 key in PEM format")
    return key.sign(content)


_NO_CRYPTOGRAPHY: Final = (
    "signatures need the extra `signature`; install it: `python -m pip install 'stepwell[signature]'`"
)


def lock_at(path: str) -> Lock:
    """Read a lock file.

    Raises:
        ProjectError: it cannot be read or is invalid.
    """
    return read_lock(path, _content(path, MAX_BUNDLE_BYTES))


def key_at(path: str) -> bytes:
    """Read a key file.

    Raises:
        ProjectError: it cannot be read.
    """
    return _content(path, _MAX_KEY_BYTES)


def _content(path: str, limit: int) -> bytes:
    try:
        return Connection(PATIENCE).read(f"file://{quote(os.path.abspath(path))}", limit)
    except RemoteFault as error:
        raise ProjectError(f"cannot read {path}: {error.reason}") from None


def open_remote(
    url: str,
    today: Callable[[], date],
    environment: Mapping[str, str],
    warn: Callable[[str], object],
    lock: str | os.PathLike[str] | None = None,
    public_key: str | os.PathLike[str] | None = None,
    seconds: float = PATIENCE,
) -> Registry:
    """Open a published registry; if it cannot be read, the last valid version on this machine.

    Args:
        warn: called with the reason why an earlier version is served.
        lock: file with the only bundle to accept (default: as ``STEPWELL_LOCK`` specifies).
        public_key: file with the key of a required signature (default: as ``STEPWELL_PUBLIC_KEY`` specifies).

    Raises:
        ProjectError: it cannot be read or is not valid, and no valid version is kept.
    """
    from stepwell.live.registry import Registry

    source = remote_registry(url, environment, lock, public_key, seconds)
    good = None
    try:
        loaded = source.load(today())
    except ProjectError as error:
        good = source.last_valid(today())
        if good is None:
            raise
        loaded = good
        warn(f"{error}; the last valid version is served")
    return Registry(loaded, today, environment=environment, good=good, source=source)


def remote_registry(
    url: str,
    environment: Mapping[str, str],
    lock: str | os.PathLike[str] | None = None,
    public_key: str | os.PathLike[str] | None = None,
    seconds: float = PATIENCE,
) -> RemoteRegistry:
    """Return the reader of a published registry with the settings of the environment.

    Raises:
        ProjectError: the URL cannot be used, or the lock or the key cannot be read.
    """
    lock = os.fspath(lock) if lock is not None else environment.get(_LOCK_VARIABLE) or None
    key = os.fspath(public_key) if public_key is not None else environment.get(_KEY_VARIABLE) or None
    options = cache_options(environment)
    folder = options.folder or os.path.join(state_folder(environment), "published")
    return RemoteRegistry(
        url,
        folder if options.is_wanted else "",
        None if lock is None else lock_at(lock),
        None if key is None else key_at(key),
        seconds,
    )
