"""What `jobctl up` runs: server, worker and scheduler as one tree of processes, started and stopped in order."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from jobctl.catalog.model import Catalog
from jobctl.engine.server.embedded import EmbeddedServer, prepare_directory
from jobctl.engine.supervisor.parts import Part
from jobctl.engine.tools.loop import Loop
from jobctl.engine.tools.notify import Notifier
from jobctl.errors import INTERRUPTED, OperationFailed, RedisUnavailable, Refused, UsageError
from jobctl.ops import pauses
from jobctl.ops.connect import open_store, refuse_other_layout
from jobctl.ops.serve import CALL_S
from jobctl.settings import Settings, environment, notify_socket
from jobctl.store import Store
from jobctl.store.data.records import Event, PauseRow, QueueRow

LOOK_S = 0.5
EVENTS_SHOWN = 8

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """What `jobctl up` was asked for. `logs_to_files`: a view covers the terminal, so lines go to files."""

    processes: int | None = None
    threads: int | None = None
    scheduler: bool = True
    logs_to_files: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """How everything stands, for a view. `stopping` names what it waits for, or is empty."""

    server: str
    parts: Sequence[tuple[str, str]]
    queues: Sequence[QueueRow]
    events: Sequence[Event]
    pauses: Sequence[PauseRow] = ()
    outage: str = ""
    stopping: str = ""


class View(Protocol):
    """What shows the tree to a person. `jobctl.cli` brings one for terminals and one that writes lines."""

    def show(self, snapshot: Snapshot) -> None:
        """How everything stands now; comes about twice a second."""

    def ready(self) -> None:
        """Everything works; comes once."""

    def failed(self, name: str, lines: Sequence[str]) -> None:
        """A part ended by itself; `lines` are the last of its log."""

    def lost(self) -> bool:
        """Whether the terminal that it was shown on is gone."""

    def close(self) -> None:
        """Nothing more is shown. May come twice."""


class Up:
    """The tree. `run` it in the main thread: the parts die when that thread ends."""

    def __init__(self, settings: Settings, catalog: Catalog, options: UpOptions, view: View) -> None:
        self._settings = settings
        self._catalog = catalog
        self._view = view
        self._state = settings.state_dir.absolute()
        self._server = EmbeddedServer(self._state) if settings.redis_url is None else None
        self._options = options
        self._notifier = Notifier(*notify_socket())
        self._parts: list[Part] = []
        self._store: Store | None = None
        self._events: list[Event] = []
        self._position = ""
        self._ready = False
        self._mark = _mark(settings.catalog_path)
        self._stops: list[int] = []
        self._failed = self._stopping = ""

    def run(self) -> int:
        """Work until stopped. Returns 0, 1 when a part ended by itself or had to be killed, 130 after a second SIGINT.

        Raises Refused when it runs here already, OperationFailed, RedisUnavailable or OtherLayout
        when it cannot start.
        """
        prepare_directory(self._state)
        with _hold(self._state):
            loop = Loop()
            loop.on_signal((signal.SIGINT, signal.SIGTERM), self._stops.append)
            loop.on_signal((signal.SIGHUP,), self._hang_up)
            loop.on_signal((signal.SIGCHLD,), lambda _number: None)
            try:
                self._start()
                loop.every(LOOK_S, self._look)
                while not (self._stops or self._ended()):
                    loop.run_once()
                return self._stop(loop)
            finally:
                self._view.close()
                for part in reversed(self._parts):
                    part.close()
                if self._server:
                    self._server.stop()
                loop.close()

    def _start(self) -> None:
        settings = self._settings
        if self._server:
            self._server.start()
        url = self._server.url if self._server else settings.redis_url
        self._store = open_store(settings, self._catalog, url=url, timeout_s=CALL_S)
        refuse_other_layout(self._store)
        env = {**environment(), **settings.child_environment(url)}
        (self._state / "logs").mkdir(exist_ok=True, mode=0o700)
        if self._options.scheduler:
            self._parts.append(self._part("scheduler", [], env))
        options = self._options
        given = {"--processes": options.processes, "--threads": options.threads}
        self._parts.append(self._part("worker", [f"{k}={v}" for k, v in given.items() if v is not None], env))
        for part in self._parts:
            part.start()

    def _part(self, name: str, arguments: list[str], env: Mapping[str, str]) -> Part:
        to_file = self._state / "logs" / f"{name}.log" if self._options.logs_to_files else None
        form = ["--log-format=text"] if to_file else []
        return Part(name, [sys.executable, "-m", "jobctl", name, *form, *arguments], env, to_file)

    # while it runs

    def _hang_up(self, number: int) -> None:
        """Someone asks for a reload, or the terminal was closed: then nobody would ever stop what goes on unseen."""
        if self._view.lost():
            self._stops.append(signal.SIGTERM)
            return
        for part in self._parts:
            part.signal(number)

    def _look(self) -> None:
        for part in self._parts:
            part.hear()
        self._watch()
        if not self._ready and not self._stopping and all(part.ready for part in self._parts):
            self._ready = True
            self._view.ready()
            self._notifier.ready("everything is up")
        self._view.show(self._snapshot())

    def _watch(self) -> None:
        """Reload when the catalog's file has changed."""
        mark = _mark(self._settings.catalog_path)
        if self._ready and mark is not None and mark != self._mark:
            self._mark = mark
            log.info("%s has changed: reloading", self._settings.catalog_path)
            for part in self._parts:
                part.signal(signal.SIGHUP)

    def _snapshot(self) -> Snapshot:
        queues: list[QueueRow] = []
        paused: list[PauseRow] = []
        outage = ""
        try:
            queues = self._read()
            paused = pauses.ls(self._store) if self._store else []
        except RedisUnavailable as error:
            outage = error.message
        return Snapshot(
            server=f"embedded server (process {self._server.pid})" if self._server else self._settings.shown_url(),
            parts=[(part.name, part.status) for part in self._parts],
            queues=queues,
            events=self._events[-EVENTS_SHOWN:],
            pauses=paused,
            outage=outage,
            stopping=self._stopping,
        )

    def _read(self) -> list[QueueRow]:
        assert self._store is not None
        if not self._position:
            _, self._position = self._store.events.recent(1)
        events, self._position = self._store.events.after(self._position, 1)
        self._events = [*self._events, *events][-EVENTS_SHOWN:]
        return self._store.queues.depth(self._store.queues.names())

    def _ended(self) -> bool:
        """Whether something ended that should not have."""
        for part in self._parts:
            if (code := part.poll()) is not None:
                how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
                self._failed = f"the {part.name} {how}"
        if self._server and not self._server.alive():
            self._failed = f"the embedded server ended; its log is {self._server.log}"
        return bool(self._failed)

    # the end

    def _stop(self, loop: Loop) -> int:
        """Scheduler first, so that nothing new comes; then the worker, which drains; the server last."""
        codes = [self._end(part, loop) for part in self._parts]
        self._view.close()
        if self._failed:
            for part in self._parts:
                if part.poll():
                    self._view.failed(part.name, part.last_lines())
            if any(part.poll() == UsageError.exit_code for part in self._parts):
                raise UsageError(self._failed, "see above")  # the worker found that the catalog cannot be served
            raise OperationFailed(self._failed)
        if self._stops.count(signal.SIGINT) > 1:
            return INTERRUPTED
        return 0 if not any(codes) else 1

    def _end(self, part: Part, loop: Loop) -> int:
        """Ask a part to stop and wait for it; each further signal to us is passed on to it."""
        passed = len(self._stops)
        part.signal(signal.SIGTERM)
        self._stopping = f"the {part.name}"
        self._look()
        while part.alive:
            loop.run_once()
            if len(self._stops) > passed:
                passed = len(self._stops)
                part.signal(self._stops[-1])
        code = part.poll() or 0
        return 0 if code == -signal.SIGTERM and not part.ready else code  # it had not begun yet


def _mark(path: Path) -> tuple[int, int, int] | None:
    """What changes when the file does; None while there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


class _hold:  # noqa: N801 - reads as what it does
    """The project's lock: one `up` a state directory. It is free as soon as its holder is gone, however it ended."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "up.pid"
        self._file: IO[str] | None = None

    def __enter__(self) -> None:
        self._file = file = self._path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise Refused(
                f"`jobctl up` is already running in this project, as process {holder}",
                "stop it, or pass another --state-dir",
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()

    def __exit__(self, *_: object) -> None:
        assert self._file is not None
        self._file.truncate(0)
        self._file.close()
