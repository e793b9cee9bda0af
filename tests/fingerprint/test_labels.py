"""What signatures.fp calls SYNs of each kind, and that its counts bear that out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from p0f_middleware import check_claim
from p0f_middleware.fingerprint import fingerprint_syn
from p0f_middleware.fingerprint.signatures import parse

from .ours import DATABASE, OURS, READER, SHAPES, SHARES, label_of
from .score import FACTOR_IN_GROUP, RELAY, family, score, sender
from .shapes import HOPS, Shape, by_family, packets, twin_signature

LINUX = "mss,sok,ts,nop,ws"
WINDOWS = "mss,nop,ws,nop,nop,sok"
APPLE = "mss,nop,ws,nop,nop,ts,sok,eol+1"
FREEBSD = "mss,nop,ws,sok,ts"
NO_SCALE = "mss,nop,nop,sok"
NO_TIMESTAMPS = "mss,nop,nop,sok,nop,ws"
APPLE_CUT = "mss,nop,ws,sok,eol+1"
SPREAD_OUT = "mss,nop,ws,nop,nop,sok,nop,nop,ts"
FAST_OPEN = f"{LINUX},?34,nop,nop"


def named(syn: str) -> str | None:
    info = fingerprint_syn(syn)
    assert info is not None, f"{syn} is no SYN"
    return info.signature.partition(":")[2] if info.signature else None


def v4(
    window_scale: str, layout: str, *, ttl: int = 64, quirks: str = "df,id+", mss: int = 1460
) -> str:
    return f"4:{ttl}+0:0:{mss}:{window_scale}:{layout}:{quirks}:0"


def v6(
    window_scale: str, layout: str, *, hops: int = 64, flow: bool = True, mss: int = 1440
) -> str:
    return f"6:{hops}+0:0:{mss}:{window_scale}:{layout}:{'flow' if flow else ''}:0"


@pytest.mark.parametrize(
    ("kind", "right", "wrong", "from_linux"),
    [("variants", 90.0, 1.2, 58), ("connections", 97.9, 0.1, 100)],
)
def test_nearly_all_are_named_as_their_user_agent_says(
    kind: str, right: float, wrong: float, from_linux: float
) -> None:
    found = score(READER, SHAPES, kind)
    assert found.percent("right") >= right
    assert found.percent("wrong") <= wrong
    assert found.relays_from_linux <= from_linux
    for quality in ("generic", "fuzzy"):
        results = found.by_quality[quality]
        assert results["right"] >= 9 * results["wrong"]


def family_of(packet: bytes) -> str | None:
    label = label_of(READER(packet))
    name = label[2] if label else None
    return family(name) or name


def changed_on_the_way(shape: Shape) -> Iterator[Shape]:
    """The shape with one property changed as middleboxes change them: then p0f matches fuzzily."""
    yield shape._replace(ecn=not shape.ecn)
    yield shape._replace(ident=not shape.ident)
    yield shape._replace(df=False)
    yield from (shape._replace(ttl=ttl) for ttl in (32, 64, 80 + HOPS, 128, 255))


def test_a_system_whose_syn_is_changed_on_the_way_is_hardly_ever_called_another() -> None:
    named: Counter[str] = Counter()
    for shape in SHAPES:
        counts = by_family(shape.variants)
        system = sender(counts, SHARES)
        if system in (None, RELAY):
            continue
        for changed in changed_on_the_way(shape):
            said = family_of(next(packets(changed)))
            kind = "same" if said == system else "none" if said in (None, RELAY) else "other"
            named[kind] += sum(counts.values())
    assert named["same"] >= 0.95 * named.total()
    assert named["other"] <= 0.002 * named.total()


@pytest.mark.parametrize(
    ("ttl", "window_scale", "layout", "quirks"),
    [
        *((64, scaled, FREEBSD, "df,id+") for scaled in ("65535,5", "mss*46,8")),
        *((64, "65535,12", FREEBSD, "df"), (255, "65535,9", FREEBSD, "df,id+")),
        *((255, "mss*3,2", APPLE_CUT, "df,id+"), (64, "mss*16,5", APPLE_CUT, "df,id+")),
        *((64, "mss*20,7", NO_TIMESTAMPS, "df,id+"), (64, "65535,9", NO_TIMESTAMPS, "df,id+,ecn")),
        (255, "65535,0", "mss", "df,id+"),
        *(
            (64, scaled, LINUX, "df,id+")
            for scaled in ("mss*29,6", "mss*44,5", "mss*20,6", "65535,13")
        ),
    ],
)
def test_a_shape_of_every_system_is_called_a_relay(
    ttl: int, window_scale: str, layout: str, quirks: str
) -> None:
    name = named(v4(window_scale, layout, ttl=ttl, quirks=quirks))
    assert (name or "").startswith("other:Proxy or VPN:")


@pytest.mark.parametrize(
    ("syn", "label"),
    [
        (v4("65535,6", FREEBSD), "unix:FreeBSD:9 or newer"),
        (v4("65535,3", FREEBSD), "unix:FreeBSD:7 or 8"),
        (v4("32768,6", "mss,nop,ws,sok,nop,nop,nop,nop,ts"), "unix:NetBSD:"),
        (v4("57344,5", SPREAD_OUT), "unix:DragonFly BSD:"),
        (v4("mss*34,0", WINDOWS), "unix:Solaris:10"),
        (v4("65535,0", "mss,nop,ws,nop,nop,ts"), "unix:macOS or iOS:2005 or earlier"),
        (v4("65535,3", APPLE), "unix:macOS or iOS:2014 or earlier"),
        (v4("16384,0", NO_SCALE, ttl=128), "win:Windows:XP"),
        (v4("mss*22,0", LINUX), "unix:Linux:2.2"),
        (v4("mss*4,0", LINUX), "unix:Linux:2.4 or 2.6"),
        (v4("mss*4,6", LINUX), "unix:Linux:2.6"),
        (v4("mss*10,6", LINUX), "unix:Linux:3.0 to 3.10"),
        (v4("mss*20,7", LINUX), "unix:Linux:3.11 to 4.19"),
        (v4("mss*22,7", LINUX), "unix:Linux:6.6 or 6.7"),
        (v4("mss*44,10", LINUX), "unix:Linux:4.20 or newer"),
        (v4("mss*3,7", LINUX, mss=8961), "unix:Linux:4.19 or older, jumbo Ethernet"),
        (v4("mss*44,8", FREEBSD), "win:Windows:with timestamps"),
        (v4("mss*44,8", f"{WINDOWS},nop,eol+6", ttl=128), "win:Windows:padded options"),
        (v4("mss*44,0", NO_SCALE), "win:Windows:no window scaling"),
        (v4("65535,6", APPLE_CUT, ttl=255), "unix:macOS or iOS:timestamps blanked"),
        (v4("65535,9", LINUX), "unix:Android:"),
        (v4("65535,9", LINUX, ttl=255), "unix:Linux:or Android"),
        (v4("65535,9", "mss,sok,nop,nop,nop,ws"), "unix:Linux:or Android"),
        (v4("mss*29,9", LINUX), "unix:Linux:or Android"),
        (v4("65535,8", SPREAD_OUT), "unix:Linux:or Android"),
        (v4("mss*44,7", LINUX, ttl=127), "unix:Linux:cloud host"),
        (v4("mss*44,7", LINUX, ttl=255), "unix:Linux:cloud host"),
        (v4("mss*7,7", LINUX, mss=8961, ttl=127), "unix:Linux:cloud host"),
        (v4("mss*7,10", LINUX, mss=8961, ttl=255), "unix:Linux:cloud host"),
        (v4("mss*44,7", LINUX, mss=1410, ttl=255), "unix:Linux:or Android"),
        (v6("mss*45,10", LINUX), "unix:Linux:4.20 or newer"),
        (v6("mss*45,7", LINUX, hops=255), "unix:Linux:cloud host"),
        (v6("mss*7,7", LINUX, hops=127, mss=8941), "unix:Linux:cloud host"),
        (v4("65535,8", LINUX, ttl=127, quirks="df"), "other:Proxy or VPN:Google"),
        (v6("65535,8", LINUX, hops=120), "other:Proxy or VPN:Google"),
        (v4("65535,8", LINUX, ttl=127), "unix:Linux:or Android"),
        ("4:255+0:0:61440:65535,8:mss,nop,ws:id-:0", "other:Proxy or VPN:user-mode network"),
        (v4("mss*44,7", FAST_OPEN), "unix:Linux:TCP Fast Open"),
        (v4("mss*44,7", LINUX)[:-1] + "+", "unix:Linux:TCP Fast Open"),
        (v4("mss*44,7", f"{FAST_OPEN},?30")[:-1] + "+", "unix:Linux:Multipath TCP"),
        (v6("64000,0", NO_SCALE), "win:Windows:no window scaling"),
        (v6("64000,0", NO_SCALE, flow=False), "win:Windows:no window scaling"),
        # Nobody is known by these.
        (v4("16384,0", APPLE), None),
        (v4("8192,0", "mss,nop,ws,nop,nop,ts"), None),
        (v4("4128,0", "mss", ttl=255, quirks=""), None),
    ],
)
def test_what_is_documented_or_observed_is_named(syn: str, label: str | None) -> None:
    assert named(syn) == label


@pytest.mark.parametrize("hops", [128, 127, 64, 63])
@pytest.mark.parametrize("flow", [True, False])
@pytest.mark.parametrize(
    ("window_scale", "mss"),
    [("mss*45,8", 1440), ("mss*46,8", 1420), ("mss*47,8", 1372), ("65535,8", 1440)],
)
def test_over_ipv6_windows_is_plain_windows_whatever_hop_limit_its_router_advises(
    window_scale: str, mss: int, flow: bool, hops: int
) -> None:
    assert named(v6(window_scale, WINDOWS, hops=hops, flow=flow, mss=mss)) == "win:Windows:10 or 11"


@pytest.mark.parametrize("hops", [255, 128, 64, 32])
@pytest.mark.parametrize("flow", [True, False])
@pytest.mark.parametrize(("window_scale", "layout"), [("64800,8", WINDOWS), ("65535,6", APPLE)])
def test_over_ipv6_no_hop_limit_is_called_rewritten(
    window_scale: str, layout: str, flow: bool, hops: int
) -> None:
    assert "rewritten" not in str(named(v6(window_scale, layout, hops=hops, flow=flow, mss=1400)))


@pytest.mark.parametrize(
    "syn",
    [
        *(
            f"4:255+0:0:{window},0:{NO_SCALE}::0"
            for window in ("536:mss*4", "1436:mss*4", "1460:2048")
        ),
        *("4:255+0:0:1436:mss*4,0:mss::0", f"4:64+0:0:1436:mss*4,0:{NO_SCALE}::0"),
        "4:64+0:0:1440:mss*4,0:mss::0",
        "4:64+0:0:1460:32768,0:mss,nop,nop,sok:df,id+:0",
        "4:64+0:0:1460:8192,0:mss,nop,ws,nop,nop,ts::0",
        f"4:64+0:0:1460:65535,1:{APPLE}::0",
    ],
)
def test_a_device_without_a_general_system_is_called_none(syn: str) -> None:
    assert (named(syn) or "").startswith("other:Embedded device:")


def test_no_label_says_more_than_its_counts_bear_out() -> None:
    contradicted = []
    for signature in DATABASE.requests:
        said = family(signature.label.name)
        best = sender(dict(signature.seen or ()), SHARES, FACTOR_IN_GROUP)
        if best not in (None, said):
            contradicted.append((signature.line, signature.label.notation, signature.seen))
    assert contradicted == []


def test_what_is_called_a_relay_is_as_mixed_as_the_collection() -> None:
    counts: dict[str, Counter[str]] = {}
    for signature in DATABASE.requests:
        if signature.seen and family(signature.label.name) == RELAY:
            counts.setdefault(signature.label.flavor, Counter()).update(dict(signature.seen))
    assert len(counts) > 3
    assert {sender(count, SHARES, factor=2) for count in counts.values()} == {RELAY}


@pytest.mark.parametrize("layout", ["mss", NO_SCALE])  # tcp_timestamps=0, tcp_window_scaling=0
@pytest.mark.parametrize("quirks", ["df,id+", "df,id+,ecn"])
def test_linux_without_timestamps_and_scaling_accuses_nobody(layout: str, quirks: str) -> None:
    linux = "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0"
    for window in ("mss*44", "mss*45", "mss*22", "mss*20", "mss*10", "65535"):
        for syn in (
            *(v4(f"{window},0", layout, quirks=quirks, mss=mss) for mss in (1460, 1400)),
            v6(f"{window},0", layout),
        ):
            assert check_claim(fingerprint_syn(syn), linux).verdict != "mismatch", syn


# The twins over IPv6


def test_each_signature_has_its_twin_with_a_flow_label_and_the_same_name() -> None:
    lines = OURS.read_text().split("\n")
    labels = {
        lines[signature.line - 1].partition("=")[2].strip(): signature.label.name
        for signature in DATABASE.requests
        if not signature.label.userland
    }
    twins = [(name, twin_signature(text)) for text, name in labels.items()]
    assert [twin for name, twin in twins if twin and labels.get(twin) != name] == []


# The file itself


def test_our_file_is_read_whole_and_keeps_names_to_what_p0fs_api_can_carry() -> None:
    text = OURS.read_text()
    assert parse(text) == DATABASE
    assert len(DATABASE.requests) + len(DATABASE.links) == sum(
        line.startswith("sig ") for line in text.split("\n")
    )
    names = set(DATABASE.links.values())
    names |= {name for signature in DATABASE.requests for name in signature.label[3:]}
    assert {name for name in names if len(name) > 31 or not name.isascii()} == set()


def test_our_file_says_of_each_group_where_it_is_from() -> None:
    origins = ("observed", "collected", "documented", "derived")
    text = OURS.read_text().split("[mtu]")[1]
    comments = [line for line in text.split("\n\n") if line.startswith("; ")]
    groups = [comment for comment in comments if not comment.startswith("; ---")]
    assert [group for group in groups if not any(origin in group for origin in origins)] == []
