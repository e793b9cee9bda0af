"""Has `manage.py check` look at p0f's socket, if INSTALLED_APPS names 'p0f_middleware'.

Checks know settings, not middleware: Django imports those of MIDDLEWARE only when it serves. So
INSTALLED_APPS is the one way to be there in time; P0fMiddleware itself does without.
"""

from __future__ import annotations

import os
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed

from ._daemon.connection import Link, explain
from .django import P0fMiddleware, read_settings

PATIENCE = 0.5
"""Seconds to wait for p0f to take the connection."""


class P0fConfig(AppConfig):
    name = "p0f_middleware"
    verbose_name = "p0f"

    def ready(self) -> None:
        register(check_p0f)


def check_p0f(app_configs: Any = None, **options: Any) -> list[CheckMessage]:
    """An error if P0fMiddleware would refuse its settings, a warning if p0f cannot be reached.

    Connects to p0f and asks nothing. A source that is no path is not checked.
    """
    try:
        P0fMiddleware(_no_response)
        source = read_settings()["source"] or os.environ.get("P0F_SOCKET")
    except MiddlewareNotUsed:
        return []
    except ImproperlyConfigured as error:
        return [Error(str(error), id="p0f_middleware.E001")]
    if not isinstance(source, (str, os.PathLike)):
        return []  # a Syn, or another object that has no socket of p0f's to look at
    socket_path = os.fspath(source)
    try:
        Link[object](socket_path, PATIENCE).let_go()
    except OSError as error:
        why = explain(error, socket_path)
        hint = "The site works all the same; request.p0f is None until p0f can be asked."
        return [CheckWarning(str(why), hint=hint, id="p0f_middleware.W001")]
    return []


def _no_response(request: Any) -> Any:
    raise NotImplementedError
