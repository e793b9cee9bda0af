"""Prepares the clients for a fork; no other module of the daemon's clients registers fork hooks.

A forked child has copies of the parent's locks, some perhaps held by threads that do not exist in
the child; of the parent's connections, whose answers belong to the parent; and of objects that
belong to the parent's threads. So:

- In the parent, `before_fork` ends the package's threads, since Python 3.12 and newer warns of
  threads at a fork. Python 3.13 counts the threads after all hooks have run, so no hook starts a
  thread again: the next lookup that needs one does.
- In the child, `after_fork_in_child` replaces locks and connections. The child has only one thread
  then, so these methods take no lock, and replace the old objects whatever their state.

Two threads may fork at the same time, so `before_fork` may run in both at once; it must not wait
for a lock that the other may hold.

Some programs fork without running Python's hooks (uWSGI does by default). So each use of a
connection also checks the process id.
"""

from __future__ import annotations

import os
import sys
import time
import weakref
from typing import Protocol


class ForkAware(Protocol):
    """An object that must prepare for a fork."""

    def before_fork(self) -> None:
        """In the parent, before it forks: end threads. Must not wait for other threads' locks."""

    def after_fork_in_child(self) -> None:
        """In the child: replace locks, and all that belongs to the parent. Takes no lock."""


_END_TIMEOUT = 1.0
"""Seconds that a fork waits at most for a thread to end. Threads end much sooner."""
_members: dict[int, weakref.ref[ForkAware]] = {}  # changed by single atomic operations: no lock


def register(member: ForkAware) -> None:
    """Call the member's methods at each fork, for as long as the member lives."""
    key = id(member)
    _members[key] = weakref.ref(member, lambda _: _members.pop(key, None))


def wait_for_end(native_id: int | None) -> None:
    """Wait until a thread that is ending has left the process, for `before_fork`.

    Before Python 3.13, `join` waits only until the thread has left Python, but Python's warning
    counts the threads that the kernel lists.
    """
    if sys.version_info >= (3, 13):
        return
    deadline = time.monotonic() + _END_TIMEOUT
    while os.path.exists(f"/proc/self/task/{native_id}") and time.monotonic() < deadline:
        time.sleep(0.0001)


def _living() -> list[ForkAware]:
    members = [reference() for reference in list(_members.values())]
    return [member for member in members if member is not None]


def _before() -> None:
    for member in _living():
        member.before_fork()


def _after_in_child() -> None:
    for member in _living():
        member.after_fork_in_child()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(before=_before, after_in_child=_after_in_child)
