"""Results, pipelines, groups with a callback (Dramatiq's examples `results`, `composition`)."""

from __future__ import annotations

from typing import Any

import dramatiq
from dramatiq import group
from dramatiq.results import ResultFailure
from said import PATIENCE_S, say, wait

MS = int(PATIENCE_S * 1000)
sent: dict[str, Any] = {}


@dramatiq.actor
def text_of(place: str) -> str:
    return {"here": "one two three", "there": "four"}[place]


@dramatiq.actor(store_results=True)
def count_words(text: str) -> int:
    return len(text.split())


@dramatiq.actor(store_results=True, max_retries=0)
def broken() -> None:
    raise ValueError("no result")


@dramatiq.actor
def all_counted() -> None:
    say("groups", "all counted")


def send() -> None:
    sent["results"] = count_words.send("a b")
    sent["broken"] = broken.send()
    together = group(text_of.message(place) | count_words.message() for place in ("here", "there"))
    together.add_completion_callback(all_counted.message())
    sent["composition"] = together.run()


def outcome() -> dict[str, object]:
    found: dict[str, object] = {
        "results": sent["results"].get_result(block=True, timeout=MS),
        "composition": list(sent["composition"].get_results(block=True, timeout=MS)),
        "groups": wait("groups", 1),
    }
    try:
        sent["broken"].get_result(block=True, timeout=MS)
    except ResultFailure as failure:
        found["failure"] = str(failure)
    return found
