"""The tool behind signatures.fp: the rule, the score and the evidence."""

from __future__ import annotations

import pytest

from p0f_middleware.fingerprint.signatures import parse

from .ours import OURS, SHAPES, SHARES, reader_of
from .score import RELAY, main, score, sender, with_evidence
from .shapes import Shape


def request(signature: str, label: str = "s:unix:Linux:") -> str:
    return f"classes = unix,other\n[tcp:request]\nlabel = {label}\nsig = {signature}\n"


def shape(layout: str, ttl: int = 64, ecn: bool = False, **connections: int) -> Shape:
    return Shape(ttl, layout, "65535", 7, True, True, ecn, False, (1460,), {}, connections)


def test_a_score_counts_each_user_agent_by_what_was_said() -> None:
    text = request("*:64:0:*:*,*:mss,sok,ts,nop,ws:df,id+:0")
    text += "label = s:other:Proxy or VPN:\nsig = *:128:0:*:*,*:mss,nop,nop,sok:df,id+:0\n"
    linux = shape("mss,sok,ts,nop,ws", Android=2, Linux=1, Windows=1)
    relay = shape("mss,nop,nop,sok", ttl=128, ecn=True, Windows=1)
    found = score(reader_of(parse(text)), [linux, relay, shape("mss", iOS=1)], "connections")
    assert found.results == {"right": 3, "wrong": 1, "relay": 1, "unknown": 1}
    assert found.by_quality["specific"] == {"right": 3, "wrong": 1}
    assert found.by_quality["fuzzy"] == {"relay": 1}
    assert found.relays_from_linux == 0


def test_the_command_scores_our_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["score", "--missed", "1"])
    main()
    assert capsys.readouterr().out.startswith("variants: ")


# Evidence


def test_the_evidence_in_the_file_is_what_the_command_counts() -> None:
    text = OURS.read_text()
    assert with_evidence(text, SHAPES) == text


def test_counting_evidence_again_replaces_it() -> None:
    text = request("*:64:0:*:mss*44,7:mss,sok,ts,nop,ws:df,id+:0") + ";; seen Windows=999999\n"
    counted = with_evidence(text, SHAPES)
    assert "999999" not in counted
    assert counted.count(";; seen ") == 1
    assert with_evidence(counted, SHAPES) == counted


def test_evidence_of_a_shape_that_fits_only_fuzzily_is_not_counted() -> None:
    text = request("*:128:0:*:mss*44,7:mss,sok,ts,nop,ws:df,id+:0")
    assert with_evidence(text, SHAPES) == text


@pytest.mark.parametrize(
    ("windows", "apple", "linux", "expected"),
    [
        (9, 0, 1, "Windows"),
        (5, 7, 10, RELAY),
        *((2, 0, 0, None), (0, 0, 3, None), (1, 0, 3, None)),
    ],
)
def test_the_rule_names_what_is_ten_times_likelier(
    windows: int, apple: int, linux: int, expected: str | None
) -> None:
    assert sender({"Windows": windows, "Apple": apple, "Linux": linux}, SHARES) == expected
