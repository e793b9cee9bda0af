"""p0f ends and comes back: what it costs, and what the log says."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from p0f_middleware import P0f, P0fUnavailable

from .daemon import RealP0f


def said(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == level]


def until_answered(client: P0f, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(P0fUnavailable):
            client.lookup("127.0.0.1")
            return
        assert time.monotonic() < deadline
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
    caplog.set_level(logging.INFO)
    client = P0f(real_p0f.socket_path)
    client.lookup("127.0.0.1")
    over = threading.Event()
    last_answer = [0.0]

    def ask() -> None:
        while not over.is_set():
            with contextlib.suppress(P0fUnavailable):
                client.lookup("127.0.0.1")
                last_answer[0] = time.monotonic()
            time.sleep(0.001)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    real_p0f.kill()
    time.sleep(0.2)
    real_p0f.start()
    started = time.monotonic()
    while last_answer[0] < started and time.monotonic() < started + 3:
        time.sleep(0.001)
    back = time.monotonic() - started
    over.set()
    for thread in threads:
        thread.join()
    client.close()
    print(f"\nback {back:.2f} s after p0f; {client.stats.as_dict()}")
    assert back < 1.2
    assert client.stats.outages == 1
    _, back_line = said(caplog, logging.WARNING)
    assert f"{client.stats.skipped} lookups were skipped" in back_line
    assert " is back after " in back_line


def _missing(p0f: RealP0f) -> None:
    p0f.kill()
    os.unlink(p0f.socket_path)


def _nobody_listens(p0f: RealP0f) -> None:
    p0f.kill()


def _no_socket(p0f: RealP0f) -> None:
    p0f.kill()
    os.unlink(p0f.socket_path)
    Path(p0f.socket_path).touch()


@pytest.mark.parametrize(
    ("break_it", "cause"),
    [
        (_missing, "there is no socket"),
        (_nobody_listens, "nothing listens"),
        (_no_socket, "is not a socket"),
        (RealP0f.pause, "did not answer within"),
    ],
)
def test_the_log_names_the_cause_once(
    break_it: Callable[[RealP0f], None],
    cause: str,
    real_p0f: RealP0f,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with P0f(real_p0f.socket_path) as client:
        client.lookup("127.0.0.1")
        break_it(real_p0f)
        for _ in range(100):
            with pytest.raises(P0fUnavailable):
                client.lookup("127.0.0.1")
        (warning,) = said(caplog, logging.WARNING)
        print(f"\n{warning}")
        assert cause in warning
        real_p0f.resume()


def test_a_lack_of_permission_is_named(real_p0f: RealP0f) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root, to become somebody else")
    os.chmod(real_p0f.socket_path, 0o600)
    pid = os.fork()
    if pid == 0:
        os.setuid(65534)
        try:
            P0f(real_p0f.socket_path).lookup("127.0.0.1")
        except P0fUnavailable as error:
            os._exit(13 if str(error).startswith("no permission to open") else 2)
        os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 13


def test_a_p0f_that_flaps_is_not_logged_for_ever(
    real_p0f: RealP0f, caplog: pytest.LogCaptureFixture, retry_at_once: None
) -> None:
    caplog.set_level(logging.INFO)
    with P0f(real_p0f.socket_path, timeout=0.02) as client:
        for _ in range(20):
            until_answered(client, 5)
            real_p0f.pause()
            with pytest.raises(P0fUnavailable):
                client.lookup("127.0.0.1")
            real_p0f.resume()
        until_answered(client, 5)
        print(f"\n{client.stats.outages} outages, {len(caplog.records)} log lines")
        assert client.stats.outages >= 20
    assert len(caplog.records) <= 10
