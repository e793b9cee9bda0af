"""The store: a Redis or Valkey server, named by a URL and reached through redis-py.

`Store` knows the URL and opens lines. `StoreConnection` keeps one line, opens it again when it is
lost, and ends every exchange at its deadline. This module knows neither keys nor SYNs.

Theory of operation. A `StoreConnection` belongs to one process and to one caller at a time: the
owner has the lock. A `Worker` opens the line, and keeps it even if the caller has stopped waiting;
so after a timeout the next retry finds it open.

The fact a reader would get wrong: the URL may hold a password. No message here contains it, and it
is removed from the text of redis-py's exceptions; messages show `name` instead.
"""

from __future__ import annotations

import _socket
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from .._errors import P0fError, P0fProtocolError, P0fTimeout, P0fUnavailable
from .line import Line, LineLost
from .resp import Reply
from .worker import Call, ResultT, Worker

OPEN_TIMEOUT = 5.0
"""Seconds for each step of opening a line. No request waits that long: see `Worker`."""
_SCHEMES = ("redis", "rediss", "unix")
_RESP2 = 2
_INSTALL = "SharedSyn needs redis-py to reach the store: pip install 'p0f-middleware[redis]'"


class Store:
    """A server, by its URL: redis://, rediss:// (TLS) or unix://, as redis-py reads them.

    Raises:
        ImportError: redis-py is not installed.
        ValueError: the URL is invalid.
    """

    def __init__(self, url: str) -> None:
        self.name: str = name_of(url)
        self._secrets = _secrets_in(url)
        redis = import_redis()
        try:
            pool = redis.ConnectionPool.from_url(url, protocol=_RESP2)
        except (ValueError, TypeError):
            # `from None`: the exception may quote the URL, and with it the password.
            raise ValueError(f"redis-py cannot read the URL of the store {self.name}") from None
        if str(pool.connection_kwargs.get("protocol")) != str(_RESP2):
            raise ValueError("remove protocol=3 from the URL of the store: only RESP2 works here")
        self._options = pool.connection_kwargs | {
            "socket_timeout": OPEN_TIMEOUT,
            "socket_connect_timeout": OPEN_TIMEOUT,
            "retry": redis.retry.Retry(redis.backoff.NoBackoff(), 0),
            "retry_on_timeout": False,
            "health_check_interval": 0,
        }
        self._connection_class = type("StoreConnection", (_Opened, pool.connection_class), {})

    def open(self) -> Line:
        """Connect, with TLS, AUTH and SELECT if the URL says so. May take long.

        Raises:
            P0fUnavailable: connecting failed (P0fTimeout: it took too long).
        """
        import redis

        try:
            connection = self._connection_class(**self._options)
            # Without these, redis-py does not send CLIENT SETINFO, for which the user would need
            # another permission. The names are those of two generations of redis-py.
            connection.driver_info = connection.lib_name = connection.lib_version = None
            connection.connect()
        except redis.TimeoutError as error:
            raise P0fTimeout(f"no connection to the SYN store at {self.name}: timed out") from error
        except (redis.RedisError, OSError, ValueError) as error:
            # `from None`: a traceback would show the text of the cause, with the password.
            text = f"no connection to the SYN store at {self.name}: {self.without_secrets(error)}"
            raise P0fUnavailable(text) from None
        return Line(*connection.hand_over())

    def without_secrets(self, error: object) -> str:
        """The text of an exception, with *** in place of the URL's passwords."""
        text = str(error)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


class StoreConnection:
    """A connection to a store, opened when it is first used and again when it is lost.

    It belongs to one process, and to one caller at a time.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._worker = Worker()
        self._opening: Call[Line] | None = None
        self.line: Line | None = None

    def exchange(self, commands: bytes, count: int, deadline: float) -> list[Reply]:
        """Send commands; wait for their `count` replies until `deadline` (`time.monotonic()`).

        Raises:
            P0fTimeout: the replies did not arrive in time.
            P0fUnavailable: there is no connection.
            P0fProtocolError: the server does not speak RESP.
        """
        kept = self.line
        try:
            if kept is not None:
                try:
                    return kept.exchange(commands, count, deadline)
                except LineLost:  # servers close idle connections: open another
                    self.drop()
            return self._fresh(deadline).exchange(commands, count, deadline)
        except BaseException as error:
            # After any failure, the next reply might belong to an earlier command.
            self.drop()
            self._explain(error)
            raise

    def _explain(self, error: BaseException) -> None:
        """Raise the P0fError that explains a failed exchange. Returns if there is none for it."""
        name = self._store.name
        if isinstance(error, P0fError):
            return
        if isinstance(error, TimeoutError):
            raise P0fTimeout(f"the SYN store at {name} did not answer in time") from error
        if isinstance(error, LineLost):
            raise P0fUnavailable(lost_text(name, error)) from error
        if isinstance(error, ValueError):
            raise not_redis(name, error) from error
        if isinstance(error, OSError):  # too many open files
            raise P0fUnavailable(f"the SYN store at {name} cannot be asked: {error}") from error

    def drop(self) -> None:
        """Close the connection; the next exchange opens another."""
        line, self.line = self.line, None
        if line is not None:
            line.close()

    def _fresh(self, deadline: float) -> Line:
        opening = self._opening
        if opening is None or opening.error is not None:
            opening = self._opening = start(self._worker, Call(self._store.open))
        if not opening.wait(deadline):
            raise P0fTimeout(f"no connection to the SYN store at {self._store.name} in time")
        self._opening = None
        if opening.error is not None:
            raise opening.error
        self.line = line = opening.result
        assert line is not None
        return line


def start(worker: Worker, call: Call[ResultT]) -> Call[ResultT]:
    """Queue a call for a worker.

    Raises:
        P0fUnavailable: no thread can be started, because the interpreter is ending.
    """
    try:
        worker.submit(call)
    except RuntimeError as error:
        raise P0fUnavailable(f"the SYN store cannot be asked: {error}") from error
    return call


def open_in(worker: Worker, store: Store, done: Callable[[Line | P0fError], object]) -> None:
    """Open a line in a worker's thread, which calls `done` with the line or a P0fError."""

    def call() -> None:
        try:
            result: Line | P0fError = store.open()
        except P0fError as error:
            result = error
        except Exception as error:  # in the worker's thread it would be lost
            result = P0fUnavailable(f"no connection to the SYN store: {type(error).__name__}")
        done(result)

    try:
        worker.submit(call)
    except RuntimeError as error:
        done(P0fUnavailable(f"no connection to the SYN store: {error}"))


def name_of(url: str) -> str:
    """The URL for messages: without user, password and options.

    Raises:
        ValueError: `url` is not the URL of a store. The error does not quote it.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # its text may quote the URL
        raise ValueError("the URL of the store is not a URL") from None
    if parts.scheme not in _SCHEMES:
        raise ValueError(f"the URL of a store begins with {', '.join(s + '://' for s in _SCHEMES)}")
    if "@" in parts.path + parts.query + parts.fragment:
        # The text before this @ would be in the name, and may be part of a password.
        raise ValueError(
            "in the URL of the store, write / ? # and @ of a password as %2F %3F %23 %40"
        )
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def lost_text(name: str, error: LineLost) -> str:
    """The message for a lost connection to a store."""
    return f"lost the connection to the SYN store at {name}: {error}"


def not_redis(name: str, error: object) -> P0fProtocolError:
    """The error for a server that does not speak RESP."""
    return P0fProtocolError(f"the server at {name} does not answer as Redis or Valkey do: {error}")


def import_redis() -> Any:
    """Import redis-py.

    Raises:
        ImportError: redis-py is not installed; the text says how to install it.
    """
    try:
        import redis.backoff
        import redis.retry
    except ImportError as error:
        raise ImportError(_INSTALL) from error
    return redis


def _secrets_in(url: str) -> list[str]:
    """The passwords in a URL, as written and decoded, the longest first."""
    parts = urlsplit(url)
    written = [parts.netloc.rpartition("@")[0].partition(":")[2]]
    written += [value for name, value in parse_qsl(parts.query) if "password" in name]
    return sorted({*written, *map(unquote, written)} - {""}, key=len, reverse=True)


class _Opened:
    """Mixed into redis-py's connection classes, to take over the socket that they open."""

    _sock: Any = None
    disconnect: Callable[[], None]

    def hand_over(self) -> tuple[Any, Callable[[], None]]:
        """The connected, non-blocking socket, and a function that closes it.

        A TLS socket stays redis-py's. Any other is replaced by one of the C type, which gevent and
        eventlet do not replace, and which belongs to no thread.
        """
        sock, disconnect = self._sock, self.disconnect
        if hasattr(sock, "context"):
            sock.setblocking(False)
            return sock, disconnect
        own = _socket.socket(sock.family, sock.type, sock.proto, sock.detach())
        own.setblocking(False)

        def close() -> None:
            own.close()
            disconnect()

        return own, close
