"""What the store has to allow, and what stays secret: ACLs, TLS, a fork, clusters, trio."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
import redis.asyncio.cluster
import redis.cluster
import trustme

from p0f_middleware import AsyncSharedSyn, P0fProtocolError, P0fStatus, P0fUnavailable, SharedSyn
from p0f_middleware._store import Store
from p0f_middleware.edge.agent import Edge
from tests.servers import free_port

from .stores import RealStore, needs_store
from .syns import WINDOWS, FakeVisitor, syn
from .test_edge import FakeTap

pytestmark = needs_store

CLIENT, PORT = "192.0.2.1", 54321
visitor: Any = FakeVisitor(CLIENT, PORT)
LATER, LONG = float("inf"), 60.0
forks = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
ACL = (
    *["--user", "default", "off"],
    *["--user", "edge", "on", ">secret", "~p0f:*", "-@all", "+set", "+ping"],
    *["--user", "app", "on", ">secret", "%R~p0f:*", "-@all", "+get", "+mget", "+ping"],
)
"""The users of the manual."""
AUDITOR = ("--user", "auditor", "on", ">secret", "+@all")


@pytest.fixture
def store(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RealStore]:
    store = RealStore(tmp_path, getattr(request, "param", ())).start()
    yield store
    store.kill()


def share(url: str, *syns: bytes) -> Edge:
    """Write SYNs as the edge does."""
    tap = FakeTap()
    tap.syns += syns
    edge = Edge(tap, Store(url))
    edge.step()
    edge.give_sign()
    edge.close()
    return edge


def as_user(store: RealStore, user: str, database: int = 0) -> str:
    return f"redis://{user}:secret@127.0.0.1:{store.port}/{database}"


# ACLs


@pytest.mark.parametrize("store", [ACL], indirect=True)
def test_the_rights_of_the_manual_suffice(store: RealStore) -> None:
    edge = share(as_user(store, "edge"), syn(CLIENT, PORT))
    source = SharedSyn(as_user(store, "app"), timeout=LONG)
    outcome = source.fingerprint(visitor, LATER)
    source.close()

    assert edge.counts().written == 1
    assert outcome.status is P0fStatus.OK


@pytest.mark.parametrize("store", [(*ACL, *AUDITOR)], indirect=True)
def test_no_command_is_tried_that_the_rights_do_not_allow(store: RealStore) -> None:
    share(as_user(store, "edge"), syn(CLIENT, PORT))
    source = SharedSyn(as_user(store, "app"), timeout=LONG)
    source.fingerprint(visitor, LATER)
    source.close()
    with redis.Redis.from_url(as_user(store, "auditor"), protocol=2) as client:
        refused = client.acl_log()

    assert refused == []


@pytest.mark.parametrize("store", [ACL], indirect=True)
@pytest.mark.parametrize("user", ["edge", "app"])
def test_each_may_do_nothing_else(store: RealStore, user: str) -> None:
    with redis.Redis.from_url(as_user(store, user)) as client:
        for command in (("KEYS", "*"), ("FLUSHALL",), ("SET", "other", "x"), ("DEL", "p0f:{x}"),
                        ("CONFIG", "GET", "*"), ("GET", "other")):  # fmt: skip
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command)


@pytest.mark.parametrize("store", [ACL], indirect=True)
def test_an_application_cannot_write_and_an_edge_cannot_read(store: RealStore) -> None:
    share(as_user(store, "edge"), syn(CLIENT, PORT))
    edge = share(as_user(store, "app"), syn(CLIENT, PORT))
    reader = SharedSyn(as_user(store, "edge"), timeout=LONG)
    with pytest.raises(P0fUnavailable, match=r"refuses: .*no permissions"):
        reader.fingerprint(visitor, LATER)
    reader.close()

    assert edge.counts().dropped == 1


@pytest.mark.parametrize("store", [ACL], indirect=True)
def test_a_wrong_password_is_said_without_the_password(store: RealStore) -> None:
    source = SharedSyn(f"redis://app:hunter2@127.0.0.1:{store.port}/0", timeout=LONG)
    with pytest.raises(P0fUnavailable, match="invalid username-password pair") as caught:
        source.fingerprint(visitor, LATER)

    assert "hunter2" not in str(caught.value)


# TLS


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    return authority


@pytest.mark.usefixtures("authority")
def test_the_way_to_the_store_may_be_encrypted(tmp_path: Path) -> None:
    names = {"tls-cert-file": "cert.pem", "tls-key-file": "key.pem", "tls-ca-cert-file": "ca.pem"}
    options = [word for name, file in names.items() for word in (f"--{name}", f"{tmp_path}/{file}")]
    store = RealStore(tmp_path, (*options, "--tls-auth-clients", "no"), tls=True).start()
    try:
        url = f"rediss://127.0.0.1:{store.port}/0?ssl_ca_certs={tmp_path}/ca.pem"
        share(url, syn(CLIENT, PORT))
        source = SharedSyn(url, timeout=LONG)
        blocking = source.fingerprint(visitor, LATER)
        source.close()
        awaited = asyncio.run(_ask(AsyncSharedSyn(url, timeout=LONG), 200))
    finally:
        store.kill()

    assert blocking.status is P0fStatus.OK
    assert {outcome.status for outcome in awaited} == {P0fStatus.OK}


@pytest.mark.usefixtures("authority")
def test_a_certificate_of_nobodys_is_refused(tmp_path: Path) -> None:
    names = {"tls-cert-file": "cert.pem", "tls-key-file": "key.pem", "tls-ca-cert-file": "ca.pem"}
    options = [word for name, file in names.items() for word in (f"--{name}", f"{tmp_path}/{file}")]
    store = RealStore(tmp_path, (*options, "--tls-auth-clients", "no"), tls=True).start()
    try:
        source = SharedSyn(f"rediss://127.0.0.1:{store.port}/0", timeout=LONG)
        with pytest.raises(P0fUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            source.fingerprint(visitor, LATER)
    finally:
        store.kill()


async def _ask(source: AsyncSharedSyn, times: int) -> list[Any]:
    """Many lookups at once, so that replies come in several records."""
    try:
        return await asyncio.gather(*(source.fingerprint(visitor, LATER) for _ in range(times)))
    finally:
        await source.close()


# Other ways to a store


def test_a_unix_socket_and_another_database_may_be_named(store: RealStore) -> None:
    url = f"{store.unix_url}?db=3"
    share(url, syn(CLIENT, PORT))
    with SharedSynAt(url) as source:
        assert source.fingerprint(visitor, LATER).status is P0fStatus.OK
    with SharedSynAt(store.url) as source:
        assert source.fingerprint(visitor, LATER).status is P0fStatus.NO_MATCH


class SharedSynAt:
    """A SharedSyn for a with statement."""

    def __init__(self, store: Any, **options: Any) -> None:
        self._source = SharedSyn(store, **{"timeout": LONG} | options)

    def __enter__(self) -> SharedSyn:
        return self._source

    def __exit__(self, *_: object) -> None:
        self._source.close()


def test_a_client_may_be_given(store: RealStore) -> None:
    share(store.url, syn(CLIENT, PORT))
    with redis.Redis(port=store.port) as client, SharedSynAt(client) as source:
        assert source.fingerprint(visitor, LATER).status is P0fStatus.OK
    assert asyncio.run(_with_async_client(store.port)).status is P0fStatus.OK


async def _with_async_client(port: int) -> Any:
    async with redis.asyncio.Redis(port=port) as client:
        source = AsyncSharedSyn(client, timeout=LONG)
        return await source.fingerprint(visitor, LATER)


def test_a_given_client_that_waits_for_ever_holds_up_nobody(store: RealStore) -> None:
    client = redis.Redis(port=store.port)
    with SharedSynAt(client, timeout=0.1) as source:
        source.fingerprint(visitor, LATER)
        store.stop()
        try:
            began = time.monotonic()
            with pytest.raises(P0fUnavailable):
                source.fingerprint(visitor, LATER)
            took = time.monotonic() - began
        finally:
            store.resume()
    client.close()

    assert took < 0.5


def test_a_given_client_that_decodes_is_an_error(store: RealStore) -> None:
    with redis.Redis(port=store.port, decode_responses=True) as client:
        client.set(f"p0f:{{{CLIENT}}}", "text")
        with SharedSynAt(client) as source, pytest.raises(P0fProtocolError, match="decode_resp"):
            source.fingerprint(visitor, LATER)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RealStore]:
    """A cluster of one node."""
    options = "--cluster-enabled", "yes", "--cluster-port", str(free_port())
    store = RealStore(tmp_path, options).start()
    with redis.Redis(port=store.port) as node:
        node.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        while b"cluster_state:ok" not in node.execute_command("CLUSTER", "INFO"):
            time.sleep(0.01)
    yield store
    store.kill()


def test_a_client_of_a_cluster_may_be_given(cluster: RealStore) -> None:
    share(cluster.url, syn(CLIENT, PORT), syn("192.0.2.2", PORT, WINDOWS))
    client = redis.cluster.RedisCluster(host="127.0.0.1", port=cluster.port)
    others: Any = FakeVisitor("192.0.2.2", PORT)
    outcomes: list[Any] = []
    with SharedSynAt(client) as source:
        threads = [
            threading.Thread(target=lambda v=v: outcomes.append(source.fingerprint(v, LATER)))
            for v in (visitor, others) * 4
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    client.close()

    assert [outcome.status for outcome in outcomes] == [P0fStatus.OK] * 8
    assert {outcome.info.os_name for outcome in outcomes} == {"Linux", "Windows"}


def test_an_asyncio_client_of_a_cluster_may_be_given(cluster: RealStore) -> None:
    share(cluster.url, syn(CLIENT, PORT), syn("192.0.2.2", PORT, WINDOWS))
    others: Any = FakeVisitor("192.0.2.2", PORT)

    async def ask() -> list[Any]:
        async with redis.asyncio.cluster.RedisCluster(
            host="127.0.0.1", port=cluster.port
        ) as client:
            source = AsyncSharedSyn(client, timeout=LONG)
            asked = (source.fingerprint(v, LATER) for v in (visitor, others) * 4)
            return await asyncio.gather(*asked)

    outcomes = asyncio.run(ask())

    assert [outcome.status for outcome in outcomes] == [P0fStatus.OK] * 8
    assert {outcome.info.os_name for outcome in outcomes} == {"Linux", "Windows"}


# Processes, loops


@forks
def test_a_child_has_a_connection_of_its_own(store: RealStore) -> None:
    share(store.url, syn(CLIENT, PORT))
    source = SharedSyn(store.url, timeout=LONG)
    source.fingerprint(visitor, LATER)
    pid = os.fork()
    if pid == 0:
        os._exit(source.fingerprint(visitor, LATER).status is not P0fStatus.OK)
    _, status = os.waitpid(pid, 0)
    own = source.fingerprint(visitor, LATER)
    source.close()
    with redis.Redis(port=store.port) as client:
        stats: Any = client.info("stats")

    assert (status, own.status) == (0, P0fStatus.OK)
    assert stats["total_connections_received"] == 4  # the edge, parent, child, and who asks here


@forks
def test_a_fork_beside_a_thread_that_asks_does_not_block_the_child(store: RealStore) -> None:
    source = SharedSyn(store.url, timeout=LONG)
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            source.fingerprint(visitor, LATER)

    thread = threading.Thread(target=ask)
    thread.start()
    statuses = []
    for _ in range(20):
        pid = os.fork()
        if pid == 0:
            os._exit(source.fingerprint(visitor, LATER).status is not P0fStatus.NO_MATCH)
        statuses.append(os.waitpid(pid, 0)[1])
    ended.set()
    thread.join()
    source.close()

    assert statuses == [0] * 20


def test_every_event_loop_has_a_connection_of_its_own(store: RealStore) -> None:
    share(store.url, syn(CLIENT, PORT))
    source = AsyncSharedSyn(store.url, timeout=LONG)

    async def ask() -> Any:
        return await source.fingerprint(visitor, LATER)

    outcomes = [asyncio.run(ask()) for _ in range(3)]
    asyncio.run(source.close())

    assert [outcome.status for outcome in outcomes] == [P0fStatus.OK] * 3


def test_a_task_that_is_cancelled_takes_nobodys_answer(store: RealStore) -> None:
    share(store.url, syn(CLIENT, PORT))

    async def cancel_every_other() -> list[Any]:
        source = AsyncSharedSyn(store.url, timeout=LONG)
        tasks = [asyncio.ensure_future(source.fingerprint(visitor, LATER)) for _ in range(50)]
        for turns, task in enumerate(tasks[::2]):
            if turns % 5 == 0:
                await asyncio.sleep(0)
            task.cancel()
        results = await asyncio.gather(*tasks[1::2])
        await source.close()
        return results

    assert {outcome.status for outcome in asyncio.run(cancel_every_other())} == {P0fStatus.OK}


GREENLETS = """
import os, signal, sys, time
from p0f_middleware import P0fError, SharedSyn
source = SharedSyn(sys.argv[1], timeout=float(sys.argv[3]))
from gevent import monkey
monkey.patch_all(thread=sys.argv[4] == "True")
import gevent
from tests.shared.syns import FakeVisitor
visitor = FakeVisitor("192.0.2.1", 54321)
greenlets = [gevent.spawn(source.fingerprint, visitor, 1e12) for _ in range(50)]
statuses = {str(greenlet.get().status) for greenlet in greenlets}
assert statuses == {"ok"}, statuses
source.timeout = 1
os.kill(int(sys.argv[2]), signal.SIGSTOP)
waiting = gevent.spawn(source.fingerprint, visitor, time.monotonic() + 1)
turns = 0
while not waiting.ready():
    gevent.sleep(0.01)
    turns += 1
assert isinstance(waiting.exception, P0fError), waiting.exception
assert turns > 10, turns
"""


@pytest.mark.parametrize("threads", [True, False])
def test_it_works_under_gevent_however_late_that_comes(store: RealStore, threads: bool) -> None:
    pytest.importorskip("gevent")
    share(store.url, syn(CLIENT, PORT))
    words = [store.url, str(store.pid), str(LONG), str(threads)]
    command = [sys.executable, "-W", "ignore", "-c", GREENLETS, *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    finally:
        store.resume()

    assert done.returncode == 0, done.stderr


def test_it_works_under_trio(store: RealStore) -> None:
    import trio

    share(store.url, syn(CLIENT, PORT))
    source = AsyncSharedSyn(store.url, timeout=LONG)

    async def ask() -> Any:
        try:
            return await source.fingerprint(visitor, LATER)
        finally:
            await source.close()

    assert trio.run(ask).status is P0fStatus.OK


def test_a_source_that_is_forgotten_leaves_nothing_open(store: RealStore) -> None:
    script = (
        "import asyncio, gc, sys, threading; from p0f_middleware import *; "
        "from tests.shared.syns import FakeVisitor as V; v = V('192.0.2.1', 1); "
        "s = SharedSyn(sys.argv[1], timeout=60); s.fingerprint(v, 1e12); del s; "
        "a = AsyncSharedSyn(sys.argv[1], timeout=60); asyncio.run(a.fingerprint(v, 1e12)); "
        "del a; [thread.join(9) for thread in threading.enumerate() if thread.daemon]; gc.collect()"
    )
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", script, store.url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_client_library_is_imported_with_a_source_and_not_before() -> None:
    script = (
        "import sys, p0f_middleware; from p0f_middleware import SharedSyn; "
        "assert 'redis' not in sys.modules; sys.modules['redis'] = None; "
        "SharedSyn('redis://cache/0')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert done.stderr.strip().endswith("pip install 'p0f-middleware[redis]'")
