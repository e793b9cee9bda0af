"""p0f ends and comes back: what it costs, and what the log says."""

from __future__ import annotations

import contextlib
import logging
import threading
import time

import pytest

from p0f_middleware import P0f, P0fUnavailable

from .daemon import RealP0f

LONGEST_PAUSE = 1.5
"""Seconds until the second retry of an outage, which finds what the first came too early for."""


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]


def until_answered(client: P0f, seconds: float) -> float:
    began = time.monotonic()
    while True:
        with contextlib.suppress(P0fUnavailable):
            client.lookup("127.0.0.1")
            return time.monotonic() - began
        assert time.monotonic() < began + seconds
        time.sleep(0.005)


def test_a_restart_between_two_lookups_costs_neither(
    real_p0f: RealP0f, caplog: pytest.LogCaptureFixture
) -> None:
    with P0f(real_p0f.socket_path, timeout=1) as client:
        for _ in range(5):
            client.lookup("127.0.0.1")
            real_p0f.restart()
        client.lookup("127.0.0.1")
        assert client.stats.errors == client.stats.timeouts == client.stats.skipped == 0
        assert client.stats.reconnects == 5
    assert not caplog.records


def test_lookups_resume_within_the_retry_delay_of_an_outage_under_load(
    real_p0f: RealP0f, caplog: pytest.LogCaptureFixture
) -> None:
    client = P0f(real_p0f.socket_path)
    client.lookup("127.0.0.1")
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.001):
            with contextlib.suppress(P0fUnavailable):
                client.lookup("127.0.0.1")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    real_p0f.kill()
    time.sleep(0.2)
    real_p0f.start()
    back = until_answered(client, 5)
    over.set()
    for thread in threads:
        thread.join()
    client.close()
    print(f"\nback {back:.2f} s after p0f; {client.stats.as_dict()}")
    assert back < LONGEST_PAUSE
    assert client.stats.outages == 1
    _, back_line = warnings(caplog)
    assert f"{client.stats.skipped} lookups were skipped" in back_line
    assert " is back after " in back_line
