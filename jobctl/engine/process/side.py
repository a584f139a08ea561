"""The two kinds of slots of a process, threads and the event loop: what waits for one, and how many more may come."""

from __future__ import annotations

from queue import Empty, SimpleQueue

from jobctl import clock
from jobctl.store.nouns.settle import Reserved

AHEAD_S = 0.05
"""Jobs are fetched ahead only while what waits in this process starts within this many seconds."""
MAX_AHEAD = 500


NEAR_S = 1.0
"""For so long the event loop fetches nothing ahead after jobs that were had to go back: its jobs end all at once."""
LINGER_S = 0.003
"""So long a free slot of the loop may wait for others to be filled with it, in one round trip."""


class Side:
    """Slots of one kind. Its owner, the desk, keeps callers apart; the inbox is thread-safe by itself."""

    linger_s: float | None = None
    """After so long it is worth while to fetch for whatever room there is, if nothing waits; None for never."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.held = 0
        """Jobs that wait for a slot or have one."""
        self.mean_s = 1.0
        self.moved = clock.monotonic()
        self.closed = False
        """Whether nothing is fetched for it at present."""
        self.asking = False
        """Whether a fetcher waits for room."""
        self.asked = 0
        """How many jobs a fetcher has been promised room for."""
        self.inbox: SimpleQueue[Reserved | None] = SimpleQueue()

    def capacity(self) -> int:
        """How many jobs may be held: those that run, and what starts soon."""
        return self.slots + self._ahead()

    def _ahead(self) -> int:
        return min(MAX_AHEAD, int(self.slots * AHEAD_S / max(self.mean_s, 1e-6)))

    def worth_while(self, room: int) -> bool:
        """Whether to fetch now, when there is this much room: as soon as a slot may run out of work, and otherwise when
        half of what may be held is gone. Many jobs a round trip instead of one."""
        raise NotImplementedError

    def wake(self) -> None:
        """Something was put into the inbox."""

    def ended(self, duration_s: float) -> None:
        """An attempt is over."""
        self.mean_s += (duration_s - self.mean_s) * 0.2
        self.moved = clock.monotonic()

    def stalled(self, now: float) -> bool:
        """Whether jobs wait here behind longer ones than was thought; then nothing is fetched ahead at first."""
        if now - self.moved < AHEAD_S or self.inbox.empty():
            return False
        self._stall(now)
        return True

    def _stall(self, now: float) -> None:
        self.mean_s = max(self.mean_s, now - self.moved, 2 * AHEAD_S * self.slots)

    def unbegun(self) -> list[Reserved]:
        """Take back what waits."""
        out = []
        try:  # a thread may take the last one at any moment: who asked first would wait for ever
            while True:
                job = self.inbox.get_nowait()
                if job is not None:
                    out.append(job)
        except Empty:
            return out


class ThreadSide(Side):
    """Slots for plain functions. A thread blocks on the inbox."""

    def worth_while(self, room: int) -> bool:
        return self.inbox.qsize() < self.slots or room * 2 >= self.capacity()


class LoopSide(Side):
    """Slots for what runs on the event loop. `wake` is replaced by the loop's own, which comes for what waits."""

    linger_s = LINGER_S

    def __init__(self, slots: int) -> None:
        super().__init__(slots)
        self._near_until = 0.0

    def _ahead(self) -> int:
        return 0 if self.moved < self._near_until else super()._ahead()

    def worth_while(self, room: int) -> bool:
        """Hundreds of jobs may end one by one: half of what is fetched ahead is left when more is asked for."""
        waiting, ahead = self.inbox.qsize(), self._ahead()
        return waiting * 2 < ahead or room * 2 >= self.capacity() or (waiting == 0 and room * 16 >= self.slots)

    def _stall(self, now: float) -> None:
        self._near_until = now + NEAR_S
