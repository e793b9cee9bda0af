"""The package's logger. It imports `logging` only when there is something to log.

A log line names its cause and its remedy, and is written once, not for each request. The caller
decides how often to log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger


def logger() -> Logger:
    """The logger named `p0f_middleware`."""
    import logging

    return logging.getLogger("p0f_middleware")
