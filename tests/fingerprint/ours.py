"""The package's signatures, the table they are written by, and a matcher that takes packets."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import p0f_middleware
from p0f_middleware.fingerprint.matcher import Matcher, Verdict
from p0f_middleware.fingerprint.packet import read_syn, without_ethernet
from p0f_middleware.fingerprint.signatures import load

from .shapes import collection_shares, read_table


class SynMatch(NamedTuple):
    """The sender of a SYN (source address, packed, and TCP port) and the verdict on the SYN."""

    source: bytes
    port: int
    verdict: Verdict


class PacketMatcher(Matcher):
    """Matches packets, which may have an Ethernet header."""

    def packet(self, packet: bytes) -> SynMatch | None:
        """The sender of a SYN and the verdict on it; None for what p0f does not fingerprint."""
        read = read_syn(packet) or read_syn(without_ethernet(packet))
        verdict = None if read is None else self.match(read[2])
        return None if read is None or verdict is None else SynMatch(*read[:2], verdict)

    def verdict(self, packet: bytes) -> Verdict:
        """The verdict on a packet that must be a SYN."""
        match = self.packet(packet)
        assert match is not None, f"{packet.hex()} is no SYN"
        return match.verdict


OURS = Path(p0f_middleware.__file__).parent / "fingerprint" / "signatures.fp"
INSTALLED = Path("/etc/p0f/p0f.fp")
DATABASE = load(OURS)
MATCHER = PacketMatcher(DATABASE)
SHAPES = read_table()
SHARES = collection_shares(SHAPES)
