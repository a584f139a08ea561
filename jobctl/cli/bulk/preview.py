"""What a change of jobs would touch, shown before anything is asked: counts by queue, type and group, and examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobctl.cli.bulk.options import Answers
from jobctl.cli.context import Context, Output
from jobctl.cli.view.parts import PARTS
from jobctl.cli.view.tell import tell
from jobctl.errors import NothingMatched
from jobctl.ops.bulk.consent import examples, lasting

if TYPE_CHECKING:
    from jobctl.ops.bulk.plan import Planned
    from jobctl.ops.bulk.verb import Verb


def nothing(ctx: Context, verb: Verb, planned: Planned, answers: Answers) -> int:
    """Nothing matched; machine formats still get the record of that."""
    if ctx.output not in (Output.TABLE, Output.NAME):
        from jobctl.store.data.records import BulkResult

        ctx.emit(planned.record if answers.dry_run else BulkResult(0, 0, 0, 0), ())
    return tell(ctx, planned.errors or [NothingMatched(verb.none or f"no {verb.noun} matched", verb.nothing)])


def show(ctx: Context, verb: Verb, planned: Planned, answers: Answers) -> int:
    """Answer `--dry-run` and `--plan`."""
    match ctx.output:
        case Output.TABLE:
            ctx.emit(list(planned.parts), PARTS)
            for line in examples(planned):
                ctx.say(f"  {line}")
        case Output.NAME:
            names = [f"{job_id}\n" for ids in (planned.ids or {}).values() for job_id in ids]
            ctx.stdout.write("".join(names))
        case _:
            ctx.emit(planned.record, ())
    if (without_way_back := lasting(verb, planned)) and planned.matched > 1:
        ctx.say(f"  {without_way_back}")
    said = f"would {verb.does} {verb.nouns(planned.matched)}; nothing was changed"
    ctx.say(said if answers.plan is None else f"{said}; do it with `jobctl op apply {answers.plan}`")
    return tell(ctx, planned.errors)
