"""What users see of the package beside its answers: public names, log lines, errors of options."""

import sys
from typing import TYPE_CHECKING, TypeVar, get_type_hints

if TYPE_CHECKING:
    from logging import Logger

ClassT = TypeVar("ClassT", bound=type)


def public(cls: ClassT) -> ClassT:
    """A class decorator: pickles, tracebacks and reprs say `p0f_middleware.P0fInfo`, a name that
    stays, and not the module in which the class is written."""
    # `typing.get_type_hints`, which FastAPI and pydantic call, would look names up over there.
    hints = get_type_hints(cls)
    cls.__annotations__ = {name: hints[name] for name in vars(cls).get("__annotations__", ())}
    cls.__module__ = "p0f_middleware"
    return cls


def logger() -> "Logger":
    """The logger named `p0f_middleware`. A line names its cause and its remedy, and comes once."""
    import logging  # only when there is something to log

    return logging.getLogger("p0f_middleware")


def seconds(option: str, value: object, *, zero: bool = False) -> float:
    """The value of an option that is a number of seconds, above 0 or, with `zero`, also 0."""
    if (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and (0 < value <= sys.float_info.max or (zero and value == 0))
    ):
        return value
    least = "0 or more" if zero else "above 0"
    raise ValueError(f"{option} is a number of seconds, {least}, not {value!r}")
