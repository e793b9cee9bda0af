"""For those who run p0f: `query` asks it, `signatures` and `unit` say how to start it.

The units are examples/p0f.service and examples/edge.service of the repository, which the package
contains; the paths in them stand for those of the installation.
"""

import argparse
import json
import os
import shutil
import sysconfig
from importlib.resources import files
from pathlib import Path

from .._daemon.blocking import P0f
from .._errors import P0fError
from .terminal import add_socket_option, fail, printable, source_of

QUERY_TIMEOUT = 5.0  # seconds; a person can wait longer than a web request should
SIGNATURES = Path(__file__).parents[1] / "fingerprint" / "signatures.fp"


def add_query(parser: argparse.ArgumentParser) -> None:
    parser.description = "Ask p0f about an address."
    parser.epilog = "Exit status: 0 p0f knows the address, 1 it does not, 2 it could not be asked."
    parser.add_argument("ip", metavar="IP", help="an IPv4 or IPv6 address")
    add_socket_option(parser)
    parser.add_argument(
        "--json", action="store_true", help="print JSON; null if p0f does not know the address"
    )


def query(options: argparse.Namespace) -> int:
    socket_path = source_of(options, "P0F_SOCKET")
    if not socket_path:
        return fail(
            "no p0f socket given: use --socket PATH or set P0F_SOCKET (PATH is p0f's own -s)"
        )
    try:
        with P0f(socket_path, timeout=QUERY_TIMEOUT) as p0f:
            info = p0f.lookup(options.ip)
    except P0fError as error:
        return fail(str(error))
    if options.json:
        print(json.dumps(info and info.as_dict(), indent=2))
    elif info is not None:
        words = info.describe()
        width = max(map(len, words))
        for label, text in words.items():
            print(f"{label:{width}}  {printable(text)}")
    if info is None:
        return fail(f"p0f has not seen {options.ip} since it started, on its interface", 1)
    return 0


def add_signatures(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        'Print the path of a signature file with current systems, for p0f -f "$(p0f-middleware'
        " signatures)\". It has no signatures of HTTP software and of servers' answers; those of"
        " p0f's own file, from its section [tcp:response] on, may be appended to a copy."
    )


def signatures(_: argparse.Namespace) -> int:
    print(SIGNATURES)
    return 0


def add_unit(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Print a systemd unit: p0f-middleware unit p0f > /etc/systemd/system/p0f.service. Its"
        " comments say what to change and how to start it."
    )
    parser.add_argument("service", choices=("p0f", "edge"), help="what to run")


def unit(options: argparse.Namespace) -> int:
    text = (files(__package__) / f"{options.service}.service").read_text("utf-8")
    p0f = shutil.which("p0f", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin") or "/usr/sbin/p0f"
    installed = {
        "/opt/p0f/bin/p0f-middleware": str(Path(sysconfig.get_path("scripts"), "p0f-middleware")),
        "/opt/p0f/signatures.fp": str(SIGNATURES),
        "/usr/sbin/p0f": p0f,
    }
    for example, path in installed.items():
        text = text.replace(example, path)
    print(text, end="")
    if any(path.startswith(("/home/", "/root/")) for path in installed.values()):
        fail(
            "the service cannot read /home and /root (ProtectHome=yes): install the package in a"
            " virtual environment elsewhere, such as /opt/p0f"
        )
    return 0
