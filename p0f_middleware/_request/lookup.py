"""One request's lookup, from the visitor to the keys that the application finds.

The steps: visitor -> what its connection got before, or else the source's outcome -> does the
User-Agent agree? -> keys. `BaseLookup` has all of it, as a generator that says what to do next: ask
the source, or sleep. `Lookup` does that in a thread or greenlet, `AsyncLookup` in an event loop.

`timeout` plus `grace` is the longest that a request may wait, for all its questions together. Every
question gets the same deadline.
"""

import time
from collections.abc import Generator
from typing import Any, TypeAlias, TypeVar

from .._errors import P0fError, P0fTimeout
from .._info import P0fInfo
from .._outcome import NO_ADDRESS, Outcome, P0fStatus, unavailable
from .._public import logger, seconds
from .._user_agent import LONGEST
from ..claim import ClaimVerdict, check_claim, check_request, read_headers
from .grace import Grace
from .hold import HeldAnswer, Hold
from .proxies import ProxyRules
from .proxy_warnings import ProxyWarnings
from .source_option import Asked
from .visitor import BaseVisitor

Keys = dict[str, Any]
"""What an application finds in environ or scope. It is shared between requests: copy it."""
T = TypeVar("T")
Steps: TypeAlias = Generator[tuple[bool, float], Any, T]
"""A lookup, or a part of it. It yields (True, DEADLINE) for what its source returns or raises, to
be sent into it, and (False, SECONDS) for a pause; then None is sent."""

_OK, _NO_MATCH, _MISMATCH = P0fStatus.OK, P0fStatus.NO_MATCH, ClaimVerdict.MISMATCH
# Read here once, since Python 3.11 takes 0.1 us to read a member of an Enum's class.
_SETTLED = ClaimVerdict.AGREE, ClaimVerdict.NO_CLAIM
"""Verdicts that depend on User-Agent and Sec-CH-UA-Platform alone."""
_SMALL = bool, type(None)
_TOO_LONG = object()  # stands for claims that are too long to be kept, and equals none
_MOST_KINDS_LOGGED = 20
_logged: set[type[Exception]] = set()


class BaseLookup:
    """A middleware's lookups, but for how they wait. P0fWSGIMiddleware documents the options."""

    def __init__(
        self, asked: Asked, rules: ProxyRules, *, grace: float, hold: float, claims: bool
    ) -> None:
        self.source: Any = asked.source
        self.rules: ProxyRules = rules
        self._fingerprint = asked.fingerprint
        self._waits = asked.waits
        # Whose SYN a proxy sends along says itself who the client is.
        self._reads_syns = getattr(asked.source, "header", None) is not None
        self._grace = Grace(grace if asked.waits else 0)
        self._budget = asked.timeout + self._grace.seconds
        self._holds = seconds("hold", hold, zero=True) > 0
        self._hold = Hold(hold)
        self._claims = claims
        self._warnings = ProxyWarnings(rules)

    def held(self, visitor: BaseVisitor) -> Keys | None:
        """The keys of a request whose connection got an answer before; None if there is none.

        Never waits, and raises nothing of ours.
        """
        if not self._holds:
            return None
        try:
            connection, peer = visitor.connection_key()
            answer = self._hold.get(connection, peer, time.monotonic())
            if answer is None:
                return None
            return self._keys_for(answer, visitor)
        except Exception as error:
            return self._keys_of_failure(visitor, error)

    def steps(self, visitor: BaseVisitor) -> Steps[Keys]:
        """The lookup of a request for which nothing is `held`. Raises nothing of ours."""
        try:
            deadline = time.monotonic() + self._budget
            if visitor.address is None and not (self._reads_syns and visitor.behind_proxy):
                outcome = NO_ADDRESS._replace(reason=visitor.why_no_client())
            else:
                outcome = yield from self._ask(visitor, deadline)
            keys = self._keys_of(outcome, visitor)
            pause = self._pause_before_accusing(visitor, keys)
            if pause:
                yield False, min(pause, max(deadline - time.monotonic(), 0.0))
                outcome = yield from self._ask(visitor, deadline)
                keys = self._keys_of(outcome, visitor)
            self._warnings.check(visitor)
            keys = self._keep(visitor, outcome, keys)
            _count(keys)
            return keys
        except Exception as error:
            return self._keys_of_failure(visitor, error)

    def _ask(self, visitor: BaseVisitor, deadline: float) -> Steps[Outcome]:
        # The source is asked again for a while about a client that it does not know yet.
        answer = yield True, deadline
        if self._waits and _is_too_early(visitor, answer):
            for pause in self._grace.pauses(visitor.address or "", deadline):
                yield False, pause
                later = yield True, deadline
                if isinstance(later, P0fTimeout) and time.monotonic() >= deadline:
                    continue  # it has said "no match", and the time left was too short to say more
                answer = later
                if not _is_too_early(visitor, answer):
                    break
        return _failed(answer) if isinstance(answer, Exception) else answer

    def _pause_before_accusing(self, visitor: BaseVisitor, keys: Keys) -> float:
        """Seconds to wait before p0f is asked once more; 0 unless its answer makes a mismatch.

        p0f answers for the address, and may not have seen the SYN of this connection yet: then its
        answer is about another machine behind the address.
        """
        claim = keys.get("p0f.claim")
        if claim is None or claim.verdict is not _MISMATCH or not self._grace.seconds:
            return 0.0
        info, address = keys["p0f.info"], visitor.address
        if not isinstance(info, P0fInfo) or info.source != "p0f" or address is None:
            return 0.0
        return self._grace.once(address)

    def _keys_of(self, outcome: Outcome, visitor: BaseVisitor) -> Keys:
        keys = keys_of(outcome, visitor.address)
        return with_claim(keys, visitor) if self._claims else keys

    def _keep(self, visitor: BaseVisitor, outcome: Outcome, keys: Keys) -> Keys:
        """Keep what a connection gets, by the rules of `hold`; returns this request's keys."""
        if not self._holds or outcome.status is not _OK or not visitor.port:
            return keys
        if getattr(outcome.info, "source", None) == "address":
            return keys  # the connection's own SYN may reach the store in a moment
        connection, peer = visitor.connection_key()
        direct = not visitor.behind_proxy
        if direct and visitor.is_last() and self._hold.get(connection, peer, 0.0) is None:
            return keys  # nobody will ask for it
        answer = HeldAnswer(outcome, peer, _to_keep(visitor, keys))
        self._hold.put(connection, answer, time.monotonic())
        if answer.outcome is outcome:
            return keys
        return self._keys_for(answer, visitor)

    def _keys_for(self, answer: HeldAnswer, visitor: BaseVisitor) -> Keys:
        settled, raw, keys = answer.last
        if not self._claims or raw == (
            visitor.named_systems() if settled else visitor.raw_claims()
        ):
            return keys
        keys = with_claim(keys_of(answer.outcome, keys["p0f.address"]), visitor)
        answer.last = _to_keep(visitor, keys)
        return keys

    def _keys_of_failure(self, visitor: BaseVisitor, error: Exception) -> Keys:
        """The keys where something of ours raised."""
        outcome = _failed(error)
        try:
            address = visitor.address
        except Exception:  # this may be what has failed
            address = None
        keys = keys_of(outcome, address)
        if self._claims:
            keys["p0f.claim"] = check_claim(None, None)
        _count(keys)
        return keys


class Lookup(BaseLookup):
    """Asks a source that blocks, or answers at once."""

    def ask(self, visitor: BaseVisitor) -> Keys:
        steps = self.steps(visitor)
        answer: Any = None
        try:
            while True:
                is_question, wait = steps.send(answer)
                answer = None
                if not is_question:
                    time.sleep(wait)
                    continue
                try:
                    answer = self._fingerprint(visitor, wait)
                except Exception as error:
                    answer = error
        except StopIteration as end:
            keys: Keys = end.value
            return keys
        finally:
            del answer  # an exception, whose traceback refers to this frame


class AsyncLookup(BaseLookup):
    """Asks a source that is awaited, or answers at once, under asyncio or trio. A cancelled request
    is not a failed lookup: CancelledError, of either, is no Exception and passes through."""

    async def ask(self, visitor: BaseVisitor) -> Keys:
        steps = self.steps(visitor)
        answer: Any = None
        try:
            while True:
                is_question, wait = steps.send(answer)
                answer = None
                if not is_question:
                    from .._async_library import sleep  # not for WSGI, for it imports asyncio

                    await sleep(wait)
                    continue
                try:
                    answer = self._fingerprint(visitor, wait)
                    if self._waits:
                        answer = await answer
                except Exception as error:
                    answer = error
        except StopIteration as end:
            keys: Keys = end.value
            return keys
        finally:
            del answer  # an exception, whose traceback refers to this frame


def keys_of(outcome: Outcome, address: str | None) -> Keys:
    info, status, reason = outcome
    return {"p0f.info": info, "p0f.status": status, "p0f.reason": reason, "p0f.address": address}


def with_claim(keys: Keys, visitor: BaseVisitor) -> Keys:
    """Keys of an outcome, completed by what it makes of this request's claims."""
    info = keys["p0f.info"]
    claim, marked = check_request(info, read_headers(*visitor.named_systems()))
    if claim.verdict not in _SETTLED:
        claim, marked = check_request(info, visitor.claims())
    keys["p0f.claim"], keys["p0f.info"] = claim, marked
    return keys


_Kind: TypeAlias = "tuple[P0fStatus, ClaimVerdict | None]"
_counts: dict[_Kind, int] = {}


def lookup_counts() -> dict[_Kind, int]:
    """How many lookups this process has made, by status and verdict (None without a claim).

    All middlewares count here, whatever their source. A request that gets the answer of an earlier
    one of its connection is not counted. Threads may count at once, so a count may be a little low.
    """
    return dict(_counts)


def _count(keys: Keys) -> None:
    claim = keys.get("p0f.claim")
    kind = keys["p0f.status"], None if claim is None else claim.verdict
    _counts[kind] = _counts.get(kind, 0) + 1


def _is_too_early(visitor: BaseVisitor, answer: object) -> bool:
    # It has not heard of the client, or of its address alone though the client's port is known.
    if not isinstance(answer, Outcome):
        return False
    if answer.status is _NO_MATCH:
        return True
    return getattr(answer.info, "source", None) == "address" and bool(visitor.port)


def _to_keep(visitor: BaseVisitor, keys: Keys) -> tuple[bool, object, Keys]:
    """Keys, and what a later request of the connection has to say of itself to get them."""
    claim = keys.get("p0f.claim")
    if claim is None:
        return True, None, keys
    settled = claim.verdict in _SETTLED
    raw = visitor.named_systems() if settled else visitor.raw_claims()
    # Browsers send up to 300 characters, attackers megabytes.
    short = all(
        len(value) <= LONGEST if type(value) in (str, bytes) else type(value) in _SMALL
        for value in raw
    )
    return settled, raw if short else _TOO_LONG, keys


def _failed(error: Exception) -> Outcome:
    """The outcome of a lookup that raised.

    BaseExceptions pass (CancelledError, gevent's Timeout). An exception of a signal handler, such
    as a time limit of the application's, is a failure like any other: our own code takes some 15 us
    of a request.
    """
    if isinstance(error, P0fError):  # our clients report their outages themselves, once
        return unavailable(str(error) or repr(error))
    kind = type(error)
    if kind not in _logged and len(_logged) < _MOST_KINDS_LOGGED:
        _logged.add(kind)
        logger().error(
            "the lookup of a fingerprint raised %s; the request continues without one (each kind of"
            " exception is logged once)",
            kind.__name__,
            exc_info=error,
        )
    # The application may show the reason to anyone, so it has nothing of the exception in it.
    return unavailable("the lookup failed; the log of p0f_middleware says how")
