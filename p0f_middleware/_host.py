"""The fields of a host in the p0f daemon's answer, read from the bytes of that answer.

This module knows the position of each field and how p0f writes "not known"; it knows nothing about
queries or SYNs, or how a host is made. The fact a reader would get wrong: a field is decoded only
when it is read.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from ._fields import LAYOUT, MOST_DAYS, STRING_SIZE, BadSoftware, MatchQuality, text

__all__ = ["BAD_SW", "FIRST_SEEN", "NAT_AND_CHANGE", "OS", "OS_MATCH_Q", "TOTAL_CONN", "Host"]

FIRST_SEEN, _LAST_SEEN, TOTAL_CONN, _UPTIME_MIN = range(8, 24, 4)
_UP_MOD_DAYS, _LAST_NAT, _LAST_CHG = range(24, 36, 4)
_DISTANCE, BAD_SW, OS_MATCH_Q = 36, 38, 39
_OS_NAME, _OS_FLAVOR, _HTTP_NAME, _HTTP_FLAVOR, _LINK_TYPE, _LANGUAGE = (
    slice(start, start + STRING_SIZE) for start in range(40, 232, STRING_SIZE)
)
_LINK_MTU, _TICK_RATE = 232, 234
NAT_AND_CHANGE = slice(_LAST_NAT, _DISTANCE)
OS = slice(BAD_SW, _OS_FLAVOR.stop)
"""The position of bad_sw, os_match_q, os_name and os_flavor, which follow each other."""
_u32, _s16, _u16, _double = (struct.Struct(f"={kind}").unpack_from for kind in "IhHd")


def _moment(answer: bytes, offset: int) -> datetime | None:
    seconds: int = _u32(answer, offset)[0]
    return datetime.fromtimestamp(seconds, timezone.utc) if seconds else None


class Host:
    """The fields of p0f's answer. `_answer` has them in the order of `LAYOUT`; the last two may be
    missing, and other bytes may follow."""

    __slots__ = ("_answer",)
    _answer: bytes

    @property
    def first_seen(self) -> datetime | None:
        """When p0f first saw the host (UTC, to the second)."""
        return _moment(self._answer, FIRST_SEEN)

    @property
    def last_seen(self) -> datetime | None:
        """When p0f last saw traffic from the host (UTC, to the second)."""
        return _moment(self._answer, _LAST_SEEN)

    @property
    def total_conn(self) -> int:
        """How many connections p0f has seen from the host."""
        count: int = _u32(self._answer, TOTAL_CONN)[0]
        return count

    @property
    def uptime_min(self) -> int | None:
        """Minutes since the host booted, from its TCP timestamps; None if not known.

        Hosts that randomise their timestamps (most do today) give a wrong or no uptime.
        """
        return _u32(self._answer, _UPTIME_MIN)[0] or None

    @property
    def uptime_sec(self) -> int | None:
        """`uptime_min` in seconds; None if not known."""
        return _u32(self._answer, _UPTIME_MIN)[0] * 60 or None

    @property
    def uptime(self) -> timedelta | None:
        """`uptime_min` as a timedelta; None if not known."""
        minutes = self.uptime_min
        return timedelta(minutes=minutes) if minutes else None

    @property
    def up_mod_days(self) -> timedelta | None:
        """The time after which the host's timestamps, and so `uptime`, wrap; None if not known."""
        days: int = min(_u32(self._answer, _UP_MOD_DAYS)[0], MOST_DAYS)
        return timedelta(days=days) if days else None

    @property
    def last_nat(self) -> datetime | None:
        """When p0f last saw signs of several machines behind the address (NAT, load balancer,
        proxy); UTC; None if never."""
        return _moment(self._answer, _LAST_NAT)

    @property
    def last_chg(self) -> datetime | None:
        """When the operating system behind the address last changed (another machine, dual boot);
        UTC; None if never."""
        return _moment(self._answer, _LAST_CHG)

    @property
    def distance(self) -> int | None:
        """Network hops to the host, from its TTL; None if not known."""
        hops: int = _s16(self._answer, _DISTANCE)[0]
        return hops if hops >= 0 else None

    @property
    def bad_sw(self) -> BadSoftware | None:
        """How the User-Agent or Server header is false; None if p0f saw no false header."""
        code = self._answer[BAD_SW]
        return BadSoftware(code) if code else None

    @property
    def os_match_q(self) -> MatchQuality:
        """How well the signature behind `os_name` fits; NORMAL also if os_name is None."""
        return MatchQuality(self._answer[OS_MATCH_Q])

    @property
    def os_name(self) -> str | None:
        """The operating system that p0f recognised last, such as 'Linux'; None if it has not.

        p0f keeps the name when the host later sends something it does not recognise.
        """
        return text(self._answer[_OS_NAME]) or None

    @property
    def os_flavor(self) -> str | None:
        """The version or variant, such as '3.11 and newer'; None if the signature names none."""
        return text(self._answer[_OS_FLAVOR]) or None

    @property
    def http_name(self) -> str | None:
        """The HTTP client or server that p0f recognised last, such as 'Firefox'; None if it has
        not.

        p0f reads this from plain HTTP on the wire: over TLS it is None.
        """
        return text(self._answer[_HTTP_NAME]) or None

    @property
    def http_flavor(self) -> str | None:
        """The version of `http_name`, such as '10.x or newer'; None if not known."""
        return text(self._answer[_HTTP_FLAVOR]) or None

    @property
    def link_type(self) -> str | None:
        """The kind of link, from the MTU: 'Ethernet or modem', 'DSL'; None if not recognised."""
        return text(self._answer[_LINK_TYPE]) or None

    @property
    def language(self) -> str | None:
        """The language of the host's HTTP requests, such as 'English'; None if not known."""
        return text(self._answer[_LANGUAGE]) or None

    @property
    def link_mtu(self) -> int | None:
        """The link's MTU in bytes; None if not known (only p0f-mtu and p0f-v3-api2 send it)."""
        return self._extra(_u16, _LINK_MTU) or None

    @property
    def tick_rate(self) -> float | None:
        """Rate of the host's timestamp clock in Hz; None if not known (only p0f-v3-api2 sends
        it)."""
        rate: float = self._extra(_double, _TICK_RATE)
        return rate if 0 < rate < math.inf else None

    def _extra(self, unpack_from: Callable[[bytes, int], tuple[Any, ...]], offset: int) -> Any:
        """A field that p0f 3.0x does not send; 0 if it is missing."""
        return unpack_from(self._answer, offset)[0] if len(self._answer) >= LAYOUT.size else 0
