"""A failure as it is recorded: bounded, without jobctl's own frames; and how it travels between processes."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from traceback import TracebackException, clear_frames
from typing import Any

from jobctl.context import RateLimited
from jobctl.handlers.base import AttemptCancelled, AttemptTimeout, HandlerFailure
from jobctl.scrubbing import Scrubber

MAX_MESSAGE = 2_000
MAX_TRACEBACK = 8_000
_MAX_ENTRY = 1_000
"""The most characters of one entry of a traceback: a giant message must not push the frames out."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What is kept: the class's bare name, the text, and the traceback of user code if there is one."""

    error: str
    message: str
    traceback: str | None = None


class RemoteFailure(Exception):
    """An exception of user code in a process of its own. `names` are those of its class and their ancestors."""

    def __init__(self, described: Failure, names: frozenset[str]) -> None:
        super().__init__(f"{described.error}: {described.message}")
        self.described = described
        self.names = names


def describe(failure: BaseException, using: Scrubber | None = None) -> Failure:
    """The failure in bounded, encodable text, scrubbed. The traceback never holds the values of variables."""
    if isinstance(failure, RemoteFailure | AttemptTimeout) and failure.described is not None:
        found: Failure = failure.described  # scrubbed before it was bounded there: see `pack`
        return found
    if isinstance(failure, HandlerFailure):
        return Failure(failure.error, _bounded(using, str(failure), MAX_MESSAGE))
    name = _bounded(using, type(failure).__name__, MAX_MESSAGE)
    return Failure(name, _bounded(using, _text(failure), MAX_MESSAGE), _traceback(failure, using))


def ancestry(failure: BaseException) -> frozenset[str]:
    """The names, bare and dotted, of the failure's class and of all that it inherits from."""
    if isinstance(failure, RemoteFailure):
        return failure.names
    names: set[str] = set()
    for ancestor in type(failure).__mro__[:-1]:
        names |= {ancestor.__name__, ancestor.__qualname__, f"{ancestor.__module__}.{ancestor.__qualname__}"}
    return frozenset(names)


def pack(failure: BaseException, using: Scrubber | None) -> dict[str, Any]:
    """What another process needs in order to record the failure as if it had been raised there."""
    what = describe(failure, using)
    packed = {"error": what.error, "message": what.message, "traceback": what.traceback}
    match failure:
        case AttemptTimeout():
            return {"kind": "timeout", **packed}
        case AttemptCancelled():
            return {"kind": "cancelled", **packed}
        case RateLimited():
            return {"kind": "limited", **packed, "after_ms": failure.after_ms}
        case HandlerFailure():
            own = {"match": failure.match, "retryable": failure.retryable, "retry_after_ms": failure.retry_after_ms}
            return {"kind": "handler", **packed, **own}
    return {"kind": "exception", **packed, "names": sorted(ancestry(failure))}


def unpack(packed: Mapping[str, Any]) -> BaseException:
    """The failure that `pack` was given, ready to be raised."""
    what = Failure(packed["error"], packed["message"], packed["traceback"])
    match packed["kind"]:
        case "timeout":
            timeout = AttemptTimeout(what.message)
            timeout.described = what
            return timeout
        case "cancelled":
            return AttemptCancelled(what.message)
        case "limited":
            return RateLimited(packed["after_ms"] / 1000)
        case "handler":
            return HandlerFailure(
                what.error,
                what.message,
                match=tuple(packed["match"]),
                retryable=packed["retryable"],
                retry_after_ms=packed["retry_after_ms"],
            )
    return RemoteFailure(what, frozenset(packed["names"]))


def forget(failure: BaseException | None) -> None:
    """Let go of what the failed code's variables held, once the failure is recorded: its frames, kept by its traceback,
    would hold them until a garbage collection, which may be long in coming. The traceback itself stays as it is."""
    pending, seen = [failure], set[int]()
    while pending:
        one = pending.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        clear_frames(one.__traceback__)
        pending += [one.__cause__, one.__context__, *(one.exceptions if isinstance(one, BaseExceptionGroup) else ())]


def _traceback(failure: BaseException, using: Scrubber | None) -> str | None:
    summary = TracebackException.from_exception(failure)
    _cut_own_frames(summary)
    if not any(link.stack for link in _chain(summary)):
        return None
    return _bounded(None, "".join(_bounded(using, entry, _MAX_ENTRY) for entry in summary.format()), MAX_TRACEBACK)


def _chain(summary: TracebackException) -> list[TracebackException]:
    """The exception, its causes and contexts, and the members of a group."""
    links, found = [summary], []
    while links:
        link = links.pop()
        found.append(link)
        links += [other for other in (link.__cause__, link.__context__, *(link.exceptions or ())) if other]
    return found


def _cut_own_frames(summary: TracebackException) -> None:
    """Drop the frames above user code: a reader looks for their own. Those below it stay, they explain."""
    for link in _chain(summary):
        files = [frame.filename for frame in link.stack]
        called = next((index for index, file in enumerate(files) if file.startswith(_HANDLERS)), 0)
        users = (index for index in range(called, len(files)) if not files[index].startswith(_OWN_FOLDERS))
        del link.stack[: next(users, len(files))]


_PACKAGE = Path(__file__).parent.parent
_HANDLERS = f"{_PACKAGE / 'handlers'}/"


def _own_folders() -> tuple[str, ...]:
    dramatiq = importlib.util.find_spec("dramatiq")
    folders = [_PACKAGE / "engine", _PACKAGE / "handlers", _PACKAGE / "ops", Path(asyncio.__file__).parent]
    if dramatiq is not None and dramatiq.origin is not None:
        folders.append(Path(dramatiq.origin).parent)
    return tuple(f"{folder}/" for folder in folders)


_OWN_FOLDERS = _own_folders()


def _text(failure: BaseException) -> str:
    try:
        return str(failure)
    except Exception as error:  # noqa: BLE001 - a broken __str__ of user code must not lose the failure
        return f"(its text cannot be read: {type(error).__name__})"


def _bounded(using: Scrubber | None, text: str, limit: int) -> str:
    """At most `limit` characters, scrubbed, head and tail kept; lone surrogates, which do not encode, escaped."""
    if using is not None:
        text = using(text)
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    if len(text) <= limit:
        return text
    gap = f"\n… {len(text) - limit} characters left out …\n"
    half = (limit - len(gap)) // 2
    return text[: limit - len(gap) - half] + gap + text[-half:]
