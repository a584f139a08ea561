"""Logs of worker and scheduler: readable on a terminal, one JSON object a line otherwise, to stderr.

Attempt lines are on the hot path. They are formatted by hand and go out in one `write`, past the machinery
of `logging`; only whether they are wanted is asked of the logger. A line is shorter than PIPE_BUF unless an
id or a traceback is not, so that lines of several processes on one pipe do not mix.
"""

from __future__ import annotations

import logging
import os
import traceback

import msgspec

from jobctl import clock
from jobctl.context import running
from jobctl.engine.tools.sink import Sink
from jobctl.text import sanitize

FORMATS = ("auto", "text", "json")
ATTEMPTS = logging.getLogger("jobctl.attempts")
"""The logger to pass to `attempt_started` and `attempt_finished`."""

LABEL_LIMIT, MESSAGE_LIMIT, LINE_LIMIT, TRACEBACK_LIMIT = 120, 300, 2_000, 20_000

_encode = msgspec.json.Encoder().encode


class _Finished(msgspec.Struct):
    """The line of an attempt that ended, in the order in which it is written."""

    time: str
    level: str
    event: str
    id: str
    type: str
    label: str | None
    attempt: int
    queue: str
    outcome: str
    duration_s: float
    error: str | msgspec.UnsetType = msgspec.UNSET
    message: str | msgspec.UnsetType | None = msgspec.UNSET


class LineHandler(logging.Handler):
    """Writes everything that is not an attempt line: the supervisor's and the libraries' messages."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self.sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.sink.write(_line(record))
        except Exception:  # noqa: BLE001 - a message with wrong arguments must not stop the work
            self.handleError(record)


_sink: Sink | None = None
_as_json = False


def setup(log_format: str = "auto", level: str = "INFO", fd: int = 2) -> None:
    """Send all logging of this process to `fd`; "auto" means text on a terminal, JSON otherwise.

    Raises ValueError for an unknown format or level.
    """
    global _sink, _as_json
    if log_format not in FORMATS:
        raise ValueError(f"unknown log format {log_format!r}; one of {', '.join(FORMATS)}")
    _as_json = log_format == "json" or (log_format == "auto" and not os.isatty(fd))
    _sink = Sink(fd, _own_line)
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    root.addHandler(LineHandler(_sink))
    root.setLevel(logging.WARNING)  # libraries say only what matters
    logging.getLogger("jobctl").setLevel(level.upper())


def write_behind() -> None:
    """Let a thread write the lines, for processes that log thousands a second. After `setup`."""
    if _sink is not None:
        _sink.write_behind()


def flush() -> None:
    """Write what is still to be written; before a process ends in a hurry."""
    if _sink is not None:
        _sink.flush()


def attempt_started(
    logger: logging.Logger,
    started_ms: int,
    job_id: str,
    job_type: str,
    queue: str,
    attempt: int,
    label: str | None = None,
) -> None:
    """Log at INFO that an attempt has started (epoch ms) and continues; `attempt` counts from 1."""
    if not logger.isEnabledFor(logging.INFO):
        return
    job_id, job_type, queue = sanitize(job_id), sanitize(job_type), sanitize(queue)
    label = sanitize(label, LABEL_LIMIT) if label else None
    sink = _sink
    if sink is None or not _as_json:
        line = f"start {job_type} {job_id} attempt={attempt} queue={queue}{_quoted(' label', label)}"
        _emit(logger, logging.INFO, line, started_ms)
        return
    fields = {
        "time": clock.stamp(started_ms),
        "level": "info",
        "event": "attempt_started",
        "id": job_id,
        "type": job_type,
        "label": label,
        "attempt": attempt,
        "queue": queue,
    }
    sink.write(_encode(fields) + b"\n")


def attempt_finished(
    logger: logging.Logger,
    job_id: str,
    job_type: str,
    queue: str,
    attempt: int,
    outcome: str,
    duration_s: float,
    label: str | None = None,
    error: str | None = None,
    message: str | None = None,
) -> None:
    """Log that an attempt ended: at INFO when `outcome` is "completed", at WARNING otherwise.

    `error` is the class and `message` the text of what went wrong; a payload must not be passed in.
    """
    level = logging.INFO if outcome == "completed" else logging.WARNING
    if not logger.isEnabledFor(level):
        return
    job_id, job_type, queue = sanitize(job_id), sanitize(job_type), sanitize(queue)
    label = sanitize(label, LABEL_LIMIT) if label else None
    error = sanitize(error, LABEL_LIMIT) if error else None
    message = sanitize(message, MESSAGE_LIMIT) if message else None
    sink = _sink
    if sink is None or not _as_json:
        line = f"{outcome} {job_type} {job_id} attempt={attempt} queue={queue}{_quoted(' label', label)}"
        line += f" duration={duration_s:.3f}s"
        _emit(logger, level, f"{line} {error}: {message or ''}" if error else line, clock.now_ms())
        return
    at, name, took = clock.stamp(clock.now_ms()), "info" if level == logging.INFO else "warning", round(duration_s, 6)
    told = _Finished(at, name, "attempt_finished", job_id, job_type, label, attempt, queue, outcome, took)
    if error:
        told.error, told.message = error, message
    sink.write(_encode(told) + b"\n")


def _quoted(key: str, text: str | None) -> str:
    return f'{key}="{text}"' if text else ""


def _emit(logger: logging.Logger, level: int, line: str, at_ms: int) -> None:
    """An attempt line as text; through `logging` as long as `setup` has not been called."""
    if _sink is None:
        logger.log(level, "%s", line)
        return
    name = "INFO   " if level == logging.INFO else "WARNING"
    _sink.write(f"{clock.stamp(at_ms)} {name} {line}\n".encode())


def _own_line(text: str) -> bytes:
    """What the log says of itself."""
    return _line(logging.makeLogRecord({"name": __name__, "levelname": "WARNING", "msg": text}))


def _line(record: logging.LogRecord) -> bytes:
    return _json_line(record) if _as_json else _text_line(record)


def _json_line(record: logging.LogRecord) -> bytes:
    fields = {
        "time": clock.stamp(round(record.created * 1000)),
        "level": record.levelname.lower(),
        "event": "log",
        "logger": record.name,
        "pid": record.process,
        "message": sanitize(_scrubbed(record.getMessage()), LINE_LIMIT, newlines=True),
    }
    if text := _traceback(record):
        fields["traceback"] = text
    return _encode(fields) + b"\n"


def _text_line(record: logging.LogRecord) -> bytes:
    message = sanitize(_scrubbed(record.getMessage()), LINE_LIMIT)
    line = f"{clock.stamp(round(record.created * 1000))} {record.levelname:<7} {message}\n"
    text = _traceback(record)
    return (line + text + "\n" if text else line).encode()


def _traceback(record: logging.LogRecord) -> str:
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    text = _scrubbed("".join(traceback.format_exception(record.exc_info[1])))
    return sanitize(text, TRACEBACK_LIMIT, newlines=True)


def _scrubbed(text: str) -> str:
    """What a job's code logs by itself, without what is redacted of its payload."""
    job = running()
    return text if job is None else job.scrub(text)
