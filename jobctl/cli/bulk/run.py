"""How a bulk change looks from the command line: plan, confirmation, progress, Ctrl-C, result, exit code."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from jobctl.cli.bulk.confirm import Change, confirm
from jobctl.cli.context import Context, Output
from jobctl.cli.view.table import NAME, Column
from jobctl.errors import INTERRUPTED, JobctlError, NothingMatched
from jobctl.store.data.records import BulkResult, Plan, PlanRow

PROGRESS_FROM = 2_000
"""Fewer jobs than these are done before a progress bar could be read."""

RESULT = tuple(Column(name.upper(), name, right=True) for name in ("matched", "changed", "skipped", "failed"))
PARTS = (
    Column("COUNT", "count", right=True),
    Column("TYPE", "type", importance=8, least=NAME),
    Column("ERROR", "error", importance=7, least=NAME),
    Column("QUEUE", "queue", importance=5, least=NAME),
    Column("GROUP", "group", importance=6),
)


def show_plan(ctx: Context, plan: Plan, words: str) -> None:
    """Answer `--dry-run`. `words` say what would happen: "retry 3 dead letters"."""
    if ctx.output is Output.TABLE:
        ctx.emit(plan.parts, PARTS)
    else:
        ctx.emit(plan, RESULT)
    ctx.say(f"would {words}; nothing was changed")


def nothing(ctx: Context, what: str, hint: str) -> NothingMatched:
    """The error for a plan that matches nothing; programs get its record on stdout all the same."""
    if ctx.output is not Output.TABLE:
        ctx.emit(BulkResult(0, 0, 0, 0), RESULT)
    return NothingMatched(f"no {what} matched", hint)


def whole(parts: Sequence[PlanRow]) -> str:
    """What is to be typed when everything in a queue (or in several: "all") goes."""
    queues = {part.queue for part in parts}
    return queues.pop() if len(queues) == 1 else "all"


def preview(parts: Sequence[PlanRow]) -> list[str]:
    """A line a part, the largest first."""
    return [
        f"{part.count:>9,}  {part.type}  {part.error or 'no error'}  (queue {part.queue}, group {part.group or 'none'})"
        for part in parts
    ]


def carry_out(
    ctx: Context,
    change: Change,
    batches: Callable[[], Iterator[BulkResult]],
    *,
    done: str,
    yes: bool,
    maximum: int | None,
    hint: str = "",
) -> int:
    """Confirm, change, and say what was done. `done` is the verb of the past: "retried". Returns the exit code."""
    confirm(ctx, change, yes=yes, maximum=maximum)
    last = BulkResult(change.count, 0, 0, 0)
    running = batches()
    try:
        with _between_batches() as interrupted, _progress(ctx, change) as advance:
            for last in running:
                advance(last.changed + last.failed)
                if interrupted():
                    break
            stopped = interrupted() and last.changed + last.skipped + last.failed < last.matched
    except (JobctlError, KeyboardInterrupt):
        ctx.say(_stopped(change, last, done))
        raise
    finally:
        running.close()  # type: ignore[attr-defined]  # a generator: it writes its audit entry now
    if ctx.output is not Output.TABLE:
        ctx.emit(last, RESULT)
    if stopped:
        ctx.say(_stopped(change, last, done))
        return INTERRUPTED
    ctx.say(_sentence(change, last, done) + (f"; {hint}" if hint and last.changed else ""))
    return 1 if last.failed else 0


def _sentence(change: Change, result: BulkResult, done: str) -> str:
    text = f"{done} {result.changed:,} {change.noun}"
    if result.skipped:
        text += f"; {result.skipped:,} {'was' if result.skipped == 1 else 'were'} gone already"
    if result.failed:
        text += f"; {result.failed:,} could not be handled and {'is' if result.failed == 1 else 'are'} left as before"
    return text


def _stopped(change: Change, result: BulkResult, done: str) -> str:
    return (
        f"{done} {result.changed:,} of {result.matched:,} {change.noun} before it was stopped; "
        "the rest is as before: run it again to go on"
    )


@contextmanager
def _between_batches() -> Iterator[Callable[[], bool]]:
    """Hold Ctrl-C back until a batch is over, so that the count is true; the second one interrupts at once."""
    pressed: list[int] = []

    def note(number: int, frame: Any) -> None:
        del frame
        pressed.append(number)
        if len(pressed) > 1:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


def _progress(ctx: Context, change: Change) -> Any:
    """A progress bar on stderr for a person who has to wait; yields a function that takes how many are done."""
    if ctx.quiet or change.count < PROGRESS_FROM or not ctx.stderr.isatty():
        return nullcontext(lambda _: None)
    return _bar(ctx, change)


@contextmanager
def _bar(ctx: Context, change: Change) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(file=ctx.stderr, markup=False, highlight=False, no_color=not ctx.settings.color)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(change.verb, total=change.count)
        yield lambda count: progress.update(task, completed=count)
