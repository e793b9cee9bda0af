"""The doctor's checks of Syn: the kernel for real, listeners in a /proc that is imitated."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from p0f_middleware._commands import doctor_syn
from p0f_middleware._commands.doctor_syn import check_kernel, check_listener, examine_syn

from .conftest import add_process

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux keeps SYNs")

LISTENERS = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 77 1
   1: 0100007F:1F91 0100007F:9999 01 00000000:00000000 00:00000000 00000000  1000        0 78 1
"""


def test_this_system_keeps_syns() -> None:
    found, question = examine_syn(None)
    assert found.ok
    assert (question.ok, "--port" in question.text) == (None, True)


def test_a_system_that_keeps_none_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise OSError("only Linux keeps SYNs")

    monkeypatch.setattr(doctor_syn, "save_syn", refuse)
    (found,) = examine_syn(80)
    assert found == (False, "Syn() does not work here: only Linux keeps SYNs. Use p0f")


def test_a_syn_that_was_not_kept_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_syn, "save_syn", lambda _: None)
    assert check_kernel().ok is False


@pytest.mark.parametrize(("setting", "ok"), [("0", True), ("1", True), ("2", False)])
def test_cookies_for_every_connection_are_a_fault(proc: Path, setting: str, ok: bool) -> None:
    (proc / "sys/net/ipv4").mkdir(parents=True)
    (proc / "sys/net/ipv4/tcp_syncookies").write_text(f"{setting}\n")
    found = check_kernel()
    assert found.ok is ok
    assert ("sysctl net.ipv4.tcp_syncookies=1" in found.text) is not ok


@pytest.mark.parametrize(
    ("name", "ok", "words"),
    [
        ("gunicorn", True, "gunicorn (process 9) listens on port 8080"),
        ("nginx", None, "use SharedSyn or p0f"),
        ("haproxy", None, 'use Syn(header="X-Client-SYN")'),
        (None, None, "run this as root"),
    ],
)
def test_the_program_that_listens_decides(
    proc: Path, name: str | None, ok: bool | None, words: str
) -> None:
    (proc / "net/tcp").write_text(LISTENERS)
    if name is not None:
        (add_process(proc, 9, name=name) / "fd").mkdir()
        (proc / "9/fd/5").symlink_to("socket:[77]")
    found = check_listener(8080)
    assert found.ok is ok
    assert words in found.text


def test_a_port_where_nothing_listens_is_a_fault(proc: Path) -> None:
    (proc / "net/tcp6").write_text(LISTENERS)
    assert check_listener(8081).ok is False


def test_a_listener_of_this_process_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = check_listener(server.getsockname()[1])
    assert found.ok
