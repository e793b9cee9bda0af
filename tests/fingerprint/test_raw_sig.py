"""p0f's notation for a SYN, read back: what a text tells, and what it leaves open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware.fingerprint.packet import read_syn
from p0f_middleware.fingerprint.raw_sig import Window, raw_sig, read_raw_sig, traits_of

from .corpus import mutated

LINUX = "4:57+7:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0"


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


@pytest.mark.parametrize(
    ("window", "mss", "rest", "sizes"),
    [
        # Without a timestamp the MSS is not shortened by one.
        ("mss*10", 1400, "7:mss,nop,nop,sok,nop,ws:df,id+:0", [14000, 14600, 14480]),
        # The options tell how long the headers are: 40 bytes, and 20 more.
        ("mtu*10", 1300, "7:mss,sok,ts,nop,ws:df,id+:0", [13400, 15000, 13600]),
        # They do not fill a header, so they do not tell.
        ("mtu*10", 1300, "0:mss,nop:df:0", [13400, 15000]),
        ("mtu*10", 1300, "0:mss,eol+40:df:0", [13400, 15000]),
    ],
)
def test_the_options_tell_what_a_multiple_may_be_of(
    window: str, mss: int, rest: str, sizes: list[int]
) -> None:
    assert set(windows(window, mss, rest)) >= set(sizes)
    if "ts" not in rest:
        assert windows(window, mss, rest) == sizes


@pytest.mark.parametrize("layout", ["mss,?30,nop,nop", "mss,sack"])
def test_where_the_options_do_not_tell_the_length_of_the_headers_each_is_thought_of(
    layout: str,
) -> None:
    assert windows("mtu*10", mss=1300, rest=f"0:{layout}:df:0") == [
        *(13400, 10 * (1340 + 8), 15000),
        *(10 * (1340 + size) for size in range(12, 41, 4) if 10 * (1340 + size) % 1300),
    ]


# huginn-proxy's ways


def test_a_window_that_is_a_multiple_of_something_is_no_number() -> None:
    traits = read_raw_sig(LINUX.replace("mss*44", "%4096"))
    assert traits is not None
    assert traits.windows == (Window(None, None, 4096),)


@pytest.mark.parametrize(
    ("ttl", "expected"),
    [
        *(("57+7", (57, True, True)), ("200+?", (200, True, True))),
        *(("64", (64, True, False)), ("64-", (64, False, False))),
    ],
)
def test_a_ttl_tells_what_it_tells(ttl: str, expected: tuple[int, bool, bool]) -> None:
    traits = read_raw_sig(LINUX.replace("57+7", ttl))
    assert traits is not None
    assert (traits.ttl, traits.ttl_known, traits.hops_known) == expected


def test_a_text_may_lack_quirks_and_payload_and_leave_mss_and_scale_open() -> None:
    traits = read_raw_sig("4:64:0:*:1024,*:")
    assert traits is not None
    assert (traits.mss, traits.scale, traits.quirks) == (0, 0, None)


# What is not in p0f's notation


@pytest.mark.parametrize(
    "text",
    [
        *("", "s:win:Windows:10 or 11", "5" + LINUX[1:], LINUX[:-1] + "1", LINUX + "\n"),
        *(LINUX.replace("57", ttl) for ttl in ("256", "5" * 5000)),
        *(LINUX.replace("sok", option) for option in ("sick", "eol+3")),
        LINUX.replace(":0:1460", ":999:1460"),
        LINUX.replace("1460", "65536"),
        LINUX.replace("mss*44", "%0"),
        LINUX.replace(",7:", ",256:"),
        LINUX.replace("id+", "id"),
        LINUX.replace("7", "\u0667"),
        "4:64+0:0:1460:1,7:" + ",".join(["nop"] * 25) + ":df:0",
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
