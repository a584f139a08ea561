"""Memory that a child shares with its supervisor: which jobs execute, and whether its threads live.

It outlives the child, so after a SIGKILL the supervisor still knows which jobs were executing as opposed to
only fetched. Writing costs less than a microsecond; nothing here takes a lock.

Layout, native byte order: a header of 320 bytes (progress u64, jobs done u64, threads alive u32, ready u8, the
supervisor's latest beat f64, quiet u8), then slots of 320 bytes, one for each thread and then one for each job that the
event loop may run at once: a text's length u8, the text `TOKEN QUEUE ID`, at 304 the deadline f64 (0: none), and in the
last byte the state. Times are on the monotonic clock, one for all processes.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from typing import NamedTuple

SLOT_SIZE = 320
MAX_TEXT_BYTES = 255
"""A longer text is cut. The token comes first and is never cut; queue and id are only there for words."""

_PROGRESS = struct.Struct("@Q")
_THREADS = struct.Struct("@I")
_TIME = struct.Struct("@d")
_AT_PROGRESS, _AT_DONE, _AT_THREADS, _AT_READY, _AT_BEAT, _AT_QUIET = 0, 8, 16, 20, 24, 32
_AT_BLOCKED = 40
"""What blocks the event loop, if anything does: since when f64, the length of a text u8, the text."""
_AT_LAG = 304
"""How late the event loop answered of late, in seconds: f64."""
_DEADLINE = 304
_STATE = SLOT_SIZE - 1
_IDLE, _EXECUTING, _GIVEN_UP = 0, 1, 2


class Executing(NamedTuple):
    """An attempt in a slot. Its `token` says which it is; a long `id` may be cut."""

    token: str
    queue: str
    id: str


def shared_file(size: int) -> int:
    """An anonymous file of `size` zero bytes, as a descriptor that the caller owns. Raises OSError."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("jobctl", os.MFD_CLOEXEC)
    else:
        fd, path = tempfile.mkstemp(prefix="jobctl-")
        os.unlink(path)  # noqa: PTH108 - a descriptor is all that is wanted
    os.ftruncate(fd, size)
    return fd


class SlotTable:
    """The shared table of one child. The child writes, each thread its own slot and the loop's thread all others; the
    supervisor reads."""

    def __init__(self, fd: int, slots: int) -> None:
        """Map the table in `fd`, which stays the caller's to close. Raises OSError or ValueError."""
        self._ends = SLOT_SIZE * (slots + 1)
        self._map = mmap.mmap(fd, self._ends)

    @staticmethod
    def create_file(slots: int) -> int:
        """A new, empty table's descriptor. Raises OSError."""
        return shared_file(SLOT_SIZE * (slots + 1))

    # the child's side

    def begin(self, slot: int, token: str, queue: str, job_id: str) -> None:
        """Slot number `slot` (from 0) has an attempt."""
        encoded = f"{token} {queue} {job_id}".encode("utf-8", "replace")[:MAX_TEXT_BYTES]
        start = SLOT_SIZE * (slot + 1)
        self._map[start : start + 1 + len(encoded)] = bytes((len(encoded),)) + encoded
        _TIME.pack_into(self._map, start + _DEADLINE, 0.0)
        self._map[start + _STATE] = _EXECUTING  # last: a table read in between shows the slot as idle

    def limit(self, slot: int, deadline: float) -> None:
        """The attempt in a slot has to end by `deadline`."""
        _TIME.pack_into(self._map, SLOT_SIZE * (slot + 1) + _DEADLINE, deadline)

    def end(self, slot: int) -> None:
        """The attempt in a slot is over and its outcome is committed, or given up."""
        self._map[SLOT_SIZE * (slot + 1) + _STATE] = _IDLE

    def give_up(self, slot: int) -> None:
        """The attempt in a slot is over for Redis, but the thread or task cannot be made to end it."""
        self._map[SLOT_SIZE * (slot + 1) + _STATE] = _GIVEN_UP

    def bump(self) -> None:
        """The child's main loop is alive; call it about once a second."""
        (count,) = _PROGRESS.unpack_from(self._map, _AT_PROGRESS)
        _PROGRESS.pack_into(self._map, _AT_PROGRESS, count + 1)

    def set_threads_alive(self, count: int) -> None:
        """How many of the worker threads live."""
        _THREADS.pack_into(self._map, _AT_THREADS, count)

    def set_jobs_done(self, count: int) -> None:
        """How many attempts this child has finished."""
        _PROGRESS.pack_into(self._map, _AT_DONE, count)

    def set_ready(self, ready: bool = True) -> None:
        """Connected to Redis, with its threads running (tell `set_threads_alive` first); False from the
        moment it drains, when its threads may end."""
        self._map[_AT_READY] = int(ready)

    @property
    def beaten_at(self) -> float:
        """When the supervisor last told Redis that this process is alive; 0 for never."""
        return float(_TIME.unpack_from(self._map, _AT_BEAT)[0])

    def set_blocked(self, since: float, text: str) -> None:
        """Something blocks the event loop; 0 for not any more. `text` is `TOKEN QUEUE ID|WHERE`."""
        encoded = text.encode("utf-8", "replace")[:MAX_TEXT_BYTES]
        start = _AT_BLOCKED + _TIME.size
        self._map[start : start + 1 + len(encoded)] = bytes((len(encoded),)) + encoded
        _TIME.pack_into(self._map, _AT_BLOCKED, since)

    def set_lag(self, seconds: float) -> None:
        """How late the event loop answered of late."""
        _TIME.pack_into(self._map, _AT_LAG, seconds)

    @property
    def quiet(self) -> bool:
        """Whether the process is to take no more jobs."""
        return self._map[_AT_QUIET] != 0

    # the supervisor's side

    def set_quiet(self, quiet: bool) -> None:
        """Let the process take no more jobs, or let it go on."""
        self._map[_AT_QUIET] = int(quiet)

    def set_beaten(self, now: float) -> None:
        """Redis knows since `now` that this process is alive."""
        _TIME.pack_into(self._map, _AT_BEAT, now)

    @property
    def blocked(self) -> tuple[float, Executing, str] | None:
        """Since when the event loop is blocked, by what, and where that stands."""
        (since,) = _TIME.unpack_from(self._map, _AT_BLOCKED)
        if not since:
            return None
        start = _AT_BLOCKED + _TIME.size
        text = self._map[start + 1 : start + 1 + self._map[start]].decode(errors="replace")
        job, _, where = text.partition("|")
        token, _, rest = job.partition(" ")
        return since, Executing(token, *rest.partition(" ")[::2]), where

    @property
    def lag_s(self) -> float:
        """How late the event loop answered of late, in seconds."""
        return float(_TIME.unpack_from(self._map, _AT_LAG)[0])

    @property
    def progress(self) -> int:
        return int(_PROGRESS.unpack_from(self._map, _AT_PROGRESS)[0])

    @property
    def jobs_done(self) -> int:
        return int(_PROGRESS.unpack_from(self._map, _AT_DONE)[0])

    @property
    def threads_alive(self) -> int:
        return int(_THREADS.unpack_from(self._map, _AT_THREADS)[0])

    @property
    def ready(self) -> bool:
        return self._map[_AT_READY] != 0

    @property
    def running(self) -> int:
        """How many jobs execute at this moment."""
        return self.running_from(0)

    def running_from(self, slot: int) -> int:
        """How many of these execute in slots from number `slot` on."""
        return sum(self._map[start + _STATE] == _EXECUTING for start in self._slots()[slot:])

    def executing(self) -> list[Executing]:
        """The attempts that execute, or that executed when the child died."""
        return [attempt for start in self._slots() if (attempt := self._attempt(start))]

    def overdue(self, before: float) -> list[Executing]:
        """The attempts that execute and had to end before the time `before`."""
        late = (s for s in self._slots() if 0 < _TIME.unpack_from(self._map, s + _DEADLINE)[0] < before)
        return [attempt for start in late if (attempt := self._attempt(start))]

    def hanging(self, before: float) -> list[tuple[Executing, float]]:
        """The attempts that continue though they had to end before the time `before`, given up or not, and when each
        had to: the earliest first."""
        found = []
        for start in self._slots():
            deadline = _TIME.unpack_from(self._map, start + _DEADLINE)[0]
            if 0 < deadline < before and self._map[start + _STATE] != _IDLE:
                found.append((self._read(start), deadline))
        return sorted(found, key=lambda one: one[1])

    def _slots(self) -> range:
        """Where the slots begin."""
        return range(SLOT_SIZE, self._ends, SLOT_SIZE)

    def _attempt(self, start: int) -> Executing | None:
        return self._read(start) if self._map[start + _STATE] == _EXECUTING else None

    def _read(self, start: int) -> Executing:
        text = self._map[start + 1 : start + 1 + self._map[start]].decode(errors="replace")
        token, _, rest = text.partition(" ")
        return Executing(token, *rest.partition(" ")[::2])

    def close(self) -> None:
        """Unmap; the table cannot be used afterwards."""
        self._map.close()
