"""Alerts in Redis: how they move, who is told, and that nobody is told twice."""

from __future__ import annotations

import re
from typing import Any

import pytest

from jobctl.store import Store
from jobctl.store.nouns.alerts import AlertMute, Moved

TIMES = re.compile(r'"(since|began|seen|told|sent|failing|again|lease|at)":(\d+)')


class Hourglass:
    """Lets time pass at once: what is kept of the alert becomes older."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def turn(self, ms: int) -> None:
        key = self._store.keys.alerts()
        for name, value in self._store.client.hgetall(key).items():
            if name == b"a":
                older = TIMES.sub(lambda found: f'"{found[1]}":{int(found[2]) - ms}', value.decode())
                self._store.client.hset(key, name, older)
            elif name == b"a|muted" and not value.startswith(b"0|"):
                until, rest = value.decode().split("|", 1)
                self._store.client.hset(key, name, f"{int(until) - ms}|{rest}")


@pytest.fixture
def hourglass(store: Store) -> Hourglass:
    return Hourglass(store)


def look(store: Store, *, holds: bool, **given: Any) -> Moved:
    defaults = {"value": 3.0, "worst": "email", "for_ms": 0, "repeat_ms": 0, "may_send": True}
    return store.alerts.move("a", holds=holds, **(defaults | given))


def kinds(store: Store) -> list[str]:
    return [notice.kind for notice in store.alerts.all(store.processes.now_ms())["a"].line]


def test_it_fires_once_and_is_resolved_once(store: Store) -> None:
    assert look(store, holds=False) == Moved("ok", "ok")
    moved = look(store, holds=True)
    assert (moved.before, moved.state) == ("ok", "firing")
    assert moved.notice is not None
    assert (moved.notice.kind, moved.notice.value, moved.notice.worst) == ("firing", 3.0, "email")
    assert store.alerts.sent("a", moved.claim, "sent")
    assert look(store, holds=True).notice is None
    over = look(store, holds=False, value=0.0)
    assert over.notice is not None
    assert (over.before, over.state, over.notice.kind) == ("firing", "ok", "resolved")
    assert over.notice.since == moved.notice.since
    assert store.alerts.sent("a", over.claim, "sent")
    assert kinds(store) == []


def test_only_one_has_a_notice_at_a_time(store: Store) -> None:
    first = look(store, holds=True)
    assert look(store, holds=True).notice is None
    assert store.alerts.sent("a", first.claim, "back"), "given back, so that the next one has it"
    second = look(store, holds=True)
    assert second.notice == first.notice
    assert not store.alerts.sent("a", first.claim, "sent"), "it is the other's by now"
    assert store.alerts.sent("a", second.claim, "sent")
    assert not store.alerts.sent("a", second.claim, "sent")


def test_whoever_cannot_send_gets_no_notice(store: Store) -> None:
    assert look(store, holds=True, may_send=False).notice is None
    assert look(store, holds=True).notice is not None


def test_pending_for_as_long_as_it_says(store: Store, hourglass: Hourglass) -> None:
    assert look(store, holds=True, for_ms=60_000).state == "pending"
    hourglass.turn(59_000)
    assert look(store, holds=True, for_ms=60_000).state == "pending"
    hourglass.turn(2_000)
    assert look(store, holds=True, for_ms=60_000).state == "firing"


def test_a_condition_that_ends_in_time_tells_nobody(store: Store) -> None:
    look(store, holds=True, for_ms=60_000)
    assert look(store, holds=False, for_ms=60_000) == Moved("pending", "ok")
    assert kinds(store) == []


def test_a_sender_that_died_is_replaced_after_its_lease(store: Store, hourglass: Hourglass) -> None:
    dead = look(store, holds=True)
    assert dead.notice is not None
    hourglass.turn(59_000)
    assert look(store, holds=True).notice is None
    hourglass.turn(2_000)
    heir = look(store, holds=True)
    assert heir.notice is not None
    assert not store.alerts.sent("a", dead.claim, "sent")


def test_what_fails_is_tried_again_later_with_its_reason_kept(store: Store, hourglass: Hourglass) -> None:
    first = look(store, holds=True)
    assert store.alerts.sent("a", first.claim, "failed", "exit 1", 10_000)
    state = store.alerts.all(store.processes.now_ms())["a"]
    assert (state.error, state.tries) == ("exit 1", 1)
    hourglass.turn(9_000)
    assert look(store, holds=True).notice is None
    hourglass.turn(2_000)
    again = look(store, holds=True)
    assert again.notice is not None
    store.alerts.sent("a", again.claim, "sent")
    state = store.alerts.all(store.processes.now_ms())["a"]
    assert (state.error, state.failing, state.tries) == (None, None, 0)


def test_it_is_repeated_while_it_holds(store: Store, hourglass: Hourglass) -> None:
    store.alerts.sent("a", look(store, holds=True, repeat_ms=60_000).claim, "sent")
    hourglass.turn(59_000)
    assert look(store, holds=True, repeat_ms=60_000).notice is None
    hourglass.turn(2_000)
    again = look(store, holds=True, repeat_ms=60_000)
    assert again.notice is not None
    assert again.notice.kind == "firing"


def test_what_cannot_be_told_is_not_repeated_meanwhile(store: Store, hourglass: Hourglass) -> None:
    for _ in range(3):
        look(store, holds=True, repeat_ms=60_000, may_send=False)
        hourglass.turn(61_000)
    assert kinds(store) == ["firing"]


def test_the_line_is_bounded_and_begins_and_ends_with_what_matters(store: Store) -> None:
    for _ in range(9):
        look(store, holds=True, may_send=False)
        look(store, holds=False, may_send=False)
    assert kinds(store) == ["firing", "resolved", "firing", "resolved"]
    look(store, holds=True, may_send=False)
    assert kinds(store) == ["firing", "resolved", "firing"]


@pytest.mark.parametrize("until", [0, 10**13])
def test_nobody_is_told_while_it_is_muted(store: Store, until: int) -> None:
    store.alerts.mute("a", AlertMute(until, "ops|x", "a|b"))
    assert look(store, holds=True) == Moved("ok", "firing")
    assert store.alerts.all(1)["a"].mute == AlertMute(until, "ops_x", "a|b")
    assert store.alerts.unmute("a")
    moved = look(store, holds=True)
    assert moved.notice is not None, "it still fires"


def test_after_a_mute_it_is_told_what_ended_meanwhile(store: Store) -> None:
    store.alerts.sent("a", look(store, holds=True).claim, "sent")
    store.alerts.mute("a", AlertMute(0, "ops", ""))
    for holds in (False, True, False):
        assert look(store, holds=holds).notice is None
    store.alerts.unmute("a")
    moved = look(store, holds=False)
    assert moved.notice is not None
    assert moved.notice.kind == "resolved"


def test_a_mute_ends_by_itself(store: Store, hourglass: Hourglass) -> None:
    store.alerts.mute("a", AlertMute(store.processes.now_ms() + 1_000, "ops", ""))
    look(store, holds=True)
    hourglass.turn(2_000)
    assert look(store, holds=True).notice is not None
    assert store.alerts.all(store.processes.now_ms())["a"].mute is None


def test_a_turn_is_taken_once(store: Store) -> None:
    taken = [store.alerts.take_turn(10**12) for _ in range(3)]
    assert taken == [True, False, False]
    assert store.alerts.looked_at() is not None


def test_what_nobody_looks_at_is_forgotten(store: Store, hourglass: Hourglass) -> None:
    look(store, holds=True)
    store.alerts.mute("a", AlertMute(0, "ops", ""))
    store.alerts.take_turn(10**13)  # a turn so long that an hour begins with it
    assert "a" in store.alerts.all(0)
    hourglass.turn(6 * 86_400_000)
    store.alerts.take_turn(10**12)
    assert "a" in store.alerts.all(0)
    hourglass.turn(2 * 86_400_000)
    store.alerts.take_turn(10**11)
    assert store.alerts.all(0) == {}


@pytest.mark.parametrize("rubbish", ["", "x", "[]", "{}", '{"state":1}', "\xff"])
def test_rubbish_in_its_place_is_as_if_nobody_had_looked(store: Store, rubbish: str) -> None:
    store.client.hset(store.keys.alerts(), "a", rubbish)
    assert store.alerts.all(0)["a"].state == "unknown"
    assert look(store, holds=True).state == "firing"


def test_a_clock_that_is_set_back_delays_no_alert_and_no_notice(store: Store, hourglass: Hourglass) -> None:
    hour = 3_600_000
    look(store, holds=True, for_ms=60_000)
    hourglass.turn(-hour)
    look(store, holds=True, for_ms=60_000)
    hourglass.turn(61_000)
    lost = look(store, holds=True, for_ms=60_000)
    assert (lost.state, lost.notice is not None) == ("firing", True)
    hourglass.turn(-hour)
    assert look(store, holds=True).notice is None, "its sender may live"
    hourglass.turn(61_000)
    again = look(store, holds=True)
    assert store.alerts.sent("a", again.claim, "failed", "away", 20_000)
    hourglass.turn(-hour)
    assert look(store, holds=True).notice is None
    hourglass.turn(601_000)
    assert look(store, holds=True).notice is not None
