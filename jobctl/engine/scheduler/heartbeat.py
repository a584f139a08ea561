"""Tells a dead man's switch (healthchecks.io, Cronitor and the like) of each job of a schedule that completed."""

from __future__ import annotations

import logging
import threading
import time
from queue import Full, Queue
from urllib.parse import urlsplit

from jobctl.catalog.model import Schedule
from jobctl.text import sanitize
from jobctl.version import __version__

log = logging.getLogger(__name__)

TIMEOUT_S = 10.0
PAUSES_S = (1.0, 5.0)
"""How long to wait before the second and the third try."""
MOST_WAITING = 1_000


class HttpHeartbeats:
    """Requests URLs from a thread of its own, so that a switch that hangs holds up nothing else.

    What waits is lost when the process ends: the next success tells of itself.
    """

    def __init__(self) -> None:
        self._queue: Queue[Schedule] = Queue(MOST_WAITING)
        self._thread: threading.Thread | None = None

    def send(self, schedule: Schedule) -> None:
        """Tell of a success, soon."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="heartbeats", daemon=True)
            self._thread.start()
        try:
            self._queue.put_nowait(schedule)
        except Full:
            log.warning("schedule %s: heartbeat not sent: %d others wait", schedule.name, MOST_WAITING)

    def _run(self) -> None:
        while True:
            schedule = self._queue.get()
            problem = _tell(schedule)
            for pause in PAUSES_S:
                if problem is None:
                    break
                time.sleep(pause)
                problem = _tell(schedule)
            if problem is not None:
                log.warning("schedule %s: heartbeat failed: %s", schedule.name, problem)


def _tell(schedule: Schedule) -> str | None:
    """Request the URL of a schedule; what went wrong, without path and query, which may be secret."""
    import urllib3

    url = schedule.heartbeat or ""
    try:
        answer = urllib3.request(
            "GET", url, timeout=TIMEOUT_S, preload_content=False,
            retries=urllib3.Retry(None, connect=0, read=0, other=0, redirect=3),  # `total` would count redirects, too
            headers={"User-Agent": f"jobctl/{__version__}"},
        )  # fmt: skip
        answer.close()
    except (urllib3.exceptions.HTTPError, ValueError, OSError) as error:
        return sanitize(f"{urlsplit(url).hostname}: {type(error).__name__}", limit=200)
    return None if answer.status < 400 else f"{urlsplit(url).hostname} answered {answer.status}"
