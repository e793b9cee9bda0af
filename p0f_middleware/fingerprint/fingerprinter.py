"""Turns a SYN into a P0fInfo: loads signature files, and converts verdicts."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from .._info import STRING_SIZE, MatchQuality, P0fInfo, seen_once
from .._outcome import Outcome, P0fStatus
from .matcher import Matcher, Verdict
from .packet import Shape, read_syn, without_ethernet
from .signatures import load, own_signatures, parse

SignatureFile: TypeAlias = "str | os.PathLike[str] | None"
"""The path of a signature file in p0f's format; None for the package's own."""

_REMEMBERED = 4096  # shapes of SYNs, and texts
LONGEST_TEXT = 1024  # the longest SYN takes 268 characters in hexadecimal
_LONGEST_LABEL = 200


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
        self._matcher = matcher
        self._of_shape = lru_cache(_REMEMBERED)(self._info_of_shape)
        self._of_text = lru_cache(_REMEMBERED)(self._read_text)
        self._dated = lru_cache(_REMEMBERED)(self._outcome)

    def read(self, packet: bytes, seconds: int = 0) -> Fingerprint | None:
        """The fingerprint of IP and TCP headers, with or without an Ethernet header."""
        read = read_syn(packet) or read_syn(without_ethernet(packet))
        if read is None:
            return None
        address, port, shape = read
        outcome = self._dated(shape, seconds)
        return None if outcome is None else Fingerprint(address, port, outcome)

    def read_text(self, text: str, seconds: int = 0) -> Fingerprint | None:
        """The fingerprint of a SYN in hexadecimal or in p0f's notation."""
        return self._of_text(text, seconds) if len(text) <= LONGEST_TEXT else None

    def _read_text(self, text: str, seconds: int) -> Fingerprint | None:
        if ":" in text:
            verdict = self._matcher.match_text(text)
            return verdict and Fingerprint(None, 0, _seen(_to_info(verdict), seconds))
        try:
            return self.read(bytes.fromhex(text), seconds)
        except ValueError:
            return None

    def _outcome(self, shape: Shape, seconds: int) -> Outcome | None:
        info = self._of_shape(shape)
        return None if info is None else _seen(info, seconds)

    def _info_of_shape(self, shape: Shape) -> P0fInfo | None:
        verdict = self._matcher.match(shape)
        return None if verdict is None else _to_info(verdict)


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
    own = parse(own_signatures(), "signatures.fp") if path is None else load(path)
    return Fingerprinter(Matcher(own))


def _to_info(verdict: Verdict) -> P0fInfo:
    label, mtu = verdict.label, verdict.link_mtu
    system = None if label is None or label.userland else label
    exact_distance = not verdict.random_ttl and not verdict.excess_distance
    return P0fInfo(
        total_conn=1,
        distance=verdict.distance if exact_distance else None,
        os_name=_clean(system.name, STRING_SIZE) if system else None,
        os_flavor=_clean(system.flavor, STRING_SIZE) if system else None,
        os_match_q=_quality(verdict) if system else None,
        link_type=_clean(verdict.link, STRING_SIZE) if verdict.link else None,
        # The field has 16 bits, and the MTU of Linux's loopback is 65536 for IPv6.
        link_mtu=mtu if mtu and mtu <= 0xFFFF else None,
        raw_sig=verdict.raw_sig,
        signature=_clean(label.notation, _LONGEST_LABEL) if label else None,
        seen_as={_clean(family, STRING_SIZE): count for family, count in verdict.seen or ()}
        or None,
        source="syn",
    )


def _quality(verdict: Verdict) -> MatchQuality:
    fuzzy = MatchQuality.FUZZY if verdict.fuzzy else MatchQuality.NORMAL
    return fuzzy | (MatchQuality.GENERIC if verdict.generic else MatchQuality.NORMAL)


def _clean(name: str, size: int) -> str:
    """As much of a name as fits `size` bytes of UTF-8, without NULs."""
    encoded = name.replace("\0", "").encode(errors="replace")
    return encoded[:size].decode(errors="ignore")
