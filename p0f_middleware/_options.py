"""Checks options that are numbers of seconds, in the same way everywhere.

The fact a reader would get wrong: an option read from the process's environment is text. The error
here names the option, while `timeout > 0` would raise a TypeError that does not.
"""

from __future__ import annotations

import sys

__all__ = ["seconds"]


def seconds(option: str, value: object, *, zero: bool = False) -> float:
    """The value of an option that is a number of seconds.

    Args:
        option: its name, for the error.
        value: an int or a float.
        zero: whether it may be 0.

    Raises:
        ValueError: `value` is not a finite number, or too small.
    """
    if (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and (0 < value <= sys.float_info.max or (zero and value == 0))
    ):
        return value
    least = "0 or more" if zero else "above 0"
    raise ValueError(f"{option} is a number of seconds, {least}, not {value!r}")
