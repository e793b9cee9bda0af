"""What the store has to allow, and what stays secret: ACLs, TLS, a fork, clusters, trio."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
import redis.asyncio.cluster
import redis.cluster

from p0f_middleware import AsyncSharedSyn, P0fProtocolError, P0fStatus, P0fUnavailable
from p0f_middleware._outcome import Outcome
from p0f_middleware._store import Store
from p0f_middleware.edge.agent import Edge
from tests.servers import free_port

from .asking import LATER, LONG, Blocking, InALoop, Kind
from .stores import RealStore
from .syns import WINDOWS, FakeVisitor, syn
from .test_edge import FakeTap

CLIENT, PORT = "192.0.2.1", 54321
visitor: Any = FakeVisitor(CLIENT, PORT)
forks = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


def python(script: str, *words: str, warn: str = "ignore") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", warn, "-c", script, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[RealStore]:
    """A store with the users of the manual, and one who may do everything."""
    users = (
        "default off",
        "edge on >secret ~p0f:* -@all +set +ping",
        "app on >secret %R~p0f:* -@all +get +mget +ping",
        "auditor on >secret +@all",
    )
    options = (word for user in users for word in ("--user", *user.split()))
    with RealStore(tmp_path, (*options,)) as store:
        yield store


def share(url: str, *syns: bytes) -> Edge:
    """Write SYNs as the edge does."""
    edge = Edge(FakeTap(*syns), Store(url))
    edge.step()
    edge.give_sign()
    edge.close()
    return edge


def as_user(store: RealStore, user: str) -> str:
    return f"redis://{user}:secret@127.0.0.1:{store.port}/0"


def ask(store: Any, *visitors: Any, kind: type[Kind] = Blocking, **options: Any) -> list[Outcome]:
    """What visitors are told who come together."""
    with contextlib.closing(kind(store, **options)) as source:
        return source.together([*visitors] or [visitor])


def statuses(outcomes: list[Outcome]) -> set[P0fStatus]:
    return {outcome.status for outcome in outcomes}


# ACLs


def test_the_rights_of_the_manual_suffice_and_no_other_is_tried(guarded: RealStore) -> None:
    edge = share(as_user(guarded, "edge"), syn(CLIENT, PORT))
    outcomes = ask(as_user(guarded, "app"))
    with redis.Redis.from_url(as_user(guarded, "auditor"), protocol=2) as client:
        refused = client.acl_log()

    assert edge.counts().startswith("1 SYNs seen, 1 written")
    assert statuses(outcomes) == {P0fStatus.OK}
    assert refused == []


def test_an_application_cannot_write_and_an_edge_cannot_read(guarded: RealStore) -> None:
    edge = share(as_user(guarded, "app"), syn(CLIENT, PORT))
    with pytest.raises(P0fUnavailable, match=r"refuses: .*no permissions"):
        ask(as_user(guarded, "edge"))
    assert " 1 dropped" in edge.counts()


def test_a_wrong_password_is_said_without_the_password(
    guarded: RealStore, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"redis://app:hunter2@127.0.0.1:{guarded.port}/0"
    share(url, syn(CLIENT, PORT))
    with pytest.raises(P0fUnavailable) as caught:
        ask(url)
    for said in (caplog.text, str(caught.value)):
        assert "invalid username-password pair" in said
        assert "hunter2" not in said


# TLS


def test_the_way_to_the_store_may_be_encrypted(tmp_path: Path) -> None:
    authority = pytest.importorskip("trustme").CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    names = {"tls-cert-file": "cert.pem", "tls-key-file": "key.pem", "tls-ca-cert-file": "ca.pem"}
    options = [word for name, file in names.items() for word in (f"--{name}", f"{tmp_path}/{file}")]
    with RealStore(tmp_path, (*options, "--tls-auth-clients", "no"), tls=True) as store:
        url = f"rediss://127.0.0.1:{store.port}/0"
        trusted = f"{url}?ssl_ca_certs={tmp_path}/ca.pem"
        share(trusted, syn(CLIENT, PORT))
        told = ask(trusted) + ask(trusted, *[visitor] * 200, kind=InALoop)  # several records of TLS
        with pytest.raises(P0fUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            ask(url)

    assert statuses(told) == {P0fStatus.OK}


# Other ways to a store


def test_a_unix_socket_and_another_database_may_be_named(store: RealStore) -> None:
    share(f"{store.unix_url}?db=3", syn(CLIENT, PORT))
    assert statuses(ask(f"{store.unix_url}?db=3")) == {P0fStatus.OK}
    assert statuses(ask(store.url)) == {P0fStatus.NO_MATCH}


def test_a_client_may_be_given(store: RealStore) -> None:
    share(store.url, syn(CLIENT, PORT))
    with redis.Redis(port=store.port) as client:
        told = ask(client) + ask(redis.asyncio.Redis(port=store.port), kind=InALoop)
    assert statuses(told) == {P0fStatus.OK}


@pytest.mark.usefixtures("stopped")
def test_a_given_client_that_waits_for_ever_holds_up_nobody(store: RealStore) -> None:
    began = time.monotonic()
    with redis.Redis(port=store.port) as client, pytest.raises(P0fUnavailable):
        ask(client, timeout=0.1)
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize("value", [b"text", syn(CLIENT, PORT)])
def test_a_given_client_that_decodes_is_an_error(
    store: RealStore, contents: redis.Redis, value: bytes
) -> None:
    contents.set(f"p0f:{{{CLIENT}}}", value)
    with (
        redis.Redis(port=store.port, decode_responses=True) as client,
        pytest.raises(P0fProtocolError, match="decode_resp"),
    ):
        ask(client)


def test_a_client_of_a_cluster_may_be_given(tmp_path: Path) -> None:
    visitors = [visitor, FakeVisitor("192.0.2.2", PORT)] * 4
    options = "--cluster-enabled", "yes", "--cluster-port", str(free_port())
    with RealStore(tmp_path, options) as node, redis.Redis(port=node.port) as client:
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        while b"cluster_state:ok" not in client.execute_command("CLUSTER", "INFO"):
            time.sleep(0.01)
        share(node.url, syn(CLIENT, PORT), syn("192.0.2.2", PORT, WINDOWS))
        outcomes = ask(node.url, *visitors)  # as a single server it refuses an MGET for two
        with redis.cluster.RedisCluster("127.0.0.1", node.port) as cluster:
            outcomes += ask(cluster, *visitors)
        awaited = redis.asyncio.cluster.RedisCluster("127.0.0.1", node.port)
        outcomes += ask(awaited, *visitors, kind=InALoop)
    names = [outcome.info and outcome.info.os_name for outcome in outcomes]

    assert names == ["Linux", "Windows"] * 12


# Processes, loops


def answers_a_child(source: Blocking) -> bool:
    pid = os.fork()
    if pid == 0:
        try:
            source.ask(visitor)
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


@forks
def test_a_child_has_a_connection_of_its_own(store: RealStore, contents: Any) -> None:
    before: int = contents.info("stats")["total_connections_received"]
    with contextlib.closing(Blocking(store.url)) as source:
        source.ask(visitor)
        assert answers_a_child(source)
        source.ask(visitor)
    assert contents.info("stats")["total_connections_received"] - before == 2


@forks
def test_a_fork_beside_a_thread_that_asks_does_not_block_the_child(store: RealStore) -> None:
    ended = threading.Event()
    with contextlib.closing(Blocking(store.url)) as source, ThreadPoolExecutor(1) as threads:
        threads.submit(lambda: [source.ask(visitor) for _ in iter(ended.is_set, True)])
        answered = [answers_a_child(source) for _ in range(20)]
        ended.set()
    assert all(answered)


def test_event_loops_one_after_another_may_ask(store: RealStore) -> None:
    share(store.url, syn(CLIENT, PORT))
    source = AsyncSharedSyn(store.url, timeout=LONG)
    outcomes = [asyncio.run(_ask_of(source)) for _ in range(3)]
    asyncio.run(source.close())
    assert statuses(outcomes) == {P0fStatus.OK}


async def _ask_of(source: AsyncSharedSyn) -> Outcome:
    return await source.fingerprint(visitor, LATER)


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
source.timeout = 0.3
os.kill(int(sys.argv[2]), signal.SIGSTOP)
waiting = gevent.spawn(source.fingerprint, visitor, time.monotonic() + 0.3)
turns = 0
while not waiting.ready():
    gevent.sleep(0.01)
    turns += 1
assert isinstance(waiting.exception, P0fError), waiting.exception
assert turns > 5, turns
"""


@pytest.mark.parametrize("threads", [True, False])
def test_it_works_under_gevent_however_late_that_comes(store: RealStore, threads: bool) -> None:
    pytest.importorskip("gevent")
    share(store.url, syn(CLIENT, PORT))
    try:
        done = python(GREENLETS, store.url, str(store.pid), str(LONG), str(threads))
    finally:
        store.resume()

    assert done.returncode == 0, done.stderr


def test_it_works_under_trio(store: RealStore) -> None:
    trio = pytest.importorskip("trio")
    share(store.url, syn(CLIENT, PORT))
    source = AsyncSharedSyn(store.url, timeout=LONG)
    outcome = trio.run(_ask_of, source)
    trio.run(source.close)
    assert outcome.status is P0fStatus.OK
    with pytest.raises(P0fUnavailable, match="does not work under trio: use a URL"):
        trio.run(_ask_of, AsyncSharedSyn(redis.asyncio.Redis()))


def test_a_source_that_is_forgotten_leaves_nothing_open(store: RealStore) -> None:
    script = (
        "import asyncio, gc, sys, threading; from p0f_middleware import *; "
        "from tests.shared.syns import FakeVisitor as V; v = V('192.0.2.1', 1); "
        "s = SharedSyn(sys.argv[1], timeout=60); s.fingerprint(v, 1e12); del s; "
        "a = AsyncSharedSyn(sys.argv[1], timeout=60); asyncio.run(a.fingerprint(v, 1e12)); "
        "del a; [thread.join(9) for thread in threading.enumerate() if thread.daemon]; gc.collect()"
    )
    done = python(script, store.url, warn="error::ResourceWarning")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_client_library_is_imported_with_a_source_and_not_before() -> None:
    script = (
        "import sys, p0f_middleware; from p0f_middleware import SharedSyn; "
        "assert 'redis' not in sys.modules; sys.modules['redis'] = None; "
        "SharedSyn('redis://cache/0')"
    )
    assert python(script).stderr.strip().endswith("pip install 'p0f-middleware[redis]'")
