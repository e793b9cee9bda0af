"""The programs on the pages about logging and acting do what the pages say of them."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from p0f_middleware import P0fInfo

from .pages import answer, code_on, text_of

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME}"
LINUX = f"Mozilla/5.0 (X11; Linux x86_64) {CHROME}"
VISITOR = "192.0.2.1"
LINUX_SYN = P0fInfo(os_name="Linux", source="syn", signature="s:unix:Linux:4.20 or newer")

pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")


class OnLinux:
    """All connections are Linux's."""

    def lookup(self, ip_address: str) -> P0fInfo | None:
        return LINUX_SYN


class AsyncOnLinux:
    """The same for ASGI."""

    async def lookup(self, ip_address: str) -> P0fInfo | None:
        return LINUX_SYN


def program(page: str, heading: str, number: int = 0) -> dict[str, Any]:
    """What a program of the manual defines, with visitors on Linux in place of its source."""
    code = code_on(page, heading)[number].replace("Syn()", "SOURCE")
    source = AsyncOnLinux() if "P0fASGIMiddleware" in code else OnLinux()
    names: dict[str, Any] = {"__name__": "app", "SOURCE": source}
    exec(compile(code, page, "exec", dont_inherit=True), names)
    return names


@pytest.fixture
def visits(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What the logger `visits` writes; the handlers that the programs set up go again."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    caplog.set_level(logging.INFO, "visits")
    yield caplog
    root.handlers[:], root.level = handlers, level


def get(
    app: Any, path: str = "/", data: dict[str, str] | None = None, **headers: str
) -> tuple[int, str]:
    """Status and text of the answer to a visitor, who says Windows unless told otherwise."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return answer(app, VISITOR, {"User-Agent": WINDOWS} | named, path, data)


EXPECTED = {
    "address": VISITOR,
    "path": "/",
    "status": 200,
    "user_agent": WINDOWS,
    "signature": "s:unix:Linux:4.20 or newer",
    "verdict": "mismatch",
    "claimed": "Windows",
    "seen": "Linux",
}


@pytest.mark.parametrize("framework", ["Flask", "FastAPI"])
def test_each_visit_is_logged(visits: pytest.LogCaptureFixture, framework: str) -> None:
    get(program("logging.md", framework)["app"])
    (line,) = (record.message for record in visits.records if record.name == "visits")
    assert json.loads(line).items() >= EXPECTED.items()


def test_django_logs_each_visit(
    visits: pytest.LogCaptureFixture, django_project: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.test import Client, override_settings

    module = ModuleType("mysite.visits")
    module.__dict__.update(program("logging.md", "Django"))
    monkeypatch.setitem(sys.modules, "mysite", ModuleType("mysite"))
    monkeypatch.setitem(sys.modules, "mysite.visits", module)
    settings: dict[str, Any] = {"MIDDLEWARE": []}
    exec(code_on("logging.md", "Django")[1], {}, settings)

    with override_settings(**settings | {"P0F": {"SOURCE": OnLinux()}}):
        response = Client(headers={"User-Agent": WINDOWS}).get("/", REMOTE_ADDR=VISITOR)

    assert response.json() == {"system": "Linux"}
    (line,) = (record.message for record in visits.records if record.name == "visits")
    assert json.loads(line).items() >= EXPECTED.items()


def test_the_level_is_on_without_more() -> None:
    for heading in ("Flask", "FastAPI"):
        assert "logging.basicConfig(level=logging.INFO" in code_on("logging.md", heading)[0]
    assert '"level": "INFO"' in code_on("logging.md", "Django")[1]


SAMPLE = re.compile(r"p0f_visits_total\{.*\} 1\.0")


@pytest.mark.parametrize("number", [1, 2], ids=["WSGI", "ASGI"])
def test_prometheus_counts_visits(number: int, counters: Any) -> None:
    app = program("logging.md", "Counts for your monitoring", number)["app"]
    get(app)
    _, metrics = get(app, "/metrics", User_Agent=LINUX)
    (said,) = SAMPLE.findall(text_of("logging.md"))
    assert said in metrics


def test_opentelemetry_has_the_visit_on_its_span() -> None:
    trace = pytest.importorskip("opentelemetry.sdk.trace")
    exporting = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    spans = memory.InMemorySpanExporter()
    provider = trace.TracerProvider()
    provider.add_span_processor(exporting.SimpleSpanProcessor(spans))
    names = program("logging.md", "OpenTelemetry")

    with provider.get_tracer("a framework's instrumentation").start_as_current_span("GET /"):
        get(names["app"])

    (span,) = spans.get_finished_spans()
    assert dict(span.attributes) == {
        "p0f.status": "ok",
        "p0f.verdict": "mismatch",
        "p0f.os": "Linux",
        "p0f.source": "syn",
    }


def test_structlog_has_the_visit_in_each_line(capsys: pytest.CaptureFixture[str]) -> None:
    structlog = pytest.importorskip("structlog")
    try:
        get(program("logging.md", "structlog")["app"])
    finally:
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
    line = json.loads(capsys.readouterr().out)
    assert line == {"address": VISITOR, "verdict": "mismatch", "event": "index"}


def test_sentry_has_the_visit_in_each_event(sentry: Any) -> None:
    events: list[Any] = []
    names = program("logging.md", "Sentry")
    sentry.init(dsn="http://key@127.0.0.1:1/1", before_send=lambda event, _: events.append(event))

    def bug() -> dict[str, str]:
        sentry.capture_message("a bug")
        return {}

    names["app"].add_url_rule("/bug", view_func=bug)
    get(names["app"], "/bug")
    assert events[0]["tags"]["p0f.verdict"] == "mismatch"
    assert events[0]["contexts"]["p0f"]["os_name"] == "Linux"


# Acting on a verdict


@pytest.mark.parametrize(("user_agent", "risk"), [(WINDOWS, 1), (LINUX, 0), ("curl/8", 0)])
def test_the_score_is_low_where_a_relay_is_possible(user_agent: str, risk: int) -> None:
    app = program("act-on-it.md", "A score")["app"]
    assert json.loads(get(app, "/login", User_Agent=user_agent)[1]) == {"risk": risk}


TWO_SYSTEMS = {"User-Agent": WINDOWS, "Sec-CH-UA-Platform": '"macOS"'}
"""Headers that contradict each other."""


@pytest.mark.parametrize(
    ("headers", "session", "answer"),
    [
        ({"User-Agent": LINUX}, {}, (200, None)),
        ({"User-Agent": WINDOWS}, {}, (200, None)),
        (TWO_SYSTEMS, {}, (302, "/second-factor/?next=%2Ftransfer")),
        (TWO_SYSTEMS, {"second_factor": True}, (200, None)),
        ({"User-Agent": "curl/8.5.0"}, {}, (200, None)),
    ],
    ids=["agrees", "may be a relay", "contradicts itself", "has proved it", "claims nothing"],
)
def test_the_view_asks_for_a_second_factor(
    headers: dict[str, str],
    session: dict[str, Any],
    answer: tuple[int, str | None],
    django_project: None,
) -> None:
    from django.test import RequestFactory, override_settings

    from p0f_middleware.django import P0fMiddleware

    transfer = program("act-on-it.md", "A second factor")["transfer"]
    request = RequestFactory(headers=headers).get("/transfer")
    request.session = session

    with override_settings(P0F={"SOURCE": OnLinux()}):
        response = P0fMiddleware(transfer)(request)

    assert (response.status_code, response.headers.get("Location")) == answer


@pytest.mark.parametrize(
    ("heading", "headers", "statuses"),
    [
        ("A rate limit", {"User-Agent": WINDOWS}, [200, 200, 429]),
        ("A rate limit", {"User-Agent": LINUX}, [200, 200, 200]),
        ("A captcha", TWO_SYSTEMS, [403]),
        ("A captcha", {"User-Agent": WINDOWS}, [200]),
        ("A captcha", {"User-Agent": "curl/8"}, [200]),
    ],
)
@pytest.mark.filterwarnings("ignore:Using the in-memory storage")
def test_a_challenge_is_for_visitors_in_doubt(
    heading: str, headers: dict[str, str], statuses: list[int]
) -> None:
    pytest.importorskip("flask_limiter")
    app = program("act-on-it.md", heading)["app"]
    path, data = ("/register", {"name": "me"}) if heading == "A captcha" else ("/login", None)
    assert [get(app, path, data, **headers)[0] for _ in statuses] == statuses
