"""Matching SYNs: p0f's verdicts from stored vectors, the rules one by one, and bytes made to hurt.

tests/real compares many more SYNs with a running p0f; nothing here needs it.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from p0f_middleware.fingerprint.matcher import Verdict
from p0f_middleware.fingerprint.signatures import load, parse

from .oracle import as_p0f_logs
from .ours import INSTALLED, MATCHER, PacketMatcher
from .syns import ACK, CWR, ECE, FIN, PUSH, RST, SYN, URG, ipv4, ipv6, options, tcp

VECTORS = [
    line.split("\t")
    for line in (Path(__file__).parent / "vectors" / "syns.tsv").read_text().splitlines()
    if not line.startswith("#")
]
LINUX = options("mss,sok,ts,nop,ws")


def verdict(packet: bytes, signatures: str | None = None) -> Verdict:
    """The verdict on *packet* by our database, or by one [tcp:request] section."""
    judge = MATCHER
    if signatures is not None:
        text = (
            f"classes = unix,win\n[mtu]\nlabel = Ethernet\nsig = 1500\n[tcp:request]\n{signatures}"
        )
        judge = PacketMatcher(parse(text))
    return judge.verdict(packet)


def name(packet: bytes, signatures: str | None = None) -> str | None:
    label = verdict(packet, signatures).label
    return label and label.name


def expected(columns: list[str]) -> tuple[str | None, ...] | None:
    told = tuple(None if column == "-" else column for column in columns)
    return None if told[0] is None else told


@pytest.mark.parametrize("row", VECTORS, ids=range(len(VECTORS)))
def test_our_database_gives_the_verdict_p0f_logged(row: list[str]) -> None:
    assert as_p0f_logs(MATCHER.packet(bytes.fromhex(row[0]))) == expected(row[1:7])


@pytest.mark.skipif(not INSTALLED.exists(), reason="p0f's own signature file is not installed")
def test_the_installed_database_gives_the_verdicts_p0f_logged() -> None:
    installed = PacketMatcher(load(INSTALLED))
    ours = [as_p0f_logs(installed.packet(bytes.fromhex(row[0]))) for row in VECTORS]
    assert [one and tuple(one[1:4]) for one in ours] == [expected(row[7:10]) for row in VECTORS]


def test_a_match_has_its_sender_and_only_an_exact_one_has_evidence() -> None:
    found = MATCHER.packet(ipv4(tcp(LINUX, sport=40123), ttl=57, source="192.0.2.7"))
    assert found is not None
    assert (found.port, found.source) == (40123, b"\xc0\x00\x02\x07")
    assert found.verdict.seen == (("Windows", 7), ("Apple", 6), ("Linux", 87))
    fuzzy = verdict(ipv4(tcp(LINUX, flags=SYN | ECE | CWR), fragment=0))
    assert (fuzzy.fuzzy, fuzzy.seen) == (True, None)


@pytest.mark.parametrize(
    ("packet", "expected_name"),
    [
        (ipv4(tcp(options("mss,nop,ws,nop,nop,sok", scale=8), window=64240), ttl=119), "Windows"),
        (ipv4(tcp(LINUX)), "Linux"),
        (ipv6(tcp(LINUX), flow=77), "Linux"),
        (ipv4(tcp(options("mss"), window=1024), ttl=44, fragment=0), "Nmap"),
        (ipv4(tcp(b"", window=1024), ttl=250, fragment=0), "masscan"),
        (ipv4(tcp(b"", window=65535), ttl=250, fragment=0), "ZMap"),
        (ipv4(tcp(b"", window=512), fragment=0), "hping"),
    ],
)
def test_systems_and_scanners_are_named(packet: bytes, expected_name: str) -> None:
    assert name(packet) == expected_name


@pytest.mark.parametrize(
    ("mss", "make", "link"),
    [
        (1460, ipv4, "Ethernet"),
        (1440, ipv6, "Ethernet"),
        (1452, ipv4, "PPPoE or DSL"),
        (65495, ipv4, "loopback"),
        (1234, ipv4, None),
    ],
)
def test_the_link_is_named_by_the_mtu_behind_the_mss(
    mss: int, make: type, link: str | None
) -> None:
    found = verdict(make(tcp(options("mss,sok,ts,nop,ws", mss=mss))))
    assert (found.link, found.link_mtu) == (link, mss + (40 if make is ipv4 else 60))


@pytest.mark.parametrize("layout", ["sok,ts,nop,ws,nop", ""])
def test_without_an_mss_the_link_is_unknown(layout: str) -> None:
    found = verdict(ipv4(tcp(options(layout))))
    assert (found.link, found.link_mtu) == (None, None)


def test_a_tool_chooses_its_own_mss_so_its_link_is_unknown() -> None:
    found = verdict(ipv4(tcp(options("mss"), window=1024), ttl=44, fragment=0))
    assert (found.link, found.link_mtu, found.random_ttl, found.distance) == (None, None, True, 15)


SPECIFIC = "label = s:unix:Specific:\nsig = *:64:0:*:*,*:mss,sok,ts,nop,ws:df,id+:0\n"
GENERIC = "label = g:unix:Generic:\nsig = *:64:0:*:*,*:mss,sok,ts,nop,ws:df,id+:0\n"
NO_DF = "label = s:unix:NoDF:\nsig = *:64:0:*:*,*:mss,sok,ts,nop,ws:df:0\n"
TOOL = "label = s:!:Tool:\nsys = @unix\nsig = *:64:0:*:*,*:mss,sok,ts,nop,ws:df:0\n"


def test_a_specific_signature_beats_a_generic_one_above_it() -> None:
    assert name(ipv4(tcp(LINUX)), GENERIC + SPECIFIC) == "Specific"


def test_a_generic_signature_beats_a_fuzzy_match_above_it() -> None:
    found = verdict(ipv4(tcp(LINUX), ident=0), SPECIFIC + GENERIC.replace("df,id+", "df"))
    assert (found.label and found.label.name, found.fuzzy) == ("Generic", False)


def test_of_two_fuzzy_matches_the_first_in_the_file_wins() -> None:
    packet = ipv4(tcp(LINUX, flags=SYN | ECE), ident=0)
    assert (name(packet, SPECIFIC + NO_DF), name(packet, NO_DF + SPECIFIC)) == ("Specific", "NoDF")


def test_a_fuzzy_match_with_a_tool_is_none_even_if_a_system_would_come_next() -> None:
    found = verdict(ipv4(tcp(LINUX), fragment=0, ttl=60), TOOL + SPECIFIC)
    assert (found.label, found.fuzzy, found.distance) == (None, False, 0)


@pytest.mark.parametrize(
    ("change", "fuzzy"),
    [
        *(({change: 0}, True) for change in ("ident", "fragment")),
        *(({"ttl": ttl}, ttl != 29) for ttl in (28, 29, 65)),
        ({"tos": 1}, True),
    ],
    ids=str,
)
def test_ttl_df_id_and_ecn_may_differ_in_a_fuzzy_match(change: dict[str, int], fuzzy: bool) -> None:
    found = verdict(ipv4(tcp(LINUX), **change), SPECIFIC)  # type: ignore[arg-type]
    assert (found.label and found.label.name, found.fuzzy) == ("Specific", fuzzy)


@pytest.mark.parametrize(
    "packet",
    [
        ipv4(tcp(LINUX), fragment=0xC000),
        *(ipv4(tcp(LINUX, seq=0)), ipv4(tcp(LINUX, ack=1 << 24))),
        *(ipv4(tcp(LINUX, flags=SYN | flag)) for flag in (PUSH, URG)),
        ipv4(tcp(LINUX, urgent=1)),
        *(
            ipv4(tcp(options("mss,sok,ts,nop,ws", **change)))
            for change in ({"own": 0}, {"peer": 1}, {"scale": 15})
        ),
        ipv4(tcp(LINUX), ip_options=b"\1\1\1\1"),
        ipv4(tcp(LINUX) + b"data"),
        ipv6(tcp(LINUX), flow=1),
    ],
    ids=range(12),
)
def test_no_other_quirk_may_differ(packet: bytes) -> None:
    assert name(packet, SPECIFIC) is None


def test_a_signature_scoped_to_ipv4_matches_ipv6_too() -> None:
    scoped = "label = s:unix:Scoped:\nsig = 4:64:0:*:*,*:mss,sok,ts,nop,ws::0\n"
    assert name(ipv6(tcp(LINUX)), scoped) == "Scoped"


@pytest.mark.parametrize(
    ("window", "mss", "notation"),
    [
        *((14600, mss, "mss*10") for mss in (1460, 1400)),
        *((size, 1400, "mtu*10") for size in (14400, 15000)),
        *((size, mss, str(size)) for size, mss in [(1000, 99), (0, 1460), (14601, 1460)]),
    ],
)
def test_the_window_is_told_as_a_multiple_where_it_is_one(
    window: int, mss: int, notation: str
) -> None:
    raw = verdict(ipv4(tcp(options("mss,sok,ts,nop,ws", mss=mss), window=window))).raw_sig
    assert raw.split(":")[4] == f"{notation},7"


@pytest.mark.parametrize(
    "packet",
    [
        *(b"", b"\x45"),
        *(ipv4(tcp(LINUX, flags=flags)) for flags in (SYN | ACK, SYN | FIN, SYN | RST, 0)),
        *(ipv4(tcp(LINUX), fragment=fragment) for fragment in (0x2000, 0x4001)),
        *(ipv4(tcp(LINUX, doff=doff)) for doff in (4, 11)),
        *(ipv4(tcp(LINUX), protocol=17), ipv6(tcp(LINUX), next_header=0)),
        *(ipv4(tcp(LINUX), total=59), ipv6(tcp(LINUX), payload=39)),
        *(first + ipv4(tcp(LINUX))[1:] for first in (b"\x44", b"\x55")),
        ipv4(tcp(options("mss", mss=1331), window=1337)),
    ],
    ids=range(17),
)
def test_what_p0f_does_not_fingerprint_gives_none(packet: bytes) -> None:
    assert MATCHER.packet(packet) is None


@pytest.mark.parametrize(
    "option_bytes",
    [
        b"\1" * 40,
        b"\3\0" * 20,
        b"\x1e\2" * 20,
        b"\2\4\2\4" * 10,
        b"\1" * 30 + b"\x08\x0a" + b"\1" * 8,
    ],
    ids=["nops", "zero-length", "unknown", "nested", "late-timestamp"],
)
def test_the_worst_options_take_less_than_a_millisecond(option_bytes: bytes) -> None:
    packet, spent = ipv4(tcp(option_bytes)), []
    for _ in range(5):
        started = time.thread_time()
        MATCHER.packet(packet)
        spent.append(time.thread_time() - started)
    assert min(spent) < 0.001
