"""The tap's filter, run by a small interpreter of classic BPF; tests/real has the kernel run it."""

from __future__ import annotations

import socket
import struct
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware.edge.tap import MOST_PORTS, Tap, syn_filter
from p0f_middleware.shared.keys import text

from .syns import syn

HOST, OTHER_HOST, OUTGOING = 0, 3, 4  # <linux/if_packet.h>
IPV4, IPV6, ARP = 0x0800, 0x86DD, 0x0806
PORT = 443
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
        elif operation == 0x05:
            at += k
        elif operation == 0x15:
            at += then if a == k else otherwise
        elif operation == 0x45:
            at += then if a & k else otherwise
        elif operation == 0x54:
            a &= k
        else:
            x = {0x01: k, 0xB1: 4 * (packet[0] & 15)}[operation]
    return int(code[at][3])


V4, V6 = syn("192.0.2.1", 1024), syn("2001:db8::1", 1024)
each_version = pytest.mark.parametrize(("whole", "protocol"), [(V4, IPV4), (V6, IPV6)])


@each_version
def test_a_syn_to_a_wanted_port_comes_through_whole(whole: bytes, protocol: int) -> None:
    assert run(syn_filter([80, PORT]), whole, protocol) >= len(whole)
    assert run(syn_filter([]), whole, protocol) >= len(whole)  # without ports all are wanted
    assert run(syn_filter([80, 8080]), whole, protocol) == 0
    for kind in (OUTGOING, OTHER_HOST):
        assert run(syn_filter([PORT]), whole, protocol, kind) == 0


@each_version
def test_of_all_flags_only_syn_without_fin_rst_and_ack_does(whole: bytes, protocol: int) -> None:
    program, at = syn_filter([PORT]), 33 if protocol == IPV4 else 53
    packets = [whole[:at] + bytes([flags]) + whole[at + 1 :] for flags in range(256)]
    through = [flags for flags in range(256) if run(program, packets[flags], protocol)]
    assert through == [flags for flags in range(256) if flags & 0x17 == 0x02]


@pytest.mark.parametrize("words", range(5, 16))
def test_the_tcp_header_is_found_behind_ip_options(words: int) -> None:
    longer = bytes([0x40 | words]) + V4[1:20] + bytes(4 * (words - 5)) + V4[20:]
    assert run(syn_filter([PORT]), longer, IPV4)
    assert not run(syn_filter([80]), longer, IPV4)


def test_fragments_udp_and_other_protocols_do_not() -> None:
    every = syn_filter([])
    for fragment in (0x2000, 0x0001, 0x2001, 0x1FFF):
        assert not run(every, V4[:6] + struct.pack("!H", fragment) + V4[8:], IPV4)
    assert not run(every, V4[:9] + b"\x11" + V4[10:], IPV4)
    assert not run(every, V6[:6] + b"\x11" + V6[7:], IPV6)
    assert not run(every, V4, ARP)


@given(st.binary(max_size=130), st.sampled_from([IPV4, IPV6, ARP]))
def test_any_packet_ends_the_program(packet: bytes, protocol: int) -> None:
    assert run(syn_filter([PORT]), packet, protocol) in (0, 120)


def test_of_many_ports_each_is_wanted_and_no_other_and_too_many_are_an_error() -> None:
    program = syn_filter(range(1, 2 * MOST_PORTS, 2))
    through = [to for to in range(1, 500) if run(program, syn("192.0.2.1", 1, to=to), IPV4)]
    assert through == [*range(1, 2 * MOST_PORTS, 2)]
    with pytest.raises(ValueError, match="at most 200 ports, not 201"):
        syn_filter(range(1, 202))


@pytest.mark.needs("root")
def test_a_tap_sees_who_connects() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        end = server.getsockname()
        with closing(Tap("lo", [end[1]])) as tap, socket.create_connection(end) as client:
            assert tap.wait(10)
            (seen,) = tap.read(10)
            assert (text(seen.sender.address), seen.sender.port) == client.getsockname()
            assert (tap.read(10), tap.wait(0), tap.lost()) == ([], False, 0)


@pytest.mark.needs("root")
def test_an_interface_that_is_not_there_is_an_error() -> None:
    with pytest.raises(OSError, match="there is no interface nowhere0"):
        Tap("nowhere0")
