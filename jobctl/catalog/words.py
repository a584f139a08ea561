"""When a schedule is due, in words: "at 09:00 Monday to Friday, New York"."""

from __future__ import annotations

from datetime import datetime

from jobctl import clock
from jobctl.catalog.model import Schedule
from jobctl.catalog.ticks import SHORTHANDS, zone_of
from jobctl.catalog.units import format_duration

_SOME_TIME = datetime(2024, 1, 1)


def words(schedule: Schedule) -> str:
    """The times of a schedule, without start, end and exclusions."""
    if schedule.every_ms:
        return f"every {format_duration(schedule.every_ms)}"
    if schedule.cron is None:
        return _instants(schedule)
    zone = "UTC" if schedule.timezone == "UTC" else schedule.timezone.rpartition("/")[2].replace("_", " ")
    return f"{_cron(schedule.cron)}, {zone}"


def _cron(cron: str) -> str:
    from cronsim import CronSim

    expression = SHORTHANDS.get(cron.strip().lower(), cron)
    text = CronSim(expression, _SOME_TIME).explain()
    text = text.replace(" through ", " to ").replace(" on Monday to Friday", " Monday to Friday")
    return text[:1].lower() + text[1:]


def _instants(schedule: Schedule) -> str:
    first = clock.to_datetime(schedule.at_ms[0]).astimezone(zone_of(schedule))
    more = f" and {len(schedule.at_ms) - 1} more" if len(schedule.at_ms) > 1 else ""
    return f"at {first:%Y-%m-%d %H:%M}{more}"
