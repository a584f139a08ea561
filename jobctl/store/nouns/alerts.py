"""Alerts: the state of each, since when, and the notices that are still to be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from jobctl.store.data import ids
from jobctl.store.wire.connection import mapping
from jobctl.text import number

if TYPE_CHECKING:
    from jobctl.store.wire.namespace import Namespace

TURN_MS = 5_000
"""How often alerts are looked at, by whichever scheduler takes the turn."""
MAX_ERROR = 300


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What someone is to be told. `kind`: firing or resolved; `since` is when the condition began to hold. Epoch ms."""

    kind: str
    at: int
    since: int | None = None
    value: float | None = None
    worst: str = ""


class Moved(msgspec.Struct, frozen=True):
    """An alert's state before and after a look; and, if this caller is to send one, the next notice with its claim."""

    before: str
    state: str
    claim: int = 0
    notice: Notice | None = None


class AlertMute(msgspec.Struct, frozen=True):
    """Why nobody is told of an alert. `until_ms` is epoch ms, 0 for until unmuted."""

    until_ms: int
    by: str
    reason: str


class AlertState(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of an alert; times are epoch ms. `state`: ok, pending or firing, since `since`; `began` is when its
    condition began to hold, `seen` when it was last looked at, `sent` when a notice last got through, `error` why the
    last one did not, `failing` since when they do not, `line` the notices that are still to be sent, `lease` until when
    one of them is being sent."""

    state: str
    since: int
    claim: int = 0
    began: int | None = None
    seen: int | None = None
    value: float | None = None
    worst: str = ""
    told: int | None = None
    sent: int | None = None
    error: str | None = None
    failing: int | None = None
    tries: int = 0
    again: int | None = None
    lease: int | None = None
    line: tuple[Notice, ...] = ()
    mute: AlertMute | None = None


_state = msgspec.json.Decoder(AlertState, strict=False)
_notice = msgspec.json.Decoder(Notice, strict=False)


class Alerts:
    """The alerts of a namespace, by name."""

    def __init__(self, store: Namespace) -> None:
        self._store = store

    def take_turn(self, turn_ms: int = TURN_MS) -> bool:
        """Whether the look at all alerts is the caller's: nobody else's before the next turn."""
        return bool(self._store.run("alert_turn", (), turn_ms))

    def move(
        self, name: str, *, holds: bool, value: float | None, worst: str, for_ms: int, repeat_ms: int, may_send: bool
    ) -> Moved:
        """Move an alert by what was found. Whoever gets a notice sends it, and says so with `sent` within a minute."""
        found = "" if value is None else value
        args = (name, int(holds), found, worst, for_ms, repeat_ms, int(may_send))
        before, state, *due = self._store.run("alert", (), *args)
        if not due:
            return Moved(ids.read(before), ids.read(state))
        return Moved(ids.read(before), ids.read(state), int(due[0]), _notice.decode(due[1]))

    def sent(self, name: str, claim: int, outcome: str, error: str = "", again_ms: int = 0) -> bool:
        """Note what became of a notice: sent, failed (it is tried again in `again_ms`) or back (another scheduler may
        send it now). False if another one has it by now."""
        return bool(self._store.run("alert_sent", (), name, claim, outcome, error[:MAX_ERROR], again_ms))

    def mute(self, name: str, mute: AlertMute) -> None:
        """Tell nobody, until a time or until unmuted; states still move."""
        value = f"{mute.until_ms}|{mute.by.replace('|', '_')}|{mute.reason}"
        with mapping():
            self._store.writer.hset(self._store.keys.alerts(), f"{name}|muted", value)

    def unmute(self, name: str) -> bool:
        """Tell again; False if it was not muted."""
        with mapping():
            return bool(self._store.client.hdel(self._store.keys.alerts(), f"{name}|muted"))

    def looked_at(self) -> int | None:
        """When a scheduler last took the turn (epoch ms)."""
        with mapping():
            raw = self._store.client.hget(self._store.keys.alerts(), "|at") or b""
        return number(raw)

    def all(self, now_ms: int) -> dict[str, AlertState]:
        """Every alert that is kept, with the mute that holds at a moment."""
        with mapping():
            raw = self._store.client.hgetall(self._store.keys.alerts())
        kept = {ids.read(name): value for name, value in raw.items()}
        found = {}
        for name in {field.removesuffix("|muted") for field in kept if not field.startswith("|")}:
            state = _read(kept.get(name, b"")) or AlertState(state="unknown", since=0)
            mute = _mute(ids.read(kept.get(f"{name}|muted", b"")))
            if mute is not None and mute.until_ms and mute.until_ms <= now_ms:
                mute = None
            found[name] = msgspec.structs.replace(state, mute=mute)
        return found


def _read(raw: bytes) -> AlertState | None:
    try:
        return _state.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _mute(text: str) -> AlertMute | None:
    until, _, rest = text.partition("|")
    by, _, reason = rest.partition("|")
    until_ms = number(until)
    return None if until_ms is None else AlertMute(until_ms, by, reason)
