"""`p0f-middleware unit`: a systemd unit for p0f or for the edge, with this installation's paths.

The texts are examples/p0f.service and examples/edge.service of the repository, which the package
contains; the paths in them stand for those of the installation.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sysconfig
from importlib.resources import files
from pathlib import Path

from .terminal import SIGNATURES, fail


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Print a systemd unit: p0f-middleware unit p0f > /etc/systemd/system/p0f.service. Its"
        " comments say what to change and how to start it."
    )
    parser.add_argument("service", choices=("p0f", "edge"), help="what to run")


def run(options: argparse.Namespace) -> int:
    program = Path(sysconfig.get_path("scripts"), "p0f-middleware")
    p0f = shutil.which("p0f", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin") or "/usr/sbin/p0f"
    text = (files(__package__) / f"{options.service}.service").read_text("utf-8")
    paths = {
        "/opt/p0f/bin/p0f-middleware": str(program),
        "/opt/p0f/signatures.fp": str(SIGNATURES),
        "/usr/sbin/p0f": p0f,
    }
    for example, path in paths.items():
        text = text.replace(example, path)
    print(text, end="")
    if any(path.startswith(("/home/", "/root/")) and path in text for path in paths.values()):
        fail(
            "the service cannot read /home and /root (ProtectHome=yes): install the package in a"
            " virtual environment elsewhere, such as /opt/p0f"
        )
    return 0
