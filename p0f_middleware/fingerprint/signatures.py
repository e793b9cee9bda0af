"""Reads p0f's signature files: what they say of SYNs, as a :class:`Database`.

The format is that of section 5 of p0f's README, as p0f 3.09b accepts it. Only ``[mtu]`` and
``[tcp:request]`` are read, the sections that apply to a lone SYN.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from .packet import MAX_OPTIONS, OPTION_NAMES, QUIRKS

# Only these are blank, and only "\n" ends a line: `strip` and `splitlines` know more of both, and
# would turn comments into statements.
_BLANKS = " \t\r"
_SECTION = re.compile(r"\[(mtu|[a-z]+:(?:request|response))\]")
_EVIDENCE = re.compile(r";; seen((?: [^\s=]+=[0-9]{1,9})+)")
_USERLAND = "!"  # the class of labels that name an application, not an operating system

_DF_AND_ID = QUIRKS["df"] | QUIRKS["id+"] | QUIRKS["id-"]
_IPV4_QUIRKS, _IPV6_QUIRKS = _DF_AND_ID | QUIRKS["0+"], QUIRKS["flow"]  # of that version alone


class Label(NamedTuple):
    """What a group of signatures identifies."""

    notation: str  # as written, such as `s:win:Windows:10 or 11`
    generic: bool  # a last resort
    userland: bool  # an application, not an operating system
    name: str
    flavor: str


class Signature(NamedTuple):
    """One ``sig`` line of ``[tcp:request]``; None stands for the notation's ``*``.

    ``window`` is a number, or ``mss*4``, ``mtu*4`` or ``%8192`` as written. ``seen`` is the
    evidence below the line: User-Agents of SYNs that match it exactly, by family.

    p0f 3.09b never compares ``version``: a signature for IPv4 may match IPv6 packets.
    """

    label: Label
    version: int | None
    ttl: int
    any_lower_ttl: bool
    ip_options: int
    mss: int | None
    window: int | str | None
    scale: int | None
    layout: str
    quirks: int
    payload: bool | None
    line: int
    seen: tuple[tuple[str, int], ...] = ()

    def quirks_for(self, version: int) -> int:
        """The quirks that a packet of an IP *version* needs; ``*`` ignores the other version's."""
        if self.version is not None:
            return self.quirks
        return self.quirks & ~(_IPV6_QUIRKS if version == 4 else _DF_AND_ID)


class Database(NamedTuple):
    """A signature file: the names of links by MTU, SYN signatures in file order."""

    links: dict[int, str]
    requests: tuple[Signature, ...]


def load(path: str | Path | None) -> Database:
    """Read a signature file; None is the package's own, which may be inside a zip archive.

    It is UTF-8 or, if that fails, Latin-1. Raises OSError, and ValueError as `parse` does.
    """
    if path is None:
        # Imported here, for it loads a dozen modules that most processes never need.
        from importlib.resources import files

        return parse(files(__package__).joinpath("signatures.fp").read_text("utf-8"))
    data = Path(path).read_bytes()
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return parse(text, str(path))


def parse(text: str, source: str = "signatures.fp") -> Database:
    """Read the *text* of a signature file.

    Raises ValueError for a malformed line, except in sections that are not read; the message begins
    with ``source:line:``.
    """
    reader = _Reader()
    for number, line in enumerate(text.split("\n"), 1):
        try:
            # After a NUL, the rest of the line is ignored; p0f ignores the rest of the file.
            reader.read(line.partition("\0")[0].strip(_BLANKS), number)
        except ValueError as error:
            raise ValueError(f"{source}:{number}: {error}") from None
    return Database(reader.links, tuple(reader.requests))


class _Reader:
    """Takes lines in order; keeps the results, and the label for the next ``sig``."""

    def __init__(self) -> None:
        self._classes: list[str] = []
        self.links: dict[int, str] = {}
        self.requests: list[Signature] = []
        self._section = ""
        self._link: str | None = None
        self._label: Label | None = None
        self._needs_systems = False

    def read(self, line: str, number: int) -> None:
        if line.startswith("["):
            heading = _SECTION.fullmatch(line)
            if heading is None:
                raise ValueError(f"malformed section heading {line!r}")
            if heading[1] != self._section:
                self._section, self._link, self._label = heading[1], None, None
        elif line.startswith(";"):
            self._read_comment(line)
        elif line and self._section in ("", "mtu", "tcp:request"):
            key, equals, value = line.partition("=")
            if not equals:
                raise ValueError(f"expected 'key = value', got {line!r}")
            self._read_value(key.rstrip(_BLANKS), value.lstrip(_BLANKS), number)

    def _read_value(self, key: str, value: str, number: int) -> None:
        match self._section, key:
            case "", "classes":
                self._read_classes(value)
            case "mtu", "label":
                self._link = value
            case "tcp:request", "label":
                self._read_label(value)
            case "tcp:request", "sys":
                self._read_systems(value)
            case "mtu", "sig" if self._link is not None:
                self.links.setdefault(_number(value, "MTU", 1, 0xFFFF), self._link)
            case "tcp:request", "sig" if self._label is not None:
                if self._needs_systems:
                    raise ValueError(
                        "an application's 'label' must be followed by 'sys' before any 'sig'"
                    )
                self.requests.append(_signature(value, self._label, number))
            case "mtu" | "tcp:request", "sig":
                raise ValueError("'sig' without a 'label' above it")
            case section, _:
                raise ValueError(f"{key!r} has no meaning in section [{section}]")

    def _read_classes(self, value: str) -> None:
        names = [name.lstrip(_BLANKS) for name in value.split(",")]
        if not names[-1] or not all(name.isascii() and name.isalnum() for name in names if name):
            raise ValueError(f"malformed class in {value!r}")
        self._classes += filter(None, names)

    def _read_label(self, value: str) -> None:
        fields = value.split(":", 3)
        if len(fields) != 4 or fields[0] not in ("s", "g") or not fields[2]:
            raise ValueError(f"malformed label {value!r}; expected type:class:name:flavor")
        kind, os_class, name, flavor = fields
        self._needs_systems = os_class == _USERLAND
        if not self._needs_systems:
            self._check_class(os_class)
        self._label = Label(value, kind == "g", self._needs_systems, name, flavor)

    def _read_systems(self, value: str) -> None:
        if self._label is None or not self._needs_systems:
            raise ValueError("'sys' must follow the 'label' of an application")
        for name in value.split(","):
            system = name.lstrip(_BLANKS)
            if system.startswith("@"):
                self._check_class(system[1:])
        self._needs_systems = False

    def _read_comment(self, line: str) -> None:
        evidence = _EVIDENCE.fullmatch(line)
        if evidence and self.requests and self.requests[-1].label is self._label:
            pairs = (pair.split("=") for pair in evidence[1].split())
            seen = tuple((family, int(count)) for family, count in pairs)
            self.requests[-1] = self.requests[-1]._replace(seen=seen)

    def _check_class(self, name: str) -> None:
        if name not in self._classes:
            known = ", ".join(self._classes) or "none"
            raise ValueError(f"unknown class {name!r}; registered: {known}")


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
        layout=layout_of(layout),
        quirks=quirk_set(quirks, scoped),
        payload=None if payload == "*" else payload == "+",
        line=line,
    )


def _number(text: str, what: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text[:9]) <= most):
        raise ValueError(f"{what} must be {least} to {most}, not {text!r}")
    return int(text)


def _initial_ttl(text: str) -> int:
    # 64, 64- (any lower one, too) or 54+10 (observed and distance)
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
def layout_of(text: str) -> str:
    """TCP options by their names. Raises ValueError for what a SYN cannot have."""
    options = _names(text)
    if len(options) > MAX_OPTIONS:
        raise ValueError(f"more than {MAX_OPTIONS} TCP options")
    last = len(options) - 1
    return ",".join(_option(option, place == last) for place, option in enumerate(options))


def _names(text: str) -> list[str]:  # of a list that may end with a comma
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
def quirk_set(text: str, version: int | None) -> int:
    """A set of quirks. Raises ValueError for one that an IP *version* cannot have."""
    quirks = 0
    for name in _names(text):
        if name not in QUIRKS:
            raise ValueError(f"unknown quirk {name!r}")
        quirks |= QUIRKS[name]
    if (version == 4 and quirks & _IPV6_QUIRKS) or (version == 6 and quirks & _IPV4_QUIRKS):
        raise ValueError(f"quirks {text!r} cannot occur with IPv{version}")
    return quirks
