"""Memory that a child shares with its supervisor: which jobs execute, and whether its threads live.

It outlives the child, so after a SIGKILL the supervisor still knows which jobs were executing as opposed to
only fetched. Writing costs less than a microsecond; nothing here takes a lock.

Layout, native byte order: a header of 160 bytes (progress u64, jobs done u64, threads alive u32, ready u8, the
supervisor's latest beat f64), then one slot of 160 bytes for each thread: the id's length u8, the id, at 144 the
deadline f64 (0: none), and in the last byte the state. Times are on the monotonic clock, one for all processes.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile

SLOT_SIZE = 160
MAX_ID_BYTES = 126
"""A longer id is cut in its slot, so a store must not accept one."""

_PROGRESS = struct.Struct("@Q")
_THREADS = struct.Struct("@I")
_TIME = struct.Struct("@d")
_AT_PROGRESS, _AT_DONE, _AT_THREADS, _AT_READY, _AT_BEAT = 0, 8, 16, 20, 24
_DEADLINE = 144
_STATE = SLOT_SIZE - 1
_IDLE, _EXECUTING = 0, 1


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
    """The shared table of one child. The child writes, each thread its own slot; the supervisor reads."""

    def __init__(self, fd: int, threads: int) -> None:
        """Map the table in `fd`, which stays the caller's to close. Raises OSError or ValueError."""
        self.threads = threads
        self._map = mmap.mmap(fd, SLOT_SIZE * (threads + 1))

    @staticmethod
    def create_file(threads: int) -> int:
        """A new, empty table's descriptor. Raises OSError."""
        return shared_file(SLOT_SIZE * (threads + 1))

    # the child's side

    def begin(self, thread: int, job_id: str) -> None:
        """Thread number `thread` (from 0) starts an attempt of `job_id`."""
        encoded = job_id.encode()[:MAX_ID_BYTES]
        start = SLOT_SIZE * (thread + 1)
        self._map[start : start + 1 + len(encoded)] = bytes((len(encoded),)) + encoded
        _TIME.pack_into(self._map, start + _DEADLINE, 0.0)
        self._map[start + _STATE] = _EXECUTING  # last: a table read in between shows the slot as idle

    def limit(self, thread: int, deadline: float) -> None:
        """The attempt of thread number `thread` has to end by `deadline`."""
        _TIME.pack_into(self._map, SLOT_SIZE * (thread + 1) + _DEADLINE, deadline)

    def end(self, thread: int) -> None:
        """The attempt of thread number `thread` is over and its outcome is committed, or given up."""
        self._map[SLOT_SIZE * (thread + 1) + _STATE] = _IDLE

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

    # the supervisor's side

    def set_beaten(self, now: float) -> None:
        """Redis knows since `now` that this process is alive."""
        _TIME.pack_into(self._map, _AT_BEAT, now)

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
        return sum(self._map[SLOT_SIZE * (n + 1) + _STATE] == _EXECUTING for n in range(self.threads))

    def executing(self) -> frozenset[str]:
        """The ids of the jobs that execute, or that executed when the child died."""
        found = (self._job(SLOT_SIZE * (n + 1)) for n in range(self.threads))
        return frozenset(job_id for job_id in found if job_id)

    def overdue(self, before: float) -> frozenset[str]:
        """The ids of the jobs that execute and had to end before the time `before`."""
        found = set()
        for start in range(SLOT_SIZE, SLOT_SIZE * (self.threads + 1), SLOT_SIZE):
            deadline = _TIME.unpack_from(self._map, start + _DEADLINE)[0]
            if 0 < deadline < before and (job_id := self._job(start)):
                found.add(job_id)
        return frozenset(found)

    def _job(self, start: int) -> str:
        if self._map[start + _STATE] != _EXECUTING:
            return ""
        return self._map[start + 1 : start + 1 + self._map[start]].decode(errors="replace")

    def close(self) -> None:
        """Unmap; the table cannot be used afterwards."""
        self._map.close()
