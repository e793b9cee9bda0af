"""`python -m tests.benchmarks [--against CHECKOUT] [--check]`; see `--help`.

Needs root, p0f, redis-server and a C compiler; web servers are measured where wrk is.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from . import edge, lookups, servers
from .figures import bars_table
from .p0f_here import introduce, placed, placements, running_p0f, running_store


def compare(options: argparse.Namespace) -> int:
    """Lookups and requests. 1 if --check is given and a bar was missed."""
    tables, bars, loads = [], [], {}
    with running_p0f() as (p0f, folder), running_store() as store:
        introduce(lookups.HOSTS, p0f.socket_path)
        for place, (ours, its) in placements().items():
            os.sched_setaffinity(store.pid, {its})
            with placed(p0f, ours, its):
                everybody = lookups.contenders(p0f.socket_path, store, folder, options.against)
                with everybody as contenders:
                    rounds = lookups.alternate(contenders, options.rounds)
            tables.append(f"{place}\n\n{lookups.lookups_table(rounds)}")
            bars += [bar._replace(what=f"{bar.what}, {place}") for bar in lookups.bars(rounds)]
        _, clients = servers.processors()
        for name in servers.available():
            with placed(p0f, clients, clients):
                loads[name] = servers.measure(
                    *(name, p0f.socket_path, folder, options.web_rounds, options.seconds),
                    options.against,
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
