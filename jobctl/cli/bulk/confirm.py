"""Confirmation that grows with the blast radius, and never asks without a terminal."""

from __future__ import annotations

import shutil

from jobctl.cli.context import Context
from jobctl.cli.view.parts import PARTS
from jobctl.cli.view.table import table
from jobctl.errors import Refused
from jobctl.ops.bulk.consent import Change, Question, question
from jobctl.text import sanitize

__all__ = ["Change", "confirm"]

PREVIEW_LINES = 13
"""Ten parts of a plan, and three examples."""


def confirm(ctx: Context, change: Change, *, yes: bool = False, maximum: int | None = None) -> None:
    """Return when the change may happen; raise Refused (exit 5) otherwise.

    What has to be confirmed, and how, says `ops.bulk.consent`. Many are previewed. `--yes` answers in advance. Without
    a terminal a bulk change needs `--yes` and `--max`, so that a script says how much it expects to touch.
    """
    ctx.require_writable(change.verb)
    if maximum is not None and change.count > maximum:
        raise Refused(f"would {change}, more than --max {maximum}", f"allow it with --max {change.count}")
    asked = question(change, ctx.settings)
    if asked is None:
        return
    if not ctx.can_ask:
        if missing := ["--yes"] * (not yes) + [f"--max {change.count}"] * (maximum is None):
            needed = " ".join(missing)
            raise Refused(f"would {change}; without a terminal this needs {needed}", "preview it with --dry-run")
        return
    if yes:
        return
    _ask(ctx, change, asked)


def _ask(ctx: Context, change: Change, asked: Question) -> None:
    lines = change.tail if change.parts else change.preview
    if change.parts:
        _write(ctx, table(ctx, change.parts, PARTS, shutil.get_terminal_size().columns).text)
    for line in lines[:PREVIEW_LINES]:
        _write(ctx, f"  {sanitize(line, limit=200)}\n")
    if (more := len(lines) - PREVIEW_LINES) > 0:
        _write(ctx, f"  … and {more:,} more\n")
    if change.lasting:
        _write(ctx, f"  {change.lasting}\n")
    if asked.word is None:
        _write(ctx, f"{change.sentence}? [y/N] ")
    else:
        _write(ctx, f"{change.sentence}: type {sanitize(asked.word)} to continue: ")
    if not asked.agreed(_answer(ctx)):
        raise Refused("nothing was changed")


def _answer(ctx: Context) -> str:
    return ctx.stdin.readline().strip()


def _write(ctx: Context, text: str) -> None:
    ctx.stderr.write(text)
    ctx.stderr.flush()
