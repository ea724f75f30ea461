"""Run ours and the peers side by side, print the figures with the machine's, and write their part of the page.

Each peer is installed below --where when it is first asked for. With --quick or --only, the page and the results go to
a folder of their own below --where.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from benchmarks.machine import describe
from benchmarks.measuring import end_in_order, typed
from benchmarks.peers.celery import CELERY
from benchmarks.peers.dbos import DBOS
from benchmarks.peers.measures import QUICK, Seconds
from benchmarks.peers.ours import OURS
from benchmarks.peers.page import ORDER, tables
from benchmarks.peers.prefect import PREFECT
from benchmarks.peers.procrastinate import PROCRASTINATE
from benchmarks.peers.restate import RESTATE
from benchmarks.peers.rounds import Rounds
from benchmarks.peers.temporal import TEMPORAL
from benchmarks.place import opened
from benchmarks.report import PAGE, Results, show, write_page

PEERS: Final = {peer.name: peer for peer in (OURS, RESTATE, DBOS, TEMPORAL, PROCRASTINATE, PREFECT, CELERY)}


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="make bench-peers ARGS=…", description=__doc__)
    parser.add_argument("--only", default=",".join(PEERS), help=f"beside ours, which peers: {', '.join(PEERS)} (all)")
    parser.add_argument("--runs", type=int, help="how many rounds (3; with --quick 1)")
    parser.add_argument("--quick", action="store_true", help="short measures, to see that it works")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--where", type=Path, default=Path(".benchmarks"), help="where the data goes: on a real disk")
    asked = parser.parse_args()
    names = {OURS.name, *asked.only.split(",")}
    if unknown := names - PEERS.keys():
        parser.error(f"there is no peer {', '.join(sorted(unknown))}")
    end_in_order()
    progress = Console(stderr=True)
    peers = [peer for name, peer in PEERS.items() if name in names]
    at = datetime.now(UTC).isoformat(timespec="seconds")
    with opened(asked.where, "postgresql") as place:
        machine = describe(asked.where, place.postgres)
        machine.append(("SQLite", f"{sqlite3.sqlite_version}, WAL, synchronous=FULL (ours)"))
        machine.append(("Peers", "; ".join(peer.version for peer in peers if peer is not OURS) or "none"))
        rounds = Rounds(place, QUICK if asked.quick else Seconds(), progress)
        found = rounds.run(peers, asked.runs or (1 if asked.quick else 3))
    systems = [system for peer in peers for system in peer.systems]
    command = typed("bench-peers", sys.argv[1:])
    measured = tables(found, systems, rounds.failures, command=command, at=at, machine=machine)
    in_part = asked.quick or names != PEERS.keys()
    folder = asked.where / "quick" if in_part else asked.where
    results = Results(folder / "results")
    results.keep("peers", measured, order=ORDER)
    page = folder / "benchmarks.md" if in_part else PAGE
    write_page(results, page)
    if asked.json:
        json.dump(msgspec.to_builtins(measured), sys.stdout, indent=2)
    else:
        show(Console(width=max(Console().width, 160)), "peers", measured)
    progress.print(f"written: {page}", highlight=False)


if __name__ == "__main__":
    main()
