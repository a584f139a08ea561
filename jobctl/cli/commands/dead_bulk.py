"""`jobctl dead retry|discard|restore`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli import bulk as front
from jobctl.cli.commands.dead import GroupOption, Terms, open_scope, take_in
from jobctl.cli.confirm import Change
from jobctl.cli.context import Context
from jobctl.cli.options import command
from jobctl.errors import UsageError
from jobctl.store.data.records import BulkResult, Plan

if TYPE_CHECKING:
    from jobctl.ops.bulk import Scope
    from jobctl.store import Store

All = Annotated[bool, typer.Option("--all", help="Every one.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Max = Annotated[
    int | None,
    typer.Option("--max", metavar="N", min=0, help="Change nothing if more than N match.", show_default=False),
]
Start = Callable[["Store", "Scope", Plan], Iterator[BulkResult]]


@command
def retry(
    ctx: Context,
    terms: Terms = None,
    group: GroupOption = None,
    everything: All = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    maximum: Max = None,
) -> int:
    """Run dead letters again, under their ids and with fresh retries."""
    from jobctl.ops import dead_bulk

    store, scope = _select(ctx, terms, group, everything)
    _prepare(ctx, store, scope, dry_run, "retry dead letters")
    scope, plan = dead_bulk.plan(store, scope)
    return _act(ctx, store, scope, plan, ("retry", "retried"), dead_bulk.retry, dry_run, yes, maximum)


@command
def discard(
    ctx: Context,
    terms: Terms = None,
    group: GroupOption = None,
    everything: All = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    maximum: Max = None,
) -> int:
    """Move dead letters to the trash, where they stay for 7 days."""
    from jobctl.ops import dead_bulk

    store, scope = _select(ctx, terms, group, everything)
    _prepare(ctx, store, scope, dry_run, "discard dead letters")
    scope, plan = dead_bulk.plan(store, scope)
    hint = "`jobctl dead restore`, with the same filter, brings them back within 7 days"
    return _act(ctx, store, scope, plan, ("discard", "discarded"), dead_bulk.discard, dry_run, yes, maximum, hint)


@command
def restore(
    ctx: Context,
    terms: Terms = None,
    group: GroupOption = None,
    everything: All = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    maximum: Max = None,
) -> int:
    """Bring back what was discarded, and the jobs of emptied queues.

    Dead letters are dead again, jobs of an emptied queue wait again, delayed ones for their time. since: and
    until: are about when they were discarded or emptied.
    """
    from jobctl.ops import dead_bulk

    store, scope = _select(ctx, terms, group, everything)
    if not dry_run:
        ctx.require_writable("restore jobs")
    plan = dead_bulk.plan_restore(store, scope)
    verbs = ("restore", "restored")
    return _act(ctx, store, scope, plan, verbs, dead_bulk.restore, dry_run, yes, maximum, noun="job")


def _select(ctx: Context, terms: list[str] | None, groups: list[str] | None, everything: bool) -> tuple[Store, Scope]:
    if everything and (terms or groups):
        raise UsageError("--all and a filter exclude each other")
    if not (everything or terms or groups):
        raise UsageError("say which: ids, a filter such as job:send-email or since:1h, or --all")
    return open_scope(ctx, terms, groups)


def _prepare(ctx: Context, store: Store, scope: Scope, dry_run: bool, what: str) -> None:
    """A change first takes in all that stock workers left; a dry run does so like any look."""
    if not dry_run:
        ctx.require_writable(what)
    take_in(ctx, store, scope, everything=not dry_run)


def _act(
    ctx: Context,
    store: Store,
    scope: Scope,
    plan: Plan,
    verbs: tuple[str, str],
    start: Start,
    dry_run: bool,
    yes: bool,
    maximum: int | None,
    hint: str = "",
    noun: str = "dead letter",
) -> int:
    verb, done = verbs
    if plan.matched == 0:
        trash = verb == "restore"
        raise front.nothing(
            ctx,
            "job in the trash" if trash else "dead letter",
            "" if trash else "`jobctl dead groups` shows what there is",
        )
    change = Change(
        verb=verb,
        noun=noun if plan.matched == 1 else f"{noun}s",
        count=plan.matched,
        preview=front.preview(plan.parts),
        whole_queue=front.whole(plan.parts) if scope.whole and plan.matched > 1 else None,
        summed=True,
    )
    if dry_run:
        front.show_plan(ctx, plan, str(change))
        return 0
    return front.carry_out(
        ctx, change, lambda: start(store, scope, plan), done=done, yes=yes, maximum=maximum, hint=hint
    )
