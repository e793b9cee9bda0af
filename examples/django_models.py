"""A Django model of a visitor's fingerprint and of what the User-Agent said, with its admin.

Copy it into an app of INSTALLED_APPS as its models.py, run `makemigrations` and `migrate`, and keep
what P0fMiddleware found:

    if request.p0f is not None:
        Fingerprint.from_request(request).save()

Columns have the names and units of p0f's API. Where p0f has nothing to say there is NULL, in text
too: not known is not the same as empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from p0f_middleware import BadSoftware, ClaimVerdict, MatchQuality, P0fInfo, p0f_of

TEXT: dict[str, Any] = {"max_length": 128, "null": True, "blank": True}
"""p0f sends 32 bytes at most; a byte that is no text is written out in four characters."""
OPTIONAL: dict[str, Any] = {"null": True, "blank": True}


class MatchQualityChoices(models.IntegerChoices):
    NORMAL = MatchQuality.NORMAL, "exact"
    FUZZY = MatchQuality.FUZZY, "fuzzy: off in a detail such as the TTL"
    GENERIC = MatchQuality.GENERIC, "generic: a broad, last-resort signature"
    BOTH = MatchQuality.FUZZY | MatchQuality.GENERIC, "generic and fuzzy"


class BadSoftwareChoices(models.IntegerChoices):
    OS_MISMATCH = BadSoftware.OS_MISMATCH, "names another operating system (maybe a proxy)"
    MISMATCH = BadSoftware.MISMATCH, "is not the software it says it is"


class SourceChoices(models.TextChoices):
    P0F = "p0f", "the p0f daemon"
    SYN = "syn", "the connection's own SYN"
    ADDRESS = "address", "a SYN of another connection from the address"


class VerdictChoices(models.TextChoices):
    AGREE = ClaimVerdict.AGREE.value, "agrees"
    MISMATCH = ClaimVerdict.MISMATCH.value, "names another system"
    RELAY = ClaimVerdict.RELAY.value, "came through a proxy, VPN or relay"
    UNSURE = ClaimVerdict.UNSURE.value, "cannot be compared"
    NO_CLAIM = ClaimVerdict.NO_CLAIM.value, "names no system"


class Fingerprint(models.Model):
    """One visitor as the source described it at one moment."""

    address = models.GenericIPAddressField(
        unpack_ipv4=True, db_index=True, help_text="The host's IP address."
    )
    observed = models.DateTimeField(
        default=timezone.now, db_index=True, help_text="When p0f was asked."
    )
    source = models.CharField(
        max_length=7,
        choices=SourceChoices.choices,
        default=SourceChoices.P0F,
        help_text="Who says so.",
    )
    verdict = models.CharField(
        **{**TEXT, "max_length": 8},
        choices=VerdictChoices.choices,
        db_index=True,
        help_text="Whether the User-Agent agrees with the fingerprint.",
    )
    user_agent = models.CharField(
        **{**TEXT, "max_length": 320}, help_text="The User-Agent of the request."
    )

    first_seen = models.DateTimeField(
        **OPTIONAL, help_text="When p0f first saw the host, to the second."
    )
    last_seen = models.DateTimeField(
        **OPTIONAL, help_text="When p0f last saw traffic of the host, to the second."
    )
    total_conn = models.PositiveBigIntegerField(
        default=0, help_text="Connections p0f has seen from the host."
    )
    uptime_min = models.PositiveBigIntegerField(
        **OPTIONAL,
        verbose_name="uptime (minutes)",
        help_text="Minutes since the host booted, modulo the days below.",
    )
    up_mod_days = models.PositiveBigIntegerField(
        **OPTIONAL,
        verbose_name="uptime wraps after (days)",
        help_text="Days after which the host's timestamps, and so its uptime, begin again.",
    )
    last_nat = models.DateTimeField(
        **OPTIONAL,
        verbose_name="last sharing",
        help_text="When p0f last saw several machines behind the address: NAT, balancer, proxy.",
    )
    last_chg = models.DateTimeField(
        **OPTIONAL,
        verbose_name="last change of system",
        help_text="When the operating system behind the address last changed.",
    )
    distance = models.PositiveSmallIntegerField(
        **OPTIONAL, help_text="Network hops to the host, from its TTL."
    )
    bad_sw = models.PositiveSmallIntegerField(
        **OPTIONAL,
        verbose_name="dishonest software",
        choices=BadSoftwareChoices.choices,
        help_text="What p0f thinks of the User-Agent or Server; empty if it saw no lie.",
    )
    os_match_q = models.PositiveSmallIntegerField(
        verbose_name="OS match quality",
        choices=MatchQualityChoices.choices,
        default=MatchQualityChoices.NORMAL,
        help_text="How well the signature fits that named the operating system.",
    )
    os_name = models.CharField(
        **TEXT,
        verbose_name="OS",
        db_index=True,
        help_text="The operating system last recognised, such as 'Linux'.",
    )
    os_flavor = models.CharField(
        **TEXT, verbose_name="OS flavor", help_text="Its version or variant, as '3.11 and newer'."
    )
    http_name = models.CharField(
        **TEXT,
        verbose_name="HTTP software",
        help_text="The HTTP client or server last recognised; never over TLS.",
    )
    http_flavor = models.CharField(
        **TEXT, verbose_name="HTTP software's flavor", help_text="Its version, as '10.x or newer'."
    )
    link_type = models.CharField(
        **TEXT, verbose_name="link", help_text="The kind of link, such as 'Ethernet or modem'."
    )
    language = models.CharField(
        **TEXT, help_text="The language of the host's HTTP requests, such as 'English'."
    )
    link_mtu = models.PositiveIntegerField(
        **OPTIONAL, verbose_name="link's MTU", help_text="In bytes; from p0f-mtu and p0f-v3-api2."
    )
    tick_rate = models.FloatField(
        **OPTIONAL, help_text="Hz of the host's timestamp clock; from p0f-v3-api2."
    )
    raw_sig = models.TextField(
        **OPTIONAL,
        verbose_name="raw signature",
        help_text="The SYN in p0f's notation; from the connection's own SYN.",
    )
    signature = models.TextField(
        **OPTIONAL,
        help_text="The label of the signature that matched, as 's:win:Windows:10 or 11'.",
    )
    seen_as = models.JSONField(
        **OPTIONAL,
        verbose_name="seen as",
        help_text="User-Agent families that a public collection has with this signature.",
    )

    class Meta:
        get_latest_by = "observed"
        ordering = ("-observed",)

    def __str__(self) -> str:
        return f"{self.address}: {self.os_name or 'unknown'} {self.os_flavor or ''}".rstrip()

    @classmethod
    def from_request(cls, request: HttpRequest) -> Fingerprint:
        """The visitor of a request that has a fingerprint. It is not saved yet."""
        visit = p0f_of(request)
        if visit.info is None or visit.address is None:
            raise ValueError(f"the request has no fingerprint: {visit.reason}")
        row = cls.from_info(visit.info, visit.address)
        row.user_agent = request.headers.get("User-Agent", "")[:320]
        row.verdict = visit.claim and visit.claim.verdict.value
        return row

    @classmethod
    def from_info(cls, info: P0fInfo, address: str) -> Fingerprint:
        """The host `address` as `info` describes it now. It is not saved yet."""
        described = {field.name for field in cls._meta.get_fields()} & info.keys()
        return cls(address=address, **{name: _to_column(info[name]) for name in described})


def _to_column(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.days
    if isinstance(value, datetime) and not settings.USE_TZ:
        return timezone.make_naive(value)
    return dict(value) if isinstance(value, Mapping) else value


if apps.is_installed("django.contrib.admin"):
    from django.contrib import admin

    @admin.register(Fingerprint)
    class FingerprintAdmin(admin.ModelAdmin):
        date_hierarchy = "observed"
        list_display = ("address", "os_name", "os_flavor", "verdict", "user_agent", "observed")
        list_filter = ("verdict", "os_name", "os_match_q", "link_type", "source")
        search_fields = ("address", "os_name", "os_flavor", "user_agent")
