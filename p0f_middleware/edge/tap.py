"""Tap: the SYNs that come in on a network interface, through an AF_PACKET socket. Linux only.

The kernel filters packets and puts SYNs into a ring of memory that it shares with this process, so
that reading a SYN costs no system call and a busy moment loses none. The tap needs CAP_NET_RAW and
nothing else: no libpcap, no other process.

The filter is a program of classic BPF. A packet of a socket of type SOCK_DGRAM begins with its IP
header, whatever the link; Linux takes off a VLAN tag before any program sees the packet.
"""

import array
import errno
import mmap
import select
import socket
import struct
from collections.abc import Iterable
from typing import NamedTuple

from ..shared.keys import LONGEST_SYN, PackedSyn, read_syn

FRAMES = 32768  # 1.6 s of SYNs at 20,000 a second, 8 MB
_FRAME_SIZE = 256  # 80 bytes of Linux's own, `LONGEST_SYN` of the packet, up to what divides a page
_BLOCK_SIZE = 1 << 16
MOST_PORTS = 200  # a conditional jump reaches 255 instructions

# <linux/if_packet.h>, <asm-generic/socket.h>; `socket` has no names for these
_SOL_PACKET = 263
_RX_RING, _STATISTICS, _VERSION = 5, 6, 10
_TPACKET_V2 = 1
_SO_ATTACH_FILTER = 26
_ETH_P_ALL = 3
_KERNEL, _USER = 0, 1  # who owns a frame
_OTHER_HOST, _OUTGOING = 3, 4  # on lo each packet appears twice, once as an outgoing one

# <linux/bpf_common.h>: the operations in use; <linux/filter.h>: facts beside the packet
_LD_WORD_ABS, _LD_HALF_ABS, _LD_BYTE_ABS = 0x20, 0x28, 0x30
_LD_HALF_IND, _LD_BYTE_IND = 0x48, 0x50
_LDX_IP_HEADER, _LDX_CONSTANT = 0xB1, 0x01
_JUMP, _JUMP_EQUAL, _JUMP_ANY_BIT = 0x05, 0x15, 0x45
_AND, _RETURN = 0x54, 0x06
_PROTOCOL, _PACKET_TYPE = 0xFFFFF000, 0xFFFFF004

_IPV4, _IPV6, _TCP = 0x0800, 0x86DD, 6
_MORE_FRAGMENTS_OR_OFFSET = 0x3FFF
_FIN_SYN_RST_ACK, _SYN = 0x17, 0x02

_instruction = struct.Struct("=HBBI")
_status = struct.Struct("=I")
_frame = struct.Struct("=8xIH")  # tp_snaplen, tp_mac


class Tap:
    """Incoming SYNs of one interface ("any": of all) to some TCP ports (none: to all)."""

    def __init__(self, interface: str, ports: Iterable[int] = ()) -> None:
        if not hasattr(socket, "AF_PACKET"):
            raise OSError(errno.ENOSYS, "only Linux lets a program read packets this way")
        self.interface = interface
        program = array.array("B", syn_filter(ports))
        self._at = 0
        self._lost = 0
        # With protocol 0 no packet arrives until bind(), which takes the name of one interface.
        # Any other protocol taps all interfaces at once; setting up the ring drops earlier packets.
        protocol = socket.htons(_ETH_P_ALL) if interface == "any" else 0
        self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, protocol)
        try:
            # struct sock_fprog: u16 length, pointer; the kernel copies what it points to
            fprog = struct.pack("@HP", len(program) // 8, program.buffer_info()[0])
            self._sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)
            self._sock.setsockopt(_SOL_PACKET, _VERSION, _TPACKET_V2)
            blocks = FRAMES * _FRAME_SIZE // _BLOCK_SIZE
            ring = struct.pack("=IIII", _BLOCK_SIZE, blocks, _FRAME_SIZE, FRAMES)
            self._sock.setsockopt(_SOL_PACKET, _RX_RING, ring)
            self._ring = mmap.mmap(self._sock.fileno(), FRAMES * _FRAME_SIZE)
            self._index = 0 if interface == "any" else _index_of(interface)
            if self._index:
                self._sock.bind((interface, _ETH_P_ALL))
        except BaseException:
            self._sock.close()
            raise

    def fileno(self) -> int:
        return self._sock.fileno()

    def read(self, most: int) -> list[PackedSyn]:
        """The SYNs in the ring, at most `most`. Does not wait."""
        ring, syns = self._ring, []
        for _ in range(most):
            at = self._at
            if not _status.unpack_from(ring, at)[0] & _USER:
                break
            size, start = _frame.unpack_from(ring, at)
            packet = ring[at + start : at + start + size]
            _status.pack_into(ring, at, _KERNEL)
            self._at = (at + _FRAME_SIZE) % (FRAMES * _FRAME_SIZE)
            if syn := read_syn(packet):
                syns.append(syn)
        return syns

    def lost(self) -> int:
        """SYNs that the kernel has dropped since the start because the ring was full."""
        _, dropped = struct.unpack("=II", self._sock.getsockopt(_SOL_PACKET, _STATISTICS, 8))
        self._lost += dropped  # reading sets the kernel's counter to 0
        return self._lost

    def check(self) -> None:
        """Clear an error that poll has reported; OSError if the interface is another or gone."""
        # The socket stays with an interface that was deleted, and is told of that once, at a moment
        # when its name is still there. If another is made under the name, only its index tells.
        code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if self._index:
            if _index_of(self.interface) != self._index:
                text = f"the interface {self.interface} was deleted and made again: start again"
                raise OSError(errno.ENODEV, text)
        elif code and code != errno.ENETDOWN:
            raise OSError(code, "the packet socket failed")

    def close(self) -> None:
        self._ring.close()
        self._sock.close()

    def wait(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return bool(poll.poll(seconds * 1000))


def _index_of(interface: str) -> int:
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        raise OSError(errno.ENODEV, f"there is no interface {interface}") from None


class _Step(NamedTuple):
    """An instruction; a jump names the labels where the program goes on, or goes on behind it."""

    code: int
    k: int = 0
    then: str | None = None
    otherwise: str | None = None


def syn_filter(ports: Iterable[int]) -> bytes:
    """The program that accepts incoming SYNs to some ports; to all, if `ports` is empty."""
    wanted = sorted(set(ports))
    if len(wanted) > MOST_PORTS:
        raise ValueError(f"at most {MOST_PORTS} ports, not {len(wanted)}")
    return _assembled(
        _Step(_LD_WORD_ABS, _PACKET_TYPE),
        _Step(_JUMP_EQUAL, _OTHER_HOST, then="no"),
        _Step(_JUMP_EQUAL, _OUTGOING, then="no"),
        _Step(_LD_HALF_ABS, _PROTOCOL),
        _Step(_JUMP_EQUAL, _IPV6, then="IPv6"),
        _Step(_JUMP_EQUAL, _IPV4, otherwise="no"),
        _Step(_LD_BYTE_ABS, 9),
        _Step(_JUMP_EQUAL, _TCP, otherwise="no"),
        _Step(_LD_HALF_ABS, 6),
        _Step(_JUMP_ANY_BIT, _MORE_FRAGMENTS_OR_OFFSET, then="no"),
        _Step(_LDX_IP_HEADER),
        _Step(_JUMP, then="TCP"),
        "IPv6",
        _Step(_LD_BYTE_ABS, 6),
        _Step(_JUMP_EQUAL, _TCP, otherwise="no"),
        _Step(_LDX_CONSTANT, 40),
        "TCP",  # X is where its header begins
        _Step(_LD_BYTE_IND, 13),
        _Step(_AND, _FIN_SYN_RST_ACK),
        _Step(_JUMP_EQUAL, _SYN, otherwise="no"),
        _Step(_LD_HALF_IND, 2),
        *(_Step(_JUMP_EQUAL, port, then="yes") for port in wanted),
        _Step(_JUMP, then="no" if wanted else "yes"),
        "yes",
        _Step(_RETURN, LONGEST_SYN),
        "no",
        _Step(_RETURN),
    )


def _assembled(*steps: _Step | str) -> bytes:
    """A program of instructions, and of labels in front of some; all jumps go forward."""
    labels: dict[str | None, int] = {}
    instructions: list[_Step] = []
    for step in steps:
        if isinstance(step, str):
            labels[step] = len(instructions)
        else:
            instructions.append(step)
    program = b""
    for after, (code, k, then, otherwise) in enumerate(instructions, 1):
        yes, no = labels.get(then, after) - after, labels.get(otherwise, after) - after
        program += _instruction.pack(code, *((0, 0, yes) if code == _JUMP else (yes, no, k)))
    return program
