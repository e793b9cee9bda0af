"""The kernel's filter for incoming SYNs, as a program of classic BPF. No I/O.

It runs on the packets of an AF_PACKET socket of type SOCK_DGRAM, which begin with the IP header,
whatever the link.

The fact a reader would get wrong: Linux removes the outer VLAN tag of a packet before any program
sees it, and keeps that tag beside the packet. A second tag, or on some links both, is still in
front of the IP header, so the header begins at 0, 4 or 8.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from ..shared.keys import LONGEST_SYN

MOST_PORTS = 200  # a conditional jump reaches 255 instructions
SNAP = LONGEST_SYN + 8  # the bytes of a packet to return: two VLAN tags and the headers
_INSTRUCTION = struct.Struct("=HBBI")

# <linux/bpf_common.h>: the operations in use
LD_WORD_ABS, LD_HALF_ABS, LD_BYTE_ABS = 0x20, 0x28, 0x30
LD_HALF_IND, LD_BYTE_IND, LD_LENGTH = 0x48, 0x50, 0x80
LDX_IP_HEADER, LDX_CONSTANT = 0xB1, 0x01
JUMP, JUMP_EQUAL, JUMP_ANY_BIT, JUMP_AT_LEAST_X = 0x05, 0x15, 0x45, 0x3D
AND, ADD, TO_X, TO_A, RETURN = 0x54, 0x04, 0x07, 0x87, 0x06

# <linux/filter.h>: facts beside the packet, at addresses from -0x1000 on
_PROTOCOL, _PACKET_TYPE = 0xFFFFF000, 0xFFFFF004
_OTHER_HOST, _OUTGOING = 3, 4  # on lo each packet appears twice, once as an outgoing one

_IPV4, _IPV6, _VLAN, _SERVICE_VLAN = 0x0800, 0x86DD, 0x8100, 0x88A8
_TCP = 6
_MORE_FRAGMENTS_OR_OFFSET = 0x3FFF
_FIN_SYN_RST_ACK, _SYN = 0x17, 0x02


class Assembler:
    """Instructions of classic BPF with labels for jump targets; all jumps go forward."""

    def __init__(self) -> None:
        self._code: list[tuple[int, str | None, str | None, int]] = []
        self._labels: dict[str, int] = {}

    def __call__(
        self, code: int, k: int = 0, *, then: str | None = None, otherwise: str | None = None
    ) -> None:
        """Add an instruction. A jump without a label continues with the next instruction."""
        self._code.append((code, then, otherwise, k))

    def label(self, name: str) -> None:
        self._labels[name] = len(self._code)

    def assemble(self) -> bytes:
        program = b""
        for at, (code, then, otherwise, k) in enumerate(self._code):
            yes, no = (
                0 if label is None else self._labels[label] - at - 1 for label in (then, otherwise)
            )
            jumps = (0, 0, yes) if code == JUMP else (yes, no, k)
            program += _INSTRUCTION.pack(code, *jumps)
        return program


def syn_filter(ports: Iterable[int]) -> bytes:
    """The program that accepts incoming SYNs to some ports; to all, if `ports` is empty."""
    wanted = sorted(set(ports))
    if len(wanted) > MOST_PORTS:
        raise ValueError(f"at most {MOST_PORTS} ports, not {len(wanted)}")
    add = Assembler()
    add(LD_WORD_ABS, _PACKET_TYPE)
    for kind in (_OTHER_HOST, _OUTGOING):
        add(JUMP_EQUAL, kind, then="no")
    add(LD_HALF_ABS, _PROTOCOL)
    for base in (0, 4, 8):
        _find_tcp(add, base)
    add.label("no")
    add(RETURN, 0)
    add.label("tcp")  # X is where the TCP header begins
    add(LD_BYTE_IND, 13)
    add(AND, _FIN_SYN_RST_ACK)
    add(JUMP_EQUAL, _SYN, otherwise="not wanted")
    if wanted:
        add(LD_HALF_IND, 2)
        for port in wanted:
            add(JUMP_EQUAL, port, then="wanted")
        add(JUMP, then="not wanted")
    add.label("wanted")
    add(RETURN, SNAP)
    add.label("not wanted")
    add(RETURN, 0)
    return add.assemble()


def _find_tcp(add: Assembler, base: int) -> None:
    """Jump to "tcp" or "no", or continue behind a VLAN tag. A holds the protocol at `base`."""
    add(JUMP_EQUAL, _IPV4, then=f"IPv4 at {base}")
    add(JUMP_EQUAL, _IPV6, then=f"IPv6 at {base}")
    if base < 8:
        add(JUMP_EQUAL, _VLAN, then=f"tag at {base}")
        add(JUMP_EQUAL, _SERVICE_VLAN, then=f"tag at {base}")
    add(JUMP, then="no")
    add.label(f"IPv4 at {base}")
    add(LD_BYTE_ABS, base + 9)
    add(JUMP_EQUAL, _TCP, otherwise="no")
    add(LD_HALF_ABS, base + 6)
    add(JUMP_ANY_BIT, _MORE_FRAGMENTS_OR_OFFSET, then="no")
    _require_length(add, base + 2, base)
    add(LDX_IP_HEADER, base)
    add(TO_A)
    add(ADD, base)
    add(TO_X)
    add(JUMP, then="tcp")
    add.label(f"IPv6 at {base}")
    add(LD_BYTE_ABS, base + 6)
    add(JUMP_EQUAL, _TCP, otherwise="no")
    _require_length(add, base + 4, base + 40)
    add(LDX_CONSTANT, base + 40)
    add(JUMP, then="tcp")
    if base < 8:
        add.label(f"tag at {base}")
        add(LD_HALF_ABS, base + 2)


def _require_length(add: Assembler, field: int, before: int) -> None:
    """Jump to "no" if the packet is shorter than the field and the bytes `before` it say."""
    # Such a packet could be read as one with a VLAN tag, whose sender somebody has made up. Routers
    # drop it, a switch does not.
    add(LD_HALF_ABS, field)
    add(ADD, before)
    add(TO_X)
    add(LD_LENGTH)
    add(JUMP_AT_LEAST_X, otherwise="no")
