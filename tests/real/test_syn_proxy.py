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
from typing import Any, TypeAlias

import pytest

from p0f_middleware.syn.kernel import read_saved_syn, save_syn
from tests.servers import Place, exchange, free_port, serve_all

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux keeps SYNs")

CLIENT = "127.0.0.2"


BACKENDS = ("gunicorn", "gunicorn on a Unix socket", "uvicorn")
every_backend = pytest.mark.parametrize("backend", BACKENDS)
Places: TypeAlias = dict[str, Place]


@pytest.fixture(scope="module")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    folder = tmp_path_factory.mktemp("proxy")
    port, unix, uvicorn = free_port(), str(folder / "http.sock"), free_port()
    commands = {
        port: f"gunicorn tests.real.app:wsgi -b 127.0.0.1:{port} -b unix:{unix}",
        uvicorn: f"uvicorn tests.real.app:asgi --port {uvicorn}",
    }
    environment = {
        "P0F_TEST_SYN": json.dumps({"header": "X-Client-SYN"}),
        "P0F_TEST_MIDDLEWARE": json.dumps({"trusted_proxies": ["127.0.0.1", "unix:"]}),
    }
    with serve_all(commands, cwd=folder, env=environment):
        for server in (port, uvicorn):
            deadline = time.monotonic() + 20  # until its listener is enabled
            while ask(server)["status"] != "ok":
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield dict(zip(BACKENDS, (port, unix, uvicorn), strict=True))


@contextlib.contextmanager
def proxy(backend: Place, headers: bytes) -> Iterator[int]:
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


def ask(port: int, headers: dict[str, str] | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(exchange(port, source=CLIENT, headers=headers).body)
    return answer


@every_backend
@pytest.mark.parametrize("headers", [b"", b"X-Forwarded-For: %(client)s\r\n"])
def test_the_clients_syn_comes_through_the_proxy(
    backends: Places, backend: str, headers: bytes
) -> None:
    with proxy(backends[backend], headers) as port:
        answer = ask(port)
    assert answer["status"] == "ok", answer
    assert answer["info"]["raw_sig"].startswith("4:64+0:0:65495:")


@every_backend
def test_a_syn_that_is_not_the_forwarded_clients_is_not_told(
    backends: Places, backend: str
) -> None:
    with proxy(backends[backend], b"X-Forwarded-For: 203.0.113.7\r\n") as port:
        answer = ask(port)
    assert (answer["status"], answer["info"]) == ("unavailable", None)
    assert answer["reason"].endswith("is from 127.0.0.2, but the client is 203.0.113.7")


@pytest.mark.parametrize("backend", ["gunicorn", "uvicorn"])
def test_the_header_of_an_untrusted_peer_is_not_read(backends: Places, backend: str) -> None:
    port = backends[backend]
    assert isinstance(port, int)
    answer = ask(port, {"X-Client-SYN": "00", "X-Forwarded-For": "203.0.113.7"})
    assert answer["status"] == "ok", answer
    assert answer["info"]["raw_sig"].startswith("4:64+0:0:65495:")
