"""The demo's beginning and end: a folder and processes of its own, of which nothing is left, however it ends."""

from __future__ import annotations

import contextlib
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TextIO

from jobctl import clock
from jobctl.demo.receiver import Receiver
from jobctl.demo.shell import COMMAND, Shell
from jobctl.demo.story import tell, write_project
from jobctl.engine.supervisor.parts import Part
from jobctl.errors import OperationFailed
from jobctl.settings import environment

STOP_S = 60.0


def run(out: TextIO, *, color: bool) -> None:
    """Play the demo. Raises OperationFailed when anything does not hold."""
    began = clock.monotonic()
    with _ending_at_sigterm(), _folder() as folder:
        receiver = Receiver()
        try:
            write_project(folder, receiver)
            env = _environment(folder)
            shell = Shell(out, folder, env, color=color)
            up = Part("up", [*COMMAND, "up", "--processes=2", "--threads=4"], env, folder / "up.log", folder)
            _play(shell, up, receiver)
        finally:
            receiver.close()
    took = f"{clock.monotonic() - began:.0f} s"
    shell.say(f"Done in {took}; everything was cleaned up. Start your own: `jobctl init && jobctl up`")


def _play(shell: Shell, up: Part, receiver: Receiver) -> None:
    try:
        tell(shell, up, receiver)
        shell.say("Ctrl-C: the scheduler stops, the workers finish their jobs, the server stops last.")
        up.signal(signal.SIGINT)
        shell.until("`jobctl up` has ended", lambda: up.poll() is not None, STOP_S)
        shell.check("everything has stopped in order", up.poll() == 0)
    except OperationFailed as error:
        shell.say("The last lines of `jobctl up`:")
        shell.show(up.last_lines())
        raise error
    finally:
        _stop(up)


def _stop(up: Part) -> None:
    """Stop what still runs: in order if it can, at once if it cannot."""
    if up.alive and up.process is not None:
        up.signal(signal.SIGTERM)
        with contextlib.suppress(Exception):
            up.process.wait(STOP_S)
    up.close()


def _environment(folder: Path) -> dict[str, str]:
    """Ours without anything that steers jobctl: the demo touches no Redis but its own."""
    kept = {name: value for name, value in environment().items() if not name.startswith(("JOBCTL_", "XDG_"))}
    root = str(Path(__file__).resolve().parents[2])
    paths = [path for path in (kept.get("PYTHONPATH"), root) if path]
    own = {"XDG_CONFIG_HOME": str(folder / ".config"), "XDG_CACHE_HOME": str(folder / ".cache")}
    return {**kept, **own, "PYTHONPATH": ":".join(paths), "NO_COLOR": "1"}


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="jobctl-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _ending_at_sigterm() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does: with everything cleared away."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
