"""fingerprint_syn, and a verdict as a P0fInfo: what each field says, from a packet or a text."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware import MatchQuality, P0fInfo
from p0f_middleware.fingerprint import fingerprint_syn, fingerprinter
from p0f_middleware.fingerprint.packet import QUIRKS, read_syn
from p0f_middleware.fingerprint.raw_sig import raw_sig, read_raw_sig, traits_of
from p0f_middleware.fingerprint.signatures import load

from .corpus import crafted, mutated
from .ours import reader_of
from .syns import ipv4, ipv6, options, tcp

LINUX = ipv4(tcp(options("mss,sok,ts,nop,ws")), ttl=57)
FRAME = bytes(12) + b"\x08\x00" + LINUX
TEXT = "4:57+7:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0"
NOBODY = "classes = unix,other\n\n[mtu]\n\n[tcp:request]\n"
SignatureFile = Callable[..., Path]


@pytest.fixture
def signature_file(tmp_path: Path) -> SignatureFile:
    """Writes a signature file with one label, for LINUX but for the TTL."""

    def write(label: str, ttl: str = "64", more: str = "") -> Path:
        path = tmp_path / "one.fp"
        signature = TEXT.replace("57+7", ttl)
        path.write_text(f"{NOBODY}label = {label}\n{more}sig = {signature}\n")
        return path

    return write


def info_of(data: bytes | str, database: Path | None = None) -> P0fInfo:
    info = fingerprint_syn(data, database)
    assert info is not None
    return info


# What it takes


@pytest.mark.parametrize(
    "data",
    [
        *(LINUX, bytearray(LINUX), memoryview(LINUX), LINUX.hex(), LINUX.hex().upper()),
        *(FRAME, FRAME.hex(), TEXT, f" {TEXT}\n"),
    ],
    ids=["bytes", "bytearray", "memoryview", "hex", "HEX", "frame", "hex frame", "text", "spaces"],
)
def test_a_syn_may_come_in_several_forms(data: Any) -> None:
    assert info_of(data) == info_of(LINUX)


@pytest.mark.parametrize("data", [None, 7, [LINUX], P0fInfo])
def test_another_type_is_an_error(data: Any) -> None:
    with pytest.raises(TypeError, match="takes bytes or text, not"):
        fingerprint_syn(data)


@pytest.mark.parametrize(
    "data",
    [
        *(b"", "", b"x" * 60, "zz", "45", "4500", LINUX[:-1], LINUX.hex()[:-1], "é", "4:64", "\0"),
        *("s:win:Windows:10 or 11", "5" + TEXT[1:], TEXT[:-1] + "1", TEXT + "\n1"),
        *(TEXT.replace("57", ttl) for ttl in ("256", "5" * 900)),
        *(TEXT.replace("sok", option) for option in ("sick", "eol+3")),
        *(TEXT.replace(":0:1460", odd) for odd in (":999:1460", ":0:65536")),
        *(TEXT.replace("mss*44,7", odd) for odd in ("%0,7", "mss*44,256")),
        *(TEXT.replace("id+", "id"), TEXT.replace("7", "\u0667")),
        "4:64+0:0:1460:1,7:" + ",".join(["nop"] * 25) + ":df:0",
        bytes(12) + b"\x08\x06" + LINUX,  # of another EtherType
        bytes(12) + b"\x86\xdd" + LINUX,
    ],
    ids=range(28),
)
def test_what_is_not_a_syn_gives_none(data: bytes | str) -> None:
    assert fingerprint_syn(data) is None


@given(
    st.one_of(
        st.binary(max_size=120),
        st.text(max_size=120),
        st.text("0123456789+-:*%?,msteolwpk", max_size=9).map(lambda junk: TEXT[:17] + junk),
        st.binary(max_size=40).map(lambda layout: ipv4(tcp(layout))),
    )
)
def test_anything_gives_a_fingerprint_or_none(data: bytes | str) -> None:
    assert isinstance(fingerprint_syn(data), P0fInfo | None)


def test_the_shape_of_a_syn_holds_nothing_that_differs_between_connections() -> None:
    for own in (1, 5):
        segment = tcp(options("mss,sok,ts,nop,ws", own=own), sport=own, seq=own) + b"data"
        read = read_syn(ipv4(segment, ttl=57, ident=own, source=f"10.0.0.{own}"))
        assert read is not None
        assert read[:2] == (bytes((10, 0, 0, own)), own)
        quirks, layout = QUIRKS["df"] | QUIRKS["id+"], options("mss,sok,ts,nop,ws")
        assert read[2] == (4, 57, 0, 64240, quirks, True, layout)


# What it tells


def test_every_field_of_one_syn() -> None:
    known = {name: value for name, value in info_of(LINUX).items() if value is not None}
    known.pop("seen_as", None)
    assert known == {
        "total_conn": 1,
        "distance": 7,
        "os_match_q": MatchQuality.NORMAL,
        "os_name": "Linux",
        "os_flavor": known["os_flavor"],
        "link_type": "Ethernet",
        "link_mtu": 1500,
        "raw_sig": TEXT,
        "signature": f"s:unix:Linux:{known['os_flavor']}",
        "source": "syn",
    }


@pytest.mark.parametrize(
    ("label", "ttl", "quality"),
    [
        ("s:unix:Test:1", "64", MatchQuality.NORMAL),
        ("g:unix:Test:1", "64", MatchQuality.GENERIC),
        ("s:unix:Test:1", "128", MatchQuality.FUZZY),
    ],
)
def test_the_quality_of_a_match_and_its_label_are_told(
    signature_file: SignatureFile, label: str, ttl: str, quality: MatchQuality
) -> None:
    info = info_of(LINUX, signature_file(label, ttl))
    told = info.os_name, info.os_flavor, info.os_match_q, info.signature
    assert told == ("Test", "1", quality, label)


def test_a_program_is_no_system_and_a_limit_is_no_distance(signature_file: SignatureFile) -> None:
    info = info_of(LINUX, signature_file("s:!:Scanner:2", more="sys = @unix\n"))
    assert (info.os_name, info.signature) == (None, "s:!:Scanner:2")
    info = info_of(LINUX, signature_file("s:unix:Test:", "64-"))
    assert (info.os_name, info.distance) == ("Test", None)


@pytest.mark.parametrize(("mss", "mtu"), [(0, None), (1, 41), (65495, 65535), (65496, None)])
def test_an_mtu_that_the_field_cannot_hold_is_none(mss: int, mtu: int | None) -> None:
    assert info_of(ipv4(tcp(options("mss,sok,ts,nop,ws", mss=mss)))).link_mtu == mtu


@pytest.mark.parametrize(
    ("name", "told"),
    [
        *(("é" * 40, "é" * 16), ("a" + "é" * 40, "a" + "é" * 15), ("x" * 5000, "x" * 32)),
        *(("nul\0byte", "nulbyte"), ("\ud800", "?")),
    ],
    ids=["long", "cut in a character", "very long", "NUL", "surrogate"],
)
def test_a_name_that_does_not_fit_is_cut_and_cleaned(
    signature_file: SignatureFile, name: str, told: str
) -> None:
    database = load(signature_file("s:unix:NAME:NAME"))
    (signature,) = database.requests
    signature = signature._replace(label=signature.label._replace(name=name, flavor=name))
    changed = database._replace(requests=(signature,), links={1500: name})
    info = reader_of(changed)(LINUX)
    assert info is not None
    assert (info.os_name, info.os_flavor, info.link_type) == (told, told, told)


def test_the_evidence_beside_a_signature_is_told(signature_file: SignatureFile) -> None:
    path = signature_file("s:unix:Some:")
    assert info_of(LINUX, path).seen_as is None
    path.write_text(f"{path.read_text()};; seen Windows=75 Apple=0 Linux=42\n")
    assert info_of(LINUX, path).seen_as == {"Windows": 75, "Apple": 0, "Linux": 42}


# From the text comes what comes from the SYN


def told(info: P0fInfo | None) -> Any:
    return info and (info.signature, info.os_match_q, info.distance, info.link_type, info.link_mtu)


@pytest.mark.parametrize("source", ["systems", "mutations"])
def test_a_text_tells_what_its_syn_tells(source: str) -> None:
    for packet in islice(crafted(), 0, None, 3) if source == "systems" else mutated(4000, seed=3):
        info = fingerprint_syn(packet)
        if info is not None:
            assert told(fingerprint_syn(str(info.raw_sig))) == told(info), info.raw_sig


def test_the_windows_that_a_text_may_describe_are_its_syns_and_others() -> None:
    for read in filter(None, map(read_syn, mutated(6000, seed=7))):
        own = traits_of(read[2])
        traits = read_raw_sig(text := raw_sig(own))
        assert traits is not None
        assert traits._replace(windows=own.windows) == own, text
        assert own.windows[0] in traits.windows, text


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("1400:mss*10,7:mss,sok,ts,nop,ws:df,id+:0", [14000, 13880, 14600, 14480]),
        ("1400:mtu*10,7:mss,sok,ts,nop,ws:df,id+:0", [14400, 15000]),
        ("1300:mtu*10,7:mss,sok,ts,nop,ws:df,id+:0", [13400, 13600, 15000]),
        ("1400:mss*60,7:mss,sok,ts,nop,ws:df,id+:0", [None]),
        ("1400:14601,7:mss,sok,ts,nop,ws:df,id+:0", [14601]),
        # Without a timestamp the MSS is not shortened by one.
        ("1400:mss*10,7:mss,nop,nop,sok,nop,ws:df,id+:0", [14000, 14600, 14480]),
        # These options do not fill a header, so they do not tell how long it is.
        *((f"1300:mtu*10,0:{layout}:df:0", [13400, 15000]) for layout in ("mss,nop", "mss,eol+40")),
        # These have any length.
        (
            "1300:mtu*10,0:mss,sack:df:0",
            [13400, 13480, 15000, *range(13520, 13801, 40)],
        ),
    ],
)
def test_every_window_that_p0f_writes_so_is_thought_of(text: str, sizes: list[int | None]) -> None:
    traits = read_raw_sig(f"4:64+0:0:{text}")
    assert traits is not None
    assert [window.size for window in traits.windows] == sizes


@pytest.mark.parametrize(
    ("text", "name", "distance"),
    [
        (TEXT.replace("57+7", "64"), "Linux", None),
        (TEXT.replace("57+7", "57"), "Linux", None),
        (TEXT.replace("57+7", "64-"), None, None),
        (TEXT.replace("mss*44", "%4096"), None, 7),
        ("4:119+9:0:1460:%4096,8:mss,nop,ws,nop,nop,sok:df,id+:0", None, 9),
        (TEXT.rpartition(":")[0].rpartition(":")[0], None, 7),
    ],
)
def test_what_a_text_leaves_open_is_not_guessed(
    text: str, name: str | None, distance: int | None, signature_file: SignatureFile
) -> None:
    only_exact = signature_file("s:unix:Linux:")
    info = info_of(text, only_exact)
    assert (info.os_name, info.distance, info.raw_sig) == (name, distance, text)


def test_a_window_of_which_only_a_divisor_is_known_matches_what_asks_for_no_more(
    tmp_path: Path,
) -> None:
    path = tmp_path / "windows.fp"
    rest = "7:mss,sok,ts,nop,ws:df,id+:0"
    text = "".join(
        f"label = s:unix:{name}:\nsig = 4:64:0:*:{window},{rest}\n"
        for name, window in [("number", "8192"), ("8192", "%8192"), ("2048", "%2048"), ("any", "*")]
    )
    path.write_text(NOBODY + text)
    for window, name in (("%4096", "2048"), ("%1000", "any")):
        assert info_of(f"4:64+0:0:1460:{window},{rest}", path).os_name == name


def test_a_ttl_that_is_only_a_limit_matches_what_asks_for_no_more(
    signature_file: SignatureFile,
) -> None:
    for ttl, name in (("64-", "Test"), ("64", None)):
        limited = info_of(TEXT.replace("57+7", "64-"), signature_file("s:unix:Test:", ttl))
        assert limited.os_name == name


# The signature file


def test_a_file_is_read_once_and_again_when_it_has_changed(signature_file: SignatureFile) -> None:
    for name in ("One", "Another"):
        path = signature_file(f"s:unix:{name}:")
        assert info_of(LINUX, path).os_name == name
        assert fingerprinter(path) is fingerprinter(str(path))


def test_a_file_with_an_error_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bad.fp").write_text("[tcp:request]\nsig = nonsense\n")
    with pytest.raises(ValueError, match=r"bad\.fp:2"):
        fingerprint_syn(LINUX, tmp_path / "bad.fp")


# Everything a stranger may send


@pytest.mark.parametrize("packet", [LINUX, ipv6(tcp(options("mss,sok,ts,nop,ws")))])
def test_every_truncation_gives_none(packet: bytes) -> None:
    for size in range(len(packet)):
        assert fingerprint_syn(packet[:size]) is fingerprint_syn(packet[:size].hex()) is None


@pytest.mark.parametrize("kind", range(256))
def test_every_option_of_every_length_gives_a_fingerprint(kind: int) -> None:
    for length in (0, 1, 2, 3, 4, 10, 11, 34, 38, 40, 41, 255):
        option = (bytes((kind, length)) + bytes(range(1, 39)))[:40]
        info = info_of(ipv4(tcp(option)))
        assert info.raw_sig is not None
        assert told(fingerprint_syn(info.raw_sig)) == told(info)
