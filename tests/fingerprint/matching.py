"""A matcher that takes whole packets, for the tests of this folder."""

from __future__ import annotations

from typing import NamedTuple

from p0f_middleware.fingerprint.matcher import Matcher, Verdict
from p0f_middleware.fingerprint.packet import read_syn, without_ethernet


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
