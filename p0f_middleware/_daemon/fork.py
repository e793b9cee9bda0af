"""What a fork does to the clients: the one place that looks after it.

A forked child has copies of the parent's locks, as they were at that moment and perhaps held by
threads that the child does not have, of its connections, whose answers are the parent's, and of
objects that belong to threads which do not exist there. So:

- What must not be there while the process forks (a thread of ours: Python 3.12 and newer warns of
  threads) is ended by `before_fork`, in the parent. Python 3.13 counts the threads after all hooks
  have run, so nothing is started again by a hook: whoever needs the thread starts the next one.
- What the child must make anew is made by `after_fork_in_child`. The child has one thread then, so
  these methods take no lock; they replace what they find, whatever its state.

Two threads may fork at the same time, so `before_fork` may run in both at once; it must not wait
for a lock that the other may hold.

Some programs fork without running Python's hooks (uWSGI unless told otherwise). So connections are
checked by process id as well, by whoever uses them.
"""

from __future__ import annotations

import os
import sys
import time
import weakref
from typing import Protocol


class ForkAware(Protocol):
    """Something that a fork concerns."""

    def before_fork(self) -> None:
        """In the parent, before it forks: end threads. Must not wait for other threads' locks."""

    def after_fork_in_child(self) -> None:
        """In the child: replace locks and whatever belongs to the parent. Takes no lock."""


_END_TIMEOUT = 1.0
"""Seconds that a fork waits for a thread to go, at most. It takes far less."""
_members: dict[int, weakref.ref[ForkAware]] = {}  # changed by single atomic operations: no lock


def register(member: ForkAware) -> None:
    """Have the member's methods called at each fork, for as long as the member lives."""
    key = id(member)
    _members[key] = weakref.ref(member, lambda _: _members.pop(key, None))


def wait_for_end(native_id: int | None) -> None:
    """Wait until a thread that is ending has left the process, for `before_fork`.

    Before Python 3.13, joining a thread waits until it has left Python, and it is the kernel that
    counts it.
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
