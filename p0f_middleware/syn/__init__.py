"""Fingerprints from the SYN of the request's own connection, without a p0f daemon.

`Syn` is the source; `save_syn` and `when_ready` make Linux keep SYNs. `servers` knows where each
server has a request's connection. Every request needs that, and not every program a `Syn`, so the
names here are imported when they are first used.
"""

from typing import TYPE_CHECKING, Any

from .kernel import save_syn

if TYPE_CHECKING:
    from .source import Syn, when_ready

__all__ = ["Syn", "save_syn", "when_ready"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import source

    return getattr(source, name)
