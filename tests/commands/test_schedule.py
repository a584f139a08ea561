"""`jobctl schedule`: what was due, what is due, and what a person does about it."""

from __future__ import annotations

import json
import signal
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from jobctl.catalog.load import load
from jobctl.catalog.ticks import identity
from jobctl.ops.schedules import fill
from jobctl.ops.schedules.outcomes import Outcomes
from jobctl.ops.schedules.ticking import Ticking
from jobctl.store.nouns.schedules import ByHand
from jobctl.store.nouns.ticks import TickRow
from tests.project import Project
from tests.support import eventually

MINUTE = 60_000
SCHEDULES = """\
schedules:
  minutely: {job: nap, every: 1m, payload: {n: 1, s: 0, text: "{{ tick }} after {{ previous_tick }}"}}
  morning: {job: nap, cron: "0 9 * * mon-fri", timezone: America/New_York, payload: {n: 2}}
"""


@pytest.fixture
def planned(project: Project) -> Project:
    project.write("jobs.yaml", (project.folder / "jobs.yaml").read_text() + SCHEDULES)
    return project


def away(project: Project, minutes: int) -> int:
    """As if the last scheduler had died so many ticks ago. Returns the last tick that it took."""
    catalog = load(project.folder / "jobs.yaml")
    last = (project.store.processes.now_ms() // MINUTE - minutes) * MINUTE
    schedule = catalog.schedules["minutely"]
    project.store.schedules.announce([("minutely", identity(schedule), last)])
    assert Ticking(project.store, catalog).tick(schedule, last).outcome == "used"
    return last


def history(project: Project) -> list[TickRow]:
    return project.store.ticks.history("minutely", limit=1_000)[::-1]


def caught_up(project: Project, last: int) -> list[int]:
    """How many minutes after the last tick each is that was made up for, once a scheduler has decided all."""
    project.start("scheduler").ready()
    until = project.store.processes.now_ms() // MINUTE * MINUTE
    rows = eventually(lambda: (found := history(project))[-1].due_ms >= until and found)
    assert [row.due_ms for row in rows] == list(range(last, rows[-1].due_ms + 1, MINUTE)), "each is noted"
    return [(row.due_ms - last) // MINUTE for row in rows if row.how == "caught_up"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("catch_up: all", [1, 2, 3]),
        ("catch_up: latest", [3]),
        ("catch_up: none", []),
        ("timezone: UTC, anchor: 1970-01-01", []),
    ],
)
def test_missed_ticks_are_made_up_for_as_the_policy_says(planned: Project, policy: str, expected: list[int]) -> None:
    planned.change("jobs.yaml", "every: 1m,", f"every: 1m, {policy},")
    now = planned.store.processes.now_ms()
    last = away(planned, 3)
    found = caught_up(planned, last)
    passed = (planned.store.processes.now_ms() - now) // MINUTE + (now % MINUTE > MINUTE - 20_000)
    if expected == [1, 2, 3]:
        assert found[:3] == expected
        assert len(found) <= 3 + passed
    elif expected == [3]:
        assert len(found) == 1
        assert 3 <= found[0] <= 3 + passed
    else:
        assert found == []


def test_missed_ticks_older_than_the_window_are_not_made_up_for(planned: Project) -> None:
    planned.change("jobs.yaml", "every: 1m,", "every: 1m, catch_up: all, window: 90m,")
    last = away(planned, 200)
    found = caught_up(planned, last)
    assert 109 <= found[0] <= 114
    assert found == list(range(found[0], found[-1] + 1))
    old = next(row for row in history(planned) if row.what == "missed")
    assert old.why == "no scheduler took it in time, and it is older than `window`"


def test_a_tick_has_the_payload_of_its_time(planned: Project) -> None:
    planned.change("jobs.yaml", "every: 1m,", "every: 1m, catch_up: all,")
    last = away(planned, 2)
    caught_up(planned, last)
    row = history(planned)[1]
    job = planned.client.job(str(row.job))
    first, _, second = job.payload["text"].partition(" after ")
    assert json.loads(planned.cli("schedule", "history", "minutely", "-o", "json").out)[-2]["due_at"][:19] == first[:19]
    assert second[14:19] != first[14:19]


def test_ls_says_when_and_what_became_of_the_last(planned: Project) -> None:
    last = away(planned, 1)
    rows = {row["name"]: row for row in planned.cli("schedule", "ls", "-o", "json").json()}
    assert rows["morning"]["when"] == "at 09:00 Monday to Friday, New York"
    assert rows["morning"]["last_at"] is None
    assert rows["minutely"]["last_outcome"] == "enqueued"
    assert rows["minutely"]["last_job"] == history(planned)[-1].job
    assert history(planned)[-1].due_ms == last
    assert planned.cli("schedule", "ls", "nope").code == 4


def test_a_schedule_of_another_catalog_is_listed_until_it_is_retired(planned: Project) -> None:
    planned.store.schedules.announce([("theirs", "d", 1)])
    assert "theirs" in planned.cli("schedule", "ls").out
    planned.store.client.hset(planned.store.keys.announced(), "theirs", 1)
    assert "theirs" not in planned.cli("schedule", "ls").out
    [row] = [row for row in planned.cli("schedule", "ls", "--retired", "-o", "json").json() if row["name"] == "theirs"]
    assert row["retired"] is True


def test_next_shows_both_zones_and_marks_a_change_of_the_clocks(planned: Project) -> None:
    rows = planned.cli("schedule", "next", "morning", "-n", "3", "--from", "2026-10-29T00:00Z", "-o", "json").json()
    assert [(row["local"], row["at"], row["clocks_change"]) for row in rows] == [
        ("2026-10-29T09:00:00-04:00", "2026-10-29T13:00:00Z", False),
        ("2026-10-30T09:00:00-04:00", "2026-10-30T13:00:00Z", False),
        ("2026-11-02T09:00:00-05:00", "2026-11-02T14:00:00Z", True),
    ]


def test_next_needs_no_redis(planned: Project) -> None:
    ran = planned.cli("schedule", "next", "morning", "-n", "1", "--redis", "unix:///nowhere.sock")
    assert ran.code == 0
    assert "Redis does not answer" in ran.err


def test_a_pause_shows_its_reason_and_ends(planned: Project) -> None:
    assert planned.cli("schedule", "pause", "minutely", "--for", "1h", "--reason", "too much").code == 0
    [row, _] = planned.cli("schedule", "ls", "-o", "json").json()
    assert (row["paused"], row["reason"]) == (True, "too much")
    away_row = Ticking(planned.store, load(planned.folder / "jobs.yaml"))
    schedule = load(planned.folder / "jobs.yaml").schedules["minutely"]
    at = planned.store.processes.now_ms() // MINUTE * MINUTE
    assert away_row.tick(schedule, at).outcome == "paused"
    assert "too much" in planned.cli("schedule", "history", "minutely").out
    ran = planned.cli("schedule", "resume", "minutely", "-o", "json")
    assert "resumed minutely" in ran.err
    assert [row["paused"] for row in ran.json()] == [False]
    assert "was not paused" in planned.cli("schedule", "resume", "minutely").err
    assert away_row.tick(schedule, at).outcome == "taken"


def test_a_backfill_enqueues_each_missed_tick_once(planned: Project) -> None:
    last = away(planned, 5)
    since = f"{(planned.store.processes.now_ms() - last) // 1000 + 30}s"
    dry = planned.cli("schedule", "backfill", "minutely", "--since", since, "--dry-run")
    assert len(dry.out.split()) in (5, 6)
    refused = planned.cli("schedule", "backfill", "minutely", "--since", since)
    assert refused.code == 5
    ran = planned.cli("schedule", "backfill", "minutely", "--since", since, "--yes", "--max", "9")
    ids = ran.out.split()
    assert len(ids) in (5, 6)
    assert planned.states(ids) == {"waiting": len(ids)}
    again = planned.cli("schedule", "backfill", "minutely", "--since", since, "--yes", "--max", "9")
    assert len(again.out.split()) <= 1  # a minute may have passed
    filled = [row for row in history(planned) if row.how == "backfill"]
    assert len({row.due_ms for row in filled}) == len(filled)


def test_a_backfill_for_programs_tells_each_tick(planned: Project) -> None:
    away(planned, 3)
    words = ("schedule", "backfill", "minutely", "--since", "150s", "-o", "json")
    assert {row["outcome"] for row in planned.cli(*words, "--dry-run").json()} == {"missing"}
    rows = planned.cli(*words, "--yes", "--max", "9").json()
    assert {row["outcome"] for row in rows} == {"enqueued"}
    assert planned.states([row["job"] for row in rows]) == {"waiting": len(rows)}
    assert planned.cli("schedule", "run", "minutely", "-o", "json").json()["state"] == "waiting"
    assert planned.cli("schedule", "backfill", "minutely", "--since", "1m", "--until", "2m").code == 2


def test_a_backfill_that_a_unique_key_holds_up_exits_with_1_and_can_be_repeated(planned: Project) -> None:
    text = (planned.folder / "jobs.yaml").read_text()
    once = "  once: {command: [echo], unique: {key: k, until: finished}}\n"
    planned.write(
        "jobs.yaml", text.replace("jobs:\n", f"jobs:\n{once}").replace("{job: nap, every: 1m", "{job: once, every: 1m")
    )
    words = ("schedule", "backfill", "minutely", "--since", "150s", "--yes", "--max", "9", "-o", "json")
    ran = planned.cli(*words)
    assert (ran.code, [row["outcome"] for row in ran.json()][:2]) == (1, ["enqueued", "held"])
    assert {row["job"] for row in ran.json()} == {ran.json()[0]["job"]}
    assert planned.cli("job", "cancel", ran.json()[0]["job"]).code == 0
    assert planned.cli(*words).json()[0]["outcome"] == "enqueued"


def test_a_backfill_may_spread_its_jobs(planned: Project) -> None:
    away(planned, 5)
    ran = planned.cli("schedule", "backfill", "minutely", "--since", "270s", "--yes", "--max", "9", "--rate", "1/h")
    jobs = planned.jobs(ran.out.split())
    assert jobs[0].state == "waiting"
    assert {job.state for job in jobs[1:]} == {"delayed"}


def test_a_backfill_before_the_history_is_refused(planned: Project) -> None:
    planned.store.writer.hset(planned.store.keys.cursors(), "minutely|floor", planned.store.processes.now_ms() - MINUTE)
    ran = planned.cli("schedule", "backfill", "minutely", "--since", "1h", "--dry-run")
    assert ran.code == 2
    assert "choose a later --since" in ran.err


def test_run_enqueues_now_and_is_noted(planned: Project) -> None:
    planned.cli("schedule", "pause", "morning")
    ran = planned.cli("schedule", "run", "morning", "--at", "2026-11-24T09:00-05:00")
    assert ran.code == 0
    [row] = planned.cli("schedule", "history", "morning", "-o", "json").json()
    assert (row["due_at"], row["how"], row["job"]) == ("2026-11-24T14:00:00Z", "hand", ran.out.strip())
    assert planned.cli("schedule", "run", "morning", "--at", "2999-01-01").code == 2


def test_the_history_of_several_schedules_is_in_order_and_says_whose_each_tick_is(planned: Project) -> None:
    last = away(planned, 3)
    ticks = planned.store.schedules
    ticks.let_pass("minutely", [last + MINUTE, last + 2 * MINUTE], last + 3 * MINUTE, "missed", "away")
    ticks.let_pass("theirs", [last + MINUTE // 2, last + 90_000], last + 3 * MINUTE, "missed", "away")
    ticks.announce([("theirs", "d", last)])
    rows = planned.cli("schedule", "history", "-o", "json").json()
    assert [row["schedule"] for row in rows] == ["minutely", "theirs", "minutely", "theirs", "minutely"]
    assert [row["due_at"] for row in rows] == sorted((row["due_at"] for row in rows), reverse=True)
    ran = planned.cli("schedule", "history", "-n", "2")
    assert [line.split()[1] for line in ran.out.splitlines()] == ["SCHEDULE", "minutely", "theirs"]
    assert "these are the latest 2" in ran.err
    one = planned.cli("schedule", "history", "minutely", "morning", "-o", "json", "-n", "2").json()
    assert [row["schedule"] for row in one] == ["minutely", "minutely"]
    assert planned.cli("schedule", "history", "minutely", "nope").code == 4


def test_times_set_by_hand_hold_until_they_are_reset(planned: Project) -> None:
    scheduler = planned.start("scheduler").ready()
    ran = planned.cli("schedule", "set", "morning", "--every", "1s", "--for", "1h", "--reason", "an audit")
    assert (ran.code, "morning is now due every 1s, until " in ran.err) == (0, True)
    scheduler.said("schedule morning changed")
    eventually(lambda: planned.store.ticks.counts(["morning"])["morning"] >= 2)
    row = planned.cli("schedule", "ls", "morning", "-o", "json").json()[0]
    assert (row["when"], row["set_reason"]) == ("every 1s", "an audit")
    assert f"set by hand by {row['set_by']} until " in planned.cli("schedule", "ls", "morning").out
    assert planned.cli("schedule", "set", "morning", "--reset").code == 0
    scheduler.said("schedule morning changed", times=2)
    assert planned.cli("schedule", "ls", "morning", "-o", "json").json()[0]["set_by"] is None


def test_a_tick_at_the_very_end_of_times_set_by_hand_is_the_catalogs_and_is_not_lost(planned: Project) -> None:
    planned.change("jobs.yaml", "every: 1m,", "every: 1s,")
    catalog = load(planned.folder / "jobs.yaml")
    ticking = Ticking(planned.store, catalog)

    def announced() -> int:
        return ticking.announce([ticking.schedules()["minutely"]])[1]["minutely"]

    end = (planned.store.processes.now_ms() // 1_000 + 2) * 1_000
    planned.store.schedules.set_by_hand("minutely", ByHand("me", until_ms=end, cron="0 0 29 2 *"))
    assert announced() == end
    eventually(lambda: planned.store.processes.now_ms() > end)
    assert announced() == end
    assert planned.cli("schedule", "ls", "minutely", "-o", "json").json()[0]["when"] == "every 1s"


def test_a_tick_between_a_reset_and_the_scheduler_that_sees_it_is_not_lost(planned: Project) -> None:
    planned.change("jobs.yaml", "every: 1m,", "every: 1s,")
    ticking, schedules = Ticking(planned.store, load(planned.folder / "jobs.yaml")), planned.store.schedules
    schedules.set_by_hand("minutely", ByHand("me", cron="0 0 29 2 *"))
    ticking.announce([ticking.schedules()["minutely"]])
    schedules.set_by_hand("minutely", None)
    at = schedules.by_hand()["minutely"][0].until_ms
    first = -(-at // 1_000) * 1_000
    eventually(lambda: planned.store.processes.now_ms() > first)
    assert ticking.announce([ticking.schedules()["minutely"]])[1] == {"minutely": first}


def test_a_backfill_goes_by_the_times_that_held_then(planned: Project) -> None:
    now = planned.store.processes.now_ms() // MINUTE * MINUTE
    text = json.dumps([{"by": "me", "since_ms": now - 10 * MINUTE, "until_ms": now - 7 * MINUTE, "every_ms": MINUTE}])
    planned.store.writer.hset(planned.store.keys.schedules_by_hand(), "morning", text)
    found = fill.gap(planned.store, load(planned.folder / "jobs.yaml"), "morning", now - 10 * MINUTE, now)
    assert found.missing[:3] == [now - 10 * MINUTE, now - 9 * MINUTE, now - 8 * MINUTE]
    assert now - 7 * MINUTE not in found.missing


def test_a_tick_that_was_run_by_hand_is_not_missing(planned: Project) -> None:
    last = away(planned, 5)
    at = datetime.fromtimestamp(last / 1000 + 120, UTC).isoformat()
    assert planned.cli("schedule", "run", "minutely", "--at", at).code == 0
    catalog = load(planned.folder / "jobs.yaml")
    found = fill.gap(planned.store, catalog, "minutely", last, last + 3 * MINUTE)
    assert (found.missing, found.done) == ([last + MINUTE, last + 3 * MINUTE], 2)


@pytest.mark.parametrize(
    "said",
    [
        ByHand("me", cron="@daily", timezone="Europe/Nowhere"),
        ByHand("me", cron="61 * * * *"),
        ByHand("me", every_ms=0),
        ByHand("me"),
    ],
)
def test_times_that_are_of_no_use_here_leave_the_catalogs(planned: Project, said: ByHand) -> None:
    """Who set them has another version, or time zones that this machine does not have."""
    planned.store.schedules.set_by_hand("morning", said)
    planned.change("jobs.yaml", "every: 1m,", "every: 1s,")
    planned.start("scheduler").ready()
    eventually(lambda: planned.store.ticks.counts(["minutely"])["minutely"] >= 2)
    assert planned.cli("schedule", "ls", "-o", "json").code == 0


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--cron", "61 * * * *"), "--cron: the minute of the cron expression cannot be `61`"),
        (("--every", "10ms"), "--every: expected at least 1s"),
        (("--cron", "@daily", "--timezone", "Europe/Nowhere"), "--timezone: unknown time zone"),
        ((), "give either --cron or --every"),
        (("--cron", "@daily", "--every", "1h"), "give either --cron or --every"),
        (("--reset", "--every", "1h"), "--reset goes alone"),
    ],
)
def test_times_that_cannot_be_are_refused(planned: Project, args: tuple[str, ...], says: str) -> None:
    ran = planned.cli("schedule", "set", "morning", *args)
    assert ran.code == 2
    assert says in ran.err
    assert planned.store.schedules.by_hand() == {}


def test_check_fails_without_a_scheduler_and_for_a_late_tick(planned: Project) -> None:
    ran = planned.cli("schedule", "check")
    assert ran.code == 1
    assert "no scheduler is alive" in ran.err
    scheduler = planned.start("scheduler").ready()
    eventually(lambda: planned.cli("schedule", "check").code == 0)
    scheduler.signal(signal.SIGTERM)
    assert scheduler.ended() == 0
    ran = planned.cli("schedule", "check", "-o", "json")
    assert (ran.code, {row["ok"] for row in ran.json()}) == (1, {False})
    assert planned.cli("schedule", "check").out == ""
    scheduler = planned.start("scheduler").ready()
    scheduler.signal(signal.SIGSTOP)  # it lives, as far as anybody knows, and takes no ticks
    key, field = planned.store.keys.cursors(), "morning|next"
    planned.store.client.hset(key, field, planned.store.processes.now_ms() - 2 * MINUTE)
    ran = planned.cli("schedule", "check", "morning", "-o", "json")
    assert ran.code == 1
    assert ran.json()[0]["status"].startswith("late by 2m")
    scheduler.signal(signal.SIGCONT)


def test_two_jobs_in_a_row_that_die_pause_the_schedule(planned: Project) -> None:
    planned.change(
        "jobs.yaml", "every: 1m, payload: {n: 1, s: 0,", "every: 1s, pause_on_failure: 2, payload: {n: 1, s: 0,"
    )
    planned.change("jobs.yaml", "minutely: {job: nap", "minutely: {job: fail")
    planned.start("scheduler")
    planned.worker().ready()
    eventually(lambda: planned.store.schedules.cursors(["minutely"])["minutely"].pause is not None)
    row = planned.cli("schedule", "ls", "minutely", "-o", "json").json()[0]
    assert (row["reason"], row["paused_by"]) == ("2 of its jobs died in a row", "pause_on_failure")
    assert [row.state for row in history(planned)[:2]] == ["dead", "dead"]


def test_a_list_of_schedules_says_that_nobody_enqueues_them(planned: Project) -> None:
    ran = planned.cli("schedule", "ls")
    assert (ran.code, "no scheduler is alive" in ran.err) == (0, True)
    planned.start("scheduler").ready()
    assert eventually(lambda: "no scheduler is alive" not in planned.cli("schedule", "ls").err)


def test_check_and_next_tell_what_is_paused(planned: Project) -> None:
    planned.start("scheduler").ready()
    assert planned.cli("schedule", "pause", "morning").code == 0
    ran = planned.cli("schedule", "check")
    assert (ran.code, "2, 1 of them paused" in ran.err) == (0, True)
    rows = planned.cli("schedule", "next", "-o", "json").json()
    assert {(row["schedule"], row["paused"]) for row in rows} == {("minutely", False), ("morning", True)}
    assert "paused" in planned.cli("schedule", "next", "morning").out


def test_schedules_are_listed_with_a_broken_catalog(planned: Project) -> None:
    away(planned, 1)
    planned.write("jobs.yaml", (planned.folder / "jobs.yaml").read_text() + "  broken: {job: nap}\n")
    ran = planned.cli("schedule", "ls", "-o", "json")
    assert [(row["name"], row["job"]) for row in ran.json()] == [("minutely", None)]
    [row] = planned.cli("schedule", "ls", "minutely", "-o", "json").json()
    assert row["last_at"] is not None
    assert planned.cli("schedule", "ls", "nope").code == 4


def test_the_ends_of_jobs_are_noted_by_who_has_the_schedule(planned: Project) -> None:
    """Another one would send no heartbeat, and count no failure; once nobody has it any more, anybody may."""
    away(planned, 2)
    others, own = Outcomes(planned.store), Outcomes(planned.store)
    assert planned.cli("job", "cancel", str(history(planned)[0].job)).code == 0
    others.look({})
    assert planned.store.ticks.busy() == ["minutely"]
    own.look(load(planned.folder / "jobs.yaml").schedules)
    assert history(planned)[0].state == "cancelled"
    away(planned, 1)
    planned.store.client.hset(planned.store.keys.announced(), "minutely", 0)
    assert planned.cli("job", "cancel", str(history(planned)[-1].job)).code == 0
    others.look({})
    assert planned.store.ticks.busy() == []


def test_who_has_the_former_name_of_a_schedule_notes_how_its_jobs_have_ended(planned: Project) -> None:
    """All went back to the old catalog."""
    away(planned, 1)
    planned.store.schedules.rename([("minutely", "new")])
    assert planned.cli("job", "cancel", str(history(planned)[0].job)).code == 0
    Outcomes(planned.store).look(load(planned.folder / "jobs.yaml").schedules)
    assert history(planned)[0].state == "cancelled"


def test_what_is_done_by_hand_under_a_new_name_goes_on_with_the_old_schedule(planned: Project) -> None:
    """No scheduler has the new catalog yet."""
    last = away(planned, 2)
    planned.change("jobs.yaml", "minutely: {job: nap,", "new: {job: nap, was: minutely,")
    catalog = load(planned.folder / "jobs.yaml")
    assert fill.gap(planned.store, catalog, "new", last, last + MINUTE).missing == [last + MINUTE]
    assert planned.cli("schedule", "pause", "new", "--reason", "why").code == 0
    assert planned.store.schedules.cursors(["minutely"])["minutely"].pause is not None
    assert planned.store.ticks.counts(["new"]) == {"new": 1}


def test_jobs_of_earlier_ticks_are_cancelled_however_many_others_are_open(planned: Project) -> None:
    last = away(planned, 1)
    catalog = load(planned.folder / "jobs.yaml")
    ticking, schedule = Ticking(planned.store, catalog), catalog.schedules["minutely"]
    for number in range(1, 151):
        assert ticking.tick(schedule, last - number * MINUTE, "backfill").outcome == "used"
    own = str(history(planned)[-1].job)
    assert Outcomes(planned.store).cancel(schedule) == [own]
    assert planned.states([own]) == {"cancelled": 1}
    planned.store.writer.delete(planned.store.keys.history("minutely"))
    assert Outcomes(planned.store).cancel(schedule) == [], "what nobody knows any more was filled in"


def test_many_jobs_that_have_ended_are_in_no_ticks_way(planned: Project) -> None:
    last = away(planned, 20)
    catalog = load(planned.folder / "jobs.yaml")
    ticking, schedule = Ticking(planned.store, catalog), catalog.schedules["minutely"]
    for number in range(1, 10):
        ticking.tick(schedule, last + number * MINUTE)
    assert planned.cli("job", "cancel", *(str(row.job) for row in history(planned)), "--yes").code == 0
    assert ticking.tick(replace(schedule, overlap="skip"), last + 10 * MINUTE).outcome == "used"


def test_a_tick_that_waits_and_cannot_be_enqueued_is_in_no_others_way(planned: Project) -> None:
    last = away(planned, 5)
    read = load(planned.folder / "jobs.yaml")
    [one] = [read.schedules["minutely"]]
    schedules = {name: replace(one, name=name, overlap="queue") for name in ("first", "second")}
    ticking = Ticking(planned.store, replace(read, schedules=schedules))
    for name, schedule in schedules.items():
        for number in range(2):
            ticking.tick(schedule, last + number * MINUTE)
        job = planned.store.ticks.history(name, limit=2)[-1].job
        assert planned.cli("job", "cancel", str(job)).code == 0
    ticking.use(replace(read, schedules={**schedules, "first": replace(schedules["first"], payload={"n": "one"})}))
    ticking.look()
    assert planned.store.ticks.history("second", limit=1)[0].how == "queued"
    assert planned.store.ticks.history("first", limit=1)[0].what == "queued"


def test_all_jobs_of_earlier_ticks_are_cancelled_but_none_that_was_filled_in(planned: Project) -> None:
    last = away(planned, 5)
    read = load(planned.folder / "jobs.yaml")
    ticking, schedule = Ticking(planned.store, read), read.schedules["minutely"]
    ticking.tick(schedule, last - MINUTE, "backfill")
    ticking.tick(schedule, last + MINUTE)
    assert ticking.tick(replace(schedule, overlap="cancel-running"), last + 2 * MINUTE).outcome == "used"
    rows = history(planned)
    assert [planned.client.job(str(row.job)).state for row in rows] == ["waiting", "cancelled", "cancelled", "waiting"]
    assert rows[-1].why == f"cancelled for it: {rows[1].job}, {rows[2].job}"


def test_names_of_ticks_are_times_that_run_understands(planned: Project) -> None:
    last = away(planned, 2)
    [name] = planned.cli("schedule", "history", "minutely", "-o", "name").lines()
    assert datetime.fromisoformat(name).timestamp() * 1000 == last
    assert planned.cli("schedule", "run", "minutely", "--at", name).code == 0
    [upcoming] = planned.cli("schedule", "next", "morning", "-n", "1", "--from", "2026-10-30", "-o", "name").lines()
    assert datetime.fromisoformat(upcoming) == datetime(2026, 10, 30, 13, tzinfo=UTC)
