"""`python -m tests.benchmarks [--against CHECKOUT] [--check]`; see `--help`.

Needs root, p0f, redis-server and a C compiler; web servers are measured where wrk is.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests.real.daemon import RealP0f
from tests.shared.stores import RealStore

from . import edge, lookups, servers
from .figures import bars_table


def compare(options: argparse.Namespace) -> int:
    """Lookups and requests. 1 if --check is given and a bar was missed."""
    tables, bars, loads = [], [], {}
    first, *_, last = 2 * sorted(os.sched_getaffinity(0))
    with (
        tempfile.TemporaryDirectory(prefix="p0f-benchmarks-") as name,
        RealP0f(Path(name)) as p0f,
        RealStore(Path(name)) as store,
    ):
        for host in lookups.HOSTS:
            p0f.introduce(host)

        def place(clients: int, daemons: int) -> None:
            # The scheduler puts p0f beside its client or elsewhere as it pleases and then mostly
            # leaves it there, and on virtual machines to wake up another processor can take ten
            # times as long as the whole lookup: left to itself, chance would decide who looks fast.
            os.sched_setaffinity(0, {clients})
            for process in (p0f, store):
                os.sched_setaffinity(process.pid, {daemons})

        for where, processor in {"the same": first, "another": last}.items():
            if where == "the same" or last != first:
                print(f"lookups, p0f on {where} processor", file=sys.stderr)
                place(first, processor)
                rounds = lookups.measure(
                    *(p0f.socket_path, store, Path(name), options.rounds), options.against
                )
                here = f"p0f on {where} processor"
                tables.append(f"{here}\n\n{lookups.lookups_table(rounds)}")
                bars += [bar._replace(what=f"{bar.what}, {here}") for bar in lookups.bars(rounds)]
        place(last, last)
        for server in servers.available() if options.web_rounds else ():
            print(server, file=sys.stderr)
            loads[server] = servers.measure(
                *(server, p0f.socket_path, Path(name), first, options.web_rounds),
                *(options.seconds, options.against),
            )
    bars += servers.bars(loads)
    tables += [servers.page_table(loads), servers.processor_table(loads), bars_table(bars)]
    print(*tables, sep="\n\n")
    return int(options.check and any(bar.verdict == "MISSED" for bar in bars))


def parser() -> argparse.ArgumentParser:
    main = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    main.set_defaults(run=compare)
    main.add_argument("--against", type=Path, metavar="CHECKOUT", help="another one, in turn")
    main.add_argument("--check", action="store_true", help="exit with 1 where a bar was missed")
    main.add_argument("--rounds", type=int, default=30, help="of lookups (default: %(default)s)")
    main.add_argument("--web-rounds", type=int, default=8, help="of wrk (default: %(default)s)")
    main.add_argument("--seconds", type=int, default=1, help="of one wrk run (%(default)s)")
    edge.add_command(main.add_subparsers(title="instead of lookups and requests"))
    return main


if __name__ == "__main__":
    chosen = parser().parse_args()
    sys.exit(chosen.run(chosen))
