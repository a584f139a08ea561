"""Flow control as the catalog says it: the lane of a job, its unique key, its expiry, and the limits of a queue.

A limit of a job type is called `r:TYPE` (rate) or `c:TYPE` (concurrency), that of the queue `R` or `C`. With a `key`
each rendered value has a bucket of its own, `LIMIT|KEY`. The buckets of a job, joined by line ends, are its lane. A job
that only limits of the queue hold has `p:TYPE` besides, so that a script sees its type.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from jobctl import redaction, scrubbing
from jobctl.catalog.model import Catalog, Concurrency, JobType, Queue, RateLimit
from jobctl.errors import UsageError
from jobctl.scrubbing import Scrubber
from jobctl.store.data.newjob import Unique
from jobctl.store.data.said import Said

MAX_KEY = 100
"""A key with more characters than this is stored as a digest."""

Limit = RateLimit | Concurrency
Render = Callable[[Mapping[str, Any]], str]


class Flow:
    """The flow control of one job type, compiled. Thread-safe."""

    __slots__ = ("_buckets", "_constant", "_job", "_redact", "_rule", "_type", "_unique", "delay_ms", "expires_ms")

    def __init__(self, job_type: JobType, queue: Queue) -> None:
        self._type = job_type.name
        self._job = {"type": job_type.name}
        self._buckets = [
            (name, words, None if limit.key is None else _compiled(limit.key))
            for name, words, limit in _limits(job_type, queue)
        ]
        if self._buckets and not says_type("\n".join(name for name, _, _ in self._buckets), job_type.name):
            self._buckets.insert(0, (untyped(job_type.name), "", None))
        keyed = any(render is not None for _, _, render in self._buckets)
        self._constant = None if keyed else "\n".join(name for name, _, _ in self._buckets)
        self._redact = job_type.redact
        self._rule = job_type.unique
        self._unique = None if job_type.unique is None else _compiled(job_type.unique.key)
        self.expires_ms = job_type.expires_ms
        """How long a job may take in all, from its enqueue."""
        self.delay_ms = 0 if job_type.unique is None else job_type.unique.delay_ms
        """How long a job that names no time of its own is held back, for others to take its place."""

    def lane(self, payload: Mapping[str, Any]) -> str:
        """The lane of a job, "" if nothing limits it. Raises UsageError if a key cannot be made from the payload."""
        if self._constant is not None:
            return self._constant
        names, secrets = self._names(payload), redaction.scrubber(self._redact, payload)
        return "\n".join(
            [
                name if render is None else f"{name}|{short(self._render(render, names, words, secrets), secrets)}"
                for name, words, render in self._buckets
            ]
        )

    def unique(self, payload: Mapping[str, Any]) -> Unique | None:
        """The unique key that a job is to hold, if its type has one. Raises UsageError as `lane` does."""
        rule, render = self._rule, self._unique
        if rule is None or render is None:
            return None
        secrets = redaction.scrubber(self._redact, payload)
        key = short(self._render(render, self._names(payload), "`unique`", secrets), secrets)
        return Unique(
            name=f"{self._type}|{key}",
            mode=rule.until if rule.for_ms is None else "for",
            ms=rule.for_ms or 0,
            on_conflict=rule.on_conflict,
            hold_when_dead=rule.hold_when_dead,
        )

    def _names(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        return {**payload, "payload": payload, "job": self._job}

    def _render(self, render: Render, names: Mapping[str, Any], words: str, secrets: Scrubber | None) -> str:
        try:
            return render(names)
        except ValueError as problem:  # a TemplateProblem is one
            why = scrubbing.scrub(secrets, str(problem))
            raise UsageError(
                f"the key of {words} cannot be rendered from this payload of `{self._type}`: {why}",
                "give the value in the payload, or write `| default('none')` in the template",
            ) from problem


class Flows:
    """The flow control of a catalog's job types, each compiled when it is first asked for. Thread-safe."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._compiled: dict[str, Flow | None] = {}

    def of(self, job_type: JobType) -> Flow | None:
        """The flow control of jobs of this type, None if nothing limits them, makes them unique or lets them expire."""
        try:
            return self._compiled[job_type.name]
        except KeyError:
            queue = self._catalog.queue(job_type.queue)
            plain = not _limits(job_type, queue) and job_type.unique is None and job_type.expires_ms is None
            flow = self._compiled[job_type.name] = None if plain else Flow(job_type, queue)
            return flow


def short(key: str, secrets: Scrubber | None = None) -> str:
    """A rendered key as it is kept: one that is long, cannot be shown or looks like a digest becomes a digest.

    What cannot be shown may also hold what is redacted of the payload. No text is a key, too.
    """
    if not key:
        return "#empty"
    plain = len(key) <= MAX_KEY and key.isprintable() and not key.startswith("#")
    if plain and (secrets is None or secrets(key) == key):
        return key
    return "#" + hashlib.blake2s(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def untyped(job_type: str) -> str:
    """The bucket of jobs that no limit of their type holds; a pause of the type does."""
    return f"p:{job_type}"


def says_type(lane: str, job_type: str) -> bool:
    """Whether a script sees by a lane that its jobs are of this type: then it holds them when the type is paused."""
    mine = {untyped(job_type), f"r:{job_type}", f"c:{job_type}"}
    return any(bucket.partition("|")[0] in mine for bucket in lane.split("\n"))


def queues(catalog: Catalog) -> set[str]:
    """The queues that a catalog has."""
    return {job.queue for job in catalog.jobs.values()} | set(catalog.queues)


def said(catalog: Catalog) -> dict[str, Said]:
    """What a catalog says of the limits of each of its job types."""
    out = {}
    for job_type in catalog.jobs.values():
        limits = _limits(job_type, catalog.queue(job_type.queue))
        out[job_type.name] = Said(job_type.queue, {name: (spec(one), one.key or "") for name, _, one in limits})
    return out


def specs(catalog: Catalog, queue: str) -> dict[str, str]:
    """The limits of a queue and of its job types, by name, as `store.limits.define` takes them."""
    settings = catalog.queue(queue)
    found = {name: spec(limit) for name, _, limit in _of_queue(settings)}
    for job_type in catalog.jobs.values():
        if job_type.queue == queue:
            found |= {name: spec(limit) for name, _, limit in _of_type(job_type)}
    return found


def spec(limit: Limit) -> str:
    """A limit as the store keeps it: "COUNT PERIOD_MS BURST WINDOW" of a rate, "COUNT" of a concurrency."""
    if isinstance(limit, RateLimit):
        return f"{limit.count} {limit.per_ms} {limit.burst} {limit.window}"
    return str(limit.max)


def rate_of(text: str) -> RateLimit:
    """The rate that a spec says, which says nothing of keys."""
    count, per_ms, burst, window = text.split(" ")
    return RateLimit(int(count), int(per_ms), burst=int(burst), window=window)


def _limits(job_type: JobType, queue: Queue) -> list[tuple[str, str, Limit]]:
    """What limits jobs of a type, in the order of a lane: each limit's name, the words for it, and itself."""
    return _of_type(job_type) + _of_queue(queue)


def _of_type(job_type: JobType) -> list[tuple[str, str, Limit]]:
    found: list[tuple[str, str, Limit]] = []
    if job_type.rate_limit is not None:
        found.append((f"r:{job_type.name}", "`rate_limit`", job_type.rate_limit))
    if job_type.concurrency is not None:
        found.append((f"c:{job_type.name}", "`concurrency`", job_type.concurrency))
    return found


def _of_queue(queue: Queue) -> list[tuple[str, str, Limit]]:
    found: list[tuple[str, str, Limit]] = []
    if queue.rate_limit is not None:
        found.append(("R", f"the `rate_limit` of queue {queue.name}", queue.rate_limit))
    if queue.concurrency is not None:
        found.append(("C", f"the `concurrency` of queue {queue.name}", queue.concurrency))
    return found


def _compiled(template: str) -> Render:
    from jobctl.catalog import templates

    return templates.compile_text(template, templates.canonical)
