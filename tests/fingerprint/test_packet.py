"""A SYN's bytes: sender, shape and options, and an Ethernet header before them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware.fingerprint.packet import QUIRKS, read_options, read_syn, without_ethernet

from .syns import CWR, ECE, PUSH, SYN, URG, ipv4, ipv6, options, tcp

LINUX = options("mss,sok,ts,nop,ws")
MACS = bytes.fromhex("020000000001020000000002")
FRAMES = {"ipv4": b"\x08\x00", "ipv6": b"\x86\xdd"}
PACKETS = {"ipv4": ipv4(tcp(LINUX)), "ipv6": ipv6(tcp(LINUX))}


def test_the_whole_shape_of_an_ipv4_syn() -> None:
    packet = ipv4(tcp(LINUX, window=64240) + b"data", ttl=57, ip_options=b"\1" * 4)
    read = read_syn(packet)
    assert read is not None
    reduced = options("mss,sok,ts,nop,ws", own=1)
    quirks = QUIRKS["df"] | QUIRKS["id+"]
    assert read[2] == (4, 57, 4, 64240, quirks, True, reduced)


def test_the_whole_shape_of_an_ipv6_syn() -> None:
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


@pytest.mark.parametrize("kind", FRAMES)
def test_an_ethernet_header_is_taken_off(kind: str) -> None:
    assert without_ethernet(MACS + FRAMES[kind] + PACKETS[kind]) == PACKETS[kind]


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        MACS,
        MACS + b"\x08\x00",
        MACS + b"\x08\x06" + PACKETS["ipv4"],
        MACS + b"\x08\x00" + PACKETS["ipv6"],
        PACKETS["ipv4"],
        PACKETS["ipv6"],
    ],
    ids=range(7),
)
def test_what_is_not_a_frame_stays_as_it_is(packet: bytes) -> None:
    assert without_ethernet(packet) == packet


@given(st.binary(max_size=100))
def test_any_bytes_are_read_without_an_error(packet: bytes) -> None:
    read = read_syn(without_ethernet(packet))
    assert read is None or len(read[0]) in (4, 16)


@given(st.binary(max_size=60))
def test_any_option_bytes_are_read_without_an_error(layout: bytes) -> None:
    read = read_options(layout)
    assert len(read[3].split(",")) <= 24
