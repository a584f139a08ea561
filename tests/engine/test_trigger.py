"""What APScheduler is told of a schedule's ticks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobctl import clock
from jobctl.catalog.model import Schedule
from jobctl.catalog.ticks import ticks
from jobctl.engine.scheduler.trigger import TickTrigger

NEW_YORK = "America/New_York"
ZONES = ["UTC", NEW_YORK, "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata"]
CRONS = [
    "30 2 * * *",
    "15,45 1-3 * * *",
    "*/20 * * * *",
    "0 * * * *",
    "59 1,2 * * 0",
    "0 0 1 * 1",
    "*/7 2 * * *",
]
EVERY = st.integers(1_000, 90_000_000)
AFTER = st.integers(1_735_689_600_000, 1_830_297_600_000)  # 2025 to 2027


@given(EVERY | st.sampled_from(CRONS), AFTER, st.integers(0, 40 * 86_400_000))
def test_after_a_long_pause_the_trigger_reaches_the_latest_tick(spec: int | str, after: int, lag: int) -> None:
    named = {"every_ms": spec} if isinstance(spec, int) else {"cron": spec}
    schedule = Schedule("s", "j", timezone=NEW_YORK, **named)
    now = after + lag
    trigger, at, latest = TickTrigger(schedule), clock.to_datetime(after), None
    while True:
        found = trigger.get_next_fire_time(at, clock.to_datetime(now))
        assert found is not None
        assert found > at
        if clock.to_ms(found) > now:
            break
        at = latest = found
    if latest is not None:
        assert next(ticks(schedule, clock.to_ms(latest))) > now
    assert next(ticks(schedule, now)) == clock.to_ms(found)
