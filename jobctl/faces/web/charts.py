"""Charts as SVG: numbers become shapes, texts are escaped, and nothing else gets in."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from jobctl import clock
from jobctl.store.data.records import AttemptRecord, Job
from jobctl.text import sanitize

WIDTH, HEIGHT = 180, 28
LINE = 720


def spark(series: Sequence[float], bad: Sequence[float] = (), *, title: str = "") -> Markup:
    """A bar for each number; of those that are `bad`, that part stands out."""
    most = max([*(a + b for a, b in zip(series, bad or [0] * len(series), strict=True)), 1])
    step = WIDTH / max(1, len(series))
    parts = []
    for at, number in enumerate(series):
        wrong = bad[at] if bad else 0
        high, low = number / most * HEIGHT, wrong / most * HEIGHT
        if number:
            parts.append(_rect(at * step, HEIGHT - high, step * 0.8, high, "ok"))
        if wrong:
            parts.append(_rect(at * step, HEIGHT - high - low, step * 0.8, low, "bad"))
    return _svg("spark", WIDTH, HEIGHT, title, parts)


def gauge(used: float, most: float, *, title: str = "") -> Markup:
    """How much of something is used."""
    share = 0.0 if most <= 0 else min(1.0, used / most)
    parts = [_rect(0, 0, 100, 10, "rest"), _rect(0, 0, share * 100, 10, "bad" if share >= 1 else "ok")]
    return _svg("gauge", 100, 10, title, parts)


def heat(counts: Sequence[int], *, title: str = "") -> Markup:
    """Ticks in equal parts of a day: the more there are, the darker."""
    most, step = max([*counts, 1]), LINE / max(1, len(counts))
    parts = [
        _rect(at * step, 0, step * 0.9, 14, f"heat{max(1, round(count / most * 4))}")
        for at, count in enumerate(counts)
        if count
    ]
    return _svg("heat", LINE, 14, title, [_rect(0, 0, LINE, 14, "rest"), *parts])


def timeline(job: Job) -> Markup:
    """A job's life: when it waited, and each attempt."""
    begin = clock.to_ms(job.enqueued_at) if job.enqueued_at else None
    runs = [(clock.to_ms(one.started_at), one) for one in job.attempts]
    if begin is None or not (runs or job.started_at):
        return Markup("")
    last = [at + one.duration_s * 1000 for at, one in runs]
    if job.finished_at is not None:
        last.append(clock.to_ms(job.finished_at))
    if job.state == "running":
        last.append(clock.now_ms())
    begin = min([begin, *(at for at, _ in runs)])
    end = max([*last, begin + 1])
    parts = [_rect(0, 14, LINE, 4, "rest")]
    for at, one in runs:
        parts.append(_attempt(one, (at - begin) / (end - begin) * LINE, one.duration_s * 1000 / (end - begin) * LINE))
    if job.state == "running" and job.started_at is not None:
        start = (clock.to_ms(job.started_at) - begin) / (end - begin) * LINE
        parts.append(_rect(start, 6, max(3, LINE - start), 20, "now"))
    return _svg("timeline", LINE, 32, f"{len(runs)} attempts in {(end - begin) / 1000:.1f} s", parts)


def _attempt(one: AttemptRecord, x: float, width: float) -> Markup:
    kind = "ok" if one.outcome == "completed" else "bad"
    told = f"attempt {one.number}: {one.outcome}, {one.duration_s:.1f} s {one.error or ''}"
    return Markup("<g><title>{}</title>{}</g>").format(
        sanitize(told, limit=200), _rect(min(x, LINE - 3), 6, max(3, width), 20, kind)
    )


def _rect(x: float, y: float, width: float, height: float, kind: str) -> Markup:
    return Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" class="{}"/>').format(
        x, y, width, height, kind
    )


def _svg(kind: str, width: int, height: int, title: str, parts: Sequence[Markup]) -> Markup:
    head = Markup('<svg class="{}" viewBox="0 0 {} {}" role="img" aria-label="{}" preserveAspectRatio="none">').format(
        kind, width, height, escape(sanitize(title, limit=200))
    )
    return head + Markup("").join(parts) + Markup("</svg>")
