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
from .django import checkable, make_lookup, read_settings


class P0fConfig(AppConfig):
    name = "p0f_middleware"
    verbose_name = "p0f"

    def ready(self) -> None:
        register(check_p0f)


def check_p0f(app_configs: Any = None, **options: Any) -> list[CheckMessage]:
    """An error if P0fMiddleware would refuse its settings, a warning if p0f cannot be reached."""
    try:
        socket_path = _socket_path(read_settings())
    except MiddlewareNotUsed:
        return []
    except ImproperlyConfigured as error:
        return [Error(str(error), id="p0f_middleware.E001")]
    except (TypeError, ValueError) as error:
        message = f"in the settings of P0fMiddleware: {error}"
        return [Error(message, id="p0f_middleware.E001")]
    return [] if socket_path is None else _try(socket_path)


def _socket_path(options: dict[str, Any]) -> str | None:
    """The path of the socket to try; None if the source has none, or is not made yet."""
    # Settings do not say whether Django will serve sync or async: a source for either is valid.
    options, is_made = checkable(options)
    try:
        source = make_lookup(options, awaited=False).source
    except TypeError as error:
        try:
            source = make_lookup(options, awaited=True).source
        except TypeError:
            raise error from None
    return source.socket_path if is_made and isinstance(source, BaseClient) else None


def _try(socket_path: str) -> list[CheckMessage]:
    try:
        Connection[object](socket_path).release()
    except OSError as error:
        why = explain(error, socket_path)
        hint = "The site works without p0f; request.p0f is None until p0f can be asked."
        return [CheckWarning(str(why), hint=hint, id="p0f_middleware.W001")]
    return []
