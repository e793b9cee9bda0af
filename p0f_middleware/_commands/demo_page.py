"""One visitor's fingerprint as an HTML page.

This module turns its arguments into text, and knows no request and no server. The page loads
nothing from elsewhere: it contains the style sheet `demo_page.css`. The fact a reader would get
wrong: visitors choose their headers, and p0f's strings come from a signature file, so `_fill`
escapes every string that is not a literal of this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import NamedTuple

from .._info import P0fInfo
from .._outcome import P0fStatus
from ..claim import Claim, ClaimVerdict
from .demo_source import DemoSource


@dataclass(frozen=True)
class Visit:
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


@dataclass(frozen=True)
class Pretence:
    """Marks a page that shows a User-Agent which the visitor did not send.

    Attributes:
        command: the command line that sends it.
    """

    command: str


class _Verdict(NamedTuple):
    """A verdict for the visitor: its class in the style sheet, and its words."""

    kind: str
    headline: str
    meaning: str


class Html(str):
    """Text that is HTML already: `_fill` does not escape it again."""

    __slots__ = ()


def render(visit: Visit, source: DemoSource, pretence: Pretence | None = None) -> str:
    """The page.

    Args:
        pretence: set if the visitor did not send `visit.user_agent`, on which `visit.claim` rests.
    """
    sample = source.sample_because is not None
    whose = "A sample fingerprint" if sample else "Your fingerprint"
    if visit.address and not sample:
        whose += f", {visit.address}"
    return _fill(
        _PAGE,
        style=_STYLE,
        notices=_notices(source, pretence),
        whose=whose,
        title=_title(visit),
        fingerprint=_fingerprint(visit, pretence, sample),
        origin=source.origin,
    )


def _fill(template: str, **parts: str) -> Html:
    """Fill the parts into a template, and escape those that are not `Html`."""
    return Html(
        template.format_map(
            {name: p if isinstance(p, Html) else escape(p) for name, p in parts.items()}
        )
    )


def _join(parts: list[Html]) -> Html:
    return Html("".join(parts))


def _notices(source: DemoSource, pretence: Pretence | None) -> Html:
    notices = []
    if source.sample_because is not None:
        notices.append(_fill(_SAMPLE, because=source.sample_because))
    if pretence is not None:
        notices.append(_fill(_PRETENCE, command=pretence.command))
    return _join(notices)


def _title(visit: Visit) -> str:
    if visit.info is None:
        return _TITLES[visit.status]
    return visit.info.os_name or "A system that no signature knows"


def _fingerprint(visit: Visit, pretence: Pretence | None, sample: bool) -> Html:
    info = visit.info
    if info is None:
        return _fill("<p>{why}</p>", why=_why_none(visit))
    link = _BACK if pretence is not None else _LIE
    return _join(
        [
            _comparison(visit, info, pretence, sample),
            link if visit.claim is not None else Html(),
            _seen_as(info.seen_as) if info.seen_as else Html(),
            _table(info),
            _EXPLANATIONS[info.source],
        ]
    )


def _why_none(visit: Visit) -> str:
    reason = visit.reason if visit.status is P0fStatus.UNAVAILABLE else None
    return _sentence(reason) if reason else visit.status.describe()


def _comparison(visit: Visit, info: P0fInfo, pretence: Pretence | None, sample: bool) -> Html:
    """The browser's claim beside the fingerprint, and the verdict."""
    claim = visit.claim
    if claim is None:
        return Html()
    platform = (
        _fill("<code>Sec-CH-UA-Platform: {value}</code>", value=visit.platform)
        if visit.platform
        else Html()
    )
    system = " ".join(filter(None, (info.os_name, info.os_flavor)))
    verdict = _CONTRADICTORY if claim.contradictory else _VERDICTS[claim.verdict]
    return _fill(
        _COMPARISON,
        speaker="A lying browser says" if pretence is not None else "Your browser says",
        claimed=claim.claimed or "no system",
        user_agent=visit.user_agent or "no User-Agent",
        platform=platform,
        witness="The sample says" if sample else _WITNESSES[info.source],
        seen=claim.seen or info.os_name or "an unknown system",
        system=system or "no signature matches",
        raw_sig=_fill("<code>{sig}</code>", sig=info.raw_sig) if info.raw_sig else Html(),
        verdict=verdict.kind,
        headline=verdict.headline,
        detail=_sentence(str(claim)),
        meaning=verdict.meaning,
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?', '!')) else '.'}"


def _seen_as(counts: Mapping[str, int]) -> Html:
    """The counts as a bar chart; the longest bar has the full width."""
    most, total = max(1, *counts.values()), sum(counts.values())
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    bars = [
        _fill(_BAR, family=family, count=str(count), width=f"{100 * count / most:.1f}")
        for family, count in ordered
    ]
    return _fill(_SEEN_AS, bars=_join(bars), total=str(total))


def _table(info: P0fInfo) -> Html:
    facts = info.describe()
    facts.pop("User-Agents seen with it", None)  # shown as a picture
    if info.source != "p0f":
        facts.pop("Honesty", None)  # the verdict shows it; for p0f it says more than the verdict
    rows = [_fill("<dt>{label}</dt><dd>{text}</dd>", label=la, text=t) for la, t in facts.items()]
    return _fill("<h2>All that is known</h2><dl>{rows}</dl>", rows=_join(rows))


_TITLES = {
    P0fStatus.OK: "",
    P0fStatus.NO_MATCH: "p0f has not seen you",
    P0fStatus.UNAVAILABLE: "No fingerprint",
    P0fStatus.NO_ADDRESS: "No address to ask about",
}

_WITNESSES = {
    "p0f": "Your packets say",
    "syn": "Your first packet says",
    "address": "A packet from your address says",
}

_VERDICTS = {
    ClaimVerdict.AGREE: _Verdict(
        "good", "They agree.", "That proves nothing: both can be imitated."
    ),
    ClaimVerdict.MISMATCH: _Verdict(
        "bad",
        "They disagree.",
        "Either the User-Agent is not true, or another machine opened the connection: a company's"
        " proxy, a VPN, a virtual machine.",
    ),
    ClaimVerdict.RELAY: _Verdict(
        "mild",
        "A proxy or VPN stands between.",
        "The packet is the relay's, so it does not show which system the browser runs on.",
    ),
    ClaimVerdict.UNSURE: _Verdict(
        "mild",
        "There is too little to judge by.",
        "A false alarm is worse than a lie that passes, so there is no verdict.",
    ),
    ClaimVerdict.NO_CLAIM: _Verdict(
        "mild", "There is nothing to compare.", "That alone is no reason for suspicion."
    ),
}
_CONTRADICTORY = _Verdict(
    "bad", "The browser contradicts itself.", "At least one of its two headers is not true."
)

_SAMPLE = """<p class="notice"><strong>This is a sample, not you.</strong> Reason: {because}.</p>"""

_PRETENCE = """<div class="notice"><strong>Your browser did not send this User-Agent.</strong>
This is the verdict your connection would get if it did. To send it for real, type:
<pre>{command}</pre></div>"""

_LIE = Html("""<p class="try"><a href="/lie">See it with a User-Agent that lies &rarr;</a></p>""")
_BACK = Html("""<p class="try"><a href="/">&larr; Back to what your browser says</a></p>""")

_COMPARISON = """<section class="compare {verdict}">
<div class="sides">
<div><h2>{speaker}</h2><p class="system">{claimed}</p><code>{user_agent}</code>{platform}</div>
<div><h2>{witness}</h2><p class="system">{seen}</p><code>{system}</code>{raw_sig}</div>
</div>
<p class="verdict"><strong>{headline}</strong> {detail} <span>{meaning}</span></p>
</section>"""

_SEEN_AS = """<h2>User-Agents that came with such a packet</h2>
<ul class="bars">{bars}</ul>
<p class="small">How many of the {total} variants of this packet in a public collection came with a
User-Agent of each family; each variant counts once. This is agreement with the User-Agent there,
not the odds that you run that system.</p>"""

_BAR = """<li><span>{family}</span><i><b style="width:{width}%"></b></i><em>{count}</em></li>"""

_EXPLANATIONS = {
    "p0f": Html("""<p class="small">p0f reads this from the packets that reach the server: the
system and the link from how the connection was opened, the software from the order of the headers
in plain HTTP. It does not take the User-Agent's word.</p>"""),
    "syn": Html("""<p class="small">All this is in the first packet of your connection, its SYN:
each system has its own way to fill it in. Nothing was asked of you, and the User-Agent plays no
part in it.</p>"""),
    "address": Html("""<p class="small">All this is in the first packet (the SYN) of a connection
that came from your address. Where several people share an address, it may be another's.</p>"""),
}

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
<main>
{notices}
<p class="whose">{whose}</p>
<h1>{title}</h1>
{fingerprint}
<footer>From {origin} &middot; <a href="/json">JSON</a> &middot; reload to ask again</footer>
</main>
"""

_STYLE = Html(Path(__file__).with_name("demo_page.css").read_text())
