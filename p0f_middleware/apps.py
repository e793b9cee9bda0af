"""Has `manage.py check` look at P0fMiddleware's settings and at p0f's socket, if INSTALLED_APPS
names 'p0f_middleware'.

Checks know settings, not middleware: Django imports those of MIDDLEWARE only when it serves. So
INSTALLED_APPS is the one way to be there in time; P0fMiddleware itself does without.

The fact a reader would get wrong: a check must not begin what only a server should. A callable that
makes a source is not called, and no listener is touched; only a socket of p0f's is tried.
"""

from __future__ import annotations

import os
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed

from ._daemon.base import BaseClient
from ._daemon.connection import Connection
from ._daemon.diagnosis import explain
from .django import makes_a_source, read_settings, resolved
from .syn import Syn

_ANY_PATH = "/run/p0f.sock"
"""Stands for a source that is not made: a path goes with each of the other settings."""


class P0fConfig(AppConfig):
    name = "p0f_middleware"
    verbose_name = "p0f"

    def ready(self) -> None:
        register(check_p0f)


def check_p0f(app_configs: Any = None, **options: Any) -> list[CheckMessage]:
    """An error if P0fMiddleware would refuse its settings, a warning if p0f cannot be reached.

    Connects to p0f, if that is the source, and asks nothing.
    """
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
    """The path of the socket to try; None if the source has none, or is not made yet.

    Raises:
        TypeError, ValueError: a setting makes no sense.
    """
    source = options["source"]
    if makes_a_source(source):
        _source({**options, "source": _ANY_PATH})
        return None
    if source is None and not os.environ.get("P0F_SOCKET"):
        source = Syn(arm=False)
    source = _source({**options, "source": source})
    return source.socket_path if isinstance(source, BaseClient) else None


def _source(options: dict[str, Any]) -> Any:
    """What P0fMiddleware would ask. Settings do not say whether Django will serve sync or async, so
    a source for either is right."""
    try:
        return resolved(options, awaited=False)[0].source
    except TypeError:
        try:
            return resolved(options, awaited=True)[0].source
        except TypeError:
            pass
        raise


def _try(socket_path: str) -> list[CheckMessage]:
    try:
        Connection[object](socket_path).release()
    except OSError as error:
        why = explain(error, socket_path)
        hint = "The site works all the same; request.p0f is None until p0f can be asked."
        return [CheckWarning(str(why), hint=hint, id="p0f_middleware.W001")]
    return []
