"""Operations: changes of jobs that are written down, so that they can be looked at, and named, afterwards."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from jobctl import clock
from jobctl.catalog.units import format_rate
from jobctl.store.data import ids
from jobctl.store.data.plans import MAX_SAMPLES, PlanRow, Sample
from jobctl.store.nouns.audit import MAX_TEXT, plain, who_acts
from jobctl.store.wire.connection import mapping
from jobctl.text import number

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace
    from jobctl.store.wire.script import Argument

MOST = 1_000
"""Operations that are kept; those that are under way are never dropped."""
MAX_PARTS = 50
ID_LENGTH = 6
SILENT_MS = 120_000
"""A change in a terminal of which nothing was heard for so long has no terminal any more."""


LOST = "nothing was heard of its terminal since"


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How an operation is to go that others carry on: so many jobs per `per_ms`, after `canary` of them have completed,
    until `failing` percent fail again."""

    rate: int | None = None
    per_ms: int = 0
    canary: int = 0
    failing: float | None = None


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What an operation is to do, written once. `parts` are the largest MAX_PARTS."""

    action: str
    target: str
    who: str
    profile: str = ""
    command: str = ""
    reason: str = ""
    detail: str = ""
    matched: int
    parts: tuple[PlanRow, ...] = ()
    samples: tuple[Sample, ...] = ()
    pace: Pace | None = None


class OperationRow(msgspec.Struct, frozen=True, kw_only=True):
    """A change of jobs. `state`: running, paused, done, partly (some could not be changed), stopped (before its end) or
    aborted, with the reason in `why`. `matched` are the jobs that it was to change, `left` what it has not come to.

    `background`: supervisors and schedulers carry it on. Of the jobs that it released, `completed` and `failed_again`
    had their first attempt afterwards, `open` not yet.
    """

    id: str
    action: str
    target: str
    state: str
    why: str | None
    who: str
    profile: str
    began_at: datetime
    ended_at: datetime | None
    matched: int
    changed: int
    skipped: int
    failed: int
    left: int
    reason: str
    command: str
    detail: str
    parts: tuple[PlanRow, ...]
    samples: tuple[Sample, ...]
    background: bool = False
    rate: str | None = None
    canary: int = 0
    abort_if_failing: float | None = None
    completed: int = 0
    failed_again: int = 0
    open: int = 0
    eta_s: float | None = None


_intent = msgspec.json.Decoder(Intent)


class Operations:
    """The operations of a namespace, by id."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def begin(self, intent: Intent) -> str:
        """Write down what is going to be done, and return its id."""
        raw = msgspec.json.encode(intent)
        while True:
            name = new_id()
            if self._store.run("operation_begin", (), name, MOST, "", "intent", raw):
                return name

    def intent(
        self,
        action: str,
        target: str,
        detail: str,
        matched: int,
        parts: Sequence[PlanRow],
        samples: Sequence[Sample],
        pace: Pace | None = None,
    ) -> Intent:
        """What is going to be done, by whom and why."""
        origin = self._store.origin
        return Intent(
            action=action,
            target=plain(target),
            who=who_acts(origin),
            profile=origin.profile,
            command=plain(origin.command[:MAX_TEXT]),
            reason=plain(origin.reason[:MAX_TEXT]),
            detail=detail,
            matched=matched,
            parts=tuple(parts[:MAX_PARTS]),
            samples=tuple(samples[:MAX_SAMPLES]),
            pace=pace,
        )

    def note(self, name: str, *, changed: int, failed: int, skipped: int = 0) -> None:
        """Note how far a change in a terminal has come."""
        self._note(name, "running", changed=changed, failed=failed, skipped=skipped)

    def end(self, name: str, state: str, *, changed: int, failed: int, skipped: int, why: str = "") -> None:
        """Note how a change in a terminal has ended; what is noted later counts."""
        now = self._now()
        counts = {"changed": changed, "failed": failed, "skipped": skipped}
        self._note(name, "running done partly stopped", state=state, ended=now, why=why, **counts)

    def undone(self, name: str) -> None:
        """Note that what an operation did was taken back."""
        self._note(name, "done partly stopped aborted", state="undone")

    def changed(self, name: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        """What an operation has changed, as far as it can be taken back: a queue, and (id, what is known of its state
        before) of some of its jobs."""
        key, at = self._store.keys.operation(name, ":done"), 0
        while True:
            with mapping():
                packed = self._store.client.lindex(key, at)
            if packed is None:
                return
            queue, *entries = ids.read(packed).split("\n")
            yield queue, [(job_id, before) for job_id, _, before in (entry.partition("|") for entry in entries)]
            at += 1

    def _note(self, name: str, states: str, **fields: Argument) -> str:
        args = [part for field in fields.items() for part in field]
        return ids.read(self._store.run("operation_note", (), name, states, *args))

    def _now(self) -> int:
        with mapping():
            seconds, micros = self._store.client.time()
        return int(seconds) * 1000 + int(micros) // 1000

    def find(self, name: str) -> OperationRow | None:
        """An operation, if it is known."""
        return next(iter(self._read([name])), None)

    def latest(self, count: int) -> list[OperationRow]:
        """The latest operations, the newest first."""
        with mapping():
            names = self._store.client.zrevrange(self._store.keys.operations(), 0, count - 1)
        return list(self._read([ids.read(name) for name in names]))

    def _read(self, names: Sequence[str]) -> Iterator[OperationRow]:
        if not names:
            return
        with mapping():
            pipe = self._store.client.pipeline(transaction=False)
            pipe.time()
            for name in names:
                pipe.hgetall(self._store.keys.operation(name))
                pipe.hlen(self._store.keys.operation(name, ":open"))
            (seconds, _), *rows = pipe.execute()
        for name, raw, out in zip(names, rows[::2], rows[1::2], strict=True):
            fields = {ids.read(key): value for key, value in raw.items()}
            if (row := _row(name, fields, int(seconds) * 1000, out)) is not None:
                yield row


def new_id() -> str:
    """An id for an operation, short enough to be typed."""
    return "".join(secrets.choice(ids.ALPHABET) for _ in range(ID_LENGTH))


def _row(name: str, fields: Mapping[str, bytes], now_ms: int, out: int) -> OperationRow | None:
    """An operation as it is kept; None for what cannot be read."""
    try:
        intent = _intent.decode(fields.get("intent", b""))
    except msgspec.MsgspecError:
        return None
    state, why = ids.read(fields.get("state", b"")), ids.read(fields.get("why", b""))
    pace = intent.pace
    if pace is None and state == "running" and now_ms - _number(fields, "seen") > SILENT_MS:
        state, why = "stopped", LOST
    changed, skipped, failed = (_number(fields, key) for key in ("changed", "skipped", "failed"))
    ended = _number(fields, "ended") or (_number(fields, "seen") if state == "stopped" else 0)
    left = 0 if state in ("done", "partly") else max(0, intent.matched - changed - skipped - failed)
    return OperationRow(
        id=name,
        action=intent.action,
        target=intent.target,
        state=state,
        why=why or None,
        who=intent.who,
        profile=intent.profile,
        began_at=clock.to_datetime(_number(fields, "began")),
        ended_at=clock.to_datetime(ended) if ended else None,
        matched=intent.matched,
        changed=changed,
        skipped=skipped,
        failed=failed,
        left=left,
        reason=intent.reason,
        command=intent.command,
        detail=intent.detail,
        parts=intent.parts,
        samples=intent.samples,
        background=pace is not None,
        rate=format_rate(pace.rate, pace.per_ms) if pace and pace.rate else None,
        canary=pace.canary if pace else 0,
        abort_if_failing=pace.failing if pace else None,
        completed=_number(fields, "completed"),
        failed_again=_number(fields, "again"),
        open=out,
        eta_s=round(left * pace.per_ms / pace.rate / 1000, 1) if pace and pace.rate and state == "running" else None,
    )


def _number(fields: Mapping[str, bytes], key: str) -> int:
    return number(fields.get(key, b"")) or 0
