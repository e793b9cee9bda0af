"""One visitor's fingerprint as an HTML page, which loads nothing from elsewhere.

Visitors choose their headers, and p0f's strings come from a signature file, so `_fill` escapes
every string that is not a literal of this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib.resources import files
from string import Template
from typing import NamedTuple

from .._info import P0fInfo
from .._outcome import P0fStatus
from ..claim import Claim, ClaimVerdict


class Visit(NamedTuple):
    """The facts about one request that the page shows.

    Attributes:
        info, status, reason, claim: as the middleware put them into environ or scope; `claim` is
            None if the middleware does not compare claims.
        address: the visitor's address as text; None if the server gives none.
        user_agent, platform: the headers User-Agent and Sec-CH-UA-Platform; None if absent.
        url: scheme and host of the request, such as "http://localhost:8000".
    """

    info: P0fInfo | None
    status: P0fStatus
    reason: str | None
    claim: Claim | None
    address: str | None
    user_agent: str | None
    platform: str | None
    url: str


class Html(str):
    """Text that is HTML already: `_fill` does not escape it again."""

    __slots__ = ()


def render(visit: Visit, origin: str, lie: str | None = None) -> str:
    """The page.

    Args:
        origin: where the fingerprint comes from, in words.
        lie: set if the visitor did not send `visit.user_agent`, to the command that sends it.
    """
    if visit.info is None:
        why = visit.reason if visit.status is P0fStatus.UNAVAILABLE else None
        text = _sentence(why or visit.status.describe())
        title, fingerprint = _TITLES[visit.status], _fill("<p>$text</p>", text=text)
    else:
        title = visit.info.os_name or "A system that no signature knows"
        fingerprint = _fingerprint(visit, visit.info, lie is not None)
    return _fill(
        _PAGE,
        notice=_fill(_NOTICE, command=lie) if lie is not None else Html(),
        whose=", ".join(filter(None, ("Your fingerprint", visit.address))),
        title=title,
        fingerprint=fingerprint,
        origin=origin,
    )


def _fill(template: str, **parts: str) -> Html:
    """Fill the parts into a template, and escape those that are not `Html`."""
    escaped = {name: p if isinstance(p, Html) else escape(p) for name, p in parts.items()}
    return Html(Template(template).substitute(escaped))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?', '!')) else '.'}"


def _fingerprint(visit: Visit, info: P0fInfo, lying: bool) -> Html:
    comparison = Html()
    if visit.claim is not None:
        link = _BACK if lying else _LIE
        comparison = Html(_comparison(visit, info, visit.claim, lying) + link)
    facts = info.describe()
    facts.pop("User-Agents seen with it", None)  # shown as a picture
    if info.source != "p0f":
        facts.pop("Honesty", None)  # the verdict shows it; for p0f it says more than the verdict
    rows = [_fill("<dt>$label</dt><dd>$text</dd>", label=la, text=t) for la, t in facts.items()]
    return _fill(
        "$comparison$seen_as<h2>All that is known</h2><dl>$rows</dl><p class=small>$about</p>",
        comparison=comparison,
        seen_as=_seen_as(info.seen_as) if info.seen_as else Html(),
        rows=Html("".join(rows)),
        about=_EXPLANATIONS[info.source] + (_LOOPBACK if info.link_type == "loopback" else ""),
    )


def _comparison(visit: Visit, info: P0fInfo, claim: Claim, lying: bool) -> Html:
    """The browser's claim beside the fingerprint, and the verdict."""
    system = " ".join(filter(None, (info.os_name, info.os_flavor)))
    kind, headline, meaning = _VERDICTS[claim.verdict]
    if claim.contradictory:
        kind, headline, meaning = _CONTRADICTORY
    elif claim.verdict is ClaimVerdict.MISMATCH and claim.relay_possible:
        kind, headline, meaning = _MAYBE_RELAYED
    return _fill(
        _COMPARISON,
        speaker="A lying browser says" if lying else "Your browser says",
        claimed=claim.claimed or "no system",
        user_agent=visit.user_agent or "no User-Agent",
        platform=_code(visit.platform and f"Sec-CH-UA-Platform: {visit.platform}"),
        witness=_WITNESSES[info.source],
        seen=claim.seen or info.os_name or "an unknown system",
        system=system or "no signature matches",
        raw_sig=_code(info.raw_sig),
        kind=kind,
        headline=headline,
        detail=_sentence(str(claim)),
        meaning=meaning,
    )


def _code(text: str | None) -> Html:
    return _fill("<code>$text</code>", text=text) if text else Html()


def _seen_as(counts: Mapping[str, int]) -> Html:
    """The counts as a bar chart; the longest bar has the full width."""
    most, total = max(1, *counts.values()), sum(counts.values())
    bars = [
        _fill(_BAR, family=family, count=str(count), width=f"{100 * count / most:.1f}")
        for family, count in sorted(counts.items(), key=lambda pair: -pair[1])
    ]
    return _fill(_SEEN_AS, bars=Html("".join(bars)), total=str(total))


_TITLES = {
    P0fStatus.NO_MATCH: "No fingerprint of you yet",
    P0fStatus.UNAVAILABLE: "No fingerprint",
    P0fStatus.NO_ADDRESS: "No address to ask about",
}
_WITNESSES = {
    "p0f": "Your packets say",
    "syn": "Your first packet says",
    "address": "A packet from your address says",
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
    ClaimVerdict.UNSURE: (
        "mild",
        "There is too little to judge by.",
        "A false alarm is worse than a lie that passes, so there is no verdict.",
    ),
    ClaimVerdict.NO_CLAIM: (
        "mild",
        "There is nothing to compare.",
        "That alone is no reason for suspicion.",
    ),
}
_MAYBE_RELAYED = (
    "bad",
    "They disagree.",
    "Either the User-Agent is not true, or the visitor is honest and a proxy opened the connection:"
    " a VPN's exit or a company's gateway, which run Linux.",
)
_CONTRADICTORY = (
    "bad",
    "The browser contradicts itself.",
    "At least one of its two headers is not true.",
)
_EXPLANATIONS = {
    "p0f": "p0f reads this from the packets that reach the server: the system and the link from how"
    " the connection was opened, the software from the order of the headers in plain HTTP.",
    "syn": "All this is in the first packet of your connection, its SYN: each system has its own"
    " way to fill it in. The User-Agent plays no part in it.",
    "address": "All this is in the first packet (the SYN) of a connection that came from your"
    " address. Where several people share an address, it may be another's.",
}
_LOOPBACK = (
    " The link is loopback: your browser runs on the machine that serves this page. Start the demo"
    " with --host 0.0.0.0 and open it from a phone to see what a site sees."
)

_NOTICE = """<div class="notice"><strong>Your browser did not send this User-Agent.</strong>
This is the verdict your connection would get if it did. To send it for real, type:
<pre>$command</pre></div>"""
_LIE = """<p class="try"><a href="/lie">See it with a User-Agent that lies &rarr;</a></p>"""
_BACK = """<p class="try"><a href="/">&larr; Back to what your browser says</a></p>"""
_COMPARISON = """<section class="compare $kind">
<div class="sides">
<div><h2>$speaker</h2><p class="system">$claimed</p><code>$user_agent</code>$platform</div>
<div><h2>$witness</h2><p class="system">$seen</p><code>$system</code>$raw_sig</div>
</div>
<p class="verdict"><strong>$headline</strong> $detail <span>$meaning</span></p>
</section>"""
_SEEN_AS = """<h2>User-Agents that came with such a packet</h2>
<ul class="bars">$bars</ul>
<p class="small">How many of the $total variants of this packet in a public collection came with a
User-Agent of each family; each variant counts once. This is agreement with the User-Agent there,
not the odds that you run that system.</p>"""
_BAR = """<li><span>$family</span><i><b style="width:$width%"></b></i><em>$count</em></li>"""

_PAGE = (files(__package__) / "demo_page.html").read_text("utf-8")
