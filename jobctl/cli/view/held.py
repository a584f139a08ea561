"""What holds a job, in words."""

from __future__ import annotations

from jobctl.cli.context import Context, Times
from jobctl.cli.view.cell import iso, relative
from jobctl.cli.view.lines import moment
from jobctl.store.data.records import Hold


def sentence(ctx: Context, hold: Hold) -> str:
    """Why a job does not run."""
    from jobctl.ops.pauses import words

    what = hold.name.replace("type:", "job type ", 1).replace("queue:", "queue ", 1)
    match hold.kind:
        case "pause":
            return words(what, moment(ctx, hold.until) if hold.until else None, hold.reason, hold.by)
        case "worker":
            return f"no worker takes jobs of {what}" + (f": {hold.reason}" if hold.reason else "")
        case "turn":
            return "no limit holds it: it waits for a free worker"
    allowed = f"{hold.allows} at once" if hold.kind == "concurrency" else hold.allows
    text = f"the {hold.kind} limit of {what}, {allowed}" + (f" for key {hold.key}" if hold.key else "")
    if hold.ahead:
        text += f"; {hold.ahead:,} ahead of it"
    if hold.until is None:
        return text
    return f"{text}; may start {relative(hold.until) if ctx.times is Times.RELATIVE else iso(hold.until)}"
