"""`jobctl migrate`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.context import Context
from jobctl.cli.parse.options import command

if TYPE_CHECKING:
    from jobctl.store import Store


@command
def migrate(
    ctx: Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be looked at, and change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> int:
    """Bring what an older version keeps in Redis to this version's layout.

    Stop its workers and schedulers before, and upgrade producers: none of them works on while this runs. Every job
    stays in its state. It may be broken off; run it again and it goes on.

    Example: jobctl migrate --dry-run
    """
    from jobctl.cli.bulk import run as front
    from jobctl.cli.bulk.confirm import Change
    from jobctl.ops import migrate as ops
    from jobctl.store.wire.layout import LAYOUT

    if not dry_run:
        ctx.require_writable("migrate namespaces")
    with _served(ctx) as store:
        plan = ops.plan(store)
        if plan is None:
            ctx.say(f"namespace {store.namespace} needs no migration: layout {LAYOUT}")
            return 0
        noun = f"entr{'y' if plan.matched == 1 else 'ies'} of namespace {store.namespace} to layout {LAYOUT}"
        lines = front.preview(plan.parts)
        change = Change("migrate", noun, plan.matched, lines, whole_queue=store.namespace, summed=True)
        if dry_run:
            front.show_plan(ctx, plan, str(change))
            return 0
        return front.carry_out(
            ctx,
            change,
            lambda: ops.migrate(store, plan),
            done="migrated",
            yes=yes,
            maximum=plan.matched,
            hint="start its workers and schedulers again",
        )


@contextmanager
def _served(ctx: Context) -> Iterator[Store]:
    """The store; with this project's embedded server, if that is meant and not running: `up` refuses to start."""
    from jobctl.ops.connect import open_store, serving

    with serving(ctx.settings) as url:
        yield open_store(ctx.settings, None if ctx.settings.namespace else ctx.catalog_if_any(), url=url)
