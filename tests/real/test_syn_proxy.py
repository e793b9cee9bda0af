"""Behind a proxy that sends its client's SYN: a stand-in that does what HAProxy is configured to.

bind 127.0.0.1:PORT tcp-ss 1
tcp-request connection set-var(sess.syn) fc_saved_syn
http-request set-header X-Client-SYN %[var(sess.syn),hex]
option forwardfor
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from p0f_middleware.syn.kernel import read_saved_syn, save_syn
from p0f_middleware.syn.listeners import POLL
from tests.servers import BIN, Place, exchange, free_port, serve_all

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux keeps SYNs")

ROOT = Path(__file__).parents[2]
CLIENT = "127.0.0.2"
SYN_OPTIONS = {"header": "X-Client-SYN"}
OPTIONS = {"trusted_proxies": ["127.0.0.1", "unix:"]}


class Backends(NamedTuple):
    gunicorn: Place
    gunicorn_unix: Place
    uvicorn: Place


@pytest.fixture(scope="module")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backends]:
    folder = tmp_path_factory.mktemp("proxy")
    places = Backends(free_port(), str(folder / "http.sock"), free_port("::1"))
    (folder / "gunicorn.conf.py").write_text("from p0f_middleware.syn import when_ready\n")
    gunicorn = [str(BIN / "gunicorn"), "tests.real.app:wsgi", "-b"]
    commands: dict[Place, list[str]] = {
        places.gunicorn: [*gunicorn, f"127.0.0.1:{places.gunicorn}"],
        places.gunicorn_unix: [*gunicorn, f"unix:{places.gunicorn_unix}"],
        places.uvicorn: [
            *(str(BIN / "uvicorn"), "tests.real.app:asgi"),
            *("--port", str(places.uvicorn)),
        ],
    }
    environment = {
        "PYTHONPATH": str(ROOT),
        "P0F_TEST_SYN": json.dumps(SYN_OPTIONS),
        "P0F_TEST_MIDDLEWARE": json.dumps(OPTIONS),
    }
    with serve_all(commands, cwd=folder, env=environment):
        time.sleep(10 * POLL)  # until uvicorn's listener is armed
        yield places


@contextlib.contextmanager
def proxy(backend: Place, headers: bytes = b"X-Forwarded-For: %(client)s\r\n") -> Iterator[int]:
    """A proxy for one connection and request; gives its port.

    The request's own headers go behind those of the proxy, as a client's may that it leaves alone.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        save_syn(listener)
        thread = threading.Thread(target=_forward, args=(listener, backend, headers))
        thread.start()
        yield listener.getsockname()[1]
        thread.join(20)


def _forward(listener: socket.socket, backend: Place, headers: bytes) -> None:
    client, (address, _) = listener.accept()
    address_of_server = backend if isinstance(backend, str) else ("127.0.0.1", backend)
    family = socket.AF_UNIX if isinstance(backend, str) else socket.AF_INET
    with client, socket.socket(family) as server:
        own = b"X-Client-SYN: %s\r\nConnection: close\r\n%s" % (
            read_saved_syn(client).hex().upper().encode(),
            headers % {b"client": address.encode()},
        )
        server.connect(address_of_server)
        line, rest = client.recv(65536).split(b"\r\n", 1)
        server.sendall(line + b"\r\n" + own + rest)
        while data := server.recv(65536):
            client.sendall(data)


def ask(port: int) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(exchange(port, source=CLIENT).body)
    return answer


@pytest.mark.parametrize("server", Backends._fields)
def test_the_clients_syn_comes_through_the_proxy(backends: Backends, server: str) -> None:
    with proxy(getattr(backends, server)) as port:
        answer = ask(port)
    assert answer["status"] == "ok", answer
    assert answer["info"]["raw_sig"].startswith("4:64+0:0:65495:")


@pytest.mark.parametrize("server", ["gunicorn", "gunicorn_unix"])
def test_without_forwarding_headers_the_syn_says_who_the_client_is(
    backends: Backends, server: str
) -> None:
    with proxy(getattr(backends, server), headers=b"") as port:
        assert ask(port)["status"] == "ok"


@pytest.mark.parametrize("server", Backends._fields)
def test_a_syn_that_is_not_the_forwarded_clients_is_not_told(
    backends: Backends, server: str
) -> None:
    with proxy(getattr(backends, server), b"X-Forwarded-For: 203.0.113.7\r\n") as port:
        answer = ask(port)
    assert (answer["status"], answer["info"]) == ("unavailable", None)
    assert answer["reason"].endswith("is from 127.0.0.2, but the client is 203.0.113.7")


@pytest.mark.parametrize("server", ["gunicorn", "uvicorn"])
def test_the_header_of_an_untrusted_peer_is_not_read(backends: Backends, server: str) -> None:
    headers = {"X-Client-SYN": "00", "X-Forwarded-For": "203.0.113.7"}
    answer = json.loads(exchange(getattr(backends, server), source=CLIENT, headers=headers).body)
    assert answer["status"] == "ok", answer
    assert answer["info"]["raw_sig"].startswith("4:64+0:0:65495:")
