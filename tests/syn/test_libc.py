"""Where the C library cannot be called: importing works, and lookups say why there is nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

ELSEWHERE = "sys.platform = 'win32'"
NO_CTYPES = "sys.modules['ctypes'] = None"
NO_SYMBOL = """
import ctypes
class Nothing:
    def __init__(self, *_, **__): pass
ctypes.PyDLL = Nothing
"""


def output_of(program: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert run.stderr == ""
    return run.stdout.strip()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (ELSEWHERE, "only Linux keeps the SYN of a connection"),
        (NO_CTYPES, "Python cannot call the C library here"),
        (NO_SYMBOL, "Python cannot call the C library here"),
    ],
    ids=["not Linux", "no ctypes", "no symbol"],
)
def test_a_lookup_says_why_there_is_no_fingerprint(change: str, reason: str) -> None:
    program = f"""
import socket, sys
{change}
import logging
logging.disable()
from p0f_middleware.fingerprint import fingerprint_syn
from p0f_middleware.syn import Syn
from p0f_middleware.syn._kernel import is_unix, peer_name
from tests.syn.connections import FakeVisitor
with socket.create_server(("127.0.0.1", 0)) as listener:
    visitor = FakeVisitor("127.0.0.1", 1, descriptor=listener.fileno)
    print(Syn().fingerprint(visitor, 0.0).reason)
    assert is_unix(listener.fileno()) is peer_name(listener.fileno()) is None
assert fingerprint_syn("4:57+7:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0").os_name == "Linux"
"""
    assert output_of(program).startswith(f"the connection's SYN cannot be read: {reason}")


def test_save_syn_raises_oserror_elsewhere_than_on_linux() -> None:
    program = f"""
import socket, sys
{ELSEWHERE}
from p0f_middleware.syn import save_syn
with socket.socket() as sock:
    try:
        save_syn(sock)
    except OSError as error:
        print(error.strerror)
"""
    assert output_of(program) == "only Linux keeps the SYN of a connection"


def test_ctypes_is_not_imported_before_syn_is_used() -> None:
    program = """
import sys
from p0f_middleware import P0fWSGIMiddleware
P0fWSGIMiddleware(lambda environ, start_response: [], "/run/p0f.sock")
print("ctypes" in sys.modules)
"""
    assert output_of(program) == "False"
