"""The daemon answers for an address: who shares it is not accused for the systems of others.

Run in a network namespace as ``python -m tests.real.test_claims FOLDER`` this is also the program
that the tests read: it prints how often each verdict came, as JSON. The machines are sockets of
one process: what differs between the stacks of Linux and of Windows (without scaling) is set
before each connects, by sysctl for the namespace and by socket options.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from waitress.server import create_server

from p0f_middleware import P0fWSGIMiddleware
from p0f_middleware._commands.p0f import SIGNATURES

from .. import own_network
from ..servers import exchange
from .daemon import RealP0f

pytestmark = pytest.mark.needs("root", "p0f")

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0.0.0 Safari/537.36"
ADDRESSES = 12  # for each number of machines
REQUESTS = 12  # of each machine, about
RECONNECT = 0.1  # how often a machine opens a new connection instead of using the one it has
OTHERS = "another machine's answer"
CHANGED = "another answer than before on the same connection"


class Stack(NamedTuple):
    """How a system opens connections, and the User-Agent of its browsers."""

    options: str
    ttl: int
    user_agent: str


LINUX = Stack("1", 64, f"Mozilla/5.0 (X11; Linux x86_64) {CHROME}")
WINDOWS = Stack("0", 128, f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME}")


def connect(stack: Stack, address: str, port: int) -> socket.socket:
    """A connection from *address* with the SYN of *stack*."""
    for option in ("tcp_timestamps", "tcp_window_scaling"):
        Path("/proc/sys/net/ipv4", option).write_text(stack.options)
    client = socket.socket()
    client.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, stack.ttl)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1460)  # Ethernet's, not loopback's
    client.bind((address, 0))
    client.connect(("127.0.0.1", port))
    return client


def ask(connection: socket.socket, user_agent: str) -> Any:
    """What the site answers: the verdict, and the system claimed and seen."""
    return json.loads(exchange(connection, headers={"User-Agent": user_agent}).body)


def share(address: str, stacks: list[Stack], port: int, draw: random.Random) -> Iterator[Any]:
    """Answers to honest machines that come to *address* one after another and stay, each with
    whether it differs from the one before it on the same connection."""
    waiting = list(stacks)
    machines: list[tuple[Stack, socket.socket]] = []
    before: dict[socket.socket, Any] = {}
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
        yield *answer, before.setdefault(connection, answer) != answer
    for _, connection in machines:
        connection.close()


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    claim = environ["p0f.claim"]
    body = json.dumps([claim.verdict.value, claim.claimed, claim.seen]).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


@contextlib.contextmanager
def site(app: P0fWSGIMiddleware) -> Iterator[int]:
    """A server for *app*; gives its port."""
    server: Any = create_server(app, host="127.0.0.1", port=0, threads=8, connection_limit=500)
    threading.Thread(target=server.run, daemon=True).start()
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
            tally.update({verdict: 1, OTHERS: seen != claimed, CHANGED: changed})
    return tally


def lying(port: int, network: int) -> Counter[str]:
    """Verdicts on machines that have an address of their own and another system's User-Agent.

    Only Linux lies: Windows without window scaling, as these tests play it, accuses nobody.
    """
    tally: Counter[str] = Counter()
    for third, number in itertools.product((5, 6), range(1, ADDRESSES + 1)):
        with contextlib.closing(connect(LINUX, f"127.{network}.{third}.{number}", port)) as liar:
            tally[ask(liar, WINDOWS.user_agent)[0]] += 1
    return tally


def main(folder: Path) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    with RealP0f(folder, "-f", str(SIGNATURES)) as p0f:
        for network, hold in ((1, 10), (2, 0)):
            with site(P0fWSGIMiddleware(application, p0f.socket_path, hold=hold)) as port:
                found[f"hold={hold}, honest"] = honest(port, network, random.Random(1))
                found[f"hold={hold}, lying"] = lying(port, network)
    return found


def test_honest_machines_behind_one_address_are_hardly_ever_accused_and_a_lone_liar_is(
    tmp_path: Path,
) -> None:
    program = [*own_network.COMMAND, sys.executable, "-m", "tests.real.test_claims", str(tmp_path)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    print("", done.stdout, sep="\n")
    tallies = json.loads(done.stdout)
    changed = {}
    for hold in (10, 0):
        tally, liars = tallies[f"hold={hold}, honest"], tallies[f"hold={hold}, lying"]
        others, changed[hold] = tally.pop(OTHERS), tally.pop(CHANGED)
        requests = sum(tally.values())
        assert requests > 1000
        assert others > requests / 20, "p0f told them apart all the time: nothing was tried"
        assert tally.get("mismatch", 0) <= requests * 0.005
        assert liars["mismatch"] >= 0.9 * sum(liars.values())
    assert changed[0] > 0, "p0f told nothing else all the time: nothing was tried"
    assert changed[10] == 0, "requests of one connection were told different things"


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
