"""A plain Dramatiq program with the stock broker feeds jobctl's workers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import redis

from jobctl.store import Store
from tests.project import Project
from tests.support import eventually

CATALOG = """\
version: 1
namespace: test
jobs:
  resize: {actor: "images:resize", queue: images, retries: {max: 1, delays: [10ms]}}
"""
ACTORS = """\
import os, dramatiq
from dramatiq.brokers.redis import RedisBroker

if url := os.environ.get("STOCK_URL"):  # the program that sends; jobctl's worker sets its own broker
    dramatiq.set_broker(RedisBroker(url=url, namespace="test"))

@dramatiq.actor(queue_name="images", actor_name="resize_image", max_retries=9)
def resize(path, width=100):
    if path == "bad":
        raise ValueError("not a picture")
    return f"{path} at {width}"

if __name__ == "__main__":
    for message in (
        resize.send("a.png", width=5),
        resize.send("bad"),
        resize.send_with_options(args=("later.png",), delay=300),
    ):
        print(message.message_id)
"""


def test_a_stock_producer_feeds_an_actor_job(project: Project, redis_url: str, redis_client: redis.Redis) -> None:
    (project.folder / "jobs.yaml").write_text(CATALOG)
    (project.folder / "images.py").write_text(ACTORS)
    sent = subprocess.run(
        [sys.executable, "images.py"],
        cwd=project.folder,
        env={"STOCK_URL": redis_url, "PATH": str(Path(sys.executable).parent)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    project.worker().ready()
    store = Store(redis_client, "test")

    def states() -> bool:
        found = [store.jobs.find(message_id) for message_id in sent]
        assert [job.state if job else None for job in found] == ["completed", "dead", "completed"]
        return True

    assert eventually(states)
    now, bad, later = (project.cli("job", "show", message_id, "-o", "json").json() for message_id in sent)
    assert now["result"] == "a.png at 5"
    assert now["payload"] == {"$args": ["a.png"], "width": 5}
    assert (bad["error"], bad["message"], bad["attempt_count"]) == ("ValueError", "not a picture", 2)
    assert later["result"] == "later.png at 100"
    assert redis_client.exists("test:images.DQ.msgs", "test:images") == 0
