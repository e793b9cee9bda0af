"""What users write, under mypy --strict and pyright: it needs no cast and no ignore.

`assert_type` fails in the checker if a public name gives another type than is written here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from datetime import datetime, timedelta
from ipaddress import ip_network
from socket import socket
from typing import TYPE_CHECKING, Any

from p0f_middleware import (
    AsyncP0f,
    AsyncSharedSyn,
    BadSoftware,
    Claim,
    ClaimVerdict,
    MatchQuality,
    P0f,
    P0fASGIMiddleware,
    P0fError,
    P0fException,
    P0fInfo,
    P0fNoMatch,
    P0fStatus,
    P0fWSGIMiddleware,
    SharedSyn,
    Syn,
    check_claim,
    fingerprint_syn,
    p0f_of,
    save_syn,
)
from p0f_middleware.testing import FakeP0f

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from typing_extensions import assert_type


def wsgi_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    result = p0f_of(environ)
    assert_type(result.info, P0fInfo | None)
    assert_type(result.status, P0fStatus)
    assert_type(result.claim, Claim | None)
    assert_type(result.address, str | None)
    start_response("200 OK", [("X-Status", result.status)])
    false = result.claim is not None and result.claim.verdict is ClaimVerdict.MISMATCH
    return [page(result.info).encode(), b"?" if false else b""]


def page(info: P0fInfo | None) -> str:
    if info is None:
        return "no fingerprint"
    if MatchQuality.GENERIC in info.os_match_q or info.bad_sw is BadSoftware.OS_MISMATCH:
        return "not sure"
    return ", ".join(f"{label}: {text}" for label, text in info.describe().items())


Event = MutableMapping[str, Any]


async def asgi_app(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[Event]],
    send: Callable[[Event], Awaitable[None]],
) -> None:
    await send({"type": "http.response.body", "body": page(p0f_of(scope).info).encode()})


def applications() -> tuple[P0fWSGIMiddleware, P0fASGIMiddleware]:
    by_path = P0fWSGIMiddleware(wsgi_app, "/run/p0f/p0f.sock", timeout=0.05, grace=0)
    P0fWSGIMiddleware(by_path, P0f("/run/p0f/p0f.sock"), trusted_proxies="unix:")
    P0fWSGIMiddleware(wsgi_app, Syn(), client_header="X-Real-IP", client_port_header="X-Port")
    P0fWSGIMiddleware(wsgi_app, Syn(header="X-Client-SYN"), hold=0, claims=False)
    P0fWSGIMiddleware(wsgi_app, Everybody())
    P0fASGIMiddleware(asgi_app, AsyncP0f("/run/p0f/p0f.sock", timeout=0.2))
    P0fASGIMiddleware(asgi_app, Syn(), trusted_proxies=[ip_network("10.0.0.0/8"), "127.0.0.1"])
    P0fWSGIMiddleware(wsgi_app, SharedSyn("redis://127.0.0.1"), trusted_proxies="10.0.0.0/8")
    P0fASGIMiddleware(asgi_app, AsyncSharedSyn("redis://127.0.0.1", timeout=0.05))
    return by_path, P0fASGIMiddleware(asgi_app)


class Everybody:
    def lookup(self, ip_address: str) -> P0fInfo | None:
        return P0fInfo(os_name="Linux", distance=3)


def fields(info: P0fInfo) -> None:
    assert_type(info.os_name, str | None)
    assert_type(info.distance, int | None)
    assert_type(info.first_seen, datetime | None)
    assert_type(info.uptime, timedelta | None)
    assert_type(info.total_conn, int)
    assert_type(info.os_match_q, MatchQuality)
    assert_type(info.bad_sw, BadSoftware | None)
    assert_type(info.seen_as, Mapping[str, int] | None)
    assert_type(info.describe(), dict[str, str])


def claims(info: P0fInfo, user_agent: str | None) -> str:
    claim = check_claim(info, user_agent)
    assert_type(claim.seen, str | None)
    assert_type(claim.contradictory, bool)
    return str(claim)


def as_the_2014_package_documents(path: str) -> str | None:
    client = P0f(path)
    try:
        data = client.get_info("192.0.2.1")
        raw = client.get_info("192.0.2.1", True)
    except P0fException:
        return None
    except KeyError:
        return "no data"
    except ValueError:
        return "invalid constants"
    print(raw["magic"])
    assert_type(data, P0fInfo)
    return data.os_name


async def ask(path: str) -> P0fInfo | None:
    async with AsyncP0f(path, timeout=0.1) as client:
        try:
            found = await asyncio.gather(client.lookup("192.0.2.1"), client.lookup("192.0.2.2"))
        except P0fError:
            return None
        print(client.stats.as_dict()["lookups"])
    return found[0]


def in_tests(fake_p0f: FakeP0f) -> None:
    fake_p0f.hosts["192.0.2.1"] = P0fInfo(os_name="Linux")
    with P0f(fake_p0f.socket_path) as client:
        assert_type(client.lookup("192.0.2.1"), P0fInfo | None)
        try:
            client.get_info("192.0.2.2")
        except P0fNoMatch as error:
            print(error)


def syns(listener: socket) -> None:
    save_syn(listener)
    assert_type(fingerprint_syn(b"E"), P0fInfo | None)
