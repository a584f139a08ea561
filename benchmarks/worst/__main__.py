"""`python -m benchmarks.worst [--size N] [--only SCRIPT]`."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.worst.report import HEAD, measure, row
from jobctl.engine.server.embedded import EmbeddedServer
from jobctl.store.wire.connection import connect

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="benchmarks.worst", description=__doc__)
    parser.add_argument("--size", type=int, default=1_000_000, help="jobs in the crowd")
    parser.add_argument("--only", help="one script")
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="jobctl-bench-") as folder,
        EmbeddedServer(Path(folder, "state")) as server,
        connect(server.url) as client,
    ):
        assert server.pid is not None
        print(*HEAD, sep="\n", flush=True)
        for cost in measure(client, server.pid, args.size, args.only):
            print(row(cost), flush=True)
