"""Changes of a reload as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from stepwell.source.escape_control import visible

if TYPE_CHECKING:
    from stepwell.resolve.snapshot import Changes, DefinitionKey, Snapshot, ViewChanges

__all__ = ["duration", "in_words", "kept_views", "labels"]

SHOWN = 3
"""Maximum number of names listed; beyond it, only the number is shown."""


def in_words(changes: Changes, old: Snapshot, new: Snapshot, workspace: str | None = None) -> str:
    """Return the changes as text, empty if there are none.

    Changes that a workspace shares with the core are listed once.
    """
    lines: list[str] = []
    seen: dict[str, list[str]] = {}
    core = "; ".join(_verbs(changes.core))
    if workspace is None and core:
        lines.append(core)
    for key, view in changes.workspaces.items():
        if workspace not in (None, key):
            continue
        words = "; ".join(_verbs(view))
        if key not in old.workspaces:
            words = "new workspace"
        elif key not in new.workspaces:
            words = "workspace removed"
        elif not words:
            words = "settings changed"
        elif workspace is None and words == core:
            continue
        seen.setdefault(words, []).append(key)
    for words, ids in seen.items():
        if words in ("new workspace", "workspace removed"):
            lines.append(f"{words}{'s' * (len(ids) > 1 and words[0] == 'n')}: {_listed(ids, 'workspace')}")
        elif workspace is None:
            lines.append(f"for {_listed(ids, 'workspace')}: {words}")
        else:
            lines.append(words)
    return "; ".join(lines)


def duration(seconds: float) -> str:
    """Format a duration."""
    return f"{seconds:.1f} s" if seconds >= 1 else f"{max(seconds * 1000, 1):.0f} ms"


def kept_views(kept: Collection[str | None]) -> str:
    """Return which views are still served in their last valid version."""
    ids = [item for item in kept if item is not None]
    where = "" if None in kept else f" for {_listed(ids, 'workspace')}"
    return f"still serving the last valid version{where}"


def labels(keys: Iterable[DefinitionKey]) -> list[str]:
    """Return the names of definitions, prefixed with the kind if a name is not unique."""
    listed = list(keys)
    count = Counter(key.name for key in listed)
    return [f"{key.noun} {key.name}" if count[key.name] > 1 else key.name for key in listed]


def _verbs(view: ViewChanges) -> Iterator[str]:
    if view.added:
        yield f"added {_listed(labels(view.added), 'definition')}"
    if view.removed:
        yield f"removed {_listed(labels(view.removed), 'definition')}"
    if view.changed:
        yield f"changed {_changed(view.changed)}"


def _changed(changed: Mapping[DefinitionKey, Iterable[str]]) -> str:
    names = labels(changed)
    if len(changed) > SHOWN:
        return _listed(names, "definition")
    return ", ".join(
        f"{visible(name)} ({', '.join(map(visible, fields))})"
        for name, fields in zip(names, changed.values(), strict=True)
    )


def _listed(names: Iterable[str], noun: str) -> str:
    listed = list(names)
    if len(listed) > SHOWN:
        return f"{len(listed)} {noun}s"
    return ", ".join(map(visible, listed))
