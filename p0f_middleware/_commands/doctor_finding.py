"""The result of one check of the doctor. This module knows no check."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """The result of one check.

    Attributes:
        ok: True if all is well, False if not, None if only a human can tell.
        text: what the check has found and, unless all is well, what to do. It may quote text of
            other processes: print it with `terminal.printable`.
    """

    ok: bool | None
    text: str


def span(seconds: float) -> str:
    """A span of time in words, in the largest unit that gives at least two."""
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
