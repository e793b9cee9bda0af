"""What the snippets of the manual presume: Django's project, and counters of their own."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

if importlib.util.find_spec("flask") is None:
    collect_ignore_glob = ["test_*"]  # they need the frameworks of the extra "tests"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of their own, where a program of the manual may leave its log."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def django_project() -> Iterator[None]:
    """The project that Django's snippets stand in."""
    pytest.importorskip("django")
    from django.test import override_settings

    from tests import test_django  # noqa: F401  (it configures Django)

    with override_settings(ROOT_URLCONF="tests.docs.django_site", P0F={"SOURCE": "syn"}):
        yield


@pytest.fixture
def counters(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The registry of what a snippet counts with Prometheus, empty at first."""
    prometheus_client = pytest.importorskip("prometheus_client")
    registry = prometheus_client.CollectorRegistry()
    for name in ("Counter", "make_wsgi_app", "make_asgi_app"):
        bound = partial(getattr(prometheus_client, name), registry=registry)
        monkeypatch.setattr(prometheus_client, name, bound)
    return registry


@pytest.fixture
def sentry(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The Sentry SDK, which changes nothing but what the test does: no framework is patched."""
    sentry_sdk = pytest.importorskip("sentry_sdk")
    init = partial(sentry_sdk.init, default_integrations=False, auto_enabling_integrations=False)
    monkeypatch.setattr(sentry_sdk, "init", init)
    with sentry_sdk.isolation_scope():
        yield sentry_sdk
        init(dsn="")
