"""The real p0f as a judge: SYNs into a capture file, ``p0f -r`` over it, its log back as one
:class:`Observed` a SYN.

``python -m tests.fingerprint.oracle`` asks it again about the SYNs in vectors/syns.tsv. Run it when
signatures.fp changes.

p0f keys its connection table by addresses and ports, so every SYN gets a source address of its own
before it is written: the address is also what finds the SYN's lines in the log again.
"""

from __future__ import annotations

import struct
import subprocess
import tempfile
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from p0f_middleware import P0fInfo
from tests.needs import find

from .ours import INSTALLED, OURS, is_fuzzy, label_of

VECTORS = Path(__file__).parent / "vectors" / "syns.tsv"
_RAW_IP = 101  # LINKTYPE_RAW: packets begin with the IP header
_MAX_CAPTURED = 65535


class Observed(NamedTuple):
    """What p0f logged of one SYN: the ``mod=syn`` line's fields and, when there is one, the
    ``mod=mtu`` line's.
    """

    raw_sig: str
    os: str
    params: str
    dist: str
    link: str | None
    raw_mtu: str | None

    def as_an_info_has_it(self) -> Observed:
        """Without a distance that is a limit or longer than any path, and MTUs beyond 16 bits."""
        words = self.params.split()
        odd = {"random_ttl", "excess_dist"} & {*words}
        params = " ".join(word for word in words if word not in odd) or "none"
        told = self._replace(params=params, dist="None" if odd else self.dist)
        return told._replace(link=None, raw_mtu=None) if int(told.raw_mtu or 0) > 65535 else told


def as_p0f_logs(info: P0fInfo | None) -> Observed | None:
    """A fingerprint in the words of p0f's log."""
    if info is None:
        return None
    kind, _, *names = label_of(info) or ("s", "", "???")
    marks = {"generic": kind == "g", "fuzzy": is_fuzzy(info)}
    params = " ".join(mark for mark, holds in marks.items() if holds) or "none"
    mtu = info.link_mtu
    link = (info.link_type or "???", str(mtu)) if mtu else (None, None)
    return Observed(str(info.raw_sig), " ".join(names).rstrip(), params, str(info.distance), *link)


def with_source(packet: bytes, number: int) -> bytes:
    """*packet* with the *number*-th source address in place of its own."""
    if packet[0] >> 4 == 4:
        return packet[:12] + struct.pack("!I", 10 << 24 | number) + packet[16:]
    return packet[:8] + b"\xfd" + bytes(11) + struct.pack("!I", number) + packet[24:]


def source_of(packet: bytes) -> str:
    """The source address as p0f writes it: IPv6 as eight unpadded groups, never shortened."""
    if packet[0] >> 4 == 4:
        return str(ip_address(packet[12:16]))
    return ":".join(f"{group:x}" for group in struct.unpack("!8H", packet[8:24]))


def observe(packets: Sequence[bytes], database: str | Path) -> list[Observed | None]:
    """What p0f says of each packet, in order; None for a packet it logged nothing about."""
    addressed = [with_source(packet, number) for number, packet in enumerate(packets, 1)]
    with tempfile.TemporaryDirectory() as folder:
        capture, log = Path(folder, "syns.pcap"), Path(folder, "p0f.log")
        capture.write_bytes(_capture_file(addressed))
        command = [find("p0f"), "-f", str(database), "-r", str(capture), "-o", str(log)]
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=300, check=False
        )
        assert done.returncode == 0, done.stdout[-800:] + done.stderr[-800:]
        syns, links = _read_log(log.read_text(errors="replace"))
    return [_joined(source_of(packet), syns, links) for packet in addressed]


def load_complaints(database: str | Path) -> str:
    """What p0f prints besides its banner when it loads *database*; empty when it loads without a
    complaint.
    """
    with tempfile.TemporaryDirectory() as folder:
        capture = Path(folder, "empty.pcap")
        capture.write_bytes(_capture_file([]))
        command = [find("p0f"), "-f", str(database), "-r", str(capture)]
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=60, check=False
        )
    lines = (done.stdout + done.stderr).splitlines()
    progress = ("Closed", "Loaded", "Will read", "Default", "Processing")
    usual = ("---", "All done", *(f"[+] {word}" for word in progress))
    return "\n".join(line for line in lines if line.strip() and not line.startswith(usual))


def _capture_file(packets: Sequence[bytes]) -> bytes:
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, _MAX_CAPTURED, _RAW_IP)]
    for packet in packets:
        parts += [struct.pack("<IIII", 1_700_000_000, 0, len(packet), len(packet)), packet]
    return b"".join(parts)


def _read_log(text: str) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    by_module: dict[str, dict[str, dict[str, str]]] = {"syn": {}, "mtu": {}}
    for line in text.splitlines():
        fields = dict(field.split("=", 1) for field in line.partition("] ")[2].split("|"))
        client = fields["cli"].rpartition("/")[0]
        by_module.get(fields["mod"], {})[client] = fields
    return by_module["syn"], by_module["mtu"]


def _joined(
    source: str, syns: dict[str, dict[str, str]], links: dict[str, dict[str, str]]
) -> Observed | None:
    syn, link = syns.get(source), links.get(source, {})
    if syn is None:
        return None
    label = syn.get("os") or syn["app"]
    # The TOS byte is no part of a match.
    words = [word for word in syn["params"].split() if not word.startswith("tos:")]
    told = syn["raw_sig"], label, " ".join(words) or "none", syn["dist"]
    return Observed(*told, link.get("link"), link.get("raw_mtu"))


def main() -> None:
    kept = VECTORS.read_text().splitlines(keepends=True)
    comments = [line for line in kept if line.startswith("#")]
    packets = [bytes.fromhex(line.partition("\t")[0]) for line in kept[len(comments) :]]
    rows = []
    for packet, ours, its in zip(
        packets, observe(packets, OURS), observe(packets, INSTALLED), strict=True
    ):
        # Of the installed file, only the verdict is kept.
        fields = [packet.hex(), *(ours or [None] * 6), *(its[1:4] if its else [None] * 3)]
        rows.append("\t".join(field or "-" for field in fields) + "\n")
    VECTORS.write_text("".join(comments + rows))


if __name__ == "__main__":
    main()
