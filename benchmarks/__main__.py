"""Run the benchmarks and print, or write, the table: `python -m benchmarks [--quick] [--only NAME] [--write FILE]`."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks import flow, loops, measure, repair, schedules
from benchmarks.harness import Row, bench
from benchmarks.peers import Jobctl, Stock, others
from benchmarks.worst.report import measure as measure_scripts
from benchmarks.worst.report import table

WORST = "worst"
ALL = {**measure.ALL, **loops.ALL, **flow.ALL, **schedules.ALL, **repair.ALL}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the jobs, one repeat: does it run?")
    parser.add_argument("--only", choices=[*ALL, WORST], action="append", help="one measurement; repeatable")
    parser.add_argument("--write", type=Path, help="also write the table into this Markdown file")
    args = parser.parse_args()
    rows: list[Row] = []
    with bench(repeats=1 if args.quick else 3, scale=0.1 if args.quick else 1.0) as place:
        peers = [Jobctl(place), Stock(place), *others(place)]
        for name in [name for name in args.only or ALL if name != WORST]:
            print(f"measuring {name} …", flush=True)
            rows += ALL[name](place, peers)
            place.client().flushdb()
        server = place.client().info("server")
        scripts = ""
        if args.only is None or WORST in args.only:
            print("measuring the worst case of every script …", flush=True)
            scripts = table(measure_scripts(place.client(), server["process_id"], 10_000 if args.quick else 1_000_000))
    speed = render(rows)
    print(f"\n{speed}\n\n{scripts}")
    if args.write:
        args.write.write_text(
            page(speed, scripts, f"{server.get('server_name', 'redis')} {server.get('valkey_version', '')}")
        )


def render(rows: Sequence[Row]) -> str:
    """A Markdown table: medians, and how many times better jobctl is."""
    peers = list(dict.fromkeys(peer for row in rows for peer in row.samples if peer != "jobctl"))
    head = ["what", "unit", "jobctl", *(cell for peer in peers for cell in (peer, "ratio"))]
    lines = [head, ["---", "---", *("---:" for _ in head[2:])]]
    for row in rows:
        cells = [row.what, row.unit, _number(row.median("jobctl"))]
        for peer in peers:
            known = peer in row.samples and row.median(peer) > 0 and row.median("jobctl") > 0
            cells += [_number(row.median(peer)), f"{row.ratio(peer):.1f}x"] if known else ["", ""]
        lines.append(cells)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def page(speed: str, scripts: str, server: str) -> str:
    """docs/benchmarks.md."""
    return f"""# Benchmarks

Measured by `make bench` on {datetime.now(tz=UTC):%Y-%m-%d}: Python {platform.python_version()}, {server.strip()}
(AOF every second, private server on a Unix socket), dramatiq {version("dramatiq")}, {platform.machine()}. jobctl with
the catalog's defaults on: attempts, records, events, tokens. Medians; the ratio says how many times better jobctl is
than the peer in the same run. Absolute numbers depend on the machine and are only there to read.

{speed}

The first row's ratio is the least that a Redis client in Python costs as a process (`import redis` and one ping) over
what `jobctl enqueue` costs, both compiled as installed programs are: 1.0x would be no overhead at all. An idle worker
here is a supervisor with one worker process over fifty queues; connections that its jobs open are not counted. Pick-
ups are 20 ms apart, so that the stock broker's back-off hardly grows: a job that comes after a quiet second waits for
half a second there, and as long as before here.

## Every script at worst

What one call costs Redis, in its processor's time: nobody else is served meanwhile. A call is given 500 jobs that carry
as much as jobs can, over a million others; it does what its budget allows, and its caller goes on with the rest. Each
case is tried five times, and the longest call counts: with each call at its best, which is what the script costs, and
at its worst, beside whatever else ran on the machine. `tests/store/test_budget.py` holds the same calls to the budget,
in commands and bytes. `python -m benchmarks.worst` prints this table alone.

{scripts}
"""


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


if __name__ == "__main__":
    main()
