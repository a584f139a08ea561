"""`jobctl job release`."""

from __future__ import annotations

from jobctl.cli.bulk.options import Answers, Selected
from jobctl.cli.bulk.run import change_selection, choose
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def release(ctx: Context, selected: Selected, answers: Answers) -> int:
    """Free the unique keys that jobs hold.

    Another job with the same key can then be enqueued; the job itself does not change. Exit 4 if it holds no key.

    Example: jobctl job release 1m80w17s0w7jd106qwm2
    """
    from jobctl.ops.bulk import verbs

    if not answers.only_look:
        ctx.require_writable("free unique keys")
    ctx.because(answers.reason)
    store = ctx.store(retries=2)
    selection = choose(ctx, store, verbs.release(by_name=False), selected)
    return change_selection(ctx, store, verbs.release(by_name=selection.by_name), selection, answers)
