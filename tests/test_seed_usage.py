"""What the 2014 package `p0f` 1.0.0 documents works here: its README, line by line.

Only the import changes: `from p0f_middleware import P0f, P0fException`.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from p0f_middleware import P0f, P0fException, P0fInfo
from p0f_middleware._daemon.protocol import P0F_3, write_answer
from p0f_middleware.testing import FakeP0f

HOST = "192.168.0.1"
EVERYTHING: dict[str, Any] = {
    "first_seen": 1388534400,
    "last_seen": 1388538000,
    "total_conn": 3,
    "uptime_min": 90,
    "up_mod_days": 49,
    "last_nat": 1388534460,
    "last_chg": 1388534520,
    "distance": 4,
    "bad_sw": 2,
    "os_match_q": 3,
    "os_name": "Linux",
    "os_flavor": "3.x",
    "http_name": "Firefox",
    "http_flavor": "10.x",
    "link_type": "DSL",
    "language": "English",
}
TIMES = ("first_seen", "last_seen", "last_nat", "last_chg")
DOCUMENTED = {
    **EVERYTHING,
    **{name: datetime.fromtimestamp(EVERYTHING[name], timezone.utc) for name in TIMES},
    "uptime": timedelta(minutes=90),
    "uptime_sec": 5400,
    "up_mod_days": timedelta(days=49),
}


@pytest.fixture
def p0f(fake_p0f: FakeP0f) -> FakeP0f:
    fake_p0f.hosts[HOST] = P0fInfo(**EVERYTHING)
    return fake_p0f


def usage(client: P0f, address: str = HOST) -> str:
    """README's "Basic usage": which of its clauses the call ends in."""
    data = None
    try:
        data = client.get_info(address)
    except P0fException:
        return "except P0fException"
    except KeyError:
        return "except KeyError"
    except ValueError:
        return "except ValueError"
    return f"First seen: {data['first_seen']}" if data else "no data"


@pytest.mark.parametrize(
    ("address", "clause"),
    [
        (HOST, "First seen: 2014-01-01 00:00:00+00:00"),
        ("192.168.0.2", "except KeyError"),
        ("localhost", "except P0fException"),
    ],
)
def test_each_address_reaches_its_clause(p0f: FakeP0f, address: str, clause: str) -> None:
    assert usage(P0f(p0f.socket_path), address) == clause


def answer(*, status: int = 0x10, bad_sw: int = 0, os_match_q: int = 0) -> bytes:
    """What p0f would send, with constants it does not have."""
    plain = write_answer(P0fInfo(), P0F_3)
    head = plain[:4] + status.to_bytes(4, sys.byteorder)
    return head + plain[8:38] + bytes([bad_sw, os_match_q]) + plain[40:]


@pytest.mark.parametrize(
    ("sent", "clause"),
    [
        ({"status": 0x00}, "except P0fException"),
        ({"bad_sw": 3}, "except ValueError"),
        ({"os_match_q": 4}, "except ValueError"),
    ],
)
def test_each_odd_answer_reaches_its_clause(
    p0f: FakeP0f, sent: dict[str, int], clause: str
) -> None:
    p0f.answer_with(answer(**sent))
    assert usage(P0f(p0f.socket_path)) == clause


def test_a_lost_connection_is_the_socket_error_of_the_docstring(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no socket"):
        P0f(str(tmp_path / "p0f.sock")).get_info(HOST)


def test_every_key_has_the_documented_type_and_value(p0f: FakeP0f) -> None:
    data = dict(P0f(p0f.socket_path).get_info(HOST))
    assert {name: data[name] for name in DOCUMENTED} == DOCUMENTED


def test_an_empty_field_is_none(p0f: FakeP0f) -> None:
    p0f.hosts[HOST] = P0fInfo(first_seen=1388534400)
    data = P0f(p0f.socket_path).get_info(HOST)
    assert {name for name in DOCUMENTED if data[name] is not None} == {
        *("first_seen", "total_conn", "os_match_q")
    }


def test_raw_data_is_unparsed_and_not_validated(p0f: FakeP0f) -> None:
    client = P0f(p0f.socket_path)
    raw = client.get_info(HOST, True)
    assert raw == {"magic": 0x50304602, "status": 0x10, **EVERYTHING}
    assert type(raw) is dict
    assert client.get_info(HOST, return_raw_data=True) == raw
    p0f.answer_with(answer(bad_sw=9))
    raw = client.get_info(HOST, True)
    assert [raw[name] for name in ("bad_sw", "last_nat", "distance", "os_name")] == [9, 0, -1, ""]


def test_the_timeout_is_a_tenth_of_a_second_unless_told_otherwise(p0f: FakeP0f) -> None:
    assert P0f(p0f.socket_path).timeout == 0.1
    p0f.stall()
    with pytest.raises(P0fException, match=r"within 0\.05 s") as caught:
        P0f(p0f.socket_path, timeout=0.05).get_info(HOST)
    assert isinstance(caught.value, TimeoutError), "which the socket called it"


def test_close_disconnects_and_the_next_query_connects_again(p0f: FakeP0f) -> None:
    client = P0f(p0f.socket_path)
    client.close()
    for connections in (1, 2):
        assert client.get_info(HOST)["os_name"] == "Linux"
        assert p0f.connections == connections
        client.close()
