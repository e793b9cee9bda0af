"""A SYN's bytes: sender, shape and options, and an Ethernet header before them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware.fingerprint.packet import QUIRKS, read_options, read_syn, without_ethernet

from .syns import CWR, ECE, PUSH, SYN, URG, ipv4, ipv6, options, tcp

LINUX = options("mss,sok,ts,nop,ws")
MACS = bytes.fromhex("020000000001020000000002")
IPV4, IPV6 = ipv4(tcp(LINUX)), ipv6(tcp(LINUX))


def test_the_whole_shape_of_a_syn_holds_nothing_that_differs_between_connections() -> None:
    for own in (1, 5):
        segment = tcp(options("mss,sok,ts,nop,ws", own=own), sport=own, seq=own) + b"data"
        read = read_syn(
            ipv4(segment, ttl=57, ident=own, source=f"10.0.0.{own}", ip_options=b"\1" * 4)
        )
        assert read is not None
        assert read[2] == (4, 57, 4, 64240, QUIRKS["df"] | QUIRKS["id+"], True, LINUX)
    read = read_syn(ipv6(tcp(LINUX, window=64800), ttl=64, flow=7))
    assert read is not None
    assert read[2] == (6, 64, 0, 64800, QUIRKS["flow"], False, LINUX)


@pytest.mark.parametrize(
    ("packet", "quirks"),
    [
        (ipv4(tcp(LINUX)), "df id+"),
        (ipv4(tcp(LINUX), ident=0), "df"),
        (ipv4(tcp(LINUX), fragment=0), ""),
        (ipv4(tcp(LINUX), fragment=0, ident=0), "id-"),
        (ipv4(tcp(LINUX), fragment=0xC000), "df id+ 0+"),
        (ipv4(tcp(LINUX), tos=1), "df id+ ecn"),
        (ipv4(tcp(LINUX, flags=SYN | ECE | CWR)), "df id+ ecn"),
        (ipv4(tcp(LINUX, reserved=1)), "df id+ ecn"),
        (ipv4(tcp(LINUX, seq=0)), "df id+ seq-"),
        (ipv4(tcp(LINUX, ack=1 << 24)), "df id+ ack+"),
        (ipv4(tcp(LINUX, ack=2)), "df id+"),
        (ipv4(tcp(LINUX, urgent=1)), "df id+ uptr+"),
        (ipv4(tcp(LINUX, flags=SYN | URG, urgent=1)), "df id+ urgf+"),
        (ipv4(tcp(LINUX, flags=SYN | PUSH)), "df id+ pushf+"),
        (ipv6(tcp(LINUX), flow=1), "flow"),
        (ipv6(tcp(LINUX), traffic_class=1), "ecn"),
    ],
)
def test_each_quirk_of_the_headers_is_read(packet: bytes, quirks: str) -> None:
    read = read_syn(packet)
    assert read is not None
    assert read[2][4] == sum(QUIRKS[name] for name in quirks.split())


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        (LINUX, (1460, 7, True, "mss,sok,ts,nop,ws", 0)),
        (options("ts", own=0, peer=1), (0, 0, False, "ts", QUIRKS["ts1-"] | QUIRKS["ts2+"])),
        (options("ws", scale=15), (0, 15, False, "ws", QUIRKS["exws"])),
        (b"\x00\x01\x00", (0, 0, False, "eol+2", QUIRKS["opt+"])),
        (b"\x00\x00\x01", (0, 0, False, "eol+2", 0)),
        (b"\x03\x00", (0, 0, False, "ws", QUIRKS["bad"])),
        (b"\x1e\x02\x1e\x00", (0, 0, False, "?30,?30", QUIRKS["bad"])),
        (b"\x01" * 25, (0, 0, False, ",".join(["nop"] * 24), QUIRKS["bad"])),
    ],
    ids=range(8),
)
def test_options_are_read_as_p0f_reads_them(layout: bytes, expected: tuple[object, ...]) -> None:
    assert read_options(layout) == expected


@pytest.mark.parametrize(("kind", "packet"), [(b"\x08\x00", IPV4), (b"\x86\xdd", IPV6)])
def test_an_ethernet_header_is_taken_off_and_nothing_else(kind: bytes, packet: bytes) -> None:
    assert without_ethernet(MACS + kind + packet) == packet
    for other in (b"", MACS, MACS + kind, MACS + b"\x08\x06" + packet, packet):
        assert without_ethernet(other) == other
    wrong = MACS + kind + (IPV6 if packet is IPV4 else IPV4)
    assert without_ethernet(wrong) == wrong


@given(st.binary(max_size=100))
def test_any_bytes_are_read_without_an_error(packet: bytes) -> None:
    read = read_syn(without_ethernet(packet))
    assert read is None or len(read[0]) in (4, 16)


@given(st.binary(max_size=60))
def test_any_option_bytes_are_read_without_an_error(layout: bytes) -> None:
    read = read_options(layout)
    assert len(read[3].split(",")) <= 24
