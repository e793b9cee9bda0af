"""Each IPv4 signature has its IPv6 twin, and the twin of a SYN gets the same family."""

from __future__ import annotations

from pathlib import Path

import pytest

import p0f_middleware
from p0f_middleware.fingerprint.database import Signature
from p0f_middleware.fingerprint.matcher import Matcher, Verdict
from p0f_middleware.fingerprint.notation import QUIRKS
from p0f_middleware.fingerprint.signatures import load, read_text

from .score import family
from .shapes import Shape, packets, read_table
from .twins import LIMITS, twin_packets, twin_signature, twin_window

OURS = Path(p0f_middleware.__file__).parent / "fingerprint" / "signatures.fp"
MATCHER = Matcher(load(OURS))
SHAPES = read_table()


def family_of(packet: bytes) -> str | None:
    match = MATCHER.match(packet)
    assert match is not None
    verdict: Verdict = match.verdict
    name = verdict.label.name if verdict.label else None
    return family(name) or name


def written() -> dict[str, str]:
    """The label of each signature of a system in our file, by its text."""
    lines = read_text(OURS).split("\n")
    return {
        lines[signature.line - 1].partition("=")[2].strip(): signature.label.name
        for signature in load(OURS).requests
        if not signature.label.userland
    }


def only_the_id_tells(shape: Shape) -> bool:
    """Windows and Apple leave the same without scale and timestamps; IPv6 has no id."""
    return shape.layout == "mss,sok,eol+1" and shape.ident


def test_each_signature_has_its_twin_with_a_flow_label_and_the_same_name() -> None:
    labels = written()
    twins = {text: twin_signature(text) for text in labels}
    missing = [
        (labels[text], twin)
        for text, twin in twins.items()
        if twin and labels.get(twin) != labels[text]
    ]
    assert missing == []


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if not only_the_id_tells(shape)])
def test_the_twin_of_a_collected_syn_gets_the_same_family(shape: Shape) -> None:
    families = {
        size: family_of(packet) for size, packet in zip(shape.sizes, packets(shape), strict=True)
    }
    assert [(size, family_of(packet)) for size, packet in twin_packets(shape)] == [
        (size, families[size]) for size in shape.sizes for _ in range(2)
    ]


def segment_size(window: int | str | None) -> int:
    """An MSS that makes *window* the largest multiple of it below one of the known limits."""
    segments = int(window[4:]) if isinstance(window, str) else 1
    if segments > 43:
        return LIMITS[0] // segments
    return next((limit // segments for limit in LIMITS if 1200 < limit // segments <= 1460), 1460)


def example(signature: Signature) -> Shape:
    """A SYN that *signature* matches."""
    quirks = {name for name, bit in QUIRKS.items() if signature.quirks & bit}
    return Shape(
        ttl=signature.ttl,
        layout=signature.layout,
        window="60000" if signature.window is None else str(signature.window),
        scale=7 if signature.scale is None else signature.scale,
        df="df" in quirks,
        ident="id+" in quirks,
        ecn="ecn" in quirks,
        zero_timestamp="ts1-" in quirks,
        sizes=(signature.mss or segment_size(signature.window),),
        variants={},
        connections={},
    )


def rests_on_what_ipv6_lacks(signature: Signature) -> bool:
    """Devices that never set DF, a layout that only DF and id tell from Windows's, Windows where
    only its own TTL tells it from a relay, and Google, which only its id tells from Android."""
    flavor = signature.label.flavor
    return (
        signature.label.name == "Embedded device"
        or (signature.label.generic and flavor == "options removed")
        or (signature.version == 4 and flavor in ("with timestamps", "Google"))
    )


@pytest.mark.parametrize(
    "signature",
    [
        signature
        for signature in load(OURS).requests
        if signature.version != 6 and not signature.label.userland
        if not rests_on_what_ipv6_lacks(signature)
    ],
)
def test_the_twin_of_each_signatures_syn_gets_the_same_family(signature: Signature) -> None:
    shape = example(signature)
    (packet,) = packets(shape)
    families = [family_of(twin) for _, twin in twin_packets(shape)]
    assert families == [family_of(packet)] * 2


@pytest.mark.parametrize(
    ("window", "mss", "over_ipv6"),
    [
        (64240, 1460, 45 * 1440),
        (45 * 1440, 1440, 46 * 1420),
        (47 * 1392, 1392, 47 * 1372),
        (42340, 1460, 30 * 1440),
        (32120, 1460, 22 * 1440),
        (29200, 1460, 20 * 1440),
        (5840, 1460, 4 * 1440),
        (65535, 1460, 65535),
        (8192, 1460, 8192),
    ],
)
def test_a_rounded_window_is_rounded_again(window: int, mss: int, over_ipv6: int) -> None:
    assert twin_window(window, mss) == over_ipv6


@pytest.mark.parametrize(
    ("signature", "twin"),
    [
        ("*:64:0:*:mss*20,7:mss,sok:df,id+:0", "6:64:0:*:mss*20,7:mss,sok:flow:0"),
        ("*:64:0:8961:*,*:mss:df,id+,ecn,ts1-:*", "6:64:0:8941:*,*:mss:ecn,flow,ts1-:*"),
        ("4:64:0:*:*,8:mss:df,id+:0", None),
        ("6:64:0:*:*,8:mss:flow:0", None),
        ("*:64:0:65495:mss*1,*:mss:df,id+:0", None),
    ],
)
def test_the_twin_of_a_signature(signature: str, twin: str | None) -> None:
    assert twin_signature(signature) == twin
