"""Watching a project's files: the file system gives hints, a burst of them ends in one reload."""

from __future__ import annotations

from stepwell.live.watch.watch import LastBurst, Watch, WatchState

__all__ = ["LastBurst", "Watch", "WatchState"]
