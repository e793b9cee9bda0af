"""A table of shapes made of a labelled collection, and read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from p0f_middleware.fingerprint.matcher import Matcher
from p0f_middleware.fingerprint.signatures import parse

from .collection import make_table
from .score import main, score
from .shapes import TABLE, by_family, collection_shares, packets, read_table

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


def test_repeats_are_one_variant_and_more_connections(tmp_path: Path) -> None:
    shape = read_table(table_of(COLLECTION, tmp_path))[0]
    assert (shape.ttl, shape.layout, shape.window, shape.scale, shape.sizes) == (
        64, "mss,sok,ts,nop,ws", "mss*44", 7, (1460, 1400),
    )  # fmt: skip
    assert {name: n for name, n in shape.variants.items() if n} == {"Android": 1, "Linux": 1}
    assert {name: n for name, n in shape.connections.items() if n} == {"Android": 2, "Linux": 1}


def test_df_id_ecn_and_timestamps_of_zero_are_shapes_of_their_own(tmp_path: Path) -> None:
    marks = {
        (shape.df, shape.ident, shape.ecn, shape.zero_timestamp)
        for shape in read_table(table_of(COLLECTION, tmp_path))
    }
    assert marks == {
        (True, True, False, False),
        (True, False, True, False),
        (False, False, False, False),
        (True, True, False, True),
    }


def test_a_row_becomes_the_syn_it_was_made_of(tmp_path: Path) -> None:
    matcher = Matcher(parse(""))
    syns = {line.partition("\t")[2] for line in COLLECTION.splitlines()}
    made = set()
    for shape in read_table(table_of(COLLECTION, tmp_path)):
        for packet in packets(shape):
            match = matcher.match(packet)
            assert match is not None
            made.add(match.verdict.raw_sig.split(":", 2)[2])
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


def test_a_table_with_other_columns_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "other.tsv"
    path.write_text("os\tttl\nLinux\t64\n")
    with pytest.raises(ValueError, match=r"other\.tsv has other columns"):
        read_table(path)


def test_labels_add_up_to_families() -> None:
    counts = {"Android": 1, "Linux": 2, "ChromiumOS": 4, "Windows": 8, "MacOS": 16, "iOS": 32}
    assert by_family(counts) == {"Windows": 8, "Apple": 48, "Linux": 7}


def test_shares_of_a_collection_add_up_to_one() -> None:
    shares = collection_shares(read_table(TABLE))
    assert sum(shares.values()) == pytest.approx(1)
    assert {family: round(100 * share) for family, share in shares.items()} == {
        "Windows": 23,
        "Apple": 33,
        "Linux": 44,
    }


def test_a_score_counts_each_user_agent_by_what_was_said(tmp_path: Path) -> None:
    text = "classes = unix,other\n[tcp:request]\nlabel = s:unix:Linux:\n"
    text += "sig = *:64:0:*:*,*:mss,sok,ts,nop,ws:df,id+:0\n"
    text += "label = s:other:Proxy or VPN:\nsig = *:128:0:*:*,*:mss,nop,nop,sok:df,id+:0\n"
    text += "label = s:unix:FreeBSD:\n"
    text += "sig = *:64:0:*:*,*:mss,nop,ws,nop,nop,ts,sok,eol+1:df,ecn:0\n"
    found = score(Matcher(parse(text)), read_table(table_of(COLLECTION, tmp_path)), "connections")
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
