"""The filter, run by a small interpreter of classic BPF; tests/real has the kernel run it."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware.edge.bpf import MOST_PORTS, syn_filter

from .syns import syn

HOST, OTHER_HOST, OUTGOING = 0, 3, 4  # <linux/if_packet.h>
IPV4, IPV6, ARP, VLAN, SERVICE_VLAN = 0x0800, 0x86DD, 0x0806, 0x8100, 0x88A8
PORT = 443


COMPUTE: dict[int, Callable[[int, int, int], tuple[int, int]]] = {
    0x01: lambda a, x, k: (a, k),
    0x04: lambda a, x, k: (a + k, x),
    0x07: lambda a, x, k: (a, a),
    0x54: lambda a, x, k: (a & k, x),
    0x87: lambda a, x, k: (x, x),
}
JUMPS: dict[int, Callable[[int, int, int], bool]] = {
    0x15: lambda a, x, k: a == k,
    0x45: lambda a, x, k: bool(a & k),
    0x3D: lambda a, x, k: a >= x,
}
SIZES = {0x20: 4, 0x28: 2, 0x30: 1, 0x48: 2, 0x50: 1}  # of what is loaded, from 0x48 on behind x


def run(program: bytes, packet: bytes, protocol: int, kind: int = HOST) -> int:
    """How many bytes of a packet the program lets through."""
    code = list(struct.iter_unpack("=HBBI", program))
    a = x = at = 0
    while code[at][0] != 0x06:
        operation, then, otherwise, k = code[at]
        at += 1
        if k >= 0xFFFFF000:
            a = {0xFFFFF000: protocol, 0xFFFFF004: kind}[k]
        elif operation in SIZES:
            k += x if operation >= 0x48 else 0
            if k + SIZES[operation] > len(packet):
                return 0  # a load from beyond the packet ends the program
            a = int.from_bytes(packet[k : k + SIZES[operation]], "big")
        elif operation == 0x80:
            a = len(packet)
        elif operation == 0xB1:
            x = 4 * (packet[k] & 15)
        elif operation == 0x05:
            at += k
        elif operation in JUMPS:
            at += then if JUMPS[operation](a, x, k) else otherwise
        else:
            a, x = COMPUTE[operation](a, x, k)
    return int(code[at][3])


def tagged(packet: bytes, protocol: int, *tags: int) -> tuple[bytes, int]:
    """A packet with VLAN tags that are still in front of it, the outermost last, and what the
    kernel gives as its protocol."""
    for tag in tags:
        packet, protocol = struct.pack("!HH", 7, protocol) + packet, tag
    return packet, protocol


V4, V6 = syn("192.0.2.1", 1024), syn("2001:db8::1", 1024)
KINDS = [
    tagged(packet, protocol, *tags)
    for packet, protocol in ((V4, IPV4), (V6, IPV6))
    for tags in ((), (VLAN,), (SERVICE_VLAN,), (VLAN, VLAN), (VLAN, SERVICE_VLAN))
]
each_kind = pytest.mark.parametrize(("packet", "protocol"), KINDS)


@each_kind
def test_a_syn_to_a_wanted_port_comes_through_whole(packet: bytes, protocol: int) -> None:
    assert run(syn_filter([80, PORT]), packet, protocol) >= len(packet)
    assert run(syn_filter([]), packet, protocol) >= len(packet)  # without ports all are wanted
    assert run(syn_filter([80, 8080]), packet, protocol) == 0
    for kind in (OUTGOING, OTHER_HOST):
        assert run(syn_filter([PORT]), packet, protocol, kind) == 0


@each_kind
@given(st.integers(0, 0xFFFF))
def test_a_packet_shorter_than_it_says_does_not(packet: bytes, protocol: int, says: int) -> None:
    tags = {IPV4: 0, IPV6: 0}.get(protocol, 4)
    tags += 4 if tags and packet[2:4] in (b"\x81\x00", b"\x88\xa8") else 0
    field, least = (tags + 2, 0) if packet[tags] >> 4 == 4 else (tags + 4, 40)
    lying = packet[:field] + struct.pack("!H", says) + packet[field + 2 :]
    through = run(syn_filter([PORT]), lying, protocol) > 0
    assert through == (tags + least + says <= len(packet))


@pytest.mark.parametrize(("whole", "protocol", "at"), [(V4, IPV4, 33), (V6, IPV6, 53)])
@given(st.integers(0, 255))
def test_of_all_flags_only_syn_without_fin_rst_and_ack_does(
    whole: bytes, protocol: int, at: int, flags: int
) -> None:
    packet = whole[:at] + bytes([flags]) + whole[at + 1 :]
    assert bool(run(syn_filter([PORT]), packet, protocol)) == (flags & 0x17 == 0x02)


@given(st.integers(5, 15))
def test_the_tcp_header_is_found_behind_ip_options(words: int) -> None:
    longer = bytes([0x40 | words]) + V4[1:20] + bytes(4 * (words - 5)) + V4[20:]
    assert run(syn_filter([PORT]), longer, IPV4)


def test_fragments_udp_and_other_protocols_do_not() -> None:
    every = syn_filter([])
    for fragment in (0x2000, 0x0001, 0x2001, 0x1FFF):
        assert not run(every, V4[:6] + struct.pack("!H", fragment) + V4[8:], IPV4)
    assert not run(every, V4[:9] + b"\x11" + V4[10:], IPV4)
    assert not run(every, V6[:6] + b"\x11" + V6[7:], IPV6)
    assert not run(every, V4, ARP)


@given(st.binary(max_size=130), st.sampled_from([IPV4, IPV6, VLAN, SERVICE_VLAN, ARP]))
def test_any_packet_ends_the_program(packet: bytes, protocol: int) -> None:
    assert run(syn_filter([PORT]), packet, protocol) in (0, 128)


@given(st.sets(st.integers(1, 65535), min_size=1, max_size=MOST_PORTS), st.integers(1, 65535))
def test_of_many_ports_each_is_wanted_and_no_other(ports: set[int], port: int) -> None:
    program = syn_filter(ports)
    for to in (min(ports), max(ports), port):
        assert bool(run(program, syn("192.0.2.1", 1024, to=to), IPV4)) == (to in ports)


def test_too_many_ports_are_an_error() -> None:
    with pytest.raises(ValueError, match="at most 200 ports, not 201"):
        syn_filter(range(1, 202))
