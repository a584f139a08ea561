"""The lines above and below the table of `jobctl top`."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from jobctl import clock
from jobctl.cli.context import Context
from jobctl.cli.view.lines import EventLines, moment
from jobctl.faces.sample import Sample
from jobctl.text import sanitize

EVENTS = 4
COUNTS = ("waiting", "running", "dead")


def head_of(ctx: Context, sample: Sample, namespace: str) -> str:
    """Where one is, how it goes; or that Redis is away, and since when nothing is new."""
    name = sanitize(ctx.settings.profile or namespace, limit=30)
    if sample.away is not None:
        seen = f"what is shown is of {moment(ctx, sample.at)}; " if sample.at else ""
        return f" {name}  {seen}{sanitize(sample.away, limit=200)}"
    counts = "  ".join(f"{sample.count(state):,} {state}" for state in COUNTS)
    done = sum(row.completed_per_minute for row in sample.queues)
    now = moment(ctx, sample.at or clock.to_datetime(clock.now_ms()))
    workers = len(sample.workers)
    return f" {now}  {name}  {counts}  {done:,.0f}/min done  {workers} worker{'' if workers == 1 else 's'}"


def tabs_of(shown: str, names: Sequence[str]) -> Text:
    """The views by their keys; the one that is shown stands out without colours, too."""
    text = Text(" ", no_wrap=True)
    for number, name in enumerate(names, 1):
        text.append(f" {number} {name} ", style="reverse bold" if name == shown else "")
    return text


def events_of(ctx: Context, sample: Sample) -> Text:
    """The latest events, the newest last."""
    lines = EventLines(ctx)
    latest = [lines.line(event) for event in sample.events[-EVENTS:]]
    return Text.from_ansi("\n".join(["", *(f"  {line}" for line in latest)]), no_wrap=True)
