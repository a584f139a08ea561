"""What operators want of a running worker: `jobctl worker quiet`, `resume`, `resize` and `stop`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping

from jobctl.engine.process.config import ChildConfig
from jobctl.engine.supervisor.child import Child
from jobctl.engine.supervisor.reload import Reload
from jobctl.store.nouns.processes import Orders

log = logging.getLogger(__name__)


class Obedience:
    """Does what is wanted, as each heartbeat brings it: orders say what is to be, so hearing one twice does no harm."""

    def __init__(self, reload: Reload, drain: Callable[[], None]) -> None:
        self.quiet = False
        """Whether the worker takes no more jobs."""
        self._reload = reload
        self._drain = drain
        self._told = Orders()

    def obey(self, orders: Orders, children: Iterable[Child], running: ChildConfig) -> None:
        """Do what is wanted of `children`, which were made from `running`."""
        for child in children:
            child.slots.set_quiet(orders.quiet)
        if orders.quiet != self.quiet:
            self.quiet = orders.quiet
            log.info("taking no more jobs: told to be quiet" if self.quiet else "taking jobs again")
        told, self._told = self._told, orders
        if orders.stop and not told.stop:
            log.info("told to stop")
            self._drain()
        elif (sizes := _sizes(orders)) and sizes != _sizes(told):
            self._resize(sizes, running)

    def _resize(self, sizes: Mapping[str, int], running: ChildConfig) -> None:
        if running.burst:
            log.warning("a burst is not resized")
        elif self._reload.busy:
            self._told = Orders(quiet=self.quiet)  # it is heard again with the next beat
        elif any(getattr(running, name) != size for name, size in sizes.items()):
            wanted = " and ".join(f"{size} {_WORDS[name]}" for name, size in sizes.items())
            log.info("told to have %s a process: starting new processes", wanted)
            self._reload.resize(sizes, running)


_WORDS = {"threads": "threads", "async_jobs": "loop slots"}


def _sizes(orders: Orders) -> dict[str, int]:
    """The slots that a process is to have, by the names of `ChildConfig`, as far as somebody wants other ones."""
    return {name: size for name in _WORDS if (size := getattr(orders, name))}
