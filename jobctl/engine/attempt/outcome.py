"""What an attempt leads to in Redis: its outcome, and what it says on its way there."""

from __future__ import annotations

from typing import Protocol

import msgspec

from jobctl.store.data.indexed import Untaken
from jobctl.store.nouns.logs import Batch
from jobctl.store.nouns.progress import Reached
from jobctl.store.nouns.settle import Begun, Ended

MAX_CRASHES = 3
"""A job whose worker died this often while running it is dead: it is the one that kills."""


class Outcome(msgspec.Struct, frozen=True):
    """An attempt that is over: what becomes of its job. `kind`: complete, retry, bury, cancelled, requeue."""

    kind: str
    queue: str
    ended: Ended


class Lines(msgspec.Struct, frozen=True):
    """Log lines of an attempt."""

    queue: str
    batch: Batch


class Reach(msgspec.Struct, frozen=True):
    """How far an attempt is."""

    queue: str
    reached: Reached


class Alias(msgspec.Struct, frozen=True):
    """What a job's producer did not write, since it is none of jobctl's: the id by which it knows a job that is stored
    under another, and what indexes have of the job."""

    queue: str
    message_id: str
    job: Untaken


Item = Outcome | Lines | Reach | Begun | Alias


class Outbox(Protocol):
    """Takes what is to be written, and writes it a moment later."""

    def submit(self, item: Item) -> None: ...
