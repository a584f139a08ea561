"""`jobctl enqueue --from`: ids on stdout as lines are accepted, bad lines and progress on stderr."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from jobctl import clock
from jobctl.catalog.model import Catalog
from jobctl.cli.context import Context, Output
from jobctl.errors import INTERRUPTED, Conflict, OperationFailed, RedisUnavailable, Refused, UsageError
from jobctl.ops.lines import ANY_TYPE, BadLine, Bulk, Defaults, Tally
from jobctl.producer import Producer, read_priority, read_times
from jobctl.store.data.ids import JobRef
from jobctl.store.data.records import BulkResult
from jobctl.text import sanitize

SHOWN_BAD = 1_000
"""Bad lines that are reported one by one; the rest is counted."""


def enqueue_lines(
    ctx: Context, source: str, type_name: str | None, options: dict[str, Any], *, wait: bool, timeout_s: float | None
) -> int:
    """Enqueue every line of a file or of stdin. Returns the exit code: 1 if some lines were bad, 8 if none was, but
    some were refused for their unique key.
    """
    catalog = ctx.catalog()
    defaults = Defaults(type_name or ANY_TYPE, **options)
    store = ctx.store(retries=2)
    _check(catalog, defaults)
    waited: set[JobRef] | None = set() if wait else None
    with _opened(ctx, source) as (descriptor, size):
        bulk = Bulk(store, Producer(catalog, store.mint, ctx.settings.trace), descriptor, defaults)
        _run(ctx, bulk, size, waited)
    _summarise(ctx, bulk.tally)
    if bulk.stopped:
        return INTERRUPTED
    code = OperationFailed.exit_code if bulk.tally.bad else Conflict.exit_code if bulk.tally.conflicts else 0
    return max(code, _wait(ctx, waited, timeout_s)) if waited else code


def _run(ctx: Context, bulk: Bulk, size: int | None, waited: set[JobRef] | None) -> None:
    progress = _Progress(ctx, size)
    gc.freeze()
    try:
        with _interruptible(bulk):
            for written in bulk.run():
                progress.clear()
                ids = [job.id for job in written.jobs]
                _print_ids(ctx, ids)
                _complain(ctx, written.bad, bulk.tally)
                if waited is not None:
                    waited.update(map(JobRef, (done.job.queue for done in written.jobs), ids))
                progress.show(bulk.tally)
    except (RedisUnavailable, Refused) as error:
        progress.clear()
        kind = Refused if isinstance(error, Refused) else RedisUnavailable
        raise kind(f"{error.message}; {_accepted(bulk.tally)}", error.hint) from error
    finally:
        progress.clear()
        gc.unfreeze()


def _check(catalog: Catalog, defaults: Defaults) -> None:
    """What holds for every line is refused once, not once a line."""
    if defaults.type != ANY_TYPE:
        from jobctl.catalog.payload import job_type

        job_type(catalog, defaults.type)
    read_times(defaults.delay, defaults.at, defaults.expires)
    if defaults.priority is not None:
        read_priority(defaults.priority)


@contextmanager
def _opened(ctx: Context, source: str) -> Iterator[tuple[int, int | None]]:
    """The descriptor to read, and its size if it is a plain file."""
    if source == "-":
        if ctx.stdin.isatty():
            ctx.say("reading one job per line from the terminal; end with Ctrl-D")
        yield ctx.stdin.fileno(), None
        return
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise _unreadable(source, error) from error
    try:
        size = os.fstat(descriptor).st_size
        os.read(descriptor, 0)
        yield descriptor, size or None
    except IsADirectoryError as error:
        raise _unreadable(source, error) from error
    finally:
        os.close(descriptor)


def _unreadable(source: str, error: Exception) -> UsageError:
    return UsageError(f"cannot read {source!r}: {getattr(error, 'strerror', None) or error}")


@contextmanager
def _interruptible(bulk: Bulk) -> Iterator[None]:
    """Ctrl-C ends after the batch that is being written, so that the count is true; a second one ends at once."""

    def stop(_number: int, _frame: Any) -> None:
        signal.signal(signal.SIGINT, before)
        bulk.stop()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _print_ids(ctx: Context, ids: Sequence[str]) -> None:
    if ids and ctx.output in (Output.TABLE, Output.NAME):
        ctx.stdout.write("\n".join(ids) + "\n")
        ctx.stdout.flush()


def _complain(ctx: Context, bad: Sequence[BadLine], tally: Tally) -> None:
    before = tally.bad + tally.conflicts - len(bad)
    for line in bad[: max(0, SHOWN_BAD - before)]:
        ctx.stderr.write(f"line {line.number}: {sanitize(line.reason, limit=500)}\n")


def _summarise(ctx: Context, tally: Tally) -> None:
    if ctx.output not in (Output.TABLE, Output.NAME):
        skipped, failed = tally.known + tally.skipped, tally.bad + tally.conflicts
        ctx.emit(BulkResult(tally.lines, tally.accepted - skipped, skipped, failed), ())
    if (more := tally.bad + tally.conflicts - SHOWN_BAD) > 0:
        ctx.stderr.write(f"… and {more:,} more lines that were not accepted\n")
    ctx.say(_accepted(tally))


def _accepted(tally: Tally) -> str:
    text = f"{_lines(tally.accepted)} accepted"
    details = (
        (tally.known, "already known"),
        (tally.skipped, "skipped: another job holds their unique key"),
        (tally.replaced, "replaced another job"),
    )
    if told := ", ".join([f"{count:,} {what}" for count, what in details if count]):
        text += f" ({told})"
    if tally.conflicts:
        text += f", {tally.conflicts:,} refused: another job holds their unique key"
    if tally.bad:
        text += f", {tally.bad:,} bad"
    if tally.uncertain:
        text += f"; {tally.uncertain:,} more may have been accepted: enqueue them again with the same ids, or check"
    return text


def _lines(count: int) -> str:
    return f"{count:,} line{'' if count == 1 else 's'}"


def _wait(ctx: Context, waited: set[JobRef], timeout_s: float | None) -> int:
    from jobctl.ops.waiting import count_ends, worst_end

    counts = count_ends(ctx.store(retries=2), waited, timeout_s)
    words = {"waiting": "not finished in time", "gone": "no longer kept"}
    parts = [f"{count:,} {words.get(state, state)}" for state, count in sorted(counts.items())]
    ctx.say(f"{len(waited):,} jobs: {', '.join(parts)}")
    return worst_end(counts)


class _Progress:
    """One line on stderr that is written over; only where a person looks and the ids go elsewhere."""

    def __init__(self, ctx: Context, size: int | None) -> None:
        self._on = ctx.stderr.isatty() and not ctx.stdout_is_tty and not ctx.quiet
        self._size = size
        self._began = self._told = clock.monotonic()
        self._shown = False

    def show(self, tally: Tally) -> None:
        now = clock.monotonic()
        if not self._on or now - self._told < 0.1:
            return
        self._told, self._shown = now, True
        rate = tally.accepted / max(now - self._began, 1e-6)
        text = f"{tally.accepted:,} accepted  {rate:,.0f}/s"
        if self._size:
            done = min(tally.position / self._size, 1.0)
            text = f"[{'#' * round(done * 30):<30}] {done:4.0%}  {text}"
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()

    def clear(self) -> None:
        if self._shown:
            self._shown = False
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
