"""`worker --burst` ends by itself, also where Redis does not do what a worker asks of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.servers import HOST, Node, running
from tests.support import PATIENCE_S, Cli, eventually

BURST = """
import sys
from jobctl.ops.serve import WorkerOptions, run_worker
from jobctl.settings import resolve
sys.exit(run_worker(resolve(), WorkerOptions(burst=True, processes=1, threads=1, patience_s=1.5, log_format="text")))
"""


@pytest.fixture
def site(tmp_path: Path) -> Cli:
    (tmp_path / "jobs.yaml").write_text('version: 1\njobs: {a: {command: ["true"]}}\n')
    return Cli(tmp_path)


def burst(site: Cli, node: Node) -> tuple[int, str]:
    env = {**site.env, "JOBCTL_REDIS_URL": node.url}
    argv = [sys.executable, "-c", BURST]
    done = subprocess.run(argv, cwd=site.cwd, env=env, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    return done.returncode, done.stderr


def test_on_a_replica(site: Cli, tmp_path: Path) -> None:
    primary = Node(tmp_path)
    replica = Node(tmp_path, f"replicaof {HOST} {primary.port}")
    with running(primary, replica):
        site("enqueue", "a", env={"JOBCTL_REDIS_URL": primary.url})
        eventually(lambda: replica.ask("DBSIZE"))
        code, told = burst(site, replica)
    assert code == 3
    assert "it is a replica" in told
    assert "giving up after 2 s without Redis: jobs may be left in the queues" in told


@pytest.mark.parametrize("command", ["EVALSHA", "LTRIM", "BLPOP"])
def test_where_a_command_has_another_name(command: str, site: Cli, tmp_path: Path) -> None:
    """Of BLPOP only idle workers have need. Without LTRIM a worker is heard, and gets no job."""
    node = Node(tmp_path, "appendonly yes", "appendfsync always")
    with running(node):
        assert site("enqueue", "a", env={"JOBCTL_REDIS_URL": node.url}).code == 0
        node.kill()
        node.configure(f'rename-command {command} ""')
        node.start()
        code, told = burst(site, node)
    assert code == (0 if command == "BLPOP" else 3)
    assert ("jobs may be left" in told) is (code == 3)
