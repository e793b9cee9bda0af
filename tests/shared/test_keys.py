"""Names in the store, and who sent a SYN."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware.shared.keys import (
    MOST_DESTINATIONS,
    address_key,
    connection_key,
    merged,
    pack,
    sender,
    syns_in,
)

from .syns import LINUX, syn

ports = st.integers(1, 65535)
addresses = st.ip_addresses().map(str)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.1", b"p0f:{192.0.2.1}"),
        ("2001:db8::1", b"p0f:{2001:db8::1}"),
        ("2001:DB8:0:0::1", b"p0f:{2001:db8::1}"),
        ("::ffff:192.0.2.1", b"p0f:{192.0.2.1}"),
    ],
)
def test_an_address_has_one_name_however_it_is_written(address: str, name: bytes) -> None:
    assert address_key(pack(address)) == name
    assert connection_key(pack(address), 54321) == name + b":54321"


def test_both_names_are_in_one_slot_of_a_cluster() -> None:
    from redis.crc import key_slot

    packed = pack("2001:db8::1")

    assert key_slot(address_key(packed)) == key_slot(connection_key(packed, 443))


@given(addresses, ports)
def test_a_syn_names_its_sender(address: str, port: int) -> None:
    assert sender(syn(address, port)) == (pack(address), port)


@given(st.ip_addresses(v=4).map(str), ports, st.integers(6, 15))
def test_the_port_is_found_behind_ip_options(address: str, port: int, words: int) -> None:
    whole = syn(address, port)
    longer = bytes([0x40 | words]) + whole[1:20] + bytes(4 * (words - 5)) + whole[20:]
    assert sender(longer) == (pack(address), port)


@given(st.binary(max_size=130))
def test_any_bytes_have_a_sender_or_none(data: bytes) -> None:
    found = sender(data)
    assert found is None or len(found.address) in (4, 16)


@given(addresses, ports, st.data())
def test_a_syn_that_is_cut_short_before_its_ports_has_no_sender(
    address: str, port: int, data: st.DataObject
) -> None:
    whole = syn(address, port)
    ip = 20 if ipaddress.ip_address(address).version == 4 else 40
    assert sender(whole[: data.draw(st.integers(0, ip + 19))]) is None


@pytest.mark.parametrize("text", ["", "unix", "1.2.3", "1.2.3.4:5", "fe80::1%eth0", "[::1]"])
def test_what_is_not_an_address_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="not an IP address"):
        pack(text)


@given(st.binary(max_size=400))
def test_any_value_is_divided_without_a_loss(value: bytes) -> None:
    assert b"".join(syns_in(value)) == value


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_a_value_has_the_last_syn_to_each_of_the_latest_destinations(ports: list[int]) -> None:
    value, latest = b"", dict[int, bytes]()
    for n, port in enumerate(ports):
        latest.pop(port, None)
        latest[port] = syn("192.0.2.1", 7, (LINUX[0], n + 1, 64), to=port)
        value = merged(latest[port], value)
    assert syns_in(value) == [*latest.values()][::-1][:MOST_DESTINATIONS]


@given(st.binary(max_size=300))
def test_what_another_program_wrote_is_not_kept(before: bytes) -> None:
    whole = syn("192.0.2.1", 7)
    assert merged(whole, before) == whole
