"""Traces by OpenTelemetry, where the catalog says `traces: true`; where it does not, nothing of this is imported.

A message carries the W3C trace context of its creator in its options; each attempt is a span, linked to that. Names and
attributes are those of OpenTelemetry's semantic conventions for messaging. Spans hold no texts of payloads or errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from jobctl.errors import UsageError

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

    from jobctl.store.data.newjob import NewJob

FIELDS = ("traceparent", "tracestate")
"""The options of a message, and in capitals the variables of an environment (W3C Trace Context)."""
SYSTEM = "jobctl"


def require() -> None:
    """Raise UsageError where OpenTelemetry is not installed."""
    try:
        import opentelemetry.trace  # noqa: F401
    except ImportError:
        raise UsageError(
            "the catalog says `traces: true`, and OpenTelemetry is not installed", "pip install 'jobctl[otel]'"
        ) from None


def traced(make: Callable[..., NewJob], around: Mapping[str, str]) -> Callable[..., NewJob]:
    """What makes jobs, each with a span of its own whose context it carries: below the span that is current, or else
    in the trace that the environment `around` tells of. Raises UsageError."""
    require()

    def made(*args: Any, **options: Any) -> NewJob:
        from opentelemetry import trace

        job = make(*args, **options)
        known = trace.get_current_span().get_span_context().is_valid
        facts = _facts("create", job.queue, job.id, job.type)
        with _tracer().start_as_current_span(
            f"create {job.queue}",
            context=None if known else _propagator().extract(_known(lowered)),
            kind=trace.SpanKind.PRODUCER,
            attributes=facts,
        ):
            return msgspec.structs.replace(job, trace=_carrier())

    lowered = {name.lower(): value for name, value in around.items()}
    return made


def environment() -> dict[str, str]:
    """The variables by which a command continues the trace that is current."""
    return {name.upper(): value for name, value in _carrier().items()}


class Attempts:
    """The spans of a process's attempts, by what `key` names an attempt."""

    def __init__(self) -> None:
        require()
        self._open: dict[int, tuple[Span, Any]] = {}

    def begin(self, key: int, options: Mapping[str, Any], queue: str, job_id: str, job_type: str, number: int) -> None:
        """The attempt runs: what it does belongs to its span."""
        from opentelemetry import context, trace

        creator = trace.get_current_span(_propagator().extract(_known(options))).get_span_context()
        facts = _facts("process", queue, job_id, job_type) | {"jobctl.job.attempt": number}
        span = _tracer().start_span(
            f"process {queue}",
            context=context.Context(),
            kind=trace.SpanKind.CONSUMER,
            attributes=facts,
            links=[trace.Link(creator)] if creator.is_valid else [],
        )
        self._open[key] = span, context.attach(trace.set_span_in_context(span))

    def end(self, key: int, failure: BaseException | None) -> None:
        """The attempt is over; of a failure its class is told, and not its text, which may hold what is secret."""
        from opentelemetry import context, trace

        if (opened := self._open.pop(key, None)) is None:
            return
        span, token = opened
        context.detach(token)
        if failure is not None:
            error = getattr(failure, "error", None)
            span.set_attribute("error.type", error if isinstance(error, str) else type(failure).__name__)
            span.set_status(trace.StatusCode.ERROR)
        span.end()


def _facts(operation: str, queue: str, job_id: str, job_type: str) -> dict[str, str | int]:
    return {
        "messaging.system": SYSTEM,
        "messaging.operation.type": operation,
        "messaging.operation.name": operation,
        "messaging.destination.name": queue,
        "messaging.message.id": job_id,
        "jobctl.job.type": job_type,
    }


def _known(options: Mapping[str, Any]) -> dict[str, str]:
    """The context that a message carries: texts only, since anyone may have written it."""
    return {name: value for name in FIELDS if isinstance(value := options.get(name), str)}


def _carrier() -> dict[str, str]:
    carrier: dict[str, str] = {}
    _propagator().inject(carrier)
    return carrier


def _propagator() -> Any:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator()


def _tracer() -> Tracer:
    from opentelemetry import trace

    return trace.get_tracer(SYSTEM)
