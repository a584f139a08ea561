"""Confirmation that grows with the blast radius, and never asks without a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobctl.cli.context import Context
from jobctl.errors import Refused
from jobctl.text import sanitize

PREVIEW_LINES = 10


@dataclass(frozen=True, slots=True)
class Change:
    """A change that is about to happen. `verb` and `noun` make the sentence: "retry 20 dead letters".

    `preview` shows what it touches, in lines. `whole_queue` names the queue when all of it goes; `named` says that each
    job was given by its id.
    """

    verb: str
    noun: str
    count: int
    preview: Sequence[str] = ()
    whole_queue: str | None = None
    named: bool = False

    def __str__(self) -> str:
        return f"{self.verb} {self.count:,} {self.noun}"


def confirm(ctx: Context, change: Change, *, yes: bool = False, maximum: int | None = None) -> None:
    """Return when the change may happen; raise Refused (exit 5) otherwise.

    One job needs no confirmation, nor do several that were named by their ids. Many are previewed and asked for with
    y/N; a whole queue, and anything bulk under a production profile, by typing the name. `--yes` answers in advance.
    Without a terminal a bulk change needs `--yes` and `--max`, so that a script says how much it expects to touch.
    """
    ctx.require_writable(change.verb)
    if maximum is not None and change.count > maximum:
        raise Refused(f"would {change}, more than --max {maximum}", f"allow it with --max {change.count}")
    if change.count <= 1 and change.whole_queue is None:
        return
    if change.named and not ctx.settings.production:
        return
    if not ctx.can_ask:
        if missing := ["--yes"] * (not yes) + [f"--max {change.count}"] * (maximum is None):
            needed = " ".join(missing)
            raise Refused(f"would {change}; without a terminal this needs {needed}", "preview it with --dry-run")
        return
    if yes:
        return
    _ask(ctx, change)


def _ask(ctx: Context, change: Change) -> None:
    for line in change.preview[:PREVIEW_LINES]:
        _write(ctx, f"  {sanitize(line, limit=200)}\n")
    if (more := len(change.preview) - PREVIEW_LINES) > 0:
        _write(ctx, f"  … and {more:,} more\n")
    word = change.whole_queue or (ctx.settings.profile if ctx.settings.production else None)
    if word is None:
        _write(ctx, f"{_sentence(change)}? [y/N] ")
        agreed = _answer(ctx).lower() in ("y", "yes")
    else:
        _write(ctx, f"{_sentence(change)}: type {sanitize(word)} to continue: ")
        agreed = _answer(ctx) == word
    if not agreed:
        raise Refused("nothing was changed")


def _sentence(change: Change) -> str:
    text = str(change)
    return text[:1].upper() + text[1:]


def _answer(ctx: Context) -> str:
    return ctx.stdin.readline().strip()


def _write(ctx: Context, text: str) -> None:
    ctx.stderr.write(text)
    ctx.stderr.flush()
