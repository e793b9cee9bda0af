"""Fixtures that many modules use; `fake_p0f` is the package's own (p0f_middleware/_pytest.py)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from p0f_middleware import _outage

from . import needs, own_network

# For programs that tests start: eventlet's own resolver imports httpcore and trio, half patched.
os.environ["EVENTLET_NO_GREENDNS"] = "yes"


# On a busy machine to draw an example may take long; that says nothing of what is tested.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture
def retry_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every lookup may retry while p0f is down: for tests of the end of an outage."""
    monkeypatch.setattr(_outage, "FIRST_DELAY", 0.0)


@pytest.fixture
def untraced() -> Iterator[None]:
    """Runs a test without a tracer, because its signal handler raises between any two lines: inside
    a tracer such as coverage's, that would leave the tracer's lock taken, and the next traced line
    would wait for ever."""
    tracer = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(tracer)


_OWN_NETWORK = pytest.StashKey[bool]()


def pytest_report_header(config: pytest.Config) -> str:
    own = config.stash[_OWN_NETWORK]
    return f"network: {'its own' if own else 'shared, so other loopback traffic may disturb tests'}"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    needs.check(item)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_OWN_NETWORK] = own_network.enter()
    config.addinivalue_line("markers", "needs(program, ...): see tests/needs.py")
    if sys.version_info < (3, 11):  # its TLS leaves transports unclosed where the peer hangs up
        config.addinivalue_line(
            "filterwarnings", "ignore:unclosed transport <asyncio.sslproto:ResourceWarning"
        )
