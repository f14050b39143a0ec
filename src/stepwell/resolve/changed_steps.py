"""Changes of core steps on which nothing else in a project depends, so that a load need not be repeated.

Such a step has no findings, before and after; no finding mentions it; and its name, aliases and configuration
class occur nowhere else. Then all other definitions and all findings are those of the load.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, final

from stepwell.resolve.stored_views import (
    SEPARATOR,
    StoredFile,
    StoredIndex,
    is_dated,
    joined,
    stored_file,
    texts_in,
)
from stepwell.source.observations import (
    NO_FILE,
    Differences,
    Observations,
    Recorder,
    Signature,
    entries_digest,
)
from stepwell.source.tree import EntryKind, TreeEntry

if TYPE_CHECKING:
    from datetime import date

    from stepwell.check.file import CheckedFile
    from stepwell.model.settings import Project

__all__ = ["StepChanges", "changed_steps"]

_FEW: Final = 64
"""Changed steps up to which a load is not stored again."""
_FEW_BYTES: Final = 1 << 20


@final
class StepChanges(NamedTuple):
    """What changed since a load was stored.

    Args:
        paths: of added files, which follow those of the load.
        files: signature and digest by the index of a file.
        folders: path, signature and digest of the entries by the index of a folder.
        steps: definition and words by the index of a step's file; empty for a removed one.
        difference: how many steps more, or fewer, there are.
    """

    paths: list[str]
    files: Mapping[int, tuple[Signature, bytes]]
    folders: Mapping[int, tuple[str, Signature, bytes]]
    steps: Mapping[int, tuple[StoredFile | None, str]]
    difference: int

    def followed_by(self, more: StepChanges) -> StepChanges:
        """Return these changes and later ones."""
        return StepChanges(
            [*self.paths, *more.paths],
            {**self.files, **more.files},
            {**self.folders, **more.folders},
            {**self.steps, **more.steps},
            self.difference + more.difference,
        )

    @property
    def are_few(self) -> bool:
        """Whether storing them costs little."""
        size = sum(len(file[-1]) for file, _ in self.steps.values() if file is not None)
        return len(self.steps) <= _FEW and size <= _FEW_BYTES


def changed_steps(
    project: Project,
    today: date,
    index: StoredIndex,
    so_far: StepChanges,
    observations: Observations,
    differences: Differences,
    findings: object,
    began: int,
) -> StepChanges | None:
    """Return the changes since the observations; ``None`` if anything but these steps may differ.

    Args:
        so_far: changes between the load of the index and the observations.
        findings: of the load, as plain data.
        began: time of the file system before the first file is read, in nanoseconds.
    """
    base = f"{project.settings.core}/steps/"
    paths = {observations.files[at]: at for at in differences.files}
    listings = _Listings.of(project.root, base, observations, differences)
    if listings is None or not all(path.startswith(base) for path in paths):
        return None
    if len(paths) > _FEW or not listings.removed.issubset(paths):
        return None
    new = [path for path in listings.added if path not in paths]
    paths.update((path, len(observations.files) + at) for at, path in enumerate(new))
    words = index.words + [""] * (len(observations.files) + len(new) - len(index.words))
    for at, (_, known) in so_far.steps.items():
        words[at] = known
    if any(bool(words[at]) is (path in listings.added) for path, at in paths.items()):
        return None  # it has findings, or its folder changes at the moment
    recorder = Recorder(project.root)
    checked = _checked(project.at(recorder), today, [path for path in paths if path not in listings.removed])
    if checked is None or not recorder.is_complete_record:
        return None
    before = [words[at] for at in paths.values()]
    after = [_words(checked[path]) if path in checked else "" for path in paths]
    if any(not known and path in checked for path, known in zip(paths, after, strict=True)):
        return None
    touched = set(_split([*before, *after]))
    if not index.others.isdisjoint(touched):
        return None
    if before != after:
        for at in paths.values():
            words[at] = ""
        added = _split(after)
        if not index.is_clean or len(set(added)) < len(added) or not set(_split(words)).isdisjoint(added):
            return None
    elif not index.is_clean and _mentions(findings, {*paths, *touched, "omitted-findings"}):
        return None
    read = recorder.observations(began)
    seen = {path: (read.signatures[at], read.digests[at]) for at, path in enumerate(read.files)}
    return StepChanges(
        new,
        {at: seen[path] if path in checked else ((), NO_FILE) for path, at in paths.items()},
        listings.folders(began),
        {
            at: (stored_file(checked[path], recorder.contents[path]), known)
            if path in checked
            else (None, "")
            for (path, at), known in zip(paths.items(), after, strict=True)
        },
        len(listings.added) - len(listings.removed),
    )


def _checked(project: Project, today: date, paths: list[str]) -> dict[str, CheckedFile] | None:
    """Return the checked files; ``None`` if one is a reason to check others."""
    from stepwell.check import catalog
    from stepwell.check.file import check_definition
    from stepwell.model.layer import Layer, Listed

    rules = catalog.active("file", project.settings.severities)
    checked = {
        path: check_definition(project, Listed(path, Layer.CORE, None, "steps"), today, rules)
        for path in paths
    }
    if any(file.diagnostics or file.ignores or is_dated(file) for file in checked.values()):
        return None
    return checked


def _words(file: CheckedFile) -> str:
    """Return the words by which others may depend on a step."""
    from stepwell.model.definition import StepDefinition

    step = None if file.authored is None else file.authored.standalone()
    if not isinstance(step, StepDefinition):
        return ""
    return joined(step.name, (*step.aliases, *filter(None, [step.config_class])))


def _split(words: list[str]) -> list[str]:
    return [word for word in SEPARATOR.join(words).split(SEPARATOR) if word]


def _mentions(findings: object, words: set[str]) -> bool:
    return any(word in text for text in texts_in(findings) for word in words)


@final
class _Listings(NamedTuple):
    """Folders of steps that have other entries, all of them plain files of definitions.

    Args:
        added: paths of files.
        removed: paths of files.
        recorder: listed the folders.
    """

    added: frozenset[str]
    removed: frozenset[str]
    places: Mapping[str, int]
    recorder: Recorder

    @classmethod
    def of(
        cls, root: str, base: str, observations: Observations, differences: Differences
    ) -> _Listings | None:
        """Return the listings; ``None`` if anything else differs in a folder."""
        recorder = Recorder(root)
        places = {observations.folders[at][0]: at for at in differences.listed}
        known: dict[str, set[str]] = {folder: set() for folder in places}
        for path, digest in zip(observations.files, observations.digests, strict=True) if places else ():
            folder, _, name = path.rpartition("/")
            if folder in known and digest != NO_FILE:
                known[folder].add(name)
        added: set[str] = set()
        removed: set[str] = set()
        for folder, at in places.items():
            if not f"{folder}/".startswith(base):
                return None
            try:
                entries = list(recorder.scan(folder))
            except OSError:
                return None
            gone = known[folder] - {entry.name for entry in entries}
            come = {entry for entry in entries if entry.name not in known[folder] and _is_plain(entry)}
            rest = [entry for entry in entries if entry not in come]
            rest += (TreeEntry(name, EntryKind.FILE, is_link=False) for name in gone)
            if entries_digest(rest) != observations.folders[at][2]:
                return None
            added.update(f"{folder}/{entry.name}" for entry in come)
            removed.update(f"{folder}/{name}" for name in gone)
        return cls(frozenset(added), frozenset(removed), places, recorder)

    def folders(self, began: int) -> dict[int, tuple[str, Signature, bytes]]:
        """Return the observed folders by their indexes."""
        return {self.places[folder[0]]: folder for folder in self.recorder.observations(began).folders}


def _is_plain(entry: TreeEntry) -> bool:
    """Return whether a layout lists a new entry without a finding."""
    from stepwell.model.definition import is_reserved
    from stepwell.source.read import SUFFIXES

    name, kind, is_link = entry
    is_definition = name[name.rfind(".") :] in SUFFIXES and kind is EntryKind.FILE and not is_link
    return is_definition and name[0] != "." and name.isprintable() and not is_reserved(name)
