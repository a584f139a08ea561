"""A Django application with django-dramatiq: its admin's tasks follow the jobs that `jobctl worker` runs."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import redis

from tests.support import Cli

SITE = """
import os
import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django_dramatiq"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "site.db"}},
    DRAMATIQ_BROKER={
        "BROKER": "jobctl.broker.JobctlBroker",
        "OPTIONS": {"url": os.environ["JOBCTL_REDIS_URL"], "namespace": "site"},
        "MIDDLEWARE": [
            "dramatiq.middleware.Retries",
            "django_dramatiq.middleware.AdminMiddleware",
            "django_dramatiq.middleware.DbConnectionsMiddleware",
        ],
    },
)
django.setup()

import dramatiq
from django_dramatiq.middleware import AdminMiddleware, DbConnectionsMiddleware
from django_dramatiq.models import Task

def middleware():
    return [AdminMiddleware(), DbConnectionsMiddleware()]

@dramatiq.actor
def count():
    return Task.tasks.count()

@dramatiq.actor
def fail():
    raise ValueError("no good")

if __name__ == "__main__":
    from django.core.management import call_command
    call_command("migrate", verbosity=0)
    count.send()
    fail.send()
"""
CATALOG = """\
version: 1
namespace: site
defaults: {retries: {max: 1, delays: [1ms]}}
jobs:
  count: {actor: "site_jobs:count"}
  fail: {actor: "site_jobs:fail"}
worker:
  middleware: ["site_jobs:middleware"]
"""


def test_its_tasks_are_those_of_its_jobs(redis_cli: Cli, redis_client: redis.Redis) -> None:
    (redis_cli.cwd / "site_jobs.py").write_text(SITE)
    (redis_cli.cwd / "jobs.yaml").write_text(CATALOG)
    subprocess.run([sys.executable, "site_jobs.py"], cwd=redis_cli.cwd, env=redis_cli.env, check=True)

    def tasks() -> list[tuple[str, str]]:
        with sqlite3.connect(redis_cli.cwd / "site.db") as database:
            rows = database.execute("select actor_name, status from django_dramatiq_task order by actor_name")
            return [(str(name), str(status)) for name, status in rows]

    assert tasks() == [("count", "enqueued"), ("fail", "enqueued")]
    ran = redis_cli("worker", "--burst", "--processes=1", "--threads=1")  # SQLite lets one write at a time
    assert ran.code == 0, ran.err
    assert tasks() == [("count", "done"), ("fail", "failed")]
    assert "no effect" not in ran.err
    assert "does not run here" not in ran.err
    jobs = redis_cli("job", "ls", "-o", "json").json()
    assert {(job["type"], job["state"], job["attempt_count"]) for job in jobs} == {
        ("count", "completed", 1),
        ("fail", "dead", 2),
    }
