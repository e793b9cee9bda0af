"""`p0f-middleware doctor`: why `p0f.info` is None, and what to do about it.

The doctor follows the path of a lookup, from the socket's file to the given address, and stops at
the first fault that makes the other checks pointless. It prints findings that only a human can
judge with a question mark, and does not count them as faults. The fact a reader would get wrong: it
checks the permissions of the user who runs it, so run it as the web server's user.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterable, Iterator

from .._daemon.base import TIMEOUT
from .._daemon.blocking import P0f
from .._errors import P0fError
from .doctor_capture import check_address, check_capture
from .doctor_finding import Finding, span
from .doctor_socket import check_file, check_mount, stale_mount
from .doctor_store import examine_store
from .mounts import mount_at
from .p0f_process import Daemon, daemon_of, daemons, listener
from .store_option import add_store_options
from .terminal import CANNOT_RUN, WHERE_IS_P0F, add_socket_option, fail, printable, silence_log

WELL, FAULT, CANNOT_LOOK = 0, 1, CANNOT_RUN
"""Exit statuses."""
ANSWER_TIMEOUT = 1.0
"""Seconds to wait for an answer. Few, since p0f keeps a CPU busy while too many clients wait."""
QUERIES = 20
"""How many queries to time."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command to argparse."""
    parser.description = (
        "Find out why p0f.info is None: check p0f's socket, p0f itself, and what it sees. Run it"
        " as the web server's user, and then as root, who can see more of p0f."
    )
    parser.epilog = (
        f"Exit status: {WELL} no fault, {FAULT} a fault, {CANNOT_LOOK} no socket was named."
    )
    parser.add_argument("ip", metavar="IP", nargs="?", help="a client that p0f should know")
    add_socket_option(parser)
    add_store_options(parser, "check the store of SharedSyn instead of p0f")


def run(options: argparse.Namespace) -> int:
    """Run the command with its parsed options; returns the exit status."""
    if options.store or options.store_file:
        return print_findings(examine_store(options))
    return doctor(options.ip, options.socket)


def doctor(ip_address: str | None, socket_path: str | None) -> int:
    """Print what the checks find; returns the exit status.

    Args:
        ip_address: a client to ask p0f about; None to ask about none.
        socket_path: the path of p0f's socket; None for the socket of the only p0f on this machine.
    """
    socket_path = socket_path or _only_socket()
    if not socket_path:
        return fail(WHERE_IS_P0F, CANNOT_LOOK)
    return print_findings(examine(socket_path, ip_address))


def print_findings(findings: Iterable[Finding]) -> int:
    """Print findings as they come; returns the exit status."""
    silence_log()
    status = WELL
    for finding in findings:
        mark = {True: "ok", False: "FAULT", None: "?"}[finding.ok]
        print(f"{mark:6}{printable(finding.text)}", flush=True)
        if finding.ok is False:
            status = FAULT
    return status


def examine(socket_path: str, ip_address: str | None = None) -> Iterator[Finding]:
    """Run one check after the other, up to the first fault that makes the others pointless."""
    daemon = daemon_of(socket_path)
    for found in _before_connecting(socket_path, daemon):
        yield found
        if found.ok is False:
            return
    with P0f(socket_path, timeout=ANSWER_TIMEOUT) as client:
        found = check_answers(client, daemon)
        yield found
        connection = client.connection
        if connection is None or found.ok is False:
            return
        daemon = listener(connection.sock) or daemon
        yield check_capture(client, daemon)
        if ip_address is not None:
            yield check_address(client, daemon, ip_address)


def _before_connecting(socket_path: str, daemon: Daemon | None) -> Iterator[Finding]:
    yield check_file(socket_path)
    mounted = check_mount(socket_path)
    if mounted is not None:
        yield mounted
    if daemon is not None:
        yield from check_process(daemon)


def check_process(daemon: Daemon) -> Iterator[Finding]:
    """Does p0f run, and can it take one more client?"""
    if daemon.stopped:
        yield Finding(False, f"p0f is stopped: continue it with kill -CONT {daemon.pid}")
        return
    age = daemon.seconds_running
    since = f" for {span(age)}" if age is not None else ""
    command = " ".join(("p0f", *daemon.arguments))
    yield Finding(True, f"p0f (process {daemon.pid}) has been running{since}: {command}")
    clients, most = daemon.clients(), daemon.most_clients
    if clients is not None:
        used = f"{clients} of p0f's {most} API connections are in use"
        if clients >= most:
            yield Finding(False, f"{used}: start it with a higher -S (at most 100)")
        else:
            yield Finding(True, used)


def check_answers(client: P0f, daemon: Daemon | None) -> Finding:
    """Does p0f answer, in which dialect, and how fast?

    Args:
        daemon: the process that has the socket, if one was found.
    """
    times = []
    try:
        for _ in range(QUERIES):
            began = time.perf_counter()
            client.lookup("127.0.0.1")
            times.append(time.perf_counter() - began)
    except P0fError as error:
        return Finding(False, _why_no_answer(client.socket_path, daemon, error))
    connection = client.connection
    dialect = connection and connection.pipeline.dialect
    text = (
        f"{dialect.name if dialect else 'p0f'} answers in {statistics.median(times) * 1000:.2f} ms"
        f" (at most {max(times) * 1000:.2f} ms; a request waits {TIMEOUT * 1000:g} ms)"
    )
    if max(times) < TIMEOUT:
        return Finding(True, text)
    busy = "p0f or this machine is too busy: give p0f a filter, such as 'tcp port 443'"
    return Finding(None if statistics.median(times) < TIMEOUT else False, f"{text}; {busy}")


def _why_no_answer(socket_path: str, daemon: Daemon | None, error: P0fError) -> str:
    if not isinstance(error.__cause__, ConnectionRefusedError):
        return str(error)
    # No process listens on this file: p0f has ended, or listens on another file of the same path.
    mount = mount_at(socket_path)
    if mount is not None:
        return stale_mount(socket_path, mount)
    if daemon is not None:
        return (
            f"p0f (process {daemon.pid}) does not listen on this {socket_path}: another p0f with"
            " the same -s has replaced the file, and has ended. Restart p0f"
        )
    return str(error)


def _only_socket() -> str | None:
    """The socket path of the only p0f on this machine; None if there are several, or none."""
    paths = {daemon.socket_path for daemon in daemons()} - {None}
    return paths.pop() if len(paths) == 1 else None
