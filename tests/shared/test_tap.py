"""What the tap makes of packets; the kernel's side is in tests/real."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware.shared.tap import headers, without_tags

from .syns import syn

ADDRESSES = ["192.0.2.1", "2001:db8::1"]


@pytest.mark.parametrize("address", ADDRESSES)
@given(st.binary(max_size=40))
def test_what_stands_behind_the_headers_is_cut_off(address: str, behind: bytes) -> None:
    whole = syn(address, 1024)

    assert headers(whole + behind) == whole


@pytest.mark.parametrize("address", ADDRESSES)
@given(st.data())
def test_headers_that_are_cut_short_are_none(address: str, data: st.DataObject) -> None:
    whole = syn(address, 1024)

    assert headers(whole[: data.draw(st.integers(0, len(whole) - 1))]) == b""


@given(st.binary(max_size=130))
def test_of_any_bytes_it_takes_a_part_or_none(packet: bytes) -> None:
    assert packet.startswith(headers(packet))


@pytest.mark.parametrize("tags", [1, 2])
@pytest.mark.parametrize("address", ADDRESSES)
def test_vlan_tags_are_taken_off(address: str, tags: int) -> None:
    packet = whole = syn(address, 1024)
    kind = 0x86DD if ":" in address else 0x0800
    for _ in range(tags):
        packet, kind = struct.pack("!HH", 7, kind) + packet, 0x8100

    assert without_tags(packet) == whole
