"""The last load of a project on disk: a load that would observe the same starts from it.

The file is authenticated plain data (``source.seal``). Files that changed are read and checked again, and a
definition is built when it is first used.
"""

from __future__ import annotations

import marshal
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import cache, cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

from stepwell.resolve import LoadResult, Summary, collector_paused
from stepwell.resolve.stored_views import (
    StoredFile,
    StoredView,
    StoredViews,
    plain_data,
    plain_definition,
    stored_views,
)
from stepwell.source.extensions import declaring_files, finds_more
from stepwell.source.observations import (
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
from stepwell.source.tree import Folder, Staged

if TYPE_CHECKING:
    from stepwell.check.file import CheckedFile
    from stepwell.model.layer import Listed
    from stepwell.model.settings import Project
    from stepwell.resolve.layout import Layout
    from stepwell.resolve.load import Progress, ReadCache
    from stepwell.resolve.plugins import Plugin
    from stepwell.resolve.snapshot import Snapshot
    from stepwell.source.diagnostic import Diagnostic
    from stepwell.source.document import Document
    from stepwell.source.tree import Tree

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
    stored = _stored(os.path.join(place, _name()), key) if place and key is not None else None
    differences = None
    if stored is not None and key is not None:
        differences = stored.observations.compare(root, by_content=options.verify)
        if differences.is_empty and stored.holds_on(today):
            if differences.renewed or differences.folders:
                stored.renew(root, place, key, verify=options.verify)
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
    """Return the plugins of this environment; their readers are imported on first use."""
    from stepwell.resolve.plugins import find_plugins

    return find_plugins()


def _name() -> str:
    """Return the name of the file for this interpreter and its path, so that environments share a folder."""
    return f"project-{digest_of(repr((_VERSION, sys.path)).encode('utf-8', 'surrogateescape'))[:8].hex()}"


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
    is_dated = stored is not None and not stored.is_timeless
    parts = _encoded(loaded, observations, recorder.contents, environment, kept, is_dated=is_dated)
    if draft.commit(key, *parts):
        draft.remove_older(_MOST)


_Environment = tuple[
    tuple[str, ...], list[tuple[str, Signature, tuple[str, ...]]], list[tuple[str, Signature]]
]
"""``sys.path``, its folders with the files that may declare plugins, and the signatures of these and of
Stepwell's own files."""

_VERSION: Final = (1, sys.version)
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


def _stored(path: str, key: bytes) -> _Stored | None:
    """Return the load in a file; ``None`` without one of this version and environment."""
    sealed = open_sealed(path, key)
    if sealed is None or sealed.head[0] != _VERSION or not _is_environment(sealed.head[1]):
        return None
    return _Stored(sealed)


@final
class _Stored:
    """A load on disk, decoded as far as it is used."""

    def __init__(self, sealed: Sealed) -> None:
        self._day: int
        _, self.environment, observations, self._day, self._figures, self._found = sealed.head
        self.observations = Observations(*observations)
        self.kept: dict[str, StoredFile] = {}
        self._sealed = sealed

    @property
    def is_timeless(self) -> bool:
        """Whether the result is that of every date."""
        return self._day == 0

    def holds_on(self, today: date) -> bool:
        """Return whether the result is that of a date."""
        return self.is_timeless or self._day == today.toordinal()

    def renew(self, root: str, folder: str, key: bytes, *, verify: bool) -> None:
        """Store today's signatures of files that were compared by content."""
        draft = SealedDraft.begin(folder, _name())
        if draft is None:
            return
        differences = self.observations.compare(root, by_content=verify)
        renewed = self.observations.renewed(differences, draft.began)
        head, body = self._sealed.head, self._sealed.body
        if differences.is_empty and renewed != self.observations and body is not None:
            draft.commit(key, (*head[:2], tuple(renewed), *head[3:]), body)
        draft.discard()

    def result(self, root: str, today: date) -> LoadResult:
        """Return the load, each part decoded on first use."""
        count, every, views = self._found
        records = tuple(map(_record, every))
        by_view = {view: tuple(records[at] for at in places) for view, places in views}

        @cache
        def full() -> LoadResult:
            return _load_plainly(root, today) if self._body is None else self._body.load(root, today)

        def part_of_full(name: str) -> Callable[[], object]:
            return lambda: getattr(full(), name)

        def project() -> Project:
            return full().project if self._body is None else self._body.project(Folder(root))

        def snapshot() -> Snapshot:
            return full().snapshot if self._body is None else self._body.snapshot(by_view)

        parts = {name: part_of_full(name) for name in _PARTS_OF_RELOADS}
        parts |= {"project": project, "snapshot": snapshot}
        files, steps, *settings = self._figures
        summary = Summary(root, files, MappingProxyType(dict(steps)), MappingProxyType(by_view), *settings)
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
            source = body.files[at][0]
            file = None if source in differences.files else body.checked(at)
            if file is None or file.listed != listed or not (same_day or not _is_dated(file)):
                return None
            # what was compared by content was read before this load began, so its times prove nothing
            signature = () if source in differences.renewed else signatures[source]
            recorder.keep(listed.path, body.contents[source], signature, digests[source])
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
        if self._body is None or project.diagnostics:
            return False
        then, now = self._body.project(Folder(project.root)), project
        return (then.prefix, then.config and then.config.text) == (now.prefix, now.config and now.config.text)

    @cached_property
    def _body(self) -> _Body | None:
        body = self._sealed.body
        return None if body is None else _Body(self.observations.files, *marshal.loads(body))  # noqa: S302


_PARTS_OF_RELOADS: Final = ("layout", "checked", "core", "overlays", "guests", "pipelines", "own")


@final
class _Body:
    """Contents and tables of a stored load."""

    def __init__(
        self,
        paths: list[str],
        contents: list[bytes],
        config: tuple[int, Any, tuple[str, ...]],
        files: list[StoredFile],
        layout: tuple[Any, ...],
        workspaces: list[tuple[str, int, Any]],
        views: list[StoredView],
        schemas: list[tuple[str, tuple[Any, ...]]],
    ) -> None:
        from stepwell.model.record import Facts, know_facts

        for name, facts in schemas:
            know_facts(name, Facts(*facts))
        self.contents = contents
        self.files = files
        self._paths = paths
        self._config = config
        self._layout = layout
        self._stored = StoredViews(files, workspaces, views, self._document)

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Index of each file by path."""
        return {self._paths[file[0]]: at for at, file in enumerate(self.files)}

    def project(self, tree: Tree) -> Project:
        from stepwell.model.settings import Project, Settings, valid_project

        at, data, prefix = self._config
        root = tree.root if isinstance(tree, Folder) else ""
        if at < 0:
            return Project(root, Settings(prefix=prefix), tree)
        return valid_project(root, tree, self._document(at, data), prefix)

    @cached_property
    def checked(self) -> Callable[[int], CheckedFile | None]:
        """Return the result of checking a file; ``None`` if it must be checked again."""
        from stepwell.check.file import CheckedFile

        files, listed, authored = self.files, self.listed, self._stored.authored

        def checked(at: int) -> CheckedFile | None:
            name = files[at][4]
            return CheckedFile(listed[at], name, None, authored(at)) if name else None

        return checked

    @cached_property
    def listed(self) -> list[Listed]:
        """The definition files, the core's first."""
        from stepwell.model.layer import Layer, Listed

        layers, paths = {layer.value: layer for layer in Layer}, self._paths
        return [
            Listed(paths[source], layers[layer], workspace, kind)
            for source, layer, workspace, kind, _, _ in self.files
        ]

    def snapshot(self, diagnostics: Mapping[str | None, tuple[Diagnostic, ...]]) -> Snapshot:
        """Return all views, each built on first use."""
        return self._stored.snapshot(diagnostics)

    def load(self, root: str, today: date) -> LoadResult:
        """Load the project as it was stored, with everything that reloads need."""
        from stepwell.resolve.load import load

        tree = Staged(Folder(root), dict(zip(self._paths, self.contents, strict=True)))
        project = self.project(Folder(root))

        def known(listed: Listed) -> CheckedFile | None:
            return self.checked(self.places[listed.path])

        loaded = load(project.at(tree), today, known=known, layout=self.layout())
        return loaded.replaced(project=project)

    def layout(self) -> Layout:
        """Return the listed files."""
        from stepwell.resolve.layout import Layout

        core, counts, settings, findings = self._layout
        listed = self.listed
        workspaces, end = {}, core
        for workspace, count in counts:
            workspaces[workspace] = tuple(listed[end : end + count])
            end += count
        return Layout(
            tuple(listed[:core]),
            MappingProxyType(workspaces),
            MappingProxyType(dict(settings)),
            tuple(map(_record, findings)),
        )

    def _document(self, at: int, data: Any) -> Document:
        from stepwell.source.read import document_of

        return document_of(self._paths[at], self.contents[at], *data)


def _encoded(
    loaded: LoadResult,
    observations: Observations,
    contents: Mapping[str, bytes],
    environment: _Environment,
    kept: Mapping[str, StoredFile],
    *,
    is_dated: bool,
) -> tuple[tuple[Any, ...], bytes]:
    """Return a load as the head and the body of a sealed file.

    Args:
        kept: files of an earlier load that are the same, by path.
        is_dated: whether the result for one of them may depend on the date.
    """
    from stepwell.model.kinds import KIND_OF_NOUN

    at = {path: index for index, path in enumerate(observations.files)}
    checked, layout, snapshot = loaded.checked, loaded.layout, loaded.snapshot

    files: list[StoredFile] = []
    places: dict[str, int] = {}
    for group in (layout.core, *layout.workspaces.values()):
        for listed in group:
            file = checked[listed.path]
            places[listed.path] = len(files)
            same = kept.get(listed.path)
            if same is not None:
                files.append((at[listed.path], *same[1:]))
                continue
            if _is_dated(file):
                is_dated = True
            name, data = "", None
            if file.authored is not None and not file.diagnostics and not file.ignores:
                name, data = file.name or "", plain_definition(file.authored)
            elif file.authored is not None:
                data = plain_definition(file.authored)
            files.append((at[listed.path], listed.layer.value, listed.workspace, listed.kind, name, data))

    steps: list[tuple[str | None, tuple[int, int]]] = []
    findings = {finding: index for index, finding in enumerate(loaded.diagnostics)}
    by_view: list[tuple[str | None, tuple[int, ...]]] = []
    for key in (None, *snapshot.workspaces):
        view = snapshot.view(key)
        steps.append((key, (len(view), len(view.steps.above))))
        by_view.append((key, tuple(findings.setdefault(item, len(findings)) for item in view.diagnostics)))
    config, settings = loaded.project.config, loaded.project.settings
    workspaces = [
        (key, -1, None) if item.document is None else (key, at[item.document.path], plain_data(item.document))
        for key, item in snapshot.workspaces.items()
    ]
    stored_layout = (
        len(layout.core),
        [(key, len(group)) for key, group in layout.workspaces.items()],
        list(layout.settings.items()),
        [_plain(item) for item in layout.diagnostics],
    )
    body = (
        [contents[path] for path in observations.files],
        (-1, None, loaded.project.prefix)
        if config is None
        else (at[config.path], plain_data(config), loaded.project.prefix),
        files,
        stored_layout,
        workspaces,
        stored_views(snapshot, places),
        [_plain_facts(schema) for schema in (*KIND_OF_NOUN, "workspace")],
    )
    head = (
        _VERSION,
        environment,
        tuple(observations),
        loaded.today.toordinal() if is_dated else 0,
        (loaded.files, steps, settings.workspace, settings.references is not None),
        (len(loaded.diagnostics), [_plain(item) for item in findings], by_view),
    )
    return head, marshal.dumps(body)


def _plain_facts(schema: str) -> tuple[str, tuple[Any, ...]]:
    from stepwell.model.record import facts
    from stepwell.source.document import thaw

    fields, nested, defaults, conventions, integers = facts(schema)
    return schema, (fields, dict(nested), thaw(defaults), dict(conventions), integers)


def _is_dated(file: CheckedFile) -> bool:
    """Return whether the result of checking a file depends on the date."""
    authored = file.as_written.authored
    return authored is not None and "deprecated" in authored.data


def _plain(value: Any) -> Any:
    """Return a finding, or a part of one, as plain data: records as tuples, tuples as lists."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if type(value).__module__ == "stepwell.source.diagnostic":
        parts = getattr(value, "__dataclass_fields__", ("value",))
        return (type(value).__name__, *(_plain(getattr(value, part)) for part in parts))
    return value


def _record(plain: Any) -> Any:
    """Return what ``_plain`` was called with."""
    if isinstance(plain, list):
        return tuple(map(_record, plain))
    if isinstance(plain, tuple):
        from stepwell.source import diagnostic

        name, *parts = plain
        return getattr(diagnostic, name)(*map(_record, parts))
    return plain
