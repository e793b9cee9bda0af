"""The tool behind signatures.fp: the rule, the evidence, and a table of a labelled collection."""

from __future__ import annotations

from pathlib import Path

import pytest

from p0f_middleware.fingerprint.signatures import parse, read_text

from .ours import OURS, SHAPES, SHARES, PacketMatcher
from .score import RELAY, main, make_table, score, sender, with_evidence
from .shapes import packets, read_table

LINUX = "4:53+11:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0"
COLLECTION = f"""\
Android\t{LINUX}
Android\t{LINUX}
Linux\t{LINUX.replace("1460", "1400")}
iOS\t4:60+4:0:1460:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df,ecn:0
Windows\t4:120+8:0:1440:8192,0:mss,nop,nop,sok:id-:0
Linux\t4:53+11:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+,ts1-:0
"""


def table_of(collection: str, folder: Path) -> Path:
    path = folder / "table.tsv"
    path.write_text("".join(f"{line}\n" for line in make_table(collection.splitlines())))
    return path


def request(signature: str, label: str = "s:unix:Linux:") -> str:
    return f"classes = unix,other\n[tcp:request]\nlabel = {label}\nsig = {signature}\n"


def test_a_row_becomes_the_syn_it_was_made_of(tmp_path: Path) -> None:
    matcher = PacketMatcher(parse(""))
    syns = {line.partition("\t")[2] for line in COLLECTION.splitlines()}
    made = set()
    for shape in read_table(table_of(COLLECTION, tmp_path)):
        made |= {matcher.verdict(packet).raw_sig.split(":", 2)[2] for packet in packets(shape)}
    assert made == {syn.split(":", 2)[2] for syn in syns}


@pytest.mark.parametrize(
    "syn",
    [
        LINUX.replace("4:", "6:", 1).replace("df,id+", "flow"),
        LINUX.replace("df,id+", "df,id+,uptr+"),
        LINUX[:-1] + "+",
        LINUX.replace("11:0:", "11:4:"),
    ],
)
def test_what_a_table_cannot_hold_is_left_out_and_counted(
    syn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(list(make_table([f"Linux\t{syn}\n"]))) == 1
    assert "left out 1 SYN" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["", "Linux", f"Amiga\t{LINUX}", "Linux\tmss,sok", LINUX])
def test_a_line_that_is_not_label_and_syn_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match="expected a label, a tab and a SYN"):
        list(make_table([line]))


def test_a_score_counts_each_user_agent_by_what_was_said(tmp_path: Path) -> None:
    text = request("*:64:0:*:*,*:mss,sok,ts,nop,ws:df,id+:0")
    text += "label = s:other:Proxy or VPN:\nsig = *:128:0:*:*,*:mss,nop,nop,sok:df,id+:0\n"
    text += "label = s:unix:FreeBSD:\n"
    text += "sig = *:64:0:*:*,*:mss,nop,ws,nop,nop,ts,sok,eol+1:df,ecn:0\n"
    shapes = read_table(table_of(COLLECTION, tmp_path))
    found = score(PacketMatcher(parse(text)), shapes, "connections")
    assert found.results == {"right": 3, "wrong": 1, "relay": 1, "unknown": 1}
    assert found.by_quality["specific"] == {"right": 3, "wrong": 1}
    assert found.by_quality["fuzzy"] == {"relay": 1}
    assert found.relays_from_linux == 0


def test_the_command_scores_a_file_on_a_table_of_a_collection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    collection = tmp_path / "collection.txt"
    collection.write_text(COLLECTION)
    monkeypatch.setattr("sys.argv", ["score", "--table", str(collection)])
    main()
    table = tmp_path / "table.tsv"
    table.write_text(capsys.readouterr().out)
    monkeypatch.setattr("sys.argv", ["score", str(table), "--missed", "1"])
    main()
    assert capsys.readouterr().out.startswith("variants: 5\n")


# Evidence


def test_the_evidence_in_the_file_is_what_the_command_counts() -> None:
    text = read_text(OURS)
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
