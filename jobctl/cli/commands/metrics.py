"""`jobctl metrics`."""

from __future__ import annotations

import threading
from typing import Annotated

import typer

from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.view.table import Column
from jobctl.errors import RedisUnavailable

COLUMNS = (Column("NAME", "name"), Column("LABELS", "labels"), Column("VALUE", "value"))


@command
def metrics(
    ctx: Context,
    http: Annotated[
        str | None,
        typer.Option(
            "--http",
            metavar="HOST:PORT",
            help="Serve them there at /metrics until Ctrl-C, with /livez and /readyz.",
            show_default=False,
        ),
    ] = None,
) -> int:
    """Print metrics for Prometheus, or serve them: jobs, times, queues, slots, schedules, Redis.

    Printed once, they suit the textfile collector of node_exporter. Exit code 3 if Redis cannot be asked: the metrics
    then say only that.

    Example: jobctl metrics --http 127.0.0.1:9150
    """
    from jobctl.ops.metrics import UP, collect, rows, text

    store, catalog = ctx.store(retries=2), ctx.catalog_for_a_look()
    if http is None:
        found = collect(store, catalog)
        if ctx.output is Output.TABLE:
            ctx.stdout.write(text(found))
        else:
            ctx.emit(rows(found), COLUMNS)
        return 0 if found[0].samples[0].value == UP else RedisUnavailable.exit_code
    from jobctl.ops.probes import metrics_pages

    pages = metrics_pages(http, store, catalog)
    pages.start()
    ctx.say(f"serving /metrics on port {pages.port}; Ctrl-C ends it")
    threading.Event().wait()
    return 0
