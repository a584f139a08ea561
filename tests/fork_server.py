"""The real command without the cost of starting an interpreter: `ForkServer.run` forks it off one.

Four fifths of a short command's CPU time go into importing modules. A server process, one for each test process, has
imported them, and forks a child for each call, which runs `python -m jobctl` with its own arguments, environment,
folder and pipes, and ends as its interpreter would.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import jobctl

ROOT = Path(__file__).resolve().parent.parent
LATE = (
    "asyncio", "apscheduler.schedulers.background", "cronsim", "dramatiq.brokers.redis", "jinja2.nativetypes",
    "jinja2.sandbox", "jsonschema_rs", "psutil", "redis.asyncio", "redis.cluster", "redis.sentinel", "rich.console",
    "rich.live", "rich.progress", "rich.table", "rich.text", "ssl", "typer.completion", "urllib3", "yaml",
)  # fmt: skip
"""What jobctl imports only once it is needed."""
HEAD = 8
"""How many bytes of a request say how long the rest is."""
AT_START = ("PYTHON", "LANG", "LC_", "dramatiq_", "FORCE_COLOR", "TERMINAL_WIDTH")
"""Variables of which an interpreter takes notice only when it starts."""


class ForkServer:
    """Keeps one interpreter and runs commands in children of it. Threads may call `run` side by side."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._startup = startup(environment)
        self._lock = threading.Lock()
        self._channel, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(theirs.fileno())],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()

    def fits(self, environment: Mapping[str, str]) -> bool:
        """Whether an interpreter that starts with this environment would be as the one that runs."""
        return startup(environment) == self._startup

    def run(
        self, args: Sequence[str], *, stdin: bytes, env: Mapping[str, str], cwd: Path, timeout: float
    ) -> subprocess.CompletedProcess[bytes]:
        """What `subprocess.run` of `python -m jobctl ARGS` returns. Raises subprocess.TimeoutExpired."""
        with ExitStack() as stack:
            ours, theirs = [], []
            for writes in (True, False, False, False):  # stdin; stdout, stderr, how it ended
                read_end, write_end = (os.fdopen(fd, mode, 0) for fd, mode in zip(os.pipe(), ("rb", "wb"), strict=True))
                mine, other = (write_end, read_end) if writes else (read_end, write_end)
                ours.append(stack.enter_context(mine))
                theirs.append(stack.enter_context(other))
            self._ask({"args": list(args), "env": dict(env), "cwd": str(cwd)}, [file.fileno() for file in theirs])
            for file in theirs:
                file.close()
            out, err, end = _communicate(ours, stdin, timeout, list(args))
        return subprocess.CompletedProcess(list(args), int(end.split()[1]), out, err)

    def _ask(self, request: dict[str, Any], descriptors: list[int]) -> None:
        body = json.dumps(request).encode()
        with self._lock:
            socket.send_fds(self._channel, [len(body).to_bytes(HEAD, "big")], descriptors)
            self._channel.sendall(body)


def startup(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(AT_START)}


def _communicate(files: list[Any], data: bytes, timeout: float, args: list[str]) -> tuple[bytes, bytes, bytes]:
    """Feed a child its input and collect what it writes, until all is closed and its end is known."""
    stdin, *outputs = files
    collected = {file: bytearray() for file in outputs}
    deadline = time.monotonic() + timeout
    feeder = threading.Thread(target=_feed, args=(stdin, data), daemon=True)
    feeder.start()
    with selectors.DefaultSelector() as selector:
        for file in outputs:
            selector.register(file, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select(max(deadline - time.monotonic(), 0.0)):
                if chunk := os.read(key.fd, 65_536):
                    collected[key.fileobj] += chunk
                else:
                    selector.unregister(key.fileobj)
            if time.monotonic() >= deadline:
                os.kill(int(collected[outputs[-1]].split()[0]), signal.SIGKILL)
                raise subprocess.TimeoutExpired(args, timeout, *(bytes(collected[file]) for file in outputs[:2]))
    feeder.join()
    out, err, end = (bytes(collected[file]) for file in outputs)
    return out, err, end


def _feed(stdin: Any, data: bytes) -> None:
    with suppress(BrokenPipeError), stdin:
        left = memoryview(data)
        while left:
            left = left[os.write(stdin.fileno(), left) :]


# the server


def main() -> None:
    """Serve until the test process is gone; goes on as `python -m jobctl` in each child."""
    for name in [*LATE, *(found.name for found in pkgutil.walk_packages(jobctl.__path__, "jobctl."))]:
        if not name.endswith(".__main__"):
            with suppress(Exception):  # the commands that need it will say what is wrong with it
                importlib.import_module(name)
    gc.collect()
    gc.freeze()
    request = Forker(socket.socket(fileno=int(sys.argv[1]))).serve()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    sys.path[0] = request["cwd"]
    sys.argv = ["jobctl", *request["args"]]
    try:
        runpy.run_module("jobctl", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if isinstance(ended.code, int):
            _end(ended.code)
        raise


def _end(code: int) -> None:
    """End as an interpreter does, except that it does not take all its modules apart: that touches every object, so
    each page that is shared with the server would be copied, three quarters of what a short command costs."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class Forker:
    """Forks a child for each request that `channel` brings, and reports its pid and how it ended."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._wake, self._woken = os.pipe()
        os.set_blocking(self._woken, False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        self._reports: dict[int, int] = {}
        """Where to say how a child ended, by its pid."""
        self._selector = selectors.DefaultSelector()
        self._selector.register(channel, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)

    def serve(self) -> dict[str, Any]:
        """Serve for ever; in each child it returns what was requested."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._channel:
                    request, descriptors = self._receive()
                    if (pid := os.fork()) == 0:
                        self._forget()
                        _adopt(descriptors)
                        return request
                    self._began(pid, descriptors)
                else:
                    os.read(self._wake, 65_536)
                    self._report()

    def _receive(self) -> tuple[dict[str, Any], list[int]]:
        head, descriptors, _, _ = socket.recv_fds(self._channel, HEAD, 4)
        if not head:
            sys.exit(0)
        left, body = int.from_bytes(head, "big"), b""
        while len(body) < left:
            body += self._channel.recv(left - len(body))
        return json.loads(body), list(descriptors)

    def _began(self, pid: int, descriptors: list[int]) -> None:
        *streams, report = descriptors
        os.write(report, b"%d " % pid)
        self._reports[pid] = report
        for fd in streams:
            os.close(fd)

    def _report(self) -> None:
        while self._reports:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            report = self._reports.pop(pid)
            os.write(report, b"%d" % os.waitstatus_to_exitcode(status))
            os.close(report)

    def _forget(self) -> None:
        """Be no server any more."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        self._channel.close()
        for fd in (self._wake, self._woken, *self._reports.values()):
            os.close(fd)


def _adopt(descriptors: list[int]) -> None:
    """Make a request's pipes stdin, stdout and stderr."""
    for number, fd in enumerate(descriptors[:3]):
        os.dup2(fd, number)
    for fd in descriptors:
        os.close(fd)


if __name__ == "__main__":
    main()
