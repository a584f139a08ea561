"""`jobctl dead ls|show|groups`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.context import Context, Output
from jobctl.cli.options import command
from jobctl.cli.output import Column, failure, iso, message, short_duration, to_json
from jobctl.cli.reveal import Unredacted, audit
from jobctl.errors import NothingMatched
from jobctl.store.data.records import AttemptRecord, DeadLetter

if TYPE_CHECKING:
    from jobctl.ops.bulk import Scope
    from jobctl.store import Store

Terms = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID|FILTER]…",
        help="queue: job: error~ group: args.KEY= label: since: until: id:",
        show_default=False,
    ),
]
GroupOption = Annotated[
    list[str] | None, typer.Option("--group", metavar="GROUP", help="A group's id.", show_default=False)
]

LETTERS = (
    Column("ID", "id", keep=True),
    Column("DIED", "died_at"),
    Column("TYPE", "type"),
    Column("ERROR", "error", styles={}),
    Column("MESSAGE", message),
    Column("RUNS", "attempt_count", right=True),
    Column("GROUP", "group", keep=True),
    Column("QUEUE", "queue"),
)
GROUPS = (
    Column("GROUP", "group", keep=True),
    Column("COUNT", "count", right=True),
    Column("TYPE", "type"),
    Column("ERROR", "error"),
    Column("MESSAGE", message),
    Column("FIRST", "first_died_at"),
    Column("LAST", "last_died_at"),
    Column("QUEUE", "queue"),
)


def open_scope(ctx: Context, terms: list[str] | None, groups: list[str] | None) -> tuple[Store, Scope]:
    """The store, and what a command's arguments select in it."""
    from jobctl.ops import bulk

    wanted = bulk.read_filter(terms or (), groups or ())
    words = [*(terms or ()), *(f"group:{group}" for group in groups or ())] or ["--all"]
    store = ctx.store()
    return store, bulk.scope(store, ctx.catalog_if_any(), wanted, words)


def take_in(ctx: Context, store: Store, scope: Scope, *, everything: bool = False) -> None:
    """Take in what stock workers left dead; say what is not shown."""
    from jobctl.ops import stock

    limit = None if everything else stock.TAKEN_FOR_A_LOOK
    inbox = stock.take_in(store, scope.queues, write=not ctx.settings.read_only, limit=limit)
    if inbox.left and ctx.settings.read_only:
        ctx.say(f"{inbox.left:,} dead letters lie in stock Dramatiq's inbox; the latest of them are shown too")
    elif inbox.left:
        ctx.say(f"{inbox.left:,} more dead letters lie in stock Dramatiq's inbox; ask again to see more of them")


@command
def ls(
    ctx: Context,
    terms: Terms = None,
    group: GroupOption = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="Show at most N.", min=1)] = 50,
    unredacted: Unredacted = False,
) -> None:
    """List dead letters, the latest first."""
    from jobctl.ops import dead

    store, scope = open_scope(ctx, terms, group)
    take_in(ctx, store, scope)
    if unredacted:
        audit(ctx, store, "dead ls", [*(terms or ()), *(group or ())])
    rows = dead.ls(store, scope, limit + 1, stock=ctx.settings.read_only, unredacted=unredacted)
    ctx.emit(rows[:limit], LETTERS, empty="no dead letters" if scope.filter.is_empty else "no dead letter matched")
    if len(rows) > limit and ctx.output is Output.TABLE:
        ctx.say(f"the latest {limit} only; see `jobctl dead groups`, or more with --limit")


@command
def groups(ctx: Context, terms: Terms = None, group: GroupOption = None) -> None:
    """Show why jobs died: dead letters grouped by their error."""
    from jobctl.ops import dead

    store, scope = open_scope(ctx, terms, group)
    take_in(ctx, store, scope)
    rows = dead.groups(store, scope, stock=ctx.settings.read_only)
    ctx.emit(rows, GROUPS, empty="no dead letters" if scope.filter.is_empty else "no dead letter matched")


@command
def show(
    ctx: Context,
    ids: Annotated[list[str], typer.Argument(metavar="ID…", help="Dead letters.", show_default=False)],
    unredacted: Unredacted = False,
) -> None:
    """Show dead letters in full: payload, every attempt, the traceback."""
    from jobctl.ops import dead

    store, scope = open_scope(ctx, [], [])
    take_in(ctx, store, scope)
    if unredacted:
        audit(ctx, store, "dead show", ids)
    rows = dead.show(store, scope.queues, ids, stock=ctx.settings.read_only, unredacted=unredacted)
    if ctx.output is Output.TABLE:
        for number, row in enumerate(rows):
            ctx.stdout.write("\n" if number else "")
            ctx.emit(row, SHEET)
    else:
        ctx.emit(rows[0] if len(set(ids)) == 1 else rows, LETTERS)
    missing = len(set(ids)) - len(rows)
    if missing:
        raise NothingMatched(f"{missing} of the {len(set(ids))} ids are not dead letters")


def _attempts(letter: DeadLetter) -> str:
    lines = [_attempt(attempt) for attempt in letter.attempts]
    untold = letter.attempt_count - len(lines)
    if untold > 0:
        lines.append(f"{untold} more of which nothing is kept")
    return "\n".join(lines)


def _attempt(attempt: AttemptRecord) -> str:
    where = f"{attempt.host}:{attempt.pid}" if attempt.pid else "-"
    took = short_duration(attempt.duration_s)
    told = failure(attempt) or ""
    return f"{attempt.number}  {iso(attempt.started_at)}  {took:>5}  {attempt.outcome}  {where}  {told}".rstrip()


def _traceback(letter: DeadLetter) -> str:
    traces = [attempt.traceback for attempt in letter.attempts if attempt.traceback]
    return traces[-1] if traces else ""


SHEET = (
    Column("ID", "id"),
    Column("TYPE", "type"),
    Column("QUEUE", "queue"),
    Column("LABEL", "label"),
    Column("DIED", "died_at"),
    Column("RUNS", "attempt_count"),
    Column("ERROR", "error"),
    Column("MESSAGE", "message"),
    Column("GROUP", "group"),
    Column("PAYLOAD", lambda letter: to_json(letter.payload)),
    Column("ATTEMPTS", _attempts),
    Column("TRACEBACK", _traceback),
)
