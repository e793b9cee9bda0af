"""Errors name the cause and the remedy."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from p0f_middleware import P0f, P0fTimeout, P0fUnavailable
from p0f_middleware._daemon.rules import explain


def error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOENT, "start p0f with -s /run/x"),
        (errno.ENOTDIR, "start p0f with -s /run/x"),
        (errno.EACCES, "permission to write to the socket"),
        (errno.EPERM, "permission to write to the socket"),
        (errno.ECONNREFUSED, "start it again"),
        (errno.EAGAIN, "raise it, at most 100"),
        (errno.EPROTOTYPE, "use the path given to p0f with -s"),
        (errno.EAFNOSUPPORT, "add AF_UNIX to RestrictAddressFamilies="),
        (errno.EMFILE, "ulimit -n, or LimitNOFILE="),
        (errno.ENFILE, "ulimit -n, or LimitNOFILE="),
        (errno.ELOOP, "cannot connect to p0f at /run/x: .*symbolic links"),
    ],
    ids=errno.errorcode.get,
)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's words")
def test_a_failure_to_connect_names_the_remedy(number: int, remedy: str) -> None:
    assert isinstance(explain(error(number), "/run/x"), P0fUnavailable)
    with pytest.raises(P0fUnavailable, match=remedy):
        raise explain(error(number), "/run/x")


def test_a_path_that_is_too_long_is_named_so() -> None:
    with pytest.raises(P0fUnavailable, match=r"too long for a Unix socket .* a shorter one"):
        P0f("/run/" + "p" * 200).lookup("192.0.2.1")


def test_a_socket_of_another_kind_is_named_so(tmp_path: Path) -> None:
    path = tmp_path / "datagrams"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(str(path))
        with pytest.raises(P0fUnavailable, match="is a socket of another kind"):
            P0f(path).lookup("192.0.2.1")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a backlog of 0 means 1 there")
def test_a_server_that_accepts_nobody_is_named_so(tmp_path: Path) -> None:
    path = str(tmp_path / "full")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(path)
        listener.listen(0)
        first.connect(path)
        with pytest.raises(P0fUnavailable, match=r"accepts no connection on .* raise it") as raised:
            P0f(path).lookup("192.0.2.1")
        assert not isinstance(raised.value, P0fTimeout)


WITHOUT_UNIX_SOCKETS = """
import sys
for name in ("fcntl", "termios"):
    sys.modules[name] = None
import asyncio, functools, os, select, socket  # asyncio is not to be tried: it knows its system
socket.socketpair = functools.partial(socket.socketpair, socket.AF_UNIX)  # asyncio wakes up by it
del socket.AF_UNIX, os.register_at_fork, select.poll
import p0f_middleware
from p0f_middleware import AsyncP0f, P0f, P0fUnavailable
for ask in (P0f("p0f.sock").lookup, lambda ip: asyncio.run(AsyncP0f("p0f.sock").lookup(ip))):
    try:
        ask("192.0.2.1")
    except P0fUnavailable as error:
        assert "Unix sockets" in str(error), error
    else:
        sys.exit("a lookup without Unix sockets")
"""


def test_a_system_without_unix_sockets_imports_it_and_is_told_why() -> None:
    command = [sys.executable, "-W", "error", "-c", WITHOUT_UNIX_SOCKETS]
    subprocess.run(command, check=True, timeout=30)
