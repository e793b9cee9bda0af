"""The store: a Redis or Valkey server, reached through the clients of redis-py or valkey-py.

A URL may hold a password, and redis-py's exceptions may quote it. So messages show `Store.name`,
and none of our exceptions has one of redis-py's as its cause, which a traceback would show.
"""

import inspect
import re
from collections.abc import Sequence
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from ._errors import P0fError, P0fProtocolError, P0fTimeout, P0fUnavailable

# For each step of redis-py: connecting, a read of the TLS handshake, of AUTH, of a reply.
STEP_TIMEOUT = 5.0  # no request waits that long (`shared.flights`)
_SCHEMES = ("redis", "rediss", "unix")

Keys: TypeAlias = tuple[bytes, ...]
Values: TypeAlias = "list[bytes | None]"


_DECODES = "the client of the SYN store returns text: make it without decode_responses"


class Store:
    """A server by its URL, or a client that the user made: with `asynchronous`, one for asyncio."""

    def __init__(self, store: object, *, asynchronous: bool = False) -> None:
        self._secrets: list[str] = []
        self.given: Any = None  # the user's client: its timeouts and connections are not ours
        self.asynchronous: bool = asynchronous and not isinstance(store, str)  # the client
        if isinstance(store, str):
            self.name: str = _name_of(store)
            self._secrets = _secrets_in(store)
            self._connection_class, self._options = _read_url(store, self.name)
        else:
            _require_client(store, asynchronous=asynchronous)
            self.name = "the given client"
            self.given = store

    def client(self, step_timeout: float = STEP_TIMEOUT) -> Any:
        """The given client, or a new blocking client, which has not connected yet."""
        if self.given is not None:
            return self.given
        import redis

        steps = {"socket_timeout": step_timeout, "socket_connect_timeout": step_timeout}
        pool = redis.ConnectionPool(self._connection_class, **self._options | steps)
        return redis.Redis(connection_pool=pool)

    def explain(self, error: Exception) -> P0fError:
        """The exception to raise for what a client has raised."""
        if isinstance(error, P0fError):
            return error
        if isinstance(error, UnicodeDecodeError):
            return P0fProtocolError(_DECODES)
        # redis-py and valkey-py have classes of the same names.
        names = {kind.__name__ for kind in type(error).__mro__}
        if "TimeoutError" in names:
            return P0fTimeout(f"the SYN store at {self.name} did not answer in time")
        text = str(error)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        if "InvalidResponse" in names or not names & {"RedisError", "ValkeyError", "OSError"}:
            return P0fProtocolError(
                f"the server at {self.name} does not answer as Redis or Valkey do: {text}"
            )
        if "ResponseError" in names:
            return P0fUnavailable(f"the SYN store at {self.name} refuses: {text}")
        return P0fUnavailable(f"no connection to the SYN store at {self.name}: {text}")


def request(client: Any, lookups: Sequence[Keys]) -> Any:
    """Ask for the values of some lookups, in one round trip. Returns what the client returns, for
    an asyncio client an awaitable; `values_in` reads it."""
    # The keys of one lookup are in one slot of a cluster, those of two are not: a server in cluster
    # mode refuses an MGET for both, even if it is the only one.
    pipeline = client.pipeline(transaction=False)
    for keys in lookups:
        pipeline.execute_command("MGET", *keys)  # a cluster's pipeline refuses `mget`
    return pipeline.execute(raise_on_error=False)


def values_in(reply: Any, lookups: Sequence[Keys]) -> list[Values]:
    """The values of each lookup, from the reply to `request`; raises what is wrong with that."""
    for values, keys in zip(reply, lookups, strict=True):
        if isinstance(values, Exception):
            raise values
        if not isinstance(values, list) or len(values) != len(keys):
            raise ValueError("this is not the reply to MGET")
        for value in values:
            if isinstance(value, str):
                raise P0fProtocolError(_DECODES)
            if value is not None and not isinstance(value, bytes):
                raise ValueError("this is not a value of a key")
    return reply  # type: ignore[no-any-return]


def _name_of(url: str) -> str:
    """The URL for messages: without user, password and options. Raises ValueError."""
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


def _read_url(url: str, name: str) -> tuple[type, dict[str, Any]]:
    try:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError as error:
        raise ImportError(
            f"redis-py is needed to reach {name}: pip install 'p0f-middleware[redis]'"
        ) from error
    try:
        pool = redis.ConnectionPool.from_url(url, protocol=2)
        options = pool.connection_kwargs | {
            # Servers close idle connections; a reply that does not come is not asked for again.
            "retry": Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
            "retry_on_timeout": False,
            "health_check_interval": 0,
        }
        connection = pool.connection_class(**options)  # it does not connect yet
    except (ValueError, TypeError, redis.RedisError) as error:
        # `from None`: the exception may quote the URL, and with it the password.
        unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        what = f"does not know the option {unknown[1]} of" if unknown else "cannot read"
        raise ValueError(f"redis-py {what} the URL of the store {name}") from None
    # Otherwise redis-py sends CLIENT SETINFO, for which the user would need another permission.
    # The names are those of two generations of redis-py.
    own = "driver_info" if hasattr(connection, "driver_info") else "lib_name"
    return pool.connection_class, options | dict.fromkeys({own, own.replace("name", "version")})


def _require_client(client: object, *, asynchronous: bool) -> None:
    if not callable(getattr(client, "mget", None)):
        raise TypeError(
            f"store is a URL or a client of redis-py or valkey-py, not {type(client).__name__}"
        )
    if inspect.iscoroutinefunction(getattr(client, "execute_command", None)) == asynchronous:
        return
    name = f"{type(client).__module__}.{type(client).__name__}"
    kinds = [("SharedSyn", "blocking"), ("AsyncSharedSyn", "redis.asyncio's or valkey.asyncio's")]
    (wanted, kind), (other, _) = reversed(kinds) if asynchronous else kinds
    raise TypeError(
        f"{wanted} takes {kind} clients, and {name} is none: give it to {other}, or give the URL"
    )


def _secrets_in(url: str) -> list[str]:
    """The passwords in a URL, as written and decoded, the longest first."""
    parts = urlsplit(url)
    written = [parts.netloc.rpartition("@")[0].partition(":")[2]]
    written += [value for name, value in parse_qsl(parts.query) if "password" in name]
    return sorted({*written, *map(unquote, written)} - {""}, key=len, reverse=True)
