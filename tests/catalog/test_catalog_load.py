"""A sound catalog becomes the frozen model."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobctl.catalog.kinds.actor import ActorSpec
from jobctl.catalog.kinds.base import External
from jobctl.catalog.kinds.command import CommandSpec
from jobctl.catalog.kinds.http import HttpSpec
from jobctl.catalog.kinds.python import PythonSpec
from jobctl.catalog.load import CatalogError, load, load_text
from jobctl.catalog.model import Catalog, Keep, RetryPolicy, Schedule
from jobctl.errors import UsageError


def jobs(text: str) -> Catalog:
    """A catalog of the given jobs, each line indented under `jobs:`."""
    return load_text("version: 1\njobs:\n" + "".join(f"  {line}\n" for line in text.splitlines()))


def test_the_smallest_catalog_has_the_built_in_defaults() -> None:
    catalog = jobs("a: {python: 'tasks:run'}")
    job = catalog.jobs["a"]
    assert (catalog.namespace, catalog.max_payload_bytes) == ("jobctl", 262_144)
    assert catalog.unknown_after_ms == 900_000
    assert (job.queue, job.timeout_ms, job.priority, job.retries) == ("default", 300_000, 0, RetryPolicy())
    assert catalog.queue("default").keep == Keep()


def test_each_kind_of_handler_is_read() -> None:
    catalog = jobs(
        "a: {python: 'shop.tasks:send'}\n"
        "b: {actor: 'shop.tasks:Actors.send'}\n"
        "c: {command: [sleep, 5, true, '{{ x }}']}\n"
        "d: {command: {args: [env], cwd: /tmp,\n"
        "     env: {A: '{{ x }}', B: {env: HOME}, C: {file: /run/x}, D: 5}}}\n"
        "e: {http: {url: 'https://h.example/{{ x }}', method: PUT, json: {a: ['{{ x }}']}, timeout: 5s}}\n"
        "f: {http: {url: 'http://h', body: '{{ x }}', headers: {Authorization: {env: TOKEN}}}}"
    )
    assert catalog.jobs["a"].handler == PythonSpec("shop.tasks:send")
    assert catalog.jobs["b"].handler == ActorSpec("shop.tasks:Actors.send")
    assert catalog.jobs["c"].handler == CommandSpec(("sleep", "5", "true", "{{ x }}"))
    env = {"A": "{{ x }}", "B": External("env", "HOME"), "C": External("file", "/run/x"), "D": "5"}
    assert catalog.jobs["d"].handler == CommandSpec(("env",), env, "/tmp")
    assert catalog.jobs["e"].handler == HttpSpec(
        "https://h.example/{{ x }}", "PUT", json={"a": ["{{ x }}"]}, timeout_ms=5_000
    )
    headers = {"Authorization": External("env", "TOKEN")}
    assert catalog.jobs["f"].handler == HttpSpec("http://h", headers=headers, body="{{ x }}")


def test_a_job_inherits_what_it_does_not_say() -> None:
    catalog = load_text(
        "version: 1\n"
        "defaults:\n"
        "  {timeout: 1m, queue: main, priority: low, retries: {max: 7, delays: [1s, 2s], never_on: [A]}}\n"
        "jobs:\n"
        "  a: {python: 'm:f'}\n"
        "  b: {python: 'm:f', timeout: 2m, queue: other, priority: -5,\n"
        "      retries: {max: 1, on: [timeout, 'exit:3']}}\n"
        "  c: {python: 'm:f', retries: {backoff: fixed, delay: 0s, jitter: false}}\n"
    )
    a, b, c = (catalog.jobs[name] for name in "abc")
    assert (a.timeout_ms, a.queue, a.priority) == (60_000, "main", 10)
    assert a.retries == RetryPolicy(max=7, delays_ms=(1000, 2000), never_on=("A",))
    assert (b.timeout_ms, b.queue, b.priority) == (120_000, "other", -5)
    assert b.retries == RetryPolicy(max=1, delays_ms=(1000, 2000), on=("timeout", "exit:3"), never_on=("A",))
    assert c.retries == RetryPolicy(max=7, backoff="fixed", delay_ms=0, jitter=False, never_on=("A",))


def test_keep_is_inherited_by_queues_listed_named_and_unknown() -> None:
    catalog = load_text(
        "version: 1\ndefaults: {keep: {completed: 1h, count: 5}}\n"
        "queues: {email: {keep: {count: 9}}, mail: {keep: {dead: 90d, dead_count: 7}}}\n"
        "jobs: {a: {python: 'm:f', queue: reports}}\n"
    )
    assert catalog.queue("email").keep == Keep(3_600_000, 9)
    assert catalog.queue("mail").keep == Keep(3_600_000, 5, 90 * 86_400_000, 7)
    assert list(catalog.queues) == ["email", "mail", "reports"]
    assert catalog.queue("reports").keep == catalog.queue("stranger").keep == Keep(3_600_000, 5)


def test_a_payload_schema_is_of_an_object() -> None:
    schema = jobs("a: {python: 'm:f', payload: {required: [to], properties: {to: {type: string}}}}").jobs["a"]
    assert schema.payload_schema == {
        "type": "object",
        "required": ["to"],
        "properties": {"to": {"type": "string"}},
    }


def test_schedules_are_read() -> None:
    catalog = load_text(
        "version: 1\njobs: {a: {python: 'm:f'}}\nschedules:\n"
        "  s: {job: a, cron: '0 9 * * mon-fri', timezone: America/New_York, payload: {type: sales}}\n"
        "  t: {job: a, every: 30s}\n"
    )
    assert catalog.schedules["s"] == Schedule(
        "s", "a", cron="0 9 * * mon-fri", timezone="America/New_York", payload={"type": "sales"}
    )
    assert catalog.schedules["t"] == Schedule("t", "a", every_ms=30_000)


@pytest.mark.parametrize(
    "cron", ["0 9 * * 0", "0 9 * * 7", "0 9 * * SUN", "0 0 29 2 *", "*/5 * * jan-mar *", "0 0 L * *"]
)
def test_crons_that_fire_are_accepted(cron: str) -> None:
    catalog = load_text(f"version: 1\njobs: {{a: {{python: 'm:f'}}}}\nschedules: {{s: {{job: a, cron: '{cron}'}}}}")
    assert catalog.schedules["s"].cron == cron


def test_json_values_follow_yaml_1_2() -> None:
    catalog = load_text(
        "version: 1\njobs: {a: {python: 'm:f'}}\nschedules:\n  s:\n    job: a\n    every: 1m\n"
        "    payload: {a: no, b: 1:30, c: 2026-11-22, d: yes, e: true, f: ~,\n"
        "              g: 0x10, h: 1e3, on: off, i: 5, j: '5'}\n"
    )
    words = {"a": "no", "b": "1:30", "c": "2026-11-22", "d": "yes", "on": "off", "j": "5"}
    others = {"e": True, "f": None, "g": 16, "h": 1000.0, "i": 5}
    assert catalog.schedules["s"].payload == words | others


def test_words_that_yaml_1_1_reads_as_booleans_are_names_and_keys() -> None:
    catalog = jobs("no: {python: 'm:f', queue: off, retries: {on: [ValueError]}}")
    assert catalog.jobs["no"].queue == "off"
    assert catalog.jobs["no"].retries.on == ("ValueError",)


def test_aliases_and_merges_are_applied() -> None:
    catalog = jobs("a: &a {python: 'm:f', timeout: 1m, queue: q}\nb: {<<: *a, timeout: 2m}")
    assert (catalog.jobs["b"].timeout_ms, catalog.jobs["b"].queue) == (120_000, "q")


def test_positions_lead_back_to_the_file() -> None:
    assert jobs("a: {python: 'm:f'}").positions["jobs.a.python"] == (3, 15)


def test_a_file_is_loaded_with_its_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "jobs.yaml").write_text("version: 1\nnamespace: shop\n")
    monkeypatch.chdir(tmp_path)
    catalog = load("jobs.yaml")
    assert (catalog.namespace, catalog.path) == ("shop", str(tmp_path / "jobs.yaml"))


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no catalog at .* `jobctl init`"):
        load(tmp_path / "jobs.yaml")


def test_a_folder_is_not_a_catalog(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load(tmp_path)


def test_text_that_is_not_utf_8_is_placed(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_bytes(b"version: 1\nnamespace: \xff\n")
    with pytest.raises(CatalogError) as caught:
        load(tmp_path / "jobs.yaml")
    assert [(p.line, p.column, p.message) for p in caught.value.problems] == [(2, 12, "the catalog is not UTF-8")]
