"""The verbs by name, for changes that were planned elsewhere or before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

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


def again(name: str, options: Mapping[str, Any]) -> Verb:
    """The verb of that name with its options. Raises UsageError for one that there is not."""
    make = ALL.get(name)
    if make is None:
        raise UsageError(f"no change of jobs is called {name[:50]!r}", f"there are: {', '.join(ALL)}")
    try:
        return make(**options)
    except TypeError:
        raise UsageError(f"{name} does not take these options: {', '.join(options)[:200]}") from None
