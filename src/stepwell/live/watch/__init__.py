"""File watching: events are hints, and each burst of hints ends in one reload."""

from __future__ import annotations

from stepwell.live.watch.watch import LastBurst, Watch, WatchState

__all__ = ["LastBurst", "Watch", "WatchState"]
