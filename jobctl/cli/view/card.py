"""`jobctl job show` for a person: one job as a card."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from jobctl import clock
from jobctl.cli.context import Context, Times
from jobctl.cli.view.bar import bar
from jobctl.cli.view.cell import iso, relative, short_duration
from jobctl.cli.view.formats import to_json
from jobctl.cli.view.held import sentence
from jobctl.cli.view.paint import Paint
from jobctl.cli.view.table import cut, terminal_width, wrapped
from jobctl.store.data.records import AttemptRecord, Job, Touch
from jobctl.store.data.states import BY_NAME
from jobctl.text import first_line, sanitize

MAX_PAYLOAD_LINES = 60
MAX_ATTEMPTS = 12
INDENT = "  "


def card(ctx: Context, job: Job) -> str:
    """Every thing that is known of a job, most important first."""
    paint = Paint.of(ctx)
    sections = [
        _head(ctx, job, paint),
        _section(paint, "progress", [cut(bar(job.progress, fine=paint.glyphs), _room(ctx, 4))] if job.progress else []),
        _section(paint, "payload", _json(job.payload)),
        _section(paint, "timeline", list(_timeline(ctx, job))),
        _section(paint, "changed by hand", [_touch(ctx, touch) for touch in job.touched]),
        _section(paint, _attempts_title(job), list(_attempts(ctx, job, paint))),
        _section(paint, _traceback_title(job), _traceback(job)),
        _section(paint, "result", [] if job.result is None else _json(job.result)),
    ]
    lines = [line for section in sections if section for line in (*section, "")][:-1]
    if hint := _next(job):
        lines += ["", paint.dim(hint)]
    return "\n".join(lines) + "\n"


def _head(ctx: Context, job: Job, paint: Paint) -> list[str]:
    state = paint.state(job.state, f"{paint.glyph(job.state)}{job.state}")
    title = f"{state}  {paint.bold(sanitize(job.type))}  {sanitize(job.id)}"
    if when := _since(ctx, job):
        title += f"  {paint.dim(when)}"
    facts = [("label", job.label), ("queue", job.queue), ("priority", str(job.priority) if job.priority else None)]
    facts.append(("parent", job.parent))
    facts += [("held", sentence(ctx, hold)) for hold in job.held]
    if job.overdue_since is not None:
        past = f"past its time limit since {_when(ctx, job.overdue_since)}, and nothing interrupts it"
        facts.append(("late", f"{past}: restart its worker, and give such jobs `isolate: true`"))
    if job.blocks is not None:
        facts.append(("warning", f"it blocks the event loop of its process at {job.blocks.where}"))
    lines = [title]
    for name, value in facts:
        for text in _wrapped(ctx, sanitize(value), 11) if value else ():
            lines.append(f"{INDENT}{paint.dim(f'{name:<9}')}{text}")
            name = ""
    if job.error and job.state != "completed":
        lines += ["", *_error(ctx, job, paint)]
    return lines


def _wrapped(ctx: Context, text: str, indent: int) -> list[str]:
    """A text in lines that fit the terminal beside an indent; one line in a pipe."""
    width = terminal_width(ctx)
    return [text] if width is None else wrapped(text, max(width - indent, 20))


def _room(ctx: Context, taken: int) -> int:
    """The columns that are left in a line of the terminal; as many as one likes in a pipe."""
    return (terminal_width(ctx) or 10_000) - taken


def _error(ctx: Context, job: Job, paint: Paint) -> Iterator[str]:
    """The error in red, with at most eight lines of its message."""
    text = sanitize(f"{job.error}: {job.message or ''}", newlines=True, limit=2_000).rstrip().splitlines() or [""]
    for line in text[:8]:
        yield from (INDENT + paint.red(piece) for piece in _wrapped(ctx, line, len(INDENT)))
    if len(text) > 8:
        yield INDENT + paint.dim(f"… {len(text) - 8} more lines: -o json")


def _since(ctx: Context, job: Job) -> str:
    state = BY_NAME[job.state]
    match state.moment:
        case "due":
            return f"{state.when} {_when(ctx, job.due_at)}"
        case "started":
            return f"{state.when} {_span(job.started_at)}"
        case "enqueued":
            return f"{state.when} {_span(job.enqueued_at)}" if not job.attempt_count else ""
    return _when(ctx, job.finished_at) if job.finished_at else ""


def _when(ctx: Context, moment: datetime | None) -> str:
    if moment is None:
        return "-"
    return relative(moment) if ctx.times is Times.RELATIVE else iso(moment)


def _span(moment: datetime | None) -> str:
    return short_duration((clock.now_ms() - clock.to_ms(moment)) / 1000) if moment else "-"


def _section(paint: Paint, title: str, lines: Sequence[str]) -> list[str]:
    return [f"{INDENT}{paint.bold(title)}", *(f"{INDENT * 2}{line}" for line in lines)] if lines else []


def _json(value: object) -> list[str]:
    if value is None:
        return ["it cannot be read"]
    lines = [sanitize(line, limit=1_000) for line in to_json(value, indent=2).splitlines()]
    if len(lines) > MAX_PAYLOAD_LINES:
        return [*lines[:MAX_PAYLOAD_LINES], f"… {len(lines) - MAX_PAYLOAD_LINES} more lines: -o json"]
    return lines


def _timeline(ctx: Context, job: Job) -> Iterator[str]:
    steps: list[tuple[datetime | None, str]] = [(job.enqueued_at, "enqueued"), (job.started_at, "first started")]
    if job.state == "running" and job.attempt_count:
        steps[1] = (job.started_at, "started again")
    steps += [(job.finished_at, job.state), (job.due_at, "due")]
    for moment, what in steps:
        if moment is None:
            continue
        if ctx.times is Times.ISO:
            yield f"{iso(moment)}  {what}"
        else:
            yield f"{moment.astimezone():%Y-%m-%d %H:%M:%S}  {what:<15}{relative(moment)}"


def _touch(ctx: Context, touch: Touch) -> str:
    reason = f": {sanitize(touch.reason, limit=200)}" if touch.reason else ""
    return f"{_when(ctx, touch.at):<9}  {sanitize(touch.action)}  {sanitize(touch.who)}{reason}"


def _attempts_title(job: Job) -> str:
    if job.max_retries is None or job.state == "completed":
        return f"attempts ({job.attempt_count})"
    return f"attempts ({job.attempt_count}, {job.max_retries} retr{'y' if job.max_retries == 1 else 'ies'} allowed)"


def _attempts(ctx: Context, job: Job, paint: Paint) -> Iterator[str]:
    shown = job.attempts[-MAX_ATTEMPTS:]
    if job.attempt_count > len(shown):
        yield paint.dim(f"… {job.attempt_count - len(shown)} earlier")
    for attempt in shown:
        outcome = paint.state(attempt.outcome, f"{attempt.outcome:<9}")
        took = f"{_took(attempt.duration_s):>7}"
        where = sanitize(f"{attempt.host}:{attempt.pid}")
        when = f"{_when(ctx, attempt.started_at):<9}"
        room = _room(ctx, len(f"    99  cancelled  {took}  {when}  {where}  "))
        why = f"  {cut(_why(attempt), room)}" if attempt.error and room > 3 else ""
        yield f"{attempt.number:>2}  {outcome}  {took}  {when}  {paint.dim(where)}{why}"


def _why(attempt: AttemptRecord) -> str:
    return sanitize(f"{attempt.error}: {first_line(attempt.message)}", limit=160)


def _took(seconds: float) -> str:
    return f"{seconds * 1000:.0f}ms" if seconds < 1 else f"{seconds:.1f}s" if seconds < 60 else short_duration(seconds)


def _last_failed(job: Job) -> AttemptRecord | None:
    if job.state == "completed":
        return None
    return next((attempt for attempt in reversed(job.attempts) if attempt.traceback), None)


def _traceback_title(job: Job) -> str:
    failed = _last_failed(job)
    return f"traceback of attempt {failed.number}" if failed else ""


def _traceback(job: Job) -> list[str]:
    failed = _last_failed(job)
    return sanitize(failed.traceback or "", newlines=True, limit=20_000).rstrip().splitlines() if failed else []


def _next(job: Job) -> str:
    """What one would do now."""
    return BY_NAME[job.state].next_step.format(id=sanitize(job.id))
