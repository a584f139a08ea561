"""`jobctl demo`: what the README promises, once in full; and that it leaves nothing, however it ends."""

from __future__ import annotations

import signal
import tempfile
import time
from pathlib import Path

import pytest

from tests.project import Project, descendants, gone
from tests.support import Cli, eventually


def folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("jobctl-demo-*"))


def test_it_holds_in_every_step_ends_in_a_minute_and_leaves_nothing(cli: Cli) -> None:
    before = folders()
    began = time.monotonic()
    ran = cli("demo", timeout=110)
    assert ran.code == 0, ran.out[-3000:] + ran.err
    assert time.monotonic() - began < 60
    for told in ("[503, 503, 200]", "sales north", "all 20 completed", "none twice", "stopped in order"):
        assert told in ran.out
    assert folders() <= before
    assert list(cli.cwd.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_fails_and_leaves_nothing(project: Project, number: int) -> None:
    before = folders()
    demo = project.start("demo")
    eventually(lambda: "workers and scheduler are up" in demo.path.read_text(), 40)
    below = descendants(demo.process.pid)
    assert len(below) >= 5
    demo.signal(number)
    assert demo.ended(30) in (130, 143)
    gone(below, timeout=2)
    assert folders() <= before
