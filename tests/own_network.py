"""A network namespace for this run of the tests alone, in which nothing but its loopback is.

p0f sees every connection over the loopback interface, and tests say what it has to know of an
address. Another program's connections from the same address, those of a second run for example,
would be clients of theirs as well, and could take the ports that they have found free.

As a command it runs another one in there: ``python -m tests.own_network COMMAND...``.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import sys

CLONE_NEWNET = 0x40000000  # <sched.h>
SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914  # <linux/sockios.h>
IFF_UP = 1  # <linux/if.h>
COMMAND = (sys.executable, "-m", "tests.own_network")


def enter() -> bool:
    """Move this thread, and all that it starts, to a new network namespace, whose loopback is up.

    It ends with the last process in it. Returns whether that was possible: it needs root.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sh22x", b"lo", 0)
        _, flags = struct.unpack("16sh22x", fcntl.ioctl(sock, SIOCGIFFLAGS, request))
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | IFF_UP))
    return True


if __name__ == "__main__":
    if not enter():
        sys.exit("no network namespace can be made here: it needs root on Linux")
    os.execvp(sys.argv[1], sys.argv[1:])
