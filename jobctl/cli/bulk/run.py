"""A change of jobs from the command line: selection, plan, confirmation, progress, Ctrl-C, result, exit code."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from jobctl.cli.bulk import preview
from jobctl.cli.bulk.confirm import confirm
from jobctl.cli.bulk.freezer import Freezer
from jobctl.cli.bulk.options import Answers, Selected
from jobctl.cli.bulk.pacing import Pacing, begin
from jobctl.cli.bulk.progress import bar
from jobctl.cli.bulk.stdin import with_stdin
from jobctl.cli.context import Context, Output
from jobctl.cli.explain import show
from jobctl.cli.parse.reveal import audit
from jobctl.cli.view.tell import tell
from jobctl.errors import INTERRUPTED, JobctlError, NothingMatched

if TYPE_CHECKING:
    from jobctl.ops.bulk.plan import Planned
    from jobctl.ops.bulk.selection import Selection
    from jobctl.ops.bulk.verb import Tally, Tried, Verb
    from jobctl.store import Store

PROGRESS_FROM = 2_000
"""Fewer jobs than these are done before a progress bar could be read."""
TOLD = 20
"""Up to so many jobs are reported one by one; more than that, only as counts."""


def choose(ctx: Context, store: Store, verb: Verb, selected: Selected) -> Selection:
    """The selection that was typed. Raises UsageError or NothingMatched."""
    from jobctl.ops.bulk import selection

    terms = list(with_stdin(ctx, selected.terms or ()))
    if selected.unredacted:
        audit(ctx, store, verb.name, [*terms, *(selected.groups or ())])
    return selection.choose(
        store,
        ctx.catalog_if_sound(),
        terms,
        groups=selected.groups or (),
        everything=selected.everything,
        queue=selected.queue,
        states=verb.states,
        limit=selected.limit,
        newest=selected.newest,
        unredacted=selected.unredacted,
    )


def change(ctx: Context, verb: Verb, selected: Selected, answers: Answers) -> int:
    """Change the selected jobs; see `carry_out`."""
    if not answers.only_look:
        ctx.require_writable(f"{verb.does} {verb.noun}s")
    ctx.because(answers.reason)
    store = ctx.store(retries=2)
    return change_selection(ctx, store, verb, choose(ctx, store, verb, selected), answers)


def change_selection(
    ctx: Context, store: Store, verb: Verb, selection: Selection, answers: Answers, pacing: Pacing | None = None
) -> int:
    """Plan the change of a selection, and carry it out."""
    from jobctl.ops.bulk.plan import plan

    if answers.explain:
        return explain(ctx, store, selection, by_index=verb.by_index is not None)
    frozen = Freezer(answers.plan)
    if pacing is not None and pacing.pace() is not None and answers.plan is None:
        return _hand_over(ctx, store, verb, selection, answers, pacing)
    planned = plan(store, selection, by_index=verb.by_index is not None, freeze=frozen.take)
    return carry_out(ctx, store, verb, planned, answers, frozen)


def _hand_over(ctx: Context, store: Store, verb: Verb, selection: Selection, answers: Answers, pacing: Pacing) -> int:
    """Plan a change that others carry on, ask, and begin it."""
    from jobctl.ops.bulk.background import Gathered
    from jobctl.ops.bulk.consent import change_of
    from jobctl.ops.bulk.plan import plan

    gathered = Gathered()
    planned = plan(store, selection, freeze=gathered.take)
    if planned.matched == 0:
        return preview.nothing(ctx, verb, planned, answers)
    if answers.only_look:
        return preview.show(ctx, verb, planned, answers)
    confirm(ctx, change_of(verb, planned), yes=answers.yes, maximum=answers.maximum)
    code = begin(ctx, store, verb, planned, gathered, pacing)
    return tell(ctx, planned.errors) or code


def explain(ctx: Context, store: Store, selection: Selection, *, by_index: bool = False) -> int:
    """Answer `--explain`."""
    from jobctl.ops.sources import explain

    found = explain(
        store,
        selection.filter,
        selection.queues,
        selection.states,
        ids=selection.ids,
        by_index=by_index and selection.by_index,
        unredacted=selection.unredacted,
    )
    return show(ctx, found)


def carry_out(
    ctx: Context, store: Store, verb: Verb, planned: Planned, answers: Answers, frozen: Freezer | None = None
) -> int:
    """Show the plan (`--dry-run`, `--plan`), or ask, do it, and say what was done. Returns the exit code."""
    from jobctl.ops.bulk.consent import change_of

    if planned.matched == 0:
        return preview.nothing(ctx, verb, planned, answers)
    if answers.plan is not None and frozen is not None:
        frozen.write(store, verb, planned)
    if answers.only_look:
        return preview.show(ctx, verb, planned, answers)
    confirm(ctx, change_of(verb, planned), yes=answers.yes, maximum=answers.maximum)
    return _Report(ctx, verb, planned).run(store)


class _Report:
    """Runs a change and tells of it: per job where few were named, in numbers otherwise."""

    def __init__(self, ctx: Context, verb: Verb, planned: Planned) -> None:
        self._ctx = ctx
        self._verb = verb
        self._planned = planned
        self._each = planned.matched <= TOLD and planned.ids is not None
        self._tried: dict[Any, Tried] = {}

    def run(self, store: Store) -> int:
        from jobctl.ops.bulk.run import Run

        running = Run(store, self._verb, self._planned)
        batches = running.batches()
        tally = running.tally
        try:
            with _between_batches() as interrupted, _progress(self._ctx, self._verb, self._planned) as advance:
                for tried in batches:
                    self._take(tried)
                    advance(tally.changed + tally.failed)
                    if interrupted():
                        break
                stopped = interrupted() and tally.left > 0
            if not stopped:
                self._take(running.after(), again=True)
        except (JobctlError, KeyboardInterrupt):
            self._ctx.say(self._so_far(tally))
            raise
        finally:
            batches.close()  # type: ignore[attr-defined]  # a generator: it writes its audit entry now
        if self._ctx.output not in (Output.TABLE, Output.NAME):
            self._ctx.emit(tally.result, ())
        if stopped:
            self._ctx.say(self._so_far(tally))
            return INTERRUPTED
        code = self._told(tally)
        if self._verb.undo and tally.changed > 1 and self._ctx.stderr.isatty():
            self._ctx.say(f"`jobctl op undo {running.operation}` takes it back")
        return code

    def _take(self, tried: Sequence[Tried], *, again: bool = False) -> None:
        """Remember what has to be reported, and write the names of what was changed."""
        if self._planned.selection.by_name or self._each:
            self._tried |= {one.ref: one for one in tried}
        if self._ctx.output is Output.NAME and not again:
            self._ctx.stdout.write("".join(f"{one.id}\n" for one in tried if one.changed))
            self._ctx.stdout.flush()

    def _told(self, tally: Tally) -> int:
        if self._each:
            for one in self._tried.values():
                if one.error is None:
                    self._ctx.say(one.text)
        if not self._planned.selection.by_name:
            self._ctx.say(self._verb.sentence(tally.result))
            code = tell(self._ctx, [*self._planned.errors, *tally.errors])
            if self._verb.needed and not tally.changed:
                raise NothingMatched(self._verb.needed)
            return code or int(tally.failed > 0)
        if not self._each:
            self._ctx.say(self._verb.sentence(tally.result))
        return tell(self._ctx, [*self._planned.errors, *(one.error for one in self._tried.values() if one.error)])

    def _so_far(self, tally: Tally) -> str:
        return (
            f"{self._verb.done} {tally.changed:,} of {self._verb.nouns(tally.matched)} before the interruption; "
            "the rest is unchanged: run the command again to continue"
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


def _progress(ctx: Context, verb: Verb, planned: Planned) -> Any:
    """A progress bar on stderr for a person who has to wait; yields a function that takes how many are done."""
    if ctx.quiet or planned.matched < PROGRESS_FROM or not ctx.stderr.isatty():
        return nullcontext(lambda _: None)
    return bar(ctx, verb.does, planned.matched)
