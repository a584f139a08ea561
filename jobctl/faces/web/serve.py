"""Serves the pages: where, with which tokens, until it is told to end."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from jobctl.errors import UsageError
from jobctl.faces.change import Changes
from jobctl.faces.sampler import Sampler
from jobctl.faces.web import tokens
from jobctl.faces.web.app import build
from jobctl.faces.web.desk import Desk

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
EVERYWHERE = ("0.0.0.0", "::")
_ROOT = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_NAME = re.compile(r"[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]")


@dataclass(frozen=True, slots=True)
class Place:
    """Where it listens, by which other names it may be asked, and below which path a proxy serves it."""

    host: str
    port: int
    names: tuple[str, ...] = ()
    root: str = ""

    def check(self) -> None:
        """Raise UsageError for what cannot be."""
        root = self.root.rstrip("/")
        if root and not _ROOT.fullmatch(root):
            raise UsageError(f"--root-path: {self.root[:60]!r} is no path", "write it as /jobctl")
        for name in self.names:
            if not _NAME.fullmatch(name):
                raise UsageError(
                    f"--allow-host: {name[:60]!r} is not a host's name", "write it without scheme and port"
                )
        if self.host in EVERYWHERE and not self.names:
            raise UsageError(
                f"--host {self.host} is every address", "name those of browsers, too: --allow-host jobs.example.com"
            )

    @property
    def shown(self) -> str:
        """The address as a URL has it."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def hosts(self) -> list[str]:
        """The names by which it may be asked."""
        own = [] if self.host in EVERYWHERE else [self.shown]
        return [*own, *(LOOPBACK if self.shown in LOOPBACK else ()), *self.names]


def run(
    changes: Changes,
    place: Place,
    token_file: Path | None,
    *,
    allow_changes: bool,
    write: Callable[[str], object],
    say: Callable[[str], None],
) -> None:
    """Serve until SIGINT or SIGTERM. `write` is given the links, `say` words about them. Raises UsageError where
    nothing can listen."""
    place.check()
    known = tokens.made(changes=allow_changes) if token_file is None else tokens.read(token_file, changes=allow_changes)
    listener = _listen(place)
    root = place.root.rstrip("/")
    desk = Desk(Sampler(changes.store, changes.catalog), changes, known, root)
    desk.warm_up()
    app = build(desk, place.hosts)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, date_header=False, timeout_graceful_shutdown=1,
        timeout_keep_alive=30, h11_max_incomplete_event_size=32_768, limit_concurrency=400, lifespan="off",
    )  # fmt: skip
    port = listener.getsockname()[1]
    where = f"http://{place.names[0] if place.host in EVERYWHERE else place.shown}:{port}{root}"
    if token_file is None:
        write(f"to look:   {where}/login?token={known.look}\n")
        if known.change is not None:
            write(f"to change: {where}/login?token={known.change}\n")
        say("the links are shown once; Ctrl-C ends it")
    else:
        say(f"serving {where}/, with the tokens of {token_file}; Ctrl-C ends it")
    uvicorn.Server(config).run(sockets=[listener])


def _listen(place: Place) -> socket.socket:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((place.host, place.port))
        listener.listen(128)  # who follows the link at once waits, and is not refused
    except OSError as error:
        listener.close()
        raise UsageError(
            f"cannot listen on {place.shown}:{place.port}: {error.strerror or error}", "choose another --port or --host"
        ) from error
    return listener
