"""`p0f-middleware signatures`: our signature file, for p0f itself.

    p0f -f "$(p0f-middleware signatures)" ...

The file knows the systems of today by their SYN, and nothing else; p0f's own also has signatures of
HTTP software and of servers' answers. `--merge` makes one of both. How two files become one is in
`syn._merge`.

The fact a reader would get wrong: the merged file goes to stdout, as UTF-8 whatever the locale is;
what was left out goes to stderr, so that a redirection keeps the two apart.
"""

from __future__ import annotations

import sys

from ..syn._fingerprint import SIGNATURES
from ..syn._merge import merge
from ..syn._signatures import read_text


def signatures(installed: str | None) -> int:
    """Print the file's path or, with the path of an installed p0f.fp, what both make together.

    Returns the exit status: 2, with a line on stderr, if the other file cannot be read.
    """
    if installed is None:
        print(SIGNATURES)
        return 0
    try:
        merged = merge(read_text(SIGNATURES), read_text(installed), installed)
    except (OSError, ValueError) as error:
        print(f"p0f-middleware: cannot merge with {installed}: {error}", file=sys.stderr)
        return 2
    if merged.left_out:
        print(
            f"p0f-middleware: left out of {installed}, because our file has it already:",
            *merged.left_out,
            sep="\n  ",
            file=sys.stderr,
        )
    _write(merged.text)
    return 0


def _write(text: str) -> None:
    """Write to stdout, as UTF-8 where stdout is a file or a terminal."""
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        sys.stdout.write(text)
    else:
        sys.stdout.flush()
        buffer.write(text.encode())
        buffer.flush()
