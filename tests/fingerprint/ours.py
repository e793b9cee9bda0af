"""The package's signatures, the table they are written by, and fingerprints by any signatures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import p0f_middleware
from p0f_middleware import MatchQuality, P0fInfo
from p0f_middleware.fingerprint import Fingerprinter
from p0f_middleware.fingerprint.matcher import Matcher
from p0f_middleware.fingerprint.signatures import Database, load

from .shapes import collection_shares, read_table

Reader: TypeAlias = Callable[[bytes], "P0fInfo | None"]


def reader_of(database: Database) -> Reader:
    """What fingerprints packets by that database."""
    read = Fingerprinter(Matcher(database)).read

    def fingerprint(packet: bytes) -> P0fInfo | None:
        found = read(packet)
        return None if found is None else found.outcome.info

    return fingerprint


def label_of(info: P0fInfo | None) -> list[str]:
    """Type, class, name and flavor of the label of the signature that matches; empty without."""
    return info.signature.split(":", 3) if info and info.signature else []


def is_fuzzy(info: P0fInfo) -> bool:
    return bool((info.os_match_q or 0) & MatchQuality.FUZZY)


OURS = Path(p0f_middleware.__file__).parent / "fingerprint" / "signatures.fp"
INSTALLED = Path("/etc/p0f/p0f.fp")
DATABASE = load(None)
READER = reader_of(DATABASE)
SHAPES = read_table()
SHARES = collection_shares(SHAPES)
