"""`jobctl demo`: what the README promises, once in full; and that it leaves nothing, however it ends."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.project import Project, descendants, gone
from tests.support import PATIENCE_S, Cli, eventually


@pytest.fixture
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo makes its folder: other demos may run on this machine."""
    return tmp_path_factory.mktemp("temporary")


def test_it_holds_in_every_step_and_leaves_nothing(cli: Cli, temporary: Path) -> None:
    ran = cli("demo", timeout=4 * PATIENCE_S, env={"TMPDIR": str(temporary)})
    assert ran.code == 0, ran.out[-3000:] + ran.err
    for told in ("[503, 503, 200]", "sales north", "all 20 completed", "none twice", "stopped in order"):
        assert told in ran.out
    assert list(temporary.iterdir()) == []
    assert list(cli.cwd.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_fails_and_leaves_nothing(project: Project, temporary: Path, number: int) -> None:
    demo = project.start("demo", TMPDIR=str(temporary))
    eventually(lambda: "workers and scheduler are up" in demo.path.read_text())
    below = descendants(demo.process.pid)
    assert len(below) >= 5
    demo.signal(number)
    assert demo.ended() in (130, 143)
    gone(below)
    assert list(temporary.iterdir()) == []
