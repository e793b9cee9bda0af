"""P0fInfo: what a host's fields read as, in every way a caller may read them."""

from __future__ import annotations

import copy
import json
import pickle
import pickletools
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from p0f_middleware import BadSoftware, MatchQuality, P0fInfo, P0fStatus
from p0f_middleware._daemon.protocol import (
    P0F_3,
    P0F_API2,
    P0F_MTU,
    Dialect,
    read_answer,
    write_answer,
)
from p0f_middleware._fields import text
from p0f_middleware._info import WIRE_FIELDS, by_address, with_bad_sw

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
UNKNOWN: dict[str, Any] = dict.fromkeys(READ) | {
    "total_conn": 0,
    "os_match_q": MatchQuality.NORMAL,
    "source": "p0f",
}


@pytest.fixture
def info() -> P0fInfo:
    return P0fInfo(**GIVEN)


@pytest.mark.parametrize("field", READ)
def test_a_field_reads_the_same_as_attribute_and_as_key(info: P0fInfo, field: str) -> None:
    assert (getattr(info, field), info[field]) == (READ[field], READ[field])


def test_a_mapping_of_it_has_every_field_and_no_other(info: P0fInfo) -> None:
    assert dict(info) == READ


@pytest.mark.parametrize(
    ("dialect", "not_sent"),
    [(P0F_3, ["link_mtu", "tick_rate"]), (P0F_MTU, ["tick_rate"]), (P0F_API2, [])],
)
def test_every_field_of_an_answer_is_read(
    info: P0fInfo, dialect: Dialect, not_sent: list[str]
) -> None:
    answered = read_answer(write_answer(info, dialect), dialect)

    assert answered is not None
    assert dict(answered) == READ | dict.fromkeys(not_sent)


def test_what_is_not_named_is_not_known() -> None:
    assert dict(P0fInfo()) == UNKNOWN


@pytest.mark.parametrize("field", GIVEN)
def test_none_stands_for_not_known(field: str) -> None:
    assert P0fInfo(**{field: None}) == P0fInfo()


def test_times_are_aware_and_in_utc(info: P0fInfo) -> None:
    assert info.first_seen is not None
    assert info.first_seen.tzinfo is timezone.utc


@pytest.mark.parametrize("field", ["first_seen", "last_seen", "last_nat", "last_chg"])
def test_the_last_second_that_p0f_can_name_is_a_time(field: str) -> None:
    latest: dict[str, Any] = {field: 2**32 - 1}

    assert P0fInfo(**latest)[field] == datetime(2106, 2, 7, 6, 28, 15, tzinfo=timezone.utc)


def test_a_time_given_in_another_zone_is_the_same_moment() -> None:
    there = NEW_YEAR.astimezone(timezone(timedelta(hours=-5)))

    assert P0fInfo(first_seen=there) == P0fInfo(first_seen=NEW_YEAR)


def test_the_longest_uptime_is_a_span() -> None:
    assert P0fInfo(uptime_min=2**32 - 1).uptime == timedelta(minutes=2**32 - 1)


@pytest.mark.parametrize("distance", [-1, -(2**15)])
def test_a_negative_distance_is_not_known(distance: int) -> None:
    assert P0fInfo(distance=distance).distance is None


def test_a_distance_of_zero_is_known() -> None:
    assert P0fInfo(distance=0).distance == 0


@pytest.mark.parametrize("rate", [0.0, -1.0, float("inf"), float("nan")])
def test_a_tick_rate_that_is_none_is_not_known(rate: float) -> None:
    assert P0fInfo(tick_rate=rate).tick_rate is None


def test_constants_equal_the_plain_numbers(info: P0fInfo) -> None:
    assert (info.bad_sw, info.os_match_q) == (2, 3)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"Linux\0\0\0", "Linux"),
        (b"Linux\0left over from a longer name", "Linux"),
        (b"x" * 32, "x" * 32),
        (b"\0" * 32, ""),
        ("Žluťoučký".encode(), "Žluťoučký"),
        (b"\xff\xfe", r"\xff\xfe"),
        (b"a\nb\x1b[31m\x7f", r"a\nb\x1b[31m\x7f"),
        ("left\u202eright".encode(), r"left\u202eright"),
    ],
)
def test_a_string_ends_at_its_nul_and_has_nothing_unprintable(sent: bytes, read: str) -> None:
    assert (text(sent) or "") == read


def test_one_made_from_a_syn_says_so() -> None:
    info = P0fInfo(os_name="Linux", raw_sig="4:64+0:0:1460:mss*44,7:mss,sok:df:0")

    assert (info.source, info.raw_sig) == ("syn", "4:64+0:0:1460:mss*44,7:mss,sok:df:0")


FROM_A_SYN = P0fInfo(
    os_name="Windows",
    raw_sig="4:128+0:0:1460:mss*44,8:mss,nop,ws,nop,nop,sok:df,id+:0",
    signature="s:win:Windows:10 or 11",
    seen_as={"Windows": 75, "Linux": 2},
)


def test_it_names_the_label_that_matched() -> None:
    assert FROM_A_SYN.signature == "s:win:Windows:10 or 11"


def test_the_evidence_of_its_signature_is_a_mapping_in_the_order_given() -> None:
    assert FROM_A_SYN.seen_as is not None
    assert list(FROM_A_SYN.seen_as.items()) == [("Windows", 75), ("Linux", 2)]


def test_the_evidence_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        FROM_A_SYN.seen_as["Windows"] = 1  # type: ignore[index]


def test_the_evidence_goes_through_json() -> None:
    assert json.loads(json.dumps(FROM_A_SYN.as_dict()))["seen_as"] == {"Windows": 75, "Linux": 2}


@pytest.mark.parametrize("source", ["p0f", "syn", "address"])
def test_it_says_whose_it_is(source: Any) -> None:
    assert P0fInfo(os_name="Linux", source=source).source == source


def test_a_syn_of_the_address_differs_from_the_connections_in_its_source_alone() -> None:
    other = by_address(FROM_A_SYN)

    assert dict(other) == {**FROM_A_SYN, "source": "address"}


def test_a_copy_with_another_bad_sw_differs_in_nothing_else() -> None:
    other = with_bad_sw(FROM_A_SYN, BadSoftware.OS_MISMATCH)

    assert dict(other) == {**FROM_A_SYN, "bad_sw": BadSoftware.OS_MISMATCH}


@pytest.mark.parametrize("field", ["raw_sig", "signature"])
def test_a_nul_in_what_a_syn_tells_is_a_value_error(field: str) -> None:
    fields: dict[str, Any] = {field: "x\0y"}
    with pytest.raises(ValueError, match="NUL"):
        P0fInfo(**fields)


def test_an_unknown_source_is_a_value_error() -> None:
    source: Any = "nmap"
    with pytest.raises(ValueError, match="'nmap'"):
        P0fInfo(source=source)


def test_a_pickle_names_the_root_package_alone() -> None:
    names = {argument for _, argument, _ in pickletools.genops(pickle.dumps(FROM_A_SYN, 0))}

    assert {name for name in names if "p0f" in str(name) and " " in str(name)} == {
        "p0f_middleware P0fInfo"
    }


def test_equal_fields_make_equals(info: P0fInfo) -> None:
    assert info == P0fInfo(**GIVEN)


def test_equals_have_the_same_hash(info: P0fInfo) -> None:
    assert hash(info) == hash(P0fInfo(**GIVEN))


OTHER_VALUES: dict[str, Any] = {
    **dict.fromkeys(WIRE_FIELDS, 1),
    **dict.fromkeys(WIRE_FIELDS[10:16], "another"),
    "raw_sig": "4:64+0",
    "signature": "s:win:Windows:10 or 11",
    "seen_as": {"Windows": 7},
    "source": "address",
}


@pytest.mark.parametrize("field", OTHER_VALUES)
def test_one_field_makes_a_difference(info: P0fInfo, field: str) -> None:
    assert info != P0fInfo(**GIVEN | {field: OTHER_VALUES[field]})


def with_rubbish_behind_each_nul(info: P0fInfo) -> P0fInfo:
    """The same host as p0f sends it after a longer string stood in the same place."""
    answer = bytearray(write_answer(info, P0F_3))
    for start in range(40, 232, 32):
        answer[start + 31] = ord("!")
    again = read_answer(bytes(answer), P0F_3)
    assert again is not None
    return again


def test_what_p0f_left_behind_a_nul_makes_no_difference() -> None:
    info = P0fInfo(os_name="Linux", language="English")

    assert with_rubbish_behind_each_nul(info) == info


def test_what_p0f_left_behind_a_nul_is_not_hashed() -> None:
    info = P0fInfo(os_name="Linux", language="English")

    assert hash(with_rubbish_behind_each_nul(info)) == hash(info)


def test_it_equals_a_dict_of_the_same_fields(info: P0fInfo) -> None:
    assert info == READ


def test_it_is_not_equal_to_something_else(info: P0fInfo) -> None:
    assert info != "Linux"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_of_it_is_its_equal(info: P0fInfo, protocol: int) -> None:
    assert pickle.loads(pickle.dumps(info, protocol)) == info


@pytest.mark.parametrize("copy_it", [copy.copy, copy.deepcopy])
def test_a_copy_of_it_is_its_equal(info: P0fInfo, copy_it: Any) -> None:
    assert copy_it(info) == info


def test_an_attribute_cannot_be_set(info: P0fInfo) -> None:
    with pytest.raises(AttributeError, match="P0fInfo is immutable: cannot set os_name"):
        info.os_name = "Windows"  # type: ignore[assignment]


def test_an_attribute_cannot_be_added(info: P0fInfo) -> None:
    with pytest.raises(AttributeError, match="immutable"):
        info.colour = "red"


def test_an_attribute_cannot_be_deleted(info: P0fInfo) -> None:
    with pytest.raises(AttributeError):
        del info.os_name


def test_an_item_cannot_be_set(info: P0fInfo) -> None:
    with pytest.raises(TypeError):
        info["os_name"] = "Windows"  # type: ignore[index]


@pytest.mark.parametrize("key", ["colour", "_record", "as_dict", "magic", 3])
def test_what_is_no_field_is_no_key(info: P0fInfo, key: Any) -> None:
    with pytest.raises(KeyError):
        info[key]


def test_its_repr_shows_what_is_known() -> None:
    info = P0fInfo(os_name="Linux", distance=3)

    assert repr(info) == (
        "P0fInfo(total_conn=0, distance=3, os_match_q=<MatchQuality.NORMAL: 0>,"
        " os_name='Linux', source='p0f')"
    )


def test_as_dict_goes_through_json(info: P0fInfo) -> None:
    assert json.loads(json.dumps(info.as_dict())) == READ | {
        "first_seen": "2026-01-01T00:00:00+00:00",
        "last_seen": "2026-01-01T01:00:00+00:00",
        "last_nat": "2026-01-01T00:05:00+00:00",
        "last_chg": "2026-01-01T00:06:00+00:00",
        "uptime": 259260,
        "up_mod_days": 49,
        "bad_sw": 2,
        "os_match_q": 3,
    }


def test_as_dict_has_plain_numbers_for_constants(info: P0fInfo) -> None:
    assert {type(info.as_dict()[name]) for name in ("bad_sw", "os_match_q")} == {int}


def test_describe_says_all_that_is_known_in_words(info: P0fInfo) -> None:
    assert info.describe() == {
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


def test_describe_leaves_out_what_is_not_known() -> None:
    assert P0fInfo().describe() == {"Connections": "0"}


@pytest.mark.parametrize(
    ("fields", "label", "words"),
    [
        ({"os_name": "Windows"}, "Operating system", "Windows"),
        ({"os_name": "A", "os_match_q": 1}, "Operating system", "A (by a near fit)"),
        ({"os_name": "A", "os_match_q": 2}, "Operating system", "A (by a generic signature)"),
        ({"distance": 0}, "Distance", "0 hops"),
        ({"link_mtu": 1492}, "Link", "MTU 1492"),
        ({"link_type": "DSL"}, "Link", "DSL"),
        ({"uptime_min": 61}, "Uptime", "1:01:00"),
        ({"http_name": "curl"}, "HTTP software", "curl"),
        (
            {"bad_sw": 1},
            "Honesty",
            "the User-Agent names another operating system (maybe a proxy)",
        ),
        ({"raw_sig": "4:64+0"}, "Raw signature", "4:64+0"),
    ],
)
def test_describe_words_each_thing_alone(fields: dict[str, Any], label: str, words: str) -> None:
    assert P0fInfo(**fields).describe()[label] == words


@pytest.mark.parametrize("name", ["colour", "uptime", "uptime_sec", "magic"])
def test_naming_a_field_that_cannot_be_set_is_a_type_error(name: str) -> None:
    fields: dict[str, Any] = {name: 1}
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
        P0fInfo(**fields)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("os_name", 3),
        ("os_name", b"Linux"),
        ("total_conn", "7"),
        ("total_conn", 7.5),
        ("total_conn", NEW_YEAR),
        ("uptime_min", timedelta(minutes=3)),
        ("first_seen", "2026-01-01"),
        ("first_seen", timedelta(days=3)),
        ("distance", "near"),
        ("tick_rate", "fast"),
    ],
)
def test_a_value_of_the_wrong_type_is_a_type_error(field: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"{field} cannot be"):
        P0fInfo(**{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("os_name", "x" * 33),
        ("os_name", "é" * 17),
        ("os_name", "Lin\0ux"),
        ("os_name", "\ud800"),
        ("total_conn", -1),
        ("total_conn", 2**32),
        ("first_seen", datetime(2106, 2, 8, tzinfo=timezone.utc)),
        ("first_seen", datetime(1969, 12, 31, tzinfo=timezone.utc)),
        ("up_mod_days", 1_000_000_000),
        ("distance", 2**15),
        ("bad_sw", 3),
        ("os_match_q", 4),
        ("link_mtu", 2**16),
    ],
)
def test_a_value_that_p0f_has_no_room_for_is_a_value_error(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        P0fInfo(**{field: value})


def test_a_status_is_its_plain_string() -> None:
    assert [f"{status}" for status in P0fStatus] == ["ok", "no_match", "unavailable", "no_address"]


@pytest.mark.parametrize("status", P0fStatus)
def test_a_status_equals_its_plain_string(status: P0fStatus) -> None:
    assert status == str(status)
