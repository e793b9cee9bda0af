"""A URLconf with the page that the manual's snippets for Django presume."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.urls import path

from p0f_middleware import p0f_of


def index(request: HttpRequest) -> JsonResponse:
    info = p0f_of(request).info
    return JsonResponse({"system": info and info.os_name})


urlpatterns = [path("", index)]
