"""What one check of the doctor has found. It knows no check."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """The result of one check.

    Attributes:
        ok: True if all is well, False if not, None if only a human can tell.
        text: what was found and, if it is not well, what to do. It may quote other processes:
            print it with `terminal.printable`.
    """

    ok: bool | None
    text: str


def span(seconds: float) -> str:
    """A span of time in words, in the largest unit of which there are at least two."""
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
