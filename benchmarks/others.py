"""The same jobs for Huey, RQ and Celery. Which of them is defined depends on what is installed (extra `bench`)."""

from __future__ import annotations

import os

from benchmarks import tasks

URL = os.environ["BENCH_URL"]


def huey_app():  # type: ignore[no-untyped-def]
    """A Huey with the three tasks."""
    from huey import RedisHuey

    app = RedisHuey("bench", url=URL)
    return app, {name: app.task(name=name)(getattr(tasks, name)) for name in ("noop", "incr", "stamp")}


def celery_app():  # type: ignore[no-untyped-def]
    """A Celery with the three tasks."""
    from celery import Celery

    app = Celery("bench", broker=URL.replace("unix://", "redis+socket://"))
    app.conf.update(task_ignore_result=True, worker_hijack_root_logger=False, broker_connection_retry_on_startup=True)
    return app, {name: app.task(name=name)(getattr(tasks, name)) for name in ("noop", "incr", "stamp")}
