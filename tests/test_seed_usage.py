"""What the 2014 package `p0f` 1.0.0 documents works here: its README, line by line.

Only the import changes: `from p0f_middleware import P0f, P0fException`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from p0f_middleware import P0f, P0fException, P0fInfo, P0fTimeout
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


@pytest.fixture
def p0f(fake_p0f: FakeP0f) -> FakeP0f:
    fake_p0f.hosts[HOST] = P0fInfo(**EVERYTHING)
    return fake_p0f


def usage(client: P0f) -> str:
    """README's "Basic usage": which of its clauses the call ends in."""
    data = None
    try:
        data = client.get_info(HOST)
    except P0fException:
        return "except P0fException"
    except KeyError:
        return "except KeyError"
    except ValueError:
        return "except ValueError"
    return f"First seen: {data['first_seen']}" if data else "no data"


def test_get_info_returns_the_data(p0f: FakeP0f) -> None:
    assert usage(P0f(p0f.socket_path)) == "First seen: 2014-01-01 00:00:00+00:00"


def test_an_address_that_is_none_reaches_the_clause_for_an_invalid_query(p0f: FakeP0f) -> None:
    client = P0f(p0f.socket_path)
    with pytest.raises(P0fException):
        client.get_info("localhost")


def test_a_query_p0f_calls_bad_reaches_the_clause_for_an_invalid_query(p0f: FakeP0f) -> None:
    p0f.answer_with(answer(status=0x00))
    assert usage(P0f(p0f.socket_path)) == "except P0fException"


def test_an_unknown_host_reaches_the_clause_for_no_data(p0f: FakeP0f) -> None:
    p0f.hosts.clear()
    assert usage(P0f(p0f.socket_path)) == "except KeyError"


@pytest.mark.parametrize(
    "constant", [{"bad_sw": 3}, {"os_match_q": 4}], ids=["bad_sw", "os_match_q"]
)
def test_a_constant_out_of_range_reaches_the_clause_for_invalid_constants(
    p0f: FakeP0f, constant: dict[str, Any]
) -> None:
    p0f.answer_with(answer(**constant))
    assert usage(P0f(p0f.socket_path)) == "except ValueError"


def answer(*, status: int = 0x10, bad_sw: int = 0, os_match_q: int = 0) -> bytes:
    """What p0f would send, with constants it does not have."""
    plain = write_answer(P0fInfo(), P0F_3)
    head = plain[:4] + status.to_bytes(4, sys.byteorder)
    return head + plain[8:38] + bytes([bad_sw, os_match_q]) + plain[40:]


def test_a_lost_connection_is_the_socket_error_of_the_docstring(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no socket"):
        P0f(str(tmp_path / "p0f.sock")).get_info(HOST)


TIMES = ("first_seen", "last_seen", "last_nat", "last_chg")
DOCUMENTED = {
    **EVERYTHING,
    **{name: datetime.fromtimestamp(EVERYTHING[name], timezone.utc) for name in TIMES},
    "uptime": timedelta(minutes=90),
    "uptime_sec": 5400,
    "up_mod_days": timedelta(days=49),
}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_key_has_the_documented_type_and_value(p0f: FakeP0f, name: str) -> None:
    assert P0f(p0f.socket_path).get_info(HOST)[name] == DOCUMENTED[name]


@pytest.mark.parametrize(
    "name",
    [
        *("uptime_min", "uptime_sec", "uptime", "up_mod_days", "last_nat", "last_chg"),
        *("distance", "bad_sw", "os_name", "os_flavor", "http_flavor", "link_type", "language"),
    ],
)
def test_an_empty_field_is_none(p0f: FakeP0f, name: str) -> None:
    p0f.hosts[HOST] = P0fInfo(first_seen=1388534400)
    assert P0f(p0f.socket_path).get_info(HOST)[name] is None


def test_the_result_can_be_made_a_dict_with_every_documented_key(p0f: FakeP0f) -> None:
    data = dict(P0f(p0f.socket_path).get_info(HOST))
    assert data.keys() >= DOCUMENTED.keys()


@pytest.mark.parametrize(
    "get_raw",
    [
        lambda client: client.get_info(HOST, True),
        lambda client: client.get_info(HOST, return_raw_data=True),
    ],
    ids=["positional", "keyword"],
)
def test_raw_data_is_unparsed(p0f: FakeP0f, get_raw: Callable[[P0f], dict[str, Any]]) -> None:
    raw = get_raw(P0f(p0f.socket_path))
    assert raw == {"magic": 0x50304602, "status": 0x10, **EVERYTHING}
    assert type(raw) is dict


def test_raw_data_is_not_validated(p0f: FakeP0f) -> None:
    p0f.answer_with(answer(bad_sw=9))
    assert P0f(p0f.socket_path).get_info(HOST, True)["bad_sw"] == 9


def test_raw_empty_fields_are_the_constants_p0f_sends(p0f: FakeP0f) -> None:
    p0f.hosts[HOST] = P0fInfo()
    raw = P0f(p0f.socket_path).get_info(HOST, True)
    assert (raw["last_nat"], raw["distance"], raw["os_name"]) == (0, -1, "")


def test_raw_data_of_an_unknown_host_is_a_key_error_too(p0f: FakeP0f) -> None:
    with pytest.raises(KeyError):
        P0f(p0f.socket_path).get_info("192.168.0.2", True)


def test_the_timeout_is_a_tenth_of_a_second_unless_told_otherwise(p0f: FakeP0f) -> None:
    assert P0f(p0f.socket_path).timeout == 0.1


def test_the_timeout_can_be_told(p0f: FakeP0f) -> None:
    p0f.stall()
    with pytest.raises(P0fTimeout, match=r"within 0\.01 s"):
        P0f(p0f.socket_path, timeout=0.01).get_info(HOST)


def test_a_timeout_is_both_what_readme_and_what_the_socket_called_it(p0f: FakeP0f) -> None:
    p0f.stall()
    with pytest.raises(P0fException) as caught:
        P0f(p0f.socket_path, timeout=0.01).get_info(HOST)
    assert isinstance(caught.value, TimeoutError)


def test_get_info_opens_a_new_connection_after_close(p0f: FakeP0f) -> None:
    client = P0f(p0f.socket_path)
    client.get_info(HOST)
    client.close()
    assert client.get_info(HOST)["os_name"] == "Linux"
    assert p0f.connections == 2


def test_close_before_the_first_query_does_nothing(p0f: FakeP0f) -> None:
    P0f(p0f.socket_path).close()
    assert p0f.connections == 0


def test_deleting_the_client_disconnects(p0f: FakeP0f) -> None:
    client = P0f(p0f.socket_path)
    client.get_info(HOST)
    link = client.connection
    del client
    assert link is not None
    assert link.sock.fileno() == -1
