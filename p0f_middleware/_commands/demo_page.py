"""One visitor's fingerprint as an HTML page, which loads nothing from elsewhere.

Visitors choose their headers, and p0f's strings come from a signature file, so `_fill` escapes
every string that is not a literal of this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from .._info import P0fInfo
from ..claim import Claim, ClaimVerdict


class Html(str):
    """Text that is HTML already: `_fill` does not escape it again."""

    __slots__ = ()


def render(environ: Mapping[str, Any], origin: str, *, lie: bool = False) -> str:
    """The page for a request; with `lie`, the visitor did not send the User-Agent in `environ`."""
    info: P0fInfo | None = environ["p0f.info"]
    if info is None:
        title = "No fingerprint"
        content = _fill("<p>$text</p>", text=_sentence(environ["p0f.reason"]))
    else:
        title = info.os_name or "A system that no signature knows"
        link = _BACK if lie else _TO_THE_LIE
        content = Html(_comparison(environ, info) + link + _seen_as(info) + _facts(info))
    return _fill(
        _PAGE,
        notice=_NOTICE if lie else Html(),
        whose=", ".join(filter(None, ("Your fingerprint", environ["p0f.address"]))),
        title=title,
        fingerprint=content,
        origin=origin,
    )


def _fill(template: str, **parts: str) -> Html:
    escaped = {name: p if isinstance(p, Html) else escape(p) for name, p in parts.items()}
    return Html(Template(template).substitute(escaped))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?', '!')) else '.'}"


def _code(text: str | None) -> Html:
    return _fill("<code>$text</code>", text=text) if text else Html()


def _comparison(environ: Mapping[str, Any], info: P0fInfo) -> Html:
    claim: Claim = environ["p0f.claim"]
    platform = environ.get("HTTP_SEC_CH_UA_PLATFORM")
    kind, headline, meaning = _VERDICTS[claim.verdict]
    if claim.contradictory:
        kind, headline, meaning = _CONTRADICTORY
    elif claim.verdict is ClaimVerdict.MISMATCH and claim.relay_possible:
        kind, headline, meaning = _MAYBE_RELAYED
    return _fill(
        _COMPARISON,
        claimed=claim.claimed or "no system",
        user_agent=environ.get("HTTP_USER_AGENT") or "no User-Agent",
        platform=_code(platform and f"Sec-CH-UA-Platform: {platform}"),
        witness=_SOURCES[info.source][0],
        seen=claim.seen or info.os_name or "an unknown system",
        system=" ".join(filter(None, (info.os_name, info.os_flavor))) or "no signature matches",
        raw_sig=_code(info.raw_sig),
        kind=kind,
        headline=headline,
        detail=_sentence(str(claim)),
        meaning=meaning,
    )


def _seen_as(info: P0fInfo) -> Html:
    """How often which family sent such a SYN, as bars; the longest has the full width."""
    counts = sorted((info.seen_as or {}).items(), key=lambda pair: -pair[1])
    if not counts:
        return Html()
    bars = [
        _fill(
            _BAR, family=family, count=str(count), width=f"{100 * count / max(counts[0][1], 1):.1f}"
        )
        for family, count in counts
    ]
    total = sum(count for _, count in counts)
    return _fill(_SEEN_AS, bars=Html("".join(bars)), total=str(total))


def _facts(info: P0fInfo) -> Html:
    facts = info.describe()
    facts.pop("User-Agents seen with it", None)  # the bars show it
    rows = [_fill("<dt>$label</dt><dd>$text</dd>", label=la, text=t) for la, t in facts.items()]
    return _fill(
        "<h2>All that is known</h2><dl>$rows</dl><p class=small>$about</p>",
        rows=Html("".join(rows)),
        about=_SOURCES[info.source][1] + (_LOOPBACK if info.link_type == "loopback" else ""),
    )


# Who speaks for the fingerprint, and where it comes from, by `P0fInfo.source`.
_SOURCES = {
    "p0f": (
        "Your packets say",
        "p0f reads this from the packets that reach the server: the system and the link from how"
        " the connection was opened, the software from the order of the headers in plain HTTP.",
    ),
    "syn": (
        "Your first packet says",
        "All this is in the first packet of your connection, its SYN: each system has its own"
        " way to fill it in. The User-Agent plays no part in it.",
    ),
    "address": (
        "A packet from your address says",
        "All this is in the first packet (the SYN) of a connection that came from your"
        " address. Where several people share an address, it may be another's.",
    ),
}
# A class of the style sheet, a headline, and what it means.
_VERDICTS = {
    ClaimVerdict.AGREE: ("good", "They agree.", "That proves nothing: both can be imitated."),
    ClaimVerdict.MISMATCH: (
        "bad",
        "They disagree.",
        "No proxy explains it: the User-Agent is not true, or the browser runs in a virtual machine"
        " whose host opened the connection.",
    ),
    ClaimVerdict.RELAY: (
        "mild",
        "A proxy or VPN stands between.",
        "The packet is the relay's, so it does not show which system the browser runs on.",
    ),
    ClaimVerdict.UNSURE: ("mild", "There is too little to judge by.", "So there is no verdict."),
    ClaimVerdict.NO_CLAIM: ("mild", "There is nothing to compare.", "That proves nothing."),
}
_MAYBE_RELAYED = (
    "bad",
    "They disagree.",
    "Either the User-Agent is not true, or the visitor is honest and a proxy opened the connection:"
    " a VPN's exit or a company's gateway, which run Linux.",
)
_CONTRADICTORY = "bad", "The browser contradicts itself.", "One of its two headers is not true."
_LOOPBACK = (
    " The link is loopback: your browser runs on the machine that serves this page. Start the demo"
    " with --host 0.0.0.0 and open it from a phone to see what a site sees."
)

_PAGE, _NOTICE, _TO_THE_LIE, _BACK, _COMPARISON, _SEEN_AS, _BAR = map(
    Html, (files(__package__) / "demo_page.html").read_text("utf-8").split("<!-- next part -->\n")
)
