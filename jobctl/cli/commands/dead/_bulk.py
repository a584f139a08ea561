"""What `jobctl dead retry|discard|restore` share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.bulk import run as front
from jobctl.cli.bulk.confirm import Change
from jobctl.cli.commands.dead._shared import open_scope, take_in
from jobctl.cli.context import Context
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


def select(ctx: Context, terms: list[str] | None, groups: list[str] | None, everything: bool) -> tuple[Store, Scope]:
    if everything and (terms or groups):
        raise UsageError("--all and a filter exclude each other")
    if not (everything or terms or groups):
        raise UsageError("say which: ids, a filter such as job:send-email or since:1h, or --all")
    return open_scope(ctx, terms, groups)


def prepare(ctx: Context, store: Store, scope: Scope, dry_run: bool, what: str) -> None:
    """A change first takes in all that stock workers left; a dry run does so like any look."""
    if not dry_run:
        ctx.require_writable(what)
    take_in(ctx, store, scope, everything=not dry_run)


def act(
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
