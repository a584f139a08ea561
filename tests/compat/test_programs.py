"""Dramatiq programs, run by the stock `dramatiq` command on JobctlBroker and by `jobctl worker`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from jobctl.broker import JobctlBroker
from tests.support import PATIENCE_S, clean_environment, eventually

PROGRAMS = Path(__file__).with_name("programs")


class Stock:
    """A `dramatiq` process with one worker process, over programs of this folder."""

    def __init__(self, folder: Path, redis_url: str, *modules: str) -> None:
        self.folder = folder
        self._log = (folder / "dramatiq.log").open("wb")
        environment = clean_environment(folder) | {"PROGRAMS_URL": redis_url}
        environment["PYTHONPATH"] += os.pathsep + str(PROGRAMS)
        argv = [sys.executable, "-m", "dramatiq", "stock", *modules, "--processes", "1", "--threads", "4"]
        self.process = subprocess.Popen(
            argv, cwd=folder, env=environment, stdout=self._log, stderr=self._log, start_new_session=True
        )

    def said(self) -> list[str]:
        path = self.folder / "said"
        return path.read_text().splitlines() if path.exists() else []

    def stop(self) -> None:
        """Stop as a person would; what does not end is killed, with its worker, which would live on."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE_S)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self._log.close()


@pytest.fixture
def broker(redis_client: redis.Redis) -> Iterator[JobctlBroker]:
    broker = JobctlBroker(client=redis_client, namespace="programs")
    yield broker
    broker.close()


def send(broker: JobctlBroker, actor: str) -> str:
    import dramatiq

    return str(broker.enqueue(dramatiq.Message("default", actor, (), {}, {})).message_id)


def test_the_stock_command_interrupts_at_the_time_limit_and_at_shutdown(
    broker: JobctlBroker, redis_url: str, tmp_path: Path
) -> None:
    stock = Stock(tmp_path, redis_url, "limits")
    try:
        send(broker, "patient")
        send(broker, "endless")
        eventually(lambda: stock.said() == ["patient begins", "endless time limit"])
    finally:
        stock.stop()
    assert stock.said()[-1] == "patient shutdown"
