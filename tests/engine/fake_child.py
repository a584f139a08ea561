"""A worker process without Redis: the real entry, with a job loop that behaves as the test asks.

`environment["behaviour"]` chooses; "first" in front of it means that only the supervisor's first child
behaves so, "later" that all but its first two do.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time

from jobctl.engine.process import entry
from jobctl.engine.process.config import CLEAN, NO_REDIS, RECYCLE, ChildConfig
from jobctl.engine.process.slots import SlotTable
from jobctl.engine.tools.stop import StopFlag


def work(config: ChildConfig, slots: SlotTable, stop: StopFlag) -> int:
    slots.set_threads_alive(config.threads)
    slots.set_ready()
    while not stop.wait(0.05):
        slots.bump()
    return CLEAN


def crash(_config: ChildConfig, slots: SlotTable, _stop: StopFlag) -> int:
    slots.begin(0, "token-executing", "default", "a")
    slots.begin(1, "token-finished", "default", "b")
    slots.end(1)
    os.kill(os.getpid(), signal.SIGKILL)
    return CLEAN


def hang(config: ChildConfig, slots: SlotTable, _stop: StopFlag) -> int:
    slots.begin(0, "token-hanging", "default", "a")
    slots.set_threads_alive(config.threads)
    slots.set_ready()
    while True:
        time.sleep(3600)


def unready(_config: ChildConfig, _slots: SlotTable, stop: StopFlag) -> int:
    stop.wait()
    return CLEAN


def recycle(_config: ChildConfig, _slots: SlotTable, _stop: StopFlag) -> int:
    return RECYCLE


def empty(_config: ChildConfig, _slots: SlotTable, _stop: StopFlag) -> int:
    return CLEAN


def sleepy(_config: ChildConfig, slots: SlotTable, _stop: StopFlag) -> int:
    """Something that it ran wants to do much at its exit."""
    entry.EXIT_S = 0.3
    atexit.register(time.sleep, 3600)
    slots.set_ready()
    return RECYCLE


def broken(_config: ChildConfig, _slots: SlotTable, _stop: StopFlag) -> int:
    return 1


def refused(_config: ChildConfig, _slots: SlotTable, _stop: StopFlag) -> int:
    return NO_REDIS


def fat(config: ChildConfig, slots: SlotTable, stop: StopFlag) -> int:
    ballast = b"x" * 150_000_000
    code = work(config, slots, stop)
    del ballast
    return code


def lame(config: ChildConfig, slots: SlotTable, stop: StopFlag) -> int:
    slots.set_ready()
    slots.set_threads_alive(config.threads - 1)
    stop.wait()
    return CLEAN


def run(config: ChildConfig, slots: SlotTable, stop: StopFlag) -> int:
    behaviour = config.environment["behaviour"]
    if behaviour.startswith("first "):
        behaviour = behaviour.removeprefix("first ") if config.name.endswith(":1") else "work"
    if behaviour.startswith("later "):
        behaviour = behaviour.removeprefix("later ") if int(config.name.rpartition(":")[2]) > 2 else "work"
    return int(globals()[behaviour](config, slots, stop))


if __name__ == "__main__":
    sys.exit(entry.main(sys.argv[1:], run=run))
