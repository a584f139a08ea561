"""Looks at the alerts every five seconds, in a thread of its own, if this scheduler takes the turn; and sends what is
to be sent, in others. Nothing here holds up ticks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from jobctl import clock
from jobctl.errors import JobctlError, RedisUnavailable
from jobctl.handlers.base import CancelToken
from jobctl.ops.alerts import notices
from jobctl.ops.alerts.channels import Channel, GivenUp, NotSent, Surroundings, channel
from jobctl.ops.alerts.judge import Judge
from jobctl.store.nouns.alerts import TURN_MS, Moved
from jobctl.text import sanitize

if TYPE_CHECKING:
    from jobctl.catalog.model import Alert, Catalog
    from jobctl.store import Store
    from jobctl.store.nouns.alerts import AlertState

log = logging.getLogger(__name__)

ASK_S = TURN_MS / 1000 / 5
"""How often to ask whether the turn is free."""
SENDERS = 4
"""How many notices one scheduler sends at once; while all hang, other schedulers send."""
AGAIN_MS, LONGEST_MS = 10_000, 600_000
"""After how long to try again, twice as long each time."""
LEAVE_S = 1.0
"""How long to wait at the end for what is being sent."""
MOST_TRIES = 10


class Watch:
    """Watches the alerts of a catalog. Without alerts there is no thread, and nothing is asked of Redis."""

    def __init__(self, catalog: Catalog, store: Callable[[], Store], around: Surroundings) -> None:
        self._open = store
        self._around = around
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._slots = threading.Semaphore(SENDERS)
        self._sending: dict[threading.Thread, CancelToken] = {}
        self._channels: dict[str, Channel] = {}
        self._lock = threading.Lock()
        self._catalog = catalog

    def use(self, catalog: Catalog) -> None:
        """Watch the alerts of another catalog from now on."""
        with self._lock:
            self._catalog, self._channels = catalog, {}
        self.start()

    def start(self) -> None:
        """Begin, if there is anything to watch."""
        if self._thread is None and self._catalog.alerts:
            self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End; what is being sent is stopped, and left to another scheduler."""
        self._ending.set()
        sending = dict(self._sending)
        for cancel in sending.values():
            cancel.cancel("shutdown")
        until = clock.monotonic() + LEAVE_S
        for thread in sending:
            thread.join(max(0.0, until - clock.monotonic()))

    def _run(self) -> None:
        store, away = self._open(), False
        while not self._ending.wait(ASK_S):
            try:
                if self._catalog.alerts and store.alerts.take_turn():
                    self._look(store)
                away = False
            except RedisUnavailable as error:
                if not away:
                    log.warning("alerts are not looked at: %s", sanitize(error.message))
                away = True
            except Exception:
                log.exception("cannot look at the alerts; going on trying")

    def _look(self, store: Store) -> None:
        catalog = self._catalog
        judge = Judge(store, catalog)
        for alert in catalog.alerts.values():
            try:
                vital = judge.vital(alert)
            except RedisUnavailable:
                raise
            except JobctlError as error:
                log.warning("alert %s cannot be judged: %s", alert.name, sanitize(str(error)))
                continue
            free = self._slots.acquire(blocking=False)
            moved = None
            try:
                moved = store.alerts.move(
                    alert.name,
                    holds=not vital.ok,
                    value=vital.value,
                    worst=vital.worst or "",
                    for_ms=alert.for_ms,
                    repeat_ms=alert.repeat_ms,
                    may_send=free,
                )
                _tell(alert, moved, notices.amount(vital.value, alert.unit))
            finally:
                if free and (moved is None or moved.notice is None):
                    self._slots.release()
            if moved.notice is not None:
                self._send(store, catalog, alert, moved)

    def _send(self, store: Store, catalog: Catalog, alert: Alert, moved: Moved) -> None:
        """Send a notice in a thread of its own, which frees the slot that was taken for it."""
        cancel = CancelToken()
        thread = threading.Thread(
            target=self._deliver, args=(store, catalog, alert, moved, cancel), name=f"alert {alert.name}", daemon=True
        )
        self._sending[thread] = cancel
        thread.start()

    def _deliver(self, store: Store, catalog: Catalog, alert: Alert, moved: Moved, cancel: CancelToken) -> None:
        try:
            outcome, error = self._outcome(store, catalog, alert, moved, cancel)
            again = 0
            if outcome == "failed":
                state = store.alerts.all(clock.now_ms()).get(alert.name)
                again = pause_ms(state)
                log.error("alert %s: notice not sent, tried again in %d s: %s", alert.name, again // 1000, error)
            store.alerts.sent(alert.name, moved.claim, outcome, error, again)
        except RedisUnavailable as problem:  # its lease ends, and it is sent again
            log.warning("alert %s: cannot note that it was sent: %s", alert.name, sanitize(problem.message))
        except Exception:
            log.exception("alert %s: sending failed; it is tried again", alert.name)
        finally:
            self._sending.pop(threading.current_thread(), None)
            self._slots.release()

    def _outcome(
        self, store: Store, catalog: Catalog, alert: Alert, moved: Moved, cancel: CancelToken
    ) -> tuple[str, str]:
        notice = moved.notice
        assert notice is not None
        try:
            send = self._channel(store, catalog, alert)
            send(notices.payload(alert, notice, store.namespace), f"alert-{alert.name}-{notice.at}"[:120], cancel)
        except GivenUp:
            return "back", ""
        except NotSent as error:
            return "failed", str(error)
        except JobctlError as error:
            return "failed", sanitize(str(error), limit=300)
        log.info("alert %s: told that it is %s", alert.name, notice.kind)
        return "sent", ""

    def _channel(self, store: Store, catalog: Catalog, alert: Alert) -> Channel:
        found = self._channels.get(alert.name)
        if found is None:
            found = self._channels[alert.name] = channel(alert, catalog, store, self._around)
        return found


def pause_ms(state: AlertState | None) -> int:
    """How long to wait before a notice is tried again."""
    tries = 0 if state is None else min(state.tries, MOST_TRIES)
    return min(AGAIN_MS << tries, LONGEST_MS)


def _tell(alert: Alert, moved: Moved, value: str) -> None:
    """Log a change; who moved the alert is the only one who sees it."""
    if moved.state == moved.before:
        return
    if moved.state == "firing":
        log.warning("alert %s is firing: %s is %s", alert.name, alert.measure, value)
    elif moved.before == "firing":
        log.info("alert %s is resolved: %s is %s", alert.name, alert.measure, value)
