"""`jobctl queue ls|show|pause|resume|empty`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobctl.cli import complete
from jobctl.cli.context import Context, Output
from jobctl.cli.lines import moment
from jobctl.cli.options import command
from jobctl.cli.output import Column, iso, short_duration
from jobctl.errors import UsageError

if TYPE_CHECKING:
    from jobctl.store.records import QueueDetail, QueueRow

EVERY_S = 1.0
ZERO = {"0": "dim"}


def _count(header: str, field: str) -> Column:
    return Column(header, field, right=True, styles=ZERO)


COLUMNS = (
    Column("QUEUE", "queue", keep=True),
    _count("WAITING", "waiting"),
    _count("DELAYED", "delayed"),
    _count("RETRYING", "retrying"),
    _count("LIMITED", "limited"),
    _count("RUNNING", "running"),
    _count("DEAD", "dead"),
    Column("OLDEST", lambda row: short_duration(row.oldest_waiting_s), right=True),
    _count("WORKERS", "workers"),
    Column("PAUSED", "paused", styles={"yes": "yellow", "no": "dim"}),
)
PAUSES = (
    Column("QUEUE", "queue"),
    Column("PAUSED", "paused"),
    Column("UNTIL", "until"),
    Column("REASON", "reason"),
)
Names = Annotated[
    list[str],
    typer.Argument(metavar="NAME…", help="Queues.", autocompletion=complete.queues, show_default=False),
]
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A queue.", autocompletion=complete.queues, show_default=False)
]


@command
def ls(
    ctx: Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]…", help="Queues.", autocompletion=complete.queues, show_default=False),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Again every second, until Ctrl-C.")] = False,
) -> None:
    """Show how deep the queues are."""
    from jobctl.ops import queues

    store, catalog = ctx.store(), ctx.catalog_if_any()

    def read() -> list[QueueRow]:
        return queues.ls(store, catalog, names or ())

    if not watch:
        ctx.emit(read(), COLUMNS, empty="no queues: nothing was ever enqueued here, and no catalog names one")
    elif ctx.stdout_is_tty and ctx.output is Output.TABLE:
        _watch(ctx, read)
    else:
        _repeat(ctx, read)


def _watch(ctx: Context, read: Callable[[], list[QueueRow]]) -> None:
    """One table that is drawn again in its place."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from jobctl.cli.output import table_text

    console = Console(file=ctx.stdout, markup=False, highlight=False, no_color=not ctx.color)
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            live.update(Text.from_ansi(table_text(ctx, read(), COLUMNS) or "no queues"), refresh=True)
            time.sleep(EVERY_S)


def _repeat(ctx: Context, read: Callable[[], list[QueueRow]]) -> None:
    """A block each time, for a program: JSON becomes a record a line, since the list has no end."""
    from jobctl.cli.output import stream

    while True:
        rows = read()
        if ctx.output in (Output.JSON, Output.JSONL):
            stream(ctx, rows, COLUMNS)
        else:
            ctx.emit(rows, COLUMNS)
            ctx.stdout.write("\n")
            ctx.stdout.flush()
        time.sleep(EVERY_S)


@command
def show(ctx: Context, name: Name) -> None:
    """Show one queue: depth, rates, pause, job types, errors, who serves it."""
    from jobctl.ops import queues

    ctx.emit(queues.show(ctx.store(), ctx.catalog_if_any(), name), SHEET)


def _groups(row: QueueDetail) -> str:
    lines = [f"{g.count:>7,}  {g.group}  {g.type}  {g.error or '-'}: {_first_line(g.message)}" for g in row.groups]
    return "\n".join(lines)


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n", 1)[0][:60]


def _pause(row: QueueDetail) -> str:
    if not row.paused:
        return "no"
    until = f"until {iso(row.pause_until)}" if row.pause_until else "until resumed"
    return ", ".join(filter(None, (until, row.pause_reason, f"by {row.paused_by}" if row.paused_by else "")))


SHEET: tuple[Column, ...] = (
    COLUMNS[0],
    *(Column(c.header, c.value) for c in COLUMNS[1:7]),
    Column("OLDEST", lambda row: f"{short_duration(row.oldest_waiting_s)}  {row.oldest_waiting or ''}".strip()),
    Column("WORKERS", "workers"),
    Column("PAUSED", _pause),
    Column("LAST MINUTE", lambda row: f"{row.completed_last_minute:,} completed, {row.died_last_minute:,} died"),
    Column("JOB TYPES", lambda row: ", ".join(row.job_types)),
    Column("SERVED BY", lambda row: ", ".join(row.served_by)),
    Column("ERRORS", _groups),
)


@command
def pause(
    ctx: Context,
    names: Names,
    duration: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="Resume by itself after this.", show_default=False)
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Resume by itself then.", show_default=False)
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for others to read.", show_default=False)] = "",
) -> None:
    """Stop handing out jobs of queues; running ones go on."""
    from jobctl.ops import queues

    ctx.require_writable("pause queues")
    store = ctx.store()
    until_ms = _moment(duration, until, store.processes.now_ms)
    rows = queues.pause(store, ctx.catalog_if_any(), names, until_ms, reason)
    if ctx.output is not Output.TABLE:
        ctx.emit(rows, PAUSES)
    end = f"until {moment(ctx, rows[0].until)}" if rows[0].until else f"until `jobctl queue resume {' '.join(names)}`"
    ctx.say(f"paused {', '.join(row.queue for row in rows)} {end}; running jobs go on")


def _moment(duration: str | None, until: str | None, now_ms: Callable[[], int]) -> int | None:
    """When a pause ends, epoch ms; None for never."""
    from jobctl.ops.when import parse_at, parse_delay

    if duration is not None and until is not None:
        raise UsageError("--for and --until exclude each other")
    if duration is not None:
        return now_ms() + parse_delay(duration, "--for")
    if until is None:
        return None
    until_ms = parse_at(until)
    if until_ms <= now_ms():
        raise UsageError(f"--until {until} is past")
    return until_ms


@command
def resume(ctx: Context, names: Names) -> None:
    """Hand out jobs of paused queues again."""
    from jobctl.ops import queues

    ctx.require_writable("resume queues")
    rows = queues.resume(ctx.store(), ctx.catalog_if_any(), names)
    if ctx.output is not Output.TABLE:
        ctx.emit(rows, PAUSES)
    for row in rows:
        ctx.say(f"resumed {row.queue}" if row.changed else f"{row.queue} was not paused")


@command
def empty(
    ctx: Context,
    name: Name,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go, and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    maximum: Annotated[
        int | None,
        typer.Option("--max", metavar="N", min=0, help="Change nothing if there are more.", show_default=False),
    ] = None,
) -> int:
    """Move all jobs of a queue that do not run to the trash, where they stay for 7 days."""
    from jobctl.cli import bulk as front
    from jobctl.cli.confirm import Change
    from jobctl.ops import queues
    from jobctl.store.records import Plan, PlanRow

    if not dry_run:
        ctx.require_writable("empty queues")
    store = ctx.store()
    counts = queues.plan_empty(store, ctx.catalog_if_any(), name)
    matched = sum(counts.values())
    if matched == 0:
        raise front.nothing(ctx, f"job of queue {name}", "running and dead ones are not touched")
    noun = f"job{'s' * (matched != 1)} of queue {name} to the trash"
    lines = [f"{count:>9,}  {state}" for state, count in counts.items() if count]
    change = Change("move", noun, matched, lines, whole_queue=name, summed=True)
    if dry_run:
        parts = [PlanRow(queue=name, type="*", group="", error=s, count=n) for s, n in counts.items() if n]
        return _dry_run(ctx, Plan(matched=matched, parts=tuple(parts)), str(change))
    return front.carry_out(
        ctx,
        change,
        lambda: queues.empty(store, name, matched),
        done="moved",
        yes=yes,
        maximum=maximum,
        hint=f"`jobctl dead restore queue:{name}` brings them back within 7 days",
    )


def _dry_run(ctx: Context, plan: Any, words: str) -> int:
    from jobctl.cli.bulk import show_plan

    show_plan(ctx, plan, words)
    return 0
