"""What is logged when a source raises."""

from __future__ import annotations

from .._errors import P0fError
from .._log import logger


def lookup_failed(error: Exception) -> None:
    """Log what a middleware's source raised, unless the source has logged it already.

    Our clients report their outages themselves, once; of other failures each kind is said once.
    """
    if isinstance(error, P0fError) or type(error) in _said:
        return
    _said.add(type(error))
    logger().error("the source of p0f.info failed; requests go on without it", exc_info=error)


_said: set[type[Exception]] = set()
