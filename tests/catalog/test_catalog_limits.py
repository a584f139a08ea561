"""Flow control in a catalog: what is read, and what is a problem."""

from __future__ import annotations

import pytest

from jobctl.catalog.load import CatalogError, load_text
from jobctl.catalog.model import Catalog, Concurrency, JobType, RateLimit, Uniqueness

SCHEMA = "payload: {properties: {tenant: {type: string}, n: {type: integer}}, additionalProperties: false}"


def loaded(keys: str, queue: str = "{}") -> Catalog:
    """A catalog with one job type of the given keys and its queue."""
    return load_text(f"version: 1\nqueues:\n  q: {queue}\njobs:\n  a: {{python: 'm:f', queue: q, {SCHEMA}, {keys}}}\n")


def job(keys: str) -> JobType:
    return loaded(keys).jobs["a"]


def problems(keys: str, queue: str = "{}") -> list[str]:
    with pytest.raises(CatalogError) as caught:
        loaded(keys, queue)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("100/m", RateLimit(100, 60_000)),
        ("{rate: 5/s}", RateLimit(5, 1_000)),
        ("{rate: 5/s, key: '{{ tenant }}', burst: 10}", RateLimit(5, 1_000, "{{ tenant }}", 10)),
        ("{rate: 5/s, window: smooth, burst: 1}", RateLimit(5, 1_000)),
        ("{rate: 10/5m, window: fixed}", RateLimit(10, 300_000, window="fixed")),
        ("{rate: 1000000/h, window: sliding}", RateLimit(1_000_000, 3_600_000, window="sliding")),
        ("{rate: 5/s, key: '{{ job.type }} {{ payload }}'}", RateLimit(5, 1_000, "{{ job.type }} {{ payload }}")),
    ],
)
def test_a_rate_limit_is_a_rate_or_a_mapping_of_a_job_type_or_a_queue(text: str, limit: RateLimit) -> None:
    assert job(f"rate_limit: {text}").rate_limit == limit
    assert loaded("", f"{{rate_limit: {text}}}").queue("q").rate_limit == limit


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("3", Concurrency(3)),
        ("{max: 3}", Concurrency(3)),
        ("{max: 1, key: '{{ tenant }}'}", Concurrency(1, "{{ tenant }}")),
    ],
)
def test_a_concurrency_is_a_number_or_a_mapping_of_a_job_type_or_a_queue(text: str, limit: Concurrency) -> None:
    assert job(f"concurrency: {text}").concurrency == limit
    assert loaded("", f"{{concurrency: {text}}}").queue("q").concurrency == limit


@pytest.mark.parametrize(
    ("text", "rule", "delay_ms"),
    [
        ("{key: '{{ n }}'}", Uniqueness("{{ n }}"), 0),
        ("{key: all}", Uniqueness("all"), 0),
        ("{key: '{{ n }}', for: 24h}", Uniqueness("{{ n }}", 86_400_000), 0),
        ("{key: '{{ n }}', until: started, on_conflict: fail}", Uniqueness("{{ n }}", None, "started", "fail"), 0),
        ("{key: '{{ n }}', on_conflict: replace}", Uniqueness("{{ n }}", on_conflict="replace"), 0),
        ("{key: '{{ n }}', for: 5s, on_conflict: replace}", Uniqueness("{{ n }}", 5_000, on_conflict="replace"), 5_000),
        ("{key: '{{ n }}', for: 5s, on_conflict: extend}", Uniqueness("{{ n }}", 5_000, on_conflict="extend"), 5_000),
        ("{key: '{{ n }}', hold_when_dead: true}", Uniqueness("{{ n }}", hold_when_dead=True), 0),
    ],
)
def test_a_unique_key_is_held_for_a_time_or_until_an_event(text: str, rule: Uniqueness, delay_ms: int) -> None:
    found = job(f"unique: {text}").unique
    assert found == rule
    assert found.delay_ms == delay_ms


def test_nothing_is_limited_unless_the_catalog_says_so() -> None:
    plain = job("expires: 1h")
    assert (plain.rate_limit, plain.concurrency, plain.unique, plain.expires_ms) == (None, None, None, 3_600_000)
    assert job("").expires_ms is None


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("rate_limit: fast", "rate_limit: expected a rate such as `100/m` or `5/s`, found `fast`"),
        ("rate_limit: 0/s", "rate_limit: a rate must be above zero"),
        ("rate_limit: 1/367d", "rate_limit: a rate is at most 1000000000 in at most 366d"),
        ("rate_limit: {burst: 2}", "rate_limit: `rate` is missing"),
        ("rate_limit: {rate: 5/s, burst: 0}", "rate_limit.burst: expected a whole number from 1 to 1000000"),
        ("rate_limit: {rate: 5/s, window: fixed, burst: 1}", "burst: `burst` has no effect with `window: fixed`"),
        ("rate_limit: {rate: 5/s, window: slidng}", "window: expected `smooth`, `fixed` or `sliding`"),
        ("rate_limit: {rate: 5/s, key: tenant}", 'key: the key `tenant` is the same for every job; write "{{ tenant'),
        ("rate_limit: {rate: 5/s, key: '{{ tennant }}'}", "names `tennant`, which the payload does not have; did you"),
        ("rate_limit: {rate: 5/s, key: '{{ job.id }}'}", "names `job.id`; `job` has type here"),
        ("rate_limit: {rate: 5/s, key: '{{ tenant'}", "does not parse"),
        ("concurrency: 0", "concurrency: expected a whole number from 1 to 1000000, found `0`"),
        ("concurrency: {key: '{{ tenant }}'}", "concurrency: `max` is missing"),
        ("concurrency: {max: 2, key: '{{ x }}'}", "concurrency.key: the template names `x`"),
        ("unique: '{{ n }}'", "unique: expected a mapping with `key`"),
        ("unique: {for: 1h}", "unique: `key` is missing"),
        ("unique: {key: '{{ n }}', for: 1h, until: started}", "until: expected at most one of `for` and `until`"),
        ("unique: {key: '{{ n }}', on_conflict: extend}", "on_conflict: `extend` restarts the time in `for`"),
        ("unique: {key: '{{ n }}', until: dead}", "until: expected `started` or `finished`, found `dead`"),
        ("unique: {key: '{{ n }}', for: 0s}", "for: expected a duration above zero"),
        ("unique: {key: tenant}", 'the key `tenant` is the same for every job; write "{{ tenant }}"'),
        ("unique: {key: '{{ job.id }}'}", "names `job.id`; `job` has type here"),
        ("unique: {key: '{{ x }}'}", "unique.key: the template names `x`"),
        ("expires: 0s", "expires: expected a duration above zero"),
        ("expires: 5m, unique: {key: a, for: 5m, on_conflict: extend}", "would expire before they start"),
    ],
)
def test_what_cannot_hold_is_a_problem_with_its_place(keys: str, problem: str) -> None:
    (found,) = problems(keys)
    assert problem in found
    assert found.startswith("jobs.yaml:5:")


def test_all_problems_of_flow_control_come_at_once() -> None:
    found = problems(
        "rate_limit: {burst: 0, key: x}, concurrency: {max: 0, key: '{{'}, unique: {for: 0s}", "{concurrency: none}"
    )
    wheres = ["queues.q.concurrency", "a.rate_limit", "a.rate_limit.burst", "a.rate_limit.key", "a.concurrency.max"]
    assert [line.split(": ")[1].removeprefix("jobs.") for line in found] == [
        *wheres,
        "a.concurrency.key",
        "a.unique",
        "a.unique.for",
    ]


def test_the_key_of_a_queue_may_name_what_any_of_its_types_has() -> None:
    two = (
        "version: 1\nqueues: {{q: {{rate_limit: {{rate: 5/s, key: '{key}'}}}}}}\ndefaults: {{queue: q}}\njobs:\n"
        "  a: {{python: 'm:f', payload: {{properties: {{x: {{}}}}}}}}\n"
        "  b: {{python: 'm:f', payload: {{properties: {{y: {{}}}}, additionalProperties: {more}}}}}\n"
    )
    assert load_text(two.format(key="{{ x }}", more="false")).queue("q").rate_limit is not None
    assert load_text(two.format(key="{{ z }}", more="true")).queue("q").rate_limit is not None
    with pytest.raises(CatalogError):
        load_text(two.format(key="{{ z }}", more="false"))


def test_a_queue_without_job_types_may_have_any_key() -> None:
    text = "version: 1\nqueues: {q: {concurrency: {max: 1, key: '{{ x }}'}}}\n"
    assert load_text(text).queue("q").concurrency == Concurrency(1, "{{ x }}")


def test_a_time_zone_beside_every_is_a_problem() -> None:
    schedule = "version: 1\njobs: {{a: {{python: 'm:f'}}}}\nschedules: {{s: {{job: a, {when}, timezone: UTC}}}}"
    assert load_text(schedule.format(when="cron: '0 9 * * *'")).schedules
    with pytest.raises(CatalogError) as caught:
        load_text(schedule.format(when="every: 1h"))
    (problem,) = caught.value.problems
    assert "`timezone` has no effect on `every`" in str(problem)
    assert (problem.line, problem.column) == (3, 36)
