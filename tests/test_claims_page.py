"""The recipes of docs/claims.md run as they stand there."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from django.test import RequestFactory, override_settings
from prometheus_client import REGISTRY

from p0f_middleware import P0fInfo, P0fWSGIMiddleware, check_claim
from p0f_middleware.django import P0fMiddleware

from . import test_django  # noqa: F401  (it configures Django)

PAGE = (Path(__file__).parents[1] / "docs" / "claims.md").read_text()
WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/134.0.0.0 Safari/537.36"
)
LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:135.0) Gecko/20100101 Firefox/135.0"


class OnLinux:
    """A source of fingerprints of the request's own connection: all are Linux's."""

    def lookup(self, ip_address: str) -> P0fInfo | None:
        return P0fInfo(os_name="Linux", source="syn", signature="s:unix:Linux:4.20 or newer")


def recipe(heading: str) -> dict[str, Any]:
    """What the code under that heading of the page defines."""
    found = re.search(rf"^### {heading}\n.*?^```python\n(.*?)^```", PAGE, re.S | re.M)
    assert found is not None
    names: dict[str, Any] = {}
    exec(found[1], names)
    return names


def environ(user_agent: str) -> dict[str, Any]:
    made: dict[str, Any] = {"REMOTE_ADDR": "192.0.2.1", "PATH_INFO": "/transfer"}
    made["HTTP_USER_AGENT"] = user_agent
    setup_testing_defaults(made)
    return made


def test_the_log_line_is_json_with_the_verdict(caplog: pytest.LogCaptureFixture) -> None:
    log_visit = recipe("A log line for each request")["log_visit"]
    caplog.set_level(logging.INFO, "visits")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        log_visit(environ)
        return []

    P0fWSGIMiddleware(app, OnLinux())(environ(WINDOWS), lambda *_: lambda _: None)

    assert json.loads(caplog.messages[0]) == {
        "address": "192.0.2.1",
        "path": "/transfer",
        "user_agent": WINDOWS,
        "signature": "s:unix:Linux:4.20 or newer",
        "verdict": "mismatch",
        "claimed": "Windows",
        "seen": "Linux",
        "platform": None,
        "relay_possible": True,
    }


def test_the_log_line_does_without_a_fingerprint(caplog: pytest.LogCaptureFixture) -> None:
    log_visit = recipe("A log line for each request")["log_visit"]
    caplog.set_level(logging.INFO, "visits")
    seen = environ(LINUX)
    P0fWSGIMiddleware(lambda *_: [], OnLinux())(seen, lambda *_: lambda _: None)

    log_visit(seen | {"p0f.info": None})

    assert json.loads(caplog.messages[0])["signature"] is None


@pytest.mark.parametrize(
    ("user_agent", "secure", "session", "answer"),
    [
        (LINUX, True, {}, (200, None)),
        (WINDOWS, True, {}, (302, "/second-factor/?next=%2Ftransfer")),
        (WINDOWS, False, {}, (200, None)),
        (WINDOWS, True, {"second_factor": True}, (200, None)),
        ("curl/8.5.0", True, {}, (200, None)),
    ],
    ids=["agrees", "lies", "may have a VPN", "lies but has proved who it is", "claims nothing"],
)
def test_the_view_asks_liars_for_more_proof(
    user_agent: str, secure: bool, session: dict[str, Any], answer: tuple[int, str | None]
) -> None:
    transfer = recipe("A Django view that asks for more proof")["transfer"]
    request = RequestFactory(HTTP_USER_AGENT=user_agent).get("/transfer", secure=secure)
    request.session = session

    with override_settings(P0F={"SOURCE": OnLinux()}):
        response = P0fMiddleware(transfer)(request)

    assert (response.status_code, response.headers.get("Location")) == answer


def test_a_score_has_more_points_where_no_relay_is_possible() -> None:
    points = recipe("A score")["points"]
    linux = OnLinux().lookup("")
    claims = [
        check_claim(linux, LINUX),
        check_claim(linux, WINDOWS),
        check_claim(linux, WINDOWS, scheme="https"),
        check_claim(None, WINDOWS, '"Linux"'),
    ]

    assert [points(claim) for claim in claims] == [0, 15, 60, 60]


def test_verdicts_are_counted() -> None:
    counting = recipe("Counting verdicts for Prometheus")["counting"]
    app = P0fWSGIMiddleware(counting(lambda *_: []), OnLinux())

    for user_agent in (WINDOWS, WINDOWS, LINUX):
        app(environ(user_agent), lambda *_: lambda _: None)

    def count(verdict: str) -> float | None:
        labels = {"verdict": verdict, "relay_possible": str(verdict == "mismatch")}
        return REGISTRY.get_sample_value("p0f_claims_total", labels)

    assert (count("mismatch"), count("agree"), count("unsure")) == (2, 1, None)
