"""Names in the store, and what its values say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware.shared.keys import (
    MOST_DESTINATIONS,
    address_key,
    connection_key,
    merged,
    pack,
    read_syn,
    syns_in,
)

from .syns import LINUX, syn

ports = st.integers(1, 65535)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.1", b"p0f:{192.0.2.1}"),
        ("2001:DB8:0:0::1", b"p0f:{2001:db8::1}"),
        ("::ffff:192.0.2.1", b"p0f:{192.0.2.1}"),
    ],
)
def test_an_address_has_one_name_however_it_is_written(address: str, name: bytes) -> None:
    assert address_key(pack(address)) == name
    assert connection_key(pack(address), 54321) == name + b":54321"


@pytest.mark.parametrize("text", ["", "unix", "1.2.3", "1.2.3.4:5", "fe80::1%eth0", "[::1]"])
def test_what_is_not_an_address_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="not an IP address"):
        pack(text)


@given(st.ip_addresses().map(str), ports, ports, st.integers(5, 15), st.binary(max_size=40))
def test_a_syn_names_its_ends_whatever_stands_behind_it(
    address: str, port: int, to: int, words: int, behind: bytes
) -> None:
    whole = syn(address, port, to=to)
    if ":" not in address:  # with IP options
        whole = bytes([0x40 | words]) + whole[1:20] + bytes(4 * (words - 5)) + whole[20:]
    at = pack("::1" if ":" in address else "127.0.0.1")
    assert read_syn(whole + behind) == ((pack(address), port), (at, to), whole)


@pytest.mark.parametrize("whole", [syn("192.0.2.1", 7), syn("2001:db8::1", 7)])
def test_a_syn_that_is_cut_short_is_none(whole: bytes) -> None:
    assert [n for n in range(len(whole) + 1) if read_syn(whole[:n])] == [len(whole)]


@given(st.binary(max_size=400))
def test_any_bytes_begin_with_a_syn_or_not(data: bytes) -> None:
    found = b"".join(one.headers for one in syns_in(data))
    assert data.startswith(found)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_a_value_has_the_last_syn_to_each_of_the_latest_destinations(ports: list[int]) -> None:
    value, latest = b"", dict[int, bytes]()
    for n, port in enumerate(ports):
        latest.pop(port, None)
        latest[port] = syn("192.0.2.1", 7, (LINUX[0], n + 1, 64), to=port)
        value = merged(latest[port], value)
    assert [one.headers for one in syns_in(value)] == [*latest.values()][::-1][:MOST_DESTINATIONS]


@given(st.binary(max_size=300))
def test_what_another_program_wrote_is_not_kept(before: bytes) -> None:
    whole = syn("192.0.2.1", 7)
    assert merged(whole, before) == whole
