"""An option with an invalid value is refused by name, in both clients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from p0f_middleware import AsyncP0f, P0f

both = pytest.mark.parametrize("client", [P0f, AsyncP0f])
NO_SECONDS = ["0.1", b"1", None, float("nan"), float("inf"), True, 0, -1, 0.0, [1], 10**400]
NO_COUNTS = ["1", None, 1.5, True, 0, -1, float("inf")]
NO_PATHS = [
    (b"/run/p0f.sock", TypeError, r"use os\.fsdecode\(b'/run/p0f\.sock'\)"),
    (None, TypeError, "the path given to p0f with -s"),
    (3, TypeError, "the path given to p0f with -s"),
    ("", ValueError, "is empty"),
    ("/run/p0f\0.sock", ValueError, "NUL"),
    ("unix:/run/x", ValueError, "use '/run/x'"),
    ("UNIX:/run/x", ValueError, "use '/run/x'"),
    ("unix:///run/x", ValueError, "use '/run/x'"),
    ("unix:p0f.sock", ValueError, "use 'p0f.sock'"),
    ("file:///run/x", ValueError, "use '/run/x'"),
]


@both
@pytest.mark.parametrize("option", ["timeout", "idle", "cache_ttl"])
@pytest.mark.parametrize("value", NO_SECONDS, ids=lambda value: ascii(value)[:20])
def test_seconds(client: type[P0f | AsyncP0f], option: str, value: Any) -> None:
    if option == "cache_ttl" and value is None:
        pytest.skip("None means no cache")
    with pytest.raises(ValueError, match=f"^{option} is a number of seconds,? above 0, not "):
        client("/run/p0f.sock", **{option: value})


@both
@pytest.mark.parametrize("value", NO_COUNTS, ids=ascii)
@pytest.mark.parametrize("ttl", [None, 1])
def test_cache_size(client: type[P0f | AsyncP0f], value: Any, ttl: Any) -> None:
    with pytest.raises(ValueError, match=r"^cache_size is a whole number above 0, not "):
        client("/run/p0f.sock", cache_ttl=ttl, cache_size=value)


@both
@pytest.mark.parametrize(("value", "error", "remedy"), NO_PATHS, ids=lambda value: ascii(value))
def test_socket_path(
    client: type[P0f | AsyncP0f], value: Any, error: type[Exception], remedy: str
) -> None:
    with pytest.raises(error, match=f"^socket_path .*{remedy}"):
        client(value)


@both
@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("/run/p0f.sock", "/run/p0f.sock"),
        (Path("/run/p0f.sock"), "/run/p0f.sock"),
        ("p0f:1.sock", "p0f:1.sock"),
        ("/run/unix:/x", "/run/unix:/x"),
    ],
)
def test_a_path_is_taken_as_it_is(client: type[P0f | AsyncP0f], value: Any, path: str) -> None:
    assert client(value).socket_path == path
