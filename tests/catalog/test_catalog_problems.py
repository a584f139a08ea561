"""Every problem of a catalog is told at once, with its place, what was expected and what was found."""

from __future__ import annotations

import pytest

from jobctl.catalog.kinds import KINDS
from jobctl.catalog.load import CatalogError, load_text
from jobctl.catalog.problems import Problem, one_of
from jobctl.errors import UsageError


def problems(text: str) -> list[str]:
    """The problems of a catalog, as people see them."""
    with pytest.raises(CatalogError) as caught:
        load_text(text)
    return [str(problem) for problem in caught.value.problems]


def only(text: str) -> str:
    found = problems(text)
    assert len(found) == 1, found
    return found[0]


def of_job(keys: str) -> str:
    return only(f"version: 1\njobs:\n  a: {{python: 'm:f', {keys}}}\n")


def of_schedule(keys: str) -> str:
    return only(
        "version: 1\njobs:\n"
        "  send: {python: 'm:f', payload: {required: [to], properties: {to: {type: string}}}}\n"
        f"  other: {{python: 'm:f'}}\nschedules:\n  s: {{{keys}}}\n"
    )


def test_a_problem_is_one_line_with_place_path_and_hint() -> None:
    problem = Problem("jobs.yaml", 12, 5, "jobs.send-email.retires", "unknown key `retires`", "did you mean `retries`?")
    assert str(problem) == "jobs.yaml:12:5: jobs.send-email.retires: unknown key `retires`; did you mean `retries`?"


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    text = (
        "version: 2\njobs:\n  a: {pyton: 'm:f'}\n  b: {python: 'm:f', timeout: 5}\nschedules: {s: {job: c, every: 1}}\n"
    )
    found = problems(text)
    assert [line.split(": ")[1] for line in found] == [
        "version",
        "jobs.a",
        "jobs.a.pyton",
        "jobs.b.timeout",
        "schedules.s.job",
        "schedules.s.every",
    ]
    assert [line.split(": ")[0] for line in found][:3] == ["jobs.yaml:1:10", "jobs.yaml:3:6", "jobs.yaml:3:7"]


def test_the_error_is_a_usage_error_that_counts() -> None:
    with pytest.raises(UsageError, match=r"^ops\.yaml: 2 problems"):
        load_text("version: 1\na: 1\nb: 2\n", "ops.yaml")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1:1: the catalog is empty; start with `version: 1`"),
        ("# nothing\n", "1:1: the catalog is empty; start with `version: 1`"),
        ("[]", "1:1: expected a mapping that starts with `version: 1`, found a list"),
        ("{}", "1:1: `version` is missing"),
        ("version: '1'", "1:10: version: expected `1`, found the text `1`"),
        ("version: 1\njobs: [a]", "2:7: jobs: expected a mapping, found a list"),
        ("version: 1\nversion: 1", "2:1: version: duplicate key `version`; it is already given on line 1"),
        ("version: 1\n? [a]\n: b", "2:3: ?: expected a key that is text, found a list"),
        ("version: 1\nnamespace: {}", "2:12: namespace: expected a name"),
        ("version: 1\nnamespace: a:b", "2:12: namespace: expected a name"),
        ("version: 1\nnamespace: 5", "2:12: namespace: expected a name"),
        ("version: 1\nnamespace: true", "found `true`; quote it"),
        ("version: 1\nnamespace: !x y", "found the tag `!x`"),
        (
            "version: 1\nmax_payload: 5",
            "2:14: max_payload: expected a size such as `256KiB`, found `5`; add a unit",
        ),
        ("version: 1\nmax_payload: 0B", "max_payload: expected a size above zero"),
        (
            "version: 1\nunknown_after: soon",
            "expected a duration such as `30s`, `5m` or `1h30m`, found `soon`",
        ),
        ("version: 1\nqueues: {a.DQ: {}}", "2:10: queues.a.DQ: a queue's name cannot"),
        ("version: 1\nqueues: {__acks__: {}}", "a queue's name cannot start with `__`"),
        ("version: 1\nqueues: {a b: {}}", "queues.a b: expected a queue's name"),
        ("version: 1\nqueues: {a: {keep: {count: -1}}}", "from 0 to 10000000, found `-1`"),
        ("version: 1\njobs: {9a: {python: 'm:f'}}", "2:8: jobs.9a: expected a name"),
        ("version: 1\njobs: {a: {}}", f"jobs.a: expected exactly one of {one_of(KINDS)}, found none of them"),
        ("version: 1\njobs: {a: {python: 'm:f', actor: 'm:f'}}", "found `python`, `actor`"),
        (
            "version: 1\njobs: {a: {python: shop.tasks}}",
            "2:20: jobs.a.python: expected `module:name`, found `shop.tasks`",
        ),
        ("version: 1\njobs: {a: {actor: 'm:'}}", "jobs.a.actor: expected `module:name`"),
        ("version: 1\njobs: {a: {command: []}}", "expected a list of arguments that is not empty"),
        (
            "version: 1\njobs: {a: {command: ls -l}}",
            "expected a list of arguments, or a mapping with `args`, found `ls -l`",
        ),
        ("version: 1\njobs: {a: {command: [ls, ~]}}", "jobs.a.command[1]: expected text, found nothing"),
        ("version: 1\njobs: {a: {command: ['{{ x }}']}}", "jobs.a.command[0]: the program cannot be a template"),
        (
            "version: 1\njobs: {a: {command: [bash, -ec, 'x {{ y }}']}}",
            "command[2]: a payload value cannot become part of a shell",
        ),
        ('version: 1\njobs: {a: {command: [ls, "a\\0b"]}}', "a NUL character is not allowed"),
        (
            "version: 1\njobs: {a: {command: {args: [env], env: {A=B: x}}}}",
            "expected an environment variable's name",
        ),
        (
            "version: 1\njobs: {a: {command: {args: [env], env: {A: {env: X, file: Y}}}}}",
            "env.A: expected `{env: NAME}`",
        ),
        *(
            (
                f"version: 1\njobs: {{a: {{http: {{url: 'http://h/', headers: {{{name}: '{{{{ x }}}}'}}}}}}}}",
                "cannot be",
            )
            for name in ("Content-Length", "transfer-encoding", "Connection", "Host")
        ),
        ("version: 1\njobs: {a: {command: [ls], cwd: /}}", "unknown key `cwd`; put it beside `args`"),
    ],
)
def test_what_is_wrong_is_placed_and_named(text: str, problem: str) -> None:
    assert problem in only(text)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("retires: {max: 3}", "3:22: jobs.a.retires: unknown key `retires`; did you mean `retries`?"),
        ("keep: {completed: 1h}", "unknown key `keep`; `keep` is per queue: put it under `queues.NAME`"),
        ("queue: [a, b]", "jobs.a.queue: expected a queue's name"),
        ("queue: a.XQ", "a queue's name cannot"),
        (
            "timeout: 30",
            "jobs.a.timeout: expected a duration such as `30s`, `5m` or `1h30m`, found `30`; add a unit",
        ),
        ("timeout: 0s", "expected a duration above zero"),
        ("priority: urgent", "jobs.a.priority: expected `high`, `normal` or `low`, found `urgent`"),
        ("priority: hgh", "did you mean `high`?"),
        ("priority: 1001", "expected a whole number from -1000 to 1000, found `1001`"),
        ("retries: 3", "expected a mapping such as `{max: 3, delay: 5s}`, found `3`"),
        ("retries: {jitter: yes}", "jobs.a.retries.jitter: expected `true` or `false`, found `yes`"),
        ("retries: {backoff: expo}", "expected `exponential`, `linear` or `fixed`, found `expo`"),
        ("retries: {delays: []}", "that is not empty"),
        ("retries: {delays: [1s], backoff: fixed}", "`delays` sets every delay, so `backoff` has no effect"),
        ("retries: {delay: 1h}", "the delay 1h is above max_delay 10m; set `max_delay: 1h`"),
        ("retries: {on: ['exit:x']}", "retries.on[0]: expected an exception's class"),
        ("retries: {never_on: ['http:6xx']}", "expected an exception's class"),
        ("label: 5", "jobs.a.label: expected text, which may be a template, found `5`; quote it"),
        ("label: '{{ x'", "does not parse"),
        ("label: '{{ job.attempt }}'", "the template names `job.attempt`; `job` has id, type here"),
        ("payload: {type: array}", "a payload must be an object, found type `array`"),
        (
            "payload: {properties: {to: {type: strin}}}",
            "3:56: jobs.a.payload.properties.to.type: invalid JSON Schema",
        ),
        ("payload: {properties: {to: {type: strin}}}", "did you mean `string`?"),
        ("payload: {properties: {to: {format: emial}}}", "Unknown format: 'emial'; did you mean `email`?"),
        (
            "payload: {properties: {to: {pattern: '('}}}",
            'payload.properties.to.pattern: not a usable JSON Schema: "("',
        ),
        ("payload: {required: to}", 'expected array, found "to"'),
        ("payload: {$ref: 'https://example.com/x'}", "is not present in a registry"),
        ("payload: {$ref: '#/nope'}", "Pointer '/nope' does not exist"),
        ("payload: {$schema: 'https://example.com/x'}", "unknown dialect of JSON Schema"),
        ("payload: {properties: {no: {maximum: 010}}}", "`010` may be text or a number"),
    ],
)
def test_what_is_wrong_with_a_job(keys: str, problem: str) -> None:
    assert problem in of_job(keys)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("job: sned, every: 1m", "6:12: schedules.s.job: unknown job type `sned`; did you mean `send`?"),
        ("every: 1m", "schedules.s: `job` is missing"),
        ("job: other", "expected exactly one of `cron`, `every`, `at`, found none of them"),
        ("job: other, cron: '* * * * *', every: 1m", "found `cron` and `every`"),
        ("job: other, every: 500ms", "expected at least `1s`, found `500ms`"),
        ("job: other, cron: '0 0 30 2 *'", "never fires: no such day in that month"),
        ("job: other, cron: '61 * * * *'", "the minute of the cron expression cannot be `61`"),
        ("job: other, cron: '* * * * funday'", "the day-of-week of the cron expression cannot be `funday`"),
        ("job: other, cron: '* * * *'", "expected five fields"),
        ("job: other, cron: '0 0 * * * * *'", "expected five fields"),
        ("job: other, cron: '61 0 * * * *'", "the second of the cron expression cannot be `61`"),
        ("job: other, cron: '@dayly'", "expected `@yearly`"),
        ("job: other, cron: '@daily', anchor: 2026-01-01", "`anchor` works only with `every`"),
        ("job: other, every: 1m, timezone: Europe/Berlin", "`timezone` has no effect on `every` alone"),
        ("job: other, at: tomorrow", "expected a date or time such as"),
        ("job: other, at: []", "that is not empty"),
        ("job: other, every: 1m, start: 2026-01-02, end: 2026-01-01", "`end` is before `start`"),
        ("job: other, every: 1m, exclude: ['2026-02-30']", "expected a date such as `2026-12-25`"),
        ("job: other, every: 1m, exclude: {file: nowhere.txt}", "`nowhere.txt` cannot be read: No such file"),
        ("job: other, every: 1m, exclude: {}", "`file` is missing"),
        ("job: other, cron: 5", "expected a cron expression, found `5`"),
        (
            "job: other, cron: '* * * * *', timezone: Europe/Berln",
            "unknown time zone `Europe/Berln`; did you mean `Europe/Berlin`?",
        ),
        ("job: other, cron: '* * * * *', timezone: ../../etc/passwd", "unknown time zone"),
        ("job: send, every: 1m", "the payload does not fit `send`: `to` is missing"),
        (
            "job: send, every: 1m, payload: {to: 5}",
            "schedules.s.payload.to: the payload does not fit `send`: to: expected string",
        ),
        ("job: other, every: 1m, payload: [a]", "schedules.s.payload: expected a mapping, found a list"),
        ("job: other, every: 1m, payload: {1: a}", "expected a key that is text, found `1`; quote it"),
        (
            "job: other, every: 1m, payload: {a: .inf}",
            "expected a finite number within 64 bits, found `.inf`",
        ),
        (
            "job: other, every: 1m, payload: {a: 99999999999999999999}",
            "expected a finite number within 64 bits",
        ),
        ("job: other, every: 1m, payload: {a: !!binary aGk=}", "expected a JSON value, found the tag"),
    ],
)
def test_what_is_wrong_with_a_schedule(keys: str, problem: str) -> None:
    assert problem in of_schedule(keys)


def test_a_scheduled_payload_above_the_limit_is_a_problem() -> None:
    text = (
        "version: 1\nmax_payload: 10B\njobs: {a: {python: 'm:f'}}\n"
        "schedules: {s: {job: a, every: 1m, payload: {text: long}}}"
    )
    assert "the payload is above `max_payload`, 10 bytes" in only(text)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ftp://h/", "expected an absolute http(s) URL"),
        ("/orders", "expected an absolute http(s) URL"),
        ("https://{{ host }}/x", "scheme, host and port cannot be templates"),
        ("https://h{{ x }}", "scheme, host and port cannot be templates"),
        ("https://h:{{ port }}/", "scheme, host and port cannot be templates"),
        ("{{ scheme }}://h/", "scheme, host and port cannot be templates"),
        ("{% if x %}https{% endif %}://h/", "scheme, host and port cannot be templates"),
        ("https://user:pw@h/", "pass credentials in a header"),
        ("https://h:99999/", "expected a port from 1 to 65535"),
        ("https://h/a b", "a URL cannot contain spaces"),
        ("https://h\\\\@evil/", "expected an absolute http(s) URL"),
    ],
)
def test_a_url_is_absolute_and_its_origin_fixed(url: str, problem: str) -> None:
    assert problem in only(f'version: 1\njobs: {{a: {{http: {{url: "{url}"}}}}}}')


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("method: get", "did you mean `GET`?"),
        ("json: 1, body: x", "expected at most one of `json` and `body`, found both"),
        ("headers: {'a b': c}", "expected a header's name"),
        ('headers: {a: "b\\r\\nc: d"}', "a header value must be one line"),
        ("timeout: 1", "add a unit"),
    ],
)
def test_what_is_wrong_with_a_request(keys: str, problem: str) -> None:
    assert problem in only(f"version: 1\njobs: {{a: {{http: {{url: 'https://h/', {keys}}}}}}}")


@pytest.mark.parametrize(
    "handler",
    [
        "python: 'm:f', label: '{{ nmae }}'",
        "command: [a, '{{ nmae }}']",
        "command: {args: [a], cwd: '{{ nmae }}'}",
        "command: {args: [a], env: {A: '{{ nmae }}'}}",
        "http: {url: 'https://h/{{ nmae }}'}",
        "http: {url: 'https://h/', headers: {A: '{{ nmae }}'}}",
        "http: {url: 'https://h/', json: {a: [{b: '{{ payload.nmae }}'}]}}",
        "http: {url: 'https://h/', body: '{{ nmae }}'}",
    ],
)
def test_a_template_names_only_keys_of_the_payload(handler: str) -> None:
    schema = "payload: {properties: {name: {type: string}}}"
    hint = "the template names `nmae`, which the payload does not have; did you mean `name`?"
    assert hint in only(f"version: 1\njobs: {{a: {{{handler}, {schema}}}}}")
    for looser in (schema.replace("}}}", "}}, additionalProperties: {}}"), "payload: {}"):
        load_text(f"version: 1\njobs: {{a: {{{handler}, {looser}}}}}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("jobs: {a: {python: 'm:f', redact: to}}", "expected a list"),
        ("jobs: {a: {python: 'm:f'}}\nschedules: {s: {job: a, every: 1m, catch_up: all, window: 0s}}", "above zero"),
        (
            "jobs: {a: {python: 'm:f'}}\nschedules: {s: {job: a, every: 1m, was: t}, t: {job: a, every: 1m}}",
            "schedules.s.was: the catalog still has a schedule `t`",
        ),
        (
            "jobs: {a: {python: 'm:f'}}\nschedules: {s: {job: a, every: 1m, was: s}}",
            "schedules.s.was: `was` is the schedule's own name",
        ),
        (
            "jobs: {a: {python: 'm:f'}}\nschedules: {s: {job: a, every: 1m, was: o}, t: {job: a, every: 1m, was: o}}",
            "schedules.t.was: `s` was `o`, too; remove one of them",
        ),
    ],
)
def test_the_form_of_a_later_key_is_checked(text: str, problem: str) -> None:
    assert any(problem in found for found in problems(f"version: 1\n{text}"))


@pytest.mark.parametrize(
    ("job", "problem"),
    [
        ("command: [ls], isolate: true", "jobs.a.isolate: only `python` jobs can be isolated; remove it"),
        ("http: {url: 'http://h/'}, isolate: true", "jobs.a.isolate: only `python` jobs can be isolated; remove it"),
        ("actor: 'm:f', isolate: true", "jobs.a.isolate: only `python` jobs can be isolated; remove it"),
        ("python: 'm:f', memory: 1GB", "jobs.a.memory: `memory` limits an isolated job only; add `isolate: true`"),
        ("python: 'm:f', isolate: false, memory: 1GB", "jobs.a.memory: `memory` limits an isolated job only"),
        ("python: 'm:f', isolate: yes", "jobs.a.isolate: expected `true` or `false`, found `yes`"),
        ("python: 'm:f', isolate: true, memory: lots", "jobs.a.memory: expected a size such as"),
        ("python: 'm:f', isolate: true, memory: 1MB", "jobs.a.memory: expected at least `32MB`"),
    ],
)
def test_isolation_is_for_python_jobs_and_memory_for_isolated_ones(job: str, problem: str) -> None:
    assert problem in only(f"version: 1\njobs: {{a: {{{job}}}}}")
