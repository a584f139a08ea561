"""`jobctl migrate`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from jobctl.cli.bulk.options import Answers
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command

if TYPE_CHECKING:
    from jobctl.store import Store


@command
def migrate(ctx: Context, answers: Answers) -> int:
    """Convert the data of an older version in Redis to this version's layout.

    First stop workers and schedulers and upgrade producers: none of them can work while this runs. Jobs keep their
    states. If it is interrupted, run it again to continue.

    Example: jobctl migrate --dry-run
    """
    from jobctl.cli.bulk.run import carry_out
    from jobctl.ops import migrate as ops
    from jobctl.store.wire.layout import LAYOUT

    if not answers.dry_run:
        ctx.require_writable("migrate namespaces")
    with _served(ctx) as store:
        planned = ops.plan(store)
        if planned is None:
            ctx.say(f"namespace {store.namespace} needs no migration: layout {LAYOUT}")
            return 0
        if answers.maximum is None:  # there is nothing to choose: --yes alone is the answer of a script
            answers = replace(answers, maximum=planned.matched)
        return carry_out(ctx, store, ops.migrate(store.namespace), planned, answers)


@contextmanager
def _served(ctx: Context) -> Iterator[Store]:
    """The store; with this project's embedded server, if that is meant and not running: `up` refuses to start."""
    from jobctl.ops.connect import open_store, serving

    with serving(ctx.settings) as url:
        yield open_store(ctx.settings, None if ctx.settings.namespace else ctx.catalog_if_any(), url=url)
