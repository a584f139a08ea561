"""Error groups that explain themselves, as a user reads them."""

from __future__ import annotations

import redis
from msgspec.structs import replace

from jobctl import clock
from jobctl.cli.commands.dead._groups import spark
from jobctl.ops.doctor.activity import _groups as doctor_groups
from jobctl.ops.groups import PART_MS, trend
from jobctl.store import Store
from jobctl.store.nouns.notes import Note
from tests.commands import made
from tests.support import Cli


def aged(st: Store, ids: list[str], hours: float) -> None:
    """These letters died some hours ago."""
    at = clock.now_ms() - hours * 3_600_000
    group = st.jobs.locate("default", ids)[0].record.group or ""
    for key in (st.keys.dead("default"), st.keys.group("default", group)):
        st.client.zadd(key, dict.fromkeys(ids, at))


def test_groups_tell_how_they_develop(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    made.dead(st, 2, job_type="fresh")
    old = made.dead(st, 4, job_type="fades")
    aged(st, old, 9)
    gone = made.dead(st, 1, job_type="gone")
    aged(st, gone, 30)
    rows = {row["type"]: row for row in redis_cli("dead", "groups", "-o", "json").json()}
    assert {name: row["trend"] for name, row in rows.items()} == {"fresh": "new", "fades": "fading", "gone": "quiet"}
    assert rows["fresh"]["history"] == [0] * 11 + [2]
    assert rows["fades"]["history"][7] == 4
    assert sum(rows["gone"]["history"]) == 0
    assert rows["gone"]["latest"] == gone[0]
    assert "fading" in redis_cli("dead", "groups").out


def test_the_trend_compares_the_last_hours_with_those_before() -> None:
    assert PART_MS * 12 == 86_400_000
    assert trend([0] * 11 + [9], is_new=True) == "new"
    assert trend([0] * 6 + [1, 1, 1, 2, 2, 3], is_new=False) == "growing"
    assert trend([0] * 6 + [2, 2, 2, 2, 2, 2], is_new=False) == "steady"
    assert trend([0] * 6 + [4, 4, 4, 1, 1, 1], is_new=False) == "fading"
    assert trend([5] + [0] * 11, is_new=False) == "fading"
    assert trend([0] * 12, is_new=True) == "quiet"


def test_a_line_of_bars_shows_all_that_is_not_zero() -> None:
    assert spark((0, 1, 500, 1000)) == "·▁▄█"
    assert spark((0, 0)) == "-"


def test_a_note_is_seen_until_it_is_cleared(redis_cli: Cli, redis_client: redis.Redis) -> None:
    made.dead(st := made.store(redis_client), 3)
    group = st.dead.groups("default")[0].group
    assert redis_cli("dead", "note", group[:4], "vendor\x1b[31m is down", "--owner", "ops").code == 0
    ran = redis_cli("dead", "note", group, "--link", "https://t.example/1", "-o", "json").json()
    assert (ran["note"], ran["owner"], ran["link"]) == ("vendor\x1b[31m is down", "ops", "https://t.example/1")
    assert "@" in ran["noted_by"]
    shown = redis_cli("dead", "groups").out
    assert "owner ops; https://t.example/1" in shown
    assert "\x1b[31m is" not in shown
    assert [entry.action for entry in st.audit.recent()] == ["dead note", "dead note"]
    assert redis_cli("dead", "note", group, "--clear").code == 0
    assert redis_cli("dead", "groups", "-o", "json").json()[0]["note"] is None
    assert redis_client.exists(st.keys.notes()) == 0


def test_a_muted_group_is_left_out_until_it_grows(redis_cli: Cli, redis_client: redis.Redis) -> None:
    made.dead(st := made.store(redis_client), 2)
    group = st.dead.groups("default")[0].group
    assert redis_cli("dead", "mute", group, "--until", "1").code == 2
    assert redis_cli("dead", "mute", group, "-o", "json").json()["muted"] == 4
    hidden = redis_cli("dead", "groups")
    assert (hidden.out, "1 muted group is left out" in hidden.err) == ("", True)
    shown = redis_cli("dead", "groups", "--muted").out
    assert group in shown
    assert "muted until more than 4 are dead" in shown
    assert [row["group"] for row in redis_cli("dead", "groups", "-o", "json").json()] == [group]
    made.dead(st, 3)
    assert group in redis_cli("dead", "groups").out
    assert redis_cli("dead", "mute", group, "--off").code == 0
    assert redis_cli("dead", "groups", "-o", "json").json()[0]["muted"] is None


def test_only_a_group_that_is_there_can_be_noted(redis_cli: Cli, redis_client: redis.Redis) -> None:
    made.dead(made.store(redis_client))
    assert redis_cli("dead", "note", "ffff", "x").code == 4
    assert redis_cli("dead", "note", "ff", "x").code == 2
    assert redis_cli("dead", "note", "ffff").code == 2
    assert redis_cli("dead", "note", "ffff", "x" * 501).code in (2, 4)


def test_a_group_says_what_its_dead_letters_have_in_common(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    ids = made.dead(st, 4, payload={"tenant": "acme"})
    made.dead(st, 1, payload={"tenant": "other"})
    group = st.dead.groups("default")[0].group
    made.completed(st, 5, job_type="bad", payload={"tenant": "other"})
    made.completed(st, 5, job_type="else", payload={"tenant": "acme"})
    found = redis_cli("dead", "show", group[:6], "-o", "json").json()
    assert (found["dead"], found["others"], found["hosts"]) == (5, 5, ["host"])
    traits = {(trait["what"], trait["value"]): trait for trait in found["common"]}
    assert traits["args.tenant", "acme"]["dead"] == 0.8
    assert traits["args.tenant", "acme"]["others"] == 0.0
    assert ("args.tenant", "other") not in traits
    shown = redis_cli("dead", "show", group)
    assert "args.tenant=acme: 80% of the dead, 0% of those that completed" in shown.out
    assert "jobctl dead show" in shown.err
    assert redis_cli("dead", "show", ids[0], "-o", "json").json()["id"] == ids[0]


def test_what_is_redacted_is_no_trait(redis_cli: Cli, redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    made.dead(st, 3, redact=("tenant",), payload={"tenant": "acme"})
    assert "acme" not in redis_cli("dead", "show", st.dead.groups("default")[0].group, "-o", "json").out


def test_a_note_and_a_mute_at_once_are_both_kept(redis_client: redis.Redis) -> None:
    """Somebody else writes between the look at a note and its change."""
    notes = made.store(redis_client).notes

    def muted(note: Note) -> Note:
        if note.text is None:
            notes.change("default", "a1b2c3d4", lambda other: replace(other, text="a bad deploy"))
        return replace(note, muted=10)

    notes.change("default", "a1b2c3d4", muted)
    note = notes.all()["default", "a1b2c3d4"]
    assert (note.text, note.muted) == ("a bad deploy", 10)
    notes.change("default", "a1b2c3d4", lambda _note: Note())
    assert notes.all() == {}


def test_a_verb_after_groups_is_told_apart_from_a_filter(redis_cli: Cli, redis_client: redis.Redis) -> None:
    made.dead(made.store(redis_client), 1)
    refused = redis_cli("dead", "groups", "show")
    assert (refused.code, refused.out) == (2, "")
    assert "did you mean `jobctl dead show`?" in refused.err


def test_errors_that_are_left_out_say_since_when(redis_client: redis.Redis) -> None:
    st = made.store(redis_client)
    for minutes, kind in enumerate("abcdefgh", start=1):
        aged(st, made.dead(st, 9 - minutes, job_type=kind), minutes / 60)
    *_, last = doctor_groups(st, ["default"], clock.now_ms())
    assert "more errors are new" in last.found
    assert last.since is not None
    assert 8 * 60_000 <= clock.now_ms() - clock.to_ms(last.since) < 10 * 60_000
