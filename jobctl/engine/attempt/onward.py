"""What a message asks to be enqueued after it: Dramatiq's pipelines and callbacks of groups. And whether it is the job
of a hook whose payload could not be made.

It is looked at before the attempt. Were it found afterwards that it cannot be enqueued, the job would have run and what
was to come next would be lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from jobctl.names import check_queue
from jobctl.store.data.codec import canonical

MAX_REASON = 300
HOOK = "jobctl_hook"
"""The option of a hook's job that has no payload yet."""
HOOKED = "jobctl_hooked"
"""The option of one that has: by it the script that ends such a job knows that it has no hooks itself."""


class _Next(msgspec.Struct, forbid_unknown_fields=True):
    """A message inside of an option, as Dramatiq makes one of it."""

    queue_name: str
    actor_name: str
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    options: dict[str, Any] = {}
    message_id: str = ""
    message_timestamp: int = 0


def problem(options: Mapping[str, Any]) -> str | None:
    """Why what these options ask for cannot be enqueued; None if it can, or if they ask for nothing."""
    if (hook := options.get(HOOK)) is not None:
        said = hook.get("problem") if isinstance(hook, dict) else None
        return str(said or "only `jobctl worker` runs jobs of hooks")[:MAX_REASON]
    for option, given in _messages(options):
        try:
            message = msgspec.convert(given, _Next)
            check_queue(canonical(message.queue_name))
            delay = message.options.get("delay")
            if delay is not None and (not isinstance(delay, int | float) or delay < 0):
                raise ValueError("its `delay` is not a number of milliseconds")
        except (ValueError, RecursionError) as why:
            return f"its `{option}` cannot be enqueued: {why}"[:MAX_REASON]
    return None


def _messages(options: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if (target := options.get("pipe_target")) is not None:
        yield "pipe_target", target
    callbacks = options.get("group_completion_callbacks")
    for message in callbacks if isinstance(callbacks, list) else () if callbacks is None else (callbacks,):
        yield "group_completion_callbacks", message
