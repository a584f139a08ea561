"""Functions that a middleware wants in processes of their own (`forks`), as Dramatiq's Prometheus does."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.project import Project, Started, alive, gone, kill
from tests.support import eventually

APP = """
import os, time
from pathlib import Path
from dramatiq import Middleware

def serve():
    Path("serves").write_text(f"{os.getpid()} one")
    while True:
        time.sleep(0.1)

def brief():
    with open("brief", "a") as file:
        file.write("x")

class Serving(Middleware):
    forks = [serve, brief]
"""


def served(folder: Path, by: str = "one") -> int:
    """The pid of the function's process, once it runs."""

    def look() -> int:
        path = folder / "serves"
        pid, _, version = path.read_text().partition(" ") if path.exists() else ("0", "", "")
        return int(pid) if version == by and alive(int(pid)) else 0

    return eventually(look)


def worker(project: Project) -> Started:
    project.write("serving.py", APP)
    project.write(
        "jobs.yaml", (project.folder / "jobs.yaml").read_text() + 'worker: {middleware: ["serving:Serving"]}\n'
    )
    return project.worker()


def test_each_runs_once_beside_the_worker_and_ends_with_it(project: Project) -> None:
    started = worker(project)
    first = served(project.folder)
    kill(first)
    eventually(lambda: served(project.folder) != first)
    started.said("serving:serve failed with exit code -9, restarting it")
    started.said("serving:brief has ended")
    second = served(project.folder)
    started.signal(signal.SIGTERM)
    assert started.ended() == 0
    assert not alive(second)
    assert (project.folder / "brief").read_text() == "x"


def test_a_reload_brings_those_of_the_new_code_and_a_killed_worker_leaves_none(project: Project) -> None:
    started = worker(project).ready()
    old = served(project.folder)
    project.change("serving.py", "one", "two")
    started.signal(signal.SIGHUP)
    new = served(project.folder, "two")
    assert not alive(old)
    started.signal(signal.SIGKILL)
    gone([new])
