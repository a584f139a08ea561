"""Which layout a namespace has: what keeps one version of jobctl away from what another one wrote.

`NS:@layout` holds the number. Every script looks at it before anything else, so a program that was connected before a
migration changes nothing after it; the first script of all writes it. A namespace that is not empty and has no such key
is of layout 1. While `jobctl migrate` is at work the key holds "FROM>TO", and every program waits.
"""

from __future__ import annotations

from jobctl.errors import OtherLayout
from jobctl.store.wire.keys import Keys

LAYOUT = 2
"""The layout of this version. docs/redis.md describes it; `jobctl.store.migrations` leads to it."""
FIRST = 1
REFUSED, NONE = "LAYOUT", "none"
"""How the error of a script begins that found another layout; and what comes after it if it found no number."""
NOTICE = f"0!|jobctl|this namespace has layout {LAYOUT}: upgrade jobctl here"
"""A pause of everything, as programs of layout 1 read it."""
MARKS = ("queues", "stock_queues", "token", "due", "notice", "processes", "beats", "cursors", "events", "audit")
"""Keys of which one is there wherever a jobctl of layout 1 has written anything."""


def guard(*, reads: bool) -> str:
    """The first lines of a script. KEYS[1] is `layout`. One that only reads may look at a namespace without a number:
    whether that is empty was checked before."""
    found = f"layout and layout ~= '{LAYOUT}'" if reads else f"layout ~= '{LAYOUT}'"
    refuse = f"return redis.error_reply('{REFUSED} ' .. (layout or '{NONE}'))"
    return f"local layout = redis.call('GET', KEYS[1])\nif {found} then {refuse} end"


def marks(keys: Keys) -> list[str]:
    """The keys that MARKS names."""
    return [getattr(keys, name)() for name in MARKS]


def is_refusal(reply: object) -> bool:
    """Whether a script's reply says that it refused the layout it found."""
    return isinstance(reply, Exception) and str(reply).startswith(REFUSED)


def found_by(refusal: Exception) -> str | None:
    """The layout that a script found; None if there was no number."""
    found = str(refusal).split()[1]
    return None if found == NONE else found


def other(namespace: str, found: str) -> OtherLayout:
    """The error for a namespace of another layout: its number, or "FROM>TO" of a migration under way."""
    known = f"this jobctl needs layout {LAYOUT}"
    start, moving, end = found.partition(">")
    if moving:
        hint = (
            "finish it with `jobctl migrate`"
            if end == str(LAYOUT)
            else "finish it with the version of jobctl that began it"
        )
        return OtherLayout(f"namespace {namespace} is being migrated from layout {start} to {end}", hint)
    said = f"namespace {namespace} has layout {found}, {known}"
    if start.isdigit() and int(start) > LAYOUT:
        return OtherLayout(said, "upgrade jobctl here")
    return OtherLayout(said, "stop its workers and schedulers and run `jobctl migrate`")
