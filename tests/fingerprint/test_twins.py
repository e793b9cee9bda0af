"""Each IPv4 signature has its IPv6 twin, and the twin of a SYN gets the same family."""

from __future__ import annotations

from pathlib import Path

import pytest

import p0f_middleware
from p0f_middleware.fingerprint.matcher import Verdict
from p0f_middleware.fingerprint.signatures import load, read_text

from .matching import PacketMatcher
from .score import family
from .shapes import Shape, packets, read_table
from .twins import twin_packets, twin_signature

OURS = Path(p0f_middleware.__file__).parent / "fingerprint" / "signatures.fp"
MATCHER = PacketMatcher(load(OURS))
SHAPES = read_table()


def family_of(packet: bytes) -> str | None:
    match = MATCHER.packet(packet)
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
    """IPv6 has no id. Without it Windows and Apple leave the same once scale and timestamps are
    removed, and Google's servers send what some phones send."""
    google = (128, "65535", 8, "mss,sok,ts,nop,ws")
    windows = shape.layout == "mss,sok,eol+1"
    return shape.ident and (
        windows or (shape.ttl, shape.window, shape.scale, shape.layout) == google
    )


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
