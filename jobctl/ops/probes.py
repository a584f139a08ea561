"""What monitoring asks of a process over HTTP: whether it lives, whether it is ready, and its metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jobctl import clock
from jobctl.engine.tools.pages import Page, Pages
from jobctl.errors import RedisUnavailable
from jobctl.ops.metrics import CONTENT_TYPE, collect, text

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog
    from jobctl.engine.liveness.liveness import StoreLiveness
    from jobctl.store import Store
    from jobctl.store.nouns.processes import ProcessInfo

OK = Page(200, "ok\n")
SILENT_S = 30.0
"""A process whose own loop has not wanted to beat for so long stands still."""
REPLACED_S = 20.0
"""A process whose event loop cannot be made to turn is replaced by then."""


def metrics_pages(address: str, store: Store, catalog: Catalog | None) -> Pages:
    """The pages of `jobctl metrics`. It is ready while Redis answers. Raises UsageError for an address."""

    def ready() -> Page:
        try:
            store.processes.now_ms()
        except RedisUnavailable as error:
            return Page(503, f"{error.message}\n")
        return OK

    def metrics() -> Page:
        return Page(200, text(collect(store, catalog)), CONTENT_TYPE)

    return Pages(address, {"/metrics": metrics, "/livez": lambda: OK, "/readyz": ready})


@contextmanager
def probed(
    address: str | None,
    store: Store,
    liveness: StoreLiveness,
    info: Callable[[], ProcessInfo],
    ready: Callable[[], bool],
) -> Iterator[None]:
    """Serve the pages of a worker or a scheduler meanwhile, if there is an address. It lives unless it stands still, or
    all its threads hang; it is ready if all its processes are and Redis answers. Raises UsageError for an address."""
    if address is None:
        yield
        return

    def lives() -> Page:
        if (silent := clock.monotonic() - liveness.asked_at) > SILENT_S:
            return Page(503, f"it has stood still for {silent:.0f} s\n")
        now = info()
        if is_wedged(now):
            return Page(503, "all its threads hang past the time limits of their jobs\n")
        if stands_still(now, liveness.known.catalog):
            return Page(503, "the event loops of all its processes stand still\n")
        return OK

    def is_ready() -> Page:
        if not ready():
            return Page(503, "not all of it has started, or Redis does not answer\n")
        return OK

    def metrics() -> Page:
        return Page(200, text(collect(store, liveness.known.catalog)), CONTENT_TYPE)

    pages = Pages(address, {"/metrics": metrics, "/livez": lives, "/readyz": is_ready})
    pages.start()
    try:
        yield
    finally:
        pages.stop()


def stands_still(info: ProcessInfo, catalog: Catalog | None) -> bool:
    """Whether the event loop of every process of a worker has been blocked for longer than what blocks it may, and
    longer than it takes to interrupt that or to replace the process."""
    if catalog is None or not info.children:
        return False
    before = clock.now_ms() - catalog.worker.max_block_ms - round(REPLACED_S * 1000)
    return all(child.blocked is not None and child.blocked.since_ms < before for child in info.children)


def is_wedged(info: ProcessInfo) -> bool:
    """Whether every process of a worker has all its threads in jobs that are past their time limits. Busy is not
    wedged."""
    children = info.children
    return bool(children) and all(child.hanging >= max(info.threads, child.running) for child in children)
