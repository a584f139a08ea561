"""The jobs of hooks: what they are given is made when they are fetched, of the job that has ended."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from jobctl import redaction, scrubbing
from jobctl.catalog.templates import TemplateProblem, compile_value, context
from jobctl.engine.attempt.onward import HOOK, HOOKED
from jobctl.errors import RedisUnavailable, UsageError
from jobctl.producer import Producer
from jobctl.store.data import codec
from jobctl.store.nouns.settle import Fetched, Reserved
from jobctl.text import sanitize

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog, Hook
    from jobctl.store import Store
    from jobctl.store.data.found import Found

_log = logging.getLogger("jobctl.worker")

MARK = "@"
"""Ids of such jobs have it."""


class Source(msgspec.Struct, frozen=True):
    """The job that has ended, as the script that ended it says."""

    job: str
    queue: str
    type: str
    on: str


class Hooked:
    """Fetches jobs, and makes the payloads of those that hooks enqueued."""

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog
        self._producer = Producer(catalog, store.mint)

    def fetch(self, worker: str, queues: Sequence[str], want: int) -> Fetched:
        """As the store's. A job whose payload cannot be made now is left out: it is a stray, and comes again."""
        fetched = self._store.settle.fetch(worker, queues, want)
        if not any(MARK in job.id for job in fetched.jobs):
            return fetched
        made = (self._made(job) if MARK in job.id else job for job in fetched.jobs)
        return msgspec.structs.replace(fetched, jobs=tuple(job for job in made if job is not None))

    def _made(self, reserved: Reserved) -> Reserved | None:
        try:
            body = codec.decode_body(reserved.body)
            source = msgspec.convert(body.options.get(HOOK), Source)
        except ValueError:  # it has its payload already, or is no such job
            return reserved
        try:
            filled = self._filled(reserved.id, body, source)
            if self._store.settle.fill(reserved.queue, [(reserved.id, reserved.token, filled)]):
                return msgspec.structs.replace(reserved, body=filled)
        except RedisUnavailable as error:
            _log.warning("job %s: its payload is made later: %s", sanitize(reserved.id), sanitize(error.message))
        return None

    def _filled(self, job_id: str, body: codec.Body, source: Source) -> bytes:
        """The body with its payload; or with what is wrong, for which the job is then dead."""
        try:
            payload = self._payload(source)
            job = self._producer.prepare(body.actor_name, payload, id=job_id, parent=source.job)
        except (UsageError, TemplateProblem) as problem:
            options = body.options | {HOOK: {"problem": str(problem)[:300]}}
            return codec.encode(msgspec.structs.replace(body, options=options))
        made = codec.decode_body(job.body(body.message_timestamp))
        return codec.encode(msgspec.structs.replace(made, options=made.options | {HOOKED: True}))

    def _payload(self, source: Source) -> Mapping[str, Any]:
        """Raises UsageError or TemplateProblem, without secrets in it."""
        job_type = self._catalog.type_of(source.type)
        hook = None if job_type is None else job_type.hooks.get(source.on)
        if hook is None:
            raise UsageError(f"no `on_{source.on}` of `{source.type}` in this worker's catalog")
        found = self._store.jobs.locate(source.queue, [source.job])
        if not found:
            raise UsageError(f"job {source.job}, which is {source.on}, is no longer kept")
        [job] = self._store.jobs.results(source.queue, found)
        return _rendered(hook, job, source)


def _rendered(hook: Hook, job: Found, source: Source) -> Mapping[str, Any]:
    body = codec.decode_body(job.body)
    result = msgspec.json.decode(job.result) if job.result else None
    label = body.options.get("label")
    known = {"id": job.id, "type": source.type, "queue": source.queue, "state": source.on, "label": label}
    known |= {"attempts": job.record.count}
    more = {"error": job.record.error, "message": job.record.message, "result": result}
    if hook.payload is None:
        return {**known, "payload": body.payload, **more}
    names = context(body.payload, job_id=job.id, job_type=source.type) | more | {"job": known}
    try:
        rendered: Mapping[str, Any] = compile_value(hook.payload)(names)
    except TemplateProblem as problem:
        secrets = redaction.scrubber(redaction.combined(body.options, ()), body.payload)
        raise UsageError(scrubbing.scrub(secrets, str(problem)) or "") from problem
    return rendered
