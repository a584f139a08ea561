"""A plain Dramatiq program, as people have it. `send N` enqueues, `work` runs a stock worker until it is told to stop.

Its actor fails while the folder it is started in has no file `fixed`, and otherwise writes a file `ran-N`.
"""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

import dramatiq
from dramatiq.brokers.redis import RedisBroker

broker = RedisBroker(url=sys.argv[1])
dramatiq.set_broker(broker)


@dramatiq.actor(queue_name="mail", max_retries=1, min_backoff=1, max_backoff=2, max_age=3_600_000)
def post(number: int) -> None:
    if not Path("fixed").exists():
        raise ConnectionError(f"no route to host {number}\nsecond line [/foo]")
    Path(f"ran-{number}").touch()


if sys.argv[2] == "send":
    for sent in range(int(sys.argv[3])):
        post.send(sent)
else:
    worker = dramatiq.Worker(broker, worker_threads=2, worker_timeout=50)
    worker.start()
    done = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    done.wait()
    worker.stop()
