"""P0fInfo: what a host's fields read as, in every way a caller may read them."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from p0f_middleware import BadSoftware, ClaimVerdict, MatchQuality, P0fInfo, P0fStatus
from p0f_middleware._info import by_address, text, with_bad_sw

NEW_YEAR = datetime(2026, 1, 1, tzinfo=timezone.utc)

GIVEN: dict[str, Any] = {
    "first_seen": NEW_YEAR,
    "last_seen": NEW_YEAR + timedelta(hours=1),
    "total_conn": 7,
    "uptime_min": 4321,
    "up_mod_days": timedelta(days=49),
    "last_nat": NEW_YEAR + timedelta(minutes=5),
    "last_chg": NEW_YEAR + timedelta(minutes=6),
    "distance": 9,
    "bad_sw": BadSoftware.MISMATCH,
    "os_match_q": MatchQuality.FUZZY | MatchQuality.GENERIC,
    "os_name": "Linux",
    "os_flavor": "3.11 and newer",
    "http_name": "Firefox",
    "http_flavor": "10.x or newer",
    "link_type": "Ethernet or modem",
    "language": "English",
    "link_mtu": 1500,
    "tick_rate": 250.5,
}
READ: dict[str, Any] = {
    **GIVEN,
    "uptime_sec": 259260,
    "uptime": timedelta(minutes=4321),
    "raw_sig": None,
    "signature": None,
    "seen_as": None,
    "source": "p0f",
}
UNKNOWN = dict.fromkeys(READ) | {"total_conn": 0, "os_match_q": 0, "source": "p0f"}
INFO = P0fInfo(**GIVEN)
FROM_A_SYN = P0fInfo(
    os_name="Windows",
    raw_sig="4:128+0:0:1460:mss*44,8:mss,nop,ws,nop,nop,sok:df,id+:0",
    signature="s:win:Windows:10 or 11",
    seen_as={"Windows": 75, "Linux": 2},
)


def made(**fields: Any) -> P0fInfo:
    """A P0fInfo of fields of any type."""
    return P0fInfo(**fields)


def test_every_field_reads_the_same_as_attribute_and_as_key_and_there_is_no_other() -> None:
    assert {name: getattr(INFO, name) for name in READ} == READ
    assert dict(INFO) == READ


def test_what_is_not_named_or_none_is_not_known() -> None:
    assert dict(P0fInfo()) == UNKNOWN
    assert made(**dict.fromkeys(GIVEN)) == P0fInfo()


@pytest.mark.parametrize(
    ("field", "given", "read"),
    [
        *(
            (field, 2**32 - 1, datetime(2106, 2, 7, 6, 28, 15, tzinfo=timezone.utc))
            for field in ("first_seen", "last_seen", "last_nat", "last_chg")
        ),
        ("first_seen", NEW_YEAR.astimezone(timezone(timedelta(hours=-5))), NEW_YEAR),
        ("up_mod_days", 49, timedelta(days=49)),
        ("distance", -1, None),
        ("distance", -(2**15), None),
        ("distance", 0, 0),
        *(("tick_rate", rate, None) for rate in (0.0, -1.0, float("inf"), float("nan"))),
        ("os_match_q", 3, MatchQuality.FUZZY | MatchQuality.GENERIC),
        ("bad_sw", 2, 2),
        *(("source", source, source) for source in ("p0f", "syn", "address")),
    ],
)
def test_a_field_at_its_limits(field: str, given: Any, read: Any) -> None:
    assert made(**{field: given})[field] == read


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"Linux\0\0\0", "Linux"),
        (b"Linux\0left over from a longer name", "Linux"),
        (b"x" * 32, "x" * 32),
        (b"\0" * 32, None),
        ("Žluťoučký".encode(), "Žluťoučký"),
        (b"\xff\xfe", r"\xff\xfe"),
        (b"a\nb\x1b[31m\x7f", r"a\nb\x1b[31m\x7f"),
        ("left\u202eright".encode(), r"left\u202eright"),
    ],
)
def test_a_string_ends_at_its_nul_and_has_nothing_unprintable(sent: bytes, read: str) -> None:
    assert text(sent) == read


def test_one_made_from_a_syn_says_so_and_cannot_be_changed_through_its_evidence() -> None:
    evidence: Any = FROM_A_SYN.seen_as
    evidence["Windows"] = 1

    assert FROM_A_SYN.source == "syn"
    assert FROM_A_SYN.signature == "s:win:Windows:10 or 11"
    assert FROM_A_SYN.seen_as == {"Windows": 75, "Linux": 2}


def test_copies_differ_in_what_was_changed_alone() -> None:
    assert dict(by_address(FROM_A_SYN)) == {**FROM_A_SYN, "source": "address"}
    assert dict(with_bad_sw(FROM_A_SYN, BadSoftware.OS_MISMATCH)) == {**FROM_A_SYN, "bad_sw": 1}


def test_equal_fields_make_equals_with_the_same_hash() -> None:
    assert made(**GIVEN) == INFO
    assert hash(made(**GIVEN)) == hash(INFO)
    assert INFO == READ
    assert made(**GIVEN | {"language": "Czech"}) != INFO


@pytest.mark.parametrize("info", [INFO, FROM_A_SYN], ids=["p0f", "syn"])
def test_pickles_and_copies_are_its_equals(info: P0fInfo) -> None:
    protocols = range(2, pickle.HIGHEST_PROTOCOL + 1)
    pickles = [pickle.loads(pickle.dumps(info, protocol)) for protocol in protocols]

    assert {info, *pickles, copy.copy(info), copy.deepcopy(info)} == {info}


def test_it_is_immutable() -> None:
    info: Any = INFO
    for name in ("os_name", "colour"):
        with pytest.raises(AttributeError):
            setattr(info, name, "Windows")
    with pytest.raises(AttributeError):
        del info.os_name
    with pytest.raises(TypeError):
        info["os_name"] = "Windows"


@pytest.mark.parametrize("key", ["colour", "_answer", "as_dict", "magic", 3])
def test_what_is_no_field_is_no_key(key: Any) -> None:
    with pytest.raises(KeyError):
        INFO[key]


def test_its_repr_shows_what_is_known() -> None:
    assert repr(P0fInfo(os_name="Linux", distance=3)) == (
        "P0fInfo(total_conn=0, distance=3, os_match_q=<MatchQuality.NORMAL: 0>,"
        " os_name='Linux', source='p0f')"
    )


def test_as_dict_goes_through_json_with_plain_numbers() -> None:
    assert json.loads(json.dumps(INFO.as_dict())) == READ | {
        "first_seen": "2026-01-01T00:00:00+00:00",
        "last_seen": "2026-01-01T01:00:00+00:00",
        "last_nat": "2026-01-01T00:05:00+00:00",
        "last_chg": "2026-01-01T00:06:00+00:00",
        "uptime": 259260,
        "up_mod_days": 49,
        "bad_sw": 2,
        "os_match_q": 3,
    }
    assert {type(INFO.as_dict()[name]) for name in ("bad_sw", "os_match_q")} == {int}
    assert json.loads(json.dumps(FROM_A_SYN.as_dict()))["seen_as"] == {"Windows": 75, "Linux": 2}


def test_describe_says_all_that_is_known_in_words_and_leaves_out_what_is_not() -> None:
    in_order = {
        "Operating system": "Linux 3.11 and newer (by a generic signature and a near fit)",
        "Distance": "9 hops",
        "Link": "Ethernet or modem (MTU 1500)",
        "Uptime": "3 days, 0:01:00 (modulo 49 days)",
        "Clock": "250 Hz",
        "HTTP software": "Firefox 10.x or newer",
        "Language": "English",
        "Honesty": "the software is not what its User-Agent says",
        "Shared address": "yes, last seen 2026-01-01 00:05:00 UTC",
        "System changed": "2026-01-01 00:06:00 UTC",
        "First seen": "2026-01-01 00:00:00 UTC",
        "Last seen": "2026-01-01 01:00:00 UTC",
        "Connections": "7",
    }
    assert list(INFO.describe().items()) == list(in_order.items())
    assert P0fInfo().describe() == {"Connections": "0"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"os_name": "A"}, "Operating system: A"),
        ({"os_name": "A", "os_match_q": 1}, "Operating system: A (by a near fit)"),
        ({"os_name": "A", "os_match_q": 2}, "Operating system: A (by a generic signature)"),
        ({"link_mtu": 1492}, "Link: MTU 1492"),
        ({"link_type": "DSL"}, "Link: DSL"),
        ({"uptime_min": 61}, "Uptime: 1:01:00"),
        ({"http_name": "curl"}, "HTTP software: curl"),
        (
            {"bad_sw": 1},
            "Honesty: the User-Agent names another operating system (maybe a proxy)",
        ),
        ({"raw_sig": "4:64+0"}, "Raw signature: 4:64+0"),
        ({"signature": "s:win:A:"}, "Signature: s:win:A:"),
        ({"seen_as": {"Apple": 5, "Linux": 2}}, "User-Agents seen with it: Apple 5, Linux 2"),
    ],
)
def test_describe_words_each_thing_alone(fields: dict[str, Any], words: str) -> None:
    described = made(**fields).describe().items()

    assert {f"{label}: {text}" for label, text in described} == {words, "Connections: 0"}


WRONG_TYPES: dict[str, Any] = {
    **{"os_name": b"Linux", "total_conn": 7.5, "uptime_min": timedelta(minutes=3)},
    **{"first_seen": "2026-01-01", "tick_rate": "fast", "raw_sig": b"4:64+0", "signature": 7},
    **{"colour": "red", "uptime": timedelta(minutes=3)},
}
NO_ROOM: dict[str, tuple[Any, ...]] = {
    "os_name": ("x" * 33, "é" * 17, "Lin\0ux", "\ud800"),
    "source": ("nmap",),
    "total_conn": (-1, 2**32),
    "first_seen": (NEW_YEAR.replace(2107), NEW_YEAR.replace(1969)),
    "up_mod_days": (1_000_000_000,),
    "distance": (2**15, -(2**15) - 1),
    "bad_sw": (3,),
    "os_match_q": (4,),
    "link_mtu": (2**16,),
}


@pytest.mark.parametrize("field", WRONG_TYPES)
def test_an_unknown_field_and_a_value_of_the_wrong_type_are_type_errors(field: str) -> None:
    with pytest.raises(TypeError, match=field):
        made(**{field: WRONG_TYPES[field]})


@pytest.mark.parametrize("field", NO_ROOM)
def test_a_value_that_p0f_has_no_room_for_is_a_value_error(field: str) -> None:
    for value in NO_ROOM[field]:
        with pytest.raises(ValueError, match=r"\w"):
            made(**{field: value})


@pytest.mark.parametrize("status", [*P0fStatus, *ClaimVerdict])
def test_statuses_and_verdicts_are_their_plain_strings(status: P0fStatus | ClaimVerdict) -> None:
    assert f"{status}" == status == status.name.lower()
