"""What a queue may be called: one rule for the catalog, the broker and every key in Redis."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from jobctl.errors import UsageError

NAME = "[A-Za-z_][A-Za-z0-9._-]{0,127}"
"""A pattern of names in a catalog: they are read by people, typed in shells and parts of keys."""
NAME_RULE = "letters, digits and `. _ -` after a letter or `_`, at most 128"

_matches = re.compile(NAME).fullmatch
_RESERVED_STARTS, _RESERVED_ENDS = "__", (".DQ", ".XQ", ".msgs")


def check_queue(text: str) -> str:
    """The name of a queue. Raises ValueError, with the rule, for a text that cannot be one.

    Dramatiq's own suffixes and prefixes are refused: the keys of such a queue would be other queues' keys.
    """
    if not _matches(text):
        raise ValueError(f"expected a queue's name ({NAME_RULE}), found {text[:60]!r}")
    if text.startswith(_RESERVED_STARTS) or text.endswith(_RESERVED_ENDS):
        raise ValueError(f"a queue's name cannot start with `__` or end in .DQ, .XQ or .msgs, found `{text}`")
    return text


def is_queue(text: object) -> bool:
    """Whether a queue may have that name."""
    try:
        return isinstance(text, str) and bool(check_queue(text))
    except ValueError:
        return False


def of_queues(raw: Iterable[bytes]) -> Iterator[str]:
    """Those of the names out of Redis, where anyone may have written, that queues may have."""
    return (name for name in (data.decode("utf-8", "replace") for data in raw) if is_queue(name))


@lru_cache(maxsize=65_536)
def queue(text: str) -> str:
    """The name of a queue, as part of a key. Raises UsageError for a text that cannot be one."""
    try:
        return check_queue(text)
    except ValueError as problem:
        raise UsageError(str(problem)) from None
