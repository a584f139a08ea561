"""Turns a type and a payload into a job: checked against the catalog before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from jobctl import clock, redaction, scrubbing
from jobctl.catalog import payload as payloads
from jobctl.catalog.model import MAX_PRIORITY, PRIORITIES, Catalog, JobType
from jobctl.catalog.units import duration_ms, format_duration
from jobctl.errors import UsageError
from jobctl.flow import Flow, Flows
from jobctl.store.data import ids, indexed
from jobctl.store.data.newjob import NewJob

MAX_LABEL = 200


class Producer:
    """Makes jobs of one catalog. Thread-safe; validators and templates are compiled once a type.

    Ids come from `mint`, that of the store that is to hold the jobs.
    """

    def __init__(self, catalog: Catalog, mint: ids.Mint, trace: Mapping[str, str] | None = None) -> None:
        """`trace` holds the variables of the trace that this process is a part of, where it has no span of its own."""
        self.catalog = catalog
        self._mint = mint
        self._fits: dict[str, Callable[[Any], Any]] = {}
        self._labels: dict[str, Callable[[Mapping[str, Any]], str]] = {}
        self._flows = Flows(catalog)
        if catalog.traces:
            from jobctl.tracing import traced

            self._job = traced(self._job, trace or {})  # type: ignore[method-assign]

    def prepare(
        self,
        type: str,  # noqa: A002 - the catalog's word
        payload: Mapping[str, Any],
        *,
        id: str | None = None,  # noqa: A002
        delay: float | str | None = None,
        at: datetime | None = None,
        priority: int | str | None = None,
        expires: float | str | None = None,
        parent: str | None = None,
        encoded: bytes | None = None,
    ) -> NewJob:
        """A job that is ready to be enqueued. `encoded` is the payload's JSON, if the caller has it.

        `delay` and `expires` are seconds or a duration such as "5m"; `at` an aware datetime; `priority` a number from
        -1000 (first) to 1000 or high, normal, low. Raises UsageError for whatever does not fit.
        """
        job_type = payloads.job_type(self.catalog, type)
        flow = self._flows.of(job_type)
        payload, encoded = self._fit(job_type, payload, encoded)
        job_id, named = self._id(job_type, id), id is not None
        times = self._times(job_type, flow, delay, at, expires)
        level = job_type.priority if priority is None else read_priority(priority)
        return self._job(job_type, flow, payload, encoded, job_id, times, level, named=named, parent=parent)

    def prepare_many(self, type: str, given: Iterable[Mapping[str, Any]]) -> list[NewJob]:  # noqa: A002
        """As `prepare`, for many payloads of one type."""
        job_type = payloads.job_type(self.catalog, type)
        flow = self._flows.of(job_type)
        times = self._times(job_type, flow, None, None, None)
        fitting = [self._fit(job_type, payload, None) for payload in given]
        minted = self._mint.many(job_type.queue, len(fitting))
        return [
            self._job(job_type, flow, payload, encoded, job_id, times, job_type.priority)
            for (payload, encoded), job_id in zip(fitting, minted, strict=True)
        ]

    def _times(
        self,
        job_type: JobType,
        flow: Flow | None,
        delay: float | str | None,
        at: datetime | None,
        expires: float | str | None,
    ) -> tuple[int | None, int | None, int | None]:
        if flow is not None and flow.delay_ms and delay is None and at is None:
            delay = flow.delay_ms / 1000
        return read_times(delay, at, expires, job_type.expires_ms)

    def _job(
        self,
        job_type: JobType,
        flow: Flow | None,
        payload: Mapping[str, Any],
        encoded: bytes,
        job_id: str,
        times: tuple[int | None, int | None, int | None],
        priority: int,
        *,
        named: bool = False,
        parent: str | None = None,
    ) -> NewJob:
        delay_ms, at_ms, expires_ms = times
        return NewJob(
            id=job_id,
            named=named,
            type=job_type.name,
            queue=job_type.queue,
            payload=payload,
            delay_ms=delay_ms,
            at_ms=at_ms,
            priority=priority,
            label=None if job_type.label is None else self._label(job_type, job_type.label, payload, job_id),
            parent=parent,
            encoded=encoded,
            redact=job_type.redact,
            lane="" if flow is None else flow.lane(payload),
            unique=None if flow is None else flow.unique(payload),
            expires_ms=expires_ms,
            index=indexed.entries(job_type.name, job_type.index, payload) if job_type.index else (),
            index_hidden=job_type.index_hidden,
        )

    def _fit(
        self, job_type: JobType, given: Mapping[str, Any], encoded: bytes | None
    ) -> tuple[Mapping[str, Any], bytes]:
        """The payload with its schema's defaults, and its JSON, once it is known to fit."""
        fit = self._fits.get(job_type.name)
        if fit is None:
            fit = self._fits[job_type.name] = payloads.validator(job_type).fit
        encoded = encoded or _encoded(given)
        payloads.check_depth(given, encoded)
        payload = fit(given)
        if encoded is None or payload is not given:
            try:
                encoded = msgspec.json.encode(payload)
            except (TypeError, ValueError, RecursionError) as problem:
                raise UsageError(f"the payload cannot be written as JSON: {problem}") from problem
        payloads.check_size(len(encoded), self.catalog.max_payload_bytes)
        return payload, encoded

    def _id(self, job_type: JobType, given: str | None) -> str:
        if given is None:
            return self._mint.new(job_type.queue)
        if not ids.FOREIGN.fullmatch(given):
            raise UsageError(f"invalid id {given[:60]!r}", "use 1 to 120 letters, digits and . _ : @ = + -")
        return given

    def _label(self, job_type: JobType, template: str, payload: Mapping[str, Any], job_id: str) -> str:
        from jobctl.catalog import templates

        render = self._labels.get(job_type.name)
        if render is None:
            render = self._labels[job_type.name] = templates.compile_text(template)
        secrets = redaction.scrubber(job_type.redact, payload)
        try:
            label = render(templates.context(payload, job_id=job_id, job_type=job_type.name))
        except templates.TemplateProblem as problem:
            why = scrubbing.scrub(secrets, str(problem))
            raise UsageError(f"the label of `{job_type.name}` cannot be rendered from this payload: {why}") from problem
        return (scrubbing.scrub(secrets, label) or "")[:MAX_LABEL]


def _encoded(payload: Mapping[str, Any]) -> bytes | None:
    try:
        return msgspec.json.encode(payload)
    except (TypeError, ValueError, RecursionError):
        return None  # what is wrong is said once the schema had its say


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
            f"invalid priority {value!r}",
            f"use high, normal, low or a number from -{MAX_PRIORITY} to {MAX_PRIORITY}",
        )
    return number


def read_times(
    delay: float | str | None, at: datetime | None, expires: float | str | None, default_ms: int | None = None
) -> tuple[int | None, int | None, int | None]:
    """When a job starts and when it expires: (delay in ms, epoch ms, ms after enqueue), None where the caller gave
    none.

    `default_ms` stands in for `expires`. Raises UsageError, also for a job that could never start.
    """
    if delay is not None and at is not None:
        raise UsageError("pass a delay or a time, not both")
    delay_ms = None if delay is None else _ms("delay", delay)
    at_ms = None if at is None else _at_ms(at)
    expires_ms = default_ms if expires is None else _ms("expires", expires)
    if expires_ms == 0:
        raise UsageError("expires: expected a duration above zero")
    wait_ms = delay_ms if at_ms is None else at_ms - clock.now_ms()
    if expires_ms is not None and wait_ms is not None and wait_ms >= expires_ms:
        raise UsageError(
            f"the job would expire before it starts: it expires {format_duration(expires_ms)} after it is enqueued",
            "start it earlier, or let it expire later",
        )
    return delay_ms, at_ms, expires_ms


def _ms(what: str, given: float | str) -> int:
    try:
        return duration_ms(given)
    except ValueError as problem:
        raise UsageError(f"{what}: {problem}") from problem


def _at_ms(at: datetime) -> int:
    if at.tzinfo is None:
        raise UsageError(f"the time {at.isoformat()} has no time zone")
    return max(1, clock.to_ms(at))
