"""The last load of a project on disk: a load that would observe the same starts from it.

The file is authenticated plain data (``source.seal``). Files that changed are read and checked again, and a
definition is built when it is first used.
"""

from __future__ import annotations

import marshal
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import cache, cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, final

from stepwell.resolve import LoadResult, Summary, collector_paused
from stepwell.resolve.changed_steps import StepChanges, changed_steps
from stepwell.resolve.stored_views import (
    StoredBody,
    StoredConfig,
    StoredFile,
    StoredIndex,
    encoded,
    is_dated,
    record_of,
)
from stepwell.source.extensions import (
    GROUP_OF_STEPS,
    GROUP_OF_TYPES,
    any_declared,
    declaring_files,
    finds_more,
)
from stepwell.source.observations import (
    NO_FILE,
    Differences,
    Observations,
    Recorder,
    Signature,
    is_settled,
    signature_at,
)
from stepwell.source.seal import (
    CachePlace,
    Sealed,
    SealedDraft,
    digest_of,
    open_sealed,
    state_folder,
    user_key,
)
from stepwell.source.tree import Folder

if TYPE_CHECKING:
    from stepwell.check.file import CheckedFile
    from stepwell.model.layer import Listed
    from stepwell.model.settings import Project
    from stepwell.resolve.layout import Layout
    from stepwell.resolve.load import Progress, ReadCache
    from stepwell.resolve.plugins import Plugin
    from stepwell.resolve.snapshot import Snapshot

__all__ = ["CacheOptions", "cache_options", "installed_plugins", "load_cached"]

_FOLDER: Final = ".stepwell"
_MOST: Final = 8
"""Environments whose last loads are kept."""
_VARIABLE: Final = "STEPWELL_CACHE_DIR"


@final
class CacheOptions(NamedTuple):
    """Where and how to cache loads.

    Args:
        key: of the user; ``None`` disables the cache.
        is_wanted: whether the user did not disable it.
        folder: one folder for all projects; empty for ``.stepwell/cache`` in each project.
        verify: whether to compare all files by content.
    """

    key: bytes | None = None
    folder: str = ""
    verify: bool = False
    is_wanted: bool = True

    def folder_of(self, root: str) -> str:
        """Return the folder of a project's cache; empty if it has none."""
        if self.key is None:
            return ""
        if self.folder:
            return os.path.join(self.folder, digest_of(os.fsencode(root)).hex())
        inside = os.path.join(root, _FOLDER)
        folder = os.path.join(inside, "cache")
        return "" if os.path.islink(inside) or os.path.islink(folder) else folder  # it may lead anywhere

    def place_of(self, root: str) -> CachePlace | None:
        """Return the place of a project's cache, if it has any."""
        folder = self.folder_of(os.path.realpath(root))
        return CachePlace(folder, self.key, self.verify) if folder and self.key is not None else None


def cache_options(environment: Mapping[str, str], *, verify: bool = False) -> CacheOptions:
    """Return the options that the environment sets; an empty ``STEPWELL_CACHE_DIR`` disables the cache."""
    folder = environment.get(_VARIABLE)
    if folder == "":
        return CacheOptions(is_wanted=False)
    key = user_key(state_folder(environment))
    return CacheOptions(key, os.path.abspath(folder) if folder else "", verify)


def load_cached(
    folder: str, today: date, options: CacheOptions, progress: Progress | None = None
) -> LoadResult:
    """Load the project in a folder with the plugins of this environment, from the cache as far as possible.

    Raises:
        ProjectError: the folder contains no project.
    """
    with collector_paused():
        return _load_cached(folder, os.path.realpath(folder), today, options, progress)


def _load_cached(
    folder: str, root: str, today: date, options: CacheOptions, progress: Progress | None
) -> LoadResult:
    place, key = options.folder_of(root), options.key
    stored = _stored(place, key) if place and key is not None else None
    differences = None
    if stored is not None and key is not None:
        differences = stored.observations.compare(root, by_content=options.verify)
        if differences.is_empty and stored.holds_on(today):
            if differences.renewed or differences.folders:
                stored.renew(root, place, key, verify=options.verify)
            return stored.result(root, today)
        if stored.follow(root, today, differences, place, key):
            return stored.result(root, today)
    from stepwell.model.settings import open_project
    from stepwell.resolve.load import load
    from stepwell.resolve.plugins import find_plugins

    draft = SealedDraft.begin(place, _name()) if place and os.path.isdir(root) else None
    if draft is None or key is None:
        return load(open_project(folder), today, progress, find_plugins)
    try:
        environment = _environment(draft.began) if stored is None else stored.environment
        recorder = Recorder(root)
        project = open_project(folder, recorder)
        known: ReadCache = _unknown
        layout = None
        if stored is not None and differences is not None and stored.has_settings_of(project):
            known = stored.known(today, differences, recorder)
            layout = stored.layout(differences, recorder)
        # the environment of a stored load has no plugins
        plugins = () if stored is not None or not project.settings.plugins else find_plugins()
        loaded = load(project, today, progress, lambda: plugins, known, layout)
        if (
            environment is not None
            and not plugins
            and recorder.is_complete_record
            and not project.diagnostics
        ):
            _store(loaded, recorder, environment, draft, key, stored)
        return loaded.replaced(project=project.at(Folder(root)))
    finally:
        draft.discard()


def _load_plainly(root: str, today: date) -> LoadResult:
    from stepwell.model.settings import open_project
    from stepwell.resolve.load import load
    from stepwell.resolve.plugins import find_plugins

    return load(open_project(root), today, plugins=find_plugins)


def installed_plugins() -> tuple[Plugin, ...]:
    """Return the plugins of this environment; their readers are only imported if there may be any."""
    if not any_declared(GROUP_OF_STEPS, GROUP_OF_TYPES):
        return ()
    from stepwell.resolve.plugins import find_plugins

    return find_plugins()


def _name(content: str = "project") -> str:
    """Return the name of a file for this interpreter and its path, so that environments share a folder.

    Args:
        content: `project` for a load, or `changes` for what changed since.
    """
    return f"{content}-{digest_of(repr((_VERSION, sys.path)).encode('utf-8', 'surrogateescape'))[:8].hex()}"


def _unknown(_: Listed) -> CheckedFile | None:
    return None


def _store(
    loaded: LoadResult,
    recorder: Recorder,
    environment: _Environment,
    draft: SealedDraft,
    key: bytes,
    stored: _Stored | None,
) -> None:
    observations = recorder.observations(draft.began)
    kept = {} if stored is None else stored.kept
    dated = stored is not None and not stored.is_timeless
    head, *parts = encoded(loaded, observations, recorder.contents, kept, dated=dated)
    if draft.commit(key, (_VERSION, environment, tuple(observations), *head), *parts):
        draft.remove_older(_MOST)


_Environment = tuple[
    tuple[str, ...], list[tuple[str, Signature, tuple[str, ...]]], list[tuple[str, Signature]]
]
"""``sys.path``, its folders with the files that may declare plugins, and the signatures of these and of
Stepwell's own files."""

_VERSION: Final = (2, sys.version)
_PACKAGES: Final = ("source", "model", "check", "resolve")
"""Packages of Stepwell that determine the result of a load."""


def _environment(began: int) -> _Environment | None:
    """Return what a load depends on besides the project; ``None`` if a change of it could go unnoticed."""
    if finds_more():
        return None
    places: list[tuple[str, Signature, tuple[str, ...]]] = []
    files = [*_own_files()]
    try:
        for path in dict.fromkeys(sys.path):
            full = os.path.abspath(path)
            signature, declaring = signature_at(full), declaring_files(full)
            places.append((full, signature if is_settled(signature, began) else (-1,), declaring))
            files += declaring
        signatures = [(file, signature_at(file)) for file in files]
    except OSError:
        return None
    settled = all(is_settled(signature, began) for _, signature in signatures)
    return (tuple(sys.path), places, signatures) if settled else None


def _own_files() -> Iterator[str]:
    from stepwell.model.schema import schema_folder

    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for folder in (*(os.path.join(package, name) for name in _PACKAGES), os.path.abspath(schema_folder())):
        for parent, _, names in os.walk(folder):
            yield from (os.path.join(parent, name) for name in names if name.endswith((".py", ".json")))


def _is_environment(known: _Environment) -> bool:
    """Return whether the environment is a known one."""
    path, places, files = known
    if path != tuple(sys.path) or finds_more():
        return False
    try:
        return all(
            signature_at(full) == signature or declaring_files(full) == declaring
            for full, signature, declaring in places
        ) and all(signature_at(file) == signature for file, signature in files)
    except OSError:
        return False


def _stored(folder: str, key: bytes) -> _Stored | None:
    """Return the load in a folder; ``None`` without one of this version and environment."""
    sealed = open_sealed(os.path.join(folder, _name()), key)
    if sealed is None or sealed.head[0] != _VERSION or not _is_environment(sealed.head[1]):
        return None
    stored = _Stored(sealed)
    changes = open_sealed(os.path.join(folder, _name("changes")), key)
    if changes is not None and changes.head[0] == sealed.mac:
        stored.change(StepChanges(*changes.head[1]))
    return stored


@final
class _Stored:
    """A load on disk with later changes, decoded as far as it is used."""

    def __init__(self, sealed: Sealed) -> None:
        self._day: int
        _, self.environment, observations, self._day, self._figures, self._found = sealed.head
        self.observations = Observations(*observations)
        self.kept: dict[str, StoredFile] = {}
        self._sealed = sealed
        self._changes = StepChanges([], {}, {}, {}, 0)

    def change(self, more: StepChanges) -> None:
        """Continue with later changes."""
        self._changes = self._changes.followed_by(more)
        files, signatures, digests, folders, _ = self.observations
        files += more.paths
        signatures += [()] * len(more.paths)
        digests += [NO_FILE] * len(more.paths)
        for at, (signature, digest) in more.files.items():
            signatures[at], digests[at] = signature, digest
        for at, folder in more.folders.items():
            folders[at] = folder

    @property
    def is_timeless(self) -> bool:
        """Whether the result is that of every date."""
        return self._day == 0

    def holds_on(self, today: date) -> bool:
        """Return whether the result is that of a date."""
        return self.is_timeless or self._day == today.toordinal()

    def renew(self, root: str, folder: str, key: bytes, *, verify: bool) -> None:
        """Store today's signatures of files that were compared by content."""
        draft = SealedDraft.begin(folder, _name("changes"))
        if draft is None:
            return
        differences = self.observations.compare(root, by_content=verify)
        renewed = self.observations.renewed(differences, draft.began)
        if differences.is_empty and renewed != self.observations:
            files = {at: (renewed.signatures[at], renewed.digests[at]) for at in differences.renewed}
            folders = {at: renewed.folders[at] for at in differences.folders}
            self._store(self._changes.followed_by(StepChanges([], files, folders, {}, 0)), draft, key)
        draft.discard()

    def _store(self, changes: StepChanges, draft: SealedDraft, key: bytes) -> None:
        if draft.commit(key, (self._sealed.mac, tuple(changes))):
            draft.remove_older(_MOST)

    def follow(self, root: str, today: date, differences: Differences, folder: str, key: bytes) -> bool:
        """Continue with today's files if only steps differ on which nothing else depends.

        Returns:
            Whether the load is that of today.
        """
        if not differences.same_links or not self.holds_on(today) or self._settings is None:
            return False
        draft = SealedDraft.begin(folder, _name("changes"))
        if draft is None:
            return False
        config, index = self._settings
        more = changed_steps(
            config.project(Folder(root)),
            today,
            index,
            self._changes,
            self.observations,
            differences,
            self._found[1],
            draft.began,
        )
        changes = None if more is None else self._changes.followed_by(more)
        if more is None or changes is None or not changes.are_few:
            draft.discard()
            return False
        self._store(changes, draft, key)
        self.change(more)
        return True

    def result(self, root: str, today: date) -> LoadResult:
        """Return the load, each part decoded on first use."""
        count, every, views = self._found
        records = tuple(map(record_of, every))
        by_view = {view: tuple(records[at] for at in places) for view, places in views}

        @cache
        def full() -> LoadResult:
            return _load_plainly(root, today) if self._body is None else self._body.load(root, today)

        def part_of_full(name: str) -> Callable[[], object]:
            return lambda: getattr(full(), name)

        def project() -> Project:
            return full().project if self._settings is None else self._settings[0].project(Folder(root))

        def snapshot() -> Snapshot:
            return full().snapshot if self._body is None else self._body.snapshot(by_view)

        def names(view: str | None) -> Iterable[str]:
            return snapshot().view(view) if self._body is None else self._body.names(view)

        parts = {name: part_of_full(name) for name in _PARTS_OF_RELOADS}
        parts |= {"project": project, "snapshot": snapshot}
        files, steps, workspace, has_references = self._figures
        more = self._changes.difference
        figures = {view: (every + more, own + more * (view is None)) for view, (every, own) in steps}
        of_views = MappingProxyType(figures), MappingProxyType(by_view)
        summary = Summary(root, files + more, *of_views, workspace, has_references, names)
        return LoadResult(parts, today=today, diagnostics=records[:count], summary=summary)

    def known(self, today: date, differences: Differences, recorder: Recorder) -> ReadCache:
        """Return the results of checking the files that are the same.

        Args:
            recorder: receives what was observed of them.
        """
        body, signatures, digests = self._body, self.observations.signatures, self.observations.digests
        same_day = self.holds_on(today)
        if body is None:
            return _unknown

        def known(listed: Listed) -> CheckedFile | None:
            at = body.places.get(listed.path)
            if at is None:
                return None
            source = body.sources[at]
            file = None if source in differences.files else body.checked(at, listed)
            if file is None or not (same_day or not is_dated(file)):
                return None
            # what was compared by content was read before this load began, so its times prove nothing
            signature = () if source in differences.renewed else signatures[source]
            recorder.keep(listed.path, body.files[at][5], signature, digests[source])
            self.kept[listed.path] = body.files[at]
            return file

        return known

    def layout(self, differences: Differences, recorder: Recorder) -> Layout | None:
        """Return the listed files if all folders are the same.

        Args:
            recorder: receives what was observed of the folders.
        """
        if self._body is None or not differences.same_folders:
            return None
        recorder.keep_folders(self.observations, differences)
        return self._body.layout()

    def has_settings_of(self, project: Project) -> bool:
        """Return whether a project has the settings of the load."""
        if self._settings is None or project.diagnostics:
            return False
        then, now = self._settings[0].project(Folder(project.root)), project
        return (then.prefix, then.config and then.config.text) == (now.prefix, now.config and now.config.text)

    @cached_property
    def _settings(self) -> tuple[StoredConfig, StoredIndex] | None:
        part = self._sealed.part(0)
        if part is None:
            return None
        config, index = marshal.loads(part)  # noqa: S302 - authenticated
        return StoredConfig(*config), StoredIndex(*index)

    @cached_property
    def _body(self) -> StoredBody | None:
        part = self._sealed.part(1)
        if part is None or self._settings is None:
            return None
        files = {at: file for at, (file, _) in self._changes.steps.items()}
        return StoredBody(self.observations.files, self._settings[0], files, *marshal.loads(part))  # noqa: S302


_PARTS_OF_RELOADS: Final = ("layout", "checked", "core", "overlays", "guests", "pipelines", "own")
