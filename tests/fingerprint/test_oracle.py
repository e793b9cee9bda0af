"""The real p0f 3.09b reads the same SYNs from a capture file: its log and our verdicts must be
equal, field by field.

SYN_ORACLE_COUNT sets how many random mutations are tried for each database (5000), SYN_ORACLE_SEED
which ones.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, product
from pathlib import Path

import pytest

from p0f_middleware.fingerprint.signatures import load, parse
from tests.needs import find, unavailable

from .corpus import crafted, mutated
from .oracle import as_p0f_logs, load_complaints, observe
from .ours import INSTALLED, OURS, READER, SHAPES, reader_of
from .shapes import packets
from .syns import CWR, ECE, SYN, ipv4, ipv6, options, tcp
from .test_signatures import REFUSED

COUNT = int(os.environ.get("SYN_ORACLE_COUNT", "5000"))
SEED = int(os.environ.get("SYN_ORACLE_SEED", "20240607"))

# What no real file holds together: scoped and wildcard versions, moduli, random TTLs, applications
# in fuzzy reach.
ODD = """\
classes = win,unix,other
[mtu]
label = first name
sig   = 1500
label = second name
sig   = 1500
[tcp:request]
label = s:!:Tool:exact
sys   = @unix,Somewhere
sig   = *:64:0:*:64240,7:mss,sok,ts,nop,ws:df,id+:0
label = s:unix:After the tool:
sig   = *:64:0:*:64240,7:mss,sok,ts,nop,ws:df,id+,ecn:0
sig   = 6:64:0:1440:*,7:mss,sok,ts,nop,ws:ecn:0
sig   = 4:64:0:*:65535,*:mss,nop,ws,sok,ts:ecn:*
sig   = *:64:0:*:*,*:mss,nop,ws,sok,ts:df,id+,0+:0
sig   = *:128-:0:*:*,*:mss,nop,ws,nop,nop,sok:df,id+:0
sig   = *:54+10:0:*:%1024,0:mss:df,id+,flow:0
sig   = *:64:0:*:mtu*4,*:mss,nop,nop,sok:df,id+:*
label = g:!:Generic tool:
sys   = @win
sig   = *:64:0:*:*,0:mss:df,id+:0
sig   = *:255:0:*:*,*:mss,nop,nop,sok,nop,ws:df,id+:*
"""


def disagreements(packets: Sequence[bytes], database: Path) -> list[str]:
    """The packets p0f and we say different things of, with both."""
    ours = map(as_p0f_logs, map(reader_of(load(database)), packets))
    its = [one and one.as_an_info_has_it() for one in observe(packets, database)]
    pairs = zip(packets, ours, its, strict=True)
    return [f"{packet.hex()}\n ours {our}\n p0f  {its}" for packet, our, its in pairs if our != its]


@pytest.fixture(params=["ours", "installed", "odd"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    find("p0f")
    if request.param == "ours":
        return OURS
    if request.param == "installed":
        return INSTALLED if INSTALLED.exists() else unavailable(f"{INSTALLED} is not there")
    odd = tmp_path / "odd.fp"
    odd.write_text(ODD)
    return odd


def every_option_length() -> Iterator[bytes]:
    for kind, length in product((0, 1, 2, 3, 4, 5, 8, 19, 28, 30, 34, 253), range(256)):
        yield ipv4(tcp(options("mss") + bytes((kind, length)) + b"\5\1\4\2\3\0\0\7"))


def every_ttl_and_flag() -> Iterator[bytes]:
    linux, windows = options("mss,sok,ts,nop,ws"), options("mss,nop,ws,nop,nop,sok", scale=8)
    segments = [tcp(linux), tcp(windows), tcp(linux, flags=SYN | ECE | CWR)]
    for segment, ttl in product(segments, range(256)):
        yield from (ipv4(segment, ttl=ttl), ipv6(segment, ttl=ttl))
    for flags in range(256):
        yield ipv4(tcp(linux, flags=flags))


CORPORA: dict[str, Callable[[], Iterator[bytes]]] = {
    "known shapes": lambda: islice(crafted(), 0, None, 3),
    "mutations": lambda: mutated(COUNT, SEED),
    "collected shapes": lambda: (packet for shape in SHAPES for packet in packets(shape)),
    "option lengths": every_option_length,
    "TTLs and flags": every_ttl_and_flag,
}


@pytest.mark.parametrize("corpus", CORPORA)
def test_p0f_logs_the_same_verdict_for_each_of(corpus: str, database: Path) -> None:
    assert disagreements(list(CORPORA[corpus]()), database) == []


def test_fast_open_syn_of_which_only_headers_were_saved_reads_as_with_its_data() -> None:
    find("p0f")
    segment = tcp(options("mss,sok,ts,nop,ws,?34,nop,nop"))
    size = len(segment) + 18
    headers = [ipv4(segment, total=20 + size), ipv6(segment, payload=size)]
    its = observe([packet + bytes(18) for packet in headers], OURS)
    assert list(map(as_p0f_logs, map(READER, headers))) == its
    assert its[0]
    assert its[0].os == "Linux TCP Fast Open"


PLAIN = b"""classes = win,unix,other
[mtu]
label = Ethernet or modem
sig   = 1500
[tcp:request]
label = s:unix:Linux:3.11 and newer
sig   = *:64:0:*:mss*20,10:mss,sok,ts,nop,ws:df,id+:0
"""


@pytest.mark.parametrize(
    "file",
    [
        *(PLAIN, PLAIN[:-1], PLAIN + b"\0", PLAIN + b";; seen Windows=1 Apple=2 Linux=3\n"),
        *(
            b"; one" + odd + b"two\n" + PLAIN  # in a comment
            for odd in (b"\x0c", b"\r", b"\xe4", "\u2028".encode())
        ),
        *(PLAIN.replace(b"3.11 and", flavor) for flavor in (b"fran\xe7ais", b"fl\x0ca\x0bv")),
        PLAIN.replace(b"win,unix", b"win, \tunix"),
        PLAIN.replace(b"sig   =", b" \tsig\t=\t"),
        PLAIN.replace(b"[mtu]", b"  [mtu]"),
    ],
    ids=range(13),
)
def test_what_p0f_loads_is_loaded(file: bytes, tmp_path: Path) -> None:
    path = tmp_path / "some.fp"
    path.write_bytes(file)
    assert load_complaints(path) == ""
    assert [signature.layout for signature in load(path).requests] == ["mss,sok,ts,nop,ws"]


def test_p0f_loads_our_signatures_without_a_complaint() -> None:
    assert load_complaints(OURS) == ""


@pytest.mark.parametrize("signature", REFUSED, ids=range(len(REFUSED)))
def test_p0f_refuses_the_signatures_we_refuse(signature: str, tmp_path: Path) -> None:
    text = f"classes = unix\n[tcp:request]\nlabel = s:unix:Some:\nsig = {signature}\n"
    file = tmp_path / "bad.fp"
    file.write_text(text)
    assert "ABORT" in load_complaints(file)
    with pytest.raises(ValueError, match=":4: "):
        parse(text, str(file))
