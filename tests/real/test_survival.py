"""p0f lives on, whatever its clients do and however they end.

P0F_SOAK is for how many seconds to go on (3; 60 for the full form).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from p0f_middleware import AsyncP0f, P0f, P0fException, P0fUnavailable
from tests.servers import fetch, free_port, serve_all

from .daemon import RealP0f
from .worker import address

SOAK = float(os.environ.get("P0F_SOAK", "3"))


@contextlib.contextmanager
def in_background(work: Callable[[], None]) -> Iterator[None]:
    """Repeat `work` in a thread meanwhile."""
    over = threading.Event()

    def repeat() -> None:
        while not over.is_set():
            work()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def stumble(p0f: RealP0f) -> None:
    """Stop p0f for 0.1 s and let it run for 0.15 s."""
    if p0f.alive:
        p0f.pause()
        time.sleep(0.1)
        p0f.resume()
    time.sleep(0.15)


def run_workers(p0f: RealP0f, kinds: list[str], seconds: float) -> list[str]:
    """Run worker processes while p0f stumbles; gives what they print."""
    command = [sys.executable, "-m", "tests.real.worker"]
    workers = [
        subprocess.Popen(
            [*command, kind, p0f.socket_path, str(seconds)], stdout=subprocess.PIPE, text=True
        )
        for kind in kinds
    ]
    try:
        with in_background(lambda: stumble(p0f)):
            return [worker.communicate(timeout=seconds + 30)[0] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def test_p0f_survives_eight_processes_that_give_up_at_random(real_p0f: RealP0f) -> None:
    printed = run_workers(real_p0f, ["threads"] * 4 + ["tasks"] * 4, SOAK)
    assert real_p0f.alive
    counters = [json.loads(line) for line in printed]
    sums = {name: sum(each[name] for each in counters) for name in counters[0]}
    print(f"\n{SOAK:g} s, 8 processes: {sums}")
    assert sums["timeouts"] > SOAK
    assert sums["abandoned"] > SOAK
    assert all(each["no_matches"] + each["matches"] > 100 for each in counters), "one is stuck"


def test_a_client_that_closes_on_timeout_kills_it(real_p0f: RealP0f) -> None:
    """The control: the test above can fail."""
    began = time.monotonic()
    run_workers(real_p0f, ["naive"] * 8, 120)
    print(f"\nkilled: {not real_p0f.alive}, within {time.monotonic() - began:.1f} s")
    assert not real_p0f.alive


def test_p0f_survives_clients_that_are_dropped_while_it_owes_them(real_p0f: RealP0f) -> None:
    """Clients collected without close(), event loops closed with queries under way."""

    async def leave_under_way() -> None:
        client = AsyncP0f(real_p0f.socket_path, timeout=0.01)
        for _ in range(random.randrange(1, 5)):
            under_way = asyncio.ensure_future(client.lookup(address()))
            under_way.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.sleep(random.choice((0, 0, 0.0001, 0.001, 0.02)))
        if random.random() < 0.5:
            await asyncio.gather(under_way, return_exceptions=True)

    rounds = 0
    gc.freeze()  # other tests' objects would make each collection take long
    ends = time.monotonic() + SOAK / 2
    with in_background(lambda: stumble(real_p0f)):
        while real_p0f.alive and (time.monotonic() < ends or rounds <= 10):
            rounds += 1
            with contextlib.suppress(P0fException):
                P0f(real_p0f.socket_path, timeout=random.random() * 0.02 + 0.0001).lookup(address())
            asyncio.run(leave_under_way())
            gc.collect()
    gc.unfreeze()
    print(f"\n{rounds} clients of each kind dropped")
    assert real_p0f.alive


SERVERS = {
    "gunicorn sync": "gunicorn -w 4 tests.real.app:wsgi -b 127.0.0.1:{port}",
    "gunicorn gthread": "gunicorn -w 4 -k gthread --threads 4 tests.real.app:wsgi"
    " -b 127.0.0.1:{port}",
    "uvicorn --reload": "uvicorn --reload --reload-dir . --port {port} tests.real.app:asgi",
}


def test_p0f_survives_web_servers_that_end_their_workers(tmp_path: Path) -> None:
    changed = tmp_path / "changed.py"
    changed.touch()
    ports = {free_port(): name for name in SERVERS}
    commands = {port: SERVERS[name].format(port=port) for port, name in ports.items()}
    statuses: dict[int, list[str]] = {port: [] for port in ports}

    def visit(port: int) -> None:
        try:
            statuses[port].append(json.loads(fetch(port)[1])["status"])
        except Exception as error:  # a worker ended under the request
            statuses[port].append(type(error).__name__)

    with RealP0f(tmp_path, "-S", "40") as p0f, contextlib.ExitStack() as stack:
        env = {
            "P0F_TEST_SOURCE": p0f.socket_path,
            "P0F_TEST_MIDDLEWARE": json.dumps({"timeout": 0.02}),
        }
        *gunicorns, _ = stack.enter_context(serve_all(commands, cwd=tmp_path, env=env))
        with contextlib.ExitStack() as pressed:
            pressed.enter_context(in_background(lambda: stumble(p0f)))
            for port in 2 * list(ports):
                pressed.enter_context(in_background(functools.partial(visit, port)))
            ends = time.monotonic() + SOAK
            while time.monotonic() < ends and p0f.alive:
                time.sleep(0.5)
                changed.touch()
                for gunicorn in gunicorns:
                    os.kill(random.choice(children(gunicorn.pid)), signal.SIGTERM)
        assert p0f.alive
        for port, name in ports.items():
            deadline = time.monotonic() + 20
            while statuses[port][-1] not in ("ok", "no_match"):
                assert time.monotonic() < deadline, statuses[port][-20:]
                visit(port)
            print(f"\n{name}: {Counter(statuses[port])}")
        assert p0f.alive


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_p0f_survives_clients_that_close_in_the_moment_it_goes_on(real_p0f: RealP0f) -> None:
    for _ in range(round(50 * SOAK)):
        with P0f(real_p0f.socket_path, timeout=0.005) as client:
            with contextlib.suppress(P0fUnavailable):
                client.lookup("127.0.0.1")
            real_p0f.pause()
            with contextlib.suppress(P0fUnavailable):
                client.lookup("127.0.0.1")
            real_p0f.resume()
        assert real_p0f.alive
