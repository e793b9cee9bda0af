"""A project with the example's model in an app `visitors`; run by test_django_examples.

It migrates a database, keeps a host in it, and fails if a field comes back as something else.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.core.management import call_command
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from p0f_middleware import P0fInfo
from p0f_middleware.django import P0fMiddleware

USER_AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/141.0.0.0"
TIMES = ("first_seen", "last_seen", "last_nat", "last_chg")
STRINGS = ("os_name", "os_flavor", "http_name", "http_flavor", "link_type", "language")
DERIVED = {"uptime", "uptime_sec"}
_LARGEST: dict[str, Any] = {
    **dict.fromkeys((*TIMES, "total_conn", "uptime_min"), 2**32 - 1),
    **dict.fromkeys(STRINGS, "x" * 32),
}
EVERYTHING = P0fInfo(
    **_LARGEST,
    up_mod_days=49,
    distance=9,
    bad_sw=2,
    os_match_q=3,
    link_mtu=1500,
    tick_rate=100.0,
    raw_sig="4:58+6:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0",
    signature="s:unix:Linux:4.20 or newer",
    seen_as={"Linux": 42, "Windows": 1},
)

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        *(f"django.contrib.{name}" for name in ("admin", "auth", "contenttypes")),
        "visitors",
    ],
    # what the admin's pages need, and its models do not
    SILENCED_SYSTEM_CHECKS=[f"admin.E{number}" for number in (403, 406, 408, 409, 410)],
    USE_TZ=os.environ["USE_TZ"] == "True",
)


def keep(info: P0fInfo) -> Any:
    """A host as it comes back from the database."""
    model = apps.get_model("visitors", "Fingerprint")
    record = model.from_info(info, "::ffff:192.0.2.1")
    record.full_clean()
    record.save()
    return model.objects.get(pk=record.pk)


def as_column(value: Any) -> Any:
    if isinstance(value, datetime) and not settings.USE_TZ:
        return timezone.make_naive(value)
    return value.days if isinstance(value, timedelta) else value


def main() -> None:
    django.setup()
    call_command("check", fail_level="WARNING")
    assert admin.site.is_registered(apps.get_model("visitors", "Fingerprint"))
    call_command("makemigrations", "visitors", verbosity=0)
    call_command("migrate", verbosity=0)
    call_command("makemigrations", check_changes=True, verbosity=0)
    for info in (EVERYTHING, P0fInfo()):
        kept = keep(info)
        assert kept.address == "192.0.2.1"
        for name in info.keys() - DERIVED:
            assert getattr(kept, name) == as_column(info[name]), name
    keep_what_a_request_carries()


def keep_what_a_request_carries() -> None:
    """A visitor on Linux whose User-Agent says Windows, behind a proxy."""
    model = apps.get_model("visitors", "Fingerprint")
    linux = P0fInfo(os_name="Linux", source="syn", signature="s:unix:Linux:4.20 or newer")
    source = SimpleNamespace(lookup=lambda _ip_address: linux)
    settings.P0F = {"SOURCE": source, "TRUSTED_PROXIES": ["127.0.0.1"]}
    headers = {"User-Agent": USER_AGENT, "X-Forwarded-For": "192.0.2.7"}
    request = RequestFactory(headers=headers).get("/")
    P0fMiddleware(lambda _request: HttpResponse())(request)
    record = model.from_request(request)
    record.full_clean()
    record.save()
    kept = model.objects.get(pk=record.pk)
    assert (kept.address, kept.os_name, kept.source) == ("192.0.2.7", "Linux", "syn")
    assert (kept.verdict, kept.user_agent) == ("mismatch", USER_AGENT)


if __name__ == "__main__":
    main()
