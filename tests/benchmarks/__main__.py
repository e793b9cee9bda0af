"""`python -m tests.benchmarks [growth | lag] [--check]`; see `--help`. Needs p0f, root and cc."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import growth, lag, web
from .contenders import HOSTS, all_contenders
from .p0f_here import introduce, placed, placements, running_p0f
from .picture import picture
from .report import bars_table, judge, lookups_table, servers_table
from .rounds import alternate

FIGURE = Path(__file__).with_name("figure.svg")


def compare(arguments: argparse.Namespace) -> int:
    """Lookups and requests beside C's lookups. 1 if --check is given and a bar was missed."""
    with running_p0f() as (p0f, folder):
        introduce(HOSTS, p0f.socket_path)
        rounds = {}
        for place, (ours, its) in placements().items():
            with placed(p0f, ours, its), all_contenders(p0f.socket_path, folder) as contenders:
                rounds[place] = alternate(contenders, arguments.rounds)
        _, clients = web.processors()
        with placed(p0f, clients, clients):
            loads = {
                name: web.measure(
                    name, command, p0f.socket_path, folder, arguments.web_rounds, arguments.seconds
                )
                for name, command in web.available().items()
            }
    judged = list(judge(rounds, loads))
    tables = [f"{place}\n{lookups_table(each)}" for place, each in rounds.items()]
    print(*tables, servers_table(loads), bars_table(judged), sep="\n\n")
    arguments.figure.write_text(picture(rounds, loads))
    missed = any(bar.missed(measured) for bar, measured in judged)
    return int(arguments.check and missed)


def parser() -> argparse.ArgumentParser:
    main = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    main.set_defaults(run=compare)
    main.add_argument("--check", action="store_true", help="exit with 1 where a bar was missed")
    main.add_argument("--rounds", type=int, default=60, help="of lookups (default: %(default)s)")
    main.add_argument("--web-rounds", type=int, default=10, help="of wrk (default: %(default)s)")
    main.add_argument("--seconds", type=int, default=1, help="of one wrk run (%(default)s)")
    main.add_argument("--figure", type=Path, default=FIGURE, help="where to write the picture")
    kinds = main.add_subparsers(title="instead of lookups beside C")
    growth.add_options(
        kinds.add_parser("growth", help="as p0f knows more hosts, memory, import time")
    )
    lag.add_options(kinds.add_parser("lag", help="of the event loop"))
    return main


if __name__ == "__main__":
    arguments = parser().parse_args()
    sys.exit(arguments.run(arguments))
