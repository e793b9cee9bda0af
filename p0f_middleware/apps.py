"""Makes `manage.py check` check P0fMiddleware's settings and p0f's socket, if INSTALLED_APPS names
'p0f_middleware'.

Django imports the classes of MIDDLEWARE only when it serves, so middleware cannot register a check
in time; an entry of INSTALLED_APPS can. A check starts nothing that only a server should: it calls
no callable that makes a source, and touches no listener.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed

from ._daemon.blocking import BaseClient
from ._daemon.connection import Connection
from ._daemon.rules import explain
from ._request.source_option import is_awaited
from .django import make_lookup, read_settings


class P0fConfig(AppConfig):
    name = "p0f_middleware"

    def ready(self) -> None:
        register(check_p0f)


def check_p0f(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """An error if P0fMiddleware would refuse its settings, a warning if p0f cannot be reached."""
    try:
        options = read_settings()
        given = options["source"]
        # Settings do not say whether Django will serve sync or async: a source for either is valid.
        source = make_lookup(options, awaited=is_awaited(given), only_check=True).source
    except MiddlewareNotUsed:
        return []
    except (ImproperlyConfigured, ImportError) as error:  # redis-py may be missing
        return [Error(str(error), id="p0f_middleware.E001")]
    if not isinstance(source, BaseClient) or callable(given):
        return []
    try:
        Connection[object](source.socket_path).release()
    except OSError as error:
        why = explain(error, source.socket_path)
        hint = "The site works without p0f; request.p0f is None until p0f can be asked."
        return [CheckWarning(str(why), hint=hint, id="p0f_middleware.W001")]
    return []
