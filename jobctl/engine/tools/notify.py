"""Telling systemd how the service is (sd_notify(3)): ready, reloading, stopping, alive."""

from __future__ import annotations

import logging
import socket

from jobctl import clock

log = logging.getLogger(__name__)


class Notifier:
    """Sends state lines to the socket that systemd names in NOTIFY_SOCKET; without one, does nothing.

    `address` is the value of NOTIFY_SOCKET (a path, or `@name` for an abstract socket). `watchdog_us` is
    that of WATCHDOG_USEC: microseconds within which systemd wants a sign of life, None when it wants none.
    """

    def __init__(self, address: str | None = None, watchdog_us: int | None = None) -> None:
        self._address = "\0" + address[1:] if address and address[0] == "@" else address
        self.watchdog_s = watchdog_us / 2e6 if address and watchdog_us else None
        """Seconds between two pings: half of what is allowed. None when no ping is wanted."""

    def send(self, *lines: str) -> None:
        """Send lines such as "READY=1" in one datagram. Never raises: being heard is not our duty."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.setblocking(False)
                channel.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            log.debug("sd_notify failed: %s", error)

    def ready(self, status: str) -> None:
        self.send("READY=1", f"STATUS={status}")

    def status(self, status: str) -> None:
        self.send(f"STATUS={status}")

    def reloading(self) -> None:
        """Must be followed by `ready` (systemd's Type=notify-reload waits for it)."""
        self.send("RELOADING=1", f"MONOTONIC_USEC={int(clock.monotonic() * 1e6)}")

    def stopping(self) -> None:
        self.send("STOPPING=1", "STATUS=stopping")

    def watchdog(self) -> None:
        self.send("WATCHDOG=1")
