"""What a step of a migration is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from jobctl.store.wire.namespace import Namespace

Command = tuple[Any, ...]
"""A command for Redis: its name and arguments."""


class Batch(msgspec.Struct, frozen=True):
    """What is written in one transaction, and how many entries were looked at for it."""

    looked_at: int
    commands: Sequence[Command] = ()


class Part(msgspec.Struct, frozen=True):
    """A part of a step: of one queue, or ("*") of the namespace. `what` names its entries."""

    queue: str
    what: str
    count: int
    batches: Callable[[], Iterator[Batch]]


class Step(msgspec.Struct, frozen=True):
    """A step. `begin` is written in the transaction that locks the namespace; it may be asked for twice."""

    begin: Callable[[Namespace], Sequence[Command]]
    parts: Callable[[Namespace], list[Part]]
