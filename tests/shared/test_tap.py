"""What the tap makes of packets; the kernel's side is in tests/real."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware.edge.tap import without_tags
from p0f_middleware.shared.keys import end_of_headers

from .syns import syn

ADDRESSES = ["192.0.2.1", "2001:db8::1"]


@pytest.mark.parametrize("address", ADDRESSES)
@given(st.binary(max_size=40))
def test_what_stands_behind_the_headers_is_cut_off(address: str, behind: bytes) -> None:
    whole = syn(address, 1024)

    assert end_of_headers(whole + behind) == len(whole)


@pytest.mark.parametrize("address", ADDRESSES)
@given(st.data())
def test_headers_that_are_cut_short_are_none(address: str, data: st.DataObject) -> None:
    whole = syn(address, 1024)

    assert end_of_headers(whole[: data.draw(st.integers(0, len(whole) - 1))]) == 0


@given(st.binary(max_size=130))
def test_of_any_bytes_it_takes_a_part_or_none(packet: bytes) -> None:
    assert 0 <= end_of_headers(packet) <= len(packet)


def tagged(packet: bytes, *tags: int) -> bytes:
    """A packet with VLAN tags of these first two bytes in front of it."""
    kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    for tag in tags:
        packet, kind = struct.pack("!HH", tag, kind) + packet, 0x8100
    return packet


@pytest.mark.parametrize("address", ADDRESSES)
@given(st.lists(st.integers(0, 0xFFFF), max_size=2), st.integers(0, 800))
def test_vlan_tags_are_taken_off_whatever_is_in_them(
    address: str, tags: list[int], data: int
) -> None:
    packet = tagged(syn(address, 1024), *tags)
    assert without_tags(packet, len(packet) + data) == syn(address, 1024)


@pytest.mark.parametrize("address", ADDRESSES)
@given(st.binary(min_size=2, max_size=2))
def test_a_packet_that_looks_like_a_tag_is_left_alone(address: str, value: bytes) -> None:
    whole = syn(address, 1024)
    looks = whole[:2] + value + whole[4:]  # IPv4's length, or a part of IPv6's flow label
    length = max(len(whole), int.from_bytes(value, "big"))
    assert without_tags(looks, length) == looks
