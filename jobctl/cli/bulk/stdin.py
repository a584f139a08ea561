"""`-` among the ids of a change: ids from stdin, one per line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jobctl.cli.context import Context
from jobctl.errors import UsageError

MOST = 100_000
"""More are chosen by a filter."""


def with_stdin(ctx: Context, terms: Iterable[str]) -> Iterator[str]:
    """The terms, with the ids from stdin where there is a `-`. Raises UsageError for a line that is no id."""
    from jobctl.ops.filters.lex import is_id

    for term in terms:
        if term != "-":
            yield term
            continue
        found = False
        for number, line in enumerate(ctx.stdin, 1):
            word = line.strip()
            if word and not is_id(word):
                raise UsageError(f"line {number} of stdin is not an id: {word[:50]!r}", "give one id per line")
            if number > MOST:
                raise UsageError(f"more than {MOST:,} lines on stdin", "choose so many jobs by a filter")
            if word:
                found = True
                yield word
        if not found:
            raise UsageError("no ids on stdin", "give one id per line")
