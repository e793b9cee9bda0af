"""`p0f-middleware doctor`: why `p0f.info` is None, and what to do about it.

The doctor follows the path of a lookup in the source that the middleware has, and stops at the
first fault that makes the other checks pointless. It prints findings that only a human can judge
with a question mark, and does not count them as faults.
"""

from __future__ import annotations

import argparse

from .doctor_p0f import examine_p0f
from .doctor_store import examine_store
from .doctor_syn import examine_syn
from .edge import port
from .p0f_process import daemons
from .terminal import (
    CANNOT_RUN,
    NO_SOCKET,
    add_source_options,
    fail,
    print_findings,
    silence_log,
    source_option,
)

WELL, FAULT = 0, 1
"""Exit statuses, with `CANNOT_RUN`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Find out why p0f.info is None: check the source of the fingerprints. Without an option it"
        " is the one p0f that runs here or, if there is none, Syn(). Run it as the web server's"
        " user, and then as root, who can see more."
    )
    parser.epilog = (
        f"Exit status: {WELL} no fault, {FAULT} a fault, {CANNOT_RUN} it is not clear what to"
        " check."
    )
    parser.add_argument("ip", metavar="IP", nargs="?", help="a client that should be known")
    parser.add_argument("--port", type=port, help="the port that your site's visitors connect to")
    add_source_options(parser)


def run(options: argparse.Namespace) -> int:
    silence_log()
    running = sorted({path for path in (daemon.socket_path for daemon in daemons()) if path})
    try:
        source = source_option(options)
    except (OSError, ValueError) as error:
        return fail(str(error))
    if source is None and len(running) > 1:
        return fail(f"{NO_SOCKET}. Several p0f run here: {', '.join(running)}")
    source = source or (running[0] if running else "syn")
    if source == "syn":
        findings = examine_syn(options.port)
    elif "://" in source:
        findings = examine_store(source, options.ip)
    else:
        findings = examine_p0f(source, options.ip, options.port)
    return FAULT if print_findings(findings) else WELL
