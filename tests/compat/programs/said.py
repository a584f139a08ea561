"""What the programs say: lines in the file `said` of the folder that they run in."""

from __future__ import annotations

import os
import time
from pathlib import Path

PATIENCE_S = 120.0


def say(*words: object) -> None:
    """Add a line, in one write: several processes do so."""
    descriptor = os.open("said", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, (" ".join(map(str, words)) + "\n").encode())
    finally:
        os.close(descriptor)


def lines(program: str) -> list[str]:
    """What a program has said so far, without its name."""
    text = Path("said").read_text() if Path("said").exists() else ""
    return [line.partition(" ")[2] for line in text.splitlines() if line.partition(" ")[0] == program]


def wait(program: str, count: int) -> list[str]:
    """What a program has said, once that is so many lines or the patience is over."""
    until = time.monotonic() + PATIENCE_S
    while len(lines(program)) < count and time.monotonic() < until:
        time.sleep(0.02)
    return lines(program)
