"""The filter, run by a small interpreter of classic BPF; tests/real has the kernel run it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware.edge.bpf import JUMP, MOST_PORTS, RETURN, Assembler, syn_filter

from .syns import syn

HOST, OTHER_HOST, OUTGOING = 0, 3, 4  # <linux/if_packet.h>
IPV4, IPV6, ARP, VLAN, SERVICE_VLAN = 0x0800, 0x86DD, 0x0806, 0x8100, 0x88A8
PORT = 443


def run(program: bytes, packet: bytes, protocol: int, kind: int = HOST) -> int:
    """How many bytes of a packet the program lets through."""
    code = list(struct.iter_unpack("=HBBI", program))
    a = x = at = 0
    while True:
        operation, then, otherwise, k = code[at]
        at += 1
        try:
            if operation == 0x06:
                return int(k)
            if operation in (0x20, 0x28, 0x30):
                a = _load(packet, k, operation, protocol, kind)
            elif operation in (0x48, 0x50):
                a = _load(packet, x + k, operation - 0x20, protocol, kind)
            elif operation == 0xB1:
                x = 4 * (packet[k] & 15)
            elif operation == 0x80:
                a = len(packet)
            elif operation == 0x05:
                at += k
            else:
                a, x, jump = _compute(operation, a, x, k)
                if jump is not None:
                    at += then if jump else otherwise
        except (IndexError, struct.error):
            return 0  # a load from beyond the packet ends the program


def _load(packet: bytes, at: int, operation: int, protocol: int, kind: int) -> int:
    if at >= 0xFFFFF000:
        return {0xFFFFF000: protocol, 0xFFFFF004: kind}[at]
    form = {0x20: "!I", 0x28: "!H", 0x30: "!B"}[operation]
    return int(struct.unpack_from(form, packet, at)[0])


def _compute(operation: int, a: int, x: int, k: int) -> tuple[int, int, bool | None]:
    match operation:
        case 0x01:
            return a, k, None
        case 0x04:
            return a + k, x, None
        case 0x07:
            return a, a, None
        case 0x54:
            return a & k, x, None
        case 0x87:
            return x, x, None
        case 0x15:
            return a, x, a == k
        case 0x45:
            return a, x, bool(a & k)
        case 0x3D:
            return a, x, a >= x
    raise AssertionError(f"unknown operation {operation:#x}")


def tagged(packet: bytes, protocol: int, *tags: int) -> tuple[bytes, int]:
    """A packet with VLAN tags that are still in front of it, the outermost last, and what the
    kernel gives as its protocol."""
    for tag in tags:
        packet, protocol = struct.pack("!HH", 7, protocol) + packet, tag
    return packet, protocol


def _kinds() -> Iterator[Any]:
    for address, protocol in (("192.0.2.1", IPV4), ("2001:db8::1", IPV6)):
        packet = syn(address, 1024)
        for tags in ((), (VLAN,), (SERVICE_VLAN,), (VLAN, VLAN), (VLAN, SERVICE_VLAN)):
            yield pytest.param(*tagged(packet, protocol, *tags), id=f"{address} {tags}")


KINDS = list(_kinds())


def flags(packet: bytes, value: int) -> bytes:
    at = (20 if packet[0] >> 4 == 4 else 40) + 13
    return packet[:at] + bytes([value]) + packet[at + 1 :]


@pytest.mark.parametrize(("packet", "protocol"), KINDS)
def test_a_syn_to_a_wanted_port_comes_through_whole(packet: bytes, protocol: int) -> None:
    assert run(syn_filter([80, PORT]), packet, protocol) >= len(packet)


@pytest.mark.parametrize(("packet", "protocol"), KINDS)
def test_a_syn_to_another_port_does_not(packet: bytes, protocol: int) -> None:
    assert run(syn_filter([80, 8080]), packet, protocol) == 0


@pytest.mark.parametrize(("packet", "protocol"), KINDS)
def test_without_ports_every_syn_does(packet: bytes, protocol: int) -> None:
    assert run(syn_filter([]), packet, protocol) > 0


@pytest.mark.parametrize(("packet", "protocol"), KINDS)
@pytest.mark.parametrize("kind", [OUTGOING, OTHER_HOST])
def test_what_is_not_to_this_host_does_not(packet: bytes, protocol: int, kind: int) -> None:
    assert run(syn_filter([PORT]), packet, protocol, kind) == 0


@pytest.mark.parametrize(("packet", "protocol"), KINDS)
@given(st.integers(0, 0xFFFF))
def test_a_packet_shorter_than_it_says_does_not(packet: bytes, protocol: int, says: int) -> None:
    tags = {IPV4: 0, IPV6: 0}.get(protocol, 4)
    tags += 4 if tags and packet[2:4] in (b"\x81\x00", b"\x88\xa8") else 0
    field, least = (tags + 2, 0) if packet[tags] >> 4 == 4 else (tags + 4, 40)
    lying = packet[:field] + struct.pack("!H", says) + packet[field + 2 :]
    through = run(syn_filter([PORT]), lying, protocol) > 0

    assert through == (tags + least + says <= len(packet))


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
@given(st.integers(0, 255))
def test_of_all_flags_only_syn_without_fin_rst_and_ack_does(address: str, value: int) -> None:
    packet = flags(syn(address, 1024), value)
    protocol = IPV6 if ":" in address else IPV4

    assert bool(run(syn_filter([PORT]), packet, protocol)) == (value & 0x17 == 0x02)


@given(st.integers(5, 15))
def test_the_tcp_header_is_found_behind_ip_options(words: int) -> None:
    whole = syn("192.0.2.1", 1024)
    longer = bytes([0x40 | words]) + whole[1:20] + bytes(4 * (words - 5)) + whole[20:]

    assert run(syn_filter([PORT]), longer, IPV4)


@pytest.mark.parametrize("fragment", [0x2000, 0x0001, 0x2001, 0x1FFF])
def test_a_fragment_does_not(fragment: int) -> None:
    whole = syn("192.0.2.1", 1024)

    assert not run(syn_filter([PORT]), whole[:6] + struct.pack("!H", fragment) + whole[8:], IPV4)


@pytest.mark.parametrize(("at", "address"), [(9, "192.0.2.1"), (6, "2001:db8::1")])
def test_udp_does_not(at: int, address: str) -> None:
    whole = syn(address, 1024)

    assert not run(
        syn_filter([]), whole[:at] + b"\x11" + whole[at + 1 :], IPV6 if at == 6 else IPV4
    )


def test_other_protocols_do_not() -> None:
    assert not run(syn_filter([]), syn("192.0.2.1", 1024), ARP)


@given(st.binary(max_size=130), st.sampled_from([IPV4, IPV6, VLAN, SERVICE_VLAN, ARP]))
def test_any_packet_ends_the_program(packet: bytes, protocol: int) -> None:
    assert run(syn_filter([PORT]), packet, protocol) in (0, 128)


@given(st.sets(st.integers(1, 65535), min_size=1, max_size=MOST_PORTS), st.integers(1, 65535))
def test_of_many_ports_each_is_wanted_and_no_other(ports: set[int], port: int) -> None:
    program = syn_filter(ports)

    assert run(program, syn("192.0.2.1", 1024, to=min(ports)), IPV4)
    assert run(program, syn("192.0.2.1", 1024, to=max(ports)), IPV4)
    assert bool(run(program, syn("192.0.2.1", 1024, to=port), IPV4)) == (port in ports)


def test_too_many_ports_are_an_error() -> None:
    with pytest.raises(ValueError, match="at most 200 ports, not 201"):
        syn_filter(range(1, 202))


def test_a_jump_that_is_too_far_is_an_error() -> None:
    add = Assembler()
    add(0x15, 1, then="end")
    for _ in range(256):
        add(RETURN)
    add.label("end")
    add(RETURN)

    with pytest.raises(ValueError, match="256 instructions is too far"):
        add.assemble()


def test_a_jump_back_is_an_error() -> None:
    add = Assembler()
    add.label("start")
    add(JUMP, then="start")

    with pytest.raises(ValueError, match="goes back"):
        add.assemble()
