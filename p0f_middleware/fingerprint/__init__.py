"""From the bytes of a SYN to a P0fInfo, by the rules of p0f 3.09b, without I/O.

`packet` reads a SYN, `raw_sig` writes and reads it in p0f's notation, `signatures` reads signature
files, and `matcher` finds the signature that fits. A file is opened only when a source is made.
"""

import os
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from .._info import P0fInfo, seen_once
from .._outcome import Outcome, P0fStatus
from .matcher import Matcher
from .packet import ETHERNET, Shape, read_syn
from .signatures import load

SignatureFile: TypeAlias = "str | os.PathLike[str] | None"
"""The path of a signature file in p0f's format; None for the package's own."""

_REMEMBERED = 4096  # shapes of SYNs, and texts
_LONGEST_TEXT = 1024  # the longest SYN takes 268 characters in hexadecimal


def fingerprint_syn(data: bytes | str, database: SignatureFile = None) -> P0fInfo | None:
    """The fingerprint of a SYN from a capture, a log or another program::

        fingerprint_syn("4:57+7:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0")

    Args:
        data: the IP and TCP headers of a SYN (an Ethernet header may come first), as bytes or in
            hexadecimal. Or the SYN in p0f's notation, the raw_sig of p0f's log, also as
            huginn-proxy writes it. Both give the same fingerprint.
        database: the path of a signature file in p0f's format; None for the package's own.

    Returns:
        the fingerprint, without times, with os_name None if no signature matches; None if `data`
        is not a SYN that p0f fingerprints.

    Raises:
        TypeError: `data` is neither bytes nor text.
        ValueError: the signature file has an error.
        OSError: the signature file cannot be read.
    """
    reader = fingerprinter(database)
    if isinstance(data, str):
        found = reader.read_text(data.strip())
    elif isinstance(data, (bytes, bytearray, memoryview)):
        found = reader.read(bytes(data))
    else:
        raise TypeError(f"fingerprint_syn takes bytes or text, not {type(data).__name__}")
    return None if found is None else found.outcome.info


class Fingerprint(NamedTuple):
    """The sender of a SYN (packed address and port; None and 0 if a text does not contain them),
    and the outcome of a lookup that finds the SYN."""

    address: bytes | None
    port: int
    outcome: Outcome


class Fingerprinter:
    """Fingerprints SYNs with one database; threads may share it. It never raises.

    Both methods return None for what is not a SYN that p0f fingerprints. `seconds` is when the SYN
    arrived, since 1970; 0 if that is not known.
    """

    def __init__(self, matcher: Matcher) -> None:
        self._of_shape = lru_cache(_REMEMBERED)(matcher.match)
        self._of_text = lru_cache(_REMEMBERED)(matcher.match_text)
        self._dated = lru_cache(_REMEMBERED)(self._outcome)

    def read(self, packet: bytes, seconds: int = 0) -> Fingerprint | None:
        """The fingerprint of IP and TCP headers, with or without an Ethernet header."""
        read = read_syn(packet)
        # An IP packet may happen to look like a frame, so this comes second.
        if read is None and ETHERNET.match(packet):
            read = read_syn(packet[14:])
        if read is None:
            return None
        address, port, shape = read
        outcome = self._dated(shape, seconds)
        return None if outcome is None else Fingerprint(address, port, outcome)

    def read_text(self, text: str, seconds: int = 0) -> Fingerprint | None:
        """The fingerprint of a SYN in hexadecimal or in p0f's notation."""
        if len(text) > _LONGEST_TEXT:
            return None
        if ":" in text:
            info = self._of_text(text)
            return None if info is None else Fingerprint(None, 0, _seen(info, seconds))
        try:
            return self.read(bytes.fromhex(text), seconds)
        except ValueError:
            return None

    def _outcome(self, shape: Shape, seconds: int) -> Outcome | None:
        info = self._of_shape(shape)
        return None if info is None else _seen(info, seconds)


def _seen(info: P0fInfo, seconds: int) -> Outcome:
    return Outcome(seen_once(info, seconds) if seconds else info, P0fStatus.OK, None)


def fingerprinter(database: SignatureFile = None) -> Fingerprinter:
    """The Fingerprinter of a signature file, which is read again if it has changed.

    Raises ValueError for an error in the file, OSError if it cannot be read.
    """
    if database is None:
        return _load(None, 0, 0)
    stat = os.stat(database)
    return _load(os.fspath(database), stat.st_mtime_ns, stat.st_size)


@lru_cache(8)
def _load(path: str | None, _modified: int, _size: int) -> Fingerprinter:
    return Fingerprinter(Matcher(load(path)))
