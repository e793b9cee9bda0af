"""`p0f-middleware signatures`: our signature file, for p0f itself.

    p0f -f "$(p0f-middleware signatures)" ...

The file knows the systems of today by their SYN, and nothing else; p0f's own also has signatures of
HTTP software and of servers' answers. `--merge` makes one of both.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ..syn._fingerprint import SIGNATURES
from ..syn._signatures import merge


def signatures(installed: str | None) -> int:
    """Print the file's path or, with the path of an installed p0f.fp, what both make together."""
    if installed is None:
        print(SIGNATURES)
        return 0
    try:
        theirs = Path(installed).read_text()
        sys.stdout.write(merge(SIGNATURES.read_text(), theirs))
    except (OSError, ValueError) as error:
        print(f"p0f-middleware: cannot merge with {installed}: {error}", file=sys.stderr)
        return 2
    return 0
