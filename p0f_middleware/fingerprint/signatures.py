"""Reads p0f's signature files into a :class:`Database`.

This module knows the text format of section 5 of p0f's README, as p0f 3.09b accepts it; it does not
compare packets with signatures. It reads only ``[mtu]`` and ``[tcp:request]``, the sections that
apply to a lone SYN.

The fact a reader would get wrong: a line ends only at "\\n", and blanks are only spaces and tabs
(and, unlike p0f's, a carriage return before the end). Python's ``splitlines`` and ``strip``
recognise more line ends and blanks, and would turn comments into statements.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from .database import IPV4_QUIRKS, IPV6_QUIRKS, USERLAND, Database, Label, Signature
from .notation import MAX_OPTIONS, OPTION_NAMES, QUIRKS

BLANKS = " \t\r"
READ_SECTIONS = ("mtu", "tcp:request")
"""The sections to read; the others are for other packets than SYNs, and for HTTP."""
SECTION = re.compile(r"\[(mtu|[a-z]+:(?:request|response))\]")
"""The heading of a section."""

_SEEN = ";; seen"
_EVIDENCE = re.compile(r";; seen((?: [^\s=]+=[0-9]{1,9})+)")


class SignatureError(ValueError):
    """A signature file has a malformed line; the message begins with ``file:line:``."""


class _Line(NamedTuple):
    number: int
    section: str
    key: str
    value: str


def load(path: str | Path) -> Database:
    """Read the signature file at *path*.

    Raises OSError, or :class:`SignatureError` for a malformed line.
    """
    return parse(read_text(path), str(path))


def own_signatures() -> str:
    """The text of the package's own signature file, which may be inside a zip archive."""
    # Imported here, for it loads a dozen modules that most processes never need.
    from importlib.resources import files

    return files(__package__).joinpath("signatures.fp").read_text("utf-8")


def read_text(path: str | Path) -> str:
    """The text of the signature file at *path*, decoded as UTF-8 or, if that fails, as Latin-1.

    Raises OSError, or :class:`SignatureError` for a byte order mark, which p0f does not skip.
    """
    data = Path(path).read_bytes()
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise SignatureError(f"{path}:1: the file is in UTF-16: save it as UTF-8 without a BOM")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    _refuse_byte_order_mark(text, str(path))
    return text


def merge(ours: str, theirs: str, source: str = "<signatures>") -> str:
    """One signature file of two: our links and SYN signatures, and all other sections of theirs.

    p0f refuses a file in which an earlier signature covers a later one, so a section is taken as a
    whole. *source* names the second file in errors.

    Raises :class:`SignatureError` for a malformed line in either text.
    """
    classes = dict.fromkeys((*parse(ours).classes, *parse(theirs, source).classes))
    sections = [piece for name, piece in _sections(ours) if name in READ_SECTIONS]
    sections += [piece for name, piece in _sections(theirs) if name and name not in READ_SECTIONS]
    return f"classes = {','.join(classes)}\n\n" + "".join(sections)


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """The name of each section and its lines, heading included; '' is what stands before all."""
    name, lines = "", list[str]()
    for line in text.removesuffix("\n").split("\n"):
        if heading := SECTION.fullmatch(line.strip(BLANKS)):
            yield name, "".join(lines)
            name, lines = heading[1], []
        lines.append(line + "\n")
    yield name, "".join(lines)


def parse(text: str, source: str = "<signatures>") -> Database:
    """Read the *text* of a signature file; *source* names it in errors.

    Raises :class:`SignatureError` for a byte order mark, and for a malformed line, except in
    sections that this module skips.
    """
    _refuse_byte_order_mark(text, source)
    reader = _Reader()
    for line in _lines(text, source):
        try:
            reader.read(line)
        except ValueError as error:
            raise SignatureError(f"{source}:{line.number}: {error}") from None
    return Database(tuple(reader.classes), reader.links, tuple(reader.requests))


def _refuse_byte_order_mark(text: str, source: str) -> None:
    if text.startswith("\ufeff"):
        raise SignatureError(
            f"{source}:1: the file begins with a byte order mark (BOM), which p0f refuses: save it"
            " as UTF-8 without one"
        )


def _lines(text: str, source: str) -> Iterator[_Line]:
    """The statements before any section and in `READ_SECTIONS`, and the evidence.

    Evidence is a comment whose key is its beginning, ``;; seen``. The rest of a line after a NUL is
    ignored; p0f ignores the rest of the file.
    """
    section = ""
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.partition("\0")[0].strip(BLANKS)
        if not line:
            continue
        if line.startswith(";"):
            if line.startswith(_SEEN) and section == "tcp:request":
                yield _Line(number, section, _SEEN, line)
        elif line.startswith("["):
            heading = SECTION.fullmatch(line)
            if heading is None:
                raise SignatureError(f"{source}:{number}: malformed section heading {line!r}")
            section = heading[1]
        elif not section or section in READ_SECTIONS:
            key, equals, value = line.partition("=")
            if not equals:
                raise SignatureError(f"{source}:{number}: expected 'key = value', got {line!r}")
            yield _Line(number, section, key.rstrip(BLANKS), value.lstrip(BLANKS))


class _Reader:
    """Takes statements in order; keeps the results, and the label for the next ``sig``."""

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
            ("tcp:request", _SEEN): self._read_evidence,
        }

    def read(self, line: _Line) -> None:
        if line.section != self._section:
            self._section, self._link, self._label = line.section, None, None
        reader = self._readers.get((line.section, line.key))
        if reader is None:
            raise ValueError(f"{line.key!r} has no meaning in section [{line.section}]")
        reader(line)

    def _read_classes(self, line: _Line) -> None:
        names = [name.lstrip(BLANKS) for name in line.value.split(",")]
        if not names[-1] or not all(_is_class(name) for name in names if name):
            raise ValueError(f"malformed class in {line.value!r}")
        self.classes += [name for name in names if name and name not in self.classes]

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
        systems = tuple(name.lstrip(BLANKS) for name in line.value.split(","))
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

    def _read_evidence(self, line: _Line) -> None:
        found = _EVIDENCE.fullmatch(line.value)
        if found is None or not self.requests or self.requests[-1].label is not self._label:
            return  # another comment, or one that does not follow a signature
        pairs = (pair.split("=") for pair in found[1].split())
        seen = tuple((family, int(count)) for family, count in pairs)
        self.requests[-1] = self.requests[-1]._replace(seen=seen)

    def _check_class(self, name: str) -> None:
        if name not in self.classes:
            raise ValueError(
                f"unknown class {name!r}; registered: {', '.join(self.classes) or 'none'}"
            )


def _is_class(name: str) -> bool:
    return name.isascii() and name.isalnum()


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
    if (version == 4 and quirks & IPV6_QUIRKS) or (version == 6 and quirks & IPV4_QUIRKS):
        raise ValueError(f"quirks {text!r} cannot occur with IPv{version}")
    return quirks
