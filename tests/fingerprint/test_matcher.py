"""Matching SYNs: p0f's verdicts from stored vectors, the rules of rank, and bytes made to hurt.

test_oracle compares many more SYNs with a running p0f; nothing here needs it.
"""

from __future__ import annotations

import time

import pytest

from p0f_middleware.fingerprint.signatures import load, parse

from .oracle import VECTORS, Observed, as_p0f_logs
from .ours import INSTALLED, READER, is_fuzzy, reader_of
from .syns import ACK, ECE, FIN, RST, SYN, URG, ipv4, ipv6, options, tcp

ROWS = [line.split("\t") for line in VECTORS.read_text().splitlines() if not line.startswith("#")]
LINUX = options("mss,sok,ts,nop,ws")


def logged(columns: list[str]) -> Observed | None:
    cells = [None if column == "-" else column for column in columns]
    return None if cells[0] is None else Observed(*cells).as_an_info_has_it()  # type: ignore[arg-type]


@pytest.mark.parametrize("row", ROWS, ids=range(len(ROWS)))
def test_our_database_gives_the_verdict_p0f_logged(row: list[str]) -> None:
    assert as_p0f_logs(READER(bytes.fromhex(row[0]))) == logged(row[1:7])


@pytest.mark.skipif(not INSTALLED.exists(), reason="p0f's own signature file is not installed")
def test_the_installed_database_gives_the_verdicts_p0f_logged() -> None:
    installed = reader_of(load(INSTALLED))
    for packet, raw_sig, *_, name, params, distance in ROWS:
        its = logged([raw_sig, name, params, distance, "-", "-"])
        found = as_p0f_logs(installed(bytes.fromhex(packet)))
        assert (found and found[:4]) == (its and its[:4])


SPECIFIC = "label = s:unix:Specific:\nsig = *:64:0:*:*,*:mss,sok,ts,nop,ws:df,id+:0\n"
GENERIC = SPECIFIC.replace("s:unix:Specific", "g:unix:Generic")
NO_DF = "label = s:unix:NoDF:\nsig = *:64:0:*:*,*:mss,sok,ts,nop,ws:df:0\n"
TOOL = "label = s:!:Tool:\nsys = @unix\nsig = *:64:0:*:*,*:mss,sok,ts,nop,ws:df:0\n"
IPV4 = "label = s:unix:IPv4:\nsig = 4:64:0:*:*,*:mss,sok,ts,nop,ws::0\n"
TWICE_ODD = ipv4(tcp(LINUX, flags=SYN | ECE), ident=0)


@pytest.mark.parametrize(
    ("packet", "signatures", "name", "fuzzy"),
    [
        (ipv4(tcp(LINUX)), GENERIC + SPECIFIC, "Specific", False),
        (ipv4(tcp(LINUX), ident=0), SPECIFIC + GENERIC.replace("df,id+", "df"), "Generic", False),
        (TWICE_ODD, SPECIFIC + NO_DF, "Specific", True),
        (TWICE_ODD, NO_DF + SPECIFIC, "NoDF", True),
        # A fuzzy match with a tool is none, even if a system's would come next.
        (ipv4(tcp(LINUX), fragment=0, ttl=60), TOOL + SPECIFIC, None, False),
        # p0f 3.09b does not compare the version.
        (ipv6(tcp(LINUX)), IPV4, "IPv4", False),
        # TTL, df, id and ecn may differ in a fuzzy match, and nothing else may.
        *((ipv4(tcp(LINUX), ttl=ttl), SPECIFIC, "Specific", ttl != 29) for ttl in (28, 29, 65)),
        (ipv4(tcp(LINUX), tos=1), SPECIFIC, "Specific", True),
        (ipv4(tcp(LINUX), fragment=0), SPECIFIC, "Specific", True),
        (ipv4(tcp(LINUX), fragment=0xC000), SPECIFIC, None, False),
        (ipv4(tcp(LINUX, seq=0)), SPECIFIC, None, False),
        (ipv4(tcp(options("mss,sok,ts,nop,ws", own=0))), SPECIFIC, None, False),
        (ipv4(tcp(LINUX), ip_options=b"\1\1\1\1"), SPECIFIC, None, False),
        (ipv4(tcp(LINUX) + b"data"), SPECIFIC, None, False),
        (ipv6(tcp(LINUX), flow=1), SPECIFIC, None, False),
    ],
    ids=range(17),
)
def test_p0fs_rules_decide_between_signatures(
    packet: bytes, signatures: str, name: str | None, fuzzy: bool
) -> None:
    info = reader_of(parse(f"classes = unix\n[tcp:request]\n{signatures}"))(packet)
    assert info is not None
    assert (info.os_name, is_fuzzy(info)) == (name, fuzzy)


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
    assert READER(packet) is None


@pytest.mark.parametrize(
    ("packet", "described"),
    [
        (ipv4(tcp(LINUX, flags=SYN | URG, urgent=1)), "mss,sok,ts,nop,ws:df,id+,urgf+:0"),
        # p0f 3.09b does not look at the last byte behind the end of the options.
        (ipv4(tcp(b"\x00\x01\x00\x00")), "eol+3:df,id+,opt+:0"),
        (ipv4(tcp(b"\x00\x00\x00\x01")), "eol+3:df,id+:0"),
        (ipv4(tcp(b"\x01" * 28)), ",".join(["nop"] * 24) + ":df,id+,bad:0"),
    ],
)
def test_odd_fields_are_told_as_p0f_tells_them(packet: bytes, described: str) -> None:
    info = READER(packet)
    assert info is not None
    assert str(info.raw_sig).split(":", 5)[5] == described


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
        READER(packet)
        spent.append(time.thread_time() - started)
    assert min(spent) < 0.001
