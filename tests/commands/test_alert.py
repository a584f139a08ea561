"""`jobctl alert`: list, test, mute; what the catalog says of alerts."""

from __future__ import annotations

import pytest
import redis

from jobctl.catalog.load import load, load_text
from jobctl.catalog.problems import CatalogError
from jobctl.ops.alerts.judge import Judge
from jobctl.ops.alerts.watch import pause_ms
from jobctl.store import Store
from jobctl.store.nouns.alerts import AlertState
from tests.commands import made
from tests.commands.test_check import attempts, beat
from tests.support import Cli

ALERTS = """\
alerts:
  dead: {when: dead > 0, command: [sh, -c, 'echo "$1" > told', sh, "{{ summary }}"]}
  slow: {when: latency > 5m, filter: queue:email, command: ["false"]}
"""


@pytest.fixture
def alerting(lab: Cli) -> Cli:
    path = lab.cwd / "jobs.yaml"
    path.write_text(path.read_text() + ALERTS)
    return lab


def look(store: Store, name: str, *, holds: bool) -> None:
    store.alerts.move(name, holds=holds, value=7.0, worst="email", for_ms=0, repeat_ms=0, may_send=False)


def test_ls_shows_states_and_what_was_found(alerting: Cli, store: Store) -> None:
    look(store, "dead", holds=True)
    ran = alerting("alert", "ls")
    assert ran.code == 0
    assert [line.split()[:2] for line in ran.lines()[1:]] == [["dead", "firing"], ["slow", "unknown"]]
    assert "7 in email" in ran.out
    assert "no scheduler is alive" in ran.err
    beat(store, kind="scheduler")
    assert alerting("alert", "ls").err == ""
    assert alerting("alert", "ls", "dead", "-o", "name").out == "dead\n"
    assert alerting("alert", "ls", "deaf").code == 4


def test_a_test_sends_now_and_changes_no_state(alerting: Cli, store: Store) -> None:
    made.dead(store, 3)
    ran = alerting("alert", "test", "dead")
    assert (ran.code, ran.out) == (0, "")
    said = (alerting.cwd / "told").read_text().strip()
    assert said == "lab: dead is only tested: dead 3 in default (limit 0)"
    assert ran.err == f"sent: {said}\n"
    assert store.alerts.all(0) == {}
    bad = alerting("alert", "test", "slow")
    assert (bad.code, bad.err) == (
        1,
        "jobctl: alert slow: the notice was not sent: ExitCode: exit 1 (nothing on stderr)\n",
    )


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("when: dead > 0", "dead 3 in default (limit 0)"),
        ("when: dead > 0, filter: queue:email", "dead 1 in email (limit 0)"),
        ("when: waiting > 100", "waiting 4 in default (limit 100)"),
        ("when: failure_rate > 5%", "failure rate 10 % in default (limit 5 %)"),
        ("when: failure_rate > 5%, filter: job:greet", "failure rate 10 % in greet (limit 5 %)"),
        ("when: workers < 3, filter: queue:email", "workers 2 in email (limit 3)"),
    ],
)
def test_a_measure_is_taken_of_what_its_filter_names(lab: Cli, store: Store, condition: str, found: str) -> None:
    path = lab.cwd / "jobs.yaml"
    path.write_text(f"{path.read_text()}alerts: {{a: {{{condition}, command: ['true']}}}}\n")
    attempts(store, 18, 2)
    made.waiting(store, 4, job_type="greet")
    made.dead(store, 3)
    made.dead(store, 1, queue="email")
    beat(store, "email")
    assert found in lab("alert", "test", "a").err
    catalog = load(path)
    assert Judge(store, catalog).vital(catalog.alerts["a"]).ok == (condition == "when: waiting > 100")


@pytest.mark.parametrize(("tries", "seconds"), [(0, 10), (1, 20), (3, 80), (6, 600), (10_000, 600)])
def test_a_notice_that_does_not_get_through_is_tried_again_ever_later(tries: int, seconds: int) -> None:
    assert pause_ms(AlertState(state="firing", since=0, tries=tries)) == seconds * 1000


def test_mute_and_unmute(alerting: Cli, store: Store) -> None:
    ran = alerting("alert", "mute", "dead", "--for", "2h", "--reason", "vendor \x1b[31m is down", "-o", "json")
    [row] = ran.json()
    assert (row["muted"], row["mute_reason"]) == (True, "vendor \x1b[31m is down")
    assert row["muted_until"] is not None
    table = alerting("alert", "ls")
    assert "muted until" in table.out
    assert "\x1b" not in table.out
    assert "alert mute" in alerting("audit").out
    assert alerting("alert", "mute", "dead", "--off").code == 0
    ran = alerting("alert", "mute", "dead", "--off")
    assert (ran.code, ran.err) == (2, "jobctl: alert dead is not muted; `jobctl alert ls` lists the alerts\n")


def test_hostile_names_of_queues_and_errors_do_not_reach_the_terminal(alerting: Cli, store: Store) -> None:
    store.client.hset(
        store.keys.alerts(), "dead", '{"state":"firing","since":1,"claim":0,"worst":"\\u001b[2J","error":"\\u001b]0;x"}'
    )
    ran = alerting("alert", "ls")
    assert ran.code == 0
    assert "\x1b" not in ran.out


def test_alerts_without_a_scheduler_and_alerts_that_nobody_looks_at(alerting: Cli, store: Store) -> None:
    def rows() -> list[tuple[str, str]]:
        found = alerting("triage", "-o", "json").json()
        return [(row["check"], row["found"]) for row in found if row["check"] in ("alerts", "scheduler")]

    assert rows() == [("scheduler", "2 alerts, and no scheduler")]
    beat(store, kind="scheduler")
    assert rows() == [("alerts", "no scheduler has looked at the alerts")]
    store.alerts.take_turn()
    assert rows() == []


def test_no_alerts(lab: Cli, redis_client: redis.Redis) -> None:
    ran = lab("alert", "ls")
    assert (ran.code, ran.out, ran.err) == (0, "", "no alerts: the catalog has no `alerts`\n")


@pytest.mark.parametrize(
    ("alert", "problem"),
    [
        ("{when: dead > 0}", "expected exactly one of `command`, `http` or `job`, found none of them"),
        ("{when: dead > 0, command: [a], job: j}", "found `command` and `job`"),
        ("{command: [a]}", "`when` is missing"),
        ("{when: dead, command: [a]}", "expected a condition such as `latency > 5m`, found `dead`"),
        ("{when: daed > 0, command: [a]}", "found `daed`; did you mean `dead`?"),
        ("{when: dead < 0, command: [a]}", "expected `dead >`, as in `dead > 0`"),
        ("{when: workers > 1, command: [a]}", "expected `workers <`"),
        ("{when: dead > -1, command: [a]}", "expected a whole number after `dead >`"),
        ("{when: latency > 5, command: [a]}", "expected a duration such as `5m`"),
        ("{when: failure_rate > 5, command: [a]}", "expected a share such as `5%`"),
        ("{when: failure_rate > 500%, command: [a]}", "expected a share such as `5%`"),
        ("{when: memory > lots, command: [a]}", "a share of maxmemory such as `90%`, or a size"),
        ("{when: late > 1m, filter: 'queue:a', command: [a]}", "`late` is measured of the whole deployment"),
        ("{when: dead > 0, window: 1m, command: [a]}", "`window` is only for `failure_rate`"),
        ("{when: failure_rate > 5%, window: 7d, command: [a]}", "expected from `1m` to `179m`"),
        ("{when: dead > 0, command: [a, '{{ sumary }}']}", "did you mean `summary`?"),
        ("{when: dead > 0, http: {url: 'http://{{ worst }}/'}}", "scheme, host and port cannot be templates"),
        ("{when: dead > 0, job: nope}", "unknown job type `nope`"),
        ("{when: dead > 0, job: j}", "the payload does not fit `j`: `text` is missing"),
        ("{when: dead > 0, job: j, payload: {text: '{{ nope }}'}}", "the template names `nope`"),
        ("{when: dead > 0, job: j, payload: {text: 7}}", "the payload does not fit `j`"),
        ("{when: dead > 0, command: [a], payload: {}}", "`payload` is that of a `job`"),
        ("[dead]", "expected a mapping with `when`"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(alert: str, problem: str) -> None:
    jobs = "jobs: {j: {command: [a], payload: {required: [text], properties: {text: {type: string}}}}}"
    with pytest.raises(CatalogError) as caught:
        load_text(f"version: 1\n{jobs}\nalerts:\n  one: {alert}\n")
    assert problem in "\n".join(map(str, caught.value.problems))
    assert {found.line for found in caught.value.problems} == {4}


@pytest.mark.parametrize("until", ["\u00b2", "9" * 5000])
def test_rubbish_in_redis_stops_no_command(alerting: Cli, store: Store, until: str) -> None:
    look(store, "dead", holds=True)
    store.client.hset(store.keys.alerts(), mapping={"dead|muted": f"{until}|x|y", "|at": until})
    store.client.hset(store.keys.paused(), "default", f"{until}|x|y")
    for command in ("alert ls", "queue ls", "doctor", "triage"):
        ran = alerting(*command.split())
        assert "internal error" not in ran.err, (command, ran.err)
