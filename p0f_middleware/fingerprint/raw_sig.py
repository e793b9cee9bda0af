"""Writes and reads a SYN in p0f's notation, the `raw_sig` of p0f's log.

A text does not have the window itself: `mss*44` is 44 times one of several numbers, because p0f
allows for an MSS that was changed on the way. So a text yields every window that p0f writes so.
"""

import re
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from .packet import DISTANCES, MAX_DISTANCE, QUIRKS, Shape, read_options
from .signatures import layout_of, quirk_set

_LEAST_MSS = 100  # p0f does not write the window as a multiple of a smaller one
_LONGEST_TEXT = 512
_MOST_OPTION_BYTES = 40
_LONGEST_OPTION = 10
_OPTION_BYTES = {"nop": 1, "mss": 4, "ws": 3, "sok": 2, "ts": 10}  # others vary


class Window(NamedTuple):
    """What is known of a SYN's window."""

    size: int | None  # in bytes
    multiple: str | None  # as p0f writes one of the MSS or MTU, such as `mss*44`
    divisor: int  # the window is a multiple of it


class Traits(NamedTuple):
    """What is compared with signatures, read from a packet or a text."""

    version: int
    ttl: int
    ttl_known: bool  # not only an upper bound
    hops_known: bool  # `ttl` is that on arrival
    ip_options: int
    mss: int  # 0 if absent, like the scale
    windows: tuple[Window, ...]  # that a text may describe, in the order in which p0f tries them
    scale: int
    layout: str
    quirks: int | None  # None for a text without
    payload: bool


def traits_of(shape: Shape) -> Traits:
    """The traits of a SYN itself, whose window is known."""
    version, ttl, ip_options, size, quirks, payload, option_bytes = shape
    mss, scale, timestamp, layout, option_quirks = read_options(option_bytes)
    headers = 40 + len(option_bytes) + (20 if version == 6 else ip_options)
    multiple = _multiple(size, version, mss, timestamp, headers)
    windows, quirks = (Window(size, multiple, size),), quirks | option_quirks
    return Traits(
        version, ttl, True, True, ip_options, mss, windows, scale, layout, quirks, payload
    )


def raw_sig(traits: Traits) -> str:
    """A SYN in p0f's notation, from its own traits."""
    distance = DISTANCES[traits.ttl]
    hops = distance if distance <= MAX_DISTANCE else "?"
    window = traits.windows[0]
    quirks = ",".join(name for name, bit in QUIRKS.items() if (traits.quirks or 0) & bit)
    return (
        f"{traits.version}:{traits.ttl}+{hops}:{traits.ip_options}:{traits.mss}"
        f":{window.multiple or window.size},{traits.scale}"
        f":{traits.layout}:{quirks}:{'+' if traits.payload else '0'}"
    )


def _divisors(
    version: int, mss: int, timestamp: bool, headers: int | None
) -> Iterator[tuple[str, int]]:
    """The numbers by which p0f divides a window, in p0f's order, each after the multiple's unit.

    `timestamp`: the sender's own is not 0. `headers`: their bytes, IP and TCP; None if not known.
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


def read_raw_sig(text: str) -> Traits | None:
    """The traits of the SYN that a text in p0f's notation describes; None for any other text.

    huginn-proxy tells less: a window of `%4096` is some multiple of 4096, a TTL without `+` has no
    hops, `64-` is the most that the initial TTL was, and `*` is an MSS or scale that was not sent.
    Its first versions wrote neither quirks nor payload.
    """
    found = _TEXT.fullmatch(text) if len(text) <= _LONGEST_TEXT else None
    if found is None:
        return None
    version, ttl, hops, ip_options, mss, unit, window, scale, options, quirks, payload = (
        found.groups("")
    )
    ttl_number, ip_option_bytes, size, factor = map(_number, (ttl, ip_options, mss, scale))
    if max(ttl_number, ip_option_bytes, factor) > 255 or size > 0xFFFF:
        return None
    try:
        layout, marks = layout_of(options), quirk_set(quirks, int(version))
    except ValueError:
        return None
    ttl_known, hops_known, data = hops != "-", hops.startswith("+"), payload == "+"
    heads = int(version), ttl_number, ttl_known, hops_known, ip_option_bytes
    traits = Traits(*heads, size, (), factor, layout, marks, data)
    windows = _windows(traits, unit, int(window))
    return traits._replace(windows=windows, quirks=marks if payload else None) if windows else None


def _number(text: str) -> int:
    return 0 if text == "*" else int(text)


def _windows(sent: Traits, unit: str, number: int) -> tuple[Window, ...]:
    """The windows that p0f would write as `number` times `unit`; empty if there can be none."""
    if unit == "%":
        return (Window(None, None, number),) if number else ()
    quirks = sent.quirks or 0
    timestamps = ["ts" in sent.layout.split(",") and not quirks & QUIRKS["ts1-"]]
    if timestamps[0] and quirks & QUIRKS["bad"]:
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


def _header_bytes(sent: Traits) -> list[int]:
    """The possible lengths of IP and TCP headers; empty if the options cannot fill a header."""
    least = 0
    exact = not (sent.quirks or 0) & QUIRKS["bad"]
    for name in filter(None, sent.layout.split(",")):
        if name.startswith("eol+"):
            least += 1 + int(name[4:])
        else:
            exact = exact and name in _OPTION_BYTES
            least += _OPTION_BYTES.get(name, 2)
    if (sent.quirks or 0) & QUIRKS["bad"]:
        least -= _LONGEST_OPTION  # an option that is cut off may be present in part
    possible = range(0, _MOST_OPTION_BYTES + 1, 4)
    others = 40 + (20 if sent.version == 6 else sent.ip_options)
    return [others + size for size in possible if size == least or (size > least and not exact)]
