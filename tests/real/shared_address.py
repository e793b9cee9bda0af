"""Several machines behind one address, and a site that p0f watches, in a network namespace.

``python -m tests.own_network python -m tests.real.shared_address FOLDER`` prints how often each
verdict came, as JSON. The machines are sockets of this process: what differs between the stacks of
Linux and of Windows (without scaling) is set before each connects, by sysctl for the namespace and
by socket options. p0f tells them apart by their SYNs as it would tell machines behind a NAT.

The User-Agents are honest in the rounds called "honest"; in "lying", Linux says Windows.
"""

from __future__ import annotations

import http.client
import itertools
import json
import random
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from waitress.server import create_server

import p0f_middleware
from p0f_middleware import P0fWSGIMiddleware

from .daemon import RealP0f

SIGNATURES = Path(p0f_middleware.__file__).parent / "fingerprint" / "signatures.fp"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0.0.0 Safari/537.36"
ADDRESSES = 15  # for each number of machines
REQUESTS = 12  # of each machine, about
RECONNECT = 0.1  # how often a machine opens a new connection instead of using the one it has


OTHERS = "another machine's answer"
CHANGED = "another answer than before on the same connection"


class Stack(NamedTuple):
    """How a system opens connections, and the User-Agent of its browsers."""

    timestamps: int
    scaling: int
    ttl: int
    user_agent: str


LINUX = Stack(1, 1, 64, f"Mozilla/5.0 (X11; Linux x86_64) {CHROME}")
WINDOWS = Stack(0, 0, 128, f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME}")


def connect(stack: Stack, address: str, port: int) -> http.client.HTTPConnection:
    """A connection from *address* with the SYN of *stack*."""
    ipv4 = Path("/proc/sys/net/ipv4")
    (ipv4 / "tcp_timestamps").write_text(str(stack.timestamps))
    (ipv4 / "tcp_window_scaling").write_text(str(stack.scaling))
    client = socket.socket()
    client.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, stack.ttl)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1460)  # Ethernet's, not loopback's
    client.bind((address, 0))
    client.connect(("127.0.0.1", port))
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.sock = client
    return connection


def ask(connection: http.client.HTTPConnection, user_agent: str) -> Any:
    """What the site answers: the verdict, and the system seen."""
    connection.request("GET", "/", headers={"User-Agent": user_agent})
    return json.loads(connection.getresponse().read())


def share(address: str, stacks: list[Stack], port: int, draw: random.Random) -> Iterator[Any]:
    """Answers to honest machines that come to *address* one after another and stay, each with
    whether it differs from the one before it on the same connection."""
    waiting = list(stacks)
    machines: list[tuple[Stack, http.client.HTTPConnection]] = []
    said: dict[http.client.HTTPConnection, Any] = {}
    for _ in range(REQUESTS * len(stacks)):
        if waiting and (not machines or draw.random() < 0.25):
            stack = waiting.pop()
            machines.append((stack, connect(stack, address, port)))
        place = draw.randrange(len(machines))
        stack, connection = machines[place]
        if draw.random() < RECONNECT:
            connection.close()
            connection = connect(stack, address, port)
            machines[place] = stack, connection
        answer = ask(connection, stack.user_agent)
        yield *answer, said.setdefault(connection, answer) != answer
    for _, connection in machines:
        connection.close()


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    claim = environ["p0f.claim"]
    body = json.dumps([claim.verdict.value, claim.claimed, claim.seen]).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


@contextmanager
def site(app: P0fWSGIMiddleware) -> Iterator[int]:
    """A server for *app*; gives its port."""
    server: Any = create_server(app, host="127.0.0.1", port=0, threads=8, connection_limit=500)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield int(server.effective_port)
    finally:
        server.close()


def honest(port: int, network: int, draw: random.Random) -> Counter[str]:
    """Verdicts on two, three and four machines of both systems behind one address."""
    tally: Counter[str] = Counter()
    for count, number in itertools.product((2, 3, 4), range(1, ADDRESSES + 1)):
        stacks = [LINUX, WINDOWS, *draw.choices((LINUX, WINDOWS), k=count - 2)]
        draw.shuffle(stacks)
        address = f"127.{network}.{count}.{number}"
        for verdict, claimed, seen, changed in share(address, stacks, port, draw):
            tally[verdict] += 1
            tally[OTHERS] += seen != claimed
            tally[CHANGED] += changed
    return tally


def lying(port: int, network: int) -> Counter[str]:
    """Verdicts on Linux machines that have an address of their own and say Windows. (The other way
    round nobody is called a liar: Windows without scaling may be a Linux, as it is here.)"""
    tally: Counter[str] = Counter()
    for third, number in itertools.product((5, 6), range(1, ADDRESSES + 1)):
        liar = connect(LINUX, f"127.{network}.{third}.{number}", port)
        tally[ask(liar, WINDOWS.user_agent)[0]] += 1
        liar.close()
    return tally


def main(folder: Path) -> dict[str, Counter[str]]:
    p0f = RealP0f(folder, "-f", str(SIGNATURES)).start()
    tallies: dict[str, Counter[str]] = {}
    try:
        for network, hold in ((1, 10), (2, 0)):
            with site(P0fWSGIMiddleware(application, p0f.socket_path, hold=hold)) as port:
                tallies[f"hold={hold}, honest"] = honest(port, network, random.Random(1))
                tallies[f"hold={hold}, lying"] = lying(port, network)
    finally:
        p0f.kill()
    return tallies


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
