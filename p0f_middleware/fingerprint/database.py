"""The contents of a signature file: labels, signatures, and the names of links.

This module neither reads the file nor compares packets with signatures.

The fact a reader would get wrong: a signature for IPv4 (``4:``) may match IPv6 packets, and one for
IPv6 (``6:``) IPv4 packets. p0f 3.09b never compares the version; only a ``*`` signature treats the
two differently (see :meth:`Signature.quirks_for`).
"""

from __future__ import annotations

from typing import NamedTuple

from .notation import QUIRKS

USERLAND = "!"
"""The class of labels that name an application, not an operating system."""

IPV4_QUIRKS = QUIRKS["df"] | QUIRKS["id+"] | QUIRKS["id-"] | QUIRKS["0+"]
"""Quirks that a signature for IPv6 cannot require."""
IPV6_QUIRKS = QUIRKS["flow"]
"""Quirks that a signature for IPv4 cannot require."""
_DF_AND_ID = QUIRKS["df"] | QUIRKS["id+"] | QUIRKS["id-"]


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

    @property
    def notation(self) -> str:
        """The label as a signature file writes it, such as ``s:win:Windows:10 or 11``."""
        return f"{'g' if self.generic else 's'}:{self.os_class}:{self.name}:{self.flavor}"


class Signature(NamedTuple):
    """One ``sig`` line of ``[tcp:request]``; None stands for the notation's ``*``.

    ``window`` is a number, or ``mss*4``, ``mtu*4`` or ``%8192`` as written. ``line`` is the number
    of its line in the file. ``seen`` is the evidence below that line: how often SYNs that match it
    exactly came with a User-Agent of each family, as pairs of family and count; None if there is
    none.
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
        return self.quirks & ~(IPV6_QUIRKS if version == 4 else _DF_AND_ID)


class Database(NamedTuple):
    """A signature file: its classes, the names of links by MTU, SYN signatures in file order."""

    classes: tuple[str, ...]
    links: dict[int, str]
    requests: tuple[Signature, ...]
