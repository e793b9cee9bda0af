"""The evidence beside each signature, and the rule by which counts bear out a label."""

from __future__ import annotations

from pathlib import Path

import pytest

import p0f_middleware
from p0f_middleware.fingerprint.signatures import load, parse, read_text

from .evidence import with_evidence
from .labels import RELAY, sender
from .shapes import collection_shares, read_table

OURS = Path(p0f_middleware.__file__).parent / "fingerprint" / "signatures.fp"
DATABASE = load(OURS)
SHAPES = read_table()
SHARES = collection_shares(SHAPES)


ONE = """\
classes = unix
[tcp:request]
label = s:unix:Some:
sig = *:64:0:*:*,0:mss::0
"""
SEEN = ONE + ";; seen Windows=75 Apple=0 Linux=42\n"


@pytest.mark.parametrize(
    "comment",
    [
        "; seen Windows=1",
        ";; seen",
        ";; seen Windows=",
        ";; seen Windows=-1",
        ";; seen Windows=\u0663",
        ";; seen Windows=" + "9" * 5000,
    ],
)
def test_another_comment_below_a_signature_is_no_evidence(comment: str) -> None:
    text = ONE + comment + "\n"
    assert parse(text).requests[0].seen is None


@pytest.mark.parametrize(
    "between", ["label = s:unix:Other:\n", "[mtu]\nlabel = Link\n[tcp:request]\n"]
)
def test_evidence_belongs_to_the_signature_of_its_own_label(between: str) -> None:
    text = ONE + between + ";; seen Windows=1\n"
    assert parse(text).requests[0].seen is None


def test_evidence_in_another_section_is_a_comment() -> None:
    text = ";; seen A=1\n[mtu]\n;; seen A=1\n" + SEEN + "[tcp:response]\n;; seen B=1\n"
    (signature,) = parse("classes = unix\n" + text.replace("classes = unix\n", "")).requests
    assert signature.seen == (("Windows", 75), ("Apple", 0), ("Linux", 42))


def test_the_evidence_in_the_file_is_what_the_command_counts() -> None:
    text = read_text(OURS)
    assert with_evidence(text, SHAPES) == text


def test_counting_evidence_again_replaces_it() -> None:
    text = "classes = unix\n[tcp:request]\nlabel = s:unix:Linux:\n"
    text += "sig = *:64:0:*:mss*44,7:mss,sok,ts,nop,ws:df,id+:0\n;; seen Windows=999999\n"
    counted = with_evidence(text, SHAPES)
    assert "999999" not in counted
    assert counted.count(";; seen ") == 1
    assert with_evidence(counted, SHAPES) == counted


def test_evidence_of_a_shape_that_fits_only_fuzzily_is_not_counted() -> None:
    text = "classes = unix\n[tcp:request]\nlabel = s:unix:Linux:\n"
    text += "sig = *:128:0:*:mss*44,7:mss,sok,ts,nop,ws:df,id+:0\n"
    assert with_evidence(text, SHAPES) == text


@pytest.mark.parametrize(
    ("windows", "apple", "linux", "expected"),
    [
        (9, 0, 1, "Windows"),
        (2, 0, 0, None),
        (0, 0, 3, None),
        (5, 7, 10, RELAY),
        (1, 0, 3, None),
    ],
)
def test_the_rule_names_what_is_ten_times_likelier(
    windows: int, apple: int, linux: int, expected: str | None
) -> None:
    assert sender({"Windows": windows, "Apple": apple, "Linux": linux}, SHARES) == expected
