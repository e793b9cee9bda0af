"""p0f's signature files: read into a :class:`Database`, and two of them made into one.

What lives here is the text format of section 5 of p0f's README, as p0f 3.09b accepts it; how a
packet is compared with a signature is not known here. Only ``[mtu]`` and ``[tcp:request]`` are
read, the sections a lone SYN can be matched against.

The fact a reader would get wrong: a signature scoped to IPv4 (``4:``) is not kept from matching
IPv6, nor ``6:`` IPv4. p0f 3.09b never compares the version; only a ``*`` signature treats the two
differently (see :meth:`Signature.quirks_for`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

USERLAND = "!"  # the class of labels that name an application, not an operating system

_QUIRK_NAMES = (
    *("df", "id+", "id-", "ecn", "0+", "flow"),  # IP
    *("seq-", "ack+", "ack-", "uptr+", "urgf+", "pushf+"),  # TCP
    *("ts1-", "ts2+", "opt+", "exws", "bad"),  # TCP options
)
QUIRKS = {name: 1 << bit for bit, name in enumerate(_QUIRK_NAMES)}
"""Every quirk, in the order p0f writes them, and its bit in a set of quirks."""

OPTION_NAMES = {1: "nop", 2: "mss", 3: "ws", 4: "sok", 5: "sack", 8: "ts"}
"""TCP option kinds that have a name in a layout; kind 0 is ``eol+n``, any other ``?kind``."""

MAX_OPTIONS = 24

_DF_AND_ID = QUIRKS["df"] | QUIRKS["id+"] | QUIRKS["id-"]
_IPV4_QUIRKS = _DF_AND_ID | QUIRKS["0+"]
_IPV6_QUIRKS = QUIRKS["flow"]
_READ_SECTIONS = {"mtu", "tcp:request"}
_SECTION = re.compile(r"\[(mtu|[a-z]+:(?:request|response))\]")


class SignatureError(ValueError):
    """A signature file holds a malformed line; the message begins with ``file:line:``."""


class Label(NamedTuple):
    """What a group of signatures identifies.

    ``generic`` is true for p0f's last-resort labels (type ``g``). ``os_class`` is the architecture
    family (``unix``, ``win``, ``other``), or ``!`` for an application. ``flavor`` may be empty.
    ``systems`` lists, for an application, the systems (or ``@classes``) it runs on.
    """

    generic: bool
    os_class: str
    name: str
    flavor: str
    systems: tuple[str, ...] = ()

    @property
    def userland(self) -> bool:
        """Whether this names an application, not an operating system."""
        return self.os_class == USERLAND


class Signature(NamedTuple):
    """One ``sig`` line of ``[tcp:request]``; None stands for the notation's ``*``."""

    label: Label
    version: int | None
    ttl: int
    any_lower_ttl: bool
    ip_options: int
    mss: int | None
    window: int | str | None  # a number; or "mss*4", "mtu*4", "%8192" as written
    scale: int | None
    layout: str
    quirks: int
    payload: bool | None
    line: int

    def quirks_for(self, version: int) -> int:
        """The quirks asked of a packet of that IP *version*; ``*`` asks for none it cannot have."""
        if self.version is not None:
            return self.quirks
        return self.quirks & ~(_IPV6_QUIRKS if version == 4 else _DF_AND_ID)


class Database(NamedTuple):
    """A signature file: its classes, a link's name by MTU, and SYN signatures in file order."""

    classes: tuple[str, ...]
    links: dict[int, str]
    requests: tuple[Signature, ...]


class _Line(NamedTuple):
    number: int
    section: str
    key: str
    value: str


def load(path: str | Path) -> Database:
    """Read the signature file at *path*.

    Raises OSError, or :class:`SignatureError` for a malformed line.
    """
    return parse(Path(path).read_text(encoding="utf-8", errors="replace"), str(path))


def parse(text: str, source: str = "<signatures>") -> Database:
    """Read the *text* of a signature file; *source* names it in errors.

    Raises :class:`SignatureError` for a malformed line, except in sections of no use here, which
    are not looked at.
    """
    reader = _Reader()
    for line in _lines(text, source):
        try:
            reader.read(line)
        except ValueError as error:
            raise SignatureError(f"{source}:{line.number}: {error}") from None
    return Database(tuple(reader.classes), reader.links, tuple(reader.requests))


def merge(ours: str, installed: str) -> str:
    """One signature file, as text, made of two.

    The result holds the ``[mtu]`` and ``[tcp:request]`` sections of *ours*, every other section of
    *installed* (with its ``ua_os``), and the classes of both. p0f itself loads it.
    """
    parts = [_split_sections(ours), _split_sections(installed)]
    classes = dict.fromkeys(name for text in (ours, installed) for name in parse_classes(text))
    kept = [body for name, body in parts[0] if name in _READ_SECTIONS]
    kept += [body for name, body in parts[1] if name and name not in _READ_SECTIONS]
    return "".join([f"classes = {','.join(classes)}\n\n", *kept])


def parse_classes(text: str) -> tuple[str, ...]:
    """The classes a signature file registers, in order."""
    values = [line.value for line in _lines(text, "<signatures>") if line.key == "classes"]
    return tuple(name for value in values for name in value.split(","))


def _split_sections(text: str) -> list[tuple[str, str]]:
    """Each section's name and its text with the heading; what stands before any is section ''."""
    sections: list[tuple[str, list[str]]] = [("", [])]
    for line in text.splitlines():
        if heading := _SECTION.fullmatch(line.strip()):
            sections.append((heading[1], []))
        sections[-1][1].append(line)
    return [(name, "\n".join(lines) + "\n") for name, lines in sections]


def _lines(text: str, source: str) -> Iterator[_Line]:
    """The statements of the sections read here, and those before any section."""
    section = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith(";"):
            continue
        if line.startswith("["):
            heading = _SECTION.fullmatch(line)
            if heading is None:
                raise SignatureError(f"{source}:{number}: malformed section heading {line!r}")
            section = heading[1]
        elif not section or section in _READ_SECTIONS:
            key, equals, value = line.partition("=")
            if not equals:
                raise SignatureError(f"{source}:{number}: expected 'key = value', got {line!r}")
            yield _Line(number, section, key.rstrip(), value.lstrip())


class _Reader:
    """Takes statements in order; holds what they add up to and the label the next ``sig`` belongs
    to.
    """

    def __init__(self) -> None:
        self.classes: list[str] = []
        self.links: dict[int, str] = {}
        self.requests: list[Signature] = []
        self._section = ""
        self._link: str | None = None
        self._label: Label | None = None
        self._readers: dict[tuple[str, str], Callable[[_Line], None]] = {
            ("", "classes"): self._read_classes,
            ("mtu", "label"): self._read_link,
            ("mtu", "sig"): self._read_mtu,
            ("tcp:request", "label"): self._read_label,
            ("tcp:request", "sys"): self._read_systems,
            ("tcp:request", "sig"): self._read_signature,
        }

    def read(self, line: _Line) -> None:
        if line.section != self._section:
            self._section, self._link, self._label = line.section, None, None
        reader = self._readers.get((line.section, line.key))
        if reader is None:
            raise ValueError(f"{line.key!r} has no meaning in section [{line.section}]")
        reader(line)

    def _read_classes(self, line: _Line) -> None:
        names = line.value.split(",")
        if not all(name.isalnum() for name in names):
            raise ValueError(f"malformed class in {line.value!r}")
        self.classes += [name for name in names if name not in self.classes]

    def _read_link(self, line: _Line) -> None:
        self._link = line.value

    def _read_mtu(self, line: _Line) -> None:
        if self._link is None:
            raise ValueError("'sig' without a 'label' above it")
        self.links.setdefault(_number(line.value, "MTU", 1, 0xFFFF), self._link)

    def _read_label(self, line: _Line) -> None:
        fields = line.value.split(":", 3)
        if len(fields) != 4 or fields[0] not in ("s", "g") or not fields[2]:
            raise ValueError(f"malformed label {line.value!r}; expected type:class:name:flavor")
        kind, os_class, name, flavor = fields
        if os_class != USERLAND:
            self._check_class(os_class)
        self._label = Label(kind == "g", os_class, name, flavor)

    def _read_systems(self, line: _Line) -> None:
        if self._label is None or not self._label.userland or self._label.systems:
            raise ValueError("'sys' must follow the 'label' of an application")
        systems = tuple(line.value.split(","))
        for system in systems:
            if system.startswith("@"):
                self._check_class(system[1:])
        self._label = self._label._replace(systems=systems)

    def _read_signature(self, line: _Line) -> None:
        if self._label is None:
            raise ValueError("'sig' without a 'label' above it")
        if self._label.userland and not self._label.systems:
            raise ValueError("an application's 'label' must be followed by 'sys' before any 'sig'")
        self.requests.append(_signature(line.value, self._label, line.number))

    def _check_class(self, name: str) -> None:
        if name not in self.classes:
            raise ValueError(
                f"unknown class {name!r}; registered: {', '.join(self.classes) or 'none'}"
            )


def _signature(text: str, label: Label, line: int) -> Signature:
    fields = text.split(":")
    if len(fields) != 8:
        raise ValueError(f"a signature has 8 fields, {text!r} has {len(fields)}")
    version, ttl, ip_options, mss, window_scale, layout, quirks, payload = fields
    window, comma, scale = window_scale.partition(",")
    if version not in ("4", "6", "*") or not comma or payload not in ("0", "+", "*"):
        raise ValueError(f"malformed version, window or payload class in {text!r}")
    scoped = None if version == "*" else int(version)
    return Signature(
        label=label,
        version=scoped,
        ttl=_initial_ttl(ttl),
        any_lower_ttl=ttl.endswith("-"),
        ip_options=_number(ip_options, "IP option length", 0, 255),
        mss=None if mss == "*" else _number(mss, "MSS", 0, 0xFFFF),
        window=_window(window),
        scale=None if scale == "*" else _number(scale, "window scale", 0, 255),
        layout=_layout(layout),
        quirks=_quirk_set(quirks, scoped),
        payload=None if payload == "*" else payload == "+",
        line=line,
    )


def _number(text: str, what: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text[:9]) <= most):
        raise ValueError(f"{what} must be {least} to {most}, not {text!r}")
    return int(text)


def _initial_ttl(text: str) -> int:
    """``64``, ``64-`` (any lower one too), or ``54+10`` (as observed, plus the distance)."""
    observed, plus, distance = text.partition("+")
    hops = _number(distance, "distance", 0, 255) if plus else 0
    return _number(str(_number(observed.removesuffix("-"), "TTL", 0, 255) + hops), "TTL", 1, 255)


def _window(text: str) -> int | str | None:
    if text == "*":
        return None
    if text.startswith("%"):
        return f"%{_number(text[1:], 'window modulus', 2, 0xFFFF)}"
    if text.startswith(("mss*", "mtu*")):
        return f"{text[:4]}{_number(text[4:], 'window multiple', 1, 1000)}"
    return _number(text, "window", 0, 0xFFFF)


@lru_cache(maxsize=256)
def _layout(text: str) -> str:
    options = _names(text)
    if len(options) > MAX_OPTIONS:
        raise ValueError(f"more than {MAX_OPTIONS} TCP options")
    last = len(options) - 1
    return ",".join(_option(option, place == last) for place, option in enumerate(options))


def _names(text: str) -> list[str]:
    """The parts of a comma-delimited list, which may be empty or end in a comma."""
    return text.removesuffix(",").split(",") if text else []


def _option(text: str, last: bool) -> str:
    if text in OPTION_NAMES.values():
        return text
    if text.startswith("?"):
        kind = _number(text[1:], "TCP option", 0, 255)
        return OPTION_NAMES.get(kind, f"?{kind}")
    if text.startswith("eol+") and last:
        return f"eol+{_number(text[4:], 'padding after eol', 0, 255)}"
    raise ValueError(f"unknown or misplaced TCP option {text!r}")


@lru_cache(maxsize=256)
def _quirk_set(text: str, version: int | None) -> int:
    quirks = 0
    for name in _names(text):
        if name not in QUIRKS:
            raise ValueError(f"unknown quirk {name!r}")
        quirks |= QUIRKS[name]
    if (version == 4 and quirks & _IPV6_QUIRKS) or (version == 6 and quirks & _IPV4_QUIRKS):
        raise ValueError(f"quirks {text!r} cannot occur with IPv{version}")
    return quirks
