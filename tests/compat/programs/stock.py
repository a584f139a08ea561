"""The broker of the programs when the `dramatiq` command runs them: set by a function that the command calls, as in
Dramatiq's example `callable_broker`. `several` names it."""

from __future__ import annotations

import dramatiq
from dramatiq.middleware import AgeLimit, Callbacks, Pipelines, Retries
from outfit import URL, extras, limits

from jobctl.broker import JobctlBroker

broker = JobctlBroker(
    url=URL,
    namespace="programs",
    middleware=[AgeLimit(), *limits(), Callbacks(), Pipelines(), Retries(max_retries=0), *extras()],
)


def set_up() -> None:
    dramatiq.set_broker(broker)
