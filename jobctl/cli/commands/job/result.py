"""`jobctl job result`."""

from __future__ import annotations

from typing import Annotated

import typer

from jobctl.cli.commands.job._shared import InQueue
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.parse.wait import Timeout, timeout_s
from jobctl.errors import UsageError


@command
def result(
    ctx: Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")],  # noqa: A002 - the catalog's word
    queue: InQueue = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the job has ended.")] = False,
    timeout: Timeout = None,
) -> None:
    """Print what a job returned, as JSON.

    Exit 4 if there is no such job or it returned nothing, 6 if it has not ended, 7 if it died or was cancelled.

    Example: jobctl job result 1m80w17s0w7jd106qwm2 --wait --timeout 5m
    """
    from jobctl.cli.view.formats import to_json, to_yaml
    from jobctl.ops import jobs, waiting

    seconds = timeout_s(wait, timeout)
    if ctx.output is Output.NAME:
        raise UsageError("-o name does not apply to a result", "use -o json or -o yaml")
    store = ctx.store(retries=2)
    if wait:
        from jobctl.cli.view.bar import Bars

        found = jobs.locate(store, id, queue)
        with Bars(ctx) as bars:
            waiting.wait_one(store, found.ref, seconds, bars.seen)
    value = waiting.result(store, id, queue)
    if ctx.output is Output.YAML:
        text = to_yaml(value)
    else:
        text = to_json(value, indent=0 if ctx.output is Output.JSONL else 2) + "\n"
    ctx.stdout.write(text)
