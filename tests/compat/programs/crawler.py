"""An actor that sends itself (Dramatiq's example `crawler`), over a small web of its own."""

from __future__ import annotations

import os
from contextlib import suppress

import dramatiq
from said import say, wait

PAGES = {"/": ["/a", "/b"], "/a": ["/b", "/"], "/b": ["/c"], "/c": []}


@dramatiq.actor(max_retries=3, time_limit=10_000)
def crawl(url: str) -> None:
    with suppress(FileExistsError):
        os.close(os.open("visited-" + url.replace("/", "_"), os.O_CREAT | os.O_EXCL))
        for anchor in PAGES[url]:
            crawl.send(anchor)
        say("crawler", url)


def send() -> None:
    crawl.send("/")


def outcome() -> dict[str, object]:
    return {"crawler": sorted(wait("crawler", 4))}
