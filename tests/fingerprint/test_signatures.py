"""p0f's signature files: what is read, what is refused, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from p0f_middleware.fingerprint.packet import QUIRKS
from p0f_middleware.fingerprint.signatures import Label, Signature, load, parse

from .ours import INSTALLED

FILE = """\
; a comment
classes = win,unix

[mtu]
label = Ethernet
sig   = 1500
sig   = 576
label = another name for the same
sig   = 1500

[tcp:request]
label = s:unix:Linux:3.x
  ; an indented comment
  sig = *:64:0:*:mss*20,7:mss,sok,ts,nop,ws:df,id+:0
label = g:!:Tool:
sys   = @unix,Somewhere
sig   = 4:54-:4:1460:1024,*:?19,mss,eol+2::*

[tcp:response]
label = what is not read may be anything
sig   = at all

[http:request]
ua_os = Linux,Windows
"""


REFUSED = [  # as p0f refuses them too: test_oracle asks it
    *("5:64:0:*:*,0:mss::0", "4:64:0:*:*,0:mss:flow:0", "6:64:0:*:*,0:mss:df:0"),
    *("*:250+50:0:*:*,0:mss::0", "*:64:256:*:*,0:mss::0"),
    *("*:64:0:*:*:mss::0", "*:64:0:*:%1,0:mss::0", "*:64:0:*:" + "9" * 5000 + ",0:mss::0"),
    *(f"*:64:0:*:*,0:{layout}::0" for layout in ("eol+1,mss", "mss,,nop", "speed", "nop," * 25)),
    *(f"*:64:0:*:*,0:mss:{rest}" for rest in ("", ":0:0", "odd:0", ":1")),
]


ANY = "*:64:0:*:*,0:mss::0"
HEAD = "classes = unix\n[tcp:request]\n"


def request(signature: str) -> str:
    return f"{HEAD}label = s:unix:Some:\nsig = {signature}\n"


def only(signature: str) -> Signature:
    return parse(request(signature)).requests[0]


def test_every_field_of_a_file_is_read() -> None:
    database = parse(FILE)
    assert database.links == {1500: "Ethernet", 576: "Ethernet"}
    linux, tool = database.requests
    assert linux._asdict() == {
        "label": Label("s:unix:Linux:3.x", False, False, "Linux", "3.x"),
        **{"version": None, "ttl": 64, "any_lower_ttl": False, "ip_options": 0, "mss": None},
        **{"window": "mss*20", "scale": 7, "layout": "mss,sok,ts,nop,ws", "payload": False},
        **{"quirks": QUIRKS["df"] | QUIRKS["id+"], "line": 14, "seen": ()},
    }
    assert tool._asdict() == {
        "label": Label("g:!:Tool:", True, True, "Tool", ""),
        **{"version": 4, "ttl": 54, "any_lower_ttl": True, "ip_options": 4, "mss": 1460},
        **{"window": 1024, "scale": None, "layout": "?19,mss,eol+2", "payload": None},
        **{"quirks": 0, "line": 17, "seen": ()},
    }


@pytest.mark.parametrize(
    ("signature", "field", "value"),
    [
        *((f"*:{ttl}:0:*:*,*:mss::0", "ttl", 64) for ttl in ("64", "54+10", "64+0")),
        *(
            (f"*:64:0:*:{window},0:mss::0", "window", value)
            for window, value in [
                *(("*", None), ("0", 0), ("65535", 65535)),
                *((multiple, multiple) for multiple in ("mss*4", "mtu*1000", "%8192")),
            ]
        ),
        ("*:64:0:*:*,0:?2,?99,?1,:df,:0", "layout", "mss,?99,nop"),
        ("*:64:0:*:*,0:?2,?99,?1,:df,:0", "quirks", QUIRKS["df"]),
    ],
)
def test_each_field_may_be_written_as_p0f_allows(signature: str, field: str, value: object) -> None:
    assert getattr(only(signature), field) == value


def test_a_wildcard_version_asks_only_for_quirks_the_packet_can_have() -> None:
    signature = only("*:64:0:*:*,0:mss:df,id+,id-,ecn,0+,flow:0")
    assert signature.quirks_for(4) == signature.quirks & ~QUIRKS["flow"]
    assert signature.quirks_for(6) == QUIRKS["ecn"] | QUIRKS["0+"] | QUIRKS["flow"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        *((text, 1) for text in ("nonsense\n", "[mtu\n", "classes = win,!\n")),
        *(("[mtu]\nclasses = win\n", 2), ("[mtu]\nsig = 1500\n", 2)),
        *((f"[mtu]\nlabel = A\nsig = {mtu}\n", 3) for mtu in ("0", "\N{SUPERSCRIPT TWO}")),
        ("[mtu]\nlabel = A\n[tcp:request]\nsig = 1500\n", 4),
        (f"[tcp:request]\nsig = {ANY}\n", 2),
        ("[tcp:request]\nlabel = s:unix:X:\n", 2),
        (f"{HEAD}label = x:unix:X:\n", 3),
        (f"{HEAD}label = s:unix:X:\nsys = @unix\n", 4),
        (f"{HEAD}label = s:!:X:\nsys = @win\n", 4),
        (f"{HEAD}label = s:!:X:\nsig = {ANY}\n", 4),
        (f"{HEAD}label = s:unix:X:\ncolor = red\n", 4),
        *(
            (f"classes = {odd}\n", 1)
            for odd in ("unix,", "", "unix ,win", "\u00fcnix", "unix,\fwin")
        ),
        *((f"{bom}; a comment\n", 1) for bom in ("\ufeff", "\xff\xfe", "\xfe\xff")),
    ],
    ids=range(23),
)
def test_a_malformed_line_is_named_with_file_and_number(text: str, line: int) -> None:
    with pytest.raises(ValueError, match=rf"^some\.fp:{line}: "):
        parse(text, "some.fp")


@pytest.mark.parametrize("signature", REFUSED, ids=range(len(REFUSED)))
def test_a_malformed_signature_is_named_with_file_and_number(signature: str) -> None:
    with pytest.raises(ValueError, match=r"^some\.fp:4: "):
        parse(request(signature), "some.fp")


SEEN = request(ANY) + ";; seen Windows=75 Apple=0 Linux=42\n"


@pytest.mark.parametrize(
    "below",
    [
        *(";; seen", "; seen Windows=1"),
        *(f";; seen Windows={count}" for count in ("", "-1", "\u0663", "9" * 5000)),
        "label = s:unix:Other:\n;; seen Windows=1",
        "[mtu]\nlabel = Link\n[tcp:request]\n;; seen Windows=1",
    ],
    ids=range(8),
)
def test_another_comment_below_a_signature_is_no_evidence(below: str) -> None:
    assert parse(f"{request(ANY)}{below}\n").requests[0].seen == ()


def test_evidence_in_another_section_is_a_comment() -> None:
    text = ";; seen A=1\n[mtu]\n;; seen A=1\n" + SEEN + "[tcp:response]\n;; seen B=1\n"
    (signature,) = parse("classes = unix\n" + text.replace("classes = unix\n", "")).requests
    assert signature.seen == (("Windows", 75), ("Apple", 0), ("Linux", 42))


def test_only_a_line_feed_ends_a_comment() -> None:
    odd = "\f\v\x1c\x1e\x85\u2028\u2029\r\ufeff"
    assert parse(f"; page one{odd}page two\r\n{SEEN}") == parse(f"; a comment\n{SEEN}")


def test_blanks_may_stand_around_names() -> None:
    for classes in ("unix, win", "unix,\twin", " unix,win", "unix,,win", "unix,win "):
        head = f"classes = {classes}\n[tcp:request]\n"
        parse(f"{head}label = s:win:Some:\nlabel = s:!:Tool:\nsys = @unix, Some System, @win\n")


@pytest.mark.parametrize("flavor", [b"fran\xe7ais", "fran\u00e7ais".encode()])
def test_a_name_may_be_latin_1_or_utf_8(flavor: bytes, tmp_path: Path) -> None:
    file = tmp_path / "names.fp"
    file.write_bytes(request("*:64:0:*:*,0:mss::0").encode().replace(b"Some:", b"Some:" + flavor))
    assert load(file).requests[0].label.flavor == "fran\u00e7ais"


def test_what_follows_a_nul_on_a_line_is_not_read() -> None:
    text = request("*:64:0:*:*,0:mss::0\0junk").replace("Some:", "Some:fla\0vor")
    (signature,) = parse("; a\0b\n\0\n" + text).requests
    assert signature.label.notation == "s:unix:Some:fla"


@pytest.mark.skipif(not INSTALLED.exists(), reason="p0f's own signature file is not installed")
def test_the_installed_file_is_read_whole() -> None:
    database = load(INSTALLED)
    text = INSTALLED.read_text().split("[tcp:request]")[1].split("[tcp:response]")[0]
    assert len(database.requests) == sum(line.startswith("sig") for line in text.splitlines())
