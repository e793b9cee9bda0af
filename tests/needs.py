"""What a test needs beside Python: where it is missing, the test is skipped and says why.

    @pytest.mark.needs("haproxy", "curl", "root")

With P0F_REAL=require in the environment, as in CI, it fails in place of being skipped. Programs are
looked for in PATH alone: a PATH with nothing but Python makes a bare machine of any other.
"""

from __future__ import annotations

import os
import shutil
import sys
from typing import NoReturn

import pytest

REQUIRED = os.environ.get("P0F_REAL") == "require"
PACKAGES = {
    "ip": "iproute2",
    "cc": "gcc",
    "setpriv": "util-linux",
}  # where Debian calls the package otherwise


def unavailable(reason: str) -> NoReturn:
    """Skip the test, or fail it where everything is required."""
    if REQUIRED:
        pytest.fail(f"P0F_REAL=require, but {reason}")
    pytest.skip(reason)


def check(item: pytest.Item) -> None:
    """Skip or fail a test some of whose needs are missing."""
    for need in (need for mark in item.iter_markers("needs") for need in mark.args):
        if need != "root":
            find(need)
        elif sys.platform != "linux" or os.geteuid() != 0:
            unavailable("it needs root on Linux")


def find(program: str) -> str:
    """The program's path; where it is missing the test is skipped, or fails."""
    path = shutil.which(program)
    if path is None:
        package = PACKAGES.get(program, program)
        unavailable(f"{program} is missing (Debian's package {package})")
    return path
