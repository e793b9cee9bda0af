"""Reads p0f's signature files: what they say of SYNs, as a :class:`Database`.

The format is that of section 5 of p0f's README, as p0f 3.09b accepts it. Only ``[mtu]`` and
``[tcp:request]`` are read, the sections that apply to a lone SYN. A line ends only at "\\n", and
blanks are only spaces and tabs (and, unlike p0f's, a carriage return before the end): Python's
``splitlines`` and ``strip`` know more of both, and would turn comments into statements.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from .packet import MAX_OPTIONS, OPTION_NAMES, QUIRKS

_BLANKS = " \t\r"
_READ_SECTIONS = ("mtu", "tcp:request")
_SECTION = re.compile(r"\[(mtu|[a-z]+:(?:request|response))\]")
_SEEN = ";; seen"
_EVIDENCE = re.compile(r";; seen((?: [^\s=]+=[0-9]{1,9})+)")
_USERLAND = "!"  # the class of labels that name an application, not an operating system

_IPV4_QUIRKS = QUIRKS["df"] | QUIRKS["id+"] | QUIRKS["id-"] | QUIRKS["0+"]
"""Quirks that a signature for IPv6 cannot require."""
_IPV6_QUIRKS = QUIRKS["flow"]
"""Quirks that a signature for IPv4 cannot require."""
_DF_AND_ID = QUIRKS["df"] | QUIRKS["id+"] | QUIRKS["id-"]


class SignatureError(ValueError):
    """A signature file has a malformed line; the message begins with ``file:line:``."""


class Label(NamedTuple):
    """What a group of signatures identifies.

    ``generic`` is true for p0f's last-resort labels (type ``g``). ``os_class`` is the architecture
    family (``unix``, ``win``, ``other``), or ``!`` for an application, which has the systems (or
    ``@classes``) that it runs on. ``flavor`` may be empty.
    """

    generic: bool
    os_class: str
    name: str
    flavor: str
    systems: tuple[str, ...] = ()

    @property
    def userland(self) -> bool:
        """Whether this names an application, not an operating system."""
        return self.os_class == _USERLAND

    @property
    def notation(self) -> str:
        """The label as a signature file writes it, such as ``s:win:Windows:10 or 11``."""
        return f"{'g' if self.generic else 's'}:{self.os_class}:{self.name}:{self.flavor}"


class Signature(NamedTuple):
    """One ``sig`` line of ``[tcp:request]``; None stands for the notation's ``*``.

    ``window`` is a number, or ``mss*4``, ``mtu*4`` or ``%8192`` as written. ``line`` is the number
    of its line in the file. ``seen`` is the evidence below that line: how often SYNs that match it
    exactly came with a User-Agent of each family; None if there is none.

    A signature for IPv4 may match IPv6 packets, and one for IPv6 IPv4 packets: p0f 3.09b never
    compares the version. Only ``*`` treats the two differently.
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
    seen: tuple[tuple[str, int], ...] | None = None

    def quirks_for(self, version: int) -> int:
        """The quirks that a packet of an IP *version* needs; ``*`` ignores the other version's."""
        if self.version is not None:
            return self.quirks
        return self.quirks & ~(_IPV6_QUIRKS if version == 4 else _DF_AND_ID)


class Database(NamedTuple):
    """A signature file: its classes, the names of links by MTU, SYN signatures in file order."""

    classes: tuple[str, ...]
    links: dict[int, str]
    requests: tuple[Signature, ...]


def own_signatures() -> str:
    """The text of the package's own signature file, which may be inside a zip archive."""
    # Imported here, for it loads a dozen modules that most processes never need.
    from importlib.resources import files

    return files(__name__.rpartition(".")[0]).joinpath("signatures.fp").read_text("utf-8")


def load(path: str | Path) -> Database:
    """Read the signature file at *path*. Raises OSError or :class:`SignatureError`."""
    return parse(read_text(path), str(path))


def read_text(path: str | Path) -> str:
    """The text of a file, decoded as UTF-8 or, if that fails, as Latin-1. Raises OSError."""
    data = Path(path).read_bytes()
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def merge(ours: str, theirs: str, source: str = "<signatures>") -> str:
    """One signature file of two: our links and SYN signatures, and all other sections of theirs.

    p0f refuses a file in which an earlier signature covers a later one, so a section is taken as a
    whole. *source* names the second file in errors. Raises :class:`SignatureError`.
    """
    classes = dict.fromkeys((*parse(ours).classes, *parse(theirs, source).classes))
    sections = [piece for name, piece in _sections(ours) if name in _READ_SECTIONS]
    sections += [piece for name, piece in _sections(theirs) if name and name not in _READ_SECTIONS]
    return f"classes = {','.join(classes)}\n\n" + "".join(sections)


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """The name of each section and its lines, heading included; '' is what stands before all."""
    name, lines = "", list[str]()
    for line in text.removesuffix("\n").split("\n"):
        if heading := _SECTION.fullmatch(line.strip(_BLANKS)):
            yield name, "".join(lines)
            name, lines = heading[1], []
        lines.append(line + "\n")
    yield name, "".join(lines)


def parse(text: str, source: str = "<signatures>") -> Database:
    """Read the *text* of a signature file; *source* names it in errors.

    Raises :class:`SignatureError` for a malformed line, except in sections that are not read.
    """
    if text.startswith(("\ufeff", "\xff\xfe", "\xfe\xff")):  # UTF-8's, and UTF-16's in Latin-1
        raise SignatureError(
            f"{source}:1: the file begins with a byte order mark (BOM), which p0f refuses: save it"
            " as UTF-8 without one"
        )
    reader = _Reader()
    for number, line in enumerate(text.split("\n"), 1):
        try:
            # After a NUL, the rest of the line is ignored; p0f ignores the rest of the file.
            reader.read(line.partition("\0")[0].strip(_BLANKS), number)
        except ValueError as error:
            raise SignatureError(f"{source}:{number}: {error}") from None
    return Database(tuple(reader.classes), reader.links, tuple(reader.requests))


class _Reader:
    """Takes lines in order; keeps the results, and the label for the next ``sig``."""

    def __init__(self) -> None:
        self.classes: list[str] = []
        self.links: dict[int, str] = {}
        self.requests: list[Signature] = []
        self._section = ""
        self._link: str | None = None
        self._label: Label | None = None
        self._line = 0
        self._readers: dict[tuple[str, str], Callable[[str], None]] = {
            ("", "classes"): self._read_classes,
            ("mtu", "label"): self._read_link,
            ("mtu", "sig"): self._read_mtu,
            ("tcp:request", "label"): self._read_label,
            ("tcp:request", "sys"): self._read_systems,
            ("tcp:request", "sig"): self._read_signature,
        }

    def read(self, line: str, number: int) -> None:
        self._line = number
        if line.startswith("["):
            heading = _SECTION.fullmatch(line)
            if heading is None:
                raise ValueError(f"malformed section heading {line!r}")
            if heading[1] != self._section:
                self._section, self._link, self._label = heading[1], None, None
        elif line.startswith(_SEEN) and self._section == "tcp:request":
            self._read_evidence(line)
        elif line and not line.startswith(";") and self._section in ("", *_READ_SECTIONS):
            key, equals, value = line.partition("=")
            if not equals:
                raise ValueError(f"expected 'key = value', got {line!r}")
            reader = self._readers.get((self._section, key.rstrip(_BLANKS)))
            if reader is None:
                raise ValueError(f"{key.rstrip()!r} has no meaning in section [{self._section}]")
            reader(value.lstrip(_BLANKS))

    def _read_classes(self, value: str) -> None:
        names = [name.lstrip(_BLANKS) for name in value.split(",")]
        if not names[-1] or not all(name.isascii() and name.isalnum() for name in names if name):
            raise ValueError(f"malformed class in {value!r}")
        self.classes += [name for name in names if name and name not in self.classes]

    def _read_link(self, value: str) -> None:
        self._link = value

    def _read_mtu(self, value: str) -> None:
        if self._link is None:
            raise ValueError("'sig' without a 'label' above it")
        self.links.setdefault(_number(value, "MTU", 1, 0xFFFF), self._link)

    def _read_label(self, value: str) -> None:
        fields = value.split(":", 3)
        if len(fields) != 4 or fields[0] not in ("s", "g") or not fields[2]:
            raise ValueError(f"malformed label {value!r}; expected type:class:name:flavor")
        kind, os_class, name, flavor = fields
        if os_class != _USERLAND:
            self._check_class(os_class)
        self._label = Label(kind == "g", os_class, name, flavor)

    def _read_systems(self, value: str) -> None:
        if self._label is None or not self._label.userland or self._label.systems:
            raise ValueError("'sys' must follow the 'label' of an application")
        systems = tuple(name.lstrip(_BLANKS) for name in value.split(","))
        for system in systems:
            if system.startswith("@"):
                self._check_class(system[1:])
        self._label = self._label._replace(systems=systems)

    def _read_signature(self, value: str) -> None:
        if self._label is None:
            raise ValueError("'sig' without a 'label' above it")
        if self._label.userland and not self._label.systems:
            raise ValueError("an application's 'label' must be followed by 'sys' before any 'sig'")
        self.requests.append(_signature(value, self._label, self._line))

    def _read_evidence(self, line: str) -> None:
        found = _EVIDENCE.fullmatch(line)
        if found is None or not self.requests or self.requests[-1].label is not self._label:
            return  # another comment, or one that does not follow a signature
        pairs = (pair.split("=") for pair in found[1].split())
        seen = tuple((family, int(count)) for family, count in pairs)
        self.requests[-1] = self.requests[-1]._replace(seen=seen)

    def _check_class(self, name: str) -> None:
        if name not in self.classes:
            known = ", ".join(self.classes) or "none"
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
    """The initial TTL of ``64``, ``64-`` (any lower one, too) or ``54+10`` (observed+distance)."""
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
    """The parts of a comma-separated list, which may be empty or end with a comma."""
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
