"""Two signature files made into one: whose signatures are in it, and what is said of the rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p0f_middleware.syn._merge import merge
from p0f_middleware.syn._signatures import parse

OURS = """\
classes = unix,other
; our comment
[mtu]
label = Ours
sig   = 1400
[tcp:request]
label = s:unix:Ours:
sig   = *:64:0:*:mss*20,7:mss,sok:df,id+:0
;; seen Windows=1 Apple=2 Linux=3
label = g:unix:Ours:
sig   = *:64:0:*:*,*:mss,nop:df,id+:0
"""
THEIRS = """\
classes = win, unix
[mtu]
label = Theirs
sig   = 1400
sig   = 1500
[tcp:request]
label = s:!:Tool:x
sys   = @unix, Some System
sig   = *:9:0:*:*,0:mss::0
;; seen Linux=4
[tcp:response]
label = what is not read may be anything
sig   = at all
[http:request]
ua_os = Linux,Windows
"""


def theirs(signature: str, kind: str = "s") -> str:
    return f"classes = unix\n[tcp:request]\nlabel = {kind}:unix:Theirs:\nsig = {signature}\n"


def names(text: str) -> list[str]:
    return [signature.label.name for signature in parse(text).requests]


def test_both_files_signatures_are_in_it_ours_first() -> None:
    database = parse(merge(OURS, THEIRS).text)
    assert [signature.label.name for signature in database.requests] == ["Ours", "Ours", "Tool"]
    assert database.links == {1400: "Ours", 1500: "Theirs"}
    assert database.classes == ("unix", "other", "win")


def test_a_signature_keeps_its_systems_and_its_evidence() -> None:
    ours, _, tool = parse(merge(OURS, THEIRS).text).requests
    assert ours.seen == (("Windows", 1), ("Apple", 2), ("Linux", 3))
    assert (tool.label.systems, tool.seen) == (("@unix", "Some System"), (("Linux", 4),))


def test_sections_that_are_not_read_are_theirs_to_the_letter() -> None:
    assert merge(OURS, THEIRS).text.endswith(THEIRS[THEIRS.index("[tcp:response]") :])


def test_each_section_stands_once() -> None:
    text = merge(OURS, THEIRS).text
    assert [text.count(f"[{name}]") for name in ("mtu", "tcp:request", "http:request")] == [1, 1, 1]


def test_a_file_without_sections_of_its_own_takes_all_of_the_others() -> None:
    assert parse(merge("", THEIRS).text).links == {1400: "Theirs", 1500: "Theirs"}
    assert names(merge("", THEIRS).text) == ["Tool"]


@pytest.mark.parametrize(
    "repeated",
    [
        "*:64:0:*:mss*20,7:mss,sok:df,id+:0",
        "4:64:0:*:mss*20,7:mss,sok:df,id+:0",
        "6:64:0:*:mss*20,7:mss,sok::0",
        "*:54+10:0:*:mss*20,7:mss,sok:df,id+:0",
        "*:64:0:1460:mss*20,7:mss,sok:df,id+:0",
        "*:64:0:1460:29200,7:mss,sok:df,id+:0",
        "*:64:0:*:mss*20,7:mss,sok::0",  # over IPv6 only, but p0f would refuse the file
    ],
)
def test_what_ours_covers_is_left_out_and_named(repeated: str) -> None:
    merged = merge(OURS, theirs(repeated))
    assert names(merged.text) == ["Ours", "Ours"]
    assert merged.left_out == (f"line 4, s:unix:Theirs:: {repeated}",)


@pytest.mark.parametrize(
    "own",
    [
        "*:64:0:*:mss*20,8:mss,sok:df,id+:0",
        "*:64:0:*:mss*20,*:mss,sok:df,id+:0",
        "*:64:0:*:*,7:mss,sok:df,id+:0",
        "*:64:0:*:29200,7:mss,sok:df,id+:0",
        "*:128:0:*:mss*20,7:mss,sok:df,id+:0",
        "*:64:0:*:mss*20,7:mss,sok:df:0",
        "*:64:0:*:mss*20,7:mss,sok:df,id+,ecn:0",
        "*:64:0:*:mss*20,7:mss,sok:df,id+:*",
        "*:64:4:*:mss*20,7:mss,sok:df,id+:0",
        "*:64:0:*:mss*20,7:mss,sok,nop:df,id+:0",
        "*:64:0:*:512,0:mss,nop:df,id+:0",  # ours is generic there, and loses
    ],
)
def test_what_is_theirs_alone_stays(own: str) -> None:
    merged = merge(OURS, theirs(own))
    assert names(merged.text) == ["Ours", "Ours", "Theirs"]
    assert merged.left_out == ()


def test_a_generic_signature_that_a_generic_one_of_ours_covers_is_left_out() -> None:
    assert names(merge(OURS, theirs("*:64:0:*:512,0:mss,nop:df,id+:0", "g")).text) == ["Ours"] * 2


def test_a_link_that_ours_names_is_left_out_and_named() -> None:
    assert merge(OURS, THEIRS).left_out == ("MTU 1400, Theirs",)


_signatures = st.builds(
    "{}:{}:{}:{}:{},{}:mss,sok:{}:{}".format,
    st.sampled_from("46*"),
    st.sampled_from(("64", "60", "255", "64-", "54+10")),
    st.just("0"),
    st.sampled_from(("*", "1460", "1440")),
    st.sampled_from(("*", "512", "29200", "mss*20", "%512", "mtu*20", "30000")),
    st.sampled_from("*7"),
    st.sampled_from(("", "ecn", "ts1-")),
    st.sampled_from("*0+"),
)


@given(_signatures, _signatures, st.sampled_from(("sg", "gs", "ss", "gg")))
def test_merging_a_merged_file_again_changes_nothing(ours: str, other: str, kinds: str) -> None:
    first = theirs(ours, kinds[0])
    once = merge(first, theirs(other, kinds[1])).text
    again = merge(once, theirs(other, kinds[1]))
    assert [signature[:-2] for signature in parse(again.text).requests] == [
        signature[:-2] for signature in parse(once).requests
    ]
