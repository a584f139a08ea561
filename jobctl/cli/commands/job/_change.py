"""What the commands that change jobs share: ids, or filters with a preview and a question."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.bulk.confirm import PREVIEW_LINES, Change, confirm
from jobctl.cli.context import Context, Output
from jobctl.cli.view.tell import tell
from jobctl.errors import JobctlError, NothingMatched, UsageError

if TYPE_CHECKING:
    from jobctl.ops.change import Tried
    from jobctl.store.data.found import Found

_FILTER = re.compile(r"(queue|job|state|group|label|id|since|until):|error~|args\.[^=]+=")
Targets = Annotated[list[str], typer.Argument(metavar="ID… | FILTER…", help="Ids, or filters: queue:email job:send-*")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be changed.")]
Max = Annotated[int | None, typer.Option("--max", min=0, help="Refuse to change more.", show_default=False)]


def change_jobs(
    ctx: Context,
    verb: str,
    targets: Sequence[str],
    states: Sequence[str],
    apply: Callable[[Sequence[Found]], list[Tried]],
    answers: tuple[bool, bool, int | None],
    queue: str | None = None,
) -> int:
    """Find what is meant, ask if it is many, change it, and say what became of each. Returns the exit code.

    `answers` are `--yes`, `--dry-run` and `--max`; `states` those of which a filter chooses; `queue` is the only one
    that is looked in. Raises Ambiguous for an id that several queues have.
    """
    yes, dry_run, maximum = answers
    ctx.require_writable(f"{verb} jobs")
    found, errors = _targets(ctx, targets, states, queue)
    what = Change(verb, "job" if len(found) == 1 else "jobs", len(found), [_line(job) for job in found[:PREVIEW_LINES]])
    if not found:
        return _report(ctx, [], errors)
    if dry_run:
        return _plan(ctx, what, errors)
    if not by_id(targets) or maximum is not None:
        confirm(ctx, what, yes=yes, maximum=maximum)
    return _report(ctx, apply(found), errors)


def by_id(targets: Sequence[str]) -> bool:
    """Whether ids were given; they were typed one by one and need no question. Raises UsageError for a mixture."""
    filters = [target for target in targets if _FILTER.match(target)]
    if filters and len(filters) != len(targets):
        raise UsageError("give ids or filters, not both", "id:… is a filter too")
    return not filters


def _targets(
    ctx: Context, targets: Sequence[str], states: Sequence[str], queue: str | None
) -> tuple[list[Found], list[JobctlError]]:
    from jobctl.ops import filters, jobs

    if by_id(targets):
        return jobs.locate_all(ctx.store(retries=2), targets, queue)
    wanted = filters.parse(targets)
    if queue is not None:
        if wanted.queue:
            raise UsageError("give the queue once: as --queue or as a filter")
        wanted = replace(wanted, queue=(queue,))
    found = list(jobs.select(ctx.store(retries=2), wanted, states))
    return found, [] if found else [NothingMatched(f"no {', '.join(states[:-1])} or {states[-1]} job matches")]


def _line(job: Found) -> str:
    from jobctl.store.nouns.shown import to_job

    seen = to_job(job)
    return "  ".join(part for part in (seen.id, seen.state, seen.type, seen.label) if part)


def _plan(ctx: Context, what: Change, errors: Sequence[JobctlError]) -> int:
    from jobctl.store.data.records import BulkResult

    for line in what.preview:
        ctx.say(f"  {line}")
    if (more := what.count - len(what.preview)) > 0:
        ctx.say(f"  … and {more:,} more")
    ctx.say(f"would {what}; nothing was changed")
    if ctx.output not in (Output.TABLE, Output.NAME):
        ctx.emit(BulkResult(what.count, 0, 0, 0), ())
    return tell(ctx, errors)


def _report(ctx: Context, tried: Sequence[Tried], errors: Sequence[JobctlError]) -> int:
    from jobctl.ops.change import summary

    if ctx.output is Output.NAME:
        ctx.stdout.write("".join(f"{one.id}\n" for one in tried if one.changed))
    elif ctx.output is not Output.TABLE:
        ctx.emit(summary(tried), ())
    if len(tried) <= 20:
        for one in tried:
            if one.error is None:
                ctx.say(one.text)
    else:
        counts = summary(tried)
        ctx.say(
            f"{counts.changed:,} of {counts.matched:,} changed, {counts.skipped:,} skipped, {counts.failed:,} failed"
        )
    return tell(ctx, [*errors, *(one.error for one in tried if one.error)])
