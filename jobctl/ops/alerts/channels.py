"""How people are told: a command, an HTTP request, or a job. One send, with its time limit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from jobctl import clock
from jobctl.catalog.imports import folder
from jobctl.catalog.model import JobType
from jobctl.catalog.templates import compile_value
from jobctl.errors import JobctlError
from jobctl.handlers import build
from jobctl.handlers.base import Attempt, AttemptCancelled, AttemptTimeout, CancelToken
from jobctl.handlers.failure import describe
from jobctl.producer import Producer
from jobctl.text import first_line, sanitize

if TYPE_CHECKING:
    from jobctl.catalog.model import Alert, Catalog
    from jobctl.store import Store

log = logging.getLogger(__name__)

LIMIT_S = 30.0
"""How long a command or a request may take."""


class NotSent(Exception):
    """A notice that did not get through; the message says why, in one line."""


class GivenUp(Exception):
    """A notice whose sending was stopped, since the process ends."""


class _Send(Attempt, frozen=True):
    """One run of a command or a request that is no job: it has no reservation to speak of."""

    def told(self) -> dict[str, str]:
        return dict(self.environment)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What commands and requests find: `env` is the process's environment, `environment` what a command finds
    besides (the connection)."""

    env: Mapping[str, str]
    environment: Mapping[str, str]


class Channel(Protocol):
    """Tells someone. `key` is the same for each try of one notice."""

    def __call__(self, payload: Mapping[str, Any], key: str, cancel: CancelToken, /) -> None:
        """Raises NotSent or GivenUp."""


def channel(alert: Alert, catalog: Catalog, store: Store, around: Surroundings) -> Channel:
    """Who is told of an alert. Raises UsageError for a command or a request that cannot work."""
    if alert.handler is not None:
        return _handled(alert, catalog, around)
    return _enqueued(alert, catalog, store)


def _handled(alert: Alert, catalog: Catalog, around: Surroundings) -> Channel:
    assert alert.handler is not None
    kind = JobType(name=f"alert {alert.name}", handler=alert.handler, timeout_ms=round(LIMIT_S * 1000))
    handler = build(kind, env=around.env, folder=Path(folder(catalog)))

    def send(payload: Mapping[str, Any], key: str, cancel: CancelToken) -> None:
        attempt = _Send(
            job_id=key,
            type=alert.name,
            queue="alerts",
            number=1,
            payload=payload,
            deadline=clock.monotonic() + LIMIT_S,
            cancel=cancel,
            log=_logged(alert.name),
            environment=around.environment,
        )
        try:
            handler(attempt)
        except AttemptCancelled as error:
            raise GivenUp from error
        except AttemptTimeout as error:
            raise NotSent(f"it took longer than {LIMIT_S:.0f} s, and was stopped") from error
        except Exception as error:
            what = describe(error)
            raise NotSent(sanitize(f"{what.error}: {first_line(what.message)}", limit=300)) from error

    return send


def _logged(name: str) -> Callable[[str, str], float]:
    def note(stream: str, line: str) -> float:
        log.debug("alert %s: %s: %s", name, stream, sanitize(line, limit=500))
        return 0.0

    return note


def _enqueued(alert: Alert, catalog: Catalog, store: Store) -> Channel:
    producer = Producer(catalog, store.mint)
    render = None if alert.payload is None else compile_value(alert.payload)
    job = alert.job or ""

    def send(payload: Mapping[str, Any], key: str, _cancel: CancelToken) -> None:
        try:
            given = payload if render is None else render({**payload, "payload": payload})
            store.jobs.enqueue([producer.prepare(job, given, id=key)])  # the same id each time: one job
        except (JobctlError, ValueError) as error:
            raise NotSent(sanitize(f"{job} was not enqueued: {error}", limit=300)) from error

    return send
