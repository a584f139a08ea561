"""The verbs by name, for changes that were planned elsewhere or before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jobctl.catalog.model import MAX_PRIORITY
from jobctl.errors import UsageError
from jobctl.ops.bulk import emptying, letters, verbs
from jobctl.ops.bulk.verb import Verb

ALL: Mapping[str, Callable[..., Verb]] = {
    "dead retry": letters.retry,
    "dead discard": letters.discard,
    "dead restore": letters.restore,
    "job retry": verbs.retry,
    "job cancel": verbs.cancel,
    "job promote": verbs.promote,
    "job priority": verbs.prioritise,
    "job release": verbs.release,
    "job rm": verbs.remove,
    "queue empty": emptying.empty,
}

_OPTIONS: Mapping[str, Callable[[Any], bool]] = {
    "priority": lambda value: type(value) is int and abs(value) <= MAX_PRIORITY,
    "timeout_s": lambda value: type(value) in (int, float) and 0 <= value < 1e9,
    "by_name": lambda value: type(value) is bool,
    "name": lambda value: type(value) is str,
}
"""What each option may be: a plan is a file, which anyone may have written."""


def again(name: str, options: Mapping[str, Any]) -> Verb:
    """The verb of that name with its options. Raises UsageError for one that there is not."""
    make = ALL.get(name)
    if make is None:
        raise UsageError(f"no change of jobs is called {name[:50]!r}", f"there are: {', '.join(ALL)}")
    for option, value in options.items():
        if option in _OPTIONS and not _OPTIONS[option](value):
            raise UsageError(f"{name} cannot have {option} {str(value)[:50]!r}", "plan again")
    try:
        return make(**options)
    except TypeError:
        raise UsageError(f"{name} does not take these options: {', '.join(options)[:200]}") from None
