"""Turns a type and a payload into a job: checked against the catalog before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from jobctl import clock, redaction
from jobctl.catalog import payload as payloads
from jobctl.catalog.model import MAX_PRIORITY, PRIORITIES, Catalog, JobType
from jobctl.catalog.units import parse_duration
from jobctl.errors import UsageError
from jobctl.store import Store, ids
from jobctl.store.jobs import NewJob

MAX_LABEL = 200


class Producer:
    """Makes jobs of one catalog and enqueues them. Thread-safe; validators and labels are compiled once a type."""

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self.store = store
        self.catalog = catalog
        self._checks: dict[str, Callable[[Any], None]] = {}
        self._labels: dict[str, Callable[[Mapping[str, Any]], str]] = {}

    def prepare(
        self,
        type: str,  # noqa: A002 - the catalog's word
        payload: Mapping[str, Any],
        *,
        id: str | None = None,  # noqa: A002
        delay: float | str | None = None,
        at: datetime | None = None,
        priority: int | str | None = None,
        parent: str | None = None,
        encoded: bytes | None = None,
    ) -> NewJob:
        """A job that is ready to be enqueued. `encoded` is the payload's JSON, if the caller has it.

        `delay` is seconds or a duration such as "5m"; `at` an aware datetime; `priority` a number from -1000 (first)
        to 1000 or high, normal, low. Raises UsageError for whatever does not fit.
        """
        job_type = payloads.job_type(self.catalog, type)
        encoded = self._check(job_type, payload, encoded)
        if delay is not None and at is not None:
            raise UsageError("a job has either a delay or a time, not both")
        job_id = self._id(job_type, id)
        return NewJob(
            id=job_id,
            type=type,
            queue=job_type.queue,
            payload=payload,
            delay_ms=_delay_ms(delay),
            at_ms=_at_ms(at),
            priority=job_type.priority if priority is None else read_priority(priority),
            label=self._label(job_type, payload, job_id),
            parent=parent,
            encoded=encoded,
            redact=job_type.redact,
        )

    def enqueue(self, jobs: Iterable[NewJob]) -> list[bool]:
        """Write jobs; False for each whose id was known already. Raises RedisUnavailable."""
        return self.store.jobs.enqueue(list(jobs))

    def _check(self, job_type: JobType, payload: Mapping[str, Any], encoded: bytes | None) -> bytes:
        """The payload's JSON, once it is known to fit."""
        check = self._checks.get(job_type.name)
        if check is None:
            check = self._checks[job_type.name] = payloads.validator(job_type).check
        check(payload)
        if encoded is None:
            try:
                encoded = msgspec.json.encode(payload)
            except (TypeError, ValueError, RecursionError) as problem:
                raise UsageError(f"the payload cannot be written as JSON: {problem}") from problem
        payloads.check_size(len(encoded), self.catalog.max_payload_bytes)
        return encoded

    def _id(self, job_type: JobType, given: str | None) -> str:
        if given is None:
            return self.store.mint.new(job_type.queue)
        if not ids.FOREIGN.fullmatch(given):
            raise UsageError(f"the id {given[:60]!r} cannot be used", "use 1 to 120 letters, digits and . _ : @ = + -")
        return given

    def _label(self, job_type: JobType, payload: Mapping[str, Any], job_id: str) -> str | None:
        if job_type.label is None:
            return None
        from jobctl.catalog import templates

        render = self._labels.get(job_type.name)
        if render is None:
            render = self._labels[job_type.name] = templates.compile_text(job_type.label)
        secrets = redaction.scrubber(job_type.redact, payload)
        try:
            label = render(templates.context(payload, job_id=job_id, job_type=job_type.name))
        except templates.TemplateProblem as problem:
            why = redaction.scrub(secrets, str(problem))
            raise UsageError(f"the label of `{job_type.name}` cannot be made from this payload: {why}") from problem
        return (redaction.scrub(secrets, label) or "")[:MAX_LABEL]


def read_priority(value: int | str) -> int:
    """A priority by name or number. Raises UsageError."""
    if isinstance(value, str) and value in PRIORITIES:
        return PRIORITIES[value]
    try:
        number = int(value)
    except ValueError:
        number = MAX_PRIORITY + 1
    if abs(number) > MAX_PRIORITY:
        raise UsageError(
            f"the priority {value!r} is none",
            f"high, normal, low or a number from -{MAX_PRIORITY} to {MAX_PRIORITY}",
        )
    return number


def _delay_ms(delay: float | str | None) -> int | None:
    if delay is None:
        return None
    if isinstance(delay, str):
        try:
            return parse_duration(delay)
        except ValueError as problem:
            raise UsageError(f"delay: {problem}") from problem
    if not 0 <= delay < 1e9:
        raise UsageError(f"the delay {delay!r} is not a number of seconds from 0 on")
    return round(delay * 1000)


def _at_ms(at: datetime | None) -> int | None:
    if at is None:
        return None
    if at.tzinfo is None:
        raise UsageError(f"the time {at.isoformat()} has no time zone")
    return max(1, clock.to_ms(at))
