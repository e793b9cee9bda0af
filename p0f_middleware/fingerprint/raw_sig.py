"""Writes and reads a SYN in p0f's notation, the `raw_sig` of p0f's log.

Section 5 of p0f's README describes the notation. A text does not have the window itself: `mss*44`
is 44 times one of several numbers, because p0f allows for an MSS that was changed on the way. So
reading a text yields every window that p0f would write that way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from .packet import DISTANCES, MAX_DISTANCE, MAX_OPTIONS, OPTION_NAMES, QUIRKS, Options, Shape

_LEAST_MSS = 100
"""p0f does not write the window as a multiple of a smaller MSS."""
_LONGEST_TEXT = 512
_MOST_OPTION_BYTES = 40
_LONGEST_OPTION = 10
_OPTION_BYTES = {"nop": 1, "mss": 4, "ws": 3, "sok": 2, "ts": 10}
"""Options whose name determines their size."""


class Window(NamedTuple):
    """What is known of a SYN's window.

    `size` is the window in bytes. `multiple` is how p0f writes a window that is a multiple of the
    MSS or MTU, such as `mss*44`. Each is None if not known. The window is a multiple of `divisor`.
    """

    size: int | None
    multiple: str | None
    divisor: int


class Traits(NamedTuple):
    """The properties of a SYN that are compared with signatures, read from a packet or a text.

    `windows` are the windows that a text may describe, in the order in which p0f tries them.
    `ttl_known` is False if `ttl` is only an upper bound. `hops_known` tells whether `ttl` is the
    TTL on arrival. `quirks` is None for a text without quirks. An absent MSS or scale is 0.
    """

    version: int
    ttl: int
    ttl_known: bool
    hops_known: bool
    ip_options: int
    mss: int
    windows: tuple[Window, ...]
    scale: int
    layout: str
    quirks: int | None
    payload: bool


def traits_of(shape: Shape, options: Options) -> Traits:
    """A SYN's traits."""
    version, ttl, ip_options, size, quirks, payload, option_bytes = shape
    headers = 40 + len(option_bytes) + (20 if version == 6 else ip_options)
    multiple = _multiple(size, version, options.mss, options.timestamp, headers)
    return Traits(
        version,
        ttl,
        True,
        True,
        ip_options,
        options.mss,
        (Window(size, multiple, size),),
        options.scale,
        options.layout,
        quirks | options.quirks,
        payload,
    )


def raw_sig(traits: Traits) -> str:
    """A SYN in p0f's notation, from its own traits."""
    distance = DISTANCES[traits.ttl]
    hops = distance if distance <= MAX_DISTANCE else "?"
    window = traits.windows[0]
    return (
        f"{traits.version}:{traits.ttl}+{hops}:{traits.ip_options}:{traits.mss}"
        f":{window.multiple or window.size},{traits.scale}"
        f":{traits.layout}:{_quirk_names(traits.quirks or 0)}:{'+' if traits.payload else '0'}"
    )


@lru_cache(maxsize=1024)
def _quirk_names(quirks: int) -> str:
    return ",".join(name for name, bit in QUIRKS.items() if quirks & bit)


def _divisors(
    version: int, mss: int, timestamp: bool, headers: int | None
) -> Iterator[tuple[str, int]]:
    """The numbers by which p0f divides a window, in p0f's order, each after the multiple's unit.

    `timestamp` tells whether the sender's own timestamp is not 0. `headers` is the length of the IP
    and TCP headers; None if not known.
    """
    yield "mss", mss
    if timestamp:
        yield "mss", mss - 12
    for usual in (1460, 1448) if version == 4 else (1460, 1448, 1440, 1428):
        yield "mss", usual
    yield "mtu", mss + 40
    if headers is not None:
        yield "mtu", mss + headers
    if version == 6:
        yield "mtu", mss + 60
    yield "mtu", 1500


def _multiple(
    size: int, version: int, mss: int, timestamp: bool, headers: int | None
) -> str | None:
    """The window as p0f writes a multiple, by the first divisor that fits; None if none does."""
    if not size or mss < _LEAST_MSS:
        return None
    for unit, divisor in _divisors(version, mss, timestamp, headers):
        if size % divisor == 0:
            return f"{unit}*{size // divisor}"
    return None


_TEXT = re.compile(
    r"""
    ([46])
    : ([0-9]{1,3}) (\+(?:[0-9]{1,3}|\?)|-)?
    : ([0-9]{1,3})
    : ([0-9]{1,5}|\*)
    : (%|mss\*|mtu\*)? ([0-9]{1,5}) , ([0-9]{1,3}|\*)
    : ([a-z0-9?+,]*)
    (?: : ([a-z0-9+,-]*) : ([0+]) )?
    """,
    re.VERBOSE | re.ASCII,
)
_UNNAMED_OPTION = re.compile(r"\?([0-9]{1,3})", re.ASCII)
_END_OF_OPTIONS = re.compile(r"eol\+([0-9]{1,2})", re.ASCII)


def read_raw_sig(text: str) -> Traits | None:
    """The traits of the SYN that a text in p0f's notation describes; None for any other text.

    huginn-proxy writes some fields with less information: a window of `%4096` is some multiple of
    4096; a TTL without `+` does not contain the hops; `64-` means only that the initial TTL was at
    most 64. Its first versions wrote neither quirks nor payload. `*` stands for an MSS or scale
    that was not sent.
    """
    found = _TEXT.fullmatch(text) if len(text) <= _LONGEST_TEXT else None
    if found is None:
        return None
    version, ttl, hops, ip_options, mss, unit, window, scale, layout, quirks, payload = (
        found.groups("")
    )
    names = layout.split(",") if layout else []
    quirk_names = [name for name in quirks.split(",") if name]
    if not _is_layout(names) or not QUIRKS.keys() >= set(quirk_names):
        return None
    sent = _Sent(int(version), int(ip_options), _number(mss), tuple(names), frozenset(quirk_names))
    windows = _windows(sent, unit, int(window))
    if max(int(ttl), sent.ip_options, _number(scale)) > 255 or sent.mss > 0xFFFF or not windows:
        return None
    return Traits(
        version=sent.version,
        ttl=int(ttl),
        ttl_known=hops != "-",
        hops_known=hops.startswith("+"),
        ip_options=sent.ip_options,
        mss=sent.mss,
        windows=windows,
        scale=_number(scale),
        layout=layout,
        quirks=sum(QUIRKS[name] for name in sent.quirks) if payload else None,
        payload=payload == "+",
    )


class _Sent(NamedTuple):
    """The parts of a text on which the meaning of its window depends."""

    version: int
    ip_options: int
    mss: int
    options: tuple[str, ...]
    quirks: frozenset[str]


def _number(text: str) -> int:
    return 0 if text == "*" else int(text)


def _is_layout(names: list[str]) -> bool:
    last = len(names) - 1
    return len(names) <= MAX_OPTIONS and all(
        name in OPTION_NAMES.values()
        or _UNNAMED_OPTION.fullmatch(name) is not None
        or (place == last and _END_OF_OPTIONS.fullmatch(name) is not None)
        for place, name in enumerate(names)
    )


def _windows(sent: _Sent, unit: str, number: int) -> tuple[Window, ...]:
    """The windows that p0f would write as `number` times `unit`; empty if there can be none."""
    if unit == "%":
        return (Window(None, None, number),) if number else ()
    timestamps = ["ts" in sent.options and "ts1-" not in sent.quirks]
    if timestamps[0] and "bad" in sent.quirks:
        timestamps.append(False)  # the timestamp may be the option that is cut off
    headers: list[int | None] = [*_header_bytes(sent)] or [None]
    if not unit:
        surely = headers[0] if len(headers) == 1 else None
        multiple = _multiple(number, sent.version, sent.mss, timestamps[-1], surely)
        return (Window(number, multiple, number),) if number <= 0xFFFF else ()
    text = f"{unit}{number}"
    sizes = dict.fromkeys(
        number * divisor
        for timestamp, size in product(timestamps, headers)
        for name, divisor in _divisors(sent.version, sent.mss, timestamp, size)
        if unit.startswith(name)
        and number * divisor <= 0xFFFF
        and _multiple(number * divisor, sent.version, sent.mss, timestamp, size) == text
    )
    return tuple(Window(size, text, size) for size in sizes) or (Window(None, text, 1),)


def _header_bytes(sent: _Sent) -> list[int]:
    """The possible lengths of IP and TCP headers; empty if the options cannot fill a header."""
    least = 0
    exact = "bad" not in sent.quirks
    for name in sent.options:
        if name in _OPTION_BYTES:
            least += _OPTION_BYTES[name]
        elif end := _END_OF_OPTIONS.fullmatch(name):
            least += 1 + int(end[1])
        else:
            exact = False
            least += 2
    if "bad" in sent.quirks:
        least -= _LONGEST_OPTION  # an option that is cut off may be present in part
    possible = range(0, _MOST_OPTION_BYTES + 1, 4)
    others = 40 + (20 if sent.version == 6 else sent.ip_options)
    return [others + size for size in possible if size == least or (size > least and not exact)]
