"""What is measured of one checkout of the package: its lookups, and applications for servers.

    PYTHONPATH=CHECKOUT python subject.py P0F_SOCKET STORE_URL ADDRESS...

Each line "CONTENDER<TAB>COUNT" on standard input has it do that work so often, and print the
nanoseconds it took. p0f looks at all of its connections before each answer, so a contender connects
when it is run and closes afterwards; its first lookup is not timed. A server is started in this
folder, with P0F_SOCKET in its environment, and serves "subject:asgi_app", "subject:p0f_asgi_app" or
another of `__getattr__`.

The fact a reader would get wrong: nothing of the tests is imported, so that the package is the one
in PYTHONPATH and not this checkout's.
"""

from __future__ import annotations

import asyncio
import functools
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from types import SimpleNamespace
from typing import Any

import redis
import redis.asyncio

from p0f_middleware import (
    AsyncP0f,
    AsyncSharedSyn,
    P0f,
    P0fASGIMiddleware,
    P0fWSGIMiddleware,
    SharedSyn,
    Syn,
)

HOST, PORT = "127.0.0.1", 40_000
TIMEOUT = 5.0
"""Seconds; nobody's lookups may fail because the machine is busy."""
LATER = float("inf")
USER_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"
    " Safari/537.36"
)
ENVIRON = {
    "REMOTE_ADDR": HOST,
    "REMOTE_PORT": str(PORT),
    "HTTP_USER_AGENT": USER_AGENT,
    "HTTP_SEC_CH_UA_PLATFORM": '"Linux"',
}
SCOPE = {
    "type": "http",
    "client": (HOST, PORT),
    "headers": [
        *((name, b"x") for name in (b"host", b"accept", b"accept-language", b"accept-encoding")),
        (b"user-agent", USER_AGENT.encode()),
        (b"sec-ch-ua-platform", b'"Linux"'),
    ],
}
SOCKET, STORE, ADDRESSES = "", "", [HOST]
"""Of the command line. p0f knows the addresses, and the store has a SYN of each, from `PORT`; each
task asks for one of its own."""


# Applications

BODY = b"hello\n"


def wsgi_app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(BODY)))])
    return [BODY]


async def asgi_app(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    if scope["type"] != "http":
        return
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(BODY)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


def __getattr__(name: str) -> Any:
    """The wrapped application that a server serves, such as "syn_hold_0_asgi_app".

    It alone is made, so that a server has one source or none: `Syn` enables TCP_SAVE_SYN on the
    listeners of its process, and an idle connection to p0f costs everybody.
    """
    kind, _, rest = name.partition("_")
    if kind not in ("p0f", "syn"):
        raise AttributeError(name)
    source = Syn() if kind == "syn" else os.environ["P0F_SOCKET"]
    middleware: Any = P0fWSGIMiddleware if rest.endswith("wsgi_app") else P0fASGIMiddleware
    app = wsgi_app if rest.endswith("wsgi_app") else asgi_app
    return middleware(app, source, hold=0.0 if rest.startswith("hold_0") else 10.0)


# Lookups


def visitor(address: str) -> Any:
    """As a middleware makes one of a client that is connected directly."""
    return SimpleNamespace(
        address=address, port=PORT, peer_address=address, peer_port=PORT, behind_proxy=False,
        http_version="1.1", header=lambda name: None, is_trusted=lambda address: False,
    )  # fmt: skip


def keys_of(address: str) -> list[str]:
    """The two that SharedSyn asks the store for."""
    return [f"p0f:{{{address}}}:{PORT}", f"p0f:{{{address}}}"]


def read(info: Any) -> None:
    """What an application does with a fingerprint."""
    assert info.os_name


def repeat(work: Callable[[], object], count: int) -> int:
    """Nanoseconds; the first time is not counted."""
    work()
    began = time.perf_counter_ns()
    for _ in range(count):
        work()
    return time.perf_counter_ns() - began


def p0f(count: int) -> int:
    with P0f(SOCKET, timeout=TIMEOUT) as client:
        return repeat(lambda: read(client.lookup(HOST)), count)


def wsgi(hold: float | None, count: int) -> int:
    """A request to an application that is bare (None) or wrapped."""
    with P0f(SOCKET, timeout=TIMEOUT) as client:
        app: Any = wsgi_app if hold is None else P0fWSGIMiddleware(wsgi_app, client, hold=hold)
        return repeat(lambda: app({**ENVIRON}, lambda status, headers: None), count)


def shared(count: int) -> int:
    source, someone = SharedSyn(STORE, timeout=TIMEOUT), visitor(HOST)
    spent = repeat(lambda: read(source.fingerprint(someone, LATER).info), count)
    source.close()
    return spent


def mget(count: int) -> int:
    with redis.Redis.from_url(STORE) as client:
        return repeat(lambda: client.mget(keys_of(HOST)), count)


async def tasks(
    ask: Callable[[str], Awaitable[object]], count: int, addresses: Sequence[str]
) -> int:
    """Nanoseconds for so many in all by a task for each address; the first time is not counted."""
    each = max(count // len(addresses), 10)  # with fewer, starting the tasks would be measured

    async def one(address: str) -> None:
        for _ in range(each):
            await ask(address)

    await ask(addresses[0])
    began = time.perf_counter_ns()
    await asyncio.gather(*map(one, addresses))
    return (time.perf_counter_ns() - began) * count // (each * len(addresses))


async def async_p0f(count: int) -> int:
    async with AsyncP0f(SOCKET, timeout=TIMEOUT) as client:

        async def ask(address: str) -> None:
            read(await client.lookup(address))

        return await tasks(ask, count, ADDRESSES)


async def async_shared(count: int) -> int:
    source = AsyncSharedSyn(STORE, timeout=TIMEOUT)
    visitors = {address: visitor(address) for address in ADDRESSES}

    async def ask(address: str) -> None:
        read((await source.fingerprint(visitors[address], LATER)).info)

    spent = await tasks(ask, count, ADDRESSES)
    await source.close()
    return spent


async def pipelined_mget(count: int) -> int:
    """As many as there are tasks in one pipeline."""
    async with redis.asyncio.Redis.from_url(STORE) as client:

        async def ask(_: str) -> None:
            async with client.pipeline(transaction=False) as pipeline:
                for address in ADDRESSES:
                    pipeline.mget(keys_of(address))
                await pipeline.execute()

        times = max(1, count // len(ADDRESSES))
        return await tasks(ask, times, [HOST]) * count // (times * len(ADDRESSES))


async def asgi(hold: float | None, count: int) -> int:
    async with AsyncP0f(SOCKET, timeout=TIMEOUT) as client:
        app: Any = asgi_app if hold is None else P0fASGIMiddleware(asgi_app, client, hold=hold)
        return await tasks(lambda _: app({**SCOPE}, receive, send), count, [HOST])


async def receive() -> MutableMapping[str, Any]:
    return {"type": "http.request"}


async def send(message: MutableMapping[str, Any]) -> None:
    """The answer goes nowhere."""


CONTENDERS: dict[str, Callable[[int], Any]] = {  # those that return a coroutine are on a loop
    "P0f": p0f,
    "WSGI, bare": functools.partial(wsgi, None),
    "WSGI, held": functools.partial(wsgi, 3600.0),
    "WSGI, asked": functools.partial(wsgi, 0.0),
    "mget": mget,
    "SharedSyn": shared,
    "AsyncP0f, 64 tasks": async_p0f,
    "ASGI, bare": functools.partial(asgi, None),
    "ASGI, held": functools.partial(asgi, 3600.0),
    "ASGI, asked": functools.partial(asgi, 0.0),
    "mget, 64 in a pipeline": pipelined_mget,
    "AsyncSharedSyn, 64 tasks": async_shared,
}


def main() -> None:
    global SOCKET, STORE, ADDRESSES
    SOCKET, STORE, *ADDRESSES = sys.argv[1:]
    loop = asyncio.new_event_loop()  # the first that asks in this process, and the only one
    for line in sys.stdin:
        name, count = line.rstrip("\n").split("\t")
        spent = CONTENDERS[name](int(count))
        print(spent if isinstance(spent, int) else loop.run_until_complete(spent), flush=True)


if __name__ == "__main__":
    main()
