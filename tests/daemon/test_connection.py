"""One connection: polling, waiting, sending, and closing it without harm."""

from __future__ import annotations

import select
import subprocess
import sys

import pytest

from p0f_middleware import P0f, P0fTimeout
from p0f_middleware._daemon import connection
from p0f_middleware._daemon.connection import Connection
from p0f_middleware._daemon.protocol import make_query
from p0f_middleware._waiting import wait_readable
from p0f_middleware.testing import FakeP0f


def test_after_an_unsuccessful_poll_polling_pauses(
    fake_p0f: FakeP0f, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = Connection[None](fake_p0f.socket_path)
    polls: list[None] = []
    monkeypatch.setattr(connection, "_yield_processor", lambda: polls.append(None))
    monkeypatch.setattr(connection, "_MAX_SPIN_SHARE", 1e-6)
    assert not link.spin()
    assert polls
    polls.clear()
    link.send(make_query("192.0.2.1"))
    wait_readable(link.sock.fileno(), 5)

    assert not link.spin()
    assert polls == []
    assert len(link.receive() or b"") == 232
    link.release()


SENDING_TO_NOBODY = """
import signal, sys
from p0f_middleware._daemon.connection import Connection
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
connection = Connection(sys.argv[1])
connection.sock.shutdown(2)
try:
    connection.send(bytes(21))
except OSError:
    sys.exit(0)
sys.exit("sent to nobody")
"""


def test_sending_on_a_closed_connection_raises_no_signal(fake_p0f: FakeP0f) -> None:
    subprocess.run([sys.executable, "-c", SENDING_TO_NOBODY, fake_p0f.socket_path], check=True)


def test_closing_reads_the_answers_that_have_arrived(fake_p0f: FakeP0f) -> None:
    client = P0f(fake_p0f.socket_path, timeout=0.05)
    client.lookup("192.0.2.1")
    fake_p0f.stall()
    with pytest.raises(P0fTimeout):
        client.lookup("192.0.2.2")
    fake_p0f.resume()
    used = client.connection
    assert used is not None
    select.select([used.sock], (), (), 5)
    client.close()

    assert used.sock.fileno() == -1
