"""The embedded server: a private Valkey of one project, our own child process on a Unix socket.

It lives in the project's state directory (0700), appends to a file there, and dies with its parent. One lock
file, shared by the parent and the server, keeps two of them from ever working on the same data.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO
from urllib.parse import quote

from jobctl import clock
from jobctl.engine.server import program as serverprocess
from jobctl.errors import OperationFailed, RedisUnavailable, Refused
from jobctl.prctl import dying_with_parent

MAX_SOCKET_BYTES = 100
"""sockaddr_un holds 108 bytes on Linux and 104 on macOS."""
START_TIMEOUT_S = 10.0
LOAD_TIMEOUT_S = 600.0
STOP_TIMEOUT_S = 20.0
HANDOVER_S = 5.0
_SOCKET_NAME = "valkey.sock"


class EmbeddedServer:
    """The server of one state directory. Start it from a thread that lives as long as it should.

    On Linux the kernel stops it when the thread that called `start` ends, by SIGTERM, so that it still
    writes its file out.
    """

    def __init__(self, state_dir: Path, *, durable: bool = True) -> None:
        """`durable=False` keeps everything in memory only: for tests and benchmarks."""
        self.state_dir = state_dir.absolute()
        self.durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._socket: Path | None = None

    @property
    def url(self) -> str:
        """Where it listens, as a unix:// URL."""
        return _url(self._socket or _socket_path(self.state_dir))

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process else None

    @property
    def log(self) -> Path:
        """The server's own log; it begins again with each start."""
        return self.state_dir / "valkey.log"

    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start, and return when it answers.

        Raises Refused when another process has this state directory, OperationFailed when the directory
        cannot be used, RedisUnavailable when the server does not come up (with its log's last line).
        """
        binary = serverprocess.find()
        prepare_directory(self.state_dir)
        self._lock = _take_lock(self.state_dir)
        try:
            self._socket = _socket_path(self.state_dir, create=True)
            self._socket.unlink(missing_ok=True)
            (self.state_dir / "socket").write_text(f"{self._socket}\n")
            self._spawn(binary)
            self._await_answer()
        except OSError as error:
            self.stop()
            raise OperationFailed(_why(self.state_dir, error)) from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server, its data written out, and give the state directory free. Safe to call twice."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._lock is not None:
            with contextlib.suppress(OSError):
                (self._socket or self.state_dir / _SOCKET_NAME).unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def __enter__(self) -> EmbeddedServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _spawn(self, binary: Path) -> None:
        assert self._lock is not None
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                [str(binary), "-"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.state_dir,
                # a Ctrl-C at the terminal is for the parent, which lets jobs finish first
                start_new_session=True,
                pass_fds=(self._lock.fileno(),),
                preexec_fn=dying_with_parent(signal.SIGTERM),
            )
        self._process = process
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(self._configuration().encode("utf-8", "surrogateescape"))

    def _configuration(self) -> str:
        lines = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self.state_dir),
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "logfile": "",
        }
        return "".join(f"{key} {_quoted(value)}\n" for key, value in lines.items())

    def _await_answer(self) -> None:
        assert self._process is not None
        assert self._socket is not None
        begun = clock.monotonic()
        pause = 0.002
        while (answer := ping(self._socket)) != "PONG":
            if self._process.poll() is not None:
                raise RedisUnavailable(f"the embedded server did not start: {self._last_words()}")
            limit = LOAD_TIMEOUT_S if answer.startswith("LOADING") else START_TIMEOUT_S
            if clock.monotonic() - begun > limit:
                raise RedisUnavailable(f"the embedded server does not answer after {limit:.0f} s", str(self.log))
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)

    def _last_words(self) -> str:
        """The last line of the log without its `pid:role date` prefix."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        if not lines:
            return f"it left no log in {self.log}"
        telling = [line for line in lines if " # " in line or "rror" in line or "an't" in line] or lines
        return telling[-1].rpartition(" # ")[2].strip()


def find_running(state_dir: Path) -> str | None:
    """The URL of the server of this state directory, if one answers; else None. Never raises."""
    state = state_dir.absolute()
    try:
        written = (state / "socket").read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
    path = Path(written) if written else state / _SOCKET_NAME
    return _url(path) if ping(path) else None


def ping(path: Path, timeout_s: float = 2.0) -> str:
    """What the server on this socket answers to PING, without the type sign; '' without an answer."""
    try:
        return _ask(path, b"PING\r\n", timeout_s)
    except (OSError, ValueError):
        return ""


def prepare_directory(path: Path) -> None:
    """Make `path` a private directory of this user that can be written. Raises OperationFailed."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        info = path.stat()
        if info.st_uid != os.getuid():
            raise OperationFailed(f"the state directory {path} belongs to another user", "pass --state-dir")
        if info.st_mode & 0o077:
            path.chmod(0o700)
        ignore = path / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        with tempfile.TemporaryFile(dir=path) as probe:
            probe.write(b"\0" * 65536)
    except OSError as error:
        raise OperationFailed(_why(path, error), "free some space, or pass --state-dir") from error


def _why(path: Path, error: OSError) -> str:
    return f"cannot use the state directory {path}: {error.strerror or error}"


def _take_lock(state_dir: Path) -> IO[str]:
    """The state directory's lock. After a killed parent its server needs a moment to end: wait for it."""
    lock = (state_dir / "lock").open("a+")
    deadline = clock.monotonic() + HANDOVER_S
    asked = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip()
            if _is_alive(holder) or clock.monotonic() > deadline:
                lock.close()
                raise Refused(
                    f"an embedded server already runs here, started by process {holder or 'unknown'}",
                    f"stop it, or pass another --state-dir than {state_dir}",
                ) from None
        if not asked:
            asked = True
            _stop_orphan(state_dir)
        time.sleep(0.02)
    lock.seek(0)
    lock.truncate()
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def _is_alive(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _stop_orphan(state_dir: Path) -> None:
    """Ask a server whose parent was killed to end, where the kernel does not do it for us."""
    with contextlib.suppress(OSError, ValueError):
        written = (state_dir / "socket").read_text().strip()
        _ask(Path(written), b"SHUTDOWN\r\n", 2.0)


def _ask(path: Path, command: bytes, timeout_s: float) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(timeout_s)
        link.connect(os.fsencode(path))
        link.sendall(command)
        return link.recv(256).decode(errors="replace").strip().lstrip("+-")


def _socket_path(state_dir: Path, *, create: bool = False) -> Path:
    """In the state directory, or in a short private one when that path is too long for a socket."""
    path = state_dir / _SOCKET_NAME
    if len(os.fsencode(path)) <= MAX_SOCKET_BYTES:
        return path
    folder = Path(tempfile.gettempdir()) / f"jobctl-{os.getuid()}"
    if create:
        _private(folder)
    return folder / f"{hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:16]}.sock"


def _private(folder: Path) -> None:
    """In a directory that everyone writes to, trust only a real directory that is ours alone."""
    folder.mkdir(mode=0o700, exist_ok=True)
    info = folder.lstat()
    if folder.is_symlink() or info.st_uid != os.getuid() or info.st_mode & 0o077:
        raise OperationFailed(f"{folder} is not a private directory of this user", "remove it")


def _url(path: Path) -> str:
    return f"unix://{quote(str(path))}"


def _quoted(value: str) -> str:
    """A value as the server's configuration reads it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'
