"""p0f's notation for a SYN, read back: what a text tells, and what it leaves open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware.fingerprint.packet import QUIRKS, read_syn
from p0f_middleware.fingerprint.raw_sig import Window, raw_sig, read_raw_sig, traits_of

from .corpus import mutated

LINUX = "4:57+7:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0"


def test_all_that_a_text_tells() -> None:
    traits = read_raw_sig(LINUX)
    assert traits is not None
    assert traits._asdict() == {
        "version": 4,
        "ttl": 57,
        "ttl_known": True,
        "hops_known": True,
        "ip_options": 0,
        "mss": 1460,
        "windows": (Window(64240, "mss*44", 64240), Window(63712, "mss*44", 63712)),
        "scale": 7,
        "layout": "mss,sok,ts,nop,ws",
        "quirks": QUIRKS["df"] | QUIRKS["id+"],
        "payload": False,
    }


@pytest.mark.parametrize("seed", range(3))
def test_a_text_tells_what_its_syn_has(seed: int) -> None:
    for packet in mutated(2000, seed):
        read = read_syn(packet)
        if read is None:
            continue
        shape = read[2]
        own = traits_of(shape)
        text = raw_sig(own)
        traits = read_raw_sig(text)
        assert traits is not None, text
        assert traits._replace(windows=own.windows) == own, text
        assert own.windows[0] in traits.windows, text


def windows(window: str, mss: int = 1400, rest: str = "7:mss,sok,ts,nop,ws:df,id+:0") -> list[int]:
    traits = read_raw_sig(f"4:64+0:0:{mss}:{window},{rest}")
    assert traits is not None
    return [each.size or 0 for each in traits.windows]


@pytest.mark.parametrize(
    ("window", "sizes"),
    [
        ("mss*10", [14000, 13880, 14600, 14480]),
        ("mtu*10", [14400, 15000]),
        ("14601", [14601]),
        ("mss*60", []),
        ("mss*0", []),
    ],
)
def test_every_window_that_p0f_writes_so_is_thought_of(window: str, sizes: list[int]) -> None:
    assert windows(window) == (sizes or [0])


def test_without_a_timestamp_the_mss_is_not_shortened_by_one() -> None:
    assert windows("mss*10", rest="7:mss,nop,nop,sok,nop,ws:df,id+:0") == [14000, 14600, 14480]


def test_headers_whose_length_the_options_tell_count() -> None:
    with_timestamp = 1300 + 40 + 20
    assert 10 * with_timestamp in windows("mtu*10", mss=1300)


@pytest.mark.parametrize("layout", ["mss,?30,nop,nop", "mss,sack"])
def test_where_the_options_do_not_tell_the_length_of_the_headers_each_is_thought_of(
    layout: str,
) -> None:
    thought_of = windows("mtu*10", mss=1300, rest=f"0:{layout}:df:0")
    assert thought_of == [
        *(13400, 10 * (1340 + 8), 15000),
        *(10 * (1340 + size) for size in range(12, 41, 4) if 10 * (1340 + size) % 1300),
    ]


@pytest.mark.parametrize("layout", ["mss,nop", "mss,eol+40"])
def test_options_that_do_not_fill_a_header_tell_no_length(layout: str) -> None:
    assert windows("mtu*10", mss=1300, rest=f"0:{layout}:df:0") == [13400, 15000]


# huginn-proxy's ways


def test_a_window_that_is_a_multiple_of_something_is_no_number() -> None:
    traits = read_raw_sig(LINUX.replace("mss*44", "%4096"))
    assert traits is not None
    assert traits.windows == (Window(None, None, 4096),)


@pytest.mark.parametrize(
    ("ttl", "expected"),
    [
        ("57+7", (57, True, True)),
        ("200+?", (200, True, True)),
        ("64", (64, True, False)),
        ("64-", (64, False, False)),
    ],
)
def test_a_ttl_tells_what_it_tells(ttl: str, expected: tuple[int, bool, bool]) -> None:
    traits = read_raw_sig(LINUX.replace("57+7", ttl))
    assert traits is not None
    assert (traits.ttl, traits.ttl_known, traits.hops_known) == expected


def test_an_mss_and_a_scale_that_were_not_sent_are_0() -> None:
    traits = read_raw_sig("4:64:0:*:1024,*:::0")
    assert traits is not None
    assert (traits.mss, traits.scale) == (0, 0)


def test_a_text_may_lack_quirks_and_payload() -> None:
    traits = read_raw_sig(LINUX.rpartition(":")[0].rpartition(":")[0])
    assert traits is not None
    assert traits.quirks is None


# What is not in p0f's notation


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5" + LINUX[1:],
        LINUX.replace("57", "256"),
        LINUX.replace("57", "5" * 5000),
        LINUX.replace(":0:1460", ":999:1460"),
        LINUX.replace("1460", "65536"),
        LINUX.replace("mss*44", "%0"),
        LINUX.replace(",7:", ",256:"),
        LINUX.replace("sok", "sick"),
        LINUX.replace("sok", "eol+3"),
        LINUX.replace("id+", "id"),
        LINUX[:-1] + "1",
        LINUX + "\n",
        LINUX.replace("7", "\u0667"),
        "4:64+0:0:1460:1,7:" + ",".join(["nop"] * 25) + ":df:0",
        "s:win:Windows:10 or 11",
    ],
    ids=range(16),
)
def test_what_p0f_does_not_write_is_refused(text: str) -> None:
    assert read_raw_sig(text) is None


@given(st.data())
def test_any_damaged_text_is_read_without_an_error(data: st.DataObject) -> None:
    at, end = sorted((data.draw(st.integers(0, len(LINUX))), data.draw(st.integers(0, len(LINUX)))))
    junk = data.draw(st.text("0123456789+-:*%?,msteolwpk", max_size=10))
    read_raw_sig(LINUX[:at] + junk + LINUX[end:])
