"""`jobctl queue empty`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from jobctl.cli.commands.queue._shared import Name
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


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
    from jobctl.cli.bulk import run as front
    from jobctl.cli.bulk.confirm import Change
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
    from jobctl.cli.bulk.run import show_plan

    show_plan(ctx, plan, words)
    return 0
