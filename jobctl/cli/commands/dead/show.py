"""`jobctl dead show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.commands.dead._shared import LETTERS, open_selection, take_in
from jobctl.cli.commands.job._shared import InQueue
from jobctl.cli.context import Context, Output
from jobctl.cli.parse.options import command
from jobctl.cli.parse.reveal import Unredacted, audit
from jobctl.cli.view.cell import failure, iso, short_duration
from jobctl.cli.view.formats import to_json
from jobctl.cli.view.table import Column
from jobctl.errors import NothingMatched
from jobctl.store.data.records import AttemptRecord, DeadLetter

if TYPE_CHECKING:
    from jobctl.store import Store
    from jobctl.store.data.records import DeadGroup


@command
def show(
    ctx: Context,
    ids: Annotated[
        list[str], typer.Argument(metavar="ID…|GROUP", help="Dead letters, or one error group.", show_default=False)
    ],
    queue: InQueue = None,
    unredacted: Unredacted = False,
) -> int:
    """Show dead letters in full, or what those of an error group have in common.

    Of a dead letter: payload, every attempt, the traceback. Of a group: what most of its latest 500 dead letters have
    (values of the payload, the host, the hour) and most of the latest completed jobs of its type have not.

    Example: jobctl dead show 1m80w17s0w7jd106qwm2
    """
    from jobctl.ops import dead, groups

    store, selection = open_selection(ctx, queue=queue)
    stock = take_in(ctx, store, selection)
    if unredacted:
        audit(ctx, store, "dead show", ids)
    if len(ids) == 1 and (group := groups.meant(store, ids[0], selection.queues)):
        _show_group(ctx, store, group)
        return 0
    rows = dead.show(store, selection.queues, ids, stock=stock, unredacted=unredacted)
    if ctx.output is Output.TABLE:
        for number, row in enumerate(rows):
            ctx.stdout.write("\n" if number else "")
            ctx.emit(row, SHEET)
    else:
        ctx.emit(rows[0] if len(set(ids)) == 1 else rows, LETTERS)
    missing = len(set(ids)) - len(rows)
    if missing:
        raise NothingMatched(f"{missing} of the {len(set(ids))} ids are not dead letters")
    return 0


def _show_group(ctx: Context, store: Store, group: DeadGroup) -> None:
    from jobctl.cli.commands.dead._groups import sheet
    from jobctl.ops.common import compared
    from jobctl.ops.groups import explained

    detail = compared(store, explained(store, [group])[0])
    ctx.emit(detail, sheet(ctx))
    if ctx.output is Output.TABLE and detail.latest:
        ctx.say(f"the latest: jobctl dead show {detail.latest}; all: jobctl dead ls group:{detail.group}")


def _attempts(letter: DeadLetter) -> str:
    lines = [_attempt(attempt) for attempt in letter.attempts]
    untold = letter.attempt_count - len(lines)
    if untold > 0:
        lines.append(f"{untold} more, no longer kept")
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
