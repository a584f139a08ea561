"""Types commands as a person would: says what, runs the real program, shows what it answers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO, TypeVar

from jobctl import clock
from jobctl.errors import OperationFailed
from jobctl.text import sanitize

T = TypeVar("T")

COMMAND = (sys.executable, "-m", "jobctl")
COMMAND_S = 150.0
"""No command of the demo takes longer."""
SHOWN_LINES = 14


class Shell:
    """A folder and an environment to type in; `out` is where a person reads along."""

    def __init__(self, out: TextIO, folder: Path, environment: Mapping[str, str], *, color: bool) -> None:
        self.folder = folder
        self.environment = environment
        self._out = out
        self._color = color

    def say(self, text: str) -> None:
        self._write(f"\n{self._painted(text, '1')}\n")

    def typed(self, text: str) -> None:
        """Show a command line."""
        self._write(f"{self._painted('$ ', '36')}{self._painted(text, '36')}\n")

    def run(self, *args: str, typed: str = "", lines: int = SHOWN_LINES) -> str:
        """Type `jobctl ARGS`, show its answer, return its stdout. Raises OperationFailed when it fails."""
        self.typed(typed or " ".join(["jobctl", *map(_quoted, args)]))
        done = self._run(args)
        self.show([*done.stdout.splitlines(), *done.stderr.splitlines()], lines)
        if done.returncode:
            raise OperationFailed(f"the demo failed: `jobctl {' '.join(args)}` exited {done.returncode}")
        return done.stdout

    def show(self, answer: Sequence[str], lines: int = SHOWN_LINES) -> None:
        """Show what a command answered, its first lines."""
        for line in answer[:lines]:
            self._write(f"  {sanitize(line, limit=160)}\n")
        if len(answer) > lines:
            self._write(f"  … {len(answer) - lines} lines more\n")

    def ask(self, *args: str) -> Any:
        """What a command answers in JSON, without a word."""
        done = self._run((*args, "-o", "json"))
        if done.returncode:
            raise OperationFailed(f"the demo failed: `jobctl {' '.join(args)}`: {done.stderr.strip()[:300]}")
        return json.loads(done.stdout)

    def check(self, what: str, held: bool) -> None:
        """Say that something holds. Raises OperationFailed when it does not."""
        if not held:
            raise OperationFailed(f"the demo failed: not true: {what}")
        self._write(f"  {self._painted('✓', '32')} {what}\n")

    def until(self, what: str, probe: Callable[[], T], timeout_s: float = 120.0) -> T:
        """The first true value of `probe`. Raises OperationFailed when there is none in time."""
        deadline = clock.monotonic() + timeout_s
        while not (found := probe()):
            if clock.monotonic() > deadline:
                raise OperationFailed(f"the demo failed: timed out after {timeout_s:.0f} s: {what}")
            time.sleep(0.1)
        return found

    def _run(self, args: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *args],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )

    def _painted(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._color else text

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def _quoted(argument: str) -> str:
    return f"'{argument}'" if " " in argument else argument
