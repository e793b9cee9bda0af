"""One visitor's fingerprint as an HTML page, which loads nothing from elsewhere.

All its words are in demo_page.html, in parts that have names. Visitors choose their headers, and
p0f's strings come from a signature file, so `_fill` escapes every string that is not from there.
"""

from collections.abc import Mapping
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from .._info import P0fInfo
from ..claim import Claim, ClaimVerdict

_PARTS = dict(
    part.split(" -->\n", 1)
    for part in (files(__package__) / "demo_page.html").read_text("utf-8").split("<!-- part: ")[1:]
)


class Html(str):
    """Text that is HTML already: `_fill` does not escape it again."""

    __slots__ = ()


def render(environ: Mapping[str, Any], origin: str, *, lie: bool = False) -> str:
    """The page for a request; with `lie`, the visitor did not send the User-Agent in `environ`."""
    info: P0fInfo | None = environ["p0f.info"]
    if info is None:
        title = "No fingerprint"
        content = _fill("no fingerprint", reason=_sentence(environ["p0f.reason"]))
    else:
        title = info.os_name or "A system that no signature knows"
        link = _fill("back" if lie else "to the lie")
        content = Html(_comparison(environ, info) + link + _seen_as(info) + _facts(info))
    return _fill(
        "page",
        notice=_fill("notice") if lie else Html(),
        whose=", ".join(filter(None, ("Your fingerprint", environ["p0f.address"]))),
        title=title,
        fingerprint=content,
        origin=origin,
    )


def _fill(part: str, **texts: str) -> Html:
    escaped = {name: t if isinstance(t, Html) else escape(t) for name, t in texts.items()}
    return Html(Template(_PARTS[part]).substitute(escaped))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?', '!')) else '.'}"


def _comparison(environ: Mapping[str, Any], info: P0fInfo) -> Html:
    claim: Claim = environ["p0f.claim"]
    platform = environ.get("HTTP_SEC_CH_UA_PLATFORM")
    verdict = claim.verdict.value
    if claim.contradictory:
        verdict = "contradictory"
    elif claim.verdict is ClaimVerdict.MISMATCH and claim.relay_possible:
        verdict = "mismatch, or a relay"
    return _fill(
        "comparison",
        claimed=claim.claimed or "no system",
        user_agent=environ.get("HTTP_USER_AGENT") or "no User-Agent",
        platform=f"Sec-CH-UA-Platform: {platform}" if platform else "",
        witness=_fill(f"{info.source} says"),
        seen=claim.seen or info.os_name or "an unknown system",
        system=" ".join(filter(None, (info.os_name, info.os_flavor))) or "no signature matches",
        raw_sig=info.raw_sig or "",
        verdict=_fill(verdict, detail=_sentence(str(claim))),
    )


def _seen_as(info: P0fInfo) -> Html:
    """How often which family sent such a SYN, as bars; the longest has the full width."""
    counts = sorted((info.seen_as or {}).items(), key=lambda pair: -pair[1])
    if not counts:
        return Html()
    longest = max(counts[0][1], 1)
    bars = "".join(
        _fill("bar", family=family, count=str(count), width=f"{100 * count / longest:.1f}")
        for family, count in counts
    )
    return _fill("seen as", bars=Html(bars), total=str(sum(count for _, count in counts)))


def _facts(info: P0fInfo) -> Html:
    facts = info.describe()
    facts.pop("User-Agents seen with it", None)  # the bars show it
    return _fill(
        "facts",
        rows=Html("".join(_fill("fact", label=name, text=text) for name, text in facts.items())),
        about=_fill(info.source),
        loopback=_fill("loopback") if info.link_type == "loopback" else Html(),
    )
