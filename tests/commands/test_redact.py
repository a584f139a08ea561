"""`redact` in the catalog: no view, log, event or error shows what it names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobctl.catalog.load import load
from jobctl.cli.view.formats import to_json
from jobctl.engine import logs
from jobctl.producer import Producer
from jobctl.scrubbing import MARK
from jobctl.store import Store
from jobctl.store.data.newjob import NewJob
from jobctl.store.nouns.dead import to_letter
from jobctl.store.nouns.shown import to_job
from tests.support import Cli, eventually

CATALOG = """
version: 1
namespace: lab
defaults: {retries: {max: 0}}
jobs:
  leak: {python: "tests.commands.said_tasks:leak", redact: [to, "*.token", pin], label: "for {{ to | default('x') }}"}
  apart: {python: "tests.commands.said_tasks:leak", redact: [to, "*.token", pin], isolate: true}
  show: {command: [sh, -c, 'echo "$1"; echo "$1" >&2; exit 3', sh, "{{ to }}"], redact: [to]}
  long: {command: [sh, -c, 'printf "%8190s%s\\\\n" "" "$1" >&2; exit 3', sh, "{{ to }}"], redact: [to]}
  plain: {python: "tests.commands.said_tasks:leak"}
  strict:
    python: "tests.commands.said_tasks:leak"
    payload: {properties: {to: {type: string, pattern: "^x"}}, additionalProperties: false}
    redact: [to]
"""
SECRET = "ada.lovelace@example.com"


@pytest.fixture
def shop(lab: Cli) -> Cli:
    (lab.cwd / "jobs.yaml").write_text(CATALOG)
    return lab


def everything(shop: Cli, job_id: str) -> str:
    """What every view says of a job."""
    views = [
        ("job", "show", job_id),
        ("job", "show", job_id, "-o", "json"),
        ("job", "show", job_id, "-o", "yaml"),
        ("job", "ls", "-o", "jsonl"),
        ("job", "ls"),
        ("job", "logs", job_id),
        ("job", "logs", job_id, "-o", "json"),
        ("job", "result", job_id),
        ("job", "wait", job_id),
        ("tail", "-o", "json"),
        ("tail",),
        ("dead", "ls", "-o", "json"),
        ("dead", "show", job_id),
        ("dead", "groups", "-o", "json"),
    ]
    done = [shop(*view) for view in views]
    return "\n".join(ran.out + ran.err for ran in done)


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("leak", f"to={SECRET}", "how=fail", 'card:={"token": "tok-4711", "n": 1}', "pin:=123456"), 7),
        (("leak", f"to={SECRET}", "how=return", 'card:={"token": "tok-4711", "n": 1}', "pin:=123456"), 0),
        (("apart", f"to={SECRET}", "how=fail", 'card:={"token": "tok-4711", "n": 1}', "pin:=123456"), 7),
        (("apart", f"to={SECRET}", "how=return", 'card:={"token": "tok-4711", "n": 1}', "pin:=123456"), 0),
        (("show", f"to={SECRET}"), 7),
        (("long", f"to={SECRET}"), 7),
    ],
)
def test_no_view_shows_what_is_redacted(
    shop: Cli,
    store: Store,
    worker: Callable[[], None],
    args: tuple[str, ...],
    code: int,
) -> None:
    worker()
    done = shop("enqueue", *args, "--wait", "-o", "json")
    assert done.code == code, done.err
    job_id = done.json()["id"]
    seen = done.out + done.err + everything(shop, job_id)

    assert MARK in seen
    for secret in (SECRET, "lovelace", "tok-4711", "123456"):
        assert secret not in seen, seen[max(0, seen.index(secret) - 300) : seen.index(secret) + 100]
    stored = [*store.client.hvals("lab:@records:default"), *store.client.hvals("lab:@groups:default")]
    stored += [str(entry).encode() for key in store.client.keys("lab:@log:*") for entry in store.client.xrange(key)]
    stored += [str(entry).encode() for entry in store.client.xrange("lab:@events")]
    assert not [value for value in stored if SECRET.encode() in value]
    shown = shop("job", "show", job_id, "-o", "json", "--unredacted").json()
    assert shown["payload"]["to"] == SECRET
    assert SECRET not in json.dumps(shown | {"payload": None})


def test_a_group_is_made_of_the_scrubbed_text(shop: Cli, worker: Callable[[], None]) -> None:
    worker()
    for name in ("one word", "two"):
        shop("enqueue", "show", f"to={name}-secret", "--wait")
    [group] = shop("dead", "groups", "-o", "json").json()
    assert group["count"] == 2
    assert MARK in group["message"]


def test_a_reader_without_the_catalog_hides_what_the_body_says(shop: Cli, worker: Callable[[], None]) -> None:
    worker()
    job_id = shop("enqueue", "show", f"to={SECRET}", "--wait").out.strip()
    (shop.cwd / "elsewhere").mkdir()
    shown = shop("job", "show", job_id, "-o", "json", "--namespace", "lab", cwd=shop.cwd / "elsewhere")
    assert shown.json()["payload"] == {"to": MARK}
    assert SECRET not in shown.out


def test_a_reader_goes_by_its_catalog_for_jobs_that_are_older_than_its_patterns(
    shop: Cli, worker: Callable[[], None]
) -> None:
    worker()
    job_id = shop("enqueue", "plain", f"to={SECRET}", "how=fail", "--wait").out.strip()
    assert SECRET in everything(shop, job_id)
    (shop.cwd / "jobs.yaml").write_text(CATALOG.replace('plain: {python: "', 'plain: {redact: [to], python: "'))
    for args in (("job", "show", job_id, "-o", "json"), ("dead", "show", job_id), ("job", "logs", job_id)):
        done = shop(*args)
        assert MARK in done.out
        assert SECRET not in done.out, args


def test_payloads_are_shown_to_whoever_asks_and_the_audit_log_says_so(shop: Cli, store: Store) -> None:
    job_id = shop("enqueue", "show", f"to={SECRET}").out.strip()
    assert shop("job", "ls", f"args.to={SECRET}", "--unredacted", "-o", "name").lines() == [job_id]
    assert [row["payload"] for row in shop("job", "ls", "-o", "json", "--unredacted").json()] == [{"to": SECRET}]
    targets = [(entry.action, entry.target) for entry in store.audit.recent()]
    assert targets == [("job ls --unredacted", ""), ("job ls --unredacted", "args.to=…")]


@pytest.mark.parametrize(
    "command",
    [("job", "ls"), ("dead", "ls"), ("dead", "groups"), ("job", "cancel"), ("dead", "retry", "--dry-run")],
)
@pytest.mark.parametrize("guess", [SECRET, "wrong"])
def test_a_filter_cannot_be_used_to_guess(
    shop: Cli, worker: Callable[[], None], command: tuple[str, ...], guess: str
) -> None:
    if command[0] == "dead":
        worker()
        shop("enqueue", "show", f"to={SECRET}", "--wait")
    else:
        shop("enqueue", "show", f"to={SECRET}")
    done = shop(*command, f"args.to={guess}")
    assert (done.code, done.out) == (5, "")
    assert "args.to= filters by a value that is redacted: 1 job hides it and is left out" in done.err


def test_a_payload_that_is_refused_is_not_told(shop: Cli) -> None:
    done = shop("enqueue", "strict", f"to={SECRET}")
    assert done.code == 2
    assert "to: does not fit `pattern`; its value is redacted" in done.err
    assert SECRET not in done.err


def test_what_run_prints_is_scrubbed_by_whatever_way_it_is_printed(shop: Cli) -> None:
    failed = shop("run", "leak", f"to={SECRET}", "how=fail")
    ended = shop("run", "leak", f"to={SECRET}", "how=return")
    told = shop("run", "show", f"to={SECRET}")
    assert (failed.code, ended.code, told.code) == (1, 0, 1)
    for done in (failed, ended, told):
        assert SECRET not in done.out + done.err
        assert MARK in done.err
    assert ended.json()["seen"]["to"] == MARK


@pytest.mark.parametrize(
    ("redact", "problem"),
    [
        ("[too]", "jobs.a.redact[0]: the payload has no key `too`; did you mean `to`?"),
        ("['a..b']", "expected payload keys joined by dots"),
        ("to", "expected a list of payload keys, found"),
        (f"[{', '.join(['to'] * 51)}]", "expected at most 50 patterns, found 51"),
    ],
)
def test_a_slip_in_the_catalog_is_a_problem(shop: Cli, redact: str, problem: str) -> None:
    text = f"version: 1\njobs: {{a: {{python: 'm:f', payload: {{properties: {{to: {{}}}}}}, redact: {redact}}}}}"
    (shop.cwd / "jobs.yaml").write_text(text)
    done = shop("validate")
    assert done.code == 2
    assert problem in done.err


TEXTS = st.text(min_size=3, max_size=20).map(lambda text: f"§{text}§")
INNER = st.dictionaries(st.sampled_from(["token", "n", "x"]), TEXTS | st.integers(10**6, 10**12), max_size=3)
PAYLOADS = st.fixed_dictionaries(
    {"how": st.sampled_from(["return", "fail"])},
    optional={"to": TEXTS | st.lists(TEXTS, max_size=3) | INNER, "card": INNER, "pin": st.integers(10**6, 10**12)},
)


def secrets_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from secrets_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from secrets_of(item)
    else:
        yield str(value)


@pytest.fixture
def own_log(tmp_path: Any) -> Iterator[Callable[[], str]]:
    """What the worker's own log holds, as the process writes it."""
    with (tmp_path / "worker.log").open("w+b") as file:
        logs.setup("json", "INFO", file.fileno())
        yield lambda: (tmp_path / "worker.log").read_text()
        logs.setup("json", "INFO", 2)


def test_whatever_the_payload_no_redacted_text_appears_anywhere(
    shop: Cli, store: Store, worker: Callable[[], None], own_log: Callable[[], str]
) -> None:
    worker()
    catalog = load(shop.cwd / "jobs.yaml")
    store.rules = catalog.redacted
    producer = Producer(catalog, store.mint)

    @given(PAYLOADS)
    def check(payload: dict[str, Any]) -> None:
        before = len(own_log())
        job = producer.prepare("leak", payload)
        store.jobs.enqueue([job])
        found = eventually(lambda: (f := store.jobs.find(job.id)) and f.state in ("completed", "dead") and f)
        views = [to_json(to_job(found)), to_json(store.logs.read("default", job.id))]
        views += [to_json(to_letter(found)), to_json([e for e in store.events.recent(3)[0] if e.id == job.id])]
        views += [bytes(store.client.hget("lab:@records:default", job.id)).decode()]
        seen = [json.dumps(json.loads(view), ensure_ascii=False) for view in views]
        seen.append(own_log()[before:])
        hidden = [payload.get("to"), payload.get("pin"), payload.get("card", {}).get("token")]
        for secret in secrets_of([value for value in hidden if value is not None]):
            spelled = (
                secret,
                json.dumps(secret)[1:-1],
                json.dumps(secret, ensure_ascii=False)[1:-1],
                repr(secret)[1:-1],
            )
            for view in seen:
                assert not [form for form in spelled if form in view]

    check()


def test_a_job_that_hides_what_is_asked_for_is_left_out_and_told_and_the_rest_goes_on(shop: Cli, store: Store) -> None:
    ids = store.mint.many("default", 3)
    hiding = {ids[1]: ("a",)}
    store.jobs.enqueue(
        [NewJob(id=i, type="open", queue="default", payload={"a": 7}, redact=hiding.get(i, ())) for i in ids]
    )
    done = shop("job", "cancel", "args.a=7", "--yes", "--max=3", "-o", "json")
    assert (done.code, done.json()["changed"]) == (5, 2)
    assert "1 job hides it and is left out" in done.err
    assert [found.state for i in ids if (found := store.jobs.find(i))] == ["cancelled", "waiting", "cancelled"]


@pytest.mark.parametrize("command", [("job", "ls"), ("dead", "ls"), ("dead", "groups")])
def test_a_job_that_hides_what_is_asked_for_does_not_hide_the_others(
    shop: Cli, worker: Callable[[], None], command: tuple[str, ...]
) -> None:
    worker()
    for job in ("plain", "show"):
        shop("enqueue", job, f"to={SECRET}", *(["how=fail"] if job == "plain" else []), "--wait")
    for output in ("json", "table"):
        done = shop(*command, f"args.to={SECRET}", "-o", output)
        assert done.code == 5
        assert "1 job hides it and is left out; --unredacted lets it be seen" in done.err
        assert ("plain" in done.out, "show" in done.out) == (True, False)
    assert {row["type"] for row in shop(*command, f"args.to={SECRET}", "--unredacted", "-o", "json").json()} == {
        "plain",
        "show",
    }


def test_a_change_may_see_what_is_redacted_and_the_audit_log_does_not_tell_it(
    shop: Cli, worker: Callable[[], None], store: Store
) -> None:
    worker()
    job_id = shop("enqueue", "show", f"to={SECRET}", "--wait").lines()[0]
    assert shop("dead", "discard", f"args.to={SECRET}", "--yes").code == 5
    done = shop("dead", "discard", f"args.to={SECRET}", "--yes", "--unredacted", "-o", "name")
    assert (done.code, done.lines()) == (0, [job_id])
    told = [(entry.action, entry.target) for entry in store.audit.recent()]
    assert told == [("dead discard", "args.to=…"), ("dead discard --unredacted", "args.to=…")]
