"""The package's logger. `logging` is imported when there is something to say.

A message names its cause and its remedy and is written once, not for each request: how often is
for the caller to decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger


def logger() -> Logger:
    """The logger named `p0f_middleware`."""
    import logging

    return logging.getLogger("p0f_middleware")
