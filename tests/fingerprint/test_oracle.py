"""The real p0f 3.09b reads the same SYNs from a capture file: its log and our verdicts must be
equal, field by field.

SYN_ORACLE_COUNT sets how many random mutations are tried for each database (10000), SYN_ORACLE_SEED
which ones.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import product
from pathlib import Path

import pytest

from p0f_middleware import check_claim
from p0f_middleware.fingerprint import fingerprint_syn
from p0f_middleware.fingerprint.signatures import load, parse
from tests import own_network
from tests.needs import find, unavailable

from .corpus import crafted, mutated
from .oracle import as_p0f_logs, load_complaints, observe
from .ours import INSTALLED, OURS, READER, SHAPES, reader_of
from .shapes import packets, twin_packets
from .syns import CWR, ECE, SYN, ipv4, ipv6, options, tcp
from .test_signatures import REFUSED

COUNT = int(os.environ.get("SYN_ORACLE_COUNT", "10000"))
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


@cache
def kernel_made() -> tuple[bytes, ...]:
    """SYNs of this machine's kernel under many settings, from a network namespace of their own."""
    script = Path(__file__).with_name("kernel_syns.py")
    command = [*own_network.COMMAND, sys.executable, str(script)]
    find("ip")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        unavailable(f"no network namespace can be made: {done.stderr.strip()[-200:]}")
    return tuple(bytes.fromhex(line) for line in done.stdout.split())


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
    "known shapes": crafted,
    "mutations": lambda: mutated(COUNT, SEED),
    "collected shapes": lambda: (packet for shape in SHAPES for packet in packets(shape)),
    "twins": lambda: (packet for shape in SHAPES for _, packet in twin_packets(shape)),
    "option lengths": every_option_length,
    "TTLs and flags": every_ttl_and_flag,
}


@pytest.mark.parametrize("corpus", CORPORA)
def test_p0f_logs_the_same_verdict_for_each_of(corpus: str, database: Path) -> None:
    assert disagreements(list(CORPORA[corpus]()), database) == []


def test_kernel_made_syns_get_the_verdict_p0f_logs(database: Path) -> None:
    packets = kernel_made()
    # Elsewhere the data of a TCP Fast Open SYN is missing, which p0f takes for a truncated packet.
    whole = [packet for packet in packets if declared_length(packet) == len(packet)]
    assert len(whole) > 500
    assert disagreements(whole, database) == []


def test_linux_without_timestamps_and_scaling_accuses_nobody() -> None:
    bare = ("mss", "mss,nop,nop,sok")  # what tcp_timestamps=0 and tcp_window_scaling=0 leave
    infos = [fingerprint_syn(packet) for packet in kernel_made()]
    without = [info for info in infos if info and str(info.raw_sig).split(":")[5] in bare]
    linux = "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0"
    assert without
    assert [info for info in without if check_claim(info, linux).verdict == "mismatch"] == []


def test_fast_open_syn_of_which_only_headers_were_saved_reads_as_with_its_data() -> None:
    find("p0f")
    headers = [packet for packet in kernel_made() if declared_length(packet) > len(packet)]
    assert headers
    whole = [packet + bytes(declared_length(packet) - len(packet)) for packet in headers]
    its = [one and one.as_an_info_has_it() for one in observe(whole, OURS)]
    assert [as_p0f_logs(READER(packet)) for packet in headers] == its


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


def declared_length(packet: bytes) -> int:
    """The packet's length by its IP header."""
    if packet[0] >> 4 == 4:
        return int.from_bytes(packet[2:4], "big")
    return 40 + int.from_bytes(packet[4:6], "big")
