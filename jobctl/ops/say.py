"""What a command job says of itself while it runs, from a process of its own: log lines and progress."""

from __future__ import annotations

from collections.abc import Sequence

from jobctl import scrubbing
from jobctl.errors import OperationFailed
from jobctl.store import Store
from jobctl.store.data.hidden import scrubber_of
from jobctl.store.nouns.logs import MAX_LINE, Batch, LogLine
from jobctl.store.nouns.progress import MAX_MESSAGE, Reached, following, read

BATCH = 200


class Speaker:
    """Speaks for one attempt of a running job. Every call raises OperationFailed, and writes nothing, when another
    attempt has taken its place or the job has ended."""

    def __init__(self, store: Store, job_id: str, attempt: int, token: str) -> None:
        self._store = store
        self._attempt = attempt
        self._token = token
        found = next((job for job in store.jobs.find_all(job_id) if job.token == token), None)
        if found is None:
            raise _over(job_id, attempt)
        self._found = found
        self._scrub = scrubber_of(found)

    def log(self, lines: Sequence[str]) -> None:
        """Add lines to the job's log. Raises RedisFull."""
        now = self._store.processes.now_ms()
        kept = [LogLine(self._attempt, now, "log", self._clean(line)[:MAX_LINE]) for line in lines]
        for start in range(0, len(kept), BATCH):
            batch = Batch(self._found.id, self._token, tuple(kept[start : start + BATCH]))
            if not self._store.logs.append(self._found.queue, batch):
                raise _over(self._found.id, self._attempt)

    def progress(self, done: float, total: float | None, message: str | None) -> None:
        """Say how far it is. Raises RedisFull."""
        text = message and self._clean(message)[:MAX_MESSAGE]
        told = following(read(self._found.progress), done, self._store.processes.now_ms(), total, text)
        if not self._store.progress.write(self._found.queue, Reached(self._found.id, self._token, told)):
            raise _over(self._found.id, self._attempt)

    def _clean(self, text: str) -> str:
        return (scrubbing.scrub(self._scrub, text) or "").encode("utf-8", "backslashreplace").decode()


def _over(job_id: str, attempt: int) -> OperationFailed:
    return OperationFailed(
        f"attempt {attempt} of job {job_id} is over: nothing was written", "it ended, or another attempt has begun"
    )
