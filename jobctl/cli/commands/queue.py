"""`jobctl queue ls|show|empty`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobctl.cli import complete
from jobctl.cli.context import Context, Output
from jobctl.cli.options import command
from jobctl.cli.output import Column, iso, short_duration, table_text
from jobctl.cli.pauses import tell_pauses
from jobctl.cli.watch import watch as again

if TYPE_CHECKING:
    from jobctl.store.data.records import QueueDetail, QueueRow

ZERO = {"0": "dim"}


def _paused(row: QueueRow) -> str:
    """yes, no, or which job types."""
    return "yes" if row.paused else ", ".join(row.paused_types) or "no"


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
    Column("PAUSED", _paused, styles={"yes": "yellow", "no": "dim"}),
)
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

    if watch:
        again(ctx, read, COLUMNS, lambda rows: table_text(ctx, rows, COLUMNS) if rows else "no queues\n")
    rows = read()
    ctx.emit(rows, COLUMNS, empty="no queues: nothing was ever enqueued here, and no catalog names one")
    if any(row.paused or row.paused_types for row in rows) and ctx.output is Output.TABLE:
        tell_pauses(ctx, store, catalog, {row.queue for row in rows})


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


def _pauses(row: QueueDetail) -> str:
    from jobctl.ops.pauses import sentence

    return "\n".join(sentence(pause, iso) for pause in row.pauses) or "no"


SHEET: tuple[Column, ...] = (
    COLUMNS[0],
    *(Column(c.header, c.value) for c in COLUMNS[1:7]),
    Column("OLDEST", lambda row: f"{short_duration(row.oldest_waiting_s)}  {row.oldest_waiting or ''}".strip()),
    Column("WORKERS", "workers"),
    Column("PAUSED", _pauses),
    Column("LAST MINUTE", lambda row: f"{row.completed_last_minute:,} completed, {row.died_last_minute:,} died"),
    Column("JOB TYPES", lambda row: ", ".join(row.job_types)),
    Column("SERVED BY", lambda row: ", ".join(row.served_by)),
    Column("ERRORS", _groups),
)


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
    from jobctl.store.data.records import Plan, PlanRow

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
