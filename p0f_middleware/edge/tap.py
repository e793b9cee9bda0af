"""Tap: the SYNs that come in on a network interface, through an AF_PACKET socket. Linux only.

The kernel filters packets (`bpf`) and puts SYNs into a ring of memory that it shares with this
process, so that reading a SYN costs no system call and a busy moment loses none. The tap needs
CAP_NET_RAW and nothing else: no libpcap, no other process. It knows no signatures.
"""

from __future__ import annotations

import array
import errno
import mmap
import select
import socket
import struct
from collections.abc import Iterable

from ..shared.keys import end_of_headers
from .bpf import syn_filter

FRAMES = 32768  # 1.6 s of SYNs at 20,000 a second, 8 MB
_FRAME_SIZE = 256  # 80 bytes of Linux's own, `SNAP` of the packet, up to what divides a page
_BLOCK_SIZE = 1 << 16

# <linux/if_packet.h>, <asm-generic/socket.h>; `socket` has no names for these
_SOL_PACKET = 263
_RX_RING, _STATISTICS, _VERSION = 5, 6, 10
_TPACKET_V2 = 1
_SO_ATTACH_FILTER = 26
_ETH_P_ALL = 3
_KERNEL, _USER = 0, 1  # who owns a frame

_status = struct.Struct("=I")
_frame = struct.Struct("=4xIIH")  # tp_len, tp_snaplen, tp_mac
_TCP = 6
_BEHIND_A_TAG = {kind.to_bytes(2, "big") for kind in (0x0800, 0x86DD, 0x8100, 0x88A8)}


class Tap:
    """Incoming SYNs of one interface ("any": of all) to some TCP ports (none: to all)."""

    def __init__(self, interface: str, ports: Iterable[int] = ()) -> None:
        if not hasattr(socket, "AF_PACKET"):
            raise OSError(errno.ENOSYS, "only Linux lets a program read packets this way")
        self.interface = interface
        program = syn_filter(ports)
        self._at = 0
        self._lost = 0
        # With protocol 0 no packet arrives until bind(), which takes the name of one interface.
        # Any other protocol taps all interfaces at once; setting up the ring drops earlier packets.
        protocol = socket.htons(_ETH_P_ALL) if interface == "any" else 0
        self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, protocol)
        try:
            _attach(self._sock, program)
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

    def read(self, most: int) -> list[bytes]:
        """The IP and TCP headers of the SYNs in the ring, at most `most`. Does not wait."""
        ring, syns = self._ring, []
        for _ in range(most):
            at = self._at
            if not _status.unpack_from(ring, at)[0] & _USER:
                break
            length, size, start = _frame.unpack_from(ring, at)
            packet = ring[at + start : at + start + size]
            _status.pack_into(ring, at, _KERNEL)
            self._at = (at + _FRAME_SIZE) % (FRAMES * _FRAME_SIZE)
            packet = without_tags(packet, length)
            if syn := packet[: end_of_headers(packet)]:
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


def without_tags(packet: bytes, length: int) -> bytes:
    """The first bytes of a packet of some `length`, without the VLAN tags in front of IP."""
    # A tag has four bytes; the last two are the protocol of what follows. Nothing marks it as a
    # tag: the protocol that Linux reports is the tag's or the next one, by kernel version. But read
    # as an IP header it would give a length greater than the packet's, and the filter has let no IP
    # header through whose length is greater.
    while len(packet) >= 7:
        version = packet[0] >> 4
        if version == 4 and (packet[2] << 8 | packet[3]) <= length:
            break
        if version == 6 and packet[6] == _TCP and (packet[4] << 8 | packet[5]) + 40 <= length:
            break
        if packet[2:4] not in _BEHIND_A_TAG:
            break
        packet, length = packet[4:], length - 4
    return packet


def _attach(sock: socket.socket, program: bytes) -> None:
    # struct sock_fprog: u16 length, pointer; the kernel copies what it points to
    code = array.array("B", program)
    fprog = struct.pack("@HP", len(program) // 8, code.buffer_info()[0])
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)


def _index_of(interface: str) -> int:
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        raise OSError(errno.ENODEV, f"there is no interface {interface}") from None
