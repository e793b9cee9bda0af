"""The result of a request's lookup, whatever the source: `Outcome` and `P0fStatus`."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from ._public import public

if TYPE_CHECKING:
    from ._info import P0fInfo


@public
class P0fStatus(str, Enum):
    """How a request's lookup has ended; equal to the plain strings."""

    OK = "ok"
    """There is a fingerprint. Its `os_name` is None if no signature matched it."""
    NO_MATCH = "no_match"
    """The source has not seen this client."""
    UNAVAILABLE = "unavailable"
    """The source could not be asked, did not answer in time, or cannot see this connection."""
    NO_ADDRESS = "no_address"
    """The request has no client address to ask about."""

    __hash__ = str.__hash__  # Enum's is Python code, and each request counts what it gets

    def __str__(self) -> str:
        return self.value

    def describe(self) -> str:
        """The status in words for people: what it means, and what to do."""
        return _STATUS_IN_WORDS[self]


_STATUS_IN_WORDS = {
    P0fStatus.OK: "There is a fingerprint of the client.",
    P0fStatus.NO_MATCH: (
        "The source has not seen the client. p0f knows clients that connected since it started,"
        " over the interface it captures on (its -i)."
    ),
    P0fStatus.UNAVAILABLE: (
        "The source could not be asked, or cannot see this connection. p0f.reason and the log of"
        " p0f_middleware say why; p0f-middleware doctor looks for the cause."
    ),
    P0fStatus.NO_ADDRESS: (
        "The request has no client address. If it came through a proxy, name the proxy in"
        " trusted_proxies and the header it writes in client_header."
    ),
}


class Outcome(NamedTuple):
    """The result of a source's lookup for one request."""

    info: P0fInfo | None
    status: P0fStatus
    reason: str | None  # why there is no fingerprint, in a sentence; None if there is one


NO_ADDRESS = Outcome(None, P0fStatus.NO_ADDRESS, "the request has no client address")


def unavailable(reason: str) -> Outcome:
    return Outcome(None, P0fStatus.UNAVAILABLE, reason)
