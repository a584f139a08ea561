"""Helpers that tests share. `eventually` is the only place in the tests where a poll may sleep."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.fork_server import ForkServer

T = TypeVar("T")

PATIENCE_S = 120.0
"""How long to wait for what must happen; only a test that fails waits so long, so a busy machine fails none."""


def eventually(probe: Callable[[], T], timeout: float = PATIENCE_S, what: str = "") -> T:
    """The first true value that `probe` returns within `timeout` seconds; fails the test otherwise.

    An AssertionError of the probe counts as "not yet"; the last one is shown when time runs out.
    """
    deadline = time.monotonic() + timeout
    pause = 0.005
    last: object = None
    while True:
        try:
            last = probe()
            if last:
                return last  # type: ignore[return-value]
        except AssertionError as error:
            last = error
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout} s: {what or probe!r}; last: {last!r}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


@dataclass(frozen=True)
class Ran:
    """How a command ended. `out` is stdout, `err` is stderr, `code` the exit code."""

    out: str
    err: str
    code: int

    def json(self) -> Any:
        return json.loads(self.out)

    def lines(self) -> list[str]:
        return self.out.splitlines()


class Cli:
    """Runs the real command as a subprocess, in its own folder and with a clean environment.

    A call is forked off an interpreter that has everything imported; `start` starts a fresh one.
    """

    def __init__(self, cwd: Path, env: Mapping[str, str] | None = None) -> None:
        self.cwd = cwd
        self.env = clean_environment(cwd) | dict(env or {})

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "jobctl", *args]

    def __call__(
        self,
        *args: str,
        input: str = "",  # noqa: A002 - the name that subprocess.run uses
        env: Mapping[str, str] | None = None,
        timeout: float = PATIENCE_S,
        cwd: Path | None = None,
    ) -> Ran:
        options: dict[str, Any] = {"cwd": cwd or self.cwd, "env": self.env | dict(env or {}), "timeout": timeout}
        server = _fork_server()
        if server.fits(options["env"]):
            done = server.run(args, stdin=input.encode(), **options)
        else:
            done = subprocess.run(
                self.command(*args), input=input.encode(), capture_output=True, check=False, **options
            )
        return Ran(done.stdout.decode(), done.stderr.decode(), done.returncode)

    def start(self, *args: str, env: Mapping[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
        """Start a command that goes on running; its output is piped, as text."""
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
        return subprocess.Popen(self.command(*args), cwd=self.cwd, env=self.env | dict(env or {}), **options)


@functools.cache
def _fork_server() -> ForkServer:
    return ForkServer(clean_environment(Path("/")))


def clean_environment(home: Path) -> dict[str, str]:
    """This process's environment without anything that steers jobctl, and with a home of its own."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("JOBCTL_", "_JOBCTL", "XDG_")) and key not in ("NO_COLOR", "FORCE_COLOR")
    }
    root = str(Path(__file__).resolve().parent.parent)
    paths: Sequence[str] = [root, *filter(None, [kept.get("PYTHONPATH")])]
    return kept | {"HOME": str(home), "PYTHONPATH": os.pathsep.join(paths)}
