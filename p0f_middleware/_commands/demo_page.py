"""One visitor's fingerprint as an HTML page.

Everything shown is escaped: p0f's strings come from its signature file, but a page should not have
to trust that. Nothing external is loaded.
"""

from __future__ import annotations

from html import escape

from .._info import P0fInfo
from .._outcome import P0fStatus


def render(
    info: P0fInfo | None,
    status: P0fStatus,
    reason: str | None,
    *,
    address: str,
    origin: str,
    sample_because: str | None = None,
) -> str:
    """The page.

    Args:
        reason: what `status` or the fingerprint rests on; None if there is no more to say.
        address: the visitor's.
        origin: where the fingerprint comes from, for people.
        sample_because: why `info` is not the visitor's but a sample; None if it is the visitor's.
    """
    if info is None:
        title = _TITLES[status]
        content = _sentence(reason) if status is P0fStatus.UNAVAILABLE else ""
        content = content or f"<p>{escape(status.describe())}</p>"
    else:
        title = info.os_name or "A system that no signature knows"
        content = _table(info.describe()) + _EXPLANATIONS[info.source] + _sentence(reason)
    notice = ""
    if sample_because is not None:
        notice = _SAMPLE.format(because=escape(sample_because))
    return _PAGE.format(
        style=_STYLE,
        notice=notice,
        whose="A sample fingerprint" if notice else f"Your fingerprint, {escape(address)}",
        title=escape(title),
        content=content,
        origin=escape(origin),
    )


def _table(words: dict[str, str]) -> str:
    rows = (f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>" for label, text in words.items())
    return f"<dl>{''.join(rows)}</dl>"


def _sentence(reason: str | None) -> str:
    return f"<p>{escape(reason[0].upper() + reason[1:])}.</p>" if reason else ""


_TITLES = {
    P0fStatus.OK: "",
    P0fStatus.NO_MATCH: "p0f has not seen you",
    P0fStatus.UNAVAILABLE: "No fingerprint",
    P0fStatus.NO_ADDRESS: "No address to ask for",
}

_SAMPLE = """<p class="notice"><strong>This is a sample, not you.</strong> Reason: {because}.</p>"""

_EXPLANATIONS = {
    "p0f": """<p>p0f reads this from the packets that reach the server: the system and the link from
how the connection was opened, the software from the order of the headers in plain HTTP. What the
User-Agent says of itself plays no part in it.</p>""",
    "syn": """<p>All this is in the first packet of your connection, its SYN: each system has its
own way to fill it in. Nothing was asked of you, and the User-Agent plays no part in it.</p>""",
}

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
<main>
{notice}
<p class="whose">{whose}</p>
<h1>{title}</h1>
{content}
<footer>From {origin} &middot; <a href="/json">JSON</a> &middot; reload to ask again</footer>
</main>
"""

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2530; --soft: #5b6773; --line: #dfe4e9;
  --paper: #fff; --ground: #f2f4f6; --accent: #0a6172; --mark: #fff3cd; --mark-ink: #5c4400; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaee; --soft: #9aa6b2; --line: #323b45;
  --paper: #1b2128; --ground: #12161b; --accent: #6cc5d6; --mark: #3d3210; --mark-ink: #f5dc92; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 6vh 1rem; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 40rem; margin: auto; padding: 2rem 2.25rem; background: var(--paper);
  border: 1px solid var(--line); border-radius: 12px; }
h1 { margin: 0 0 1.25rem; font-size: 1.75rem; line-height: 1.25; overflow-wrap: anywhere; }
.whose { margin: 0 0 .25rem; color: var(--accent); font-weight: 600; }
.notice { margin: 0 0 1.5rem; padding: .75rem 1rem; border-radius: 8px; background: var(--mark);
  color: var(--mark-ink); }
dl { display: grid; grid-template-columns: max-content 1fr; margin: 0 0 1.25rem; }
dt, dd { margin: 0; padding: .45rem 0; border-top: 1px solid var(--line); }
dt { padding-right: 2rem; color: var(--soft); }
dd { overflow-wrap: anywhere; }
p { margin: 0 0 1.25rem; }
dl + p, footer { color: var(--soft); font-size: .875rem; }
footer { padding-top: 1rem; border-top: 1px solid var(--line); }
a { color: var(--accent); }
@media (max-width: 30rem) { main { padding: 1.25rem; } dl { display: block; }
  dd { padding-top: 0; border-top: 0; font-weight: 500; } dt { padding-bottom: 0; } }
"""
