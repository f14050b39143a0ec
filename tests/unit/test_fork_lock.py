"""Locks that a forked process can use."""

from __future__ import annotations

import sys
import threading

import pytest

from stepwell.source import fork_lock
from stepwell.source.fork_lock import ForkLock

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")


def test_a_fork_holds_its_locks_although_other_threads_make_more() -> None:
    guard = ForkLock(guards_changes=True)
    done = threading.Event()

    def make_locks() -> None:
        kept: list[ForkLock] = []
        while not done.is_set():
            kept.append(ForkLock())
            if len(kept) > 500:
                kept.clear()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=make_locks)
    thread.start()
    try:
        for _ in range(500):
            fork_lock._before_fork()
            assert guard in fork_lock._held
            fork_lock._after_fork()
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(interval)
