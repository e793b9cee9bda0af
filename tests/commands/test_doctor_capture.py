"""What the doctor says of p0f's interface, on a p0f that is imitated and sees nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from p0f_middleware import P0f
from p0f_middleware._commands import doctor_capture
from p0f_middleware._commands.doctor_capture import check_address, check_capture
from p0f_middleware._commands.p0f_process import Daemon
from p0f_middleware.testing import SAMPLE, FakeP0f


@pytest.fixture
def client(fake_p0f: FakeP0f, monkeypatch: pytest.MonkeyPatch) -> Iterator[P0f]:
    monkeypatch.setattr(doctor_capture, "CAPTURE_TIMEOUT", 0.02)
    with P0f(fake_p0f.socket_path, timeout=5) as client:
        yield client


def a_daemon(interface: str | None = None, packet_filter: str = "") -> Daemon:
    options = {"-i": interface} if interface else {}
    return Daemon(os.getpid(), [], options, packet_filter)


@pytest.mark.parametrize(
    ("user", "said", "not_said"),
    [(1000, "run this as root", "container"), (0, "container", "root")],
)
def test_only_who_is_not_root_is_sent_to_root(
    client: P0f, user: int, said: str, not_said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    found = check_capture(client, None)
    assert found.ok is None
    assert said in found.text
    assert not_said not in found.text


def test_a_p0f_that_sees_connections_is_well(fake_p0f: FakeP0f, client: P0f) -> None:
    fake_p0f.default = SAMPLE
    assert check_capture(client, None).ok


@pytest.mark.parametrize(
    ("interface", "ok", "said"),
    [
        (None, None, "name the interface with -i"),
        ("lo", False, "does its filter leave them out (tcp port 9)?"),
        ("any", False, "does its filter leave them out (tcp port 9)?"),
        ("none7", False, "there is no such interface now"),
    ],
)
def test_a_p0f_that_sees_no_connection_is_told_by_its_interface(
    client: P0f, interface: str | None, ok: bool | None, said: str
) -> None:
    found = check_capture(client, a_daemon(interface, "tcp port 9"))
    assert found.ok is ok
    assert said in found.text


def test_a_known_client_is_well_and_is_described(fake_p0f: FakeP0f, client: P0f) -> None:
    fake_p0f.hosts["192.0.2.1"] = SAMPLE
    assert check_address(client, None, "192.0.2.1") == (
        True,
        "p0f knows 192.0.2.1: Linux 3.11 and newer",
    )


@pytest.mark.parametrize("address", ["localhost", "0.0.0.0", "", "\x1b[2J"])
def test_what_is_not_a_clients_address_is_a_fault(client: P0f, address: str) -> None:
    found = check_address(client, None, address)
    assert found.ok is False
    assert "not an IP address" in found.text


@pytest.mark.parametrize(
    ("address", "interface", "said"),
    [
        ("224.0.0.1", "lo", "no client has such an address"),
        ("127.0.0.1", "eth7", "but p0f captures on eth7"),
        ("127.0.0.1", "lo", "name it in trusted_proxies"),
        ("192.0.2.1", "lo", "p0f captures on lo"),
        ("10.1.2.3", "eth7", "it is a private address"),
        ("8.8.8.8", "eth7", "has it connected to this machine directly"),
    ],
)
def test_an_unknown_client_comes_with_the_likeliest_reason(
    client: P0f, address: str, interface: str, said: str
) -> None:
    found = check_address(client, a_daemon(interface), address)
    assert found.ok is False
    assert said in found.text
